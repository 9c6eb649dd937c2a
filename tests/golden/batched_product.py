"""batched_product: 1 steps, generated; one file for every size.

sizes     n = b   n1 = n   n2 = k   n3 = m
inputs    x0 x f32[b, n, k]
inputs    x1 y f32[b, m, k]
returns   out0 f32[b, n, m]
"""
from prelude import f32, f32_at, gemm_nt, grain_of, parallel_for, program, region, select


@region
def region_0(chunk, begin, end, args):
    n = args[4]
    n1 = args[5]
    n2 = args[6]
    n3 = args[7]
    for r in range(end - begin):
        row = begin + r
        out0 = f32_at(args[0] + (row * (n1*n3)) * 4, n*n1*n3 - (row * (n1*n3)))
        x0 = f32_at(args[1] + (row * (n1*n2)) * 4, n*n1*n2 - (row * (n1*n2)))
        x1 = f32_at(args[2] + (row * (n2*n3)) * 4, n*n2*n3 - (row * (n2*n3)))
        gemm_nt(args[3], out0, x0, x1, n1, n2, n3, n2, n2, n3, f32(1.0), f32(0.0))


@program
def step(table):
    n = table[8]
    n1 = table[9]
    n2 = table[10]
    n3 = table[11]
    table[16], table[17], table[18], table[19], table[20], table[21], table[22], table[23] = table[14], table[12], table[13], table[2], table[8], table[9], table[10], table[11]
    price0 = (n1*n2*n3) // 4 + 1
    grain0 = select(n1*n2*n3 < 4194304, grain_of(n, price0), n)
    parallel_for(region_0, table, 16, n, grain0, price0)
