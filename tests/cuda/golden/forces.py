"""forces: 3 steps, generated; one file for every size.

sizes     n = n
inputs    x0 p f32[n, 2]
returns   out0 f32[n, 2]
arena     s0 4*n bytes
arena     s1 4*n bytes
"""
from prelude import across_sum, f32, f32_at, flat_grid, group, groups, lane, lanes, launch, meet, plus, program, region, row_grid, thread, threads


@region
def region_0(args):
    """copy -> copy over (n)."""
    n = args[3]
    s0 = f32_at(args[0], n)
    x0 = f32_at(args[1], 2*n)
    s1 = f32_at(args[2], n)
    i = thread()
    while i < n:
        v0 = x0[i * 2]
        v1 = x0[i * 2 + 1]
        s0[i] = v0
        s1[i] = v1
        i += threads()


@region
def region_1(args):
    """subtract -> multiply -> subtract -> multiply -> ... -> reduce_sum -> multiply -> reduce_sum over (n, n)."""
    n = args[3]
    s0 = f32_at(args[0], n)
    s1 = f32_at(args[1], n)
    out0 = f32_at(args[2], 2*n - 1)
    out0_1 = f32_at(args[2] + 1 * 4, 2*n - 1)
    row = group()
    while row < n:
        v0 = s0[row]
        s0_1 = f32_at(args[0], n)
        v4 = s1[row]
        s1_1 = f32_at(args[1], n)
        a0 = f32(0.0)
        a1 = f32(0.0)
        j = lane()
        while j < n:
            v1 = s0_1[j]
            v2 = v0 - v1
            v3 = v2 * v2
            v5 = s1_1[j]
            v6 = v4 - v5
            v7 = v6 * v6
            v8 = v3 + v7
            v9 = v2 * v8
            a0 = plus(a0, v9)
            v10 = v6 * v8
            a1 = plus(a1, v10)
            j += lanes()
        a0 = across_sum(a0)
        a1 = across_sum(a1)
        meet()
        if lane() == 0:
            out0[row * 2] = a0
        meet()
        if lane() == 0:
            out0_1[row * 2] = a1
        row += groups()


@program
def step(table):
    n = table[8]
    grid0 = flat_grid(n)
    launch(region_0, table, 14, *grid0)
    grid1 = row_grid(n, n, 0)
    launch(region_1, table, 18, *grid1)
