"""chain: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
inputs    x1 b f32[c]
returns   out0 f32[n, c]
"""
from prelude import f32_at, four, four_of, group, groups, lane, lanes, launch, program, put_four, region, row_grid, tanh


@region
def region_0(args):
    """add -> tanh over (n, n1)."""
    n = args[3]
    n1 = args[4]
    row = group()
    while row < n:
        out0 = f32_at(args[0] + (row * n1) * 4, n1)
        x0 = f32_at(args[1] + (row * n1) * 4, n1)
        x1 = f32_at(args[2], n1)
        first = 4 * lane()
        while first < n1:
            x0_four = four(x0, first, n1)
            x1_four = four(x1, first, n1)
            out0_four = four_of(out0)
            for q in range(4):
                v0 = x0_four[q]
                v1 = x1_four[q]
                v2 = v0 + v1
                v3 = tanh(v2)
                out0_four[q] = v3
            put_four(out0, first, n1, out0_four)
            first += 4 * lanes()
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grid0 = row_grid(n, n1, 0, 4)
    launch(region_0, table, 14, *grid0)
