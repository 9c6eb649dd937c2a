"""half_softmax: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f16[n, c]
returns   out0 f16[n, c]
"""
from prelude import exp, f16, f16_at, f16_room, f32, f32_at, f32_room, grain_of, i64, inf, max_of, minimum, parallel_for, plus, program, region


@region
def region_0_short(chunk, begin, end, args):
    """cast -> reduce_max -> subtract -> exp -> reduce_sum -> divide -> cast over (n, n1)."""
    n = args[2]
    n1 = args[3]
    t0 = f16_room(3072)
    t1 = f32_room(128)
    t2 = f32_room(128)
    t3 = f32_room(3072)
    t4 = f16_room(3072)
    for r in range(end - begin):
        first = (begin + r) * 128
        lanes = minimum(n - first, i64(128))
        x0 = f16_at(args[0] + (first * n1) * 2, (lanes - 1) * n1 + n1)
        for j in range(n1):
            for l in range(lanes):
                t0[j * 128 + l] = x0[j + l * n1]
        out0 = f16_at(args[1] + (first * n1) * 2, (lanes - 1) * n1 + n1)
        for l in range(lanes):
            t1[l] = f32(-inf)
        for j in range(n1):
            for l in range(lanes):
                v0 = t0[j * 128 + l]
                v1 = f32(v0)
                t1[l] = max_of(t1[l], v1)
        for l in range(lanes):
            t2[l] = f32(0.0)
        for j in range(n1):
            for l in range(lanes):
                v2 = t0[j * 128 + l]
                v3 = f32(v2)
                v4 = t1[l]
                v5 = v3 - v4
                v6 = exp(v5)
                t2[l] = plus(t2[l], v6)
                t3[j * 128 + l] = v6
        for j in range(n1):
            for l in range(lanes):
                v7 = t3[j * 128 + l]
                v8 = t2[l]
                v9 = v7 / v8
                v10 = f16(v9)
                t4[j * 128 + l] = v10
        for j in range(n1):
            for l in range(lanes):
                out0[j + l * n1] = t4[j * 128 + l]


@region
def region_0(chunk, begin, end, args):
    """cast -> reduce_max -> subtract -> exp -> reduce_sum -> divide -> cast over (n, n1)."""
    n1 = args[3]
    w0 = f32_at(args[1] + chunk * (4*n1), n1)
    for r in range(end - begin):
        row = begin + r
        x0 = f16_at(args[0] + (row * n1) * 2, n1)
        a0 = f32(-inf)
        for j in range(n1):
            v0 = x0[j]
            v1 = f32(v0)
            a0 = max_of(a0, v1)
        a1 = f32(0.0)
        for j in range(n1):
            v2 = x0[j]
            v3 = f32(v2)
            v4 = v3 - a0
            v5 = exp(v4)
            a1 = plus(a1, v5)
            w0[j] = v5
        out0 = f16_at(args[2] + (row * n1) * 2, n1)
        for j in range(n1):
            v6 = w0[j]
            v7 = v6 / a1
            v8 = f16(v7)
            out0[j] = v8


@program
def step(table):
    n = table[8]
    n1 = table[9]
    if n1 <= 24:
        table[13], table[14], table[15], table[16] = table[10], table[11], table[8], table[9]
        grain0 = grain_of(((n + 127)//(128)), 2048*n1)
        parallel_for(region_0_short, table, 13, ((n + 127)//(128)), grain0, 2048*n1)
    else:
        table[17], table[18], table[19], table[20] = table[10], table[12], table[11], table[9]
        grain1 = grain_of(n, 16*n1)
        parallel_for(region_0, table, 17, n, grain1, 16*n1)
