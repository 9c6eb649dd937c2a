"""flat_chain_and_sum: 1 steps, generated; one file for every size.

sizes     n = n   n1 = m
inputs    x0 x f64[n, m]
inputs    x1 y f64[n, m]
returns   out0 f64[n, m]
returns   out1 f64[]
"""
from prelude import exp, f64, f64_at, grain_of, parallel_for, plus, program, region


@region
def region_0(chunk, begin, end, args):
    """multiply -> exp -> reduce_sum over (n, n1)."""
    out0 = f64_at(args[0] + begin * 8, end - begin)
    x0 = f64_at(args[1] + begin * 8, end - begin)
    x1 = f64_at(args[2] + begin * 8, end - begin)
    a0 = f64(0.0)
    w0 = f64_at(args[3] + chunk * 8, 1)
    for i in range(end - begin):
        v0 = x0[i]
        v1 = x1[i]
        v2 = v0 * v1
        v3 = exp(v2)
        a0 = plus(a0, v3)
        out0[i] = v3
    w0[0] = a0


@program
def step(table):
    n = table[8]
    n1 = table[9]
    out1 = f64_at(table[13], 1)
    table[15], table[16], table[17], table[18] = table[12], table[10], table[11], table[14]
    grain0 = grain_of(n*n1, 13)
    parallel_for(region_0, table, 15, n*n1, grain0, 13)
    chunks0 = (n*n1 + grain0 - 1) // grain0
    out1[0] = f64(0.0)
    for chunk in range(chunks0):
        w0 = f64_at(table[14] + chunk * 8, 1)
        out1[0] = plus(out1[0], w0[0])
