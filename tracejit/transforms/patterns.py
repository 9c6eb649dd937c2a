"""What rules of passes ask of nodes, and how they make them."""

from __future__ import annotations

from collections import Counter
from math import copysign
from typing import Any

from tracejit.ir import Builder, Dim, Graph, Node
from tracejit.ops.row import TABLE, Op, number


def kind(node: Node) -> str:
    """The kind of the node's row; empty for inputs and constants."""
    return node.op.kind if isinstance(node.op, Op) else ""


def emit(builder: Builder, name: str, *inputs: Node, **attrs: Any) -> Node:
    """The node of the op ``name``."""
    return builder.emit(TABLE[name], inputs, **attrs)


def is_number(node: Node, value: float) -> bool:
    """Whether every element is ``value``; 0.0 is not -0.0 among floats, and one zero among integers."""
    found: Any = number(node)
    if found is None or isinstance(found, complex) or found != value:
        return False
    return not isinstance(found, float) or copysign(1.0, found) == copysign(1.0, value)


def fill(builder: Builder, scalar: Node, shape: tuple[Dim, ...]) -> Node:
    """A scalar node at every element of ``shape``."""
    return emit(builder, "broadcast", scalar, shape=shape, axes=()) if shape else scalar


def reshape(builder: Builder, x: Node, shape: tuple[Dim, ...]) -> Node:
    """``x`` as ``shape``, by at most one reshape."""
    if x.op.name == "reshape":
        x = x.inputs[0]
    return x if x.shape == shape else emit(builder, "reshape", x, shape=shape)


def without_units(shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """``shape`` without its literal ones."""
    return tuple(d for d in shape if d != 1)


def non_units(shape: tuple[Dim, ...]) -> dict[int, int]:
    """The axes that are not literally 1, and the places that they have when the others are gone."""
    return {axis: place for place, axis in enumerate(i for i, d in enumerate(shape) if d != 1)}


def used_once(graph: Graph) -> set[Node]:
    """The nodes with one use, outputs and updates counted."""
    uses = Counter(graph.roots)
    for node in graph.nodes():
        uses.update(node.inputs)
    return {node for node, count in uses.items() if count == 1}
