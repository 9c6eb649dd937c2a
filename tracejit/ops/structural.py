"""Rows that the compiler itself needs: a copy, a checked index, a size as a number."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.errors import IndexOutOfBoundsError
from tracejit.ir import Node, TensorSpec
from tracejit.ir.size import Dim
from tracejit.ops.row import Domain, Op, elementwise


def _same(*dtypes: Any, **attrs: Any) -> tuple[np.dtype, ...]:
    return (*dtypes, dtypes[0])


@elementwise("{x}", Domain(kinds="biufc"), resolve=_same)
def copy(x: Any, *, key: int = 0) -> Any:
    """``x`` in a buffer of its own; copies with different keys are different nodes."""
    return np.array(x)


@copy.defvjp
def _copy_vjp(ct: Node, out: Node, x: Node, *, key: int = 0) -> tuple[Node]:
    return (ct,)


@elementwise("{x}", Domain(0, 3, "i"), resolve=_same, limit="size")
def checked_index(x: Any, *, size: int = 3) -> Any:
    """``x``, after a check that ``0 <= x < size``; IndexError otherwise. Compiled programs check before they update anything."""
    array = np.asarray(x)
    wrong = (array < 0) | (array >= size)
    if np.any(wrong):
        value = int(array[wrong].flat[0])
        rule = f"an axis with size {size} (negative indices count from the end)"
        raise IndexOutOfBoundsError(f"index {value} is out of bounds for {rule}")
    return array


def _dim_shape(*, size: Dim) -> tuple[Dim, ...]:
    return ()


def _dim_dtype(*, size: Dim) -> tuple[np.dtype, ...]:
    return (np.dtype(np.int64),)


def _dim(*, size: int) -> np.int64:
    """The number that a symbolic size is, i64."""
    return np.int64(size)


dim = Op("dim", "elementwise", _dim, _dim_shape, _dim_dtype, expr="i64({size})")


def _update_shape(c: TensorSpec, x: TensorSpec, y: TensorSpec, scale: TensorSpec, *, negate: bool) -> tuple[Dim, ...]:
    return c.shape


def _matmul_update(c: Any, x: Any, y: Any, scale: Any, *, negate: bool) -> Any:
    """``c + scale * (x @ y)``, or minus: what BLAS does in one call, with ``scale`` a scalar. Made by the scheduler only."""
    return c - scale * (x @ y) if negate else c + scale * (x @ y)


matmul_update = Op("matmul_update", "contract", _matmul_update, _update_shape, _same, in_place=True)


def _moments_shape(x: TensorSpec, *, axes: tuple[int, ...]) -> tuple[Dim, ...]:
    return (2, *x.shape[len(axes) :])


def _moments(x: Any, *, axes: tuple[int, ...]) -> Any:
    """The mean over leading ``axes``, and the sum of squared differences from it. Made by the scheduler only.

    Programs keep both for the rows so far and correct them with each row, which is stable: the error of the sum is at most
    about as many units in the last place of it as rows are added up in one chunk, however far from zero the values are.
    """
    mean = np.mean(x, axis=axes, keepdims=True)
    return np.stack([mean.reshape(np.shape(x)[len(axes) :]), np.sum((x - mean) ** 2, axis=axes)])


moments = Op("moments", "reduce", _moments, _moments_shape, _same, identity=lambda dtype: 0)

__all__ = ["checked_index", "copy", "dim", "matmul_update", "moments"]
