"""softmax: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 f32[n, c]
"""
from prelude import across_max, across_sum, exp, f32, f32_at, four, four_of, group, groups, inf, lane, lanes, launch, max_of, plus, program, put_four, region, row_grid


@region
def region_0(args):
    """reduce_max -> subtract -> exp -> reduce_sum -> divide over (n, n1)."""
    n = args[2]
    n1 = args[3]
    row = group()
    while row < n:
        x0 = f32_at(args[0] + (row * n1) * 4, n1)
        a0 = f32(-inf)
        first = 4 * lane()
        while first < n1:
            x0_four = four(x0, first, n1)
            for q in range(4):
                j = first + q
                if j < n1:
                    v0 = x0_four[q]
                    a0 = max_of(a0, v0)
            first += 4 * lanes()
        a0 = across_max(a0)
        a1 = f32(0.0)
        first = 4 * lane()
        while first < n1:
            x0_four = four(x0, first, n1)
            for q in range(4):
                j = first + q
                if j < n1:
                    v1 = x0_four[q]
                    v2 = v1 - a0
                    v3 = exp(v2)
                    a1 = plus(a1, v3)
            first += 4 * lanes()
        a1 = across_sum(a1)
        out0 = f32_at(args[1] + (row * n1) * 4, n1)
        first = 4 * lane()
        while first < n1:
            x0_four = four(x0, first, n1)
            out0_four = four_of(out0)
            for q in range(4):
                v4 = x0_four[q]
                v5 = v4 - a0
                v6 = exp(v5)
                v7 = v6 / a1
                out0_four[q] = v7
            put_four(out0, first, n1, out0_four)
            first += 4 * lanes()
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grid0 = row_grid(n, n1, 0, 4)
    launch(region_0, table, 13, *grid0)
