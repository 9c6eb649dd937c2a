"""Reductions and running totals, written with the rows of the table.

``axes`` are the axes that go, sorted and not negative. Counts of symbolic sizes are nodes, so a mean serves every size.
"""

from __future__ import annotations

import math

from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.ops.comparison import equal, isfinite, isnan, not_equal
from tracejit.ops.composite.elementary import floating, in_single, root, sized, truth
from tracejit.ops.composite.ordering import sort
from tracejit.ops.elementwise import absolute, cast, maximum, stop_gradient, where
from tracejit.ops.indexing import positions
from tracejit.ops.movement import reshape, transpose, window
from tracejit.ops.reduction import expand, reduce_all, reduce_any, reduce_max, reduce_min, reduce_sum, wide_dtypes
from tracejit.ops.row import filled
from tracejit.ops.scan import linear_scan
from tracejit.ops.transcendental import exp, log, power

Axes = tuple[int, ...]


def count(x: Node, axes: Axes) -> Dim:
    """How many elements a reduction of ``x`` over ``axes`` takes together."""
    return product(x.shape[a] for a in axes)


def any_(x: Node, axes: Axes) -> Node:
    """Whether one element is anything but zero."""
    return reduce_any(truth(x), axes=axes)


def all_(x: Node, axes: Axes) -> Node:
    """Whether no element is zero."""
    return reduce_all(truth(x), axes=axes)


def count_nonzero(x: Node, axes: Axes) -> Node:
    """How many elements are not zero, i64."""
    return reduce_sum(truth(x), axes=axes)


def ptp(x: Node, axes: Axes) -> Node:
    """The largest less the smallest."""
    return reduce_max(x, axes=axes) - reduce_min(x, axes=axes)


@in_single
def mean(x: Node, axes: Axes) -> Node:
    """The sum over the count; NaN of nothing."""
    total = reduce_sum(floating(x), axes=axes)
    return total / sized(total, count(x, axes))


@in_single
def average(x: Node, weights: Node, axes: Axes) -> Node:
    """``sum(x * weights) / sum(weights)``; the weights have the shape and dtype of ``x``, a float."""
    return reduce_sum(x * weights, axes=axes) / reduce_sum(weights, axes=axes)


@in_single
def var(x: Node, axes: Axes, ddof: float = 0) -> Node:
    """The mean square distance from the mean, ``sum((x - mean)**2) / max(count - ddof, 0)``."""
    x = floating(x)
    distance = x - expand(mean(x, axes), x.shape, axes)
    if x.dtype.kind == "c":
        distance = absolute(distance)
    total = reduce_sum(distance * distance, axes=axes)
    return total / maximum(sized(total, count(x, axes)) - ddof, filled(total, 0.0))


@in_single
def std(x: Node, axes: Axes, ddof: float = 0) -> Node:
    """The root of ``var``. Derivative: 0 where all values are equal."""
    return root(var(x, axes, ddof))


@in_single
def norm(x: Node, axes: Axes, ord: float = 2) -> Node:
    """The vector norm ``sum(|x|**ord)**(1 / ord)``; inf and -inf are the largest and smallest ``|x|``, 0 counts.

    Derivative: 0 at the zero vector; equal shares at ties of inf and -inf.
    """
    size = absolute(floating(x))
    if ord == math.inf:
        return reduce_max(size, axes=axes)
    if ord == -math.inf:
        return reduce_min(size, axes=axes)
    if ord == 0:
        return cast(count_nonzero(x, axes), dtype=size.dtype)
    if ord == 1:
        return reduce_sum(size, axes=axes)
    if ord == 2:
        return root(reduce_sum(size * size, axes=axes))
    total = reduce_sum(power(size, filled(size, ord)), axes=axes)
    return where(equal(total, 0.0), 0.0, power(total, filled(total, 1 / ord)))


def finite_max(x: Node, axes: Axes) -> Node:
    """The largest over ``axes``, 0 where that is not finite, held constant: what exponentials are taken relative to."""
    top = stop_gradient(reduce_max(x, axes=axes))
    return where(isfinite(top), top, 0.0)


@in_single
def logsumexp(x: Node, axes: Axes) -> Node:
    """``log(sum(exp(x)))`` without overflow; -inf where all are -inf. Derivative: softmax; 0 where all are -inf."""
    top = finite_max(x, axes)
    total = reduce_sum(exp(x - expand(top, x.shape, axes)), axes=axes)
    return where(equal(total, 0.0), -math.inf, log(total)) + top


def cumsum(x: Node, axis: int) -> Node:
    """Running sums along ``axis``; of integers and bools in 64 bits."""
    x = cast(x, dtype=wide_dtypes(x.dtype)[-1])
    return linear_scan(filled(x, 1), x, axis=axis, reverse=False)


def cumprod(x: Node, axis: int) -> Node:
    """Running products along ``axis``; of integers and bools in 64 bits. Derivative: exact where elements are 0."""
    x = cast(x, dtype=wide_dtypes(x.dtype)[-1])
    first = equal(positions(x, axis), 0)  # adding -0.0 changes nothing, not even the sign of a zero
    return linear_scan(where(first, 0, x), where(first, x, -0.0), axis=axis, reverse=False)


def diff(x: Node, axis: int, n: int = 1) -> Node:
    """Each element less the one before it, ``n`` times; of bools, whether they differ."""
    for _ in range(n):
        size = x.shape[axis]
        if size == 0:
            return x
        later, earlier = window(x, axis, 1, size - 1), window(x, axis, 0, size - 1)
        x = not_equal(later, earlier) if x.dtype == bool else later - earlier
    return x


@in_single
def trapezoid(y: Node, axis: int, spacing: Node | float = 1.0) -> Node:
    """The integral by trapezia: ``sum(spacing * (y[i] + y[i + 1]) / 2)``; a node of spacings has the shape of the pairs."""
    y = floating(y)
    size = y.shape[axis]
    pairs = window(y, axis, 1, size - 1) + window(y, axis, 0, size - 1)
    return reduce_sum(pairs * spacing * 0.5, axes=(axis,))


def median(x: Node, axes: Axes) -> Node:
    """The middle one in order, or the mean of the middle two; NaN where there is one."""
    kept = tuple(i for i in range(x.spec.rank) if i not in axes)
    shape = tuple(x.shape[i] for i in kept)
    last, size = len(kept), count(x, axes)
    if size == 0:
        return mean(x, axes)
    flat = reshape(transpose(floating(x), perm=kept + axes), shape=(*shape, size))
    ordered = sort(flat, last)
    low, high, top = (reshape(window(ordered, last, i, 1), shape=shape) for i in ((size - 1) // 2, size // 2, size - 1))
    return where(isnan(top), top, 0.5 * low + 0.5 * high)
