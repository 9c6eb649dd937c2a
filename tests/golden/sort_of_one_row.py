"""sort: 1 steps, generated; one file for every size.

sizes     n = n
inputs    x0 x f32[n]
returns   out0 f32[n]
"""
from prelude import f32_at, grain_of, i64_at, parallel_for, program, region, sort_into, sort_into_begin, sort_into_part, sort_into_share


@region
def region_0_parts(chunk, begin, end, args):
    n = args[2]
    x0 = f32_at(args[0], n)
    for r in range(end - begin):
        sort_into_part(x0, i64_at(args[1], 2*n + 768), n, begin + r)


@region
def region_0_shares(chunk, begin, end, args):
    n = args[3]
    x0 = f32_at(args[0], n)
    out0 = f32_at(args[1], n)
    for r in range(end - begin):
        sort_into_share(x0, out0, i64_at(args[2], 2*n + 768), n, begin + r)


@region
def region_0(chunk, begin, end, args):
    n = args[3]
    scratch = i64_at(args[0] + chunk * (8*n + 128), n + 16)
    for r in range(end - begin):
        keys = f32_at(args[1] + (begin + r) * (4*n), n)
        out = f32_at(args[2] + (begin + r) * (4*n), n)
        sort_into(keys, out, scratch, n)


@program
def step(table):
    n = table[8]
    x0 = f32_at(table[9], n)
    if n < 32768:
        table[19], table[20], table[21], table[22] = table[11], table[9], table[10], table[8]
        grain2 = grain_of(1, 50*n)
        parallel_for(region_0, table, 19, 1, grain2, 50*n)
    else:
        sort_into_begin(x0, i64_at(table[11], 2*n + 768), n)
        table[12], table[13], table[14] = table[9], table[11], table[8]
        grain0 = grain_of(16, 2*n)
        parallel_for(region_0_parts, table, 12, 16, grain0, 2*n)
        table[15], table[16], table[17], table[18] = table[9], table[10], table[11], table[8]
        grain1 = grain_of(16, 2*n)
        parallel_for(region_0_shares, table, 15, 16, grain1, 2*n)
