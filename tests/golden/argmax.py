"""argmax: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 i64[n]
"""
from prelude import b1, f32, f32_at, f32_room, grain_of, i64, i64_at, i64_room, inf, max_of, minimum, parallel_for, program, region, select


@region
def region_0_short(chunk, begin, end, args):
    """reduce_argmax over (n, n1)."""
    n = args[2]
    n1 = args[3]
    t0 = f32_room(2048)
    t1 = f32_room(64)
    t2 = i64_room(64)
    for r in range(end - begin):
        first = (begin + r) * 64
        lanes = minimum(n - first, i64(64))
        x0 = f32_at(args[0] + (first * n1) * 4, (lanes - 1) * n1 + n1)
        for j in range(n1):
            for l in range(lanes):
                t0[j * 64 + l] = x0[j + l * n1]
        out0 = i64_at(args[1] + first * 8, lanes)
        for l in range(lanes):
            t1[l] = f32(-inf)
            t2[l] = i64(0)
        for j in range(n1):
            for l in range(lanes):
                v0 = t0[j * 64 + l]
                take0 = (v0 > t1[l]) | ((v0 != v0) & (t1[l] == t1[l]))
                t1[l] = select(take0, v0, t1[l])
                t2[l] = select(take0, i64(j), t2[l])
        for l in range(lanes):
            v1 = t2[l]
            out0[l] = v1


@region
def region_0(chunk, begin, end, args):
    """reduce_argmax over (n, n1)."""
    n = args[2]
    n1 = args[3]
    out0 = i64_at(args[1], n)
    for r in range(end - begin):
        row = begin + r
        x0 = f32_at(args[0] + (row * n1) * 4, n1)
        a0 = f32(-inf)
        for j in range(n1):
            v0 = x0[j]
            a0 = max_of(a0, v0)
        hit0, part0, to0 = b1(False), i64(0), i64(0)
        while not hit0 and to0 < n1:
            part0, to0 = to0, minimum(to0 + 128, n1)
            for j in range(part0, to0):
                v1 = x0[j]
                hit0 = hit0 | ((v1 == a0) | (v1 != v1))
        at0 = to0
        for j in range(part0, to0):
            v1 = x0[j]
            at0 = minimum(at0, select(((v1 == a0) | (v1 != v1)), i64(j), to0))
        out0[row] = at0


@program
def step(table):
    n = table[8]
    n1 = table[9]
    if n1 <= 32:
        table[13], table[14], table[15], table[16] = table[10], table[11], table[8], table[9]
        grain0 = grain_of(((n + 63)//(64)), 128*n1)
        parallel_for(region_0_short, table, 13, ((n + 63)//(64)), grain0, 128*n1)
    else:
        table[17], table[18], table[19], table[20] = table[10], table[11], table[8], table[9]
        grain1 = grain_of(n, 2*n1)
        parallel_for(region_0, table, 17, n, grain1, 2*n1)
