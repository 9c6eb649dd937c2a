"""softmax: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 f32[n, c]
"""
from prelude import across_max, across_sum, exp, f32, f32_at, group, groups, inf, lane, lanes, launch, max_of, plus, program, region, row_grid


@region
def region_0(args):
    """reduce_max -> subtract -> exp -> reduce_sum -> divide over (n, n1)."""
    n = args[2]
    n1 = args[3]
    row = group()
    while row < n:
        x0 = f32_at(args[0] + (row * n1) * 4, n1)
        a0 = f32(-inf)
        j = lane()
        while j < n1:
            v0 = x0[j]
            a0 = max_of(a0, v0)
            j += lanes()
        a0 = across_max(a0)
        a1 = f32(0.0)
        j = lane()
        while j < n1:
            v1 = x0[j]
            v2 = v1 - a0
            v3 = exp(v2)
            a1 = plus(a1, v3)
            j += lanes()
        a1 = across_sum(a1)
        out0 = f32_at(args[1] + (row * n1) * 4, n1)
        j = lane()
        while j < n1:
            v4 = x0[j]
            v5 = v4 - a0
            v6 = exp(v5)
            v7 = v6 / a1
            out0[j] = v7
            j += lanes()
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grid0 = row_grid(n, n1, 0)
    launch(region_0, table, 13, *grid0)
