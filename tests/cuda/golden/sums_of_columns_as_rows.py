"""sums_of_columns_as_rows: 1 steps, generated; one file for every size.

sizes     n = c   n1 = n
inputs    x0 x f64[c, n]
returns   out0 f64[n]
"""
from prelude import across_sum, exp, f64, f64_at, group, groups, lane, lanes, launch, meet, minimum, pieces_of, plus, program, region, row_grid, sqrt, touching_grid


@region
def region_0_sweep_0(args, pieces):
    """exp -> reduce_sum -> sqrt over (n1, n): sweep 0, over pieces of rows."""
    n = args[2]
    n1 = args[3]
    w0 = f64_at(args[1], pieces * n1)
    span = (n + pieces - 1) // pieces
    piece = group()
    while piece < pieces * n1:
        row = piece // pieces
        begin = piece % pieces * span
        end = minimum(begin + span, n)
        x0 = f64_at(args[0] + row * 8, n*n1 - n1 + 1)
        a0 = f64(0.0)
        j = begin + lane()
        while j < end:
            v0 = x0[j * n1]
            v1 = exp(v0)
            a0 = plus(a0, v1)
            j += lanes()
        a0 = across_sum(a0)
        if lane() == 0:
            w0[piece] = a0
        piece += groups()


@region
def region_0_rows(args, pieces):
    """exp -> reduce_sum -> sqrt over (n1, n): of whole rows, behind the last sweep."""
    n1 = args[2]
    w0 = f64_at(args[0], pieces * n1)
    out0 = f64_at(args[1], n1)
    row = group()
    while row < n1:
        a0 = f64(0.0)
        part = row * pieces + lane()
        while part < (row + 1) * pieces:
            a0 = plus(a0, w0[part])
            part += lanes()
        a0 = across_sum(a0)
        v0 = sqrt(a0)
        meet()
        if lane() == 0:
            out0[row] = v0
        row += groups()


@region
def region_0(args):
    """exp -> reduce_sum -> sqrt over (n1, n)."""
    n = args[2]
    n1 = args[3]
    out0 = f64_at(args[1], n1)
    row = group()
    while row < n1:
        x0 = f64_at(args[0] + row * 8, n*n1 - n1 + 1)
        a0 = f64(0.0)
        j = lane()
        while j < n:
            v0 = x0[j * n1]
            v1 = exp(v0)
            a0 = plus(a0, v1)
            j += lanes()
        a0 = across_sum(a0)
        v2 = sqrt(a0)
        meet()
        if lane() == 0:
            out0[row] = v2
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    pieces0 = pieces_of(n1, n)
    if pieces0 > 1:
        grid0 = row_grid(pieces0 * n1, -(-n // pieces0), 0)
        launch(region_0_sweep_0, table, 13, *grid0, pieces0)
        grid1 = row_grid(n1, pieces0, 0)
        launch(region_0_rows, table, 17, *grid1, pieces0)
    else:
        grid2 = touching_grid(n1, n, 0)
        launch(region_0, table, 20, *grid2)
