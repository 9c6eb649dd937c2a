"""updates: 4 steps, generated; one file for every size.

sizes     n = n
updates   x0 w f32[30, 40]
updates   x1 v f32[30, 40]
updates   x2 b f32[40]
updates   x3 u f32[40]
inputs    x4 x f32[n, 30]
inputs    x5 g f32[n, 40]
arena     s0 4800 bytes
arena     s1 160 bytes
"""
from prelude import f32, f32_at, gemm_tn, grain_of, parallel_for, parallel_for_each, plus, program, region


@region
def region_1(chunk, begin, end, args):
    """reduce_sum over (n, 40)."""
    w0 = f32_at(args[1] + chunk * 160, 40)
    for j in range(40):
        w0[j] = f32(0.0)
    for r in range(end - begin):
        row = begin + r
        x5 = f32_at(args[0] + (row * 40) * 4, 40)
        for j in range(40):
            v0 = x5[j]
            w0[j] = plus(w0[j], v0)


@region
def region_2(chunk, begin, end, args):
    """multiply -> add -> subtract over (30, 40)."""
    x1 = f32_at(args[0] + begin * 4, end - begin)
    s0 = f32_at(args[1] + begin * 4, end - begin)
    x0 = f32_at(args[2] + begin * 4, end - begin)
    for i in range(end - begin):
        v0 = x1[i]
        v1 = f32(0.9) * v0
        v2 = s0[i]
        v3 = v1 + v2
        v4 = x0[i]
        v5 = v4 - v3
        x1[i] = v3
        x0[i] = v5


@program
def step(table):
    n = table[8]
    s0 = f32_at(table[15], 1200)
    x4 = f32_at(table[13], 30*n)
    x5 = f32_at(table[14], 40*n)
    s1 = f32_at(table[16], 40)
    gemm_tn(table[2], s0, x4, x5, 30, n, 40, 30, 40, 40, f32(1.0), f32(0.0))
    table[18], table[19] = table[14], table[17]
    grain0 = grain_of(n, 80)
    parallel_for(region_1, table, 18, n, grain0, 80)
    chunks0 = (n + grain0 - 1) // grain0
    for j in range(40):
        s1[j] = f32(0.0)
    for chunk in range(chunks0):
        w0 = f32_at(table[17] + chunk * 160, 40)
        for j in range(40):
            s1[j] = plus(s1[j], w0[j])
    table[20], table[21], table[24], table[25], table[26] = 1200, 7, table[10], table[15], table[9]
    table[27], table[28], table[31], table[32], table[33] = 40, 7, table[12], table[16], table[11]
    parallel_for_each(region_2, table, 20, 2, 7)
