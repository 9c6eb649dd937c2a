"""Reductions over any axes, and running totals."""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import DTypeError, ShapeError, UnsupportedError
from tracejit.frontend.elementwise import elementwise
from tracejit.frontend.lift import Operand, cast, lift
from tracejit.frontend.public import lifted, registered
from tracejit.frontend.registry import call
from tracejit.frontend.shapes import broadcast_node, is_zero, normal_axes, normal_axis, reshape_node
from tracejit.ir import Dim, Node, current
from tracejit.ir.dtype import family, promoted
from tracejit.ir.size import product
from tracejit.ops import composite
from tracejit.ops.movement import window

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "average",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "diff",
    "ediff1d",
    "logsumexp",
    "max",
    "mean",
    "median",
    "min",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nansum",
    "prod",
    "ptp",
    "std",
    "sum",
    "trapezoid",
    "var",
]

Axes = tuple[int, ...]


def reduced(x: Node, axis: Any, keepdims: bool, name: str, where: Any, body: Callable[[Node, Axes], Node]) -> Node:
    """``body(x, axes)`` with the axes of the user, kept as 1s with ``keepdims``."""
    if where is not True:
        raise UnsupportedError(f"{name}: where= is not supported\n  cure: {name}(tj.where(mask, x, {NEUTRAL.get(name, '...')}))")
    axes = normal_axes(axis, x.spec.rank, name)
    out = body(x, axes)
    return kept(out, x.shape, axes) if keepdims else out


NEUTRAL = {"sum": "0", "prod": "1", "max": "-np.inf", "min": "np.inf", "any": "False", "all": "True"}


def kept(out: Node, shape: tuple[Dim, ...], axes: Axes) -> Node:
    """A result of reducing ``shape`` over ``axes`` with 1s in their places."""
    wanted = tuple(1 if i in axes else d for i, d in enumerate(shape))
    return out if wanted == out.shape else ops.reshape(out, shape=wanted)


def _with_initial(out: Node, initial: Any, combine: str) -> Node:
    return out if initial is None else elementwise(combine, Operand(out), Operand(current().constant(initial, out.dtype)))


