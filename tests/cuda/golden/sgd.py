"""sgd: 1 steps, generated; one file for every size.

sizes     n = n
inputs    x0 x f32[n, 100]
inputs    x1 g f32[n, 10]
updates   x2 w f32[100, 10]
inputs    x3 lr f64[]
"""
from prelude import f32, f32_at, f64_at, gemm_tn_scaled, launch, program, region


@region
def region_0_scale(args):
    x3 = f64_at(args[0], 1)
    v0 = f32(x3[0])
    w0 = f32_at(args[1], 1)
    w0[0] = -v0


@program
def step(table):
    n = table[8]
    x2 = f32_at(table[11], 1000)
    x0 = f32_at(table[9], 100*n)
    x1 = f32_at(table[10], 10*n)
    launch(region_0_scale, table, 12, 1, 1)
    gemm_tn_scaled(table, x2, x0, x1, 100, n, 10, 100, 10, 10, f32_at(table[13], 1))
