"""variance: 3 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 f32[c]
arena     s0 4*c bytes
"""
from prelude import band, bands, bands_of, column, column_grid, down_sum, eight, f32, f32_at, flat_grid, i64, launch, level, levels, plus, program, put_eight, region, thread, threads


@region
def region_0(args):
    """reduce_sum over (n, n1)."""
    n = args[2]
    n1 = args[3]
    a0 = f32(0.0)
    chunk = band(n1)
    w0 = f32_at(args[1] + chunk * (4*n1), n1)
    j = column(n1)
    if j < n1:
        row = band(n1) * levels() + level()
        while row < n:
            x0 = f32_at(args[0] + (row * n1) * 4, n1)
            v0 = x0[j]
            a0 = plus(a0, v0)
            row += bands(n1) * levels()
    a0 = down_sum(a0)
    if level() == 0 and j < n1:
        w0[j] = a0


@region
def region_0_0(args, chunks):
    n1 = args[2]
    s0 = f32_at(args[0], n1)
    w0 = f32_at(args[1], chunks * n1)
    a0 = f32(0.0)
    j = column(n1)
    if j < n1:
        chunk = level()
        while chunk < chunks:
            a0 = plus(a0, w0[chunk * n1 + j])
            chunk += levels()
    a0 = down_sum(a0)
    if level() == 0 and j < n1:
        s0[j] = a0


@region
def region_1(args):
    """divide over (n1)."""
    n = args[1]
    n1 = args[2]
    v1 = i64(n)
    v2 = f32(v1)
    s0 = f32_at(args[0], n1)
    first = 8 * thread()
    while first < n1:
        s0_eight = eight(s0, first, n1)
        for q in range(8):
            v0 = s0_eight[q]
            v3 = v0 / v2
            s0_eight[q] = v3
        put_eight(s0, first, n1, s0_eight)
        first += 8 * threads()


@region
def region_2(args):
    """subtract -> multiply -> reduce_sum over (n, n1)."""
    n = args[3]
    n1 = args[4]
    a0 = f32(0.0)
    chunk = band(n1)
    w0 = f32_at(args[2] + chunk * (4*n1), n1)
    j = column(n1)
    if j < n1:
        row = band(n1) * levels() + level()
        while row < n:
            x0 = f32_at(args[0] + (row * n1) * 4, n1)
            s0 = f32_at(args[1], n1)
            v0 = x0[j]
            v1 = s0[j]
            v2 = v0 - v1
            v3 = v2 * v2
            a0 = plus(a0, v3)
            row += bands(n1) * levels()
    a0 = down_sum(a0)
    if level() == 0 and j < n1:
        w0[j] = a0


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grid0 = column_grid(n, n1)
    launch(region_0, table, 14, *grid0)
    launch(region_0_0, table, 18, *column_grid(1, n1), bands_of(*grid0, n1))
    grid1 = flat_grid(n1, 8)
    launch(region_1, table, 21, *grid1)
    grid2 = column_grid(n, n1)
    launch(region_2, table, 24, *grid2)
    launch(region_0_0, table, 29, *column_grid(1, n1), bands_of(*grid2, n1))
