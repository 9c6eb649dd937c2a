"""half_chain: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f16[n, c]
inputs    x1 b f16[c]
returns   out0 f16[n, c]
"""
from prelude import f16, f16_at, f32, grain_of, parallel_for, program, region


@region
def region_0(chunk, begin, end, args):
    """cast -> cast -> multiply -> add -> cast over (n, n1)."""
    n1 = args[3]
    for r in range(end - begin):
        row = begin + r
        out0 = f16_at(args[0] + (row * n1) * 2, n1)
        x0 = f16_at(args[1] + (row * n1) * 2, n1)
        x1 = f16_at(args[2], n1)
        for j in range(n1):
            v0 = x0[j]
            v1 = f32(v0)
            v2 = x1[j]
            v3 = f32(v2)
            v4 = v1 * v3
            v5 = v4 + v1
            v6 = f16(v5)
            out0[j] = v6


@program
def step(table):
    n = table[8]
    n1 = table[9]
    table[14], table[15], table[16], table[17] = table[12], table[10], table[11], table[9]
    grain0 = grain_of(n, 7*n1)
    parallel_for(region_0, table, 14, n, grain0, 7*n1)
