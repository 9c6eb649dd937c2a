"""flat_chain_and_sum: 1 steps, generated; one file for every size.

sizes     n = n   n1 = m
inputs    x0 x f64[n, m]
inputs    x1 y f64[n, m]
returns   out0 f64[n, m]
returns   out1 f64[]
"""
from prelude import across_sum, chunks_of, exp, f64, f64_at, flat_grid, four, four_of, group, lane, lanes, launch, plus, program, put_four, region, row_grid, thread, threads


@region
def region_0(args):
    """multiply -> exp -> reduce_sum over (n, n1)."""
    n = args[4]
    n1 = args[5]
    a0 = f64(0.0)
    chunk = group()
    w0 = f64_at(args[3] + chunk * 8, 1)
    out0 = f64_at(args[0], n*n1)
    x0 = f64_at(args[1], n*n1)
    x1 = f64_at(args[2], n*n1)
    first = 4 * thread()
    while first < n*n1:
        x0_four = four(x0, first, n*n1)
        x1_four = four(x1, first, n*n1)
        out0_four = four_of(out0)
        for q in range(4):
            i = first + q
            if i < n*n1:
                v0 = x0_four[q]
                v1 = x1_four[q]
                v2 = v0 * v1
                v3 = exp(v2)
                a0 = plus(a0, v3)
                out0_four[q] = v3
        put_four(out0, first, n*n1, out0_four)
        first += 4 * threads()
    a0 = across_sum(a0)
    if lane() == 0:
        w0[0] = a0


@region
def region_0_0(args, chunks):
    out1 = f64_at(args[0], 1)
    w0 = f64_at(args[1], chunks)
    a0 = f64(0.0)
    chunk = lane()
    while chunk < chunks:
        a0 = plus(a0, w0[chunk])
        chunk += lanes()
    a0 = across_sum(a0)
    if lane() == 0:
        out1[0] = a0


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grid0 = flat_grid(n*n1, 4)
    launch(region_0, table, 15, *grid0)
    launch(region_0_0, table, 13, *row_grid(1, chunks_of(*grid0), 0), chunks_of(*grid0))
