"""What numerical code calls: differences, convolutions, polynomials, covariances, phases, functions by cases."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import ShapeError, UnsupportedError
from tracejit.frontend.eager import trace as current_trace
from tracejit.frontend.lift import cast, lift
from tracejit.frontend.numpy.arrangement import concatenate, known
from tracejit.frontend.numpy.creation import asarray, zeros_like
from tracejit.frontend.numpy.inquiry import ndim, result_type
from tracejit.frontend.numpy.movement import reshape
from tracejit.frontend.numpy.ufuncs import where
from tracejit.frontend.public import lifted, registered
from tracejit.frontend.shapes import normal_axis, same
from tracejit.ir import Dim, Node
from tracejit.ir.dtype import promoted
from tracejit.ops import composite
from tracejit.ops.indexing import INDEX, positions
from tracejit.ops.movement import reverse, window

__all__ = [
    "block",
    "convolve",
    "corrcoef",
    "correlate",
    "cov",
    "gradient",
    "piecewise",
    "polyval",
    "select",
    "unwrap",
    "vander",
]

MOST_TAPS = 64  # of a kernel that is written out


@lifted()
def gradient(f: Node, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Slopes along each axis: central differences, and one-sided ones of ``edge_order`` 1 or 2 at the ends.

    ``varargs`` are the distance of samples, for all axes or each, or the places of the samples along an axis.
    One array for one axis, else a tuple. Source: Fornberg 1988, for places at unequal distances.
    """
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order is {edge_order}; it must be 1 or 2")
    f = composite.floating(f)
    axes = tuple(range(f.spec.rank)) if axis is None else _axes(axis, f.spec.rank)
    given = varargs or (1.0,)
    if len(given) not in (1, len(axes)):
        raise TypeError(f"gradient: {len(given)} distances for {len(axes)} axes; give one, or one for each")
    each = given * len(axes) if len(given) == 1 else given
    slopes = tuple(_slope(f, a, lift(d, "gradient").to(f.dtype), edge_order) for a, d in zip(axes, each, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def _axes(axis: Any, rank: int) -> tuple[int, ...]:
    if isinstance(axis, list | tuple):
        return tuple(normal_axis(a, rank, "gradient") for a in axis)
    return (normal_axis(axis, rank, "gradient"),)


def _slope(f: Node, axis: int, distance: Node, edge_order: int) -> Node:
    size = f.shape[axis]
    least = edge_order + 1
    if not current_trace().decide(least, "<=", size):
        raise ShapeError(f"gradient: {f.spec} has {size} elements along axis {axis}; edge_order={edge_order} needs {least}")
    at = partial(window, f, axis)
    if distance.spec.rank == 0:
        first, last = [distance] * 2, [distance] * 2
        inner = (at(2, size - 2) - at(0, size - 2)) / composite.full(at(2, size - 2).shape, 2.0 * distance, f.dtype)
    else:
        same(distance.shape[0], size, f"gradient: {distance.spec} gives the places of {f.spec} along axis {axis}")
        steps = composite.diff(distance, 0)
        before, after = (_along(window(steps, 0, i, size - 2), f, axis) for i in (0, 1))
        inner = (
            at(0, size - 2) * (-after / (before * (before + after)))
            + at(1, size - 2) * ((after - before) / (before * after))
            + at(2, size - 2) * (before / (after * (before + after)))
        )
        first = [_number(steps, i) for i in (0, edge_order - 1)]
        last = [_number(steps, size - 2 - i) for i in (0, edge_order - 1)]
    start = _one_sided([at(i, 1) for i in range(least)], first)
    stop = -_one_sided([at(size - 1 - i, 1) for i in range(least)], last)
    return ops.concatenate(start, inner, stop, axis=axis)


def _along(vector: Node, like: Node, axis: int) -> Node:
    """A vector along ``axis``, at every other place of ``like``."""
    shape = tuple(vector.shape[0] if i == axis else d for i, d in enumerate(like.shape))
    return ops.broadcast(vector, shape=shape, axes=(axis,))


def _number(vector: Node, place: Dim) -> Node:
    return ops.reshape(window(vector, 0, place, 1), shape=())


def _one_sided(samples: list[Node], steps: list[Node]) -> Node:
    """The slope at the first of two or three samples."""
    a, b = (composite.full(samples[0].shape, s, s.dtype) for s in steps)
    if len(samples) == 2:
        return (samples[1] - samples[0]) / a
    x, y, z = samples
    return x * (-(2.0 * a + b) / (a * (a + b))) + y * ((a + b) / (a * b)) - z * (a / (b * (a + b)))


@lifted(2)
def convolve(a: Node, v: Node, mode: str = "full") -> Node:
    """``out[k] = sum(a[i] * v[k - i])`` of two vectors, where they overlap at all; in part or whole by ``mode``.

    "full" has ``m + n - 1`` elements, "same" ``max(m, n)``, "valid" ``max(m, n) - min(m, n) + 1``. The size of the shorter one
    is part of the program.
    """
    a, v = _vectors(a, v, mode, "convolve")
    a, v = (a, v) if current_trace().decide(v.shape[0], "<=", a.shape[0]) else (v, a)
    return _overlaps(a, reverse(v, 0), mode, "convolve")


@lifted(2)
def correlate(a: Node, v: Node, mode: str = "valid") -> Node:
    """``out[k] = sum(a[i + k] * conj(v[i]))`` of two vectors; modes as for ``convolve``."""
    a, v = _vectors(a, ops.conjugate(v) if v.dtype.kind == "c" else v, mode, "correlate")
    if current_trace().decide(v.shape[0], "<=", a.shape[0]):
        return _overlaps(a, v, mode, "correlate")
    return reverse(_overlaps(v, a, mode, "correlate"), 0)


def _vectors(x: Node, y: Node, mode: str, name: str) -> tuple[Node, Node]:
    for operand in (x, y):
        if operand.spec.rank != 1 or operand.shape[0] == 0:
            raise ShapeError(f"{name}: {operand.spec} is not a vector with elements")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f'{name}: mode is {mode!r}; it must be "full", "same" or "valid"')
    wide = promoted(x.dtype, y.dtype)
    return cast(x, wide), cast(y, wide)


def _overlaps(x: Node, taps: Node, mode: str, name: str) -> Node:
    """The sums of products of ``taps``, which are no more, with ``x`` from each place on."""
    count = known(taps.shape[0], name)
    before = {"full": count - 1, "same": count // 2, "valid": 0}[mode]
    after = {"full": count - 1, "same": count - 1 - before, "valid": 0}[mode]
    padded = composite.pad(x, ((before, after),)) if before + after else x
    size = padded.shape[0] - (count - 1)
    if count <= MOST_TAPS:
        terms = [window(padded, 0, i, size) * composite.full((size,), _number(taps, i), x.dtype) for i in range(count)]
        return sum(terms[1:], terms[0])
    place = composite.full((size, count), 0, INDEX)
    windows = ops.gather(padded, positions(place, 0) + positions(place, 1), axis=0)
    return ops.reduce_sum(windows * ops.broadcast(taps, shape=(size, count), axes=(1,)), axes=(1,))


@lifted()
def cov(m: Node, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None) -> Node:
    """The covariances of variables, in rows unless ``rowvar`` is false, each with all; over the count less 1, or ``ddof``."""
    return _covariance(m, y, rowvar, (0 if bias else 1) if ddof is None else ddof, "cov")


@lifted()
def corrcoef(x: Node, y: Any = None, rowvar: bool = True) -> Node:
    """The correlations of variables, in rows unless ``rowvar`` is false, each with all, from -1 to 1."""
    c = _covariance(x, y, rowvar, 1, "corrcoef")
    if c.spec.rank == 0:
        return c / c
    spread = ops.sqrt(composite.diagonal(ops.real(c) if c.dtype.kind == "c" else c))
    spread = cast(spread, c.dtype)
    out = c / ops.broadcast(spread, shape=c.shape, axes=(0,)) / ops.broadcast(spread, shape=c.shape, axes=(1,))
    if out.dtype.kind == "c":
        raise UnsupportedError("corrcoef: complex variables are not supported; divide np.cov(x) by the roots of its diagonal")
    return composite.clip(out, composite.full(out.shape, -1.0, out.dtype), composite.full(out.shape, 1.0, out.dtype))


def _covariance(m: Node, y: Any, rowvar: bool, ddof: int, name: str) -> Node:
    variables = [_variables(m, rowvar, name)]
    if y is not None:
        variables.append(_variables(lift(y, name).node(), rowvar, name))
        same(
            variables[0].shape[1], variables[1].shape[1], f"{name}: {m.spec} and {variables[1].spec} have other counts of samples"
        )
    wide = promoted(np.float64, *(v.dtype for v in variables))
    x = ops.concatenate(*(cast(v, wide) for v in variables), axis=0) if y is not None else cast(m, wide)
    x = x if y is not None else _variables(x, rowvar, name)
    centred = x - ops.broadcast(composite.mean(x, (1,)), shape=x.shape, axes=(0,))
    other = ops.transpose(ops.conjugate(centred) if wide.kind == "c" else centred, perm=(1, 0))
    c = ops.matmul(centred, other)
    c = c / composite.sized(c, x.shape[1] - ddof)
    return ops.reshape(c, shape=()) if c.shape == (1, 1) else c


def _variables(x: Node, rowvar: bool, name: str) -> Node:
    if x.spec.rank > 2:
        raise ShapeError(f"{name}: {x.spec} has more than two axes")
    if x.spec.rank < 2:
        return ops.reshape(x, shape=(1, x.spec.size))
    return x if rowvar else ops.transpose(x, perm=(1, 0))


@registered
def polyval(p: Any, x: Any) -> Any:
    """``p[0] * x**(n - 1) + ... + p[n - 1]``, by Horner's rule. The number of coefficients is part of the program."""
    out = zeros_like(x)
    for i in range(len(p)):
        out = out * x + p[i]
    return out


@lifted()
def vander(x: Node, N: Any = None, increasing: bool = False) -> Node:
    """The powers of a vector as columns, ``x**(N - 1)`` first, or last if ``increasing``; ``N`` is the size of x if None."""
    if x.spec.rank != 1:
        raise ShapeError(f"vander: {x.spec} is not a vector")
    count = known(x.shape[0], "vander") if N is None else int(N)
    x = cast(x, promoted(x.dtype, np.int64))
    if count == 0:
        return composite.zeros((x.shape[0], 0), x.dtype)
    powers = [composite.ones(x.shape, x.dtype)]
    while len(powers) < count:
        powers.append(powers[-1] * x)
    return composite.stack(powers if increasing else powers[::-1], 1)


@lifted()
def unwrap(p: Node, discont: float | None = None, axis: int = -1, *, period: float = 2 * math.pi) -> Node:
    """Phases along ``axis`` without jumps: steps longer than half a ``period``, or ``discont``, change by multiples of it."""
    p = composite.floating(p)
    place = normal_axis(axis, p.spec.rank, "unwrap")
    half = period / 2
    step = composite.diff(p, place)
    short = ops.remainder(step + half, period) - half
    short = ops.where(ops.logical_and(ops.equal(short, -half), ops.less(0.0 * step, step)), half, short)
    jump = ops.where(ops.less(ops.absolute(step), half if discont is None else max(discont, half)), 0.0, short - step)
    size = p.shape[place]
    return ops.concatenate(window(p, place, 0, 1), window(p, place, 1, size - 1) + composite.cumsum(jump, place), axis=place)


@registered
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Of each element the first choice whose condition is true, ``default`` where none is.

    Derivative: of what was taken.
    """
    if len(condlist) != len(choicelist) or not condlist:
        raise ValueError(
            f"select: {len(condlist)} conditions for {len(choicelist)} choices; there must be as many, and one at least"
        )
    dtype = result_type(*choicelist, default)
    out = asarray(default, dtype)
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        out = where(condition, asarray(choice, dtype), out)
    return out


@registered
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Of each element the value of the last function whose condition is true; of one more function where none is, else 0.

    Functions are called with all of ``x``, numbers stand for themselves; the result has the dtype of ``x``.
    """
    conditions = list(condlist) if isinstance(condlist, list | tuple) or ndim(condlist) > ndim(x) else [condlist]
    pieces = list(funclist)
    if len(pieces) not in (len(conditions), len(conditions) + 1):
        raise ValueError(
            f"piecewise: {len(pieces)} functions for {len(conditions)} conditions; there may be one more, not others"
        )
    otherwise = pieces.pop() if len(pieces) > len(conditions) else 0
    out = zeros_like(x) + _piece(otherwise, x, args, kw)
    for condition, piece in zip(conditions, pieces, strict=True):
        out = where(condition, _piece(piece, x, args, kw), out)
    return out.astype(x.dtype)


def _piece(piece: Callable[..., Any] | Any, x: Any, args: Any, kw: Any) -> Any:
    return piece(x, *args, **kw) if callable(piece) else piece


@registered
def block(arrays: Any) -> Any:
    """An array of arrays: the innermost lists are joined along the last axis, the next along the one before, and so on."""
    depth, inner = 0, arrays
    while isinstance(inner, list):
        if not inner:
            raise ValueError("block: a list is empty")
        depth, inner = depth + 1, inner[0]
    rank = max(depth, *_ranks(arrays))
    return _joined(arrays, -depth, rank)


def _ranks(arrays: Any) -> list[int]:
    return [r for a in arrays for r in _ranks(a)] if isinstance(arrays, list) else [ndim(arrays), 0]


def _joined(arrays: Any, axis: int, rank: int) -> Any:
    if isinstance(arrays, list):
        return concatenate([_joined(a, axis + 1, rank) for a in arrays], axis)
    return reshape(arrays, (1,) * (rank - ndim(arrays)) + tuple(np.shape(arrays)))
