"""Removal of unit dimensions from everything inside a graph. See :func:`squeeze`."""

from __future__ import annotations

from typing import Any

from tracejit.ir import Builder, Dim, Graph, Node
from tracejit.ops.row import TABLE, Op
from tracejit.transforms.patterns import emit, fill, non_units, reshape, without_units


def squeeze(graph: Graph) -> Graph:
    """Compute on values without literal dimensions 1.

    Assumes: the front end has reshaped away what would be stretched, so that a dimension 1 is 1 in operand and result.
    Promises: elementwise, reduce, broadcast and transpose nodes have no literal 1 in their shapes and their operands' shapes.
    Reshapes that insert or remove ones stand only after inputs, before outputs and updates, and around ops that need their
    rank. A slice has no 1 in its operand; where it takes one element of an axis it keeps that axis, and only the reshape that
    removes it, and ops that need their rank, use the slice.
    """
    if all(1 not in node.shape for node in graph.nodes()):
        return graph
    builder = Builder(TABLE)
    inner = graph.replay(builder, _rule)

    def restored(new: Node, old: Node) -> Node:
        with builder.at(old.where):
            return reshape(builder, new, old.shape)

    outputs = tuple(restored(new, old) for new, old in zip(inner.outputs, graph.outputs, strict=True))
    updates = tuple((x, restored(new, old)) for (x, new), (_, old) in zip(inner.updates, graph.updates, strict=True))
    return Graph(graph.name, graph.inputs, outputs, updates)


def _rule(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    """``node`` without its unit dimensions; ``args`` have lost theirs, graph inputs excepted."""
    if all(1 not in x.shape for x in (node, *node.inputs)):
        return None
    if 0 in node.shape:
        return fill(builder, builder.constant(0, node.dtype), without_units(node.shape))
    move = MOVES.get(node.op.name) or MOVES.get(node.op.kind if isinstance(node.op, Op) else "")
    if move is not None:
        moved: Node = move(builder, node, *(reshape(builder, x, without_units(x.shape)) for x in args))
        return moved
    whole = (reshape(builder, new, old.shape) for new, old in zip(args, node.inputs, strict=True))
    out = builder.emit(node.op, tuple(whole), **node.attrs)
    return reshape(builder, out, without_units(out.shape))


def _elementwise(builder: Builder, node: Node, *args: Node) -> Node:
    return builder.emit(node.op, args, **node.attrs)


def _reduce(builder: Builder, node: Node, x: Node) -> Node:
    places = non_units(node.inputs[0].shape)
    axes = tuple(places[axis] for axis in node.attrs["axes"] if axis in places)
    if axes:
        return builder.emit(node.op, (x,), axes=axes)
    return x if x.dtype == node.dtype else emit(builder, "cast", x, dtype=node.dtype)


def _argreduce(builder: Builder, node: Node, x: Node) -> Node:
    if all(node.inputs[0].shape[axis] == 1 for axis in node.attrs["axes"]):  # the only place on an axis of one is 0
        return fill(builder, builder.constant(0, node.dtype), x.shape)
    return _reduce(builder, node, x)


def _broadcast(builder: Builder, node: Node, x: Node) -> Node:
    places, axes = non_units(node.shape), node.attrs["axes"]
    left = tuple(places[axes[axis]] for axis in non_units(node.inputs[0].shape))
    shape = without_units(node.shape)
    return x if x.shape == shape and left == tuple(range(len(shape))) else emit(builder, "broadcast", x, shape=shape, axes=left)


def _transpose(builder: Builder, node: Node, x: Node) -> Node:
    places = non_units(node.inputs[0].shape)
    perm = tuple(places[axis] for axis in node.attrs["perm"] if axis in places)
    return x if perm == tuple(range(len(perm))) else emit(builder, "transpose", x, perm=perm)


def _slice(builder: Builder, node: Node, x: Node) -> Node:
    """Axes of one element disappear before the slice, axes that are left with one after it."""
    kept = non_units(node.inputs[0].shape)
    attrs: dict[str, tuple[Dim, ...]] = {k: tuple(node.attrs[k][axis] for axis in kept) for k in ("starts", "sizes", "steps")}
    out = emit(builder, "slice", x, **attrs) if kept else x
    return reshape(builder, out, without_units(out.shape))


def _reshape(builder: Builder, node: Node, x: Node) -> Node:
    return reshape(builder, x, without_units(node.shape))


def _matmul(builder: Builder, node: Node, x: Node, y: Node) -> Node:
    """Batch dimensions of one disappear; the two of the matrices stay."""
    left, right = ((*without_units(z.shape[:-2]), *z.shape[-2:]) for z in node.inputs)
    out = emit(builder, "matmul", reshape(builder, x, left), reshape(builder, y, right))
    return reshape(builder, out, without_units(out.shape))


MOVES: dict[str, Any] = {
    "elementwise": _elementwise,
    "reduce": _reduce,
    "argreduce": _argreduce,
    "broadcast": _broadcast,
    "transpose": _transpose,
    "slice": _slice,
    "reshape": _reshape,
    "matmul": _matmul,
}
"""By kind of row, or by name where rows of one kind differ; other ops keep their rank."""
