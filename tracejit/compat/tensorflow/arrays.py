"""Shapes and places: reshapes, transposes, joins, splits, rows by index, padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow.arithmetic import checked
from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.convert import node_of
from tracejit.compat.tensorflow.errors import InvalidArgumentError, fail, mismatch
from tracejit.compat.tensorflow.index import item_of
from tracejit.compat.tensorflow.shape import shape_text
from tracejit.compat.tensorflow.sizes import axis_of, dims_of, integers, listed
from tracejit.compat.tensorflow.tensor import handed, op
from tracejit.errors import ShapeError
from tracejit.frontend.eager import EagerTrace, trace, value_of
from tracejit.frontend.indexing import checked_places
from tracejit.frontend.lift import cast
from tracejit.frontend.shapes import broadcast_node, filled, normal_axis, reshape_node, same
from tracejit.ir import Node, current
from tracejit.ir.size import product
from tracejit.ops import composite
from tracejit.ops.movement import window
from tracejit.runtime.device import on_host

__all__ = [
    "boolean_mask", "broadcast_to", "concat", "expand_dims", "gather", "gather_nd", "pad", "repeat", "reshape", "reverse", "roll",
    "scatter_nd", "slice", "split", "squeeze", "stack", "tensor_scatter_nd_add", "tensor_scatter_nd_sub",
    "tensor_scatter_nd_update", "tile", "transpose", "unstack",
]  # fmt: skip


@op
def reshape(tensor: Any, shape: Any) -> Node:
    """The same elements in the same order under another shape; one size may be -1."""
    node = node_of(tensor)
    wanted = listed(shape, "Reshape")
    try:
        return reshape_node(node, wanted)
    except ShapeError:
        total, asked = node.spec.size, product(d for d in wanted if not isinstance(d, int) or d != -1)
        number = f"requires a multiple of {asked}" if -1 in wanted else f"has {asked}"
        fail(
            InvalidArgumentError,
            f"Input to reshape is a tensor with {total} values, but the requested shape {number} [Op:Reshape]",
        )


@op
def expand_dims(input: Any, axis: Any) -> Node:
    """A new axis of size 1 at place ``axis`` of the result."""
    node = node_of(input)
    place = axis_of(axis, node.spec.rank + 1, "ExpandDims")
    return ops.reshape(node, shape=(*node.shape[:place], 1, *node.shape[place:]))


@op
def squeeze(input: Any, axis: Any = None) -> Node:
    """Without axes of size 1: all of them, or those named."""
    node = node_of(input)
    if axis is None:
        axes = [i for i, d in enumerate(node.shape) if d == 1]
    else:
        axes = [axis_of(a, node.spec.rank, "Squeeze") for a in listed(axis, "Squeeze")]
    for i in axes:
        same(node.shape[i], 1, f"Can not squeeze dim[{i}], expected a dimension of 1, got {node.shape[i]} [Op:Squeeze]")
    return reshape_node(node, [d for i, d in enumerate(node.shape) if i not in axes])


@op
def transpose(a: Any, perm: Any = None, conjugate: bool = False) -> Node:
    """The axes in another order, reversed if none is given."""
    node = node_of(a)
    rank = node.spec.rank
    order = (
        tuple(reversed(range(rank)))
        if perm is None
        else tuple(normal_axis(i, rank, "Transpose") for i in integers(perm, "Transpose"))
    )
    if sorted(order) != list(range(rank)):
        fail(InvalidArgumentError, f"transpose expects a vector of size {rank}. But input(1) is {list(order)} [Op:Transpose]")
    node = ops.conjugate(node) if conjugate and node.dtype.kind == "c" else node
    return node if order == tuple(range(rank)) else ops.transpose(node, perm=order)


def _alike(values: Any, name: str) -> list[Node]:
    """Operands of one dtype: that of the first tensor among them."""
    if isinstance(values, Held | np.ndarray):
        values = [values]
    dtype = next((x.core.dtype for x in values if isinstance(x, Held) and not x.core.weak), None)
    nodes = [node_of(x, dtype, name, i) for i, x in enumerate(values)]
    for i, node in enumerate(nodes):
        if node.dtype != nodes[0].dtype:
            mismatch(name, i, nodes[0].dtype, node.dtype)
    return nodes


@op
def concat(values: Any, axis: Any) -> Node:
    """Operands one after the other along ``axis``."""
    nodes = _alike(values, "ConcatV2")
    place = axis_of(axis, nodes[0].spec.rank, "ConcatV2")
    for k, node in enumerate(nodes[1:], 1):
        if node.spec.rank != nodes[0].spec.rank:
            ranks = f"shape[0] = {shape_text(nodes[0].shape)} vs. shape[{k}] = {shape_text(node.shape)}"
            fail(InvalidArgumentError, f"ConcatOp : Ranks of all input tensors should match: {ranks} [Op:ConcatV2]")
        for i, (a, b) in enumerate(zip(nodes[0].shape, node.shape, strict=True)):
            if i != place:
                both = f"shape[0] = {shape_text(nodes[0].shape)} vs. shape[{k}] = {shape_text(node.shape)}"
                same(a, b, f"ConcatOp : Dimension {i} in both shapes must be equal: {both} [Op:ConcatV2]")
    return nodes[0] if len(nodes) == 1 else ops.concatenate(*nodes, axis=place)


@op
def stack(values: Any, axis: Any = 0) -> Node:
    """Operands of one shape side by side along a new axis."""
    nodes = _alike(list(values), "Pack")
    place = axis_of(axis, nodes[0].spec.rank + 1, "Pack")
    for k, node in enumerate(nodes[1:], 1):
        both = f"values[0].shape = {shape_text(nodes[0].shape)} != values[{k}].shape = {shape_text(node.shape)}"
        fault = f"Shapes of all inputs must match: {both} [Op:Pack]"
        if node.spec.rank != nodes[0].spec.rank:
            fail(InvalidArgumentError, fault)
        for a, b in zip(nodes[0].shape, node.shape, strict=True):
            same(a, b, fault)
    return composite.stack(nodes, place)


@op
def unstack(value: Any, num: int | None = None, axis: Any = 0) -> list[Node]:
    """The parts along ``axis``, without it."""
    node = node_of(value)
    place = axis_of(axis, node.spec.rank, "Unpack")
    count = trace().size_of(node.shape[place], "the number of parts of tf.unstack") if num is None else num
    same(node.shape[place], count, f"unstack: axis {place} of {node.spec} does not have {count} parts")
    rest = (*node.shape[:place], *node.shape[place + 1 :])
    return [ops.reshape(window(node, place, i, 1), shape=rest) for i in range(count)]


@op
def split(value: Any, num_or_size_splits: Any, axis: Any = 0, num: int | None = None) -> list[Node]:
    """Pieces along ``axis``: so many of one size, or of the sizes given."""
    node = node_of(value)
    place = axis_of(axis, node.spec.rank, "Split")
    total = node.shape[place]
    many = isinstance(num_or_size_splits, list | tuple | np.ndarray) or (
        isinstance(num_or_size_splits, Held) and num_or_size_splits.ndim
    )
    sizes = integers(num_or_size_splits, "Split")
    if not many:
        count = sizes[0]
        if isinstance(total, int) and total % count:
            fail(
                InvalidArgumentError,
                f"Number of ways to split should evenly divide the split dimension, but got split_dim {place}"
                f" (size = {total}) and num_split {count} [Op:Split]",
            )
        sizes = [total // count] * count
    elif -1 in sizes:
        sizes[sizes.index(-1)] = total - (sum(sizes) + 1)
    same(total, sum(sizes), f"split: the sizes {sizes} do not add up to axis {place} of {node.spec}")
    starts = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
    return composite.split(node, starts, place)


@op
def tile(input: Any, multiples: Any) -> Node:
    """The tensor laid side by side, so many times along each axis."""
    node = node_of(input)
    times = dims_of(multiples, "Tile")
    if len(times) != node.spec.rank:
        fail(
            InvalidArgumentError,
            f"Expected multiples argument to be a vector of length {node.spec.rank} but got length {len(times)} [Op:Tile]",
        )
    return composite.tile(node, times)


@op
def repeat(input: Any, repeats: Any, axis: Any = None) -> Node:
    """Each element so many times in a row along ``axis``, of the flattened tensor if not given."""
    node = node_of(input)
    node = reshape_node(node, (-1,)) if axis is None else node
    place = 0 if axis is None else axis_of(axis, node.spec.rank, "Repeat")
    times = integers(repeats, "Repeat")
    return composite.repeat(node, times[0] if len(times) == 1 else times, place)


@op
def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Node:
    """The tensor with ``(before, after)`` elements around it along each axis: a constant, or its own mirrored."""
    node = node_of(tensor)
    flat = integers(paddings, "Pad")
    widths = list(zip(flat[::2], flat[1::2], strict=True))
    if len(widths) != node.spec.rank:
        fail(
            InvalidArgumentError, f"The first dimension of paddings must be the rank of inputs {shape_text(node.shape)} [Op:Pad]"
        )
    match mode.upper():
        case "CONSTANT":
            return composite.pad(node, widths, node_of(constant_values, node.dtype, "PadV2", 2))
        case "REFLECT" | "SYMMETRIC":
            return composite.pad_by(node, widths, mode.lower())
    raise ValueError(
        f"Value of argument `mode` expected to be one of 'CONSTANT', 'REFLECT', 'SYMMETRIC'. Received `mode` = {mode}"
    )


@op
def reverse(tensor: Any, axis: Any) -> Node:
    """The elements backwards along ``axis``, one or several."""
    node = node_of(tensor)
    return composite.flip(node, [axis_of(a, node.spec.rank, "ReverseV2") for a in listed(axis, "ReverseV2")])


@op
def roll(input: Any, shift: Any, axis: Any) -> Node:
    """Elements moved on along ``axis``; those that leave at the end come in at the start."""
    node = node_of(input)
    for by, place in zip(integers(shift, "Roll"), integers(axis, "Roll"), strict=True):
        node = composite.roll(node, by, axis_of(place, node.spec.rank, "Roll"))
    return node


@op
def broadcast_to(input: Any, shape: Any) -> Node:
    """The tensor repeated to ``shape``."""
    return broadcast_node(node_of(input), dims_of(shape, "BroadcastTo"), "BroadcastTo")


@op
def slice(input_: Any, begin: Any, size: Any) -> Node:
    """A window: ``size`` elements from ``begin`` along each axis, to the end for -1."""
    node = node_of(input_)
    starts, wanted = listed(begin, "Slice"), listed(size, "Slice")
    sizes = [d - s if isinstance(n, int) and n == -1 else n for d, s, n in zip(node.shape, starts, wanted, strict=True)]
    return ops.slice(node, starts=dims_of(starts, "Slice"), sizes=dims_of(sizes, "Slice"), steps=(1,) * len(starts))


@op
def gather(params: Any, indices: Any, axis: Any = None, batch_dims: int = 0) -> Node:
    """The parts of ``params`` at ``indices`` along ``axis``, the first if not given.

    Raises:
        InvalidArgumentError: An index is negative or too large.
    """
    if batch_dims:
        raise ValueError("gather: batch_dims is not supported; use tf.gather_nd, or tf.one_hot and a product")
    node = node_of(params)
    place = axis_of(0 if axis is None else axis, node.spec.rank, "GatherV2")
    return ops.gather(node, _in_range(indices, node.shape[place], "GatherV2"), axis=place)


def _in_range(indices: Any, size: Any, name: str) -> Node:
    node = cast(checked(node_of(indices), "iu", name), np.int64)
    if isinstance(trace(), EagerTrace):
        found = on_host(value_of(node))
        wrong = np.argwhere((found < 0) | (found >= size))
        if len(wrong):
            place = tuple(wrong[0].tolist())
            where = f"[{', '.join(map(str, place))}]" if place else ""
            fail(InvalidArgumentError, f"indices{where} = {found[place]} is not in [0, {size}) [Op:{name}]")
    return ops.checked_index(node, size=size)


@op
def gather_nd(params: Any, indices: Any, batch_dims: int = 0) -> Node:
    """The parts of ``params`` at the places whose coordinates are the last axis of ``indices``."""
    if batch_dims:
        raise ValueError("gather_nd: batch_dims is not supported; put the batch into the indices")
    node = node_of(params)
    whole, places, rest = _places(node, indices, "GatherNd")
    out = ops.gather(whole, places, axis=0)
    return reshape_node(out, (*places.shape, *rest))


def _places(node: Node, indices: Any, name: str) -> tuple[Node, Node, Sequence[Any]]:
    """``node`` with the axes that the coordinates name as one, the places along it, and the other axes."""
    where = checked(node_of(indices), "iu", name)
    depth = where.shape[-1] if where.shape else 0
    if not isinstance(depth, int) or not 1 <= depth <= node.spec.rank:
        fail(
            InvalidArgumentError,
            f"index innermost dimension length must be <= params rank; saw: {depth} vs. {node.spec.rank} [Op:{name}]",
        )
    total: Node | None = None
    last = where.spec.rank - 1
    for k in range(depth):
        part = reshape_node(window(where, last, k, 1), where.shape[:-1])
        place = checked_places(part, node.shape[k])
        total = place if total is None else total * _size_like(node.shape[k], place) + place
    assert total is not None
    rest = node.shape[depth:]
    return reshape_node(node, (product(node.shape[:depth]), *rest)), total, rest


def _size_like(dim: Any, like: Node) -> Node:
    return composite.sized(like, dim)


@op
def boolean_mask(tensor: Any, mask: Any, axis: Any = None) -> Node:
    """The elements, or parts along the first axes, where ``mask`` is true."""
    if axis not in (None, 0):
        raise ValueError("boolean_mask: axis is not supported; transpose first")
    node, truth = handed(node_of(tensor)), handed(node_of(mask))
    return item_of(node, truth)


def _scattered(tensor: Any, indices: Any, updates: Any, name: str, write: Callable[[Node, Node, Node], Node]) -> Node:
    node = node_of(tensor)
    whole, places, rest = _places(node, indices, name)
    values = node_of(updates, node.dtype, name, 2)
    if values.dtype != node.dtype:
        mismatch(name, 2, node.dtype, values.dtype)
    values = broadcast_node(values, (*places.shape, *rest), name)
    return reshape_node(write(whole, places, values), node.shape)


@op
def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any) -> Node:
    """A tensor like ``tensor`` with ``updates`` at the places whose coordinates are the last axis of ``indices``."""
    return _scattered(tensor, indices, updates, "TensorScatterUpdate", _replaced)


def _replaced(x: Node, places: Node, values: Node) -> Node:
    """``x`` with rows replaced; the sum of what goes to one place where several do, as the order is not defined."""
    ones = filled(current().constant(1, np.dtype(np.int64)), places.shape)
    hits = ops.scatter_add(filled(current().constant(0, np.dtype(np.int64)), x.shape[:1]), places, ones, axis=0)
    stored = ops.scatter_add(filled(current().constant(0, x.dtype), x.shape), places, values, axis=0)
    hit = ops.greater(hits, 0)
    return ops.where(ops.broadcast(hit, shape=x.shape, axes=(0,)) if x.spec.rank > 1 else hit, stored, x)


@op
def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any) -> Node:
    """``tensor`` with ``updates`` added at places, again where they are named twice."""
    return _scattered(tensor, indices, updates, "TensorScatterAdd", lambda x, i, v: ops.scatter_add(x, i, v, axis=0))


@op
def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any) -> Node:
    """``tensor`` with ``updates`` subtracted at places, again where they are named twice."""
    return _scattered(tensor, indices, updates, "TensorScatterSub", lambda x, i, v: ops.scatter_add(x, i, -v, axis=0))


@op
def scatter_nd(indices: Any, updates: Any, shape: Any) -> Node:
    """``updates`` added up at places in a tensor of zeros."""
    values = node_of(updates)
    empty = handed(filled(current().constant(0, values.dtype), dims_of(shape, "ScatterNd")))
    return _scattered(empty, indices, updates, "ScatterNd", lambda x, i, v: ops.scatter_add(x, i, v, axis=0))
