"""bfloat16_chain: 1 steps, generated; one file for every size.

sizes     n = n
inputs    x0 x bf16[n]
inputs    x1 y f16[n]
inputs    x2 i i32[n]
returns   out0 bf16[n]
"""
from prelude import bf16, bf16_at, f16_at, f32, flat_grid, four, four_of, i32_at, launch, program, put_four, region, thread, threads


@region
def region_0(args):
    """cast -> cast -> add -> cast -> ... -> cast -> multiply -> cast over (n)."""
    n = args[4]
    out0 = bf16_at(args[0], n)
    x0 = bf16_at(args[1], n)
    x1 = f16_at(args[2], n)
    x2 = i32_at(args[3], n)
    first = 4 * thread()
    while first < n:
        x0_four = four(x0, first, n)
        x1_four = four(x1, first, n)
        x2_four = four(x2, first, n)
        out0_four = four_of(out0)
        for q in range(4):
            v0 = x0_four[q]
            v1 = f32(v0)
            v2 = x1_four[q]
            v3 = f32(v2)
            v4 = v1 + v3
            v5 = bf16(v4)
            v6 = f32(v5)
            v7 = x2_four[q]
            v8 = bf16(v7)
            v9 = f32(v8)
            v10 = v6 * v9
            v11 = bf16(v10)
            out0_four[q] = v11
        put_four(out0, first, n, out0_four)
        first += 4 * threads()


@program
def step(table):
    n = table[8]
    grid0 = flat_grid(n, 4)
    launch(region_0, table, 14, *grid0)
