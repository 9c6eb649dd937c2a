"""swap: 2 steps, generated; one file for every size.

sizes     n = n
updates   x0 a f64[n]
updates   x1 b f64[n]
arena     s0 8*n bytes
"""
from prelude import f64_at, flat_grid, launch, program, region, thread, threads


@region
def region_0(args):
    """copy over (n)."""
    n = args[2]
    s0 = f64_at(args[0], n)
    x0 = f64_at(args[1], n)
    i = thread()
    while i < n:
        v0 = x0[i]
        s0[i] = v0
        i += threads()


@region
def copy_0(args):
    n = args[2]
    x1 = f64_at(args[0], n)
    s0 = f64_at(args[1], n)
    i = thread()
    while i < n:
        x1[i] = s0[i]
        i += threads()


@program
def step(table):
    n = table[8]
    grid0 = flat_grid(n)
    launch(region_0, table, 13, *grid0)
    grid1 = flat_grid(n)
    launch(region_0, table, 16, *grid1)
    grid2 = flat_grid(n)
    launch(copy_0, table, 19, *grid2)
