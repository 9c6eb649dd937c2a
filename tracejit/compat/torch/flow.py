"""Flow: gradients through a compiled function.

A result that requires a gradient is recorded with the graph of the function, and the reverse pass through it is compiled, too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tracejit.compat.torch.apply import node_of
from tracejit.compat.torch.graph import Recorded, made
from tracejit.compat.torch.kernels.kernel import Kernel
from tracejit.compat.torch.session import Session
from tracejit.compat.torch.value import as_memory, versions, wrap
from tracejit.errors import UnsupportedError
from tracejit.frontend.tensor import Tracer
from tracejit.ir import Node, Size, current
from tracejit.ir.builder import INPUT
from tracejit.ir.graph import topological
from tracejit.ir.size import substitute

Source = Callable[[Sequence[Any], Sequence[Any]], Recorded]
"""From the results of the program and the arguments that are no leaves to a value of the graph."""


class Flow(NamedTuple):
    """How a result is recorded.

    Attributes:
        kernel: What makes the result of the sources.
        sources: The operands.
    """

    kernel: Kernel
    sources: tuple[Source, ...]

    def attach(self, kind: type[Any], array: np.ndarray, out: Sequence[Any], given: Sequence[Any]) -> Any:
        """The result as a recorded tensor."""
        tensor = wrap(kind, array)
        operands = tuple([source(out, given) for source in self.sources])
        tensor._requires, tensor._made = True, "Compiled"
        tensor._node = made(self.kernel, operands, {}, array, versions(tensor))
        return tensor


def flow_of(session: Session, node: Node, values: list[Any]) -> Flow:
    """How a result is recorded whose value is ``node``; what is needed of arguments is appended to the results ``values``."""
    ends: dict[Node, Source] = {}
    order: list[Node] = []
    for x in _order(node, session):
        if x in session.leaves:
            ends[x] = _leaf(session, x)
        elif x.op is INPUT:
            ends[x] = _input(session, x, values)
        else:
            order.append(x)
    return Flow(Kernel(session.trace.name, _body(tuple(ends), order, node), compiled=True), tuple(ends.values()))


def _order(root: Node, session: Session) -> list[Node]:
    """What ``root`` was computed from, operands first, as far as the leaves."""
    order: dict[Node, None] = {}
    stack = [root]
    while stack:
        node = stack[-1]
        missing = [] if node in session.leaves else [x for x in node.inputs if x not in order]
        if missing:
            stack.extend(missing)
        else:
            order[stack.pop()] = None
    return list(order)


def _leaf(session: Session, node: Node) -> Source:
    tensor = session.leaves[node]
    place = session.place_of(tensor)
    if place is not None:
        return lambda out, given: node_of(given[place])
    if topological((node,))[0].op is not INPUT or tensor._tracer is not None:
        raise UnsupportedError(
            "torch.compile: a result requires a gradient by a tensor that the function made or changed"
            "\n  cure: call backward() inside of the function, and return result.detach()"
        )
    return lambda out, given: node_of(tensor)


def _input(session: Session, node: Node, values: list[Any]) -> Source:
    tracer = session.arguments.get(node)
    array = session.unchanged_array(node)
    if array is not None:
        return lambda out, given: Recorded(array, [0])
    place = len(values)
    unchanged = tracer is not None and tracer.node is node
    values.append(tracer if unchanged else Tracer(session.trace, node))
    return lambda out, given: Recorded(as_memory(out[place]), [0])


def _body(ends: tuple[Node, ...], order: Sequence[Node], root: Node) -> Callable[..., Node]:
    def body(*nodes: Node) -> Node:
        sizes: dict[str, int] = {}
        for end, node in zip(ends, nodes, strict=True):
            for dim, size in zip(end.shape, node.shape, strict=True):
                if isinstance(dim, Size) and str(dim).isidentifier():
                    sizes[str(dim)] = size
        builder, made = current(), dict(zip(ends, nodes, strict=True))
        for node in order:
            attrs = {k: _numbers(v, sizes) for k, v in node.attrs.items()}
            made[node] = builder.emit(node.op, tuple([made[x] for x in node.inputs]), **attrs)
        return made[root]

    return body


def _numbers(value: Any, sizes: Mapping[str, int]) -> Any:
    """An attribute with numbers for sizes."""
    if isinstance(value, tuple):
        return tuple([_numbers(v, sizes) for v in value])
    return substitute(value, dict(sizes)) if isinstance(value, Size) else value
