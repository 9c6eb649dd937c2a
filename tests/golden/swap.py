"""swap: 2 steps, generated; one file for every size.

sizes     n = n
updates   x0 a f64[n]
updates   x1 b f64[n]
arena     s0 8*n bytes
"""
from prelude import f64_at, grain_of, parallel_for, program, region


@region
def region_0(chunk, begin, end, args):
    """copy over (n)."""
    s0 = f64_at(args[0] + begin * 8, end - begin)
    x0 = f64_at(args[1] + begin * 8, end - begin)
    for i in range(end - begin):
        v0 = x0[i]
        s0[i] = v0


@region
def copy_0(chunk, begin, end, args):
    x1 = f64_at(args[0] + begin * 8, end - begin)
    s0 = f64_at(args[1] + begin * 8, end - begin)
    for i in range(end - begin):
        x1[i] = s0[i]


@program
def step(table):
    n = table[8]
    table[13], table[14] = table[11], table[9]
    grain0 = grain_of(n, 2)
    parallel_for(region_0, table, 13, n, grain0, 2)
    grain1 = grain_of(n, 2)
    parallel_for(region_0, table, 9, n, grain1, 2)
    grain2 = grain_of(n, 2)
    parallel_for(copy_0, table, 10, n, grain2, 2)
