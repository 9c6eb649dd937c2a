"""Reductions over axes in the middle: what is computed for them is computed with these axes last."""

from __future__ import annotations

from tracejit.ir import Builder, Graph, Node
from tracejit.ops import TABLE
from tracejit.schedule.access import kind
from tracejit.schedule.cost import MOST_AGAIN, cost

MOST_STREAMS = 2  # operands of full size, of what is computed twice


def turn_reductions(graph: Graph) -> Graph:
    """The graph with ``sum(transpose(f(x)))`` as ``sum(f(transpose(x)))`` where a reduction has to turn its operand.

    A loop reduces over its leading or its trailing axes; for others the operand is turned. What is computed element by element is
    turned with it, so that it is part of that loop: turned itself, it would have to be stored. What others read as it stands
    is computed twice, where that takes less than storing it.
    """
    found = {node for node in graph.nodes() if kind(node) in ("reduce", "argreduce") and _is_inside(node)}
    if not found:
        return graph
    uses: dict[Node, int] = {}
    for node in (*(x for n in graph.nodes() for x in n.inputs), *graph.roots):
        uses[node] = uses.get(node, 0) + 1
    made: dict[Node, Node] = {node: node for node in graph.inputs}

    def rule(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node:
        if node in found:
            (x,), axes = node.inputs, node.attrs["axes"]
            kept = tuple(i for i in range(x.spec.rank) if i not in axes)
            operand = _turned(builder, x, kept + axes, made, uses)
            made[node] = builder.emit(node.op, (operand,), **{**node.attrs, "axes": tuple(range(len(kept), x.spec.rank))})
        else:
            made[node] = builder.adopt(node) if args == node.inputs else builder.emit(node.op, args, **node.attrs)
        return made[node]

    return graph.replay(Builder(TABLE), rule)


def _is_inside(node: Node) -> bool:
    """Whether a reduction is neither over the leading nor over the trailing axes of what is computed for it."""
    (x,), axes = node.inputs, node.attrs["axes"]
    rank = x.spec.rank
    ends = (tuple(range(rank - len(axes), rank)), tuple(range(len(axes))) if kind(node) == "reduce" else ())
    return bool(axes) and axes not in ends and _is_computed(x) and node.op.name != "moments"


def _is_computed(x: Node) -> bool:
    return kind(x) == "elementwise" and x.op.name != "copy" and bool(x.shape)


def _turned(builder: Builder, x: Node, perm: tuple[int, ...], made: dict[Node, Node], uses: dict[Node, int]) -> Node:
    """``x`` with its axes in the order ``perm``, computed so where that pays."""
    turned: dict[Node, Node] = {}
    stack = [x]
    while stack:
        node = stack[-1]
        if not _is_computed(node) or not (uses[node] == 1 or _is_light(node)):
            turned[node] = builder.emit(TABLE["transpose"], (made[node],), perm=perm)
        elif missing := [y for y in node.inputs if y not in turned]:
            stack += missing
            continue
        else:
            with builder.at(node.where):
                turned[node] = builder.emit(node.op, tuple(turned[y] for y in node.inputs), **node.attrs)
        stack.pop()
    return turned[x]


def _is_light(x: Node) -> bool:
    """Whether computing ``x`` twice takes less than storing it."""
    price, large, seen, stack = 0, 0, {x}, [x]
    while stack:
        node = stack.pop()
        if _is_computed(node):
            price += cost(node)
            stack.extend(y for y in dict.fromkeys(node.inputs) if y not in seen)
            seen.update(node.inputs)
        else:
            large += kind(node) != "view" or node.op.name != "broadcast"
    return price <= MOST_AGAIN and large <= MOST_STREAMS
