"""Kernel: what an operation of tensors is, in nodes for graphs and in NumPy for a value at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tracejit.compat.torch.errors import SizeError, broadcast_error
from tracejit.errors import ShapeError
from tracejit.frontend.shapes import broadcast_nodes
from tracejit.ir import Node
from tracejit.ops.row import TABLE


@dataclass(frozen=True, eq=False, slots=True)
class Kernel:
    """An operation on operands whose dtypes and ranks have been seen to.

    Attributes:
        name: As PyTorch's.
        body: ``body(*nodes, **attrs)``; Python numbers among the operands stay numbers.
        direct: The same on arrays, NumPy's broadcasting included; None where the nodes of the body are evaluated.
        view: Whether the result shows memory of the first operand.
        compiled: Whether a reverse pass through it is worth compiling.
    """

    name: str
    body: Callable[..., Node]
    direct: Callable[..., Any] | None = None
    view: bool = False
    compiled: bool = False


def kernel(name: str, direct: Callable[..., Any] | None = None, view: bool = False) -> Callable[[Callable[..., Node]], Kernel]:
    """Decorator: a kernel from its body."""
    return lambda body: Kernel(name, body, direct, view)


def spread(*operands: Any) -> tuple[Any, ...]:
    """Operands with their nodes brought to one shape."""
    nodes = [x for x in operands if isinstance(x, Node)]
    first = nodes[0].shape
    if all(x.shape == first for x in nodes):
        return operands
    try:
        wide = iter(broadcast_nodes(nodes, ""))
    except ShapeError as error:
        if len(nodes) == 2:
            raise broadcast_error(nodes[0].shape, nodes[1].shape) from None
        raise SizeError(f"shapes do not broadcast: {', '.join(str(list(x.shape)) for x in nodes)}") from error
    return tuple(next(wide) if isinstance(x, Node) else x for x in operands)


def row(name: str, as_: str, direct: Callable[..., Any] | None = None) -> Kernel:
    """The kernel of an elementwise row of the op table, with broadcasting."""
    op = TABLE[name]
    return Kernel(as_, lambda *operands: op(*spread(*operands)), direct or op.evaluate)


def row1(name: str, as_: str, direct: Callable[..., Any] | None = None) -> Kernel:
    """The kernel of a row of one operand."""
    op = TABLE[name]
    return Kernel(as_, op, direct or op.evaluate)
