"""Whose turn it is, where kernels run without a GPU: threads take turns on one processor. In the language of generated files.

A thread that may wait for others has a stack of its own, and gives its turn back at a barrier, where it exchanges a value with
the lanes of its mask, and at its end. What a GPU would leave to chance is a fault. ``state`` is what the machine remembers of a
launch, ``records`` what it remembers of each thread of a block.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from tracejit.errors import TracejitError

Memory: TypeAlias = Any
"""Words of 64 bits."""

# The words of the state. KERNEL and POISON are functions without operands, which run the thread that the state names, and fill
# the memory of the block with NaN and -1; from NUMBERS on there are the kernel's parameters behind the address of its words.
HOME, CURRENT, LANE, ROW, LANES, ROWS, BLOCK, BLOCKS, BACKWARDS, STACKS, STACK, WHO, KERNEL, POISON, ARGS, NUMBERS = range(16)
STATE = 64

# The words of a record, of which there are RECORD.
PLACE, KIND, SITE, MASK, VALUE, OTHER, ANSWER, ITS_LANE, ITS_ROW = range(9)
RECORD = 16

# Why a thread does not run: it may go on, waits for lanes with a value or without, for its block, or has ended, or was stopped.
READY, EXCHANGE, MEETING, BARRIER, ENDED, STOPPED = range(6)

# What a launch comes to: all is well, a thread did what it must not, lanes are at different places, a mask lacks the lane itself,
# a value is asked of a lane that is not in the mask, a thread ended before a barrier, threads are at different barriers.
FINE, BROKEN, APART, OUTSIDE, UNASKED, LEFT, ASTRAY = range(7)

WARP = 32


def turn(state: Memory, number: int, count: int) -> int:
    """Who is next after ``number`` others of ``count``: that must not matter, so there are two orders."""
    if state[BACKWARDS] != 0:
        return count - 1 - number
    return number


def begin(state: Memory, records: Memory, number: int, enter: int) -> None:
    """Have a thread ready to begin at ``enter``: its stack is as if it had given its turn back there."""
    record = number * RECORD
    place = state[STACKS] + (number + 1) * state[STACK] - FRAME
    frame = i64_at(place, FRAME // 8)
    word = 0
    while word < FRAME // 8:
        frame[word] = 0
        word += 1
    frame[FRAME_ENTER] = enter
    records[record + PLACE] = place
    records[record + KIND] = READY
    records[record + ITS_LANE] = number % state[LANES]
    records[record + ITS_ROW] = number // state[LANES]


def run_lanes(state: Memory, records: Memory, first: int, end: int) -> int:
    """Run the lanes of a warp that may go on, each to its next stop."""
    lane = 0
    while lane < end - first:
        number = first + turn(state, lane, end - first)
        if records[number * RECORD + KIND] == READY:
            resume(records, number)
        if records[number * RECORD + KIND] == STOPPED:
            state[WHO] = number
            return BROKEN
        lane += 1
    return FINE


def check_lane(state: Memory, records: Memory, number: int, first: int, end: int) -> int:
    """Check that all lanes of the mask of a lane wait with it."""
    record = number * RECORD
    kind = records[record + KIND]
    if kind < EXCHANGE or kind > MEETING:
        return FINE
    state[WHO] = number
    mask = records[record + MASK]
    if right_shift(mask, number - first) % 2 == 0:
        return OUTSIDE
    if kind == EXCHANGE and right_shift(mask, number - first ^ records[record + OTHER]) % 2 == 0:
        return UNASKED
    lane = 0
    while lane < WARP:
        if right_shift(mask, lane) % 2 == 1:
            if first + lane >= end:
                return APART
            other = (first + lane) * RECORD
            if records[other + KIND] != kind or records[other + SITE] != records[record + SITE] or records[other + MASK] != mask:
                return APART
            if lane < number - first:
                return FINE
        lane += 1
    return FINE


def answered(records: Memory, first: int, end: int) -> int:
    """Give each lane that waits for others of its warp its answer; how many there are."""
    number = first
    count = 0
    while number < end:
        record = number * RECORD
        kind = records[record + KIND]
        if kind == EXCHANGE:
            other = first + (number - first ^ records[record + OTHER])
            records[record + ANSWER] = records[other * RECORD + VALUE]
        if kind >= EXCHANGE and kind <= MEETING:
            records[record + KIND] = READY
            count += 1
        number += 1
    return count


def run_warps(state: Memory, records: Memory, count: int) -> int:
    """Run each warp as far as it comes without the others."""
    warps = (count + WARP - 1) // WARP
    warp = 0
    while warp < warps:
        first = turn(state, warp, warps) * WARP
        end = least(first + WARP, count)
        going = 1
        while going > 0:
            result = run_lanes(state, records, first, end)
            number = first
            while number < end and result == FINE:
                result = check_lane(state, records, number, first, end)
                number += 1
            if result != FINE:
                return result
            going = answered(records, first, end)
        warp += 1
    return FINE


def barrier(state: Memory, records: Memory, count: int) -> int:
    """Check that all threads of a block have ended, or are at one barrier."""
    number = 1
    while number < count:
        state[WHO] = number
        if records[number * RECORD + KIND] != records[KIND]:
            return LEFT
        if records[KIND] == BARRIER and records[number * RECORD + SITE] != records[SITE]:
            return ASTRAY
        number += 1
    return FINE


def released(records: Memory, count: int) -> int:
    """Let the threads at the barrier go on; how many there are."""
    number = 0
    going = 0
    while number < count:
        if records[number * RECORD + KIND] == BARRIER:
            records[number * RECORD + KIND] = READY
            going += 1
        number += 1
    return going


def each_thread(state: Memory) -> None:
    """Run all threads of a kernel in which none waits for another one."""
    block = 0
    while block < state[BLOCKS]:
        state[BLOCK] = turn(state, block, state[BLOCKS])
        row = 0
        while row < state[ROWS]:
            state[ROW] = turn(state, row, state[ROWS])
            lane = 0
            while lane < state[LANES]:
                state[LANE] = turn(state, lane, state[LANES])
                call(state[KERNEL])
                lane += 1
            row += 1
        block += 1


def run_alone(state: Memory, records: Memory, enter: int) -> int:
    """Run what begins at ``enter`` to its end, and say what that comes to."""
    begin(state, records, 0, enter)
    state[WHO] = 0
    resume(records, 0)
    if records[KIND] == STOPPED:
        return BROKEN
    return FINE


def run_together(state: Memory, records: Memory, enter: int) -> int:
    """Run blocks one after the other, whose threads each begin at ``enter``, and say what that comes to."""
    count = state[LANES] * state[ROWS]
    block = 0
    while block < state[BLOCKS]:
        state[BLOCK] = turn(state, block, state[BLOCKS])
        call(state[POISON])
        number = 0
        while number < count:
            begin(state, records, number, enter)
            number += 1
        running = count
        while running > 0:
            result = run_warps(state, records, count)
            if result == FINE:
                result = barrier(state, records, count)
            if result != FINE:
                return result
            running = released(records, count)
        block += 1
    return FINE


def _word(*operands: Any) -> Any:
    """Stand for a word of this module's own."""
    raise TracejitError("this is for machine code; it has no meaning here")


FRAME = 0
FRAME_ENTER = 0
call: Any = _word
"""Call the function at an address."""
resume: Any = _word
"""Let a thread run until it gives its turn back."""
i64_at: Any = _word
least: Any = _word
right_shift: Any = _word
