"""softmax: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 f32[n, c]
"""
from prelude import exp, f32, f32_at, grain_of, inf, max_of, parallel_for, plus, program, region


@region
def region_0(chunk, begin, end, args):
    """reduce_max -> subtract -> exp -> reduce_sum -> divide over (n, n1)."""
    n1 = args[3]
    w0 = f32_at(args[1] + chunk * (4*n1), n1)
    for r in range(end - begin):
        row = begin + r
        x0 = f32_at(args[0] + (row * n1) * 4, n1)
        a0 = f32(-inf)
        for j in range(n1):
            v0 = x0[j]
            a0 = max_of(a0, v0)
        a1 = f32(0.0)
        for j in range(n1):
            v1 = x0[j]
            v2 = v1 - a0
            v3 = exp(v2)
            a1 = plus(a1, v3)
            w0[j] = v3
        out0 = f32_at(args[2] + (row * n1) * 4, n1)
        for j in range(n1):
            v4 = w0[j]
            v5 = v4 / a1
            out0[j] = v5


@program
def step(table):
    n = table[8]
    n1 = table[9]
    table[13], table[14], table[15], table[16] = table[10], table[12], table[11], table[9]
    grain0 = grain_of(n, 15*n1)
    parallel_for(region_0, table, 13, n, grain0, 15*n1)
