"""Places in sorted tables, and what is read from them: interpolation, quantiles."""

from __future__ import annotations

import numpy as np

from tracejit.ir import Node
from tracejit.ir.dtype import family
from tracejit.ir.size import Dim
from tracejit.ops.comparison import equal, greater_equal, isnan, less, less_equal, logical_and
from tracejit.ops.composite.elementary import full, sized
from tracejit.ops.composite.ordering import sort
from tracejit.ops.elementwise import cast, floor, maximum, minimum, where
from tracejit.ops.indexing import INDEX, gather
from tracejit.ops.movement import moved, reshape, window
from tracejit.ops.reduction import broadcast
from tracejit.ops.row import lift


def searchsorted(table: Node, x: Node, right: bool = False) -> Node:
    """How many elements of a sorted vector come before each of ``x``, i64; ``right``: equal ones too. NaN comes last.

    The size of the table is a number: a search by halves takes as many steps as it has bits.
    """
    size = table.shape[0]
    assert isinstance(size, int)
    place = _search(table, x, right)
    if family(x.dtype) != "f":
        return place
    # NaN, before which no element comes by a comparison, belongs behind all numbers of the table
    last = full((), size, INDEX) if right else _search(table, lift(np.inf, x.dtype), True)
    return where(isnan(x), broadcast(last, shape=x.shape, axes=()) if x.shape else last, place)


def _search(table: Node, x: Node, right: bool) -> Node:
    place, length = full(x.shape, 0, INDEX), table.shape[0]
    if length == 0:
        return place
    is_before = less_equal if right else less
    while length > 1:  # the place is at most ``length`` further
        half = length // 2
        place = where(is_before(gather(table, place + (half - 1), axis=0), x), place + half, place)
        length -= half
    return place + cast(is_before(gather(table, place, axis=0), x), dtype=place.dtype)


def even_bin(edges: Node, x: Node) -> Node:
    """The bin of each of ``x``, i64, between edges that are equally far apart; ``x`` is not beyond the first and the last one.

    Where rounding puts one into a neighbour of its bin, the edges decide. The last bin has its upper edge, too.
    """
    bins = edges.shape[0] - 1
    bottom, top = end(edges, 0, x), end(edges, bins, x)
    share = (x - bottom) / (top - bottom)
    place = minimum(cast(share * float(bins), dtype=np.dtype(INDEX)), full(x.shape, bins - 1, INDEX))
    below = less(x, gather(edges, place, axis=0))
    above = logical_and(less_equal(gather(edges, place + 1, axis=0), x), less(place, full(x.shape, bins - 1, INDEX)))
    return where(below, place - 1, where(above, place + 1, place))


def interp(x: Node, points: Node, values: Node) -> Node:
    """The broken line through ``(points[i], values[i])`` at ``x``, its first and last value beyond; the points rise.

    Derivative: the slope of the piece; at a point that of the next one; 0 beyond, and at the last point.
    """
    last = points.shape[0] - 1
    bottom, top = end(points, 0, x), end(points, last, x)
    inside = where(less(x, bottom), bottom, where(less(top, x), top, x))
    low = maximum(searchsorted(points, x, right=True) - 1, full(x.shape, 0, INDEX))
    high = minimum(low + 1, sized(low, last))
    left, width = gather(points, low, axis=0), gather(points, high, axis=0) - gather(points, low, axis=0)
    start, rise = gather(values, low, axis=0), gather(values, high, axis=0) - gather(values, low, axis=0)
    return start + rise / where(equal(width, 0.0), 1.0, width) * (inside - left)


def end(vector: Node, place: Dim, like: Node) -> Node:
    """An element of a vector, at every element of ``like``."""
    return broadcast(reshape(window(vector, 0, place, 1), shape=()), shape=like.shape, axes=())


def quantile(x: Node, q: Node, axis: int) -> Node:
    """The value below which the share ``q`` of the elements along ``axis`` lies, between neighbours by distance.

    NaN where there is one. The axes of ``q``, of the dtype of ``x``, come first.
    """
    last = x.spec.rank - 1
    ordered = sort(moved(x, axis, last), last)
    size = ordered.shape[last]
    exact = q * sized(q, size - 1)
    below = floor(exact)
    low = cast(below, dtype=np.dtype(INDEX))
    high = minimum(low + 1, sized(low, size - 1))
    left, right = gather(ordered, low, axis=last), gather(ordered, high, axis=last)
    share = broadcast(exact - below, shape=left.shape, axes=tuple(range(last, last + q.spec.rank)))
    step = right - left
    value = where(greater_equal(share, 0.5), right - step * (1.0 - share), left + step * share)
    top = reshape(window(ordered, last, size - 1, 1), shape=ordered.shape[:last])
    out = where(isnan(broadcast(top, shape=left.shape, axes=tuple(range(last)))), np.nan, where(equal(step, 0.0), left, value))
    for i in range(q.spec.rank):
        out = moved(out, last + i, i)
    return out
