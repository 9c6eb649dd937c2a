"""dense: 2 steps, generated; one file for every size.

sizes     n = n   n1 = k   n2 = m   n3 = d
inputs    x0 x f16[n, k]
inputs    x1 w f16[k, m]
inputs    x2 b f16[m]
inputs    x3 v f16[m, d]
returns   out0 f16[n, d]
arena     s0 2*m*n bytes
"""
from prelude import eight, f16, f16_at, f32, gemm_nn, gemm_nn_bias_relu, group, groups, lane, lanes, launch, program, put_eight, region, row_grid, select


@region
def region_0(args):
    """cast -> cast -> add -> less_equal -> where -> cast over (n, n2)."""
    n = args[2]
    n2 = args[3]
    row = group()
    while row < n:
        s0 = f16_at(args[0] + (row * n2) * 2, n2)
        x2 = f16_at(args[1], n2)
        first = 8 * lane()
        while first < n2:
            s0_eight = eight(s0, first, n2)
            x2_eight = eight(x2, first, n2)
            for q in range(8):
                v0 = s0_eight[q]
                v1 = f32(v0)
                v2 = x2_eight[q]
                v3 = f32(v2)
                v4 = v1 + v3
                v5 = v4 <= f32(0.0)
                v6 = select(v5, f32(0.0), v4)
                v7 = f16(v6)
                s0_eight[q] = v7
            put_eight(s0, first, n2, s0_eight)
            first += 8 * lanes()
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    n2 = table[10]
    n3 = table[11]
    s0 = f16_at(table[17], n*n2)
    x0 = f16_at(table[12], n*n1)
    x1 = f16_at(table[13], n1*n2)
    x2 = f16_at(table[14], n2)
    out0 = f16_at(table[16], n*n3)
    x3 = f16_at(table[15], n2*n3)
    if not gemm_nn_bias_relu(table, s0, x0, x1, x2, n, n1, n2, n1, n2, n2):
        gemm_nn(table, s0, x0, x1, n, n1, n2, n1, n2, n2, f32(1.0), f32(0.0))
        grid0 = row_grid(n, n2, 0, 8)
        launch(region_0, table, 19, *grid0)
    gemm_nn(table, out0, s0, x3, n, n2, n3, n2, n3, n3, f32(1.0), f32(0.0))
