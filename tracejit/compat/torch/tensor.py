"""Tensor, which is Variable, too: one class, as the two have (almost) the same API."""

from __future__ import annotations

from typing import Any
from weakref import ref

import numpy as np

from tracejit.compat.torch import dtypes, mode
from tracejit.compat.torch.apply import trace
from tracejit.compat.torch.arithmetic import Arithmetic
from tracejit.compat.torch.arrangement import Arrangement
from tracejit.compat.torch.backward import backward
from tracejit.compat.torch.conversion import Conversion
from tracejit.compat.torch.device import put
from tracejit.compat.torch.errors import TypeMismatchError
from tracejit.compat.torch.printing import tensor_text
from tracejit.compat.torch.promote import dims_of, dtype_of
from tracejit.compat.torch.reductions import Reductions
from tracejit.compat.torch.session import OUTER
from tracejit.compat.torch.shown import refresh
from tracejit.compat.torch.value import Handle, Value, as_memory, versions, wrap
from tracejit.compat.torch.writing import Writing
from tracejit.errors import UnsupportedError
from tracejit.frontend.tensor import Tracer
from tracejit.frontend.tree import register_tree
from tracejit.ir.dtype import family
from tracejit.runtime.device import on_host


class Tensor(Arithmetic, Reductions, Arrangement, Conversion, Writing):
    """An array that can collect gradients.

    ``Tensor(2, 3)`` has that shape; ``Tensor([1, 2])`` that content; ``Tensor(x)`` and ``Variable(x)`` share the memory of ``x``.

    Args:
        data: Sizes, numbers in lists, an array, or a tensor.
        requires_grad: Whether ``backward()`` collects gradients in ``grad``.
    """

    __array_priority__ = 2000  # NumPy's arrays leave operators to tensors

    def __init__(self, *data: Any, requires_grad: bool = False) -> None:
        if len(data) == 1 and isinstance(data[0], Value):
            self._share(data[0])
        elif len(data) == 1 and not isinstance(data[0], int):
            self._array = np.array(data[0], dtypes.default(), order="C")
        else:
            self._array = np.zeros(data, dtypes.default())
        if not (len(data) == 1 and isinstance(data[0], Value)):
            put(self)
        if requires_grad:
            self.requires_grad_()

    def _share(self, other: Value) -> None:
        """Take the memory of another tensor."""
        session = trace()
        if session is None:
            self._array = other._array
        else:
            self._tracer = session.tracer(other)

    # gradients

    @property
    def requires_grad(self) -> bool:
        return self._requires

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Collect gradients in this tensor, or no longer."""
        if requires_grad and family(dtype_of(self)) not in "fc":
            raise TypeMismatchError("only Tensors of floating point and complex dtype can require gradients")
        if self._made is not None:
            if not requires_grad:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables."
                    " If you want to use a computed variable in a subgraph that doesn't require differentiation use var.detach()."
                )
            return self
        if self._tracer is None and trace() is not None and self._requires != requires_grad:
            fault = "a tensor from outside was given another flag in a compiled function"
            raise UnsupportedError(f"requires_grad_: {fault}\n  cure: set it outside")
        self._requires = bool(requires_grad)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it."""
        return self._made is None

    @property
    def grad_fn(self) -> GradFn | None:
        """What recorded it; None for a leaf."""
        return None if self._made is None else GradFn(self._made)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that backward() has collected; None before the first one."""
        session = trace()
        grad: Tensor | None = self._grad if session is None else session.gradient(self)
        return grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and (not isinstance(value, Tensor) or dims_of(value) != dims_of(self)):
            given = type(value).__name__ if not isinstance(value, Tensor) else f"a tensor of size {list(dims_of(value))}"
            raise RuntimeError(f"assigned grad is {given}; it must be None or a tensor of size {list(dims_of(self))}")
        session = trace()
        if session is None:
            self._grad = value
        else:
            session.set_gradient(self, value)

    def retain_grad(self) -> None:
        """Have backward() collect the gradient of this tensor, although it is no leaf."""
        session = trace()
        if not self._requires:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if session is not None:
            session.retained[session.node(self, True)] = self
        elif self._made is not None and self._node is not None:
            self._node.collects = ref(self)

    def backward(
        self, gradient: Tensor | None = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Add the gradient of this tensor to ``grad`` of every leaf that it was computed from.

        Args:
            gradient: Weights of the elements; may be left out for a tensor of one element.
            retain_graph: Keep the graph for another backward(); as ``create_graph`` if None.
            create_graph: Record the gradients, so that they can be differentiated.
            inputs: Not supported; use ``torch.autograd.grad``.
        """
        if inputs is not None:
            raise UnsupportedError("backward: inputs= is not supported; use torch.autograd.grad(output, inputs)")
        backward([self], [gradient], retain_graph, create_graph)

    @property
    def data(self) -> Tensor:
        """The same memory outside of any graph; what is written to it is written to this tensor."""
        session = trace()
        if session is None:
            same: Tensor = wrap(Tensor, self._array)
            if self._origin is not None:
                same._origin, same._versions = self._origin, versions(self)
            return same
        out = object.__new__(Tensor)
        out._tracer = session.tracer(self)
        return out

    @data.setter
    def data(self, value: Tensor) -> None:
        session = trace()
        if session is None:
            if value._array is not self._array:
                self._array, self._versions = value._array, None
                if self._made is None:
                    self._node = None
        elif session.tracer(value) is not session.tracer(self):
            with mode.no_grad():
                self.copy_(value)

    def detach(self) -> Tensor:
        """The same memory outside of any graph."""
        out = self.data
        if out._tracer is None:
            out._versions = versions(self)
        return out

    def detach_(self) -> Tensor:
        """Leave the graph."""
        self._requires, self._made, self._node = False, None, None
        return self

    @property
    def _version(self) -> int:
        return versions(self)[0]

    def __deepcopy__(self, memo: Any) -> Tensor:
        if self._made is not None:
            raise RuntimeError("Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol")
        out: Tensor = wrap(Tensor, self._array.copy())
        out._requires = self._requires
        memo[id(self)] = out
        return out

    def __repr__(self) -> str:
        if self._tracer is not None:
            return repr(self._tracer)
        refresh(self)
        suffix = f"grad_fn={self.grad_fn!r}" if self._made is not None else "requires_grad=True" if self._requires else ""
        on = f"device='{self.device}'" if self.is_cuda else ""
        return tensor_text(on_host(self._array), self.dtype, ", ".join(filter(None, (on, suffix))))

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec and not dims_of(self) else str(self)


Variable = Tensor


class GradFn:
    """The operation that recorded a tensor, by name."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def name(self) -> str:
        """As PyTorch calls it."""
        return f"{self._name}Backward0"

    def __repr__(self) -> str:
        return f"<{self.name()}>"


def _flatten(x: Tensor) -> tuple[tuple[Any, ...], str]:
    """As an argument of a traced function: a parameter is itself, anything else its array."""
    if x._tracer is not None:
        return (x._tracer,), "tensor"
    refresh(x)
    if not x._requires:
        return (x._array,), "tensor"
    if x._made is not None:
        return (x._array,), "computed"
    x._handle = x._handle or Handle(x)
    return (x._handle,), "parameter"


def _unflatten(kind: str, children: tuple[Any, ...]) -> Tensor:
    (child,) = children
    if kind == "parameter":
        tensor: Tensor = child.tensor
        return tensor
    out = object.__new__(Tensor)
    if not isinstance(child, Tracer):
        out._array = as_memory(child)
        return out
    out._tracer = child
    if kind == "computed":
        out._requires, out._made = True, OUTER
    return out


register_tree(Tensor, _flatten, _unflatten)
