"""stencil: 2 steps, generated; one file for every size.

sizes     n = n
updates   x0 x f64[n]
arena     s0 8*n - 16 bytes
"""
from prelude import f64_at, grain_of, parallel_for, program, region


@region
def region_0(chunk, begin, end, table):
    """add over (n - 2)."""
    n = table[8]
    s0 = f64_at(table[10] + begin * 8, end - begin)
    x0 = f64_at(table[9] + begin * 8, end - begin)
    x0_1 = f64_at(table[9] + (begin + 2) * 8, end - begin)
    for i in range(end - begin):
        v0 = x0[i]
        v1 = x0_1[i]
        v2 = v0 + v1
        s0[i] = v2


@region
def region_1_1(chunk, begin, end, table):
    x0 = f64_at(table[9] + (begin + 1) * 8, end - begin)
    s0 = f64_at(table[10] + begin * 8, end - begin)
    for i in range(end - begin):
        x0[i] = s0[i]


@program
def step(table):
    n = table[8]
    grain0 = grain_of(n - 2, 3)
    parallel_for(region_0, table, n - 2, grain0, 3)
    grain1 = grain_of(n - 2, 2)
    parallel_for(region_1_1, table, n - 2, grain1, 2)
