"""dense: 2 steps, generated; one file for every size.

sizes     n = n   n1 = k   n2 = m   n3 = d
inputs    x0 x f32[n, k]
inputs    x1 w f32[k, m]
inputs    x2 b f32[m]
inputs    x3 v f32[m, d]
returns   out0 f32[n, d]
arena     s0 4*m*n bytes
"""
from prelude import f32, f32_at, four, gemm_nn, gemm_nn_bias, group, groups, lane, lanes, launch, program, put_four, region, row_grid


@region
def region_0(args):
    """add over (n, n2)."""
    n = args[2]
    n2 = args[3]
    row = group()
    while row < n:
        s0 = f32_at(args[0] + (row * n2) * 4, n2)
        x2 = f32_at(args[1], n2)
        first = 4 * lane()
        while first < n2:
            s0_four = four(s0, first, n2)
            x2_four = four(x2, first, n2)
            for q in range(4):
                v0 = s0_four[q]
                v1 = x2_four[q]
                v2 = v0 + v1
                s0_four[q] = v2
            put_four(s0, first, n2, s0_four)
            first += 4 * lanes()
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    n2 = table[10]
    n3 = table[11]
    s0 = f32_at(table[17], n*n2)
    x0 = f32_at(table[12], n*n1)
    x1 = f32_at(table[13], n1*n2)
    x2 = f32_at(table[14], n2)
    out0 = f32_at(table[16], n*n3)
    x3 = f32_at(table[15], n2*n3)
    if not gemm_nn_bias(table, s0, x0, x1, x2, n, n1, n2, n1, n2, n2):
        gemm_nn(table, s0, x0, x1, n, n1, n2, n1, n2, n2, f32(1.0), f32(0.0))
        grid0 = row_grid(n, n2, 0, 4)
        launch(region_0, table, 19, *grid0)
    gemm_nn(table, out0, s0, x3, n, n2, n3, n2, n3, n3, f32(1.0), f32(0.0))
