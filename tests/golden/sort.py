"""sort: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 i64[n, c]
"""
from prelude import argsort_into, f32_at, grain_of, i64_at, parallel_for, program, region


@region
def region_0(chunk, begin, end, args):
    n1 = args[3]
    scratch = i64_at(args[0] + chunk * (8*n1 + 128), n1 + 16)
    for r in range(end - begin):
        keys = f32_at(args[1] + (begin + r) * (4*n1), n1)
        out = i64_at(args[2] + (begin + r) * (8*n1), n1)
        argsort_into(keys, out, scratch, n1)


@program
def step(table):
    n = table[8]
    n1 = table[9]
    table[13], table[14], table[15], table[16] = table[12], table[10], table[11], table[9]
    grain0 = grain_of(n, 50*n1)
    parallel_for(region_0, table, 13, n, grain0, 50*n1)
