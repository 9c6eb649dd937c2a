"""Sorting, and elements taken along an axis."""

from __future__ import annotations

from tracejit.ir import Node
from tracejit.ir.size import product
from tracejit.ops.composite.elementary import sized
from tracejit.ops.indexing import argsort, gather, positions
from tracejit.ops.movement import moved, reshape


def take_along_axis(x: Node, indices: Node, axis: int) -> Node:
    """``out[i, j, k] = x[i, indices[i, j, k], k]`` for axis 1; shapes are equal but along ``axis``, indices are i64 in range."""
    last = x.spec.rank - 1
    if last == 0:
        return gather(x, indices, axis=0)
    x, indices = moved(x, axis, last), moved(indices, axis, last)
    place = indices
    for lead in range(last):
        place = place + positions(indices, lead) * sized(indices, product(x.shape[lead + 1 :]))
    return moved(gather(reshape(x, shape=(x.spec.size,)), place, axis=0), last, axis)


def order(x: Node, axis: int) -> Node:
    """The indices that sort ``x`` along ``axis``, i64; equal elements keep their order, NaN comes last."""
    last = x.spec.rank - 1
    return moved(argsort(moved(x, axis, last)), last, axis)


def sort(x: Node, axis: int) -> Node:
    """``x`` in rising order along ``axis``, NaN last. Derivative: the cotangent put back in place."""
    return take_along_axis(x, order(x, axis), axis)
