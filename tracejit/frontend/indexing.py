"""``x[index]`` and ``x[index] = value``: basic indexing, integer arrays, boolean masks, and their mixtures, as NumPy has them.

A part that is selected by arrays is brought to one axis of ``x`` and one array of places on it; reading is a gather there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import ArgumentError, UnsupportedError
from tracejit.frontend.base import Tensor
from tracejit.frontend.eager import EagerTrace, trace, value_of
from tracejit.frontend.lift import Operand, cast, lift
from tracejit.frontend.public import hand_out, opened, registered, write_to
from tracejit.frontend.shapes import broadcast_node, broadcast_nodes, filled, reshape_node, same
from tracejit.frontend.slicing import basic, expanded, is_basic, is_integer, position
from tracejit.frontend.tensor import EagerTensor, Tracer
from tracejit.frontend.view import Steps, steps_between, write_back
from tracejit.ir import Dim, Node, current
from tracejit.ir.size import product
from tracejit.runtime.device import on_host

INDEX = np.dtype(np.int64)


@registered
def getitem(x: Any, index: Any) -> Any:
    """``x[index]``."""
    with opened(x, index):
        node = lift(x, "x[...]").node()
        if _all_basic(index):
            items = expanded(index, node.spec)
            part = basic(node, items)
            scalar = part.shape == () and not _has_ellipsis(index)
            return hand_out(part, scalar=scalar, view_of=None if scalar else x)
        return hand_out(selected(node, index))


@registered
def setitem(x: Tensor, index: Any, value: Any) -> None:
    """``x[index] = value``: ``x`` takes a new value; where places repeat, the last one counts."""
    with opened(x, index, value):
        node = x.node_in(current())
        new = _assigned(lift(value, "x[...] = value"), node)
        if _all_basic(index) and _shows(value, x, _steps(node, basic(node, expanded(index, node.spec)))):
            return
        x.write(stored(node, index, new))


def selected(node: Node, index: Any) -> Node:
    """The part of a node that an index selects."""
    if _all_basic(index):
        return basic(node, expanded(index, node.spec))
    whole, places, axis = _places(node, index)
    return ops.gather(whole, places, axis=axis)


def stored(node: Node, index: Any, value: Node) -> Node:
    """A node with ``value``, of its dtype, at the places of an index."""
    if _all_basic(index):
        whole = basic(node, expanded(index, node.spec))
        part = _fitted(value, whole.shape)
    elif (masked := _masked(node, index, value)) is not None:
        whole, part = node, masked
    else:
        whole, places, axis = _places(node, index)
        part = _scattered(whole, places, value, axis)
    return write_back(node, _steps(node, whole), part)


def _steps(x: Node, part: Node) -> Steps:
    """The way from ``x`` to a part that an index selects."""
    steps = steps_between(x, part)
    assert steps is not None, "an index moves nothing but by views"
    return steps


def _shows(value: Any, x: Tensor, steps: Steps) -> bool:
    """Whether ``value`` is this very part of ``x``: Python's ``x[i] += v`` ends in assigning the view that it has changed."""
    if not isinstance(value, Tracer | EagerTensor) or not isinstance(x, Tracer | EagerTensor):
        return False
    (whole, there), (base, way) = x.origin, value.origin
    return base is whole and base is not value and way == there + steps


@registered
def add_at(x: Any, index: Any, value: Any, sign: int = 1) -> None:
    """``x[index] += value``, added again where places repeat: ``numpy.add.at``."""
    with opened(x, index, value):
        node = lift(x, "add.at").node()
        if _all_basic(index):
            x[index] = x[index] + value if sign > 0 else x[index] - value
            return
        whole, places, axis = _places(node, index)
        updates = _fitted(_assigned(lift(value, "add.at"), node), _gathered_shape(whole, places, axis))
        part = ops.scatter_add(whole, places, updates if sign > 0 else -updates, axis=axis)
        write_to(x, write_back(node, _steps(node, whole), part))


def _items(index: Any) -> tuple[Any, ...]:
    return index if isinstance(index, tuple) else (index,)


def _all_basic(index: Any) -> bool:
    return all(map(is_basic, _items(index)))


def _has_ellipsis(index: Any) -> bool:
    return any(item is Ellipsis for item in _items(index))


def _assigned(value: Operand, target: Node) -> Node:
    """The value in the dtype of what it is assigned to; NumPy casts freely here, but not from complex to real."""
    if value.kind is complex or (isinstance(value.value, Node) and value.value.dtype.kind == "c"):
        if target.dtype.kind != "c":
            raise TypeError(f"a complex value cannot be assigned to elements of dtype {target.dtype}")
    elif value.kind is float and target.dtype.kind in "iu":
        return cast(value.node(), target.dtype)
    return value.to(target.dtype)


