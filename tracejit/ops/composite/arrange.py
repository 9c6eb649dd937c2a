"""Elements in other places: flips, rolls, tiles, padding, stacks, diagonals, triangles."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from tracejit.errors import ShapeError
from tracejit.ir import Node
from tracejit.ir.size import Dim, lower_bound
from tracejit.ops.comparison import greater_equal, less_equal
from tracejit.ops.composite.create import zeros
from tracejit.ops.composite.elementary import clip, full, sized
from tracejit.ops.elementwise import minimum, remainder, where
from tracejit.ops.indexing import INDEX, gather, iota, positions
from tracejit.ops.movement import concatenate, moved, reshape, reverse, slice, slice_update, window
from tracejit.ops.reduction import broadcast
from tracejit.ops.row import filled

Widths = Sequence[tuple[Dim, Dim]]


def flip(x: Node, axes: Sequence[int]) -> Node:
    """``x`` backwards along ``axes``."""
    for axis in axes:
        x = reverse(x, axis)
    return x


def roll(x: Node, shift: int, axis: int) -> Node:
    """Elements moved on by ``shift`` along ``axis``; those that leave at the end come in at the start."""
    size = x.shape[axis]
    if size == 0 or shift == 0:
        return x
    least = lower_bound(size)
    by: Dim = (shift if shift > 0 else size + shift) if least is not None and abs(shift) < least else shift % size
    if by == 0:
        return x
    return concatenate(window(x, axis, size - by, by), window(x, axis, 0, size - by), axis=axis)


def stack(xs: Sequence[Node], axis: int) -> Node:
    """Operands of one shape side by side along a new axis."""
    shape = xs[0].shape
    return concatenate(*(reshape(x, shape=(*shape[:axis], 1, *shape[axis:])) for x in xs), axis=axis)


def split(x: Node, bounds: Sequence[Dim], axis: int) -> list[Node]:
    """The pieces between ``bounds``, which rise from 0 to the size of the axis, both included."""
    return [window(x, axis, start, end - start) for start, end in pairwise(bounds)]


def tile(x: Node, repeats: Sequence[Dim]) -> Node:
    """``x`` laid side by side, ``repeats[i]`` times along axis ``i``; the shorter of both is filled with 1s in front."""
    rank = max(x.spec.rank, len(repeats))
    shape = (*(1,) * (rank - x.spec.rank), *x.shape)
    times = (*(1,) * (rank - len(repeats)), *repeats)
    apart = tuple(d for pair in zip(times, shape, strict=True) for d in pair)
    spread = broadcast(reshape(x, shape=shape), shape=apart, axes=tuple(range(1, 2 * rank, 2)))
    return reshape(spread, shape=tuple(t * d for t, d in zip(times, shape, strict=True)))


def repeat(x: Node, repeats: int | Sequence[int], axis: int) -> Node:
    """Each element ``repeats`` times in a row along ``axis``; or each its own number of times, of which there are as many."""
    if not isinstance(repeats, int):
        return concatenate(*(repeat(window(x, axis, i, 1), times, axis) for i, times in enumerate(repeats)), axis=axis)
    before, size, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    axes = tuple(i for i in range(x.spec.rank + 1) if i != axis + 1)
    spread = broadcast(x, shape=(*before, size, repeats, *after), axes=axes)
    return reshape(spread, shape=(*before, size * repeats, *after))


def pad(x: Node, widths: Widths, value: complex | Node = 0) -> Node:
    """``x`` with ``widths[i] = (before, after)`` elements of ``value`` along axis ``i``."""
    shape = tuple(before + d + after for d, (before, after) in zip(x.shape, widths, strict=True))
    starts = tuple(before for before, _ in widths)
    return slice_update(full(shape, value, x.dtype), x, starts=starts, steps=(1,) * len(starts))


def pad_by(x: Node, widths: Widths, mode: str) -> Node:
    """``x`` with elements of its own around it, as ``numpy.pad`` does for "edge", "wrap", "reflect" and "symmetric"."""
    for axis, (before, after) in enumerate(widths):
        if (before, after) != (0, 0):
            size = x.shape[axis]
            place = iota(size=before + size + after, dtype=INDEX)
            x = gather(x, _source(place - sized(place, before), size, mode), axis=axis)
    return x


def _source(place: Node, size: Dim, mode: str) -> Node:
    """The index within ``size`` that stands for an index beyond it."""
    match mode:
        case "edge":
            return clip(place, filled(place, 0), sized(place, size - 1))
        case "wrap":
            return remainder(place, sized(place, size))
        case "reflect":  # ... 2 1 0 1 2 ...: a period of 2 * size - 2, in which the second half runs back
            there = remainder(place, sized(place, 2 * size - 2))
            return minimum(there, sized(place, 2 * size - 2) - there)
        case "symmetric":  # ... 1 0 0 1 2 ...: the same with the ends twice
            there = remainder(place, sized(place, 2 * size))
            return minimum(there, sized(place, 2 * size - 1) - there)
    raise ShapeError(f'pad: mode {mode!r} is not known; modes are "constant", "edge", "wrap", "reflect" and "symmetric"')


def diagonal(x: Node, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    """The elements ``x[..., i, i + offset]`` of two axes, along a new last axis."""
    rank = x.spec.rank
    rest = [i for i in range(rank) if i not in (axis1, axis2)]
    x = moved(moved(x, axis1, rank - 1), axis2 - (axis2 > axis1), rank - 1)
    rows, columns = x.shape[-2:]
    size = diagonal_size(rows, columns, offset)
    lead = tuple(x.shape[: len(rest)])
    flat = reshape(x, shape=(*lead, rows * columns))
    start = offset if offset >= 0 else columns * -offset
    starts, steps = (*(0,) * len(lead), start if size != 0 else 0), (*(1,) * len(lead), columns + 1)
    return slice(flat, starts=starts, sizes=(*lead, size), steps=steps)


def diagonal_size(rows: Dim, columns: Dim, offset: int) -> Dim:
    """How many elements a diagonal of a matrix has; ShapeError where symbolic sizes do not tell."""
    if isinstance(rows, int) and isinstance(columns, int):
        return max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    least = lower_bound(rows)
    if rows == columns and least is not None and abs(offset) <= least:
        return rows - abs(offset)
    raise ShapeError(f"diagonal: its length is not known for a matrix of {rows} by {columns} at offset {offset}; use fixed sizes")


def diag(x: Node, offset: int = 0) -> Node:
    """A matrix with the vector ``x`` on a diagonal; of a matrix, its diagonal."""
    if x.spec.rank == 2:
        return diagonal(x, offset)
    size = x.shape[0]
    side = size + abs(offset)
    flat = zeros((side * side,), x.dtype)
    start = offset if offset >= 0 else side * -offset
    return reshape(slice_update(flat, x, starts=(start if size != 0 else 0,), steps=(side + 1,)), shape=(side, side))


def tril(x: Node, offset: int = 0) -> Node:
    """The last two axes on and below diagonal ``offset``, 0 above."""
    return where(less_equal(_column(x), _row(x) + offset), x, 0)


def triu(x: Node, offset: int = 0) -> Node:
    """The last two axes on and above diagonal ``offset``, 0 below."""
    return where(greater_equal(_column(x), _row(x) + offset), x, 0)


def _row(x: Node) -> Node:
    return positions(x, x.spec.rank - 2)


def _column(x: Node) -> Node:
    return positions(x, x.spec.rank - 1)
