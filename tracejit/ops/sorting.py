"""Rows about order along the last axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.errors import DTypeError, ShapeError
from tracejit.ir import Node, TensorSpec
from tracejit.ir.size import Dim, product
from tracejit.ops.elementwise import Cotangents
from tracejit.ops.indexing import INDEX, positions, scatter_add
from tracejit.ops.movement import reshape
from tracejit.ops.reduction import broadcast
from tracejit.ops.row import Domain, Sample, filled, row, same_dtype
from tracejit.ops.structural import dim


def _shape(x: TensorSpec) -> tuple[Dim, ...]:
    if not x.rank:
        raise ShapeError(f"sort: {x} has no axis to sort along")
    return x.shape


def _is_ordered(x: Any) -> None:
    if x.kind == "c":
        raise DTypeError(f"sort: {x} has no order; sort the real part, the imaginary part or the absolute value")


def _dtypes(x: Any) -> tuple[np.dtype, ...]:
    _is_ordered(x)
    return same_dtype(x)


def _index_dtypes(x: Any) -> tuple[np.dtype, ...]:
    _is_ordered(x)
    return (x, INDEX)


@row("sort", _shape, Sample(((3, 5),), {}, (Domain(),)), resolve=_index_dtypes, expr="argsort_into")
def argsort(x: Any) -> Any:
    """Indices that sort ``x`` along the last axis; equal elements keep their order, NaN comes last."""
    return np.argsort(x, axis=-1, kind="stable")


@row("sort", _shape, Sample(((3, 5),), {}, (Domain(),)), resolve=_dtypes, expr="sort_into")
def sort(x: Any) -> Any:
    """``x`` in rising order along the last axis, NaN last."""
    return np.sort(x, axis=-1)


@sort.defvjp
def _sort_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    size = x.spec.size
    places = reshape(flat_places(argsort(x)), shape=(size,))
    whole = scatter_add(filled(reshape(x, shape=(size,)), 0.0), places, reshape(ct, shape=(size,)), axis=0)
    return (reshape(whole, shape=x.shape),)


def flat_places(indices: Node, length: Dim | None = None) -> Node:
    """Where elements at ``indices`` along the last axis lie in the flattened array; that axis is ``length`` long, or as here."""
    place, shape = indices, indices.shape if length is None else (*indices.shape[:-1], length)
    for lead in range(indices.spec.rank - 1):
        width = product(shape[lead + 1 :])
        row = positions(indices, lead)
        place = place + row * (width if isinstance(width, int) else broadcast(dim(size=width), shape=row.shape, axes=()))
    return place
