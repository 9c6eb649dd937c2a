"""Kernels that move elements, and kernels of indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.torch.kernels.kernel import Kernel, kernel
from tracejit.compat.torch.kernels.place import Place
from tracejit.frontend.indexing import selected, stored
from tracejit.frontend.shapes import broadcast_node, reshape_node
from tracejit.ir import Node
from tracejit.ops import composite
from tracejit.ops.movement import window


@kernel("View", lambda x, shape: x.reshape(shape), view=True)
def view(x: Node, shape: Any) -> Node:
    """The same elements under another shape; one size may be -1."""
    return reshape_node(x, shape, "view")


@kernel("Permute", lambda x, perm: x.transpose(perm), view=True)
def permute(x: Node, perm: tuple[int, ...]) -> Node:
    """Dimensions in another order."""
    return x if perm == tuple(range(len(perm))) else ops.transpose(x, perm=perm)


@kernel("Expand", np.broadcast_to, view=True)
def expand(x: Node, shape: Any) -> Node:
    """``x`` repeated to ``shape`` by the rule of broadcasting."""
    return broadcast_node(x, shape, "expand")


def _part(x: np.ndarray, place: Place) -> np.ndarray:
    out = x[place.index]
    return out if type(out) is np.ndarray else np.asarray(x[place.opened().index])


@kernel("Slice", _part, view=True)
def slice_(x: Node, place: Place) -> Node:
    """A part that integers, slices, None and the ellipsis select."""
    return selected(x, place.index)


@kernel("Index", lambda x, *arrays, place: x[place.filled(arrays)])
def index(x: Node, *arrays: Any, place: Place) -> Node:
    """Elements that arrays of integers select; in nodes, they are in range and count from the front."""
    return selected(x, place.filled(arrays))


def _put(x: np.ndarray, value: np.ndarray, *arrays: Any, place: Place) -> np.ndarray:
    out = x.copy()
    out[place.filled(arrays)] = value
    return out


@kernel("IndexPut", _put)
def index_put(x: Node, value: Node, *arrays: Any, place: Place) -> Node:
    """``x`` with ``value`` at a place."""
    return stored(x, place.filled(arrays), value)


@kernel("Cat", lambda *xs, axis: np.concatenate(xs, axis=axis))
def cat(*xs: Node, axis: int) -> Node:
    """The operands one after the other along ``axis``."""
    return ops.concatenate(*xs, axis=axis)


@kernel("Stack", lambda *xs, axis: np.stack(xs, axis=axis))
def stack(*xs: Node, axis: int) -> Node:
    """The operands side by side along a new axis."""
    return composite.stack(xs, axis)


@kernel("Narrow", lambda x, axis, start, size: x[(slice(None),) * axis + (slice(start, start + size),)], view=True)
def narrow(x: Node, axis: int, start: Any, size: Any) -> Node:
    """A window along one axis."""
    return window(x, axis, start, size)


def _flipped(x: np.ndarray, axes: Sequence[int]) -> np.ndarray:
    return np.ascontiguousarray(np.flip(x, tuple(axes)))


@kernel("Flip", _flipped)
def flip(x: Node, axes: Sequence[int]) -> Node:
    """``x`` backwards along ``axes``."""
    return composite.flip(x, axes)


@kernel("Clone", lambda x: x.copy())
def clone(x: Node) -> Node:
    """``x`` in memory of its own."""
    return x


@kernel("ToCopy")
def moved_copy(x: Node) -> Node:
    """``x`` on another device."""
    return x


@kernel("Repeat", lambda x, repeats: np.tile(x, repeats))
def repeat(x: Node, repeats: Sequence[int]) -> Node:
    """``x`` side by side with itself; at least one repeat for each dimension."""
    lead = len(repeats) - x.spec.rank
    wide = ops.reshape(x, shape=(1,) * lead + x.shape) if lead else x
    return composite.tile(wide, repeats)


@kernel("Tril", lambda x, offset: np.ascontiguousarray(np.tril(x, offset)))
def tril(x: Node, offset: int) -> Node:
    """The part of matrices on and below a diagonal."""
    return composite.tril(x, offset)


@kernel("Triu", lambda x, offset: np.ascontiguousarray(np.triu(x, offset)))
def triu(x: Node, offset: int) -> Node:
    """The part of matrices on and above a diagonal."""
    return composite.triu(x, offset)


diagonal = Kernel("Diagonal", composite.diagonal, lambda x, *axes: np.diagonal(x, *axes).copy())
diag = Kernel("Diag", composite.diag, lambda x, offset: np.ascontiguousarray(np.diag(x, offset)))
roll = Kernel("Roll", composite.roll, np.roll)
