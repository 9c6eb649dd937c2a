"""softmax: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 f32[n, c]
"""
from prelude import exp, f32, f32_at, f32_room, grain_of, i64, inf, max_of, minimum, parallel_for, plus, program, region


@region
def region_0_short(chunk, begin, end, args):
    """reduce_max -> subtract -> exp -> reduce_sum -> divide over (n, n1)."""
    n = args[2]
    n1 = args[3]
    t0 = f32_room(3072)
    t1 = f32_room(128)
    t2 = f32_room(128)
    t3 = f32_room(3072)
    t4 = f32_room(3072)
    for r in range(end - begin):
        first = (begin + r) * 128
        lanes = minimum(n - first, i64(128))
        x0 = f32_at(args[0] + (first * n1) * 4, (lanes - 1) * n1 + n1)
        for j in range(n1):
            for l in range(lanes):
                t0[j * 128 + l] = x0[j + l * n1]
        out0 = f32_at(args[1] + (first * n1) * 4, (lanes - 1) * n1 + n1)
        for l in range(lanes):
            t1[l] = f32(-inf)
        for j in range(n1):
            for l in range(lanes):
                v0 = t0[j * 128 + l]
                t1[l] = max_of(t1[l], v0)
        for l in range(lanes):
            t2[l] = f32(0.0)
        for j in range(n1):
            for l in range(lanes):
                v1 = t0[j * 128 + l]
                v2 = t1[l]
                v3 = v1 - v2
                v4 = exp(v3)
                t2[l] = plus(t2[l], v4)
                t3[j * 128 + l] = v4
        for j in range(n1):
            for l in range(lanes):
                v5 = t3[j * 128 + l]
                v6 = t2[l]
                v7 = v5 / v6
                t4[j * 128 + l] = v7
        for j in range(n1):
            for l in range(lanes):
                out0[j + l * n1] = t4[j * 128 + l]


@region
def region_0(chunk, begin, end, args):
    """reduce_max -> subtract -> exp -> reduce_sum -> divide over (n, n1)."""
    n1 = args[3]
    w0 = f32_at(args[1] + chunk * (4*n1), n1)
    for r in range(end - begin):
        row = begin + r
        x0 = f32_at(args[0] + (row * n1) * 4, n1)
        a0 = f32(-inf)
        for j in range(n1):
            v0 = x0[j]
            a0 = max_of(a0, v0)
        a1 = f32(0.0)
        for j in range(n1):
            v1 = x0[j]
            v2 = v1 - a0
            v3 = exp(v2)
            a1 = plus(a1, v3)
            w0[j] = v3
        out0 = f32_at(args[2] + (row * n1) * 4, n1)
        for j in range(n1):
            v4 = w0[j]
            v5 = v4 / a1
            out0[j] = v5


@program
def step(table):
    n = table[8]
    n1 = table[9]
    if n1 <= 24:
        table[13], table[14], table[15], table[16] = table[10], table[11], table[8], table[9]
        grain0 = grain_of(((n + 127)//(128)), 1920*n1)
        parallel_for(region_0_short, table, 13, ((n + 127)//(128)), grain0, 1920*n1)
    else:
        table[17], table[18], table[19], table[20] = table[10], table[12], table[11], table[9]
        grain1 = grain_of(n, 15*n1)
        parallel_for(region_0, table, 17, n, grain1, 15*n1)
