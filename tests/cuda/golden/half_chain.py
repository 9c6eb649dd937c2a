"""half_chain: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f16[n, c]
inputs    x1 b f16[c]
returns   out0 f16[n, c]
"""
from prelude import f16, f16_at, f32, four, four_of, group, groups, lane, lanes, launch, program, put_four, region, row_grid


@region
def region_0(args):
    """cast -> cast -> multiply -> add -> cast over (n, n1)."""
    n = args[3]
    n1 = args[4]
    row = group()
    while row < n:
        out0 = f16_at(args[0] + (row * n1) * 2, n1)
        x0 = f16_at(args[1] + (row * n1) * 2, n1)
        x1 = f16_at(args[2], n1)
        first = 4 * lane()
        while first < n1:
            x0_four = four(x0, first, n1)
            x1_four = four(x1, first, n1)
            out0_four = four_of(out0)
            for q in range(4):
                v0 = x0_four[q]
                v1 = f32(v0)
                v2 = x1_four[q]
                v3 = f32(v2)
                v4 = v1 * v3
                v5 = v4 + v1
                v6 = f16(v5)
                out0_four[q] = v6
            put_four(out0, first, n1, out0_four)
            first += 4 * lanes()
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grid0 = row_grid(n, n1, 0, 4)
    launch(region_0, table, 14, *grid0)
