"""Shapes and places: reshapes, transposes, joins, splits, padding, tiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import ShapeError, UnsupportedError
from tracejit.frontend.lift import lift
from tracejit.frontend.public import hand_out, lifted, opened, registered
from tracejit.frontend.shapes import as_shape, broadcast_node, broadcast_nodes, normal_axes, normal_axis, reshape_node, same
from tracejit.ir import Node
from tracejit.ops import composite

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_arrays",
    "broadcast_to",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "matrix_transpose",
    "moveaxis",
    "permute_dims",
    "ravel",
    "reshape",
    "rollaxis",
    "rot90",
    "squeeze",
    "swapaxes",
    "transpose",
]


@lifted(view=True, scalar=False)
def reshape(a: Node, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: bool | None = None) -> Node:
    """The same elements in the same order under another shape; one size may be -1."""
    if order != "C":
        raise UnsupportedError(f'reshape: order={order!r} is not supported, only "C"; transpose first')
    return reshape_node(a, newshape if shape is None else shape)


@lifted(view=True)
def ravel(a: Node, order: str = "C") -> Node:
    """All elements in order, along one axis."""
    if order != "C":
        raise UnsupportedError(f'ravel: order={order!r} is not supported, only "C"; transpose first')
    return reshape_node(a, -1) if a.spec.rank != 1 else a


@lifted(view=True, scalar=False)
def transpose(a: Node, axes: Any = None) -> Node:
    """The axes in another order, reversed if none is given."""
    rank = a.spec.rank
    if axes is None:
        return _permuted(a, tuple(reversed(range(rank))))
    perm = tuple(normal_axis(i, rank, "transpose") for i in (axes if isinstance(axes, Sequence | np.ndarray) else (axes,)))
    if sorted(perm) != list(range(rank)):
        raise ShapeError(f"transpose: axes {tuple(axes)} are no order of the {rank} axes of {a.spec}")
    return _permuted(a, perm)


def _permuted(x: Node, perm: tuple[int, ...]) -> Node:
    return x if perm == tuple(range(len(perm))) else ops.transpose(x, perm=perm)


@lifted(view=True)
def matrix_transpose(x: Node) -> Node:
    """The last two axes exchanged."""
    rank = x.spec.rank
    if rank < 2:
        raise ShapeError(f"matrix_transpose: {x.spec} has fewer than two axes")
    return ops.transpose(x, perm=(*range(rank - 2), rank - 1, rank - 2))


@lifted(view=True)
def swapaxes(a: Node, axis1: int, axis2: int) -> Node:
    """Two axes exchanged."""
    perm = list(range(a.spec.rank))
    i, j = (normal_axis(axis, a.spec.rank, "swapaxes") for axis in (axis1, axis2))
    perm[i], perm[j] = j, i
    return _permuted(a, tuple(perm))


@lifted(view=True)
def moveaxis(a: Node, source: Any, destination: Any) -> Node:
    """Axes at other places, the others in order."""
    rank = a.spec.rank
    sources, targets = (
        [normal_axis(i, rank, "moveaxis") for i in (axes if isinstance(axes, list | tuple) else (axes,))]
        for axes in (source, destination)
    )
    if len(sources) != len(targets) or len(set(sources)) < len(sources) or len(set(targets)) < len(targets):
        raise ShapeError(f"moveaxis: source {source} and destination {destination} must name as many axes, each once")
    perm = [i for i in range(rank) if i not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        perm.insert(target, origin)
    return _permuted(a, tuple(perm))


@lifted(view=True)
def rollaxis(a: Node, axis: int, start: int = 0) -> Node:
    """``axis`` moved to before ``start``."""
    rank = a.spec.rank
    place = normal_axis(axis, rank, "rollaxis")
    target = normal_axis(start, rank + 1, "rollaxis")
    rest = [i for i in range(rank) if i != place]
    target -= target > place
    return _permuted(a, (*rest[:target], place, *rest[target:]))


@lifted(view=True)
def expand_dims(a: Node, axis: Any) -> Node:
    """New axes of size 1 at ``axis`` of the result."""
    axes = axis if isinstance(axis, list | tuple) else (axis,)
    places = normal_axes(tuple(axes), a.spec.rank + len(axes), "expand_dims")
    shape = list(a.shape)
    for place in places:
        shape.insert(place, 1)
    return ops.reshape(a, shape=tuple(shape)) if axes else a


@lifted(view=True)
def squeeze(a: Node, axis: Any = None) -> Node:
    """Without axes of size 1: all of them, or those named."""
    if axis is None:
        axes = tuple(i for i, d in enumerate(a.shape) if d == 1)
    else:
        axes = normal_axes(axis, a.spec.rank, "squeeze")
        for i in axes:
            same(a.shape[i], 1, f"squeeze: axis {i} of {a.spec} is not of size 1")
    return ops.reshape(a, shape=tuple(d for i, d in enumerate(a.shape) if i not in axes)) if axes else a


@registered
def atleast_1d(*arys: Any) -> Any:
    """With at least one axis."""
    return _at_least(1, arys)


@registered
def atleast_2d(*arys: Any) -> Any:
    """With at least two axes, new ones in front."""
    return _at_least(2, arys)


@registered
def atleast_3d(*arys: Any) -> Any:
    """With at least three axes; a vector becomes the middle one, a matrix the first two."""
    return _at_least(3, arys)


def _at_least(rank: int, arrays: Sequence[Any]) -> Any:
    out = tuple(_with_rank(x, rank) for x in arrays)
    return out[0] if len(out) == 1 else out


@lifted(view=True, scalar=False)
def _with_rank(x: Node, rank: int) -> Node:
    shape = list(x.shape)
    while len(shape) < rank:
        shape.insert(2 if len(shape) == 2 else 0, 1)
    return reshape_node(x, shape)


@lifted(view=True, scalar=False)
def broadcast_to(array: Node, shape: Any) -> Node:
    """``array`` repeated to ``shape``."""
    return broadcast_node(array, as_shape(shape, "broadcast_to"))


@registered
def broadcast_arrays(*args: Any) -> Any:
    """The operands repeated to their common shape."""
    with opened(*args):
        nodes = broadcast_nodes([lift(x, "broadcast_arrays").node() for x in args], "broadcast_arrays")
        return tuple(hand_out(n, scalar=False) for n in nodes)


@lifted(view=True)
def flip(m: Node, axis: Any = None) -> Node:
    """The elements backwards along ``axis``, along all if None."""
    return composite.flip(m, normal_axes(axis, m.spec.rank, "flip"))


@lifted(view=True)
def flipud(m: Node) -> Node:
    """The elements backwards along the first axis."""
    return composite.flip(m, (normal_axis(0, m.spec.rank, "flipud"),))


@lifted(view=True)
def fliplr(m: Node) -> Node:
    """The elements backwards along the second axis."""
    return composite.flip(m, (normal_axis(1, m.spec.rank, "fliplr"),))


@lifted(view=True)
def rot90(m: Node, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Node:
    """The plane of two axes turned by ``k`` right angles, from the first towards the second."""
    i, j = (normal_axis(a, m.spec.rank, "rot90") for a in axes)
    if i == j:
        raise ShapeError(f"rot90: axes {axes} are one axis")
    perm = list(range(m.spec.rank))
    perm[i], perm[j] = j, i
    match k % 4:
        case 0:
            return m
        case 1:
            return _permuted(composite.flip(m, (j,)), tuple(perm))
        case 2:
            return composite.flip(m, (i, j))
    return composite.flip(_permuted(m, tuple(perm)), (j,))


permute_dims = transpose
