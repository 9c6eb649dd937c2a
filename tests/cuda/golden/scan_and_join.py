"""scan_and_join: 2 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f64[n, c]
returns   out0 f64[n, 2*c]
arena     s0 8*c*n bytes
"""
from prelude import f64, f64_at, flat_grid, four, four_of, group, groups, lane, lanes, launch, program, put_four, region, row_grid, thread, threads


@region
def region_0(args):
    n = args[2]
    n1 = args[3]
    x0 = f64_at(args[0], n*n1)
    s0 = f64_at(args[1], n*n1)
    row = thread()
    while row < n:
        start = row * n1
        s = f64(-0.0)
        for t in range(n1):
            at = start + t
            s = f64(f64(1.0) * s + x0[at])
            s0[at] = s
        row += threads()


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
    launch(region_0, table, 14, *flat_grid(n))
    grid0 = row_grid(n, n1, 0, 4)
    launch(region_1_0, table, 18, *grid0)
    grid1 = row_grid(n, n1, 0, 4)
    launch(region_1_1, table, 22, *grid1)
