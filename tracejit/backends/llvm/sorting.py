"""Sorting, written in the language of generated files over the words of ``networks.py``.

What is sorted are unsigned keys. A value becomes a key whose order is NumPy's: by its bits, NaN last. An order of values is that
of keys with the index in the low bits: all different, so that equal values keep their order whatever the way they are sorted.
"""

from __future__ import annotations

from typing import Any

from tracejit.backends.llvm import keys as key_words
from tracejit.backends.llvm import networks, scalars
from tracejit.backends.llvm.memory import least_word, room_word
from tracejit.backends.llvm.routines import routine
from tracejit.backends.llvm.value import B1, I64

SAMPLE, LARGE_SAMPLE, LARGE = 16, 64, 8192
"""Keys whose median divides a part; and those of a part of LARGE keys."""
PROBED = 128
"""Keys that are looked at before asking whether all so far were in order."""
WAITING = 128
"""Words of the parts that wait, two each: each is at least as long as all that is sorted before it."""
MULTIPLIER, INCREMENT = 6364136223846793005, 1442695040888963407
"""Of Knuth's generator: samples at fixed places would make some orders slow."""


def sort_block(keys: Any, begin: int, size: int) -> None:
    """Sort ``keys[begin:begin + size]``, at most as many as there are in ROWS vectors."""
    if size <= lanes(keys):
        sort_grid(keys, begin, size, 1)
    elif size <= 4 * lanes(keys):
        sort_grid(keys, begin, size, 4)
    elif size <= 8 * lanes(keys):
        sort_grid(keys, begin, size, 8)
    else:
        sort_grid(keys, begin, size, ROWS)


