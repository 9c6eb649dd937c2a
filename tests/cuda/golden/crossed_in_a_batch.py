"""crossed_in_a_batch: 2 steps, generated; one file for every size.

sizes     n = b   n1 = n   n2 = m
inputs    x0 x f16[b, n, m]
inputs    x1 y f16[b, m, n]
inputs    x2 z f16[m]
returns   out0 f16[b, m, n]
returns   out1 f16[]
arena     s0 4 bytes
"""
from prelude import across_max, block, blocks, chunks_of, eight, eight_of, f16, f16_at, f16_tile, f32, f32_at, group, groups, inf, lane, lanes, launch, level, max_of, minimum, program, put_eight, region, row_grid, sync, tile_grid


@region
def region_0(args):
    """cast -> cast -> add -> cast -> multiply -> cast -> cast -> reduce_max over (n, n2, n1)."""
    n = args[5]
    n1 = args[6]
    n2 = args[7]
    t0 = f16_tile(0)
    a0 = f32(-inf)
    chunk = group()
    w0 = f32_at(args[4] + chunk * 4, 1)
    down = (n2 + 31) // 32
    across = (n1 + 31) // 32
    tile = block()
    while tile < (down * across) * n:
        left = tile % across * 32
        top = tile // across % down * 32
        row = tile // across // down
        out0 = f16_at(args[0] + (row * (n1*n2)) * 2, n1*n2)
        x0 = f16_at(args[1] + (row * (n1*n2)) * 2, n1*n2)
        x1 = f16_at(args[2] + (row * (n1*n2)) * 2, n1*n2)
        x2 = f16_at(args[3], n2)
        for q in range(4):
            k = level() + 8 * q
            i = minimum(top + lane(), n2 - 1)
            j = minimum(left + k, n1 - 1)
            t0[k * 33 + lane()] = x0[i + j * n2]
        sync()
        for q in range(4):
            k = level() + 8 * q
            i = minimum(top + k, n2 - 1)
            j = minimum(left + lane(), n1 - 1)
            v0 = t0[lane() * 33 + k]
            v1 = f32(v0)
            v2 = x1[i * n1 + j]
            v3 = f32(v2)
            v4 = v1 + v3
            v5 = x2[i]
            v6 = f32(v5)
            v7 = v4 * v6
            v8 = f16(v7)
            v9 = f32(v8)
            if top + k < n2 and left + lane() < n1:
                a0 = max_of(a0, v9)
                out0[i * n1 + j] = v8
        sync()
        tile += blocks()
    a0 = across_max(a0)
    if lane() == 0:
        w0[0] = a0


@region
def region_0_0(args, chunks):
    s0 = f32_at(args[0], 1)
    w0 = f32_at(args[1], chunks)
    a0 = f32(-inf)
    chunk = lane()
    while chunk < chunks:
        a0 = max_of(a0, w0[chunk])
        chunk += lanes()
    a0 = across_max(a0)
    if lane() == 0:
        s0[0] = a0


@region
def region_0_narrow(args):
    """cast -> cast -> add -> cast -> multiply -> cast -> cast -> reduce_max over (n, n2, n1)."""
    n = args[5]
    n1 = args[6]
    n2 = args[7]
    x2 = f16_at(args[3], n2)
    a0 = f32(-inf)
    chunk = group()
    w0 = f32_at(args[4] + chunk * 4, 1)
    row = group()
    while row < n*n2:
        row1 = row % n2
        row0 = row // n2
        out0 = f16_at(args[0] + (row0 * (n1*n2) + row1 * n1) * 2, n1)
        x0 = f16_at(args[1] + (row0 * (n1*n2) + row1) * 2, n1*n2 - n2 + 1)
        x1 = f16_at(args[2] + (row0 * (n1*n2) + row1 * n1) * 2, n1)
        v5 = x2[row1]
        first = 8 * lane()
        while first < n1:
            x1_eight = eight(x1, first, n1)
            out0_eight = eight_of(out0)
            for q in range(8):
                j = first + q
                if j < n1:
                    v0 = x0[j * n2]
                    v1 = f32(v0)
                    v2 = x1_eight[q]
                    v3 = f32(v2)
                    v4 = v1 + v3
                    v6 = f32(v5)
                    v7 = v4 * v6
                    v8 = f16(v7)
                    v9 = f32(v8)
                    a0 = max_of(a0, v9)
                    out0_eight[q] = v8
            put_eight(out0, first, n1, out0_eight)
            first += 8 * lanes()
        row += groups()
    a0 = across_max(a0)
    if lane() == 0:
        w0[0] = a0


@region
def region_1(args):
    s0 = f32_at(args[0], 1)
    out1 = f16_at(args[1], 1)
    v0 = f16(s0[0])
    out1[0] = v0


@program
def step(table):
    n = table[8]
    n1 = table[9]
    n2 = table[10]
    if n2 < 16 or n1 < 16:
        grid1 = row_grid(n*n2, n1, 1, 8)
        launch(region_0_narrow, table, 26, *grid1)
        launch(region_0_0, table, 16, *row_grid(1, chunks_of(*grid1), 0), chunks_of(*grid1))
    else:
        grid0 = tile_grid(n, n2, n1)
        launch(region_0, table, 18, *grid0)
        launch(region_0_0, table, 16, *row_grid(1, chunks_of(*grid0), 0), chunks_of(*grid0))
    launch(region_1, table, 34, 1, 1)
