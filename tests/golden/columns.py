"""columns: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 f32[c]
returns   out1 f32[c]
"""
from prelude import f32, f32_at, f32_room, grain_of, i64, inf, max_of, minimum, parallel_for, plus, program, region


@region
def region_0_few(chunk, begin, end, args):
    """reduce_max -> reduce_sum over (n, n1)."""
    n = args[3]
    n1 = args[4]
    t0 = f32_room(1024)
    t1 = f32_room(1024)
    for r in range(end - begin):
        first = (begin + r) * 1024
        lanes = minimum(n1 - first, i64(1024))
        x0 = f32_at(args[0] + first * 4, lanes + n*n1 - n1)
        out0 = f32_at(args[1] + first * 4, lanes)
        out1 = f32_at(args[2] + first * 4, lanes)
        for l in range(lanes):
            t0[l] = f32(-inf)
            t1[l] = f32(0.0)
        for row in range(n):
            for l in range(lanes):
                v0 = x0[row * n1 + l]
                t0[l] = max_of(t0[l], v0)
                t1[l] = plus(t1[l], v0)
        for l in range(lanes):
            out0[l] = t0[l]
        for l in range(lanes):
            out1[l] = t1[l]


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
    if n <= 256:
        table[14], table[15], table[16], table[17], table[18] = table[10], table[11], table[12], table[8], table[9]
        grain0 = grain_of(((n1 + 1023)//(1024)), 4096*n)
        parallel_for(region_0_few, table, 14, ((n1 + 1023)//(1024)), grain0, 4096*n)
    else:
        table[19], table[20], table[21], table[22] = table[10], table[13], table[8], table[9]
        grain1 = grain_of(((n + 7)//(8)), 32*n1)
        parallel_for(region_0, table, 19, ((n + 7)//(8)), grain1, 32*n1)
        chunks0 = (((n + 7)//(8)) + grain1 - 1) // grain1
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
