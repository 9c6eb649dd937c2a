"""row_and_column_sums: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
inputs    x1 g f32[n, c]
returns   out0 f32[n, c]
returns   out1 f32[c]
returns   out2 f32[]
returns   out3 f32[]
"""
from prelude import across_max, across_sum, chunks_of, column, column_grid, down_sum, f32, f32_at, four, four_of, group, groups, inf, lane, lanes, launch, level, levels, max_of, meet, plus, program, put_four, region, row_grid


@region
def region_0(args):
    """reduce_sum -> multiply -> reduce_sum -> reduce_sum -> reduce_max over (n, n1)."""
    n = args[4]
    n1 = args[5]
    a1 = f32(-inf)
    chunk = group()
    w0 = f32_at(args[1] + chunk * 4, 1)
    w1 = f32_at(args[1] + 263168 + chunk * (4*n1), n1)
    j = lane()
    while j < n1:
        w1[j] = f32(0.0)
        j += lanes()
    meet()
    a2 = f32(0.0)
    w2 = f32_at(args[1] + 1024*n1 + 525312 + chunk * 4, 1)
    row = group()
    while row < n:
        x0 = f32_at(args[0] + (row * n1) * 4, n1)
        a0 = f32(0.0)
        first = 4 * lane()
        while first < n1:
            x0_four = four(x0, first, n1)
            for q in range(4):
                j = first + q
                if j < n1:
                    v0 = x0_four[q]
                    a0 = plus(a0, v0)
            first += 4 * lanes()
        a0 = across_sum(a0)
        if lane() == 0:
            a1 = max_of(a1, a0)
        out0 = f32_at(args[2] + (row * n1) * 4, n1)
        x1 = f32_at(args[3] + (row * n1) * 4, n1)
        first = 4 * lane()
        while first < n1:
            x1_four = four(x1, first, n1)
            w1_four = four(w1, first, n1)
            out0_four = four_of(out0)
            for q in range(4):
                j = first + q
                if j < n1:
                    v1 = x1_four[q]
                    v2 = v1 * a0
                    a2 = plus(a2, v2)
                    out0_four[q] = v2
                    w1_four[q] = plus(w1_four[q], v2)
            put_four(out0, first, n1, out0_four)
            put_four(w1, first, n1, w1_four)
            first += 4 * lanes()
        row += groups()
    a1 = across_max(a1)
    if lane() == 0:
        w0[0] = a1
    a2 = across_sum(a2)
    if lane() == 0:
        w2[0] = a2


@region
def region_0_0(args, chunks):
    out3 = f32_at(args[0], 1)
    w0 = f32_at(args[1], chunks)
    a0 = f32(-inf)
    chunk = lane()
    while chunk < chunks:
        a0 = max_of(a0, w0[chunk])
        chunk += lanes()
    a0 = across_max(a0)
    if lane() == 0:
        out3[0] = a0


@region
def region_0_1(args, chunks):
    n1 = args[2]
    out1 = f32_at(args[0], n1)
    w0 = f32_at(args[1] + 263168, chunks * n1)
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


@region
def region_0_2(args, chunks):
    n1 = args[2]
    out2 = f32_at(args[0], 1)
    w0 = f32_at(args[1] + 1024*n1 + 525312, chunks)
    a0 = f32(0.0)
    chunk = lane()
    while chunk < chunks:
        a0 = plus(a0, w0[chunk])
        chunk += lanes()
    a0 = across_sum(a0)
    if lane() == 0:
        out2[0] = a0


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grid0 = row_grid(n, n1, n1, 4)
    launch(region_0, table, 17, *grid0)
    launch(region_0_0, table, 15, *row_grid(1, chunks_of(*grid0), 0), chunks_of(*grid0))
    launch(region_0_1, table, 23, *column_grid(1, n1), chunks_of(*grid0))
    launch(region_0_2, table, 26, *row_grid(1, chunks_of(*grid0), 0), chunks_of(*grid0))
