"""row_and_column_sums: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
inputs    x1 g f32[n, c]
returns   out0 f32[n, c]
returns   out1 f32[c]
returns   out2 f32[]
returns   out3 f32[]
"""
from prelude import across_max, across_sum, chunks_of, column, column_grid, down_sum, f32, f32_at, four, four_of, group, groups, inf, lane, lanes, launch, level, levels, max_of, meet, minimum, pieces_of, plus, program, put_four, region, row_grid


@region
def region_0_sweep_0(args, pieces):
    """reduce_sum -> multiply -> reduce_sum -> reduce_sum -> reduce_max over (n, n1): sweep 0, over pieces of rows."""
    n = args[2]
    n1 = args[3]
    w0 = f32_at(args[1], pieces * n)
    span = ((n1 + pieces - 1) // pieces + 3) // 4 * 4
    piece = group()
    while piece < pieces * n:
        row = piece // pieces
        begin = piece % pieces * span
        end = minimum(begin + span, n1)
        x0 = f32_at(args[0] + (row * n1) * 4, n1)
        a0 = f32(0.0)
        first = begin + 4 * lane()
        while first < end:
            x0_four = four(x0, first, end)
            for q in range(4):
                j = first + q
                if j < end:
                    v0 = x0_four[q]
                    a0 = plus(a0, v0)
            first += 4 * lanes()
        a0 = across_sum(a0)
        if lane() == 0:
            w0[piece] = a0
        piece += groups()


@region
def region_0_sweep_1(args, pieces):
    """reduce_sum -> multiply -> reduce_sum -> reduce_sum -> reduce_max over (n, n1): sweep 1, over pieces of rows."""
    n = args[3]
    n1 = args[4]
    w0 = f32_at(args[0], pieces * n)
    w1 = f32_at(args[0] + 262144, n1)
    a1 = f32(0.0)
    chunk = group()
    w2 = f32_at(args[0] + 64*((n1 + 15)//(16)) + 262144 + chunk * 4, 1)
    span = ((n1 + pieces - 1) // pieces + 3) // 4 * 4
    share = group()
    while share < pieces:
        begin = share * span
        end = minimum(begin + span, n1)
        j = begin + lane()
        while j < end:
            w1[j] = f32(0.0)
            j += lanes()
        meet()
        row = 0
        while row < n:
            piece = row * pieces + share
            a0 = f32(0.0)
            part = row * pieces + lane()
            while part < (row + 1) * pieces:
                a0 = plus(a0, w0[part])
                part += lanes()
            a0 = across_sum(a0)
            out0 = f32_at(args[1] + (row * n1) * 4, n1)
            x1 = f32_at(args[2] + (row * n1) * 4, n1)
            first = begin + 4 * lane()
            while first < end:
                x1_four = four(x1, first, end)
                w1_four = four(w1, first, end)
                out0_four = four_of(out0)
                for q in range(4):
                    j = first + q
                    if j < end:
                        v0 = x1_four[q]
                        v1 = v0 * a0
                        a1 = plus(a1, v1)
                        out0_four[q] = v1
                        w1_four[q] = plus(w1_four[q], v1)
                put_four(out0, first, end, out0_four)
                put_four(w1, first, end, w1_four)
                first += 4 * lanes()
            row += 1
        share += groups()
    a1 = across_sum(a1)
    if lane() == 0:
        w2[0] = a1


@region
def region_0_sweep_1_0(args, chunks):
    n1 = args[2]
    out2 = f32_at(args[0], 1)
    w0 = f32_at(args[1] + 64*((n1 + 15)//(16)) + 262144, chunks)
    a0 = f32(0.0)
    chunk = lane()
    while chunk < chunks:
        a0 = plus(a0, w0[chunk])
        chunk += lanes()
    a0 = across_sum(a0)
    if lane() == 0:
        out2[0] = a0


@region
def region_0_sweep_1_columns_0(args, chunks):
    n1 = args[2]
    out1 = f32_at(args[0], n1)
    w0 = f32_at(args[1] + 262144, chunks * n1)
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
def region_0_rows(args, pieces):
    """reduce_sum -> multiply -> reduce_sum -> reduce_sum -> reduce_max over (n, n1): of whole rows, behind the last sweep."""
    n = args[1]
    n1 = args[2]
    w0 = f32_at(args[0], pieces * n)
    a1 = f32(-inf)
    chunk = group()
    w1 = f32_at(args[0] + 64*((n1 + 15)//(16)) + 525312 + chunk * 4, 1)
    row = group()
    while row < n:
        a0 = f32(0.0)
        part = row * pieces + lane()
        while part < (row + 1) * pieces:
            a0 = plus(a0, w0[part])
            part += lanes()
        a0 = across_sum(a0)
        if lane() == 0:
            a1 = max_of(a1, a0)
        row += groups()
    a1 = across_max(a1)
    if lane() == 0:
        w1[0] = a1


@region
def region_0_rows_0(args, chunks):
    n1 = args[2]
    out3 = f32_at(args[0], 1)
    w0 = f32_at(args[1] + 64*((n1 + 15)//(16)) + 525312, chunks)
    a0 = f32(-inf)
    chunk = lane()
    while chunk < chunks:
        a0 = max_of(a0, w0[chunk])
        chunk += lanes()
    a0 = across_max(a0)
    if lane() == 0:
        out3[0] = a0


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
    pieces0 = pieces_of(4, n1)
    if pieces0 > n:
        grid0 = row_grid(pieces0 * n, -(-n1 // pieces0), 1, 4)
        launch(region_0_sweep_0, table, 17, *grid0, pieces0)
        grid1 = row_grid(pieces0, -(-n1 // pieces0), 1, 4)
        launch(region_0_sweep_1, table, 21, *grid1, pieces0)
        grid2 = row_grid(n, pieces0, 1)
        launch(region_0_rows, table, 32, *grid2, pieces0)
        launch(region_0_sweep_1_0, table, 26, *row_grid(1, chunks_of(*grid1), 0), chunks_of(*grid1))
        launch(region_0_sweep_1_columns_0, table, 29, *column_grid(1, n1), 1)
        launch(region_0_rows_0, table, 35, *row_grid(1, chunks_of(*grid2), 0), chunks_of(*grid2))
    else:
        grid3 = row_grid(n, n1, n1, 4)
        launch(region_0, table, 38, *grid3)
        launch(region_0_0, table, 15, *row_grid(1, chunks_of(*grid3), 0), chunks_of(*grid3))
        launch(region_0_1, table, 44, *column_grid(1, n1), chunks_of(*grid3))
        launch(region_0_2, table, 47, *row_grid(1, chunks_of(*grid3), 0), chunks_of(*grid3))
