"""middle: 1 steps, generated; one file for every size.

sizes     n = n   n1 = m   n2 = c
inputs    x0 x f32[n, m, c]
returns   out0 f32[n, c]
"""
from prelude import f32, f32_at, f32_room, grain_of, i64, minimum, parallel_for, plus, program, region


@region
def region_0(chunk, begin, end, args):
    """reduce_sum over (n, n2, n1)."""
    n1 = args[2]
    n2 = args[3]
    t0 = f32_room(1024)
    for r in range(end - begin):
        block = begin + r
        first = block % ((n2 + 1023) // 1024) * 1024
        row = block // ((n2 + 1023) // 1024)
        lanes = minimum(n2 - first, i64(1024))
        x0 = f32_at(args[0] + (row * (n1*n2) + first) * 4, lanes + n1*n2 - n2)
        out0 = f32_at(args[1] + (row * n2 + first) * 4, lanes)
        for l in range(lanes):
            t0[l] = f32(0.0)
        for j0 in range(0, n1 - 3, 4):
            for l in range(lanes):
                for j4 in range(4):
                    j = j0 + j4
                    v0 = x0[j * n2 + l]
                    t0[l] = plus(t0[l], v0)
        for j in range(n1 // 4 * 4, n1):
            for l in range(lanes):
                v0 = x0[j * n2 + l]
                t0[l] = plus(t0[l], v0)
        for l in range(lanes):
            v1 = t0[l]
            out0[l] = v1


@program
def step(table):
    n = table[8]
    n1 = table[9]
    n2 = table[10]
    table[14], table[15], table[16], table[17] = table[11], table[12], table[9], table[10]
    grain0 = grain_of(((n2 + 1023)//(1024))*n, 2048*n1)
    parallel_for(region_0, table, 14, ((n2 + 1023)//(1024))*n, grain0, 2048*n1)
