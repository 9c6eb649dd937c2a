"""scan_and_join: 2 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f64[n, c]
returns   out0 f64[n, 2*c]
arena     s0 8*c*n bytes
"""
from prelude import f64, f64_at, grain_of, parallel_for, program, region


@region
def region_0(chunk, begin, end, args):
    n = args[2]
    n1 = args[3]
    x0 = f64_at(args[0], n*n1)
    s0 = f64_at(args[1], n*n1)
    for r in range(end - begin):
        start = (begin + r) * n1
        s = f64(-0.0)
        for t in range(n1):
            at = start + t
            s = f64(f64(1.0) * s + x0[at])
            s0[at] = s


@region
def region_1_0(chunk, begin, end, args):
    n1 = args[2]
    for r in range(end - begin):
        row = begin + r
        out0 = f64_at(args[0] + (row * (2*n1)) * 8, n1)
        x0 = f64_at(args[1] + (row * n1) * 8, n1)
        for j in range(n1):
            out0[j] = x0[j]


@region
def region_1_1(chunk, begin, end, args):
    n1 = args[2]
    for r in range(end - begin):
        row = begin + r
        out0 = f64_at(args[0] + (row * (2*n1) + n1) * 8, n1)
        s0 = f64_at(args[1] + (row * n1) * 8, n1)
        for j in range(n1):
            out0[j] = s0[j]


@program
def step(table):
    n = table[8]
    n1 = table[9]
    table[14], table[15], table[16], table[17] = table[10], table[12], table[8], table[9]
    grain0 = grain_of(n, 16*n1)
    parallel_for(region_0, table, 14, n, grain0, 16*n1)
    table[18], table[19], table[20] = table[11], table[10], table[9]
    grain1 = grain_of(n, 2*n1)
    parallel_for(region_1_0, table, 18, n, grain1, 2*n1)
    table[21], table[22], table[23] = table[11], table[12], table[9]
    grain2 = grain_of(n, 2*n1)
    parallel_for(region_1_1, table, 21, n, grain2, 2*n1)
