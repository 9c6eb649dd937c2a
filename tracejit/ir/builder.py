"""Builder: the only maker of nodes. It infers specs and interns equal nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracejit.ir.ambient import using
from tracejit.ir.node import Attr, Node, Operation, Where
from tracejit.ir.spec import TensorSpec


@dataclass(frozen=True, slots=True)
class Structural:
    """An op that the IR itself needs: inputs and constants."""

    name: str

    def infer(self, *specs: TensorSpec, **attrs: Attr) -> TensorSpec:
        return attrs["spec"] if self.name == "input" else TensorSpec((), attrs["dtype"])


INPUT = Structural("input")
CONSTANT = Structural("constant")


class Builder:
    """Makes nodes.

    Args:
        ops: Every op by name; what ``apply`` and node arithmetic look up.
        where: Called for the user's line at each new node.
    """

    def __init__(self, ops: Mapping[str, Operation], where: Callable[[], Where | None] = lambda: None) -> None:
        self.ops = ops
        self.where = where
        self.scope = ""  # of names, such as mlp/dense; a part of what ``where`` tells
        self.listeners: list[Callable[[Node], None]] = []  # told of every emit, hits of the interning included
        self._interned: dict[object, Node] = {}

    def input(self, name: str, spec: TensorSpec) -> Node:
        """An input of the graph; never shared, whatever its name."""
        return Node(INPUT, (), {"name": name, "spec": spec}, spec, self.where())

    def constant(self, value: Any, dtype: np.dtype) -> Node:
        """A scalar constant; ``value`` is brought to ``dtype`` exactly as NumPy does."""
        return self.emit(CONSTANT, (), value=np.asarray(value).astype(dtype).item(), dtype=np.dtype(dtype))

    def emit(self, op: Operation, inputs: tuple[Node, ...], **attrs: Attr) -> Node:
        """The node ``op(*inputs, **attrs)``; an equal node made earlier is returned as it is."""
        key = (op.name, tuple(map(id, inputs)), tuple((k, identity(v)) for k, v in sorted(attrs.items())))
        node = self._interned.get(key)
        if node is None:
            node = self._make(op, inputs, attrs)
            self._interned[key] = node  # the node keeps its inputs alive, so the ids in the key stay valid
        for listener in self.listeners:
            listener(node)
        return node

    def emit_apart(self, op: Operation, inputs: tuple[Node, ...], **attrs: Attr) -> Node:
        """A node that no other emit returns, even where it is equal."""
        node = self._make(op, inputs, attrs)
        self._interned[object()] = node
        for listener in self.listeners:
            listener(node)
        return node

    def adopt(self, node: Node) -> Node:
        """``node`` of another builder, whose inputs are nodes of this one, as it is or as the equal node made earlier."""
        key = (node.op.name, tuple(map(id, node.inputs)), tuple((k, identity(v)) for k, v in sorted(node.attrs.items())))
        return self._interned.setdefault(key, node)

    def _make(self, op: Operation, inputs: tuple[Node, ...], attrs: Mapping[str, Attr]) -> Node:
        return Node(op, inputs, attrs, op.infer(*(x.spec for x in inputs), **attrs), self.where())

    def apply(self, name: str, *operands: Any, **attrs: Attr) -> Node:
        """Call the op ``name`` on nodes and Python numbers in this builder."""
        op: Any = self.ops[name]
        with using(self):
            result: Node = op(*operands, **attrs)
        return result

    def at(self, where: Where | None) -> _At:
        """A context in which nodes belong to the user's line ``where``."""
        return _At(self, where)


class _At:
    """What :meth:`Builder.at` gives."""

    __slots__ = ("_before", "_builder", "_where")

    def __init__(self, builder: Builder, where: Where | None) -> None:
        self._builder = builder
        self._where = where

    def __enter__(self) -> None:
        where = self._where
        self._before, self._builder.where = self._builder.where, lambda: where

    def __exit__(self, *error: object) -> None:
        self._builder.where = self._before


def identity(value: Attr) -> object:
    """A key under which 0.0 and -0.0, 1 and True, and two NaNs are what they should be: different, different, equal."""
    if isinstance(value, tuple):
        return tuple(map(identity, value))
    return (type(value), repr(value)) if isinstance(value, float | complex | bool) else value
