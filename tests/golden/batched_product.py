"""batched_product: 1 steps, generated; one file for every size.

sizes     n = b   n1 = n   n2 = k   n3 = m
inputs    x0 x f32[b, n, k]
inputs    x1 y f32[b, m, k]
returns   out0 f32[b, n, m]
"""
from prelude import f32, f32_at, gemm_nt, program


@program
def step(table):
    n = table[8]
    n1 = table[9]
    n2 = table[10]
    n3 = table[11]
    for batch0 in range(n):
        gemm_nt(table[2], f32_at(table[14] + (batch0 * (n1*n3)) * 4, n*n1*n3 - (batch0 * (n1*n3))), f32_at(table[12] + (batch0 * (n1*n2)) * 4, n*n1*n2 - (batch0 * (n1*n2))), f32_at(table[13] + (batch0 * (n2*n3)) * 4, n*n2*n3 - (batch0 * (n2*n3))), n1, n2, n3, n2, n2, n3, f32(1.0), f32(0.0))
