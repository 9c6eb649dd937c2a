"""crossed: 1 steps, generated; one file for every size.

sizes     n = n
inputs    x0 x f32[n, n]
returns   out0 f32[n, n]
"""
from prelude import f32_at, f32_room, grain_of, i64, minimum, parallel_for, program, region


@region
def region_0(chunk, begin, end, args):
    """add over (n, n)."""
    n = args[2]
    t0 = f32_room(4096)
    for r in range(end - begin):
        first = (begin + r) * 64
        lanes = minimum(n - first, i64(64))
        out0 = f32_at(args[0] + (first * n) * 4, (lanes - 1) * n + n)
        x0 = f32_at(args[1] + (first * n) * 4, (lanes - 1) * n + n)
        x0_1 = f32_at(args[1] + first * 4, lanes + n*n - n)
        for tile in range(0, n, 64):
            last = minimum(tile + 64, n)
            for j in range(tile, last):
                for l in range(lanes):
                    t0[l * 64 + j - tile] = x0_1[j * n + l]
            for l in range(lanes):
                for j in range(tile, last):
                    v0 = x0[j + l * n]
                    v1 = t0[l * 64 + j - tile]
                    v2 = v0 + v1
                    out0[j + l * n] = v2


@program
def step(table):
    n = table[8]
    table[12], table[13], table[14] = table[10], table[9], table[8]
    grain0 = grain_of(((n + 63)//(64)), 192*n)
    parallel_for(region_0, table, 12, ((n + 63)//(64)), grain0, 192*n)
