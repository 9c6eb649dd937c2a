"""argmax: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 i64[n]
"""
from prelude import across_argmax, f32, f32_at, four, group, groups, i64, i64_at, inf, lane, lanes, launch, meet, program, region, row_grid, select


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
        first = 4 * lane()
        while first < n1:
            x0_four = four(x0, first, n1)
            for q in range(4):
                j = first + q
                if j < n1:
                    v0 = x0_four[q]
                    take0 = (v0 > a0) | ((v0 != v0) & (a0 == a0))
                    a0 = select(take0, v0, a0)
                    at0 = select(take0, i64(j), at0)
            first += 4 * lanes()
        at0 = across_argmax(a0, at0)
        meet()
        if lane() == 0:
            out0[row] = at0
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grid0 = row_grid(n, n1, 0, 4)
    launch(region_0, table, 13, *grid0)
