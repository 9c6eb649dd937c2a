"""reversed_gather: 2 steps, generated; one file for every size.

sizes     n = n   n1 = c   n2 = m
inputs    x0 x f32[n, c]
inputs    x1 i i64[m]
returns   out0 f32[m, c]
arena     s0 4*c*m bytes
"""
from prelude import f32_at, four_of, group, groups, i64, i64_at, lane, lanes, launch, program, put_four, region, row_grid


@region
def region_0(args):
    """gather over (n2, n1)."""
    n = args[3]
    n1 = args[4]
    n2 = args[5]
    x1 = i64_at(args[1], n2)
    x0 = f32_at(args[2], n*n1)
    row = group()
    while row < n2:
        s0 = f32_at(args[0] + (row * n1) * 4, n1)
        v0 = x1[row]
        first = 4 * lane()
        while first < n1:
            s0_four = four_of(s0)
            for q in range(4):
                j = first + q
                if j < n1:
                    v1 = x0[j + (i64(v0)) * n1]
                    s0_four[q] = v1
            put_four(s0, first, n1, s0_four)
            first += 4 * lanes()
        row += groups()


@region
def region_1(args):
    """copy over (n2, n1)."""
    n1 = args[2]
    n2 = args[3]
    row = group()
    while row < n2:
        out0 = f32_at(args[0] + (row * n1) * 4, n1)
        s0 = f32_at(args[1] + (row * n1) * 4, n1)
        first = 4 * lane()
        while first < n1:
            out0_four = four_of(out0)
            for q in range(4):
                j = first + q
                if j < n1:
                    v0 = s0[(n1 - 1 - j)]
                    out0_four[q] = v0
            put_four(out0, first, n1, out0_four)
            first += 4 * lanes()
        row += groups()


@program
def step(table):
    n1 = table[9]
    n2 = table[10]
    grid0 = row_grid(n2, n1, 0, 4)
    launch(region_0, table, 16, *grid0)
    grid1 = row_grid(n2, n1, 0, 4)
    launch(region_1, table, 22, *grid1)
