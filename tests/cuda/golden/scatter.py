"""scatter: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c   n2 = m
inputs    x0 x f32[n, c]
inputs    x1 i i64[m]
inputs    x2 v f32[m, c]
returns   out0 f32[n, c]
"""
from prelude import f32, f32_at, flat_grid, four, four_of, i64, i64_at, launch, program, put_four, region, shards_of, thread, threads


@region
def region_0(args):
    n = args[2]
    n1 = args[3]
    out0 = f32_at(args[0], n*n1)
    x0 = f32_at(args[1], n*n1)
    first = 4 * thread()
    while first < n*n1:
        x0_four = four(x0, first, n*n1)
        out0_four = four_of(out0)
        for q in range(4):
            out0_four[q] = x0_four[q]
        put_four(out0, first, n*n1, out0_four)
        first += 4 * threads()


@region
def region_0_add(args, shards):
    n = args[3]
    n1 = args[4]
    n2 = args[5]
    out0 = f32_at(args[0], n*n1)
    x1 = i64_at(args[1], n2)
    x2 = f32_at(args[2], n1*n2)
    at = thread()
    while at < shards * n1:
        r = at % n1
        p = 0
        shard = at // n1 % shards
        for q in range(n2):
            if i64(x1[q]) % shards == shard:
                out0[p * (n*n1) + (i64(x1[q])) * n1 + r] = f32(out0[p * (n*n1) + (i64(x1[q])) * n1 + r] + x2[p * (n1*n2) + q * n1 + r])
        at += threads()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    grid0 = flat_grid(n*n1, 4)
    launch(region_0, table, 16, *grid0)
    shards0 = shards_of(n1, n)
    launch(region_0_add, table, 20, *flat_grid(shards0 * n1), shards0)
