"""chain: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
inputs    x1 b f32[c]
returns   out0 f32[n, c]
"""
from prelude import f32_at, grain_of, parallel_for, program, region, tanh


@region
def region_0(chunk, begin, end, args):
    """add -> tanh over (n, n1)."""
    n1 = args[3]
    for r in range(end - begin):
        row = begin + r
        out0 = f32_at(args[0] + (row * n1) * 4, n1)
        x0 = f32_at(args[1] + (row * n1) * 4, n1)
        x1 = f32_at(args[2], n1)
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
    table[14], table[15], table[16], table[17] = table[12], table[10], table[11], table[9]
    grain0 = grain_of(n, 12*n1)
    parallel_for(region_0, table, 14, n, grain0, 12*n1)
