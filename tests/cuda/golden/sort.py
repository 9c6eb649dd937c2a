"""sort: 1 steps, generated; one file for every size.

sizes     n = n   n1 = c
inputs    x0 x f32[n, c]
returns   out0 i64[n, c]
"""
from prelude import absolute, f32_at, f32_tile, group, groups, i32_at, i32_tile, i64_at, lane, lanes, launch, left_of, level, meet, minimum, place_of, program, region, select, shuffle, sort_grid, sort_run


@region
def region_0(args):
    n = args[3]
    n1 = args[4]
    x0 = f32_at(args[0], n*n1)
    out0 = i64_at(args[1], n*n1)
    keys, places, other_keys, other_places = f32_tile(0), i32_tile(1), f32_tile(2), i32_tile(3)
    w0 = i32_at(args[2], n*n1)
    w1 = f32_at(args[2] + 8 * (n*n1), n*n1)
    runs = (n1 + 1023) // 1024
    mine = level() * minimum(n1, 1024)
    run = group()
    while run < runs * n:
        begin = run % runs * 1024
        count = minimum(n1 - begin, 1024)
        at = (run // runs) * n1 + begin
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
                out0[at + i] = places[mine + i]
            else:
                w0[at + i] = begin + places[mine + i]
                w1[at + i] = keys[mine + i]
            i += lanes()
        meet()
        run += groups()


@region
def region_0_merge(args, width, turn):
    n = args[2]
    n1 = args[3]
    out0 = i64_at(args[0], n*n1)
    keys, places = f32_tile(0), i32_tile(1)
    w0 = i32_at(args[1] + turn * 4 * (n*n1), n*n1)
    w1 = f32_at(args[1] + (8 + turn * 4) * (n*n1), n*n1)
    w2 = i32_at(args[1] + (1 - turn) * 4 * (n*n1), n*n1)
    w3 = f32_at(args[1] + (8 + (1 - turn) * 4) * (n*n1), n*n1)
    tiles = (n1 + 1023) // 1024
    tile = group()
    while tile < tiles * n:
        row = (tile // tiles) * n1
        begin = tile % tiles * 1024
        first = begin - begin % (2 * width)
        middle, stop = minimum(first + width, n1), minimum(first + 2 * width, n1)
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
            if 2 * width >= n1:
                out0[target] = places[i]
            else:
                w2[target], w3[target] = places[i], keys[i]
            i += lanes()
        meet()
        tile += groups()


@program
def step(table):
    n = table[8]
    n1 = table[9]
    launch(region_0, table, 13, *sort_grid(n, n1))
    width0, turn0 = 1024, 0
    while width0 < n1:
        launch(region_0_merge, table, 18, *sort_grid(n, n1), width0, turn0)
        width0, turn0 = 2 * width0, 1 - turn0
