"""batched_product: 1 steps, generated; one file for every size.

sizes     n = b   n1 = n   n2 = k   n3 = m
inputs    x0 x f32[b, n, k]
inputs    x1 y f32[b, m, k]
returns   out0 f32[b, n, m]
"""
from prelude import f32, f32_at, gemm_nt_batch, program


@program
def step(table):
    n = table[8]
    n1 = table[9]
    n2 = table[10]
    n3 = table[11]
    out0 = f32_at(table[14], n*n1*n3)
    x0 = f32_at(table[12], n*n1*n2)
    x1 = f32_at(table[13], n*n2*n3)
    gemm_nt_batch(table, out0, x0, x1, n1, n2, n3, n2, n2, n3, f32(1.0), f32(0.0), n, n1*n3, n1*n2, n2*n3)
