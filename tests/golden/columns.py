"""columns: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 f32[c]
returns   out1 f32[c]
"""
from prelude import f32, f32_at, grain_of, i64, inf, max_of, minimum, parallel_for, plus, program, region


@region
def region_0(chunk, begin, end, args):
    """reduce_max -> reduce_sum over (n, n1)."""
    n = args[2]
    n1 = args[3]
    w0 = f32_at(args[1] + chunk * (4*n1), n1)
    for j in range(n1):
        w0[j] = f32(-inf)
    w1 = f32_at(args[1] + 256*n1 + chunk * (4*n1), n1)
    for j in range(n1):
        w1[j] = f32(0.0)
    for r in range(end - begin):
        first = (begin + r) * 8
        lanes = minimum(n - first, i64(8))
        x0 = f32_at(args[0] + (first * n1) * 4, (lanes - 1) * n1 + n1)
        for tile in range(0, n1, 1024):
            for l in range(lanes):
                for j in range(tile, minimum(tile + 1024, n1)):
                    v0 = x0[j + l * n1]
                    w0[j] = max_of(w0[j], v0)
                    w1[j] = plus(w1[j], v0)


@program
def step(table):
    n = table[8]
    n1 = table[9]
    out0 = f32_at(table[11], n1)
    out1 = f32_at(table[12], n1)
    table[14], table[15], table[16], table[17] = table[10], table[13], table[8], table[9]
    grain0 = grain_of(((n + 7)//(8)), 32*n1)
    parallel_for(region_0, table, 14, ((n + 7)//(8)), grain0, 32*n1)
    chunks0 = (((n + 7)//(8)) + grain0 - 1) // grain0
    for j in range(n1):
        out0[j] = f32(-inf)
    for chunk in range(chunks0):
        w0 = f32_at(table[13] + chunk * (4*n1), n1)
        for j in range(n1):
            out0[j] = max_of(out0[j], w0[j])
    for j in range(n1):
        out1[j] = f32(0.0)
    for chunk in range(chunks0):
        w1 = f32_at(table[13] + 256*n1 + chunk * (4*n1), n1)
        for j in range(n1):
            out1[j] = plus(out1[j], w1[j])
