"""bfloat16_chain: 1 steps, generated; one file for every size.

sizes     n = n
inputs    x0 x bf16[n]
inputs    x1 y f16[n]
inputs    x2 i i32[n]
returns   out0 bf16[n]
"""
from prelude import bf16, bf16_at, f16_at, f32, grain_of, i32_at, parallel_for, program, region


@region
def region_0(chunk, begin, end, args):
    """cast -> cast -> add -> cast -> ... -> cast -> multiply -> cast over (n)."""
    out0 = bf16_at(args[0] + begin * 2, end - begin)
    x0 = bf16_at(args[1] + begin * 2, end - begin)
    x1 = f16_at(args[2] + begin * 2, end - begin)
    x2 = i32_at(args[3] + begin * 4, end - begin)
    for i in range(end - begin):
        v0 = x0[i]
        v1 = f32(v0)
        v2 = x1[i]
        v3 = f32(v2)
        v4 = v1 + v3
        v5 = bf16(v4)
        v6 = f32(v5)
        v7 = x2[i]
        v8 = bf16(v7)
        v9 = f32(v8)
        v10 = v6 * v9
        v11 = bf16(v10)
        out0[i] = v11


@program
def step(table):
    n = table[8]
    table[14], table[15], table[16], table[17] = table[12], table[9], table[10], table[11]
    grain0 = grain_of(n, 12)
    parallel_for(region_0, table, 14, n, grain0, 12)
