"""middle: 1 steps, generated; one file for every size.

sizes     n = n   n1 = m   n2 = c
inputs    x0 x f32[n, m, c]
returns   out0 f32[n, c]
"""
from prelude import across_sum, f32, f32_at, group, groups, lane, lanes, launch, meet, minimum, pieces_of, plus, program, region, row_grid, touching_grid


@region
def region_0_sweep_0(args, pieces):
    """reduce_sum over (n, n2, n1): sweep 0, over pieces of rows."""
    n = args[2]
    n1 = args[3]
    n2 = args[4]
    w0 = f32_at(args[1], pieces * (n*n2))
    span = (n1 + pieces - 1) // pieces
    piece = group()
    while piece < pieces * (n*n2):
        row = piece // pieces
        begin = piece % pieces * span
        end = minimum(begin + span, n1)
        row1 = row % n2
        row0 = row // n2
        x0 = f32_at(args[0] + (row0 * (n1*n2) + row1) * 4, n1*n2 - n2 + 1)
        a0 = f32(0.0)
        j = begin + lane()
        while j < end:
            v0 = x0[j * n2]
            a0 = plus(a0, v0)
            j += lanes()
        a0 = across_sum(a0)
        if lane() == 0:
            w0[piece] = a0
        piece += groups()


@region
def region_0_rows(args, pieces):
    """reduce_sum over (n, n2, n1): of whole rows, behind the last sweep."""
    n = args[2]
    n2 = args[3]
    w0 = f32_at(args[0], pieces * (n*n2))
    out0 = f32_at(args[1], n*n2)
    row = group()
    while row < n*n2:
        row1 = row % n2
        row0 = row // n2
        a0 = f32(0.0)
        part = row * pieces + lane()
        while part < (row + 1) * pieces:
            a0 = plus(a0, w0[part])
            part += lanes()
        a0 = across_sum(a0)
        meet()
        if lane() == 0:
            out0[row0 * n2 + row1] = a0
        row += groups()


@region
def region_0(args):
    """reduce_sum over (n, n2, n1)."""
    n = args[2]
    n1 = args[3]
    n2 = args[4]
    out0 = f32_at(args[1], n*n2)
    row = group()
    while row < n*n2:
        row1 = row % n2
        row0 = row // n2
        x0 = f32_at(args[0] + (row0 * (n1*n2) + row1) * 4, n1*n2 - n2 + 1)
        a0 = f32(0.0)
        j = lane()
        while j < n1:
            v0 = x0[j * n2]
            a0 = plus(a0, v0)
            j += lanes()
        a0 = across_sum(a0)
        meet()
        if lane() == 0:
            out0[row0 * n2 + row1] = a0
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    n2 = table[10]
    pieces0 = pieces_of(n*n2, n1)
    if pieces0 > 1:
        grid0 = row_grid(pieces0 * (n*n2), -(-n1 // pieces0), 0)
        launch(region_0_sweep_0, table, 14, *grid0, pieces0)
        grid1 = row_grid(n*n2, pieces0, 0)
        launch(region_0_rows, table, 19, *grid1, pieces0)
    else:
        grid2 = touching_grid(n*n2, n1, 0)
        launch(region_0, table, 23, *grid2)
