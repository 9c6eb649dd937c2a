"""checked_index: 2 steps, generated; one file for every size.

sizes     n = n   n1 = m
inputs    x0 x f32[n]
inputs    x1 i i64[m]
updates   x2 w f32[m]
arena     s0 1 bytes
"""
from prelude import b1, b1_at, f32_at, grain_of, i64, i64_at, parallel_for, program, region


@region
def region_0(chunk, begin, end, args):
    """less -> greater_equal -> logical_or -> reduce_any over (n1)."""
    n = args[2]
    x1 = i64_at(args[0] + begin * 8, end - begin)
    v2 = i64(n)
    a0 = b1(False)
    w0 = b1_at(args[1] + chunk, 1)
    for i in range(end - begin):
        v0 = x1[i]
        v1 = v0 < i64(0)
        v3 = v0 >= v2
        v4 = v1 | v3
        a0 = a0 | v4
    w0[0] = a0


@region
def region_1(chunk, begin, end, args):
    """gather over (n1)."""
    n = args[3]
    x2 = f32_at(args[0] + begin * 4, end - begin)
    x1 = i64_at(args[1] + begin * 8, end - begin)
    x0 = f32_at(args[2], n)
    for i in range(end - begin):
        v0 = x1[i]
        v1 = x0[i64(v0)]
        x2[i] = v1


@program
def step(table):
    n1 = table[9]
    s0 = b1_at(table[13], 1)
    table[15], table[16], table[17] = table[11], table[14], table[8]
    grain0 = grain_of(n1, 8)
    parallel_for(region_0, table, 15, n1, grain0, 8)
    chunks0 = (n1 + grain0 - 1) // grain0
    s0[0] = b1(False)
    for chunk in range(chunks0):
        w0 = b1_at(table[14] + chunk, 1)
        s0[0] = s0[0] | w0[0]
    if s0[0]:
        table[0] = 1
        return
    table[18], table[19], table[20], table[21] = table[12], table[11], table[10], table[8]
    grain1 = grain_of(n1, 2)
    parallel_for(region_1, table, 18, n1, grain1, 2)
