"""log_sum_exp: 2 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
updates   x1 m f32[n]
returns   out0 f32[]
arena     s0 4*n bytes
"""
from prelude import across_max, across_sum, chunks_of, eight, exp, f32, f32_at, flat_grid, four, group, groups, inf, lane, lanes, launch, log, max_of, meet, minimum, pieces_of, plus, program, put_four, region, row_grid, thread, threads


@region
def region_0_sweep_0(args, pieces):
    """reduce_max -> subtract -> exp -> reduce_sum -> log -> add -> reduce_max over (n, n1): sweep 0, over pieces of rows."""
    n = args[2]
    n1 = args[3]
    w0 = f32_at(args[1], pieces * n)
    span = ((n1 + pieces - 1) // pieces + 7) // 8 * 8
    piece = group()
    while piece < pieces * n:
        row = piece // pieces
        begin = piece % pieces * span
        end = minimum(begin + span, n1)
        x0 = f32_at(args[0] + (row * n1) * 4, n1)
        a0 = f32(-inf)
        first = begin + 8 * lane()
        while first < end:
            x0_eight = eight(x0, first, end)
            for q in range(8):
                j = first + q
                if j < end:
                    v0 = x0_eight[q]
                    a0 = max_of(a0, v0)
            first += 8 * lanes()
        a0 = across_max(a0)
        if lane() == 0:
            w0[piece] = a0
        piece += groups()


@region
def region_0_sweep_1(args, pieces):
    """reduce_max -> subtract -> exp -> reduce_sum -> log -> add -> reduce_max over (n, n1): sweep 1, over pieces of rows."""
    n = args[2]
    n1 = args[3]
    w0 = f32_at(args[0], pieces * n)
    w1 = f32_at(args[0] + 4096, pieces * n)
    span = ((n1 + pieces - 1) // pieces + 7) // 8 * 8
    piece = group()
    while piece < pieces * n:
        row = piece // pieces
        begin = piece % pieces * span
        end = minimum(begin + span, n1)
        a0 = f32(-inf)
        part = row * pieces + lane()
        while part < (row + 1) * pieces:
            a0 = max_of(a0, w0[part])
            part += lanes()
        a0 = across_max(a0)
        x0 = f32_at(args[1] + (row * n1) * 4, n1)
        a1 = f32(0.0)
        first = begin + 8 * lane()
        while first < end:
            x0_eight = eight(x0, first, end)
            for q in range(8):
                j = first + q
                if j < end:
                    v0 = x0_eight[q]
                    v1 = v0 - a0
                    v2 = exp(v1)
                    a1 = plus(a1, v2)
            first += 8 * lanes()
        a1 = across_sum(a1)
        if lane() == 0:
            w1[piece] = a1
        piece += groups()


@region
def region_0_rows(args, pieces):
    """reduce_max -> subtract -> exp -> reduce_sum -> log -> add -> reduce_max over (n, n1): of whole rows, behind the last sweep."""
    n = args[2]
    w0 = f32_at(args[0], pieces * n)
    w1 = f32_at(args[0] + 4096, pieces * n)
    s0 = f32_at(args[1], n)
    a2 = f32(-inf)
    chunk = group()
    w2 = f32_at(args[0] + 8192 + chunk * 4, 1)
    row = group()
    while row < n:
        a0 = f32(-inf)
        part = row * pieces + lane()
        while part < (row + 1) * pieces:
            a0 = max_of(a0, w0[part])
            part += lanes()
        a0 = across_max(a0)
        a1 = f32(0.0)
        part = row * pieces + lane()
        while part < (row + 1) * pieces:
            a1 = plus(a1, w1[part])
            part += lanes()
        a1 = across_sum(a1)
        v0 = log(a1)
        v1 = v0 + a0
        meet()
        if lane() == 0:
            s0[row] = v1
        if lane() == 0:
            a2 = max_of(a2, v1)
        row += groups()
    a2 = across_max(a2)
    if lane() == 0:
        w2[0] = a2


@region
def region_0_rows_0(args, chunks):
    out0 = f32_at(args[0], 1)
    w0 = f32_at(args[1] + 8192, chunks)
    a0 = f32(-inf)
    chunk = lane()
    while chunk < chunks:
        a0 = max_of(a0, w0[chunk])
        chunk += lanes()
    a0 = across_max(a0)
    if lane() == 0:
        out0[0] = a0


@region
def region_0(args):
    """reduce_max -> subtract -> exp -> reduce_sum -> log -> add -> reduce_max over (n, n1)."""
    n = args[3]
    n1 = args[4]
    s0 = f32_at(args[1], n)
    a2 = f32(-inf)
    chunk = group()
    w0 = f32_at(args[2] + chunk * 4, 1)
    row = group()
    while row < n:
        x0 = f32_at(args[0] + (row * n1) * 4, n1)
        a0 = f32(-inf)
        first = 8 * lane()
        while first < n1:
            x0_eight = eight(x0, first, n1)
            for q in range(8):
                j = first + q
                if j < n1:
                    v0 = x0_eight[q]
                    a0 = max_of(a0, v0)
            first += 8 * lanes()
        a0 = across_max(a0)
        a1 = f32(0.0)
        first = 8 * lane()
        while first < n1:
            x0_eight = eight(x0, first, n1)
            for q in range(8):
                j = first + q
                if j < n1:
                    v1 = x0_eight[q]
                    v2 = v1 - a0
                    v3 = exp(v2)
                    a1 = plus(a1, v3)
            first += 8 * lanes()
        a1 = across_sum(a1)
        v4 = log(a1)
        v5 = v4 + a0
        meet()
        if lane() == 0:
            s0[row] = v5
        if lane() == 0:
            a2 = max_of(a2, v5)
        row += groups()
    a2 = across_max(a2)
    if lane() == 0:
        w0[0] = a2


@region
def region_0_0(args, chunks):
    out0 = f32_at(args[0], 1)
    w0 = f32_at(args[1], chunks)
    a0 = f32(-inf)
    chunk = lane()
    while chunk < chunks:
        a0 = max_of(a0, w0[chunk])
        chunk += lanes()
    a0 = across_max(a0)
    if lane() == 0:
        out0[0] = a0


@region
def region_1(args):
    """add over (n)."""
    n = args[2]
    x1 = f32_at(args[0], n)
    s0 = f32_at(args[1], n)
    first = 4 * thread()
    while first < n:
        x1_four = four(x1, first, n)
        s0_four = four(s0, first, n)
        for q in range(4):
            v0 = x1_four[q]
            v1 = s0_four[q]
            v2 = v0 + v1
            x1_four[q] = v2
        put_four(x1, first, n, x1_four)
        first += 4 * threads()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    pieces0 = pieces_of(n, n1)
    if pieces0 > 1:
        grid0 = row_grid(pieces0 * n, -(-n1 // pieces0), 1, 8)
        launch(region_0_sweep_0, table, 15, *grid0, pieces0)
        launch(region_0_sweep_1, table, 19, *grid0, pieces0)
        grid1 = row_grid(n, pieces0, 1)
        launch(region_0_rows, table, 23, *grid1, pieces0)
        launch(region_0_rows_0, table, 26, *row_grid(1, chunks_of(*grid1), 0), chunks_of(*grid1))
    else:
        grid2 = row_grid(n, n1, 1, 8)
        launch(region_0, table, 28, *grid2)
        launch(region_0_0, table, 33, *row_grid(1, chunks_of(*grid2), 0), chunks_of(*grid2))
    grid3 = flat_grid(n, 4)
    launch(region_1, table, 35, *grid3)
