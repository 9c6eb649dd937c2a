"""crossed: 1 steps, generated; one file for every size.

sizes     n = n
inputs    x0 x f32[n, n]
returns   out0 f32[n, n]
"""
from prelude import block, blocks, f32_at, f32_tile, lane, launch, level, minimum, program, region, sync, tile_grid


@region
def region_0(args):
    """add over (n, n)."""
    n = args[2]
    t0 = f32_tile(0)
    down = (n + 31) // 32
    across = (n + 31) // 32
    tile = block()
    while tile < down * across:
        left = tile % across * 32
        top = tile // across * 32
        out0 = f32_at(args[0], n*n)
        x0 = f32_at(args[1], n*n)
        x0_1 = f32_at(args[1], n*n)
        for q in range(4):
            k = level() + 8 * q
            i = minimum(top + lane(), n - 1)
            j = minimum(left + k, n - 1)
            t0[k * 33 + lane()] = x0_1[i + j * n]
        sync()
        for q in range(4):
            k = level() + 8 * q
            i = minimum(top + k, n - 1)
            j = minimum(left + lane(), n - 1)
            v0 = x0[i * n + j]
            v1 = t0[lane() * 33 + k]
            v2 = v0 + v1
            if top + k < n and left + lane() < n:
                out0[i * n + j] = v2
        sync()
        tile += blocks()


@program
def step(table):
    n = table[8]
    grid0 = tile_grid(1, n, n)
    launch(region_0, table, 12, *grid0)
