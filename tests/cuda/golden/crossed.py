"""crossed: 1 steps, generated; one file for every size.

sizes     n = n
inputs    x0 x f32[n, n]
returns   out0 f32[n, n]
"""
from prelude import f32_at, four, four_of, group, groups, lane, lanes, launch, program, put_four, region, row_grid


@region
def region_0(args):
    """add over (n, n)."""
    n = args[2]
    row = group()
    while row < n:
        out0 = f32_at(args[0] + (row * n) * 4, n)
        x0 = f32_at(args[1] + (row * n) * 4, n)
        x0_1 = f32_at(args[1] + row * 4, n*n - n + 1)
        first = 4 * lane()
        while first < n:
            x0_four = four(x0, first, n)
            out0_four = four_of(out0)
            for q in range(4):
                j = first + q
                if j < n:
                    v0 = x0_four[q]
                    v1 = x0_1[j * n]
                    v2 = v0 + v1
                    out0_four[q] = v2
            put_four(out0, first, n, out0_four)
            first += 4 * lanes()
        row += groups()


@program
def step(table):
    n = table[8]
    grid0 = row_grid(n, n, 0, 4)
    launch(region_0, table, 12, *grid0)
