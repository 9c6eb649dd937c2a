"""half_product: 4 steps, generated; one file for every size.

sizes     n = n   n1 = k   n2 = m
inputs    x0 x f16[n, k]
inputs    x1 w f16[m, k]
returns   out0 f16[n, m]
arena     s0 4*k*n bytes
arena     s1 4*k*m bytes
arena     s2 4*m*n bytes
"""
from prelude import f16, f16_at, f32, f32_at, flat_grid, four, four_of, gemm_nt, launch, program, put_four, region, tanh, thread, threads


@region
def region_0(args, parts):
    """cast over (n, n1)."""
    at = 0
    begin = 0
    part = thread()
    while part < parts:
        count = (args[at] + 3) // 4
        while part >= begin + count:
            begin += count
            at += 3
            count = (args[at] + 3) // 4
        points = args[at]
        first = 4 * (part - begin)
        s0 = f32_at(args[at + 1], points)
        x0 = f16_at(args[at + 2], points)
        x0_four = four(x0, first, points)
        s0_four = four_of(s0)
        for q in range(4):
            v0 = x0_four[q]
            v1 = f32(v0)
            s0_four[q] = v1
        put_four(s0, first, points, s0_four)
        part += threads()


@region
def region_3(args):
    """cast -> cast -> tanh -> cast over (n, n2)."""
    n = args[2]
    n2 = args[3]
    out0 = f16_at(args[0], n*n2)
    s2 = f32_at(args[1], n*n2)
    first = 4 * thread()
    while first < n*n2:
        s2_four = four(s2, first, n*n2)
        out0_four = four_of(out0)
        for q in range(4):
            v0 = s2_four[q]
            v1 = f16(v0)
            v2 = f32(v1)
            v3 = tanh(v2)
            v4 = f16(v3)
            out0_four[q] = v4
        put_four(out0, first, n*n2, out0_four)
        first += 4 * threads()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    n2 = table[10]
    s2 = f32_at(table[16], n*n2)
    s0 = f32_at(table[14], n*n1)
    s1 = f32_at(table[15], n1*n2)
    launch(region_0, table, 18, *flat_grid(((n*n1 + 3)//(4)) + ((n1*n2 + 3)//(4))), ((n*n1 + 3)//(4)) + ((n1*n2 + 3)//(4)))
    gemm_nt(table, s2, s0, s1, n, n1, n2, n1, n1, n2, f32(1.0), f32(0.0))
    grid0 = flat_grid(n*n2, 4)
    launch(region_3, table, 24, *grid0)
