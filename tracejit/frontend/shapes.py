"""NumPy's rules of shapes for sizes that may be symbolic: broadcasting, axes, and shapes as users write them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import ArgumentError, AxisError, ShapeError
from tracejit.frontend.eager import trace
from tracejit.frontend.symbolic import SymbolicInt, as_dim
from tracejit.ir import Dim, Node, Size
from tracejit.ir.size import product, quotient

Shape = tuple[Dim, ...]

BROADCAST = "a size of 1 is broadcast"
"""Why broadcasting asks whether a size is 1."""


def broadcast_nodes(nodes: Sequence[Node], name: str, operands: Sequence[str] = ()) -> tuple[Node, ...]:
    """``nodes`` brought to their common shape."""
    shapes = [n.spec.shape for n in nodes]
    if shapes.count(shapes[0]) == len(shapes):
        return tuple(nodes)
    known = _known_shape(shapes)
    if known is not None:
        return tuple([n if n.spec.shape == known else broadcast_node(n, known, name) for n in nodes])
    labels = operands if len(operands) == len(nodes) else [f"operand {i}" for i in range(1, len(nodes) + 1)]
    lines = "".join(f"\n  {label}: {n.spec}" for label, n in zip(labels, nodes, strict=True))
    rule = "\n  rule: shapes are aligned at the right; sizes are equal, or one of them is 1"
    shape = common_shape(shapes, f"{name}: shapes differ{lines}{rule}")
    return tuple(broadcast_node(n, shape, name) for n in nodes)


def _known_shape(shapes: Sequence[Shape]) -> Shape | None:
    """The shape that shapes of numbers broadcast to; None where one is symbolic, or there is none."""
    out: list[int] = [1] * max(map(len, shapes))
    for shape in shapes:
        for place, dim in enumerate(shape, len(out) - len(shape)):
            if type(dim) is not int or (dim != 1 and out[place] not in (1, dim)):
                return None
            if dim != 1:
                out[place] = dim
    return tuple(out)


def common_shape(shapes: Sequence[Shape], fault: str) -> Shape:
    """The shape that ``shapes`` broadcast to; ShapeError with the text ``fault`` where there is none."""
    out: list[Dim] = []
    for axis in range(-max(map(len, shapes)), 0):
        dim: Dim = 1
        for shape in shapes:
            if -axis <= len(shape):
                dim = _merged(dim, shape[axis], fault)
        out.append(dim)
    return tuple(trace().canonical(d) for d in out)


def same(a: Dim, b: Dim, fault: str) -> Dim:
    """The size that both are; ShapeError with the text ``fault`` where they differ."""
    out: Dim = a if a == b else trace().unify(a, b, fault)
    return out


def _merged(a: Dim, b: Dim, fault: str) -> Dim:
    if a == b or b == 1:
        return a
    if a == 1 or is_one(a):
        return b
    return a if is_one(b) else same(a, b, fault)


def is_one(dim: Dim) -> bool:
    """Whether the size is 1; a symbol is only where an input signature leaves it open, or where it is computed."""
    return dim == 1 if isinstance(dim, int) else bool(trace().decide(dim, "==", 1, BROADCAST))


def is_zero(dim: Dim) -> bool:
    """Whether the size is 0; of a symbol likewise."""
    return dim == 0 if isinstance(dim, int) else bool(trace().decide(dim, "==", 0))


def broadcast_node(node: Node, shape: Sequence[Dim], name: str = "broadcast_to") -> Node:
    """``node`` repeated to ``shape`` by NumPy's rule."""
    if not node.spec.shape:
        return filled(node, shape)
    offset = len(shape) - node.spec.rank
    if offset < 0:
        raise ShapeError(_misfit(node, shape, name))
    kept, target = [], list(shape)
    for axis, dim in enumerate(node.shape):
        wanted = target[axis + offset]
        if dim == wanted:
            kept.append(axis)
        elif not is_one(dim):
            target[axis + offset] = same(dim, wanted, _misfit(node, shape, name))
            kept.append(axis)
    if len(kept) < node.spec.rank:
        node = ops.reshape(node, shape=tuple(node.shape[i] for i in kept))
    axes = tuple(i + offset for i in kept)
    return node if axes == tuple(range(len(shape))) else ops.broadcast(node, shape=tuple(target), axes=axes)


