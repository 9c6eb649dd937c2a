"""Places in sorted tables, and what is read from them: interpolation, quantiles, histograms."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import DTypeError, ShapeError, UnsupportedError
from tracejit.frontend.eager import trace as current_trace
from tracejit.frontend.indexing import checked_places
from tracejit.frontend.lift import cast, lift
from tracejit.frontend.numpy.reductions import check_order
from tracejit.frontend.public import hand_out, lifted, opened, registered
from tracejit.frontend.shapes import normal_axes, reshape_node, same
from tracejit.ir import Node, current
from tracejit.ir.dtype import family, promoted
from tracejit.ir.size import product
from tracejit.ops import composite

__all__ = [
    "digitize",
    "histogram",
    "interp",
    "percentile",
    "quantile",
    "searchsorted",
]


@lifted(2)
def searchsorted(a: Node, v: Node, side: str = "left", sorter: Any = None) -> Node:
    """Where each of ``v`` belongs in the sorted vector ``a``, int64: before equal elements, or after them if ``side="right"``.

    NaN sorts last. The size of ``a`` is part of the program: another one is another program.
    """
    if side not in ("left", "right"):
        raise ValueError(f'searchsorted: side is {side!r}; it must be "left" or "right"')
    if sorter is not None:
        a = ops.gather(_vector(a, "searchsorted"), checked_places(lift(sorter, "searchsorted").node(), a.shape[0]), axis=0)
    wide = promoted(a.dtype, v.dtype)
    return _search(cast(a, wide), cast(v, wide), side == "right", "searchsorted")


def _search(table: Node, x: Node, right: bool, name: str) -> Node:
    check_order(table, name)
    size = _vector(table, name).shape[0]
    if not isinstance(size, int):
        current_trace().size_of(size, f"needed by {name}")
    return composite.searchsorted(table, x, right)


def _vector(x: Node, name: str) -> Node:
    if x.spec.rank != 1:
        raise ShapeError(f"{name}: {x.spec} is searched; it must be a vector")
    return x


@registered
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """The number of the bin of each of ``x``: how many of the rising ``bins`` are at most ``x``; below it, if ``right``.

    Bins may also fall where they are no tensor.
    """
    if isinstance(bins, np.ndarray | list | tuple) and len(bins) > 1 and bins[0] > bins[-1]:
        return len(bins) - searchsorted(bins[::-1], x, "right" if right else "left")
    return searchsorted(bins, x, "left" if right else "right")


@lifted(3)
def interp(x: Node, xp: Node, fp: Node, left: Any = None, right: Any = None, period: Any = None) -> Node:
    """The broken line through the points ``(xp[i], fp[i])`` at ``x``, in float64; ``xp`` rises.

    Beyond the points it is ``left`` and ``right``, the first and last of ``fp`` if None; with a ``period`` it repeats.
    Derivative: the slope of the piece; 0 beyond. The number of points is part of the program.
    """
    if fp.dtype.kind == "c":
        raise DTypeError(f"interp: fp is {fp.spec}; interpolate the real and the imaginary part")
    x, xp, fp = (cast(n, np.float64) for n in (x, xp, fp))
    same(_vector(xp, "interp").shape[0], _vector(fp, "interp").shape[0], f"interp: sizes differ: xp is {xp.spec}, fp {fp.spec}")
    if xp.shape[0] == 0:
        raise ShapeError("interp: there are no points")
    if period is not None:
        left = right = None
        x, xp, fp = _periodic(x, xp, fp, abs(float(period)))
    _search(xp, xp, True, "interp")
    out = composite.interp(x, xp, fp)
    if left is not None:
        out = ops.where(ops.less(x, composite.end(xp, 0, x)), _everywhere(left, x), out)
    if right is not None:
        out = ops.where(ops.less(composite.end(xp, xp.shape[0] - 1, x), x), _everywhere(right, x), out)
    return out


def _everywhere(value: Any, like: Node) -> Node:
    return composite.full(like.shape, lift(value, "interp").to(like.dtype), like.dtype)


def _periodic(x: Node, xp: Node, fp: Node, period: float) -> tuple[Node, Node, Node]:
    """Points in one period, in order, with the last before the first and the first after the last."""
    x, xp = (ops.remainder(n, period) for n in (x, xp))
    order = composite.order(xp, 0)
    xp, fp = ops.gather(xp, order, axis=0), ops.gather(fp, order, axis=0)
    parts = [composite.split(n, [0, 1, n.shape[0] - 1, n.shape[0]], 0) for n in (xp, fp)]
    ((first, _, last), (start, _, stop)) = parts
    return x, ops.concatenate(last - period, xp, first + period, axis=0), ops.concatenate(stop, fp, start, axis=0)


@registered
def quantile(a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """The value below which the share ``q``, from 0 to 1, of the elements over ``axis`` lies; NaN if there is one.

    Between two elements the distance decides (Hyndman and Fan 1996, definition 7). Axes of ``q`` come first.
    """
    return _quantile(a, q, 1, axis, method, keepdims, "quantile")


@registered
def percentile(a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    """``quantile`` with ``q`` from 0 to 100."""
    return _quantile(a, q, 100, axis, method, keepdims, "percentile")


def _quantile(a: Any, q: Any, whole: int, axis: Any, method: str, keepdims: bool, name: str) -> Any:
    if isinstance(q, int | float | list | tuple | np.ndarray) and not (np.greater_equal(q, 0) & np.less_equal(q, whole)).all():
        raise ValueError(f"{name}: q is {q}; it must be from 0 to {whole}")
    with opened(a, q):
        if method != "linear":
            raise UnsupportedError(f'{name}: method={method!r} is not supported; "linear" is')
        x, share = composite.floating(lift(a, name).node()), lift(q, name)
        check_order(x, name)
        wide = x.dtype if share.weak else promoted(x.dtype, composite.floating(share.node()).dtype)
        x, part = cast(x, wide), share.to(wide) / whole
        axes = normal_axes(axis, x.spec.rank, name)
        rest = tuple(i for i in range(x.spec.rank) if i not in axes)
        flat = ops.reshape(
            ops.transpose(x, perm=rest + axes), shape=(*(x.shape[i] for i in rest), product(x.shape[i] for i in axes))
        )
        out = composite.quantile(flat, part, len(rest))
        if keepdims:
            out = reshape_node(out, (*part.shape, *(1 if i in axes else d for i, d in enumerate(x.shape))))
        return hand_out(out)


@registered
def histogram(a: Any, bins: Any = 10, range: Any = None, density: bool = False, weights: Any = None) -> Any:
    """How many elements lie in each bin, int64, and the edges of the bins; the last bin has its upper edge too.

    ``bins`` equal ones over ``range``, from the smallest to the largest element if None; or the rising edges themselves. With
    ``weights``, their sums; with ``density``, the share of each bin over its width. Derivative: by the weights alone.
    """
    with opened(a, bins, weights):
        if isinstance(bins, str):
            raise UnsupportedError(f"histogram: bins={bins!r} depends on the data; give a number, or the edges")
        x = reshape_node(lift(a, "histogram").node(), -1)
        edges = _edges(x, bins, range)
        wide = promoted(x.dtype, edges.dtype)
        count, known = edges.shape[0] - 1, cast(x, wide)
        edges_of_x = cast(edges, wide)
        bottom, top = (composite.end(edges_of_x, place, known) for place in (0, count))
        inside = ops.logical_and(ops.greater_equal(known, bottom), ops.less_equal(known, top))
        if isinstance(bins, int | np.integer):
            place = composite.even_bin(edges_of_x, ops.where(inside, known, bottom))
        else:
            place = _search(edges_of_x, known, True, "histogram") - 1
            place = ops.where(ops.equal(known, top), count - 1, place)
        each = _weights(x, weights)
        start = composite.full((count,), 0, each.dtype)
        heights = ops.scatter_add(start, ops.where(inside, place, 0), ops.where(inside, each, 0), axis=0)
        if density:
            widths = cast(composite.diff(edges, 0), np.float64)
            heights = cast(heights, np.float64)
            heights = heights / widths / composite.full((count,), ops.reduce_sum(heights, axes=(0,)), heights.dtype)
        return hand_out(heights), hand_out(edges)


def _weights(x: Node, weights: Any) -> Node:
    if weights is None:
        return composite.full(x.shape, 1, np.dtype(np.int64))
    each = reshape_node(lift(weights, "histogram").node(), -1)
    same(each.shape[0], x.shape[0], f"histogram: {each.spec} weighs {x.spec}; both have as many elements")
    return each


def _edges(x: Node, bins: Any, range: Any) -> Node:
    if not isinstance(bins, int | np.integer):
        return _vector(lift(bins, "histogram").node(), "histogram")
    own = promoted(x.dtype, np.float64) if family(x.dtype) != "f" else x.dtype
    if range is None:
        if x.shape[0] == 0:
            low, high = (current().constant(v, own) for v in (0.0, 1.0))
        else:
            low, high = (cast(op(x, axes=(0,)), own) for op in (ops.reduce_min, ops.reduce_max))
    else:
        low, high = (lift(v, "histogram").to(own) for v in range)
    one = ops.equal(low, high)
    low, high = ops.where(one, low - 0.5, low), ops.where(one, high + 0.5, high)
    return composite.linspace(low, high, int(bins) + 1)
