"""Rows whose indices are data, and the rows that make indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.errors import ShapeError
from tracejit.ir import Node, TensorSpec
from tracejit.ir.size import Dim
from tracejit.ops.elementwise import COMPLEX, Cotangents
from tracejit.ops.reduction import broadcast
from tracejit.ops.row import Domain, Sample, filled, row

Dims = tuple[Dim, ...]
INDEX = np.dtype(np.int64)
PLACES = Domain(0, 3, "i")


def _gather_shape(x: TensorSpec, indices: TensorSpec, *, axis: int) -> Dims:
    if not 0 <= axis < x.rank:
        raise ShapeError(f"gather: axis {axis} is none of {x}")
    return x.shape[:axis] + indices.shape + x.shape[axis + 1 :]


def _gather_dtypes(x: Any, indices: Any, *, axis: int) -> tuple[np.dtype, ...]:
    return (x, INDEX, x)


@row(
    "gather",
    _gather_shape,
    Sample(((3, 4), (5,)), {"axis": 0}, (COMPLEX, PLACES)),
    Sample(((2, 3, 2), (2, 2)), {"axis": 1}, (COMPLEX, PLACES)),
    Sample(((4, 3), ()), {"axis": 1}, (COMPLEX, PLACES)),
    resolve=_gather_dtypes,
)
def gather(x: Any, indices: Any, *, axis: int) -> Any:
    """The elements of ``x`` at ``indices`` along ``axis``; indices are i64 and in range."""
    return np.take(x, indices, axis=axis)


@gather.defvjp
def _gather_vjp(ct: Node, out: Node, x: Node, indices: Node, *, axis: int) -> Cotangents:
    return scatter_add(filled(x, 0.0), indices, ct, axis=axis), None


def _scatter_shape(x: TensorSpec, indices: TensorSpec, updates: TensorSpec, *, axis: int) -> Dims:
    shape = _gather_shape(x, indices, axis=axis)
    if updates.shape != shape:
        raise ShapeError(f"scatter_add: updates are {updates}; for {x} at {indices} along axis {axis} their shape is {shape}")
    return x.shape


def _scatter_dtypes(x: Any, indices: Any, updates: Any, *, axis: int) -> tuple[np.dtype, ...]:
    return (x, INDEX, x, x)


@row(
    "scatter",
    _scatter_shape,
    Sample(((3, 4), (5,), (5, 4)), {"axis": 0}, (COMPLEX, PLACES, COMPLEX)),
    Sample(((2, 3, 2), (2, 2), (2, 2, 2, 2)), {"axis": 1}, (COMPLEX, PLACES, COMPLEX)),
    Sample(((4, 3), (), (4,)), {"axis": 1}, (COMPLEX, PLACES, COMPLEX)),
    resolve=_scatter_dtypes,
    in_place=True,
)
def scatter_add(x: Any, indices: Any, updates: Any, *, axis: int) -> Any:
    """``x`` plus ``updates`` at ``indices`` along ``axis``, added one after the other where indices repeat."""
    out = np.array(x)
    np.add.at(out, (slice(None),) * axis + (indices,), updates)
    return out


@scatter_add.defvjp
def _scatter_add_vjp(ct: Node, out: Node, x: Node, indices: Node, updates: Node, *, axis: int) -> Cotangents:
    return ct, None, gather(ct, indices, axis=axis)


def _iota_shape(*, size: Dim, dtype: np.dtype) -> Dims:
    return (size,)


def _iota_dtypes(*, size: Dim, dtype: np.dtype) -> tuple[np.dtype, ...]:
    return (dtype,)


@row(
    "iota",
    _iota_shape,
    *(Sample((), {"size": size, "dtype": np.dtype(d)}) for size in (0, 5) for d in ("i8", "i4", "f4", "f8")),
    resolve=_iota_dtypes,
    expr="{dtype}({i})",
)
def iota(*, size: int, dtype: np.dtype) -> Any:
    """The numbers 0, 1, ... below ``size``."""
    return np.arange(size, dtype=dtype)


def positions(like: Node, axis: int) -> Node:
    """The index along ``axis`` of every element of a value of the shape of ``like``, i64."""
    return broadcast(iota(size=like.shape[axis], dtype=INDEX), shape=like.shape, axes=(axis,))
