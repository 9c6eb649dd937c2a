"""Basic indexing: integers, slices, new axes and the ellipsis, as one ``slice`` and one ``reshape``."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import ArgumentError, IndexOutOfBoundsError
from tracejit.frontend.base import Tensor
from tracejit.frontend.eager import trace
from tracejit.frontend.symbolic import SymbolicInt, as_dim
from tracejit.ir import Dim, Node, TensorSpec
from tracejit.ir.size import quotient


def is_basic(item: Any) -> bool:
    """Whether an item of an index selects without data: anything but arrays, lists and traced integers."""
    if isinstance(item, Tensor):
        return False
    return (
        item is None
        or item is Ellipsis
        or isinstance(item, slice | SymbolicInt)
        or (is_integer(item) and not isinstance(item, np.ndarray))
    )


def is_integer(item: Any) -> bool:
    """Whether an item is a number that Python knows, or a size."""
    return isinstance(item, int | np.integer | SymbolicInt) and not isinstance(item, bool)


def expanded(index: Any, spec: TensorSpec, taken: Any = lambda item: 1) -> list[Any]:
    """The items of an index with the ellipsis written out; ``taken(item)`` axes go to an item that is no new axis."""
    items = list(index) if isinstance(index, tuple) else [index]
    dots = [i for i, item in enumerate(items) if item is Ellipsis]
    if len(dots) > 1:
        raise IndexOutOfBoundsError("an index can only have a single ellipsis ('...')")
    used = sum(taken(item) for item in items if item is not None and item is not Ellipsis)
    if used > spec.rank:
        raise IndexOutOfBoundsError(f"too many indices: {spec} has {spec.rank} dimensions, and {used} were indexed")
    rest = [slice(None)] * (spec.rank - used)
    return items[: dots[0]] + rest + items[dots[0] + 1 :] if dots else items + rest


def basic(x: Node, items: list[Any]) -> Node:
    """``x[items]`` where all items are integers, slices and new axes."""
    starts: list[Dim] = []
    sizes: list[Dim] = []
    steps: list[int] = []
    shape: list[Dim] = []
    for item in items:
        if item is None:
            shape.append(1)
            continue
        axis = len(starts)
        dim = x.shape[axis]
        if isinstance(item, slice):
            start, size, step = _window(item, dim)
            shape.append(size)
        else:
            start, size, step = position(item, dim, axis), 1, 1
        starts.append(start)
        sizes.append(size)
        steps.append(step)
    if tuple(sizes) != x.shape or any(s != 1 for s in steps):
        x = ops.slice(x, starts=tuple(starts), sizes=tuple(sizes), steps=tuple(steps))
    return x if x.shape == tuple(shape) else ops.reshape(x, shape=tuple(shape))


def position(item: Any, dim: Dim, axis: int) -> Dim:
    """An integer index counted from the front."""
    place = as_dim(item)
    counted = place + dim if _less(place, 0) else place
    if _less(counted, 0) or not _less(counted, dim):
        raise IndexOutOfBoundsError(f"index {place} is out of bounds for dimension {axis} with size {dim}")
    return counted


def _window(item: slice, dim: Dim) -> tuple[Dim, Dim, int]:
    """Start, size and step of a slice of an axis, by the rules of Python's ``slice.indices``."""
    step = 1 if item.step is None else _whole(item.step)
    if step == 0:
        raise ValueError("slice step cannot be zero")
    lowest, highest = (0, dim) if step > 0 else (-1, dim - 1)
    start = (lowest if step > 0 else highest) if item.start is None else _bound(item.start, dim, lowest, highest)
    stop = (highest if step > 0 else lowest) if item.stop is None else _bound(item.stop, dim, lowest, highest)
    distance = stop - start if step > 0 else start - stop
    if not _less(0, distance):
        return 0, 0, 1
    size = quotient(distance + (abs(step) - 1), abs(step)) if abs(step) > 1 else distance
    return start, size, 1 if size == 1 else step


def _bound(value: Any, dim: Dim, lowest: Dim, highest: Dim) -> Dim:
    bound = as_dim(value) if isinstance(value, SymbolicInt) else _whole(value)
    if _less(bound, 0):
        bound = bound + dim
        return lowest if _less(bound, lowest) else bound
    return highest if _less(highest, bound) else bound


def _whole(value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise ArgumentError(f"a slice holds {value!r}; slices hold integers and None") from None


def _less(a: Dim, b: Dim) -> bool:
    return a < b if isinstance(a, int) and isinstance(b, int) else bool(trace().decide(a, "<", b))
