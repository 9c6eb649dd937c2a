"""updates: 4 steps, generated; one file for every size.

sizes     n = n
updates   x0 w f32[30, 40]
updates   x1 v f32[30, 40]
updates   x2 b f32[40]
updates   x3 u f32[40]
inputs    x4 x f32[n, 30]
inputs    x5 g f32[n, 40]
arena     s0 4800 bytes
arena     s1 160 bytes
"""
from prelude import band, bands, bands_of, column, column_grid, down_sum, f32, f32_at, flat_grid, four, gemm_tn, launch, level, levels, plus, program, put_four, region, thread, threads


@region
def region_1(args):
    """reduce_sum over (n, 40)."""
    n = args[2]
    a0 = f32(0.0)
    chunk = band(40)
    w0 = f32_at(args[1] + chunk * 160, 40)
    j = column(40)
    if j < 40:
        row = band(40) * levels() + level()
        while row < n:
            x5 = f32_at(args[0] + (row * 40) * 4, 40)
            v0 = x5[j]
            a0 = plus(a0, v0)
            row += bands(40) * levels()
    a0 = down_sum(a0)
    if level() == 0 and j < 40:
        w0[j] = a0


@region
def region_1_0(args, chunks):
    s1 = f32_at(args[0], 40)
    w0 = f32_at(args[1], chunks * 40)
    a0 = f32(0.0)
    j = column(40)
    if j < 40:
        chunk = level()
        while chunk < chunks:
            a0 = plus(a0, w0[chunk * 40 + j])
            chunk += levels()
    a0 = down_sum(a0)
    if level() == 0 and j < 40:
        s1[j] = a0


@region
def region_2(args, parts):
    """multiply -> add -> subtract over (30, 40)."""
    at = 0
    begin = 0
    part = thread()
    while part < parts:
        count = (args[at] + 3) // 4
        while part >= begin + count:
            begin += count
            at += 4
            count = (args[at] + 3) // 4
        points = args[at]
        first = 4 * (part - begin)
        x1 = f32_at(args[at + 1], points)
        s0 = f32_at(args[at + 2], points)
        x0 = f32_at(args[at + 3], points)
        x1_four = four(x1, first, points)
        s0_four = four(s0, first, points)
        x0_four = four(x0, first, points)
        for q in range(4):
            v0 = x1_four[q]
            v1 = f32(0.9) * v0
            v2 = s0_four[q]
            v3 = v1 + v2
            v4 = x0_four[q]
            v5 = v4 - v3
            x1_four[q] = v3
            x0_four[q] = v5
        put_four(x1, first, points, x1_four)
        put_four(x0, first, points, x0_four)
        part += threads()


@program
def step(table):
    n = table[8]
    s0 = f32_at(table[15], 1200)
    x4 = f32_at(table[13], 30*n)
    x5 = f32_at(table[14], 40*n)
    gemm_tn(table, s0, x4, x5, 30, n, 40, 30, 40, 40, f32(1.0), f32(0.0))
    grid0 = column_grid(n, 40)
    launch(region_1, table, 18, *grid0)
    launch(region_1_0, table, 16, *column_grid(1, 40), bands_of(*grid0, 40))
    launch(region_2, table, 21, *flat_grid(310), 310)
