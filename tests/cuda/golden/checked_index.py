"""checked_index: 2 steps, generated; one file for every size.

sizes     n = n   n1 = m
inputs    x0 x f32[n]
inputs    x1 i i64[m]
updates   x2 w f32[m]
arena     s0 1 bytes
"""
from prelude import across_any, b1, b1_at, check, chunks_of, f32_at, flat_grid, group, i64, i64_at, lane, lanes, launch, program, region, row_grid, thread, threads


@region
def region_0(args):
    """less -> greater_equal -> logical_or -> reduce_any over (n1)."""
    n = args[2]
    n1 = args[3]
    v2 = i64(n)
    a0 = b1(False)
    chunk = group()
    w0 = b1_at(args[1] + chunk, 1)
    x1 = i64_at(args[0], n1)
    i = thread()
    while i < n1:
        v0 = x1[i]
        v1 = v0 < i64(0)
        v3 = v0 >= v2
        v4 = v1 | v3
        a0 = a0 | v4
        i += threads()
    a0 = across_any(a0)
    if lane() == 0:
        w0[0] = a0


@region
def region_0_0(args, chunks):
    s0 = b1_at(args[0], 1)
    w0 = b1_at(args[1], chunks)
    a0 = b1(False)
    chunk = lane()
    while chunk < chunks:
        a0 = a0 | w0[chunk]
        chunk += lanes()
    a0 = across_any(a0)
    if lane() == 0:
        s0[0] = a0


@region
def region_1(args):
    """gather over (n1)."""
    n = args[3]
    n1 = args[4]
    x0 = f32_at(args[2], n)
    x2 = f32_at(args[0], n1)
    x1 = i64_at(args[1], n1)
    i = thread()
    while i < n1:
        v0 = x1[i]
        v1 = x0[i64(v0)]
        x2[i] = v1
        i += threads()


@program
def step(table):
    n1 = table[9]
    s0 = b1_at(table[13], 1)
    grid0 = flat_grid(n1)
    launch(region_0, table, 15, *grid0)
    launch(region_0_0, table, 13, *row_grid(1, chunks_of(*grid0), 0), chunks_of(*grid0))
    check(table, s0, 1)
    grid1 = flat_grid(n1)
    launch(region_1, table, 19, *grid1)
