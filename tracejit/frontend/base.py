"""Tensor: the operators, methods and NumPy protocols that every kind of tensor has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tracejit.errors import TraceError
from tracejit.frontend.protocols import array_function, array_ufunc
from tracejit.frontend.registry import call
from tracejit.frontend.where import at_line, user_where
from tracejit.ir import Builder, Node, TensorSpec


def _binary(name: str) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """``x + y``, ``y + x`` and ``x += y`` by the public function ``name``."""

    def forward(self: Tensor, other: Any) -> Any:
        return NotImplemented if _defers_to(other) else call(name, self, other, operator=True)

    def backward(self: Tensor, other: Any) -> Any:
        return NotImplemented if _defers_to(other) else call(name, other, self, operator=True)

    def in_place(self: Tensor, other: Any) -> Any:
        if _defers_to(other):
            return NotImplemented
        if self.scalar:  # as numbers and NumPy's scalars, which never change
            return call(name, self, other, operator=True)
        return call(name, self, other, out=self)

    return forward, backward, in_place


def _unary(name: str) -> Callable[..., Any]:
    return lambda self: call(name, self, operator=True)


def _compared(name: str) -> Callable[..., Any]:
    return lambda self, other: NotImplemented if _defers_to(other) else call(name, self, other, operator=True)


def _defers_to(other: Any) -> bool:
    """Whether ``other`` asks, as NumPy has it, to be given the operation: by no ``__array_ufunc__``, or by a higher priority."""
    asked = getattr(type(other), "__array_ufunc__", True)
    return asked is None or (asked is True and getattr(other, "__array_priority__", 0) > Tensor.__array_priority__)


MOST_ITERATED = 256
"""Elements of an axis of open size that a loop over it, or an assignment to several names, fixes the size for."""


class Tensor(ABC):
    """An array whose operations are seen: traced, recorded by a tape, or done at once.

    It has the methods, operators and dtype rules of ``numpy.ndarray``; NumPy's own functions take it.
    """

    __slots__ = ()
    __array_priority__ = 1000
    __hash__ = None  # type: ignore[assignment]  # == compares elements, as in NumPy

    weak: bool
    """Whether it stands for a Python number, whose kind but not dtype takes part in promotion."""
    scalar: bool
    """Whether it stands for a number, which ``+=`` replaces, and not for an array, which ``+=`` changes."""

    @abstractmethod
    def node_in(self, builder: Builder) -> Node:
        """The present value as a node of ``builder``."""

    @abstractmethod
    def write(self, node: Node) -> None:
        """Take a new value, a node of the current builder with this tensor's spec."""

    @abstractmethod
    def item(self, asked: str = "item()") -> Any:
        """The one element as a Python number; ``asked`` says in errors who asks."""

    @abstractmethod
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray: ...

    @property
    @abstractmethod
    def spec(self) -> TensorSpec:
        """Shape and dtype; sizes may be symbolic."""

    @property
    @abstractmethod
    def shape(self) -> tuple[Any, ...]: ...

    @property
    def dtype(self) -> np.dtype:
        return self.spec.dtype

    @property
    def ndim(self) -> int:
        return self.spec.rank

    @property
    def size(self) -> Any:
        out: Any = 1
        for n in self.shape:
            out = out * n
        return out

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> Any:
        return self.size * self.itemsize

    @property
    def T(self) -> Any:
        return call("transpose", self)

    @property
    def mT(self) -> Any:
        return call("matrix_transpose", self)

    @property
    def real(self) -> Any:
        return call("real", self)

    @property
    def imag(self) -> Any:
        return call("imag", self)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return array_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        return array_function(func, args, kwargs)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a tensor with no dimensions")
        return int(self.shape[0])

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise TypeError("iteration over a tensor with no dimensions")
        length = self.shape[0]
        if not isinstance(length, int):
            if length > MOST_ITERATED:
                raise TraceError(
                    f"iteration over {self.spec} while a function is traced: each of more than {MOST_ITERATED} elements would be"
                    " written out\n  cure: compute with whole arrays, or write for i in range(len(x)), which is done"
                    f"{at_line(user_where())}"
                )
            length = length.pinned("iterated over, or unpacked")
        return (self[i] for i in range(length))

    def __contains__(self, value: Any) -> bool:
        return bool(call("any", self == value))

    def __bool__(self) -> bool:
        return bool(self.item("if, while, and, or, not or bool()"))

    def __int__(self) -> int:
        return int(self.item("int()"))

    def __float__(self) -> float:
        return float(self.item("float()"))

    def __complex__(self) -> complex:
        return complex(self.item("complex()"))

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.ndim:
            raise TypeError(f"only integer tensors without dimensions can be an index; this one is {self.spec}")
        return int(self.item("an index, range() or another use as a number"))

    def __getitem__(self, index: Any) -> Any:
        return call("getitem", self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        call("setitem", self, index, value)

    __add__, __radd__, __iadd__ = _binary("add")
    __sub__, __rsub__, __isub__ = _binary("subtract")
    __mul__, __rmul__, __imul__ = _binary("multiply")
    __truediv__, __rtruediv__, __itruediv__ = _binary("divide")
    __floordiv__, __rfloordiv__, __ifloordiv__ = _binary("floor_divide")
    __mod__, __rmod__, __imod__ = _binary("remainder")
    __pow__, __rpow__, __ipow__ = _binary("power")
    __and__, __rand__, __iand__ = _binary("bitwise_and")
    __or__, __ror__, __ior__ = _binary("bitwise_or")
    __xor__, __rxor__, __ixor__ = _binary("bitwise_xor")
    __lshift__, __rlshift__, __ilshift__ = _binary("left_shift")
    __rshift__, __rrshift__, __irshift__ = _binary("right_shift")
    __lt__, __le__ = _compared("less"), _compared("less_equal")
    __gt__, __ge__ = _compared("greater"), _compared("greater_equal")
    __eq__, __ne__ = _compared("equal"), _compared("not_equal")
    __neg__, __pos__ = _unary("negative"), _unary("positive")
    __abs__, __invert__ = _unary("absolute"), _unary("invert")

    def __matmul__(self, other: Any) -> Any:
        return NotImplemented if _defers_to(other) else call("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return NotImplemented if _defers_to(other) else call("matmul", other, self)

    def __imatmul__(self, other: Any) -> Any:
        return NotImplemented if _defers_to(other) else call("matmul", self, other, out=self)

    def __round__(self, digits: int | None = None) -> Any:
        return call("round", self, digits or 0)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def all(self, axis: Any = None, out: Any = None, keepdims: bool = False, **options: Any) -> Any:
        return call("all", self, axis, out=out, keepdims=keepdims, **options)

    def any(self, axis: Any = None, out: Any = None, keepdims: bool = False, **options: Any) -> Any:
        return call("any", self, axis, out=out, keepdims=keepdims, **options)

    def argmax(self, axis: int | None = None, out: Any = None, *, keepdims: bool = False) -> Any:
        return call("argmax", self, axis, out=out, keepdims=keepdims)

    def argmin(self, axis: int | None = None, out: Any = None, *, keepdims: bool = False) -> Any:
        return call("argmin", self, axis, out=out, keepdims=keepdims)

    def argsort(self, axis: int | None = -1) -> Any:
        return call("argsort", self, axis)

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        return call("astype", self, dtype, copy=copy)

    def clip(self, min: Any = None, max: Any = None, out: Any = None) -> Any:
        return call("clip", self, min, max, out)

    def conj(self) -> Any:
        return call("conjugate", self)

    conjugate = conj

    def copy(self) -> Any:
        return call("copy", self)

    def cumprod(self, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
        return call("cumprod", self, axis, dtype, out=out)

    def cumsum(self, axis: int | None = None, dtype: Any = None, out: Any = None) -> Any:
        return call("cumsum", self, axis, dtype, out=out)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        return call("diagonal", self, offset, axis1, axis2)

    def dot(self, other: Any) -> Any:
        return call("dot", self, other)

    def fill(self, value: Any) -> None:
        """Give every element a value."""
        self[...] = value

    def flatten(self) -> Any:
        return call("copy", call("ravel", self))

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False, **options: Any) -> Any:
        return call("max", self, axis, out=out, keepdims=keepdims, **options)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **options: Any) -> Any:
        return call("mean", self, axis, dtype, out=out, keepdims=keepdims, **options)

    def min(self, axis: Any = None, out: Any = None, keepdims: bool = False, **options: Any) -> Any:
        return call("min", self, axis, out=out, keepdims=keepdims, **options)

    def prod(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **options: Any) -> Any:
        return call("prod", self, axis, dtype, out=out, keepdims=keepdims, **options)

    def ravel(self) -> Any:
        return call("ravel", self)

    def repeat(self, repeats: Any, axis: int | None = None) -> Any:
        return call("repeat", self, repeats, axis)

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        return call("reshape", self, shape[0] if len(shape) == 1 else shape, order)

    def round(self, decimals: int = 0) -> Any:
        return call("round", self, decimals)

    def squeeze(self, axis: Any = None) -> Any:
        return call("squeeze", self, axis)

    def std(
        self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False, **options: Any
    ) -> Any:
        return call("std", self, axis, dtype, out=out, ddof=ddof, keepdims=keepdims, **options)

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **options: Any) -> Any:
        return call("sum", self, axis, dtype, out=out, keepdims=keepdims, **options)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        return call("swapaxes", self, axis1, axis2)

    def take(self, indices: Any, axis: int | None = None) -> Any:
        return call("take", self, indices, axis)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        return call("trace", self, offset, axis1, axis2)

    def transpose(self, *axes: Any) -> Any:
        order: Sequence[int] | None = (
            None if not axes or axes == (None,) else axes[0] if isinstance(axes[0], list | tuple) else axes
        )
        return call("transpose", self, order)

    def var(
        self, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: bool = False, **options: Any
    ) -> Any:
        return call("var", self, axis, dtype, out=out, ddof=ddof, keepdims=keepdims, **options)
