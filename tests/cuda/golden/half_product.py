"""half_product: 2 steps, generated; one file for every size.

sizes     n = n   n1 = k   n2 = m
inputs    x0 x f16[n, k]
inputs    x1 w f16[m, k]
returns   out0 f16[n, m]
arena     s0 2*m*n bytes
"""
from prelude import eight, eight_of, f16, f16_at, f32, flat_grid, gemm_nt, launch, program, put_eight, region, tanh, thread, threads


@region
def region_1(args):
    """cast -> tanh -> cast over (n, n2)."""
    n = args[2]
    n2 = args[3]
    out0 = f16_at(args[0], n*n2)
    s0 = f16_at(args[1], n*n2)
    first = 8 * thread()
    while first < n*n2:
        s0_eight = eight(s0, first, n*n2)
        out0_eight = eight_of(out0)
        for q in range(8):
            v0 = s0_eight[q]
            v1 = f32(v0)
            v2 = tanh(v1)
            v3 = f16(v2)
            out0_eight[q] = v3
        put_eight(out0, first, n*n2, out0_eight)
        first += 8 * threads()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    n2 = table[10]
    s0 = f16_at(table[14], n*n2)
    x0 = f16_at(table[11], n*n1)
    x1 = f16_at(table[12], n1*n2)
    gemm_nt(table, s0, x0, x1, n, n1, n2, n1, n1, n2, f32(1.0), f32(0.0))
    grid0 = flat_grid(n*n2, 8)
    launch(region_1, table, 16, *grid0)
