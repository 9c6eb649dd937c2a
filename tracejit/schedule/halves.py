"""Graph -> Graph: float16 as it is computed: in float32, between what is kept in two bytes.

Kept are inputs, results and what a step has to store whole: operands and results of products, parts that are joined, what is
indexed by data, and what the program itself casts. There a value is rounded, for all who read it. Everything between is float32:
chains, sums, means, wherever they are stored on the way.
"""

from __future__ import annotations

import numpy as np

from tracejit.ir import Builder, Graph, Node
from tracejit.ir.builder import CONSTANT
from tracejit.ir.dtype import is_half
from tracejit.ops import TABLE
from tracejit.schedule.access import kind

SINGLE = np.dtype(np.float32)
WHOLE = {"contract": None, "write": None, "gather": 1}
"""Operands that are kept, by the kind of the op that reads them: so many of the first ones, or all."""


def widen_halves(graph: Graph, products: bool = False) -> Graph:
    """The graph with casts to and from float32 around arithmetic on halves; one without halves as it is.

    Args:
        graph: Any graph.
        products: Whether the target multiplies matrices of halves itself, adding up in float32.

    Promises: no node has the dtype of a half but inputs, casts, what moves elements, and such products.
    """
    if not any(is_half(n.dtype) for n in graph.nodes()):
        return graph
    kept = _kept(graph)

    def rule(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node:
        new = _replaced(builder, node, args, node in kept, products)
        return builder.apply("cast", new, dtype=node.dtype) if node in kept and new.dtype != node.dtype else new

    return graph.replay(Builder(TABLE), rule)


def _kept(graph: Graph) -> set[Node]:
    """Halves that are rounded where they are made."""
    kept = set(map(_source, graph.roots))
    for node in graph.nodes():
        if kind(node) in WHOLE:
            kept.update(map(_source, node.inputs[: WHOLE[kind(node)]]))
    return {n for n in kept if is_half(n.dtype)}


def _source(node: Node) -> Node:
    """What a chain of views looks at."""
    while kind(node) in ("view", "reshape"):
        node = node.inputs[0]
    return node


def _replaced(builder: Builder, node: Node, args: tuple[Node, ...], kept: bool, products: bool) -> Node:
    """What stands for ``node``: in float32 for most halves."""
    if node.op is CONSTANT:
        return builder.constant(node.attrs["value"], SINGLE if is_half(node.dtype) and not kept else node.dtype)
    moves = kind(node) in ("view", "reshape", "write", "gather") or node.op.name == "copy"
    if moves or (kind(node) == "contract" and products):
        return builder.emit(node.op, args, **node.attrs)
    if kind(node) == "iota" and is_half(node.dtype):
        return builder.apply("cast", builder.emit(node.op, (), size=node.attrs["size"], dtype=SINGLE), dtype=node.dtype)
    if kind(node) == "contract" and is_half(node.dtype):
        return builder.apply("cast", builder.emit(node.op, tuple(_wide_matrix(builder, x) for x in args)), dtype=node.dtype)
    wide = tuple(_wide(builder, x) for x in args)
    if node.op.name == "cast" and wide[0].dtype == node.dtype:
        return wide[0]
    return builder.emit(node.op, wide, **node.attrs)


def _wide(builder: Builder, node: Node) -> Node:
    return builder.apply("cast", node, dtype=SINGLE) if is_half(node.dtype) else node


def _wide_matrix(builder: Builder, node: Node) -> Node:
    """An operand of a product, whose transposition the product itself can do."""
    if node.op.name == "transpose":
        return builder.emit(node.op, (_wide_matrix(builder, node.inputs[0]),), **node.attrs)
    return _wide(builder, node)
