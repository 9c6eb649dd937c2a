"""Sorting, and elements at places that are data."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import DTypeError, ShapeError, UnsupportedError
from tracejit.frontend.eager import trace
from tracejit.frontend.indexing import checked_places
from tracejit.frontend.lift import cast, lift
from tracejit.frontend.public import lifted
from tracejit.frontend.shapes import as_shape, broadcast_node, normal_axis, reshape_node, same
from tracejit.ir import Node
from tracejit.ir.dtype import promoted
from tracejit.ops import composite

MOST_ORDERED = 2**32 - 1  # places are found by 32 bits

__all__ = [
    "argsort",
    "bincount",
    "one_hot",
    "scatter_add",
    "sort",
    "take",
    "take_along_axis",
]


def _flat(a: Node, axis: int | None, name: str) -> tuple[Node, int]:
    x = reshape_node(a, -1) if axis is None else a
    if x.spec.rank == 0:
        raise ShapeError(f"{name}: {a.spec} has no axis; axis=None takes it as one element")
    return x, 0 if axis is None else normal_axis(axis, x.spec.rank, name)


@lifted()
def sort(a: Node, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Node:
    """The elements in rising order along ``axis``, NaN last."""
    return composite.sort(*_flat(a, axis, "sort"))


@lifted()
def argsort(a: Node, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Node:
    """The indices that sort along ``axis``, of up to 2**32 - 1 elements; equal elements keep their order, NaN comes last."""
    x, place = _flat(a, axis, "argsort")
    if not trace().decide(x.shape[place], "<=", MOST_ORDERED):
        raise UnsupportedError(f"argsort: {x.spec} has more than {MOST_ORDERED} elements along axis {place}")
    return composite.order(x, place)


@lifted(2)
def take(a: Node, indices: Node, axis: int | None = None, mode: str = "raise") -> Node:
    """The elements at ``indices`` along ``axis``, of the flattened array if None; negative ones count from the end."""
    x, place = _flat(a, axis, "take")
    _integers(indices, "take")
    size = x.shape[place]
    if mode == "clip":
        wide = cast(indices, np.int64)
        bounded = composite.clip(wide, composite.full(wide.shape, 0, wide.dtype), composite.sized(wide, size - 1))
        return ops.gather(x, bounded, axis=place)
    if mode == "wrap":
        wide = cast(indices, np.int64)
        return ops.gather(x, ops.remainder(wide, composite.sized(wide, size)), axis=place)
    return ops.gather(x, checked_places(indices, size), axis=place)


def _integers(indices: Node, name: str) -> None:
    if indices.dtype.kind not in "iu":
        raise DTypeError(f"{name}: indices are {indices.spec}; they must be integers")


@lifted(2)
def take_along_axis(arr: Node, indices: Node, axis: int | None = -1) -> Node:
    """``out[i, j] = arr[i, indices[i, j]]`` along the last axis, and so along any other."""
    x, place = _flat(arr, axis, "take_along_axis")
    _integers(indices, "take_along_axis")
    if indices.spec.rank != x.spec.rank:
        raise ShapeError(f"take_along_axis: {indices.spec} indexes {x.spec}; both have as many axes")
    wanted = tuple(indices.shape[i] if i == place else d for i, d in enumerate(x.shape))
    whole = broadcast_node(indices, wanted, "take_along_axis, indices")
    return composite.take_along_axis(x, checked_places(whole, x.shape[place]), place)


@lifted(3)
def scatter_add(x: Node, indices: Node, updates: Node, axis: int = 0) -> Node:
    """``x`` plus ``updates`` at ``indices`` along ``axis``, added again where indices repeat; the reverse of ``take``."""
    place = normal_axis(axis, x.spec.rank, "scatter_add")
    _integers(indices, "scatter_add")
    shape = (*x.shape[:place], *indices.shape, *x.shape[place + 1 :])
    wide = promoted(x.dtype, updates.dtype)
    whole = broadcast_node(cast(updates, wide), shape, "scatter_add, updates")
    return ops.scatter_add(cast(x, wide), checked_places(indices, x.shape[place]), whole, axis=place)


@lifted()
def one_hot(labels: Node, size: Any, axis: int = -1, dtype: Any = np.float32) -> Node:
    """1 at the place of each label along a new axis of ``size``, 0 elsewhere; all 0 for labels out of range."""
    _integers(labels, "one_hot")
    (length,) = as_shape(size, "one_hot")
    return composite.one_hot(labels, length, normal_axis(axis, labels.spec.rank + 1, "one_hot"), np.dtype(dtype))


@lifted()
def bincount(x: Node, weights: Any = None, minlength: int = 0) -> Node:
    """How often each number below ``minlength`` occurs; or the sum of its weights."""
    _integers(x, "bincount")
    if minlength < 1:
        raise ShapeError("bincount: minlength is needed, as the size of the result must be known before the program runs")
    start = composite.full((minlength,), 0, np.dtype(np.int64 if weights is None else np.float64))
    each = composite.full(x.shape, 1, start.dtype) if weights is None else cast(lift(weights, "bincount").node(), start.dtype)
    for a, b in zip(each.shape, x.shape, strict=True):
        same(a, b, "bincount: weights and x differ in shape")
    return ops.scatter_add(start, ops.checked_index(cast(x, np.int64), size=minlength), each, axis=0)
