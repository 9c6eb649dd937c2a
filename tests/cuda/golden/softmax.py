"""softmax: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 f32[n, c]
"""
from prelude import across_max, across_sum, eight, eight_of, exp, f32, f32_at, group, groups, inf, lane, lanes, launch, max_of, minimum, pieces_of, plus, program, put_eight, region, row_grid


@region
def region_0_sweep_0(args, pieces):
    """reduce_max -> subtract -> exp -> reduce_sum -> divide over (n, n1): sweep 0, over pieces of rows."""
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
    """reduce_max -> subtract -> exp -> reduce_sum -> divide over (n, n1): sweep 1, over pieces of rows."""
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
def region_0_sweep_2(args, pieces):
    """reduce_max -> subtract -> exp -> reduce_sum -> divide over (n, n1): sweep 2, over pieces of rows."""
    n = args[3]
    n1 = args[4]
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
        a1 = f32(0.0)
        part = row * pieces + lane()
        while part < (row + 1) * pieces:
            a1 = plus(a1, w1[part])
            part += lanes()
        a1 = across_sum(a1)
        out0 = f32_at(args[1] + (row * n1) * 4, n1)
        x0 = f32_at(args[2] + (row * n1) * 4, n1)
        first = begin + 8 * lane()
        while first < end:
            x0_eight = eight(x0, first, end)
            out0_eight = eight_of(out0)
            for q in range(8):
                v0 = x0_eight[q]
                v1 = v0 - a0
                v2 = exp(v1)
                v3 = v2 / a1
                out0_eight[q] = v3
            put_eight(out0, first, end, out0_eight)
            first += 8 * lanes()
        piece += groups()


@region
def region_0(args):
    """reduce_max -> subtract -> exp -> reduce_sum -> divide over (n, n1)."""
    n = args[2]
    n1 = args[3]
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
        out0 = f32_at(args[1] + (row * n1) * 4, n1)
        first = 8 * lane()
        while first < n1:
            x0_eight = eight(x0, first, n1)
            out0_eight = eight_of(out0)
            for q in range(8):
                v4 = x0_eight[q]
                v5 = v4 - a0
                v6 = exp(v5)
                v7 = v6 / a1
                out0_eight[q] = v7
            put_eight(out0, first, n1, out0_eight)
            first += 8 * lanes()
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    pieces0 = pieces_of(n, n1)
    if pieces0 > 1:
        grid0 = row_grid(pieces0 * n, -(-n1 // pieces0), 0, 8)
        launch(region_0_sweep_0, table, 13, *grid0, pieces0)
        launch(region_0_sweep_1, table, 17, *grid0, pieces0)
        launch(region_0_sweep_2, table, 21, *grid0, pieces0)
    else:
        grid1 = row_grid(n, n1, 0, 8)
        launch(region_0, table, 26, *grid1)
