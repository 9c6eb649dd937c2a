"""reversed_gather: 2 steps, generated; one file for every size.

sizes     n = n   n1 = c   n2 = m
inputs    x0 x f32[n, c]
inputs    x1 i i64[m]
returns   out0 f32[m, c]
arena     s0 4*c*m bytes
"""
from prelude import f32_at, grain_of, i64, i64_at, parallel_for, program, region


@region
def region_0(chunk, begin, end, args):
    """gather over (n2, n1)."""
    n = args[3]
    n1 = args[4]
    n2 = args[5]
    x1 = i64_at(args[1], n2)
    x0 = f32_at(args[2], n*n1)
    for r in range(end - begin):
        row = begin + r
        s0 = f32_at(args[0] + (row * n1) * 4, n1)
        v0 = x1[row]
        for j in range(n1):
            v1 = x0[j + (i64(v0)) * n1]
            s0[j] = v1


@region
def region_1(chunk, begin, end, args):
    """copy over (n2, n1)."""
    n1 = args[2]
    for r in range(end - begin):
        row = begin + r
        out0 = f32_at(args[0] + (row * n1) * 4, n1)
        s0 = f32_at(args[1] + (row * n1) * 4, n1)
        for j in range(n1):
            v0 = s0[(n1 - 1 - j)]
            out0[j] = v0


@program
def step(table):
    n1 = table[9]
    n2 = table[10]
    table[16], table[17], table[18], table[19], table[20], table[21] = table[14], table[12], table[11], table[8], table[9], table[10]
    grain0 = grain_of(n2, 2*n1)
    parallel_for(region_0, table, 16, n2, grain0, 2*n1)
    table[22], table[23], table[24] = table[13], table[14], table[9]
    grain1 = grain_of(n2, 2*n1)
    parallel_for(region_1, table, 22, n2, grain1, 2*n1)
