"""columns: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 f32[c]
returns   out1 f32[c]
"""
from prelude import across_max, across_sum, chunks_of, f32, f32_at, group, groups, inf, lane, lanes, launch, max_of, meet, plus, program, region, row_grid


@region
def region_0(args):
    """reduce_max -> reduce_sum over (n, n1)."""
    n = args[2]
    n1 = args[3]
    chunk = group()
    w0 = f32_at(args[1] + chunk * (4*n1), n1)
    j = lane()
    while j < n1:
        w0[j] = f32(-inf)
        j += lanes()
    meet()
    w1 = f32_at(args[1] + 1024*n1 + 262144 + chunk * (4*n1), n1)
    j = lane()
    while j < n1:
        w1[j] = f32(0.0)
        j += lanes()
    meet()
    row = group()
    while row < n:
        x0 = f32_at(args[0] + (row * n1) * 4, n1)
        j = lane()
        while j < n1:
            v0 = x0[j]
            w0[j] = max_of(w0[j], v0)
            w1[j] = plus(w1[j], v0)
            j += lanes()
        row += groups()


@region
def region_0_0(args, chunks):
    n1 = args[2]
    out0 = f32_at(args[0], n1)
    w0 = f32_at(args[1], chunks * n1)
    row = group()
    while row < n1:
        a0 = f32(-inf)
        chunk = lane()
        while chunk < chunks:
            a0 = max_of(a0, w0[chunk * n1 + row])
            chunk += lanes()
        a0 = across_max(a0)
        if lane() == 0:
            out0[row] = a0
        row += groups()


@region
def region_0_1(args, chunks):
    n1 = args[2]
    out1 = f32_at(args[0], n1)
    w0 = f32_at(args[1] + 1024*n1 + 262144, chunks * n1)
    row = group()
    while row < n1:
        a0 = f32(0.0)
        chunk = lane()
        while chunk < chunks:
            a0 = plus(a0, w0[chunk * n1 + row])
            chunk += lanes()
        a0 = across_sum(a0)
        if lane() == 0:
            out1[row] = a0
        row += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grid0 = row_grid(n, n1, n1)
    launch(region_0, table, 14, *grid0)
    launch(region_0_0, table, 18, *row_grid(n1, chunks_of(*grid0), 0), chunks_of(*grid0))
    launch(region_0_1, table, 21, *row_grid(n1, chunks_of(*grid0), 0), chunks_of(*grid0))
