"""reversed_gather: 2 steps, generated; one file for every size.

sizes     n = n   n1 = c   n2 = m
inputs    x0 x f32[n, c]
inputs    x1 i i64[m]
returns   out0 f32[m, c]
arena     s0 4*c*m bytes
"""
from prelude import f32_at, grain_of, i64, i64_at, parallel_for, program, region


@region
def region_0(chunk, begin, end, table):
    """gather over (n2, n1)."""
    n = table[8]
    n1 = table[9]
    n2 = table[10]
    x1 = i64_at(table[12], n2)
    x0 = f32_at(table[11], n*n1)
    for r in range(end - begin):
        row = begin + r
        s0 = f32_at(table[14] + (row * n1) * 4, n1)
        v0 = x1[row]
        for j in range(n1):
            v1 = x0[j + (i64(v0)) * n1]
            s0[j] = v1


@region
def region_1(chunk, begin, end, table):
    """copy over (n2, n1)."""
    n1 = table[9]
    n2 = table[10]
    for r in range(end - begin):
        row = begin + r
        out0 = f32_at(table[13] + (row * n1) * 4, n1)
        s0 = f32_at(table[14] + (row * n1) * 4, n1)
        for j in range(n1):
            v0 = s0[(n1 - 1 - j)]
            out0[j] = v0


@program
def step(table):
    n1 = table[9]
    n2 = table[10]
    grain0 = grain_of(n2, 2*n1)
    parallel_for(region_0, table, n2, grain0, 2*n1)
    grain1 = grain_of(n2, 2*n1)
    parallel_for(region_1, table, n2, grain1, 2*n1)
