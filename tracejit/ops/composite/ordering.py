"""Sorting along any axis, and elements taken along it."""

from __future__ import annotations

from tracejit.ir import Node
from tracejit.ops import sorting
from tracejit.ops.indexing import gather
from tracejit.ops.movement import moved, reshape


def take_along_axis(x: Node, indices: Node, axis: int) -> Node:
    """``out[i, j, k] = x[i, indices[i, j, k], k]`` for axis 1; shapes are equal but along ``axis``, indices are i64 in range."""
    last = x.spec.rank - 1
    if last == 0:
        return gather(x, indices, axis=0)
    x, indices = moved(x, axis, last), moved(indices, axis, last)
    places = sorting.flat_places(indices, x.shape[-1])
    return moved(gather(reshape(x, shape=(x.spec.size,)), places, axis=0), last, axis)


def order(x: Node, axis: int) -> Node:
    """The indices that sort ``x`` along ``axis``, i64; equal elements keep their order, NaN comes last."""
    last = x.spec.rank - 1
    return moved(sorting.argsort(moved(x, axis, last)), last, axis)


def sort(x: Node, axis: int) -> Node:
    """``x`` in rising order along ``axis``, NaN last. Derivative: the cotangent put back in place."""
    last = x.spec.rank - 1
    return moved(sorting.sort(moved(x, axis, last)), last, axis)