def _fitted(value: Node, shape: tuple[Dim, ...]) -> Node:
    """``value`` broadcast to the place that it is assigned to; further leading axes of size 1 are dropped."""
    while value.spec.rank > len(shape) and value.shape[0] == 1:
        value = ops.reshape(value, shape=value.shape[1:])
    return broadcast_node(value, shape, "x[...] = value")


def _places(x: Node, index: Any) -> tuple[Node, Node, int]:
    """An index with arrays as ``(whole, places, axis)``: the result is a gather from ``whole`` at ``places`` along ``axis``."""
    items: list[Any] = []
    for item in expanded(index, x.spec, lambda item: _mask_rank(item)):
        items.extend(_from_mask(item, x, sum(i is not None for i in items)) if _mask_rank(item, 0) else [item])
    basics = [i if isinstance(i, slice) or i is None else slice(None) for i in items]
    arrays = {place: item for place, item in enumerate(items) if not isinstance(item, slice) and item is not None}
    axes_of_x = np.cumsum([item is not None for item in items]) - 1
    checked = [_checked(item, x.shape[axes_of_x[place]], int(axes_of_x[place])) for place, item in arrays.items()]
    indices = broadcast_nodes(checked, "x[...]")
    y = basic(x, basics)
    places = list(arrays)
    adjacent = places == list(range(places[0], places[0] + len(places)))
    axis = places[0] if adjacent else 0
    rest = [i for i in range(y.spec.rank) if i not in arrays]
    y = _transposed(y, (*rest[:axis], *places, *rest[axis:]))
    sizes = y.shape[axis : axis + len(places)]
    linear = indices[0]
    for k, dim in enumerate(sizes[1:], 1):
        linear = linear * _dim_node(dim, linear.shape) + indices[k]
    merged = (*y.shape[:axis], product(sizes), *y.shape[axis + len(places) :])
    return (y if y.shape == merged else ops.reshape(y, shape=merged)), linear, axis


def _transposed(x: Node, perm: tuple[int, ...]) -> Node:
    return x if perm == tuple(range(len(perm))) else ops.transpose(x, perm=perm)


def _dim_node(dim: Dim, shape: tuple[Dim, ...]) -> Node:
    scalar = current().constant(dim, INDEX) if isinstance(dim, int) else ops.dim(size=dim)
    return filled(scalar, shape)


def _masked(x: Node, index: Any, value: Node) -> Node | None:
    """``x`` with ``value`` where the only mask of an index is true, if all selected places get the same; None otherwise."""
    items = expanded(index, x.spec, lambda item: _mask_rank(item))
    masks = [place for place, item in enumerate(items) if _mask_rank(item, 0)]
    if len(masks) != 1 or any(
        not (isinstance(item, slice) and item == slice(None)) for place, item in enumerate(items) if place not in masks
    ):
        return None
    (place,) = masks
    mask = lift(items[place], "x[mask] = value").node()
    rest = x.shape[place + mask.spec.rank :]
    if value.spec.rank > len(rest):
        return None
    _check_mask(mask, x, place)
    chosen = ops.broadcast(mask, shape=x.shape, axes=tuple(range(place, place + mask.spec.rank)))
    return ops.where(chosen if mask.shape != x.shape else mask, broadcast_node(_fitted(value, rest), x.shape), x)


def _check_mask(mask: Node, x: Node, axis: int) -> None:
    fault = f"x[mask]: the mask, {mask.spec}, does not fit x, {x.spec}\n  rule: sizes of the axes that it takes are equal"
    for i, dim in enumerate(mask.shape):
        same(dim, x.shape[axis + i], fault)


def _mask_rank(item: Any, otherwise: int = 1) -> int:
    """How many axes a mask takes; ``otherwise`` for what is no mask."""
    if isinstance(item, list):
        item = np.asarray(item) if not any(isinstance(i, Tensor) for i in item) else item
    if isinstance(item, bool | np.bool_):
        raise UnsupportedError("True or False as an index is not supported; use x[None] or a mask of the shape of x")
    is_mask = isinstance(item, Tensor | np.ndarray) and item.dtype == bool
    return item.ndim if is_mask and isinstance(item, Tensor | np.ndarray) else otherwise


