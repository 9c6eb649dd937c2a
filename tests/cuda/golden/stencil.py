"""stencil: 2 steps, generated; one file for every size.

sizes     n = n
updates   x0 x f64[n]
arena     s0 8*n - 16 bytes
"""
from prelude import f64_at, flat_grid, four, four_of, launch, program, put_four, region, thread, threads


@region
def region_0(args):
    """add over (n - 2)."""
    n = args[2]
    s0 = f64_at(args[0], n - 2)
    x0 = f64_at(args[1], n)
    first = 4 * thread()
    while first < n - 2:
        s0_four = four_of(s0)
        for q in range(4):
            i = first + q
            if i < n - 2:
                v0 = x0[i]
                v1 = x0[i + 2]
                v2 = v0 + v1
                s0_four[q] = v2
        put_four(s0, first, n - 2, s0_four)
        first += 4 * threads()


@region
def region_1_0(args):
    n = args[2]
    x0 = f64_at(args[0] + 1 * 8, n - 2)
    s0 = f64_at(args[1], n - 2)
    first = 4 * thread()
    while first < n - 2:
        s0_four = four(s0, first, n - 2)
        x0_four = four_of(x0)
        for q in range(4):
            x0_four[q] = s0_four[q]
        put_four(x0, first, n - 2, x0_four)
        first += 4 * threads()


@program
def step(table):
    n = table[8]
    grid0 = flat_grid(n - 2, 4)
    launch(region_0, table, 12, *grid0)
    grid1 = flat_grid(n - 2, 4)
    launch(region_1_0, table, 15, *grid1)
