"""Numbers in the step itself: straight-line code for what has no loop."""

from __future__ import annotations

from functools import partial

import numpy as np

from tracejit.codegen.descent import landings
from tracejit.codegen.scope import Scope
from tracejit.codegen.text import comment, literal, wrapped
from tracejit.errors import DTypeError
from tracejit.ir import Node
from tracejit.ir.spec import dtype_code
from tracejit.ops.row import Op
from tracejit.schedule.access import Read, contiguous_source, kind
from tracejit.schedule.fuse import is_scalar, reads_of


def scalar_expression(node: Node, operands: list[str], scope: Scope) -> str:
    """The scalar source of an elementwise node."""
    assert isinstance(node.op, Op)
    expr = node.op.of_complex if any(x.dtype.kind == "c" for x in node.inputs) else node.op.expr
    if not expr:
        line = f"\n  at {node.where}: {node.where.text}" if node.where else ""
        raise DTypeError(f"{node.op.name}: complex operands are not supported\n  cure: write it with x.real and x.imag{line}")
    attrs = {k: dtype_code(v) if isinstance(v, np.dtype) else scope.dim(v) for k, v in node.attrs.items() if f"{{{k}}}" in expr}
    return wrapped(expr.format(**dict(zip(node.op.operands, operands, strict=False)), **attrs), node.dtype)


def combined(node: Node, acc: str, value: str) -> str:
    """A reduction's accumulator after one more value."""
    assert isinstance(node.op, Op)
    return wrapped(node.op.expr.format(acc=acc, x=value), node.dtype)


def joining_word(node: Node, direction: str) -> str:
    """The word that makes the accumulators of several threads one: ``across_sum`` for ``reduce_sum`` and lanes."""
    return node.op.name.replace("reduce", direction)


class Scalars:
    """Values of rank 0: named once in a function, where they are first needed; ``lines`` collects their definitions."""

    def __init__(self, scope: Scope, lines: list[str]) -> None:
        self.scope, self.lines = scope, lines
        self.names = scope.numbers

    def value(self, node: Node, computed: tuple[Node, ...] = ()) -> str:
        """The text of a scalar; nodes of ``computed``, and numbers made of numbers, are computed here, others are loaded."""
        if kind(node) == "constant":
            return literal(node.attrs["value"], node.dtype)
        if node in self.names:
            return self.names[node]
        if not is_scalar(node) and node not in computed:
            return self._load(node, "0")
        for x in (*landings([node], partial(self._unknown, computed)), node):
            if x not in self.names:
                self._define(x, computed)
        return self.names[node]

    def _unknown(self, computed: tuple[Node, ...], node: Node) -> list[Node]:
        """The numbers that a number is made of and that have no name yet."""
        if node in self.names:
            return []
        return [r.source for r in reads_of(node) if is_scalar(r.source) or r.source in computed]

    def _define(self, node: Node, computed: tuple[Node, ...]) -> None:
        operands = [self._operand(r, computed) for r in reads_of(node)]
        if kind(node) == "gather":
            text = self._load(contiguous_source(node.inputs[0]), f"i64({operands[0]})")
        else:
            text = scalar_expression(node, operands, self.scope)
        if text.isidentifier():
            self.names[node] = text  # a copy
            return
        self.names[node] = self.scope.name("v")
        self.lines.append(f"{self.names[node]} = {text}{comment(node)}")

    def _operand(self, r: Read, computed: tuple[Node, ...]) -> str:
        if r.source.shape == ():
            return self.value(r.source, computed)
        if kind(r.source) == "iota":
            assert r.index is not None
            return f"{dtype_code(r.source.dtype)}({self.scope.dim(r.index[0].offset)})"
        return self._load(r.source, self.scope.dim(r.linear.offset))

    def _load(self, node: Node, index: str) -> str:
        return f"{self.scope.pointer(self.scope.file.home(node), node.dtype, node.spec.size)}[{index}]"
