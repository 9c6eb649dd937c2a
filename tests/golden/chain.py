"""chain: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
inputs    x1 b f32[c]
returns   out0 f32[n, c]
"""
from prelude import f32_at, grain_of, parallel_for, program, region, tanh


@region
def region_0(chunk, begin, end, table):
    """add -> tanh over (n, n1)."""
    n = table[8]
    n1 = table[9]
    for r in range(end - begin):
        row = begin + r
        out0 = f32_at(table[12] + (row * n1) * 4, n1)
        x0 = f32_at(table[10] + (row * n1) * 4, n1)
        x1 = f32_at(table[11], n1)
        for j in range(n1):
            v0 = x0[j]
            v1 = x1[j]
            v2 = v0 + v1
            v3 = tanh(v2)
            out0[j] = v3


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grain0 = grain_of(n, 12*n1)
    parallel_for(region_0, table, n, grain0, 12*n1)
