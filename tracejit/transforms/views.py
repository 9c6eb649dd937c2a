"""Rules of :func:`tracejit.transforms.simplify.simplify` for ops that move elements and do not compute.

No rule makes a dimension that is literally 1: after ``squeeze`` there are none, and that is to stay so.
"""

from __future__ import annotations

from tracejit.ir import Builder, Dim, Node
from tracejit.ir.dtype import family
from tracejit.transforms.patterns import emit, fill, is_number, non_units, reshape, without_units


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
        case "slice_update":
            return _slice_of_update(builder, node, x)
        case "concatenate":
            return _slice_of_parts(builder, node, x)
        case "broadcast" if not x.attrs["axes"] and 1 not in sizes:  # a piece of one number everywhere
            return fill(builder, x.inputs[0], sizes)
    return None


def _slice_of_update(builder: Builder, node: Node, x: Node) -> Node | None:
    """A piece of what was stored, or of what was there before, where it is one of these alone."""
    before, v = x.inputs
    (starts, sizes, steps), (first, stored, strides) = _region(node, node.shape), _region(x, v.shape)
    if (starts, sizes, steps) == (first, stored, strides):  # what was just stored -> v
        return v
    axes = list(zip(starts, sizes, steps, first, stored, strides, strict=True))
    if any(_is_apart(axis) for axis in axes):
        return emit(builder, "slice", before, starts=starts, sizes=sizes, steps=steps)
    if all(_is_within(axis) for axis in axes):
        inside = tuple(a - b for a, b in zip(starts, first, strict=True))
        return _piece(builder, v, inside, sizes, steps)
    return None


def _piece(builder: Builder, x: Node, starts: tuple[Dim, ...], sizes: tuple[Dim, ...], steps: tuple[Dim, ...]) -> Node:
    """A slice of ``x``, made on the axes that are not literally 1."""
    if sizes == x.shape and _whole(starts, steps):
        return x
    kept = non_units(x.shape)
    inner = {k: tuple(v[axis] for axis in kept) for k, v in (("starts", starts), ("sizes", sizes), ("steps", steps))}
    small = reshape(builder, x, without_units(x.shape))
    return reshape(builder, emit(builder, "slice", small, **inner), sizes)


def _is_apart(axis: tuple[Dim, ...]) -> bool:
    """Whether two windows of one axis, starts, sizes and steps, are known to have no place in common."""
    if not all(isinstance(n, int) for n in axis):
        return False
    start, size, step, first, stored, stride = (int(n) for n in axis)  # type: ignore[arg-type]
    low, high = sorted((start, start + (size - 1) * step))
    least, most = sorted((first, first + (stored - 1) * stride))
    return high < least or most < low


def _is_within(axis: tuple[Dim, ...]) -> bool:
    """Whether the first of two windows of one axis is known to lie within the second, whose places are neighbours."""
    start, size, step, first, stored, stride = axis
    if (start, size, step) == (first, stored, stride) and stride == 1:
        return True
    if stride != 1 or not all(isinstance(n, int) for n in axis):
        return False
    low, high = sorted((int(start), int(start) + (int(size) - 1) * int(step)))  # type: ignore[arg-type]
    return int(first) <= low and high < int(first) + int(stored)  # type: ignore[arg-type]


def side_by_side(builder: Builder, x: Node, y: Node) -> Node | None:
    """The sum of parts stored among zeros, which do not meet, as one array of zeros with all of them stored.

    What was added to a zero still is: -0.0 + 0.0 is 0.0.
    """
    parts, last = _parts_among_zeros(x), _parts_among_zeros(y)
    if len(parts) < len(last):
        x, y, parts, last = y, x, last, parts
    if not parts or len(last) != 1:
        return None
    window = _region(y, y.inputs[1].shape)
    if not all(any(map(_is_apart, zip(*_region(part, part.inputs[1].shape), *window, strict=True))) for part in parts):
        return None
    first = next((i for i, part in enumerate(parts) if _with_zero(builder, part.inputs[1]) is not part.inputs[1]), len(parts))
    out = parts[first - 1] if first else parts[0].inputs[0]
    for part in [*parts[first:], y]:
        stored = _with_zero(builder, part.inputs[1])
        out = emit(builder, "slice_update", out, stored, starts=part.attrs["starts"], steps=part.attrs["steps"])
    return out


def _parts_among_zeros(x: Node) -> list[Node]:
    """The updates, in order, that made ``x`` of zeros; none where it was made otherwise."""
    found: list[Node] = []
    while x.op.name == "slice_update":
        found.append(x)
        x = x.inputs[0]
    return found[::-1] if is_number(x, 0.0 if family(x.dtype) == "f" else 0) else []


def _with_zero(builder: Builder, x: Node) -> Node:
    """``x + 0.0``, which is ``x`` where it is such a sum, or an integer."""
    if family(x.dtype) != "f" or (x.op.name == "add" and any(is_number(y, 0.0) for y in x.inputs)):
        return x
    return x + 0.0


def _slice_of_parts(builder: Builder, node: Node, x: Node) -> Node | None:
    """A piece of one part of a concatenation."""
    axis, (starts, sizes, steps) = x.attrs["axis"], _region(node, node.shape)
    begin: Dim = 0
    for part in x.inputs:
        length = part.shape[axis]
        if _is_within((starts[axis], sizes[axis], steps[axis], begin, length, 1)):
            inside = (*starts[:axis], starts[axis] - begin, *starts[axis + 1 :])
            return _piece(builder, part, inside, sizes, steps)
        begin = begin + length
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
