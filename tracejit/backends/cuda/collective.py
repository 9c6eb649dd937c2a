"""What the lanes of a group do together, in the language of generated files, over ``shuffle``, ``sync`` and ``shared``.

The compiler writes these functions where they are called; the emulator of the tests runs them. ``combine`` and ``better`` are
words: of a reduction, and whether a value takes the place of another.
"""

from __future__ import annotations

from typing import Any

from tracejit.errors import TracejitError


def meet() -> None:
    """Wait for the other lanes; then what they wrote can be read."""
    if lanes() > 32:
        sync()
    else:
        warp_sync()


def across(x: Any) -> Any:
    """Combine the values of all lanes, in an order that their number gives; every lane gets the result."""
    step = least(lanes(), 32) // 2
    while step > 0:
        x = combine(x, shuffle(x, step))
        step = step // 2
    if lanes() > 32:
        warps = shared(x, 0)
        sync()
        if lane() % 32 == 0:
            warps[lane() // 32] = x
        sync()
        x = warps[0]
        warp = 1
        while warp < lanes() // 32:
            x = combine(x, warps[warp])
            warp += 1
    return x


def across_before(x: Any, nothing: Any) -> Any:
    """Combine the values of the lanes before this one, in their order, and those of all lanes; the first gets ``nothing``."""
    found = nothing
    step = 1
    while step < least(lanes(), 32):
        other = shuffle(x, step)
        if lane() // step % 2 == 1:
            found = combine(other, found)
            x = combine(other, x)
        else:
            x = combine(x, other)
        step = step * 2
    if lanes() > 32:
        warps = shared(x, 0)
        sync()
        if lane() % 32 == 0:
            warps[lane() // 32] = x
        sync()
        earlier, x = nothing, nothing
        warp = 0
        while warp < lanes() // 32:
            if warp == lane() // 32:
                earlier = x
            x = combine(x, warps[warp])
            warp += 1
        found = combine(earlier, found)
    return found, x


def then(factor: Any, term: Any, earlier: Any) -> Any:
    """The term of a step behind one whose term is ``earlier``; where that is 0, it adds nothing, even times infinity."""
    return select(earlier == 0, term, factor * earlier + term)


def steps_before(factor: Any, term: Any, one: Any, nothing: Any) -> Any:
    """Join the steps of the lanes before this one, in their order, and those of all lanes: two factors and terms.

    A step makes ``factor * s + term`` of a state ``s``; the first lane gets the step of ``one`` and ``nothing``.
    """
    before_factor, before_term = one, nothing
    step = 1
    while step < least(lanes(), 32):
        other_factor = shuffle(factor, step)
        other_term = shuffle(term, step)
        if lane() // step % 2 == 1:
            before_term = then(before_factor, before_term, other_term)
            before_factor = before_factor * other_factor
            term = then(factor, term, other_term)
            factor = factor * other_factor
        else:
            term = then(other_factor, other_term, term)
            factor = other_factor * factor
        step = step * 2
    if lanes() > 32:
        factors = shared(factor, 0)
        terms = shared(term, 1)
        sync()
        if lane() % 32 == 0:
            factors[lane() // 32] = factor
            terms[lane() // 32] = term
        sync()
        earlier_factor, earlier_term = one, nothing
        factor, term = one, nothing
        warp = 0
        while warp < lanes() // 32:
            if warp == lane() // 32:
                earlier_factor, earlier_term = factor, term
            term = then(factors[warp], terms[warp], term)
            factor = factors[warp] * factor
            warp += 1
        before_term = then(before_factor, before_term, earlier_term)
        before_factor = before_factor * earlier_factor
    return before_factor, before_term, factor, term


def down(x: Any) -> Any:
    """Combine the values of the threads of one lane at all levels, in their order; every one gets the result."""
    if levels() > 1:
        column = shared(x, 0)
        sync()
        column[level() * lanes() + lane()] = x
        sync()
        x = column[lane()]
        at = 1
        while at < levels():
            x = combine(x, column[at * lanes() + lane()])
            at += 1
    return x


def choose_across(x: Any, index: Any) -> Any:
    """Choose the index of the best value of all lanes, of equal ones the least index; every lane gets it."""
    step = least(lanes(), 32) // 2
    while step > 0:
        other = shuffle(x, step)
        at = shuffle(index, step)
        if better(other, x) or (at < index and not better(x, other)):
            x = other
            index = at
        step = step // 2
    if lanes() > 32:
        values = shared(x, 0)
        indices = shared(index, 1)
        sync()
        if lane() % 32 == 0:
            values[lane() // 32] = x
            indices[lane() // 32] = index
        sync()
        warp = 0
        while warp < lanes() // 32:
            if better(values[warp], x) or (indices[warp] < index and not better(x, values[warp])):
                x = values[warp]
                index = indices[warp]
            warp += 1
    return index


def place_of(keys: Any, i: Any, begin: Any, middle: Any, end: Any) -> Any:
    """Where element ``i`` goes when the sorted ``keys[begin:middle]`` and ``keys[middle:end]`` are merged from ``begin`` on.

    Of equal elements those of the left part come first.
    """
    key = keys[i]
    low, high = begin, middle
    if i < middle:
        low, high = middle, end
    while low < high:
        half = (low + high) // 2
        first = before(keys[half], key)
        if i >= middle:
            first = not before(key, keys[half])
        if first:
            low = half + 1
        else:
            high = half
    return i + low - middle


def left_of(keys: Any, first: Any, middle: Any, stop: Any, count: Any) -> Any:
    """How many of the first ``count`` elements come from the left of two parts of ``keys`` that are merged."""
    low = select(count > stop - middle, count - (stop - middle), 0)
    high = select(count < middle - first, count, middle - first)
    while low < high:
        half = (low + high) // 2
        if before(keys[middle + count - 1 - half], keys[first + half]):
            high = half
        else:
            low = half + 1
    return low


def first_above(keys: Any, order: Any, key: Any, low: Any, high: Any) -> Any:
    """The first number from ``low`` to ``high`` in the ``order`` of ``keys`` whose key is above ``key``; ``high`` if none is."""
    while low < high:
        half = (low + high) // 2
        if keys[order[half]] > key:
            high = half
        else:
            low = half + 1
    return low


def merge_runs(keys: Any, places: Any, to_keys: Any, to_places: Any, first: Any, size: Any, width: Any) -> None:
    """Merge pairs of sorted runs of ``width`` among ``size`` elements from ``first`` on; the last run may be shorter."""
    i = lane()
    while i < size:
        begin = i - i % (2 * width)
        middle, end = least(begin + width, size), least(begin + 2 * width, size)
        to = place_of(keys, first + i, first + begin, first + middle, first + end)
        to_keys[to] = keys[first + i]
        to_places[to] = places[first + i]
        i += lanes()
    meet()


def sort_run(keys: Any, places: Any, other_keys: Any, other_places: Any, first: Any, size: Any) -> None:
    """Sort ``size`` elements of ``keys`` from ``first`` on, stably, with their ``places``, by merges of ever longer runs."""
    width = 1
    while width < size:
        merge_runs(keys, places, other_keys, other_places, first, size, width)
        merge_runs(other_keys, other_places, keys, places, first, size, 2 * width)
        width = width * 4


def _word(*operands: Any) -> Any:
    """Stand for a word of the kernel's prelude."""
    raise TracejitError("this is a word of kernels; it has no meaning on the host")


lane: Any = _word
lanes: Any = _word
level: Any = _word
levels: Any = _word
least: Any = _word
select: Any = _word
shuffle: Any = _word
sync: Any = _word
warp_sync: Any = _word
shared: Any = _word
combine: Any = _word
better: Any = _word
before: Any = _word