def _from_mask(mask: Any, x: Node, axis: int) -> list[Node]:
    """The indices along each axis of a mask where it is true."""
    node = lift(mask, "x[mask]").node()
    if node.spec.rank == 0:
        raise UnsupportedError("a mask without dimensions is not supported as an index; use tj.where(mask, x, y)")
    _check_mask(node, x, axis)
    if isinstance(trace(), EagerTrace):
        return [trace().leaf(found) for found in np.nonzero(on_host(value_of(node)))]
    if isinstance(mask, Tracer) and mask.is_known:
        return [lift(found).node() for found in np.nonzero(np.asarray(mask))]
    if isinstance(mask, Tensor):
        raise UnsupportedError(
            f"x[mask]: the mask, {node.spec}, is computed, so the size of the result is not known while the function is traced\n"
            "  cure: tj.where(mask, x, 0), or pass the mask as a captured array that does not change"
        )
    return _nonzero(node, int(np.count_nonzero(mask)))


def _nonzero(mask: Node, count: int) -> list[Node]:
    """The indices of the ``count`` true elements of a mask that is data; another count is an IndexError at run time."""
    flat = ops.reshape(mask, shape=(product(mask.shape),))
    found = ops.reduce_sum(cast(flat, INDEX), axes=(0,))
    surplus = ops.checked_index(ops.absolute(found - count), size=1)  # 0, or an IndexError
    order = ops.argsort(ops.logical_not(flat))
    linear = ops.slice(order, starts=(0,), sizes=(count,), steps=(1,)) + filled(surplus, (count,))
    out: list[Node] = []
    for dim in reversed(mask.shape):
        size = _dim_node(dim, linear.shape)
        out.append(ops.remainder(linear, size))
        linear = ops.floor_divide(linear, size)
    return out[::-1]


def _checked(item: Any, dim: Dim, axis: int) -> Node:
    """Integers that select along an axis of size ``dim``, counted from the front."""
    if is_integer(item) and not isinstance(item, Tensor):
        place = position(item, dim, axis)
        return _dim_node(place, ())
    if isinstance(item, Node):  # from a mask
        return item
    node = lift([] if isinstance(item, list) and not item else item, "x[...]").node()
    if isinstance(item, list) and not item:
        node = cast(node, INDEX)
    if node.dtype.kind not in "iu":
        raise ArgumentError(f"x[...]: an index is {node.spec}; indices are integers, bools, slices, None and ...")
    return checked_places(node, dim)


def checked_places(index: Node, dim: Dim) -> Node:
    """Indices along an axis of size ``dim``, counted from the front, and in range when the program runs."""
    wide = cast(index, INDEX)
    counted = ops.where(ops.less(wide, 0), wide + _dim_node(dim, wide.shape), wide)
    return ops.checked_index(counted, size=dim)


def _gathered_shape(x: Node, places: Node, axis: int) -> tuple[Dim, ...]:
    return (*x.shape[:axis], *places.shape, *x.shape[axis + 1 :])


def _scattered(x: Node, places: Node, value: Node, axis: int) -> Node:
    """``x`` with ``value`` at ``places`` along ``axis``, the last one where places repeat."""
    count = product(places.shape)
    value = _fitted(value, _gathered_shape(x, places, axis))
    value = reshape_node(value, (*x.shape[:axis], count, *x.shape[axis + 1 :]))
    places = reshape_node(places, (count,))
    size = x.shape[axis]
    if count == 1:
        hit = ops.equal(ops.iota(size=size, dtype=INDEX), broadcast_node(places, (size,)))
        return ops.where(_along(hit, x.shape, axis), broadcast_node(value, x.shape), x)
    if x.dtype == bool:
        return cast(_scattered(cast(x, np.int8), places, cast(value, np.int8), axis), bool)
    order = ops.argsort(places)
    places, value = ops.gather(places, order, axis=0), ops.gather(value, order, axis=axis)
    value = ops.where(_along(_is_last(places), value.shape, axis), value, -0.0)
    ones = filled(current().constant(1, INDEX), (count,))
    hits = ops.scatter_add(filled(current().constant(0, INDEX), (size,)), places, ones, axis=0)
    empty = filled(current().constant(-0.0, x.dtype), x.shape)  # adding to -0.0 changes nothing, not even the sign of zero
    stored = ops.scatter_add(empty, places, value, axis=axis)
    return ops.where(_along(ops.greater(hits, 0), x.shape, axis), stored, x)


def _is_last(places: Node) -> Node:
    """Whether the next of the sorted ``places`` is another one."""
    (count,) = places.shape
    if count == 0:
        return ops.equal(places, places)
    later = ops.slice(places, starts=(1,), sizes=(count - 1,), steps=(1,))
    end = filled(current().constant(-1, INDEX), (1,))
    return ops.not_equal(places, ops.concatenate(later, end, axis=0))


def _along(vector: Node, shape: tuple[Dim, ...], axis: int) -> Node:
    return ops.broadcast(vector, shape=shape, axes=(axis,)) if len(shape) > 1 else vector
