"""sgd: 1 steps, generated; one file for every size.

sizes     n = n
inputs    x0 x f32[n, 100]
inputs    x1 g f32[n, 10]
updates   x2 w f32[100, 10]
inputs    x3 lr f64[]
"""
from prelude import f32, f32_at, f64_at, gemm_tn, program


@program
def step(table):
    n = table[8]
    x3 = f64_at(table[12], 1)
    x2 = f32_at(table[11], 1000)
    x0 = f32_at(table[9], 100*n)
    x1 = f32_at(table[10], 10*n)
    v0 = f32(x3[0])
    gemm_tn(table[2], x2, x0, x1, 100, n, 10, 100, 10, 10, -v0, f32(1.0))
