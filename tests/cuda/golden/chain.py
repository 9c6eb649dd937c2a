"""chain: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
inputs    x1 b f32[c]
returns   out0 f32[n, c]
"""
from prelude import f32_at, group, groups, lane, lanes, launch, program, region, row_grid, tanh


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
        j = lane()
        while j < n1:
            v0 = x0[j]
            v1 = x1[j]
            v2 = v0 + v1
            v3 = tanh(v2)
            out0[j] = v3
            j += lanes()
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grid0 = row_grid(n, n1, 0)
    launch(region_0, table, 14, *grid0)
