"""Rules of :func:`tracejit.transforms.simplify.simplify` for ops that move elements and do not compute.

No rule makes a dimension that is literally 1: after ``squeeze`` there are none, and that is to stay so.
"""

from __future__ import annotations

from tracejit.ir import Builder, Dim, Node
from tracejit.transforms.patterns import emit, fill, non_units, reshape, without_units


def _broadcast(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    (x,) = args
    shape, axes = node.attrs["shape"], node.attrs["axes"]
    if x.shape == shape and axes == tuple(range(len(shape))):  # every axis is the operand's -> x
        return x
    match x.op.name:
        case "broadcast":  # broadcast(broadcast(x)) -> broadcast(x)
            merged = tuple(axes[axis] for axis in x.attrs["axes"])
            return emit(builder, "broadcast", x.inputs[0], shape=shape, axes=merged)
        case "reshape" if x.inputs[0].shape == without_units(x.shape):  # the ones that a reshape inserts are broadcast anyway
            merged = tuple(axes[axis] for axis in non_units(x.shape))
            return emit(builder, "broadcast", x.inputs[0], shape=shape, axes=merged)
    return None


def _transpose(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    (x,), perm = args, node.attrs["perm"]
    if perm == tuple(range(len(perm))):  # nothing moves -> x
        return x
    if x.op.name == "transpose":  # transpose(transpose(x)) -> transpose(x)
        return emit(builder, "transpose", x.inputs[0], perm=tuple(x.attrs["perm"][axis] for axis in perm))
    if x.op.name == "broadcast":  # transpose(broadcast(x)) -> broadcast(x) where the operand's axes keep their order
        axes = tuple(perm.index(axis) for axis in x.attrs["axes"])
        return emit(builder, "broadcast", x.inputs[0], shape=node.shape, axes=axes) if list(axes) == sorted(axes) else None
    return None


def _slice(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    (x,), (starts, sizes, steps) = args, _region(node, node.shape)
    if sizes == x.shape and _whole(starts, steps):  # everything -> x
        return x
    match x.op.name:
        case "slice":  # slice(slice(x)) -> slice(x)
            first, _, strides = _region(x, x.shape)
            merged = tuple(a + s * b for a, s, b in zip(first, strides, starts, strict=True))
            product = tuple(s * t for s, t in zip(strides, steps, strict=True))
            return emit(builder, "slice", x.inputs[0], starts=merged, sizes=sizes, steps=product)
        case "slice_update" if _region(x, x.inputs[1].shape) == (starts, sizes, steps):  # what was just stored -> v
            return x.inputs[1]
        case "broadcast" if not x.attrs["axes"] and 1 not in sizes:  # a piece of one number everywhere
            return fill(builder, x.inputs[0], sizes)
    return None


def _region(node: Node, sizes: tuple[Dim, ...]) -> tuple[tuple[Dim, ...], tuple[Dim, ...], tuple[Dim, ...]]:
    """Starts, sizes and steps of a slice or of a slice_update."""
    return node.attrs["starts"], sizes, node.attrs["steps"]


def _whole(starts: tuple[Dim, ...], steps: tuple[Dim, ...]) -> bool:
    return all(start == 0 for start in starts) and all(step == 1 for step in steps)


def _reshape(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    (x,), shape = args, node.attrs["shape"]
    if x.shape == shape:  # nothing changes -> x
        return x
    if x.op.name == "reshape":  # reshape(reshape(x)) -> reshape(x)
        return reshape(builder, x, shape)
    if x.op.name == "broadcast" and not x.attrs["axes"] and 1 not in shape:  # one number everywhere, in another shape
        return fill(builder, x.inputs[0], shape)
    return None


def _slice_update(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    x, v = args
    if x.shape == v.shape and _whole(*_region(node, v.shape)[::2]):  # everything is overwritten -> v
        return v
    if any(d == 0 for d in v.shape):  # nothing is overwritten -> x
        return x
    if x.op.name == "slice_update" and _region(x, x.inputs[1].shape) == _region(node, v.shape):  # stored twice -> the later
        return emit(builder, "slice_update", x.inputs[0], v, starts=node.attrs["starts"], steps=node.attrs["steps"])
    return None


def _concatenate(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    axis = node.attrs["axis"]
    kept = tuple(x for x in args if x.shape[axis] != 0) or args[:1]
    if len(kept) == 1:  # concatenate(x) -> x
        return kept[0]
    return emit(builder, "concatenate", *kept, axis=axis) if len(kept) < len(args) else None  # empty ones add nothing


VIEW_RULES = {
    "broadcast": _broadcast,
    "transpose": _transpose,
    "slice": _slice,
    "reshape": _reshape,
    "slice_update": _slice_update,
    "concatenate": _concatenate,
}
