"""column_sums_in_place: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
updates   x0 x f32[n, c]
inputs    x1 m f32[n, c]
returns   out0 f32[c]
returns   out1 f32[c]
returns   out2 b1[c]
"""
from prelude import b1, b1_at, band, bands, bands_of, column, column_grid, down_any, down_prod, down_sum, f32, f32_at, launch, level, levels, plus, program, region, times


@region
def region_0(args):
    """reduce_prod -> less -> multiply -> reduce_sum -> reduce_any over (n, n1)."""
    n = args[3]
    n1 = args[4]
    a0 = f32(1.0)
    chunk = band(n1)
    w0 = f32_at(args[1] + chunk * (4*n1), n1)
    a1 = f32(0.0)
    w1 = f32_at(args[1] + 1024*n1 + 262144 + chunk * (4*n1), n1)
    a2 = b1(False)
    w2 = b1_at(args[1] + 2048*n1 + 524288 + chunk * n1, n1)
    j = column(n1)
    if j < n1:
        row = band(n1) * levels() + level()
        while row < n:
            x1 = f32_at(args[0] + (row * n1) * 4, n1)
            x0 = f32_at(args[2] + (row * n1) * 4, n1)
            v0 = x1[j]
            a0 = times(a0, v0)
            v1 = x0[j]
            v2 = v1 * v0
            a1 = plus(a1, v2)
            v3 = v1 < v0
            a2 = a2 | v3
            x0[j] = v2
            row += bands(n1) * levels()
    a0 = down_prod(a0)
    if level() == 0 and j < n1:
        w0[j] = a0
    a1 = down_sum(a1)
    if level() == 0 and j < n1:
        w1[j] = a1
    a2 = down_any(a2)
    if level() == 0 and j < n1:
        w2[j] = a2


@region
def region_0_0(args, chunks):
    n1 = args[2]
    out1 = f32_at(args[0], n1)
    w0 = f32_at(args[1], chunks * n1)
    a0 = f32(1.0)
    j = column(n1)
    if j < n1:
        chunk = level()
        while chunk < chunks:
            a0 = times(a0, w0[chunk * n1 + j])
            chunk += levels()
    a0 = down_prod(a0)
    if level() == 0 and j < n1:
        out1[j] = a0


@region
def region_0_1(args, chunks):
    n1 = args[2]
    out0 = f32_at(args[0], n1)
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
        out0[j] = a0


@region
def region_0_2(args, chunks):
    n1 = args[2]
    out2 = b1_at(args[0], n1)
    w0 = b1_at(args[1] + 2048*n1 + 524288, chunks * n1)
    a0 = b1(False)
    j = column(n1)
    if j < n1:
        chunk = level()
        while chunk < chunks:
            a0 = b1(a0 | w0[chunk * n1 + j])
            chunk += levels()
    a0 = down_any(a0)
    if level() == 0 and j < n1:
        out2[j] = a0


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grid0 = column_grid(n, n1)
    launch(region_0, table, 16, *grid0)
    launch(region_0_0, table, 21, *column_grid(1, n1), bands_of(*grid0, n1))
    launch(region_0_1, table, 24, *column_grid(1, n1), bands_of(*grid0, n1))
    launch(region_0_2, table, 27, *column_grid(1, n1), bands_of(*grid0, n1))
