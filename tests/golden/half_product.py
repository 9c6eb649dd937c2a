"""half_product: 4 steps, generated; one file for every size.

sizes     n = n   n1 = k   n2 = m
inputs    x0 x f16[n, k]
inputs    x1 w f16[m, k]
returns   out0 f16[n, m]
arena     s0 4*k*n bytes
arena     s1 4*k*m bytes
arena     s2 4*m*n bytes
"""
from prelude import f16, f16_at, f32, f32_at, gemm_nt, grain_of, parallel_for, parallel_for_each, program, region, tanh


@region
def region_0(chunk, begin, end, args):
    """cast over (n, n1)."""
    s0 = f32_at(args[0] + begin * 4, end - begin)
    x0 = f16_at(args[1] + begin * 2, end - begin)
    for i in range(end - begin):
        v0 = x0[i]
        v1 = f32(v0)
        s0[i] = v1


@region
def region_3(chunk, begin, end, args):
    """cast -> cast -> tanh -> cast over (n, n2)."""
    out0 = f16_at(args[0] + begin * 2, end - begin)
    s2 = f32_at(args[1] + begin * 4, end - begin)
    for i in range(end - begin):
        v0 = s2[i]
        v1 = f16(v0)
        v2 = f32(v1)
        v3 = tanh(v2)
        v4 = f16(v3)
        out0[i] = v4


@program
def step(table):
    n = table[8]
    n1 = table[9]
    n2 = table[10]
    s2 = f32_at(table[16], n*n2)
    s0 = f32_at(table[14], n*n1)
    s1 = f32_at(table[15], n1*n2)
    table[18], table[19], table[22], table[23] = n*n1, 2, table[14], table[11]
    table[24], table[25], table[28], table[29] = n1*n2, 2, table[15], table[12]
    parallel_for_each(region_0, table, 18, 2, 6)
    gemm_nt(table[2], s2, s0, s1, n, n1, n2, n1, n1, n2, f32(1.0), f32(0.0))
    table[30], table[31] = table[13], table[16]
    grain0 = grain_of(n*n2, 13)
    parallel_for(region_3, table, 30, n*n2, grain0, 13)
