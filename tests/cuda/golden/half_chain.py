"""half_chain: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f16[n, c]
inputs    x1 b f16[c]
returns   out0 f16[n, c]
"""
from prelude import eight, eight_of, f16, f16_at, f32, group, groups, lane, lanes, launch, program, put_eight, region, row_grid


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
        first = 8 * lane()
        while first < n1:
            x0_eight = eight(x0, first, n1)
            x1_eight = eight(x1, first, n1)
            out0_eight = eight_of(out0)
            for q in range(8):
                v0 = x0_eight[q]
                v1 = f32(v0)
                v2 = x1_eight[q]
                v3 = f32(v2)
                v4 = v1 * v3
                v5 = v4 + v1
                v6 = f16(v5)
                out0_eight[q] = v6
            put_eight(out0, first, n1, out0_eight)
            first += 8 * lanes()
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grid0 = row_grid(n, n1, 0, 8)
    launch(region_0, table, 14, *grid0)
