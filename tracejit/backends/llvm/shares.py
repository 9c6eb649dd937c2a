"""One long row sorted by many threads: split into parts, each part divided by the same pivots, then shares sorted.

Share ``s`` is what lies between pivot ``s`` and the next one. It takes its keys from all parts, and is sorted where it belongs in
the result. Parts, pivots and shares follow from the size and the elements alone, so that results do not depend on the threads.

Memory is in words of eight bytes: how keys are packed, whether nothing is to be done, the pivots, for each part where its shares
begin; then keys; then as much for partitions, with a vector more for each part.
"""

from __future__ import annotations

from typing import Any

from tracejit.backends.llvm import keys as key_words
from tracejit.backends.llvm import scalars
from tracejit.backends.llvm.memory import least_word
from tracejit.backends.llvm.routines import routine
from tracejit.backends.llvm.sorting import (
    choose_bits,
    left_shift,
    ordinal_of,
    pack_keys,
    rank_of,
    right_shift,
    room_like,
    sort_keys,
    split,
    take_places,
    value_like,
)
from tracejit.backends.llvm.value import B1, I64
from tracejit.schedule.cost import SORTED_HEAD, SORTED_PARTS, SORTED_SPARE


def begin_values(x: Any, memory: Any, size: int) -> None:
    """Choose the pivots of values; where these are in order, say so."""
    memory[DONE] = values_rise(x, size)
    pivots = keys_at(x, memory, PIVOTS)
    sample = room_like(pivots, SAMPLES + SORTED_SPARE)
    spill = room_like(pivots, SAMPLES + SORTED_SPARE)
    for i in range(SAMPLES):
        sample[i] = ordinal_of(x[place_of(i, size)])
    sort_keys(sample, spill, 0, SAMPLES)
    for p in range(SORTED_PARTS):
        pivots[p] = sample[p * EACH]


def begin_places(x: Any, memory: Any, size: int) -> None:
    """Choose how keys are packed, and the pivots: equal ones are in one share, whatever their places."""
    memory[DONE] = ranks_rise(x, size)
    choose_bits(x, size, memory)
    low, late, places = u64(memory[0]), u64(memory[1]), u64(memory[2])
    pivots = packed_at(memory, PIVOTS)
    sample = room_like(pivots, SAMPLES + SORTED_SPARE)
    spill = room_like(pivots, SAMPLES + SORTED_SPARE)
    for i in range(SAMPLES):
        sample[i] = left_shift(right_shift(rank_of(x[place_of(i, size)]) - low, late), places)
    sort_keys(sample, spill, 0, SAMPLES)
    for p in range(SORTED_PARTS):
        pivots[p] = sample[p * EACH]


def rising_values(x: Any, size: int) -> Any:
    """Whether elements are in order; what is not shows soon."""
    falls, at = b1(False), i64(0)
    while at + 1 < size and not falls:
        to = least(at + PROBED, size - 1)
        for i in range(at, to):
            falls = falls | (ordinal_of(x[i + 1]) < ordinal_of(x[i]))
        at = to
    return not falls


def rising_ranks(x: Any, size: int) -> Any:
    """The same where equal elements may stand in any order."""
    falls, at = b1(False), i64(0)
    while at + 1 < size and not falls:
        to = least(at + PROBED, size - 1)
        for i in range(at, to):
            falls = falls | (rank_of(x[i + 1]) < rank_of(x[i]))
        at = to
    return not falls


