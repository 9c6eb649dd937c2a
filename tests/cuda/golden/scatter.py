"""scatter: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c   n2 = m
inputs    x0 x f32[n, c]
inputs    x1 i i64[m]
inputs    x2 v f32[m, c]
returns   out0 f32[n, c]
"""
from prelude import absolute, f32, f32_at, first_above, flat_grid, four, four_of, group, groups, i32_at, i32_tile, i64, i64_at, i64_tile, lane, lanes, launch, left_of, level, meet, minimum, place_of, program, put_four, region, select, shuffle, sort_grid, sort_run, thread, threads


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
def region_0_order(args):
    n1 = args[2]
    n2 = args[3]
    x1 = i64_at(args[0], n2)
    order = i64_at(args[1], n2)
    keys, places, other_keys, other_places = i64_tile(0), i32_tile(1), i64_tile(2), i32_tile(3)
    w0 = i32_at(args[1] + 8*((n2 + 255)//(256))*n1 + 8*n2, n2)
    w1 = i64_at(args[1] + 8*((n2 + 255)//(256))*n1 + 8*n2 + 8 * n2, n2)
    runs = (n2 + 1023) // 1024
    mine = level() * minimum(n2, 1024)
    run = group()
    while run < runs:
        begin = run % runs * 1024
        count = minimum(n2 - begin, 1024)
        at = (run // runs) * n2 + begin
        i = lane()
        while i < count:
            keys[mine + i] = x1[at + i]
            places[mine + i] = i
            i += lanes()
        meet()
        sort_run(keys, places, other_keys, other_places, mine, count)
        i = lane()
        while i < count:
            if runs == 1:
                order[at + i] = places[mine + i]
            else:
                w0[at + i] = begin + places[mine + i]
                w1[at + i] = keys[mine + i]
            i += lanes()
        meet()
        run += groups()


@region
def region_0_order_merge(args, width, turn):
    n1 = args[1]
    n2 = args[2]
    order = i64_at(args[0], n2)
    keys, places = i64_tile(0), i32_tile(1)
    w0 = i32_at(args[0] + 8*((n2 + 255)//(256))*n1 + 8*n2 + turn * 4 * n2, n2)
    w1 = i64_at(args[0] + 8*((n2 + 255)//(256))*n1 + 8*n2 + (8 + turn * 8) * n2, n2)
    w2 = i32_at(args[0] + 8*((n2 + 255)//(256))*n1 + 8*n2 + (1 - turn) * 4 * n2, n2)
    w3 = i64_at(args[0] + 8*((n2 + 255)//(256))*n1 + 8*n2 + (8 + (1 - turn) * 8) * n2, n2)
    tiles = (n2 + 1023) // 1024
    tile = group()
    while tile < tiles:
        row = (tile // tiles) * n2
        begin = tile % tiles * 1024
        first = begin - begin % (2 * width)
        middle, stop = minimum(first + width, n2), minimum(first + 2 * width, n2)
        count = minimum(stop - begin, 1024)
        found = left_of(w1, row + first, row + middle, row + stop, begin - first + lane() % 2 * count)
        other = shuffle(found, 1)  # even lanes have looked for the begin of the tile, odd ones for its end
        left, lefts = minimum(found, other), absolute(found - other)
        right = middle + begin - first - left
        i = lane()
        while i < count:
            source = row + select(i < lefts, first + left, right - lefts) + i
            places[i], keys[i] = w0[source], w1[source]
            i += lanes()
        meet()
        i = lane()
        while i < count:
            target = row + begin + place_of(keys, i, 0, lefts, count)
            if 2 * width >= n2:
                order[target] = places[i]
            else:
                w2[target], w3[target] = places[i], keys[i]
            i += lanes()
        meet()
        tile += groups()


@region
def region_0_sums(args):
    n = args[4]
    n1 = args[5]
    n2 = args[6]
    out0 = f32_at(args[0], n*n1)
    x1 = i64_at(args[1], n2)
    x2 = f32_at(args[2], n1*n2)
    order = i64_at(args[3], n2)
    sums = f32_at(args[3] + 8*n2, ((n2 + 255)//(256))*n1)
    at = thread()
    while at < ((n2 + 255)//(256))*n1:
        r = at % n1
        w = at // n1
        p = 0
        k = w * 256
        q = order[k]
        if k > 0 and x1[order[k - 1]] == x1[q]:
            s = f32(-0.0)
            end = first_above(x1, order, x1[q], k, minimum(k + 256, n2))
            for j in range(k, end):
                q = order[j]
                s = f32(s + x2[p * (n1*n2) + q * n1 + r])
            sums[at] = s
        at += threads()


@region
def region_0_add(args):
    n = args[4]
    n1 = args[5]
    n2 = args[6]
    out0 = f32_at(args[0], n*n1)
    x1 = i64_at(args[1], n2)
    x2 = f32_at(args[2], n1*n2)
    order = i64_at(args[3], n2)
    sums = f32_at(args[3] + 8*n2, ((n2 + 255)//(256))*n1)
    at = thread()
    while at < n1*n2:
        r = at % n1
        k = at // n1
        p = 0
        q = order[k]
        if k == 0 or x1[order[k - 1]] != x1[q]:
            s = out0[p * (n*n1) + (i64(x1[q])) * n1 + r]
            end = first_above(x1, order, x1[q], k, n2)
            for j in range(k, minimum(end, (k // 256 + 1) * 256)):
                q = order[j]
                s = f32(s + x2[p * (n1*n2) + q * n1 + r])
            for w in range(k // 256 + 1, (end + 255) // 256):
                s = f32(s + sums[(p * (((n2 + 255)//(256))) + w) * n1 + r])
            out0[p * (n*n1) + (i64(x1[q])) * n1 + r] = s
        at += threads()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    n2 = table[10]
    grid0 = flat_grid(n*n1, 4)
    launch(region_0, table, 16, *grid0)
    launch(region_0_order, table, 20, *sort_grid(1, n2))
    width0, turn0 = 1024, 0
    while width0 < n2:
        launch(region_0_order_merge, table, 24, *sort_grid(1, n2), width0, turn0)
        width0, turn0 = 2 * width0, 1 - turn0
    if n2 > 256:
        launch(region_0_sums, table, 27, *flat_grid(((n2 + 255)//(256))*n1))
    launch(region_0_add, table, 34, *flat_grid(n1*n2))
