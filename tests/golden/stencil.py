"""stencil: 2 steps, generated; one file for every size.

sizes     n = n
updates   x0 x f64[n]
arena     s0 8*n - 16 bytes
"""
from prelude import f64_at, grain_of, parallel_for, program, region


@region
def region_0(chunk, begin, end, args):
    """add over (n - 2)."""
    s0 = f64_at(args[0] + begin * 8, end - begin)
    x0 = f64_at(args[1] + begin * 8, end - begin + 2)
    for i in range(end - begin):
        v0 = x0[i]
        v1 = x0[i + 2]
        v2 = v0 + v1
        s0[i] = v2


@region
def region_1_0(chunk, begin, end, args):
    x0 = f64_at(args[0] + (begin + 1) * 8, end - begin)
    s0 = f64_at(args[1] + begin * 8, end - begin)
    for i in range(end - begin):
        x0[i] = s0[i]


@program
def step(table):
    n = table[8]
    table[12], table[13] = table[10], table[9]
    grain0 = grain_of(n - 2, 3)
    parallel_for(region_0, table, 12, n - 2, grain0, 3)
    grain1 = grain_of(n - 2, 2)
    parallel_for(region_1_0, table, 9, n - 2, grain1, 2)
