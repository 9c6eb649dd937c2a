"""Products with what BLAS does on the way: ``w - lr * x.T @ g`` as one call into the buffer of ``w``."""

from __future__ import annotations

from tracejit.ir import Builder, Graph, Node
from tracejit.ops import TABLE
from tracejit.schedule.access import kind, operand


def match_products(builder: Builder, graph: Graph) -> Graph:
    """The graph with updates ``target +- scale * (x @ y)`` made ``matmul_update`` where nobody else reads the product."""
    uses: dict[Node, int] = {}
    for node in graph.nodes():
        for x in node.inputs:
            uses[x] = uses.get(x, 0) + 1
    for node in graph.roots:
        uses[node] = uses.get(node, 0) + 1

    def matched(target: Node, value: Node) -> Node:
        if uses[value] > 1:  # who else reads the new value would have the product computed again
            return value
        match value.op.name, value.inputs:
            case ("subtract", (base, delta)) if base is target:
                found = _scaled(delta, uses)
            case ("add", (base, delta)) | ("add", (delta, base)) if base is target:
                found = _scaled(delta, uses)
            case _:
                return value
        if found is None:
            return value
        product, scale, negated = found
        with builder.at(value.where):
            factor = builder.constant(1, value.dtype) if scale is None else scale
            negate = negated != (value.op.name == "subtract")
            return builder.emit(TABLE["matmul_update"], (target, *product.inputs, factor), negate=negate)

    return Graph(graph.name, graph.inputs, graph.outputs, tuple((t, matched(t, v)) for t, v in graph.updates))


def _scaled(node: Node, uses: dict[Node, int]) -> tuple[Node, Node | None, bool] | None:
    """``(product, scale, negated)`` where ``node`` is a product times a scalar that is read once."""
    if uses[node] != 1:
        return None
    if node.op.name == "matmul":
        return node, None, False
    if node.op.name == "negative":
        inner = _scaled(node.inputs[0], uses)
        return inner and (inner[0], inner[1], not inner[2])
    if node.op.name == "multiply":
        for scale, product in (node.inputs, node.inputs[::-1]):
            where = operand(scale)
            if where.source.shape == () and where.index is not None and kind(scale) == "view":
                inner = _scaled(product, uses)
                return inner if inner is None or inner[1] is not None else (inner[0], where.source, inner[2])
    return None
