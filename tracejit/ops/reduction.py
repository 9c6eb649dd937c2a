"""Rows that remove axes, and ``broadcast``, which adds them: a sum and a broadcast are each other's derivative."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracejit.errors import ShapeError
from tracejit.ir import Node, TensorSpec
from tracejit.ir.dtype import family
from tracejit.ir.size import Dim
from tracejit.ops.comparison import equal
from tracejit.ops.elementwise import Cotangents, cast, where
from tracejit.ops.index_map import Index
from tracejit.ops.row import Domain, Sample, reduction, row

NUMBER = Domain()
COMPLEX = Domain(kinds="biufc")


def wide_dtypes(x: Any, **attrs: Any) -> tuple[np.dtype, ...]:
    """NumPy adds up and multiplies small integers and bools in 64 bits."""
    wide = {"b": np.dtype(np.int64), "i": np.dtype(np.int64), "u": np.dtype(np.uint64)}
    return (x, wide.get(x.kind, x))


def _same(x: Any, **attrs: Any) -> tuple[np.dtype, ...]:
    return (x, x)


def _truth(x: Any, **attrs: Any) -> tuple[np.dtype, ...]:
    return (np.dtype(bool), np.dtype(bool))


def _index_dtypes(x: Any, **attrs: Any) -> tuple[np.dtype, ...]:
    return (x, np.dtype(np.int64))


def lowest(dtype: np.dtype) -> Any:
    """Less than or equal to every number of ``dtype``."""
    return -np.inf if family(dtype) == "f" else False if dtype.kind == "b" else int(np.iinfo(dtype).min)


def highest(dtype: np.dtype) -> Any:
    """Greater than or equal to every number of ``dtype``."""
    return np.inf if family(dtype) == "f" else True if dtype.kind == "b" else int(np.iinfo(dtype).max)


def _broadcast_shape(x: TensorSpec, *, shape: tuple[Dim, ...], axes: tuple[int, ...]) -> tuple[Dim, ...]:
    if not axes and not x.shape:
        return shape
    fits = len(axes) == x.rank and list(axes) == sorted(set(axes)) and all(0 <= a < len(shape) for a in axes)
    if not fits or any(shape[a] != d for a, d in zip(axes, x.shape, strict=True)):
        raise ShapeError(f"broadcast: {x} does not become {shape} with its dimensions at {axes}; these rise and agree in size")
    return shape


def _broadcast_index(index: tuple[Index, ...], *, shape: tuple[Dim, ...], axes: tuple[int, ...]) -> tuple[Index, ...]:
    return tuple(index[a] for a in axes)


@row(
    "view",
    _broadcast_shape,
    Sample(((3,),), {"shape": (3, 4), "axes": (0,)}, (COMPLEX,)),
    Sample(((3, 4),), {"shape": (2, 3, 5, 4), "axes": (1, 3)}, (COMPLEX,)),
    Sample(((),), {"shape": (2, 3), "axes": ()}, (COMPLEX,)),
    index_map=_broadcast_index,
)
def broadcast(x: Any, *, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """``x`` repeated to ``shape``; dimension ``i`` of ``x`` is dimension ``axes[i]`` of the result, ``axes`` increasing."""
    array = np.asarray(x)
    if array.flags.c_contiguous and array.size:  # the view itself, which np.broadcast_to takes twice as long to make
        strides = [0] * len(shape)
        for axis, stride in zip(axes, array.strides, strict=True):
            strides[axis] = stride
        out: np.ndarray = np.ndarray(shape, array.dtype, array, 0, tuple(strides))
        out.flags.writeable = False
        return out
    full = np.reshape(x, [size if i in axes else 1 for i, size in enumerate(shape)])
    return np.broadcast_to(full, shape)


@broadcast.defvjp
def _broadcast_vjp(ct: Node, out: Node, x: Node, *, shape: tuple[Dim, ...], axes: tuple[int, ...]) -> Cotangents:
    added = tuple(i for i in range(len(shape)) if i not in axes)
    return (reduce_sum(ct, axes=added) if added else ct,)


def expand(reduced: Node, shape: Sequence[Dim], axes: Sequence[int]) -> Node:
    """A result of reducing ``shape`` over ``axes``, repeated along them."""
    if not axes:
        return reduced
    return broadcast(reduced, shape=tuple(shape), axes=tuple(i for i in range(len(shape)) if i not in axes))


@reduction("plus({acc}, {x})", lambda dtype: 0, wide_dtypes, COMPLEX)
def reduce_sum(x: Any, *, axes: tuple[int, ...]) -> Any:
    """The sum over ``axes``; of integers and bools in 64 bits."""
    return np.add.reduce(x, axis=axes)


@reduce_sum.defvjp
def _reduce_sum_vjp(ct: Node, out: Node, x: Node, *, axes: tuple[int, ...]) -> Cotangents:
    return (expand(ct, x.shape, axes),)


@reduction("max_of({acc}, {x})", lowest, _same, NUMBER)
def reduce_max(x: Any, *, axes: tuple[int, ...]) -> Any:
    """The largest over ``axes``; NaN if one is; of nothing, the least there is. Derivative: equal shares at ties."""
    return np.maximum.reduce(x, axis=axes, initial=lowest(np.asarray(x).dtype))


@reduction("min_of({acc}, {x})", highest, _same, NUMBER)
def reduce_min(x: Any, *, axes: tuple[int, ...]) -> Any:
    """The smallest over ``axes``; NaN if one is; of nothing, the greatest there is. Derivative: equal shares at ties."""
    return np.minimum.reduce(x, axis=axes, initial=highest(np.asarray(x).dtype))


@reduce_max.defvjp
@reduce_min.defvjp
def _reduce_extremum_vjp(ct: Node, out: Node, x: Node, *, axes: tuple[int, ...]) -> Cotangents:
    taken = equal(x, expand(out, x.shape, axes))
    count = reduce_sum(cast(taken, dtype=x.dtype), axes=axes)
    return (where(taken, expand(ct / count, x.shape, axes), 0.0),)


@reduction("{acc} | {x}", lambda dtype: False, _truth, Domain(kinds="b"))
def reduce_any(x: Any, *, axes: tuple[int, ...]) -> Any:
    """Whether one is true over ``axes``; of nothing, false."""
    return np.logical_or.reduce(x, axis=axes)


@reduction("{acc} & {x}", lambda dtype: True, _truth, Domain(kinds="b"))
def reduce_all(x: Any, *, axes: tuple[int, ...]) -> Any:
    """Whether all are true over ``axes``; of nothing, true."""
    return np.logical_and.reduce(x, axis=axes)


@reduction("({x} > {acc}) | (({x} != {x}) & ({acc} == {acc}))", lowest, _index_dtypes, NUMBER, extremum="max_of({acc}, {x})")
def reduce_argmax(x: Any, *, axes: tuple[int]) -> Any:
    """The index of the first largest along one axis; of the first NaN, if there is one."""
    return np.argmax(x, axis=axes[0])


@reduction("({x} < {acc}) | (({x} != {x}) & ({acc} == {acc}))", highest, _index_dtypes, NUMBER, extremum="min_of({acc}, {x})")
def reduce_argmin(x: Any, *, axes: tuple[int]) -> Any:
    """The index of the first smallest along one axis; of the first NaN, if there is one."""
    return np.argmin(x, axis=axes[0])
