"""The graph of an eager backward(): which kernel made a tensor of which, with the values that it had.

Its nodes are coarse, one for each operation of the user, and cheap to make. ``reverse.py`` turns a graph into nodes of the IR
when it is differentiated, once for each form that a graph has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from types import MappingProxyType
from typing import Any
from weakref import ref

import numpy as np

from tracejit.compat.torch.kernels.kernel import Kernel
from tracejit.compat.torch.types import type_name
from tracejit.ir import TensorSpec

_serial = count()


class Recorded:
    """A value of an eager graph.

    Attributes:
        kernel: What made it; None for a leaf, and for a constant, which no gradient goes to.
        operands: Values and numbers that it was made of.
        attrs: Of the kernel.
        value: Its array; None once a backward() has let go of it.
        versions: The count of writes to that memory.
        version: The count when the value was recorded.
        serial: Rises from operands to results.
        form: Shape and dtype of a value that was let go of.
        collects: A reference to a tensor that is no leaf and wants its gradient all the same.
        freed: Whether a backward() has used it up.
    """

    kernel: Kernel | None = None
    operands: tuple[Any, ...] = ()
    attrs: Mapping[str, Any] = MappingProxyType({})
    form: tuple[tuple[int, ...], np.dtype] | None = None
    collects: Any = None
    freed: bool = False

    def __init__(self, value: Any, versions: list[int]) -> None:
        self.value: Any = value
        self.versions = versions
        self.version = versions[0]
        self.serial = next(_serial)

    @property
    def spec(self) -> TensorSpec:
        """Shape and dtype."""
        return TensorSpec(*self.shape_and_dtype())

    def shape_and_dtype(self) -> tuple[tuple[int, ...], np.dtype]:
        """Of the value, which it outlives."""
        value = self.value
        if value is not None:
            known: tuple[tuple[int, ...], np.dtype] = value.shape, value.dtype
            return known
        assert self.form is not None, "a value that was let go of has left its form"
        return self.form

    def saved(self) -> Any:
        """The value, for a derivative; RuntimeError where it is not there, or not what it was any more."""
        if self.value is None:
            raise used_up()
        if self.versions[0] != self.version:
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace operation:"
                f" [{type_name(self.value.dtype)} {list(self.value.shape)}] is at version {self.versions[0]};"
                f" expected version {self.version} instead"
            )
        return self.value


class Leaf(Recorded):
    """The value of a tensor that gradients are collected in."""

    def __init__(self, tensor: Any, value: Any, versions: list[int]) -> None:
        super().__init__(value, versions)
        self.tensor = ref(tensor)


def made(kernel: Kernel, operands: tuple[Any, ...], attrs: Mapping[str, Any], value: Any, versions: list[int]) -> Recorded:
    """What ``kernel`` made."""
    node = Recorded(value, versions)
    node.kernel, node.operands, node.attrs = kernel, operands, attrs
    return node


def history(roots: Iterable[Recorded]) -> list[Recorded]:
    """Everything that ``roots`` were made of, operands first."""
    seen = set(roots)
    stack = list(seen)
    while stack:
        for x in stack.pop().operands:
            if isinstance(x, Recorded) and x not in seen:
                seen.add(x)
                stack.append(x)
    return sorted(seen, key=_serial_of)


def _serial_of(node: Recorded) -> int:
    return node.serial


def free(nodes: Iterable[Recorded]) -> None:
    """Let go of the values of ``nodes``; a derivative that needs one of them cannot be computed any more."""
    for node in nodes:
        if type(node) is not Leaf:
            node.form = node.shape_and_dtype()
            node.freed, node.value = node.kernel is not None, None


def used_up() -> RuntimeError:
    """The error of a second backward()."""
    return RuntimeError(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been"
        " freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad()."
        " Specify retain_graph=True if you need to backward through the graph a second time."
    )
