"""scan_and_join: 2 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f64[n, c]
returns   out0 f64[n, 2*c]
arena     s0 8*c*n bytes
"""
from prelude import f64, f64_at, grain_of, parallel_for, program, region


@region
def region_0(chunk, begin, end, table):
    n = table[8]
    n1 = table[9]
    x0 = f64_at(table[10], n*n1)
    s0 = f64_at(table[12], n*n1)
    for r in range(end - begin):
        start = (begin + r) * n1
        s = f64(0.0)
        for t in range(n1):
            at = start + t
            s = f64(f64(1.0) * s + x0[at])
            s0[at] = s


@region
def region_1_0(chunk, begin, end, table):
    n1 = table[9]
    for r in range(end - begin):
        row = begin + r
        out0 = f64_at(table[11] + (row * (2*n1)) * 8, n1)
        x0 = f64_at(table[10] + (row * n1) * 8, n1)
        for j in range(n1):
            out0[j] = x0[j]


@region
def region_1_1(chunk, begin, end, table):
    n1 = table[9]
    for r in range(end - begin):
        row = begin + r
        out0 = f64_at(table[11] + (row * (2*n1) + n1) * 8, n1)
        s0 = f64_at(table[12] + (row * n1) * 8, n1)
        for j in range(n1):
            out0[j] = s0[j]


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grain0 = grain_of(n, 16*n1)
    parallel_for(region_0, table, n, grain0, 16*n1)
    grain1 = grain_of(n, 2*n1)
    parallel_for(region_1_0, table, n, grain1, 2*n1)
    grain2 = grain_of(n, 2*n1)
    parallel_for(region_1_1, table, n, grain2, 2*n1)
