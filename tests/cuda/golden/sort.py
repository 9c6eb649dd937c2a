"""sort: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 i64[n, c]
"""
from prelude import argsort_into, f32_at, group, groups, i64_at, launch, program, region, row_grid


@region
def region_0(args):
    n = args[3]
    n1 = args[4]
    chunk = group()
    scratch = i64_at(args[0] + chunk * (8*n1), n1)
    row = group()
    while row < n:
        keys = f32_at(args[1] + row * (4*n1), n1)
        out = i64_at(args[2] + row * (8*n1), n1)
        argsort_into(keys, out, scratch, n1)
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    launch(region_0, table, 13, *row_grid(n, n1, n1))
