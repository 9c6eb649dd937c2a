"""forces: 3 steps, generated; one file for every size.

sizes     n = n
inputs    x0 p f32[n, 2]
returns   out0 f32[n, 2]
arena     s0 4*n bytes
arena     s1 4*n bytes
"""
from prelude import across_sum, f32, f32_at, flat_grid, four, four_of, group, groups, lane, lanes, launch, meet, plus, program, put_four, region, row_grid, thread, threads


@region
def region_0(args):
    """copy -> copy over (n)."""
    n = args[3]
    s0 = f32_at(args[0], n)
    x0 = f32_at(args[1], 2*n)
    s1 = f32_at(args[2], n)
    first = 4 * thread()
    while first < n:
        s0_four = four_of(s0)
        s1_four = four_of(s1)
        for q in range(4):
            i = first + q
            if i < n:
                v0 = x0[i * 2]
                v1 = x0[i * 2 + 1]
                s0_four[q] = v0
                s1_four[q] = v1
        put_four(s0, first, n, s0_four)
        put_four(s1, first, n, s1_four)
        first += 4 * threads()


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
        first = 4 * lane()
        while first < n:
            s0_1_four = four(s0_1, first, n)
            s1_1_four = four(s1_1, first, n)
            for q in range(4):
                j = first + q
                if j < n:
                    v1 = s0_1_four[q]
                    v2 = v0 - v1
                    v3 = v2 * v2
                    v5 = s1_1_four[q]
                    v6 = v4 - v5
                    v7 = v6 * v6
                    v8 = v3 + v7
                    v9 = v2 * v8
                    a0 = plus(a0, v9)
                    v10 = v6 * v8
                    a1 = plus(a1, v10)
            first += 4 * lanes()
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
    grid0 = flat_grid(n, 4)
    launch(region_0, table, 14, *grid0)
    grid1 = row_grid(n, n, 0, 4)
    launch(region_1, table, 18, *grid1)