def _misfit(node: Node, shape: Sequence[Dim], name: str) -> str:
    return f"{name}: {node.spec} does not broadcast to {shape_text(shape)}"


def shape_text(shape: Sequence[Any]) -> str:
    """A shape as Python writes it."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def normal_axis(axis: Any, rank: int, name: str) -> int:
    """``axis`` counted from the front."""
    if isinstance(axis, float | np.floating):
        raise ArgumentError(f"{name}: axis is {axis!r}; it must be an integer")
    number = operator.index(axis)
    if not -rank <= number < rank:
        legal = f"between {-rank} and {rank - 1}" if rank else "none, as there are no dimensions"
        raise AxisError(f"{name}: axis {number} is out of range; legal axes are {legal}")
    return number % rank


def normal_axes(axis: Any, rank: int, name: str) -> tuple[int, ...]:
    """``axis=`` of a reduction, None, one or several, as sorted axes counted from the front."""
    if axis is None:
        return tuple(range(rank))
    axes = [normal_axis(a, rank, name) for a in (axis if isinstance(axis, list | tuple) else (axis,))]
    if len(set(axes)) < len(axes):
        raise ShapeError(f"{name}: axis {axis} names an axis twice")
    return tuple(sorted(axes))


def as_shape(shape: Any, name: str) -> Shape:
    """A shape as a user writes it: an integer or a sequence of them."""
    if isinstance(shape, np.ndarray):
        shape = shape.tolist()
    dims = shape if isinstance(shape, list | tuple) else (shape,)
    out = []
    for dim in dims:
        if isinstance(dim, float | np.floating) or dim is None:
            raise ArgumentError(f"{name}: the shape {shape!r} holds {dim!r}; sizes are integers")
        out.append(dim if isinstance(dim, Size) else as_dim(dim))
    if any(isinstance(d, int) and d < 0 for d in out):
        raise ShapeError(f"{name}: the shape {shape!r} holds a negative size")
    return tuple(out)


def reshape_node(x: Node, shape: Any, name: str = "reshape") -> Node:
    """``x`` with another shape, in which one size may be -1."""
    dims = shape if isinstance(shape, list | tuple) else shape.tolist() if isinstance(shape, np.ndarray) else (shape,)
    wanted = [-1 if not isinstance(d, SymbolicInt | Size) and d == -1 else as_shape((d,), name)[0] for d in dims]
    total = product(x.shape)
    fault = f"{name}: {x.spec}, {total} elements, does not have the shape {shape_text(wanted)}"
    if wanted.count(-1) > 1:
        raise ShapeError(f"{name}: the shape {shape_text(wanted)} has more than one -1")
    if -1 in wanted:
        rest = product(d for d in wanted if d != -1)
        if rest == 0 or (isinstance(total, int) and isinstance(rest, int) and total % rest):
            raise ShapeError(f"{fault}\n  rule: the other sizes divide the number of elements")
        missing = quotient(total, rest)
        if isinstance(missing, Size) and missing * rest != total:
            same(missing * rest, total, fault)
        wanted[wanted.index(-1)] = missing
    elif product(wanted) != total:
        same(total, product(wanted), f"{fault}, which has {product(wanted)}" if isinstance(product(wanted), int) else fault)
    target = tuple(wanted)
    return x if x.shape == target else ops.reshape(x, shape=target)


def filled(value: Node, shape: Sequence[Dim]) -> Node:
    """The scalar ``value`` repeated to ``shape``."""
    return ops.broadcast(value, shape=tuple(shape), axes=()) if shape else value
