"""argmax: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 i64[n]
"""
from prelude import across_argmax, across_max, eight, f32, f32_at, group, groups, i64, i64_at, inf, lane, lanes, launch, meet, minimum, pieces_of, program, region, row_grid, select


@region
def region_0_sweep_0(args, pieces):
    """reduce_argmax over (n, n1): sweep 0, over pieces of rows."""
    n = args[2]
    n1 = args[3]
    w0 = f32_at(args[1], pieces * n)
    w1 = i64_at(args[1] + 4096, pieces * n)
    span = ((n1 + pieces - 1) // pieces + 7) // 8 * 8
    piece = group()
    while piece < pieces * n:
        row = piece // pieces
        begin = piece % pieces * span
        end = minimum(begin + span, n1)
        x0 = f32_at(args[0] + (row * n1) * 4, n1)
        a0 = f32(-inf)
        at0 = i64(0)
        first = begin + 8 * lane()
        while first < end:
            x0_eight = eight(x0, first, end)
            for q in range(8):
                j = first + q
                if j < end:
                    v0 = x0_eight[q]
                    take0 = (v0 > a0) | ((v0 != v0) & (a0 == a0))
                    a0 = select(take0, v0, a0)
                    at0 = select(take0, i64(j), at0)
            first += 8 * lanes()
        at0 = across_argmax(a0, at0)
        a0 = across_max(a0)
        if lane() == 0:
            w1[piece] = at0
            w0[piece] = a0
        piece += groups()


@region
def region_0_rows(args, pieces):
    """reduce_argmax over (n, n1): of whole rows, behind the last sweep."""
    n = args[2]
    w0 = f32_at(args[0], pieces * n)
    w1 = i64_at(args[0] + 4096, pieces * n)
    out0 = i64_at(args[1], n)
    row = group()
    while row < n:
        a0 = f32(-inf)
        at0 = i64(0)
        part = row * pieces + lane()
        while part < (row + 1) * pieces:
            v0 = w0[part]
            take0 = (v0 > a0) | ((v0 != v0) & (a0 == a0))
            a0 = select(take0, v0, a0)
            at0 = select(take0, w1[part], at0)
            part += lanes()
        at0 = across_argmax(a0, at0)
        meet()
        if lane() == 0:
            out0[row] = at0
        row += groups()


@region
def region_0(args):
    """reduce_argmax over (n, n1)."""
    n = args[2]
    n1 = args[3]
    out0 = i64_at(args[1], n)
    row = group()
    while row < n:
        x0 = f32_at(args[0] + (row * n1) * 4, n1)
        a0 = f32(-inf)
        at0 = i64(0)
        first = 8 * lane()
        while first < n1:
            x0_eight = eight(x0, first, n1)
            for q in range(8):
                j = first + q
                if j < n1:
                    v0 = x0_eight[q]
                    take0 = (v0 > a0) | ((v0 != v0) & (a0 == a0))
                    a0 = select(take0, v0, a0)
                    at0 = select(take0, i64(j), at0)
            first += 8 * lanes()
        at0 = across_argmax(a0, at0)
        meet()
        if lane() == 0:
            out0[row] = at0
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    pieces0 = pieces_of(n, n1)
    if pieces0 > 1:
        grid0 = row_grid(pieces0 * n, -(-n1 // pieces0), 0, 8)
        launch(region_0_sweep_0, table, 13, *grid0, pieces0)
        grid1 = row_grid(n, pieces0, 0)
        launch(region_0_rows, table, 17, *grid1, pieces0)
    else:
        grid2 = row_grid(n, n1, 0, 8)
        launch(region_0, table, 20, *grid2)