@lifted()
def sum(a: Node, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Node:
    """The sum over ``axis``; of integers and bools in 64 bits unless ``dtype`` says otherwise."""
    return _accumulated(a, axis, dtype, keepdims, initial, where, "sum", ops.reduce_sum, "add")


@lifted()
def prod(a: Node, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Node:
    """The product over ``axis``. Derivative: exact where elements are 0."""
    return _accumulated(a, axis, dtype, keepdims, initial, where, "prod", ops.reduce_prod, "multiply")


def _accumulated(
    a: Node, axis: Any, dtype: Any, keepdims: bool, initial: Any, where: Any, name: str, op: Callable[..., Node], combine: str
) -> Node:
    def body(x: Node, axes: Axes) -> Node:
        x = x if dtype is None else cast(x, dtype)
        out = op(x, axes=axes)
        return _with_initial(out if dtype is None else cast(out, dtype), initial, combine)

    return reduced(a, axis, keepdims, name, where, body)


def _extremum(x: Node, axes: Axes, name: str, op: Callable[..., Node], combine: str, initial: Any) -> Node:
    if initial is None:
        _check_elements(x, axes, name, "\n  cure: give initial=")
    check_order(x, name)
    return _with_initial(op(x, axes=axes), initial, combine)


def _check_elements(x: Node, axes: Axes, name: str, cure: str = "") -> None:
    if builtins.any(is_zero(x.shape[i]) for i in axes):
        raise ShapeError(f"{name}: {x.spec} has no elements along {axes}, and of nothing there is no {name}{cure}")


def check_order(x: Node, name: str) -> None:
    if x.dtype.kind == "c":
        raise DTypeError(f"{name}: {x.spec} has no order; take np.abs, or the real or imaginary part first")


@lifted()
def max(a: Node, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Node:
    """The largest over ``axis``; NaN if one is. Derivative: equal shares at ties."""
    body = functools.partial(_extremum, name="max", op=ops.reduce_max, combine="maximum", initial=initial)
    return reduced(a, axis, keepdims, "max", where, body)


@lifted()
def min(a: Node, axis: Any = None, *, keepdims: bool = False, initial: Any = None, where: Any = True) -> Node:
    """The smallest over ``axis``; NaN if one is. Derivative: equal shares at ties."""
    body = functools.partial(_extremum, name="min", op=ops.reduce_min, combine="minimum", initial=initial)
    return reduced(a, axis, keepdims, "min", where, body)


@lifted()
def any(a: Node, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Node:
    """Whether one element over ``axis`` is anything but zero."""
    return reduced(a, axis, keepdims, "any", where, composite.any_)


@lifted()
def all(a: Node, axis: Any = None, *, keepdims: bool = False, where: Any = True) -> Node:
    """Whether no element over ``axis`` is zero."""
    return reduced(a, axis, keepdims, "all", where, composite.all_)


@lifted()
def count_nonzero(a: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """How many elements over ``axis`` are not zero."""
    return reduced(a, axis, keepdims, "count_nonzero", True, composite.count_nonzero)


@lifted()
def ptp(a: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """The largest less the smallest over ``axis``."""
    check_order(a, "ptp")

    def body(x: Node, axes: Axes) -> Node:
        _check_elements(x, axes, "ptp")
        return composite.ptp(x, axes)

    return reduced(a, axis, keepdims, "ptp", True, body)


@lifted()
def mean(a: Node, axis: Any = None, dtype: Any = None, *, keepdims: bool = False, where: Any = True) -> Node:
    """The mean over ``axis``; of integers in float64."""
    return reduced(a if dtype is None else cast(a, dtype), axis, keepdims, "mean", where, _as(dtype, composite.mean))


@lifted()
def var(
    a: Node,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    correction: Any = None,
) -> Node:
    """The mean square distance from the mean over ``axis``; divided by the count less ``ddof``."""
    body = functools.partial(composite.var, ddof=ddof if correction is None else correction)
    return reduced(a if dtype is None else cast(a, dtype), axis, keepdims, "var", where, body)


@lifted()
def std(
    a: Node,
    axis: Any = None,
    dtype: Any = None,
    *,
    ddof: float = 0,
    keepdims: bool = False,
    where: Any = True,
    correction: Any = None,
) -> Node:
    """The square root of the variance over ``axis``. Derivative: 0 where all elements are equal."""
    body = functools.partial(composite.std, ddof=ddof if correction is None else correction)
    return reduced(a if dtype is None else cast(a, dtype), axis, keepdims, "std", where, body)


def _as(dtype: Any, body: Callable[[Node, Axes], Node]) -> Callable[[Node, Axes], Node]:
    return body if dtype is None else lambda x, axes: cast(body(x, axes), dtype)


@lifted()
def median(a: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """The middle element in order over ``axis``, or the mean of the middle two; NaN if there is one."""
    check_order(a, "median")
    return reduced(a, axis, keepdims, "median", True, composite.median)


@lifted()
def average(a: Node, axis: Any = None, weights: Any = None, *, keepdims: bool = False) -> Node:
    """The mean over ``axis``, weighted where weights are given."""
    if weights is None:
        return reduced(a, axis, keepdims, "average", True, composite.mean)
    weight = lift(weights, "average").node()
    dtype = promoted(a.dtype, weight.dtype, np.float64 if {a.dtype.kind, weight.dtype.kind} <= set("biu") else a.dtype)
    if weight.spec.rank == 1 < a.spec.rank:
        place = normal_axis(axis, a.spec.rank, "average")
        weight = ops.reshape(weight, shape=tuple(weight.shape[0] if i == place else 1 for i in range(a.spec.rank)))
    full = broadcast_node(cast(weight, dtype), a.shape, "average, weights")
    return reduced(cast(a, dtype), axis, keepdims, "average", True, lambda x, axes: composite.average(x, full, axes))


@lifted()
def logsumexp(x: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """``log(sum(exp(x)))`` over ``axis`` without overflow."""
    return reduced(composite.floating(x), axis, keepdims, "logsumexp", True, composite.logsumexp)


def _finite(function: Callable[[Node, Axes], Node], filling: float) -> Callable[[Node, Axes], Node]:
    """The reduction of what is not NaN."""

    def body(x: Node, axes: Axes) -> Node:
        return function(ops.where(ops.isnan(x), filling, x) if family(x.dtype) == "f" else x, axes)

    return body


@lifted()
def nansum(a: Node, axis: Any = None, dtype: Any = None, *, keepdims: bool = False) -> Node:
    """The sum over ``axis`` of what is not NaN."""
    body = _finite(lambda x, axes: ops.reduce_sum(x, axes=axes), 0.0)
    return reduced(a if dtype is None else cast(a, dtype), axis, keepdims, "nansum", True, body)


@lifted()
def nanprod(a: Node, axis: Any = None, dtype: Any = None, *, keepdims: bool = False) -> Node:
    """The product over ``axis`` of what is not NaN."""
    body = _finite(lambda x, axes: ops.reduce_prod(x, axes=axes), 1.0)
    return reduced(a if dtype is None else cast(a, dtype), axis, keepdims, "nanprod", True, body)


@lifted()
def nanmean(a: Node, axis: Any = None, dtype: Any = None, *, keepdims: bool = False) -> Node:
    """The mean over ``axis`` of what is not NaN."""

    @composite.in_single
    def body(x: Node, axes: Axes) -> Node:
        x = composite.floating(x)
        there = cast(ops.logical_not(ops.isnan(x)), x.dtype)
        total = ops.reduce_sum(ops.where(ops.isnan(x), 0.0, x), axes=axes)
        return total / ops.reduce_sum(there, axes=axes)

    return reduced(a if dtype is None else cast(a, dtype), axis, keepdims, "nanmean", True, body)


@lifted()
def nanmax(a: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """The largest over ``axis`` of what is not NaN; NaN where all is."""
    check_order(a, "nanmax")
    return reduced(a, axis, keepdims, "nanmax", True, _nan_extremum(ops.reduce_max, -np.inf))


@lifted()
def nanmin(a: Node, axis: Any = None, *, keepdims: bool = False) -> Node:
    """The smallest over ``axis`` of what is not NaN; NaN where all is."""
    check_order(a, "nanmin")
    return reduced(a, axis, keepdims, "nanmin", True, _nan_extremum(ops.reduce_min, np.inf))


def _nan_extremum(op: Callable[..., Node], filling: float) -> Callable[[Node, Axes], Node]:
    def body(x: Node, axes: Axes) -> Node:
        if family(x.dtype) != "f":
            return op(x, axes=axes)
        nothing = ops.reduce_all(ops.isnan(x), axes=axes)
        return ops.where(nothing, np.nan, op(ops.where(ops.isnan(x), filling, x), axes=axes))

    return body


@lifted()
def argmax(a: Node, axis: int | None = None, *, keepdims: bool = False) -> Node:
    """The index of the first largest element along ``axis``, of all elements if None; of the first NaN if there is one."""
    return _arg(a, axis, keepdims, "argmax", ops.reduce_argmax)


@lifted()
def argmin(a: Node, axis: int | None = None, *, keepdims: bool = False) -> Node:
    """The index of the first smallest element along ``axis``, of all elements if None; of the first NaN if there is one."""
    return _arg(a, axis, keepdims, "argmin", ops.reduce_argmin)


def _arg(a: Node, axis: int | None, keepdims: bool, name: str, op: Callable[..., Node]) -> Node:
    check_order(a, name)
    axes: Axes = tuple(range(a.spec.rank)) if axis is None else (normal_axis(axis, a.spec.rank, name),)
    x = ops.reshape(a, shape=(product(a.shape),)) if axis is None else a
    place = 0 if axis is None else axes[0]
    if is_zero(x.shape[place]):
        raise ShapeError(f"{name}: {a.spec} has no elements, and of nothing there is no {name}")
    out = op(x, axes=(place,))
    return kept(out, a.shape, axes) if keepdims else out


@lifted()
def cumsum(a: Node, axis: int | None = None, dtype: Any = None) -> Node:
    """Running sums along ``axis``, of all elements in order if None."""
    return _running(a, axis, dtype, "cumsum", composite.cumsum)


@lifted()
def cumprod(a: Node, axis: int | None = None, dtype: Any = None) -> Node:
    """Running products along ``axis``, of all elements in order if None. Derivative: exact where elements are 0."""
    return _running(a, axis, dtype, "cumprod", composite.cumprod)


def _running(a: Node, axis: int | None, dtype: Any, name: str, function: Callable[[Node, int], Node]) -> Node:
    x = a if dtype is None else cast(a, dtype)
    x = reshape_node(x, -1) if axis is None else x
    out = function(x, 0 if axis is None else normal_axis(axis, x.spec.rank, name))
    return out if dtype is None else cast(out, dtype)


@lifted()
def diff(a: Node, n: int = 1, axis: int = -1) -> Node:
    """Each element less the one before it along ``axis``, ``n`` times."""
    if n < 0:
        raise ValueError(f"diff: n is {n}; it must not be negative")
    return composite.diff(a, normal_axis(axis, a.spec.rank, "diff"), n)


@registered
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences between neighbours of all elements in order, between ``to_begin`` and ``to_end``."""
    inside = diff(call("ravel", ary))
    ends = [None if x is None else call("ravel", call("asarray", x, inside.dtype)) for x in (to_begin, to_end)]
    parts = [x for x in (ends[0], inside, ends[1]) if x is not None]
    return call("concatenate", parts) if len(parts) > 1 else inside


@lifted()
def trapezoid(y: Node, x: Any = None, dx: float = 1.0, axis: int = -1) -> Node:
    """The integral of ``y`` along ``axis`` by trapezia."""
    place = normal_axis(axis, y.spec.rank, "trapezoid")
    size = y.shape[place] - 1
    pairs = elementwise("add", Operand(window(y, place, 1, size)), Operand(window(y, place, 0, size)))
    gaps = Operand(dx, weak=True) if x is None else Operand(_gaps(lift(x, "trapezoid").node(), place, y.spec.rank))
    areas = elementwise("divide", Operand(elementwise("multiply", gaps, Operand(pairs))), Operand(2.0, weak=True))
    return ops.reduce_sum(areas, axes=(place,))


def _gaps(x: Node, axis: int, rank: int) -> Node:
    """Distances between points along ``axis``, one after the other if the points are a vector."""
    if x.spec.rank > 1:
        return composite.diff(x, axis)
    gaps = composite.diff(x, 0)
    return ops.reshape(gaps, shape=tuple(gaps.shape[0] if i == axis else 1 for i in range(rank)))
