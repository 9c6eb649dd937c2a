"""sort: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 i64[n, c]
"""
from prelude import argsort_into, f32_at, grain_of, i64_at, parallel_for, program, region


@region
def region_0(chunk, begin, end, table):
    n1 = table[9]
    scratch = i64_at(table[12] + chunk * (8*n1), n1)
    for r in range(end - begin):
        keys = f32_at(table[10] + (begin + r) * (4*n1), n1)
        out = i64_at(table[11] + (begin + r) * (8*n1), n1)
        argsort_into(keys, out, scratch, n1)


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grain0 = grain_of(n, 100*n1)
    parallel_for(region_0, table, n, grain0, 100*n1)
