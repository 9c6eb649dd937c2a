"""columns: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 f32[c]
returns   out1 f32[c]
"""
from prelude import band, bands, bands_of, column, column_grid, down_max, down_sum, f32, f32_at, inf, launch, level, levels, max_of, plus, program, region


@region
def region_0(args):
    """reduce_max -> reduce_sum over (n, n1)."""
    n = args[2]
    n1 = args[3]
    a0 = f32(-inf)
    chunk = band(n1)
    w0 = f32_at(args[1] + chunk * (4*n1), n1)
    a1 = f32(0.0)
    w1 = f32_at(args[1] + 1024*n1 + 262144 + chunk * (4*n1), n1)
    j = column(n1)
    if j < n1:
        row = band(n1) * levels() + level()
        while row < n:
            x0 = f32_at(args[0] + (row * n1) * 4, n1)
            v0 = x0[j]
            a0 = max_of(a0, v0)
            a1 = plus(a1, v0)
            row += bands(n1) * levels()
    a0 = down_max(a0)
    if level() == 0 and j < n1:
        w0[j] = a0
    a1 = down_sum(a1)
    if level() == 0 and j < n1:
        w1[j] = a1


@region
def region_0_0(args, chunks):
    n1 = args[2]
    out0 = f32_at(args[0], n1)
    w0 = f32_at(args[1], chunks * n1)
    a0 = f32(-inf)
    j = column(n1)
    if j < n1:
        chunk = level()
        while chunk < chunks:
            a0 = max_of(a0, w0[chunk * n1 + j])
            chunk += levels()
    a0 = down_max(a0)
    if level() == 0 and j < n1:
        out0[j] = a0


@region
def region_0_1(args, chunks):
    n1 = args[2]
    out1 = f32_at(args[0], n1)
    w0 = f32_at(args[1] + 1024*n1 + 262144, chunks * n1)
    a0 = f32(0.0)
    j = column(n1)
    if j < n1:
        chunk = level()
        while chunk < chunks:
            a0 = plus(a0, w0[chunk * n1 + j])
            chunk += levels()
    a0 = down_sum(a0)
    if level() == 0 and j < n1:
        out1[j] = a0


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grid0 = column_grid(n, n1)
    launch(region_0, table, 14, *grid0)
    launch(region_0_0, table, 18, *column_grid(1, n1), bands_of(*grid0, n1))
    launch(region_0_1, table, 21, *column_grid(1, n1), bands_of(*grid0, n1))
