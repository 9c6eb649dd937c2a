"""swap: 2 steps, generated; one file for every size.

sizes     n = n
updates   x0 a f64[n]
updates   x1 b f64[n]
arena     s0 8*n bytes
"""
from prelude import f64_at, flat_grid, four, four_of, launch, program, put_four, region, thread, threads


@region
def region_0(args):
    """copy over (n)."""
    n = args[2]
    s0 = f64_at(args[0], n)
    x0 = f64_at(args[1], n)
    first = 4 * thread()
    while first < n:
        x0_four = four(x0, first, n)
        s0_four = four_of(s0)
        for q in range(4):
            v0 = x0_four[q]
            s0_four[q] = v0
        put_four(s0, first, n, s0_four)
        first += 4 * threads()


@region
def copy_0(args):
    n = args[2]
    x1 = f64_at(args[0], n)
    s0 = f64_at(args[1], n)
    first = 4 * thread()
    while first < n:
        s0_four = four(s0, first, n)
        x1_four = four_of(x1)
        for q in range(4):
            x1_four[q] = s0_four[q]
        put_four(x1, first, n, x1_four)
        first += 4 * threads()


@program
def step(table):
    n = table[8]
    grid0 = flat_grid(n, 4)
    launch(region_0, table, 13, *grid0)
    grid1 = flat_grid(n, 4)
    launch(region_0, table, 16, *grid1)
    grid2 = flat_grid(n, 4)
    launch(copy_0, table, 19, *grid2)
