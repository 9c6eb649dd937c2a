"""Nodes: one operation applied to nodes, with its static attributes, the spec of its result and the user's line."""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tracejit.ir.ambient import current
from tracejit.ir.spec import TensorSpec

Attr = Any  # a hashable literal: numbers, strings, dtypes, sizes, and tuples of these


class Operation(Protocol):
    """What the IR needs to know of an op: its name, and the spec of its result."""

    @property
    def name(self) -> str: ...

    def infer(self, *specs: TensorSpec, **attrs: Attr) -> TensorSpec: ...


@dataclass(frozen=True, slots=True)
class Where:
    """A line of the user's code, whether the node belongs to its reverse pass, and the name scope that it was made in."""

    file: str
    line: int
    function: str = ""
    reverse: bool = False
    scope: str = ""

    @property
    def text(self) -> str:
        return linecache.getline(self.file, self.line).strip()

    def reversed(self) -> Where:
        return Where(self.file, self.line, self.function, True, self.scope)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Node:
    """Immutable; made by ``Builder.emit`` only. Equality is identity: equal nodes of one builder are one node.

    Arithmetic between nodes emits into the current builder, so that derivative rules read as mathematics.
    """

    __slots__ = ("attrs", "inputs", "op", "spec", "where")

    def __init__(
        self, op: Operation, inputs: tuple[Node, ...], attrs: Mapping[str, Attr], spec: TensorSpec, where: Where | None
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.attrs = attrs
        self.spec = spec
        self.where = where

    @property
    def shape(self) -> tuple[Any, ...]:
        return self.spec.shape

    @property
    def dtype(self) -> Any:
        return self.spec.dtype

    def __repr__(self) -> str:
        attrs = ", ".join(f"{k}={v}" for k, v in self.attrs.items())
        return f"<{self.op.name}({attrs}): {self.spec}>"

    def __add__(self, other: Node | float) -> Node:
        return _apply("add", self, other)

    def __radd__(self, other: float) -> Node:
        return _apply("add", other, self)

    def __sub__(self, other: Node | float) -> Node:
        return _apply("subtract", self, other)

    def __rsub__(self, other: float) -> Node:
        return _apply("subtract", other, self)

    def __mul__(self, other: Node | float) -> Node:
        return _apply("multiply", self, other)

    def __rmul__(self, other: float) -> Node:
        return _apply("multiply", other, self)

    def __truediv__(self, other: Node | float) -> Node:
        return _apply("divide", self, other)

    def __rtruediv__(self, other: float) -> Node:
        return _apply("divide", other, self)

    def __neg__(self) -> Node:
        return _apply("negative", self)


def _apply(name: str, *operands: Node | float) -> Node:
    return current().apply(name, *operands)
