"""Kernel: what an operation of tensors is made of, in nodes for graphs and in NumPy for a value at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracejit.ir import Node


@dataclass(frozen=True, eq=False, slots=True)
class Kernel:
    """An operation on operands of one dtype, where it promotes them, or of the dtypes that it says.

    Attributes:
        name: As PyTorch's.
        body: ``body(*nodes, **attrs)``; numbers among the operands stay numbers.
        direct: The same on arrays, NumPy broadcasting included; None where the body's nodes are evaluated.
        view: Whether the result shows memory of the first operand.
        differentiable: False where the result has no derivative, such as comparisons.
    """

    name: str
    body: Callable[..., Node]
    direct: Callable[..., Any] | None = None
    view: bool = False
    differentiable: bool = True


def kernel(
    direct: Callable[..., Any] | None = None, view: bool = False, differentiable: bool = True
) -> Callable[[Callable[..., Node]], Kernel]:
    """Decorator: a kernel from its body."""

    def make(body: Callable[..., Node]) -> Kernel:
        return Kernel(body.__name__.rstrip("_"), body, direct, view, differentiable)

    return make


Array = np.ndarray
