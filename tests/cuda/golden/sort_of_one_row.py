"""sort: 2 steps, generated; one file for every size.

sizes     n = n
inputs    x0 x f32[n]
returns   out0 f32[n]
arena     s0 8*n bytes
"""
from prelude import absolute, f32_at, f32_tile, flat_grid, four, four_of, group, groups, i32_at, i32_tile, i64, i64_at, lane, lanes, launch, left_of, level, meet, minimum, place_of, program, put_four, region, select, shuffle, sort_grid, sort_run, thread, threads


@region
def region_0(args):
    n = args[3]
    x0 = f32_at(args[0], n)
    s0 = i64_at(args[1], n)
    keys, places, other_keys, other_places = f32_tile(0), i32_tile(1), f32_tile(2), i32_tile(3)
    w0 = i32_at(args[2], n)
    w1 = f32_at(args[2] + 8 * n, n)
    runs = (n + 1023) // 1024
    mine = level() * minimum(n, 1024)
    run = group()
    while run < runs:
        begin = run % runs * 1024
        count = minimum(n - begin, 1024)
        at = (run // runs) * n + begin
        i = lane()
        while i < count:
            keys[mine + i] = x0[at + i]
            places[mine + i] = i
            i += lanes()
        meet()
        sort_run(keys, places, other_keys, other_places, mine, count)
        i = lane()
        while i < count:
            if runs == 1:
                s0[at + i] = places[mine + i]
            else:
                w0[at + i] = begin + places[mine + i]
                w1[at + i] = keys[mine + i]
            i += lanes()
        meet()
        run += groups()


@region
def region_0_merge(args, width, turn):
    n = args[2]
    s0 = i64_at(args[0], n)
    keys, places = f32_tile(0), i32_tile(1)
    w0 = i32_at(args[1] + turn * 4 * n, n)
    w1 = f32_at(args[1] + (8 + turn * 4) * n, n)
    w2 = i32_at(args[1] + (1 - turn) * 4 * n, n)
    w3 = f32_at(args[1] + (8 + (1 - turn) * 4) * n, n)
    tiles = (n + 1023) // 1024
    tile = group()
    while tile < tiles:
        row = (tile // tiles) * n
        begin = tile % tiles * 1024
        first = begin - begin % (2 * width)
        middle, stop = minimum(first + width, n), minimum(first + 2 * width, n)
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
            if 2 * width >= n:
                s0[target] = places[i]
            else:
                w2[target], w3[target] = places[i], keys[i]
            i += lanes()
        meet()
        tile += groups()


@region
def region_1(args):
    """gather over (n)."""
    n = args[3]
    x0 = f32_at(args[2], n)
    out0 = f32_at(args[0], n)
    s0 = i64_at(args[1], n)
    first = 4 * thread()
    while first < n:
        s0_four = four(s0, first, n)
        out0_four = four_of(out0)
        for q in range(4):
            v0 = s0_four[q]
            v1 = x0[i64(v0)]
            out0_four[q] = v1
        put_four(out0, first, n, out0_four)
        first += 4 * threads()


@program
def step(table):
    n = table[8]
    launch(region_0, table, 13, *sort_grid(1, n))
    width0, turn0 = 1024, 0
    while width0 < n:
        launch(region_0_merge, table, 17, *sort_grid(1, n), width0, turn0)
        width0, turn0 = 2 * width0, 1 - turn0
    grid0 = flat_grid(n, 4)
    launch(region_1, table, 20, *grid0)
