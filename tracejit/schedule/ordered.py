"""Graph -> Graph: sorted values as what is read at the places of their order, for targets that sort places only."""

from __future__ import annotations

from tracejit.ir import Builder, Graph, Node, using
from tracejit.ops import TABLE, argsort, composite, sort


def by_places(graph: Graph) -> Graph:
    """The graph without ``sort``; one that has none as it is."""
    if not any(n.op is sort for n in graph.nodes()):
        return graph

    def rule(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
        if node.op is not sort:
            return None
        with using(builder), builder.at(node.where):
            return composite.take_along_axis(args[0], argsort(args[0]), node.spec.rank - 1)

    return graph.replay(Builder(TABLE), rule)
