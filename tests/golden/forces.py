"""forces: 3 steps, generated; one file for every size.

sizes     n = n
inputs    x0 p f32[n, 2]
returns   out0 f32[n, 2]
arena     s0 4*n bytes
arena     s1 4*n bytes
"""
from prelude import f32, f32_at, grain_of, parallel_for, plus, program, region


@region
def region_0(chunk, begin, end, args):
    """copy -> copy over (n)."""
    s0 = f32_at(args[0] + begin * 4, end - begin)
    x0 = f32_at(args[1] + (begin * 2) * 4, (end - begin - 1) * 2 + 2)
    s1 = f32_at(args[2] + begin * 4, end - begin)
    for i in range(end - begin):
        v0 = x0[i * 2]
        v1 = x0[i * 2 + 1]
        s0[i] = v0
        s1[i] = v1


@region
def region_1(chunk, begin, end, args):
    """subtract -> multiply -> subtract -> multiply -> ... -> reduce_sum -> multiply -> reduce_sum over (n, n)."""
    n = args[3]
    s0 = f32_at(args[0], n)
    s1 = f32_at(args[1], n)
    out0 = f32_at(args[2], 2*n - 1)
    out0_1 = f32_at(args[2] + 1 * 4, 2*n - 1)
    for r in range(end - begin):
        row = begin + r
        v0 = s0[row]
        s0_1 = f32_at(args[0], n)
        v4 = s1[row]
        s1_1 = f32_at(args[1], n)
        a0 = f32(0.0)
        a1 = f32(0.0)
        for j in range(n):
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
        out0[row * 2] = a0
        out0_1[row * 2] = a1


@program
def step(table):
    n = table[8]
    table[14], table[15], table[16] = table[11], table[9], table[12]
    grain0 = grain_of(n, 4)
    parallel_for(region_0, table, 14, n, grain0, 4)
    table[17], table[18], table[19], table[20] = table[11], table[12], table[10], table[8]
    grain1 = grain_of(n, 13*n)
    parallel_for(region_1, table, 17, n, grain1, 13*n)