def sample_place(i: int, size: int) -> Any:
    """Somewhere in the part ``i`` of SAMPLES equal ones."""
    step = u64(size // SAMPLES)
    return i64(u64(i) * step + right_shift(right_shift(u64(i) * SCATTERED, u64(32)) * step, u64(32)))


def part_of_values(x: Any, memory: Any, size: int, part: int) -> None:
    """Divide the keys of a part among the shares."""
    if memory[DONE]:
        return
    keys, spill = keys_at(x, memory, SORTED_HEAD), keys_at(x, memory, SORTED_HEAD + size)
    begin, end = part * size // SORTED_PARTS, (part + 1) * size // SORTED_PARTS
    for i in range(begin, end):
        keys[i] = ordinal_of(x[i])
    divide_part(keys, behind(spill, begin + SORTED_SPARE * part), keys_at(x, memory, PIVOTS), memory, begin, end, part)


def part_of_places(x: Any, memory: Any, size: int, part: int) -> None:
    """The same of keys with their places."""
    if memory[DONE]:
        return
    packed, spill = packed_at(memory, SORTED_HEAD), packed_at(memory, SORTED_HEAD + size)
    begin, end = part * size // SORTED_PARTS, (part + 1) * size // SORTED_PARTS
    pack_keys(x, packed, memory, begin, end)
    divide_part(packed, behind(spill, begin + SORTED_SPARE * part), packed_at(memory, PIVOTS), memory, begin, end, part)


def divided(keys: Any, spill: Any, pivots: Any, memory: Any, begin: int, end: int, part: int) -> None:
    """Halve the shares of ``keys[begin:end]`` until each is by itself, and note where they begin."""
    row = bounds_of(part)
    memory[row], memory[row + SORTED_PARTS] = begin, end
    width = i64(SORTED_PARTS)
    while width > 1:
        half = right_shift(width, i64(1))
        share = i64(0)
        while share < SORTED_PARTS:
            low, high = memory[row + share], memory[row + share + width]
            memory[row + share + half] = split(keys, spill, low, high, u64(pivots[share + half]))
            share += width
        width = half


def share_of_values(x: Any, out: Any, memory: Any, size: int, share: int) -> None:
    """Sort a share, and write it to its place in ``out``."""
    if memory[DONE]:
        for i in range(share * size // SORTED_PARTS, (share + 1) * size // SORTED_PARTS):
            out[i] = x[i]
        return
    keys, spill, to = keys_at(x, memory, SORTED_HEAD), keys_at(x, memory, SORTED_HEAD + size), keys_at(x, out, 0)
    begin = share_begin(memory, share)
    end = begin + gather_share(keys, behind(to, begin), memory, share)
    sort_keys(to, behind(spill, begin + SORTED_SPARE * share), begin, end)
    for i in range(begin, end):
        out[i] = value_like(x, to[i])


def share_of_places(x: Any, out: Any, memory: Any, size: int, share: int) -> None:
    """The same of places."""
    if memory[DONE]:
        for i in range(share * size // SORTED_PARTS, (share + 1) * size // SORTED_PARTS):
            out[i] = i
        return
    packed, whole, to = packed_at(memory, SORTED_HEAD), packed_at(memory, SORTED_HEAD + size), packed_at(out, 0)
    begin = share_begin(memory, share)
    end = begin + gather_share(packed, behind(to, begin), memory, share)
    spill = behind(whole, begin + SORTED_SPARE * share)
    sort_keys(to, spill, begin, end)
    take_places(x, out, spill, memory, begin, end)


def begin_of(memory: Any, share: int) -> Any:
    """How many keys of all parts are in the shares before this one."""
    total = i64(0)
    for part in range(SORTED_PARTS):
        total += memory[bounds_of(part) + share] - memory[bounds_of(part)]
    return total


def gathered(keys: Any, to: Any, memory: Any, share: int) -> Any:
    """Bring the keys of a share together; how many there are."""
    total = i64(0)
    for part in range(SORTED_PARTS):
        first, after = memory[bounds_of(part) + share], memory[bounds_of(part) + share + 1]
        for i in range(after - first):
            to[total + i] = keys[first + i]
        total += after - first
    return total


def bounds(part: int) -> Any:
    """The word that says where the first share of a part begins; those of the others follow, and the end of the part."""
    return PIVOTS + SORTED_PARTS + part * (SORTED_PARTS + 1)


# -- words and numbers that the routines use -------------------------------------------------------------------------

DONE, PIVOTS = 7, 8  # behind how keys are packed
PROBED = 4096  # elements that are looked at before asking whether all so far were in order
EACH = 32  # elements of the sample for each pivot
SAMPLES = EACH * SORTED_PARTS
SCATTERED = 0x9E3779B97F4A7C15  # multiples of it are everywhere in 64 bits
b1: Any = scalars.b1
i64: Any = scalars.i64
u64: Any = scalars.u64
least: Any = least_word
keys_at: Any = key_words.keys_at
packed_at: Any = key_words.packed_at
behind: Any = key_words.behind
place_of: Any = routine(sample_place, I64)
values_rise: Any = routine(rising_values, B1)
ranks_rise: Any = routine(rising_ranks, B1)
bounds_of: Any = routine(bounds, I64)
share_begin: Any = routine(begin_of, I64)
gather_share: Any = routine(gathered, I64)
divide_part: Any = routine(divided)
sort_into_begin = routine(begin_values)
sort_into_part = routine(part_of_values)
sort_into_share = routine(share_of_values)
argsort_into_begin = routine(begin_places)
argsort_into_part = routine(part_of_places)
argsort_into_share = routine(share_of_places)
