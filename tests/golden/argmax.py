"""argmax: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 i64[n]
"""
from prelude import f32, f32_at, grain_of, i64, i64_at, inf, parallel_for, program, region, select


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
        at0 = i64(0)
        for j in range(n1):
            v0 = x0[j]
            take0 = (v0 > a0) | ((v0 != v0) & (a0 == a0))
            a0 = select(take0, v0, a0)
            at0 = select(take0, i64(j), at0)
        out0[row] = at0


@program
def step(table):
    n = table[8]
    n1 = table[9]
    table[13], table[14], table[15], table[16] = table[10], table[11], table[8], table[9]
    grain0 = grain_of(n, 2*n1)
    parallel_for(region_0, table, 13, n, grain0, 2*n1)
