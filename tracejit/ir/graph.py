"""Graph: inputs, outputs, and which outputs are the new values of which inputs. Text form, replay, verification."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracejit.ir.ambient import using
from tracejit.ir.builder import CONSTANT, INPUT, Builder
from tracejit.ir.node import Node
from tracejit.ir.size import symbols
from tracejit.ir.text import graph_text

Rule = Callable[[Builder, Node, tuple[Node, ...]], Node | None]


@dataclass(frozen=True, eq=False)
class Graph:
    """A program: ``outputs`` computed from ``inputs``; then each input of ``updates`` gets its new value.

    Attributes:
        name: A Python name, for the text.
        inputs: Input nodes in order.
        outputs: What a call returns.
        updates: ``(input, new value)``: an input whose buffer is overwritten when the program ends.
    """

    name: str
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    updates: tuple[tuple[Node, Node], ...] = ()

    @property
    def roots(self) -> tuple[Node, ...]:
        """All nodes that must be computed."""
        return (*self.outputs, *(value for _, value in self.updates))

    def nodes(self) -> list[Node]:
        """Every node that an output needs, each after its inputs; graph inputs first."""
        return [*self.inputs, *(n for n in topological(self.roots) if n.op is not INPUT)]

    def symbols(self) -> tuple[str, ...]:
        """Names of the sizes in order of first appearance in the inputs, then the nodes."""
        seen: dict[str, None] = {}
        for node in self.nodes():
            for dim in node.spec.shape:
                seen.update(dict.fromkeys(sorted(symbols(dim))))
        return tuple(seen)

    def replay(self, builder: Builder, rule: Rule = lambda builder, node, args: None) -> Graph:
        """The graph made again in ``builder``; where ``rule`` returns a node, that one stands in.

        What no output needs is dropped, what is equal becomes one node.
        """
        made: dict[Node, Node] = {node: node for node in self.inputs}
        for node in self.nodes():
            if node not in made:
                made[node] = replay_node(builder, node, tuple(made[x] for x in node.inputs), rule)
        updates = tuple((target, made[value]) for target, value in self.updates)
        return Graph(self.name, self.inputs, tuple(made[n] for n in self.outputs), updates)

    def __str__(self) -> str:
        return graph_text(self)


def replay_node(builder: Builder, node: Node, args: tuple[Node, ...], rule: Rule) -> Node:
    """``node`` on other inputs, by way of ``rule``."""
    with builder.at(node.where), using(builder):
        new = rule(builder, node, args)
        if new is not None:
            return new
        return builder.adopt(node) if args == node.inputs else builder.emit(node.op, args, **node.attrs)


def topological(roots: tuple[Node, ...]) -> list[Node]:
    """Every node that ``roots`` need, each after its inputs."""
    order: dict[Node, None] = {}
    stack = list(reversed(roots))
    while stack:
        node = stack[-1]
        missing = [x for x in node.inputs if x not in order]
        if node in order or not missing:
            order[stack.pop()] = None
        else:
            stack.extend(reversed(missing))
    return list(order)


def verify(graph: Graph) -> None:
    """Check that inputs precede uses, that every spec is what its op infers, and that updates fit. AssertionError otherwise."""
    known = set(graph.inputs)
    for node in graph.nodes():
        assert node.op is not INPUT or node in known, f"{node} is used but is no input of {graph.name}"
        assert node.op in (INPUT, CONSTANT) or node.op.infer(*(x.spec for x in node.inputs), **node.attrs) == node.spec, node
    for target, value in graph.updates:
        assert target in known and target.spec == value.spec, f"update of {target} by {value}"
