"""variance: 2 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 f32[c]
arena     s0 8*c bytes
"""
from prelude import f32, f32_at, grain_of, i64, minimum, nan, parallel_for, program, region, select


@region
def region_0(chunk, begin, end, args):
    """moments over (n, n1)."""
    n = args[2]
    n1 = args[3]
    w0 = f32_at(args[1] + chunk * (8*n1), 2*n1)
    for j in range(2*n1):
        w0[j] = f32(0.0)
    for r in range(end - begin):
        first = (begin + r) * 8
        lanes = minimum(n - first, i64(8))
        x0 = f32_at(args[0] + (first * n1) * 4, (lanes - 1) * n1 + n1)
        for tile in range(0, n1, 1024):
            for l in range(lanes):
                for j in range(tile, minimum(tile + 1024, n1)):
                    v0 = x0[j + l * n1]
                    before0 = f32(r * 8 + l)
                    share0 = f32(1.0) / (before0 + f32(1.0))
                    off0 = v0 - w0[j]
                    w0[j] = w0[j] + off0 * share0
                    w0[n1 + j] = w0[n1 + j] + off0 * (off0 * (before0 * share0))


@region
def region_1(chunk, begin, end, args):
    """copy over (1, n1)."""
    n1 = args[2]
    out0 = f32_at(args[0] + begin * 4, end - begin)
    s0 = f32_at(args[1] + (begin + n1) * 4, end - begin)
    for i in range(end - begin):
        v0 = s0[i]
        out0[i] = v0


@program
def step(table):
    n = table[8]
    n1 = table[9]
    s0 = f32_at(table[12], 2*n1)
    table[14], table[15], table[16], table[17] = table[10], table[13], table[8], table[9]
    grain0 = grain_of(((n + 7)//(8)), 16*n1)
    parallel_for(region_0, table, 14, ((n + 7)//(8)), grain0, 16*n1)
    chunks0 = (((n + 7)//(8)) + grain0 - 1) // grain0
    for j in range(n1):
        s0[j] = select(chunks0 > 0, f32(0.0), f32(nan))
        s0[n1 + j] = f32(0.0)
    for chunk in range(chunks0):
        w0 = f32_at(table[13] + chunk * (8*n1), 2*n1)
        before0 = chunk * (grain0 * 8)
        count0 = minimum(n - before0, grain0 * 8)
        share0 = f32(count0) / f32(before0 + count0)
        for j in range(n1):
            off0 = w0[j] - s0[j]
            s0[j] = s0[j] + off0 * share0
            s0[n1 + j] = s0[n1 + j] + (w0[n1 + j] + off0 * (off0 * (f32(before0) * share0)))
    table[18], table[19], table[20] = table[11], table[12], table[9]
    grain1 = grain_of(n1, 2)
    parallel_for(region_1, table, 18, n1, grain1, 2)
