"""sums_of_columns_as_rows: 1 steps, generated; one file for every size.

sizes     n = c   n1 = n
inputs    x0 x f64[c, n]
returns   out0 f64[n]
"""
from prelude import across_sum, exp, f64, f64_at, group, groups, lane, lanes, launch, meet, plus, program, region, sqrt, touching_grid


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
    grid0 = touching_grid(n1, n, 0)
    launch(region_0, table, 13, *grid0)
