"""scatter: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c   n2 = m
inputs    x0 x f32[n, c]
inputs    x1 i i64[m]
inputs    x2 v f32[m, c]
returns   out0 f32[n, c]
"""
from prelude import f32, f32_at, grain_of, i64, i64_at, parallel_for, program, region


@region
def region_0(chunk, begin, end, args):
    out0 = f32_at(args[0] + begin * 4, end - begin)
    x0 = f32_at(args[1] + begin * 4, end - begin)
    for i in range(end - begin):
        out0[i] = x0[i]


@program
def step(table):
    n = table[8]
    n1 = table[9]
    n2 = table[10]
    out0 = f32_at(table[14], n*n1)
    x1 = i64_at(table[12], n2)
    x2 = f32_at(table[13], n1*n2)
    table[16], table[17] = table[14], table[11]
    grain0 = grain_of(n*n1, 2)
    parallel_for(region_0, table, 16, n*n1, grain0, 2)
    for p in range(1):
        for q in range(n2):
            for r in range(n1):
                out0[p * (n*n1) + (i64(x1[q])) * n1 + r] = f32(out0[p * (n*n1) + (i64(x1[q])) * n1 + r] + x2[p * (n1*n2) + q * n1 + r])