def sampled(keys: Any, sample: Any, begin: int, end: int) -> Any:
    """Put some keys of ``keys[begin:end]``, one from each of as many equal parts, in order into ``sample``; how many."""
    count = i64(SAMPLE)
    if end - begin > LARGE:
        count = i64(LARGE_SAMPLE)
    step = u64((end - begin) // count)
    state = u64(begin)
    for i in range(count):
        state = state * MULTIPLIER + INCREMENT
        sample[i] = keys[begin + i64(u64(i) * step + right_shift(right_shift(state, u64(32)) * step, u64(32)))]
    sort_short(sample, 0, count)
    return count


def rising(keys: Any, begin: int, end: int) -> Any:
    """Whether ``keys[begin:end]`` are in order; what is not shows soon."""
    falls, at = b1(False), begin
    while at + 1 < end and not falls:
        to = least(at + PROBED, end - 1)
        for i in range(at, to):
            falls = falls | (keys[i + 1] < keys[i])
        at = to
    return not falls


def partition(keys: Any, spill: Any, begin: int, end: int, pivot: int) -> int:
    """Put what is below the pivot first in ``keys[begin:end]``; where the rest begins."""
    left, right, at = begin, 0, begin
    while at + lanes(keys) <= end:
        below = divide(keys, at, pivot, left, spill, right)
        left += below
        right += lanes(keys) - below
        at += lanes(keys)
    if at < end:
        below = divide_rest(keys, at, end - at, pivot, left, spill, right)
        left += below
        right += end - at - below
    for i in range(right):
        keys[left + i] = spill[i]
    return left


def quicksort(keys: Any, spill: Any, first: int, last: int) -> None:
    """Sort ``keys[first:last]``; ``spill`` is as large, and a vector more."""
    if is_rising(keys, first, last):
        return
    waiting, sample = i64_room(WAITING), room_like(keys, LARGE_SAMPLE)
    begin, end, depth = first, last, 0
    while depth >= 0:
        if end - begin > ROWS * lanes(keys):
            count = take_sample(keys, sample, begin, end)
            low, pivot = u64(sample[0]), u64(sample[count // 2])
            if u64(sample[count - 1]) == low and is_rising(keys, begin, end):
                begin = end
            else:
                cut = pivot
                if low == pivot and pivot < top_key(keys):
                    cut = pivot + 1  # they are many: put them first
                middle = split(keys, spill, begin, end, cut)
                if middle == end or cut == low:
                    end = split(keys, spill, begin, end, pivot)  # none is above the pivot: those equal to it are in place
                elif middle - begin < end - middle:
                    waiting[2 * depth], waiting[2 * depth + 1] = middle, end
                    end = middle
                    depth += 1
                else:
                    waiting[2 * depth], waiting[2 * depth + 1] = begin, middle
                    begin = middle
                    depth += 1
        else:
            sort_short(keys, begin, end - begin)
            depth -= 1
            if depth >= 0:
                begin, end = waiting[2 * depth], waiting[2 * depth + 1]


def sorted_values(x: Any, out: Any, scratch: Any, size: int) -> None:
    """Write ``x[0:size]`` to ``out`` in rising order; ``scratch`` has ``size + 16`` words of eight bytes."""
    keys, spill = key_room(x, out, scratch), spill_room(x, scratch, size)
    for i in range(size):
        keys[i] = ordinal_of(x[i])
    sort_keys(keys, spill, 0, size)
    for i in range(size):
        out[i] = value_like(x, keys[i])


def sorted_places(x: Any, out: Any, scratch: Any, size: int) -> None:
    """Write the stable order of ``x[0:size]``, of at most 2**32 elements, to ``out``; ``scratch`` has ``size + 16`` words."""
    packed, spill, how = as_packed(out), as_packed(scratch), i64_room(HOW)
    choose_bits(x, size, how)
    pack_keys(x, packed, how, 0, size)
    sort_keys(packed, spill, 0, size)
    take_places(x, out, spill, how, 0, size)


def counted(x: Any, ends: Any, size: int) -> None:
    """Where each value of one byte begins in the order, in ``ends``."""
    for key in range(FEW):
        ends[key] = 0
    for i in range(size):
        ends[byte_of(x[i])] += 1
    before = i64(0)
    for key in range(FEW):
        before, ends[key] = before + ends[key], before


def counted_values(x: Any, out: Any, scratch: Any, size: int) -> None:
    """As ``sorted_values``, of elements of one byte: by counting each value."""
    ends = i64_room(FEW + 1)
    count_keys(x, ends, size)
    ends[FEW] = size
    for key in range(FEW):
        for i in range(ends[key], ends[key + 1]):
            out[i] = value_of_byte(x, key)


def counted_places(x: Any, out: Any, scratch: Any, size: int) -> None:
    """As ``sorted_places``, of elements of one byte."""
    ends = i64_room(FEW)
    count_keys(x, ends, size)
    for i in range(size):
        key = byte_of(x[i])
        out[ends[key]] = i
        ends[key] += 1


def packing(x: Any, size: int, how: Any) -> None:
    """Say in ``how`` the way a key and its place fit into 64 bits: the least key, bits of the key left out, bits of a place."""
    low, high = u64(0), u64(top_rank(x))
    if top_rank(x) == ALL:
        low, high = high, low
        for i in range(size):
            key = rank_of(x[i])
            low, high = select(key < low, key, low), select(key > high, key, high)
    places = bit_length(u64(size))
    bits = bit_length(high - low)
    how[0], how[1], how[2] = low, select(bits + places > 64, bits + places - 64, u64(0)), places


def packed_keys(x: Any, packed: Any, how: Any, begin: int, end: int) -> None:
    """The keys of ``x[begin:end]``, in their high bits as far as there is room, with their places."""
    low, late, places = u64(how[0]), u64(how[1]), u64(how[2])
    for i in range(begin, end):
        packed[i] = left_shift(right_shift(rank_of(x[i]) - low, late), places) | u64(i)


def taken_places(x: Any, out: Any, spill: Any, how: Any, begin: int, end: int) -> None:
    """The places from the sorted ``out[begin:end]``; what agrees in all bits there is room for is sorted by the others."""
    packed, late = as_packed(out), u64(how[1])
    mask = left_shift(u64(1), u64(how[2])) - 1
    if late > 0:
        order_runs(x, packed, spill, how, begin, end)
    for i in range(begin, end):
        out[i] = i64(packed[i] & mask)


def settle(x: Any, packed: Any, spill: Any, how: Any, first: int, last: int) -> None:
    """Sort runs of keys that agree, in ``packed[first:last]``, by the bits that were left out."""
    low, places = u64(how[0]), u64(how[2])
    mask, rest = left_shift(u64(1), places) - 1, left_shift(u64(1), u64(how[1])) - 1
    begin = first
    while begin < last:
        key = right_shift(packed[begin], places)
        end = begin + 1
        while end < last and right_shift(packed[end], places) == key:
            end += 1
        if end > begin + 1:
            for i in range(begin, end):
                place = packed[i] & mask
                packed[i] = left_shift((rank_of(x[i64(place)]) - low) & rest, places) | place
            sort_keys(packed, spill, begin, end)
        begin = end


# -- words that the routines use -------------------------------------------------------------------------------------

ALL = (1 << 64) - 1
FEW = 256  # values of a type of one byte
HOW = 3  # words that say how keys are packed
ROWS = networks.ROWS
# Any: in the source of a routine they stand for their results.
b1: Any = scalars.b1
i64: Any = scalars.i64
u64: Any = scalars.u64
i64_room: Any = room_word(I64)
least: Any = least_word
select: Any = scalars.select
left_shift: Any = scalars.left_shift
right_shift: Any = scalars.right_shift
lanes: Any = networks.lanes
sort_grid: Any = networks.sort_grid
divide: Any = networks.divide
divide_rest: Any = networks.divide_rest
ordinal_of: Any = key_words.ordinal_of
rank_of: Any = key_words.rank_of
value_like: Any = key_words.value_like
bit_length: Any = key_words.bit_length
key_room: Any = key_words.key_room
spill_room: Any = key_words.spill_room
as_packed: Any = key_words.as_packed
room_like: Any = key_words.room_like
top_key: Any = key_words.top_key
sort_short: Any = routine(sort_block)
take_sample: Any = routine(sampled, I64)
is_rising: Any = routine(rising, B1)
split: Any = routine(partition, I64)
sort_keys: Any = routine(quicksort)
top_rank: Any = key_words.top_rank
byte_of: Any = key_words.byte_of
value_of_byte: Any = key_words.value_of_byte
order_runs: Any = routine(settle)
choose_bits: Any = routine(packing)
count_keys: Any = routine(counted)
pack_keys: Any = routine(packed_keys)
take_places: Any = routine(taken_places)
sort_into = key_words.by_width(routine(counted_values), routine(sorted_values))
argsort_into = key_words.by_width(routine(counted_places), routine(sorted_places))
