"""scan_and_join: 2 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f64[n, c]
returns   out0 f64[n, 2*c]
arena     s0 8*c*n bytes
"""
from prelude import across_before, across_sum, f64, f64_at, four, four_of, group, groups, lane, lanes, launch, minimum, pieces_of, plus, program, put_four, region, row_grid, scan_grid


@region
def region_0_pieces(args, pieces):
    n = args[2]
    n1 = args[3]
    x0 = f64_at(args[0], n*n1)
    w0 = f64_at(args[1], pieces * n)
    span = ((n1 + pieces - 1) // pieces + 3) // 4 * 4
    piece = group()
    while piece < pieces * n:
        row = piece // pieces
        begin = piece % pieces * span
        end = minimum(begin + span, n1)
        if piece % pieces < pieces - 1:
            a0 = f64(-0.0)
            t = begin + lane()
            while t < end:
                a0 = plus(a0, x0[row * n1 + t])
                t += lanes()
            a0 = across_sum(a0)
            if lane() == 0:
                w0[piece] = a0
        piece += groups()


@region
def region_0(args, pieces):
    n = args[3]
    n1 = args[4]
    x0 = f64_at(args[0], n*n1)
    s0 = f64_at(args[1], n*n1)
    w0 = f64_at(args[2], pieces * n)
    span = ((n1 + pieces - 1) // pieces + 3) // 4 * 4
    piece = group()
    while piece < pieces * n:
        row = piece // pieces
        begin = piece % pieces * span
        end = minimum(begin + span, n1)
        a0 = f64(-0.0)
        earlier = row * pieces + lane()
        while earlier < piece:
            a0 = plus(a0, w0[earlier])
            earlier += lanes()
        carry = across_sum(a0)
        tile = begin
        while tile < end:
            first = tile + 4 * lane()
            terms = four(x0, row * n1 + first, row * n1 + end)
            mine = f64(-0.0)
            for q in range(4):
                t = first + q
                if t < end:
                    mine = plus(mine, terms[q])
            before, whole = across_before(mine, f64(-0.0))
            s = plus(carry, before)
            states = four_of(s0)
            for q in range(4):
                t = first + q
                if t < end:
                    s = plus(s, terms[q])
                    states[q] = s
            put_four(s0, row * n1 + first, row * n1 + end, states)
            carry = plus(carry, whole)
            tile += 4 * lanes()
        piece += groups()


@region
def region_1_0(args):
    n = args[2]
    n1 = args[3]
    row = group()
    while row < n:
        out0 = f64_at(args[0] + (row * (2*n1)) * 8, n1)
        x0 = f64_at(args[1] + (row * n1) * 8, n1)
        first = 4 * lane()
        while first < n1:
            x0_four = four(x0, first, n1)
            out0_four = four_of(out0)
            for q in range(4):
                out0_four[q] = x0_four[q]
            put_four(out0, first, n1, out0_four)
            first += 4 * lanes()
        row += groups()


@region
def region_1_1(args):
    n = args[2]
    n1 = args[3]
    row = group()
    while row < n:
        out0 = f64_at(args[0] + (row * (2*n1) + n1) * 8, n1)
        s0 = f64_at(args[1] + (row * n1) * 8, n1)
        first = 4 * lane()
        while first < n1:
            s0_four = four(s0, first, n1)
            out0_four = four_of(out0)
            for q in range(4):
                out0_four[q] = s0_four[q]
            put_four(out0, first, n1, out0_four)
            first += 4 * lanes()
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    pieces0 = pieces_of(n, n1)
    if pieces0 > 1:
        launch(region_0_pieces, table, 14, *scan_grid(pieces0 * n, -(-n1 // pieces0)), pieces0)
    launch(region_0, table, 18, *scan_grid(pieces0 * n, -(-n1 // pieces0)), pieces0)
    grid0 = row_grid(n, n1, 0, 4)
    launch(region_1_0, table, 23, *grid0)
    grid1 = row_grid(n, n1, 0, 4)
    launch(region_1_1, table, 27, *grid1)
