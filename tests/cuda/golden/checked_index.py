"""checked_index: 2 steps, generated; one file for every size.

sizes     n = n   n1 = m
inputs    x0 x f32[n]
inputs    x1 i i64[m]
updates   x2 w f32[m]
arena     s0 1 bytes
"""
from prelude import across_any, b1, b1_at, check, chunks_of, f32_at, flat_grid, four, four_of, group, i64, i64_at, lane, lanes, launch, program, put_four, region, row_grid, thread, threads


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
    first = 4 * thread()
    while first < n1:
        x1_four = four(x1, first, n1)
        for q in range(4):
            i = first + q
            if i < n1:
                v0 = x1_four[q]
                v1 = v0 < i64(0)
                v3 = v0 >= v2
                v4 = v1 | v3
                a0 = a0 | v4
        first += 4 * threads()
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
    first = 4 * thread()
    while first < n1:
        x1_four = four(x1, first, n1)
        x2_four = four_of(x2)
        for q in range(4):
            v0 = x1_four[q]
            v1 = x0[i64(v0)]
            x2_four[q] = v1
        put_four(x2, first, n1, x2_four)
        first += 4 * threads()


@program
def step(table):
    n1 = table[9]
    s0 = b1_at(table[13], 1)
    grid0 = flat_grid(n1, 4)
    launch(region_0, table, 15, *grid0)
    launch(region_0_0, table, 13, *row_grid(1, chunks_of(*grid0), 0), chunks_of(*grid0))
    check(table, s0, 1)
    grid1 = flat_grid(n1, 4)
    launch(region_1, table, 19, *grid1)
