"""SymbolicInt: a size of an argument while a function is traced.

Arithmetic stays symbolic. A comparison asks for one bit, which becomes a guard of the program; ``int()``, ``range()`` and the
like ask for the number, which pins it: a call with another number traces again.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from tracejit.ir import Node, Size
from tracejit.ir.size import Dim, product, quotient, remainder
from tracejit.ops.row import TABLE

if TYPE_CHECKING:
    from tracejit.frontend.tensor import Tensor
    from tracejit.frontend.trace import GraphTrace


class SymbolicInt:
    """An integer of the trace; see the module's docstring. Made by :func:`symbolic`."""

    __slots__ = ("_dim", "trace")

    def __init__(self, trace: GraphTrace, dim: Size) -> None:
        self.trace = trace
        self._dim = dim

    @property
    def dim(self) -> Dim:
        """The size in its present canonical form; a number once it is pinned."""
        return self.trace.canonical(self._dim)

    def node(self) -> Node:
        """The size as a scalar of the running program."""
        dim = self.dim
        if isinstance(dim, int):
            return self.trace.constant(dim, np.dtype(np.int64))
        return self.trace.emit(TABLE["dim"], (), size=dim)

    def tensor(self) -> Tensor:
        """The size as a weakly typed tensor, for arithmetic that leaves the integers."""
        from tracejit.frontend.tensor import Tracer  # tensors have shapes of these

        return Tracer(self.trace, self.node(), True)

    def __repr__(self) -> str:
        return str(self.dim)

    def __format__(self, spec: str) -> str:
        return format(str(self.dim), spec)

    # what asks for the number

    def __index__(self) -> int:
        return self.trace.size_of(self._dim, "used as an index, in range() or as another number that Python must know")

    def pinned(self, asked: str) -> int:
        """Its number, which later calls must share."""
        return self.trace.size_of(self._dim, asked)

    def __int__(self) -> int:
        return self.trace.size_of(self._dim, "converted by int()")

    def __float__(self) -> float:
        return float(self.trace.size_of(self._dim, "converted by float()"))

    def __complex__(self) -> complex:
        return complex(self.trace.size_of(self._dim, "converted by complex()"))

    def __hash__(self) -> int:
        return hash(self.trace.size_of(self._dim, "hashed"))

    # what asks for one bit

    def __bool__(self) -> bool:
        return self.trace.decide(self._dim, "!=", 0)

    def __eq__(self, other: object) -> Any:
        return self._compare("==", other)

    def __ne__(self, other: object) -> Any:
        return self._compare("!=", other)

    def __lt__(self, other: object) -> Any:
        return self._compare("<", other)

    def __le__(self, other: object) -> Any:
        return self._compare("<=", other)

    def __gt__(self, other: object) -> Any:
        return self._compare(">", other)

    def __ge__(self, other: object) -> Any:
        return self._compare(">=", other)

    def _compare(self, relation: str, other: object) -> Any:
        dim = _dim_of(other)
        if dim is not None:
            return self.trace.decide(self._dim, relation, dim)
        if isinstance(other, float | np.floating):
            number = self.trace.size_of(self._dim, f"compared with {other}")
            return RELATIONS[relation](number, other)
        return NotImplemented

    # what stays symbolic

    def __pos__(self) -> SymbolicInt:
        return self

    __trunc__ = __floor__ = __ceil__ = __pos__

    def __round__(self, digits: int | None = None) -> SymbolicInt:
        return self if digits is None or digits >= 0 else round(int(self), digits)  # type: ignore[return-value]

    def __neg__(self) -> Any:
        return symbolic(self.trace, self._dim * -1)

    def __abs__(self) -> Any:
        return self if self >= 0 else -self

    def __add__(self, other: object) -> Any:
        return self._combine(operator.add, self, other)

    def __radd__(self, other: object) -> Any:
        return self._combine(operator.add, other, self)

    def __sub__(self, other: object) -> Any:
        return self._combine(operator.sub, self, other)

    def __rsub__(self, other: object) -> Any:
        return self._combine(operator.sub, other, self)

    def __mul__(self, other: object) -> Any:
        if isinstance(other, list | tuple):  # [0] * n builds a Python object of that length
            return other * int(self)
        return self._combine(operator.mul, self, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: object) -> Any:
        return self._combine(operator.floordiv, self, other)

    def __rfloordiv__(self, other: object) -> Any:
        return self._combine(operator.floordiv, other, self)

    def __mod__(self, other: object) -> Any:
        return self._combine(operator.mod, self, other)

    def __rmod__(self, other: object) -> Any:
        return self._combine(operator.mod, other, self)

    def __divmod__(self, other: object) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: object) -> Any:
        return other // self, other % self

    def __truediv__(self, other: object) -> Any:
        return self._combine(operator.truediv, self, other)

    def __rtruediv__(self, other: object) -> Any:
        return self._combine(operator.truediv, other, self)

    def __pow__(self, other: object) -> Any:
        return self._combine(operator.pow, self, other)

    def __rpow__(self, other: object) -> Any:
        return self._combine(operator.pow, other, self)

    def _combine(self, function: Any, left: object, right: object) -> Any:
        """A size where the result is a polynomial of sizes, otherwise arithmetic on tensors."""
        x, y = _dim_of(left), _dim_of(right)
        if x is not None and y is not None:
            out = _on_sizes(function, self.trace, x, y)
            if out is not None:
                return symbolic(self.trace, out)
        elif not isinstance(left if x is None else right, int | float | complex | np.ndarray | np.generic):
            return NotImplemented
        return function(_tensor(left), _tensor(right))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.trace.size_of(self._dim, "given to NumPy, as in np.gcd.reduce([n, 6])"), dtype)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return getattr(ufunc, method)(*map(_tensor, inputs), **kwargs)


RELATIONS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def symbolic(trace: GraphTrace, dim: Dim) -> int | SymbolicInt:
    """What a traced function sees of a size: a plain int where it is known."""
    dim = trace.canonical(dim)
    return dim if isinstance(dim, int) else SymbolicInt(trace, dim)


def as_dim(size: Any) -> Dim:
    """The size that a user gave for a dimension."""
    return size.dim if isinstance(size, SymbolicInt) else operator.index(size)


def _dim_of(value: object) -> Dim | None:
    if isinstance(value, SymbolicInt):
        return value.dim
    return int(value) if isinstance(value, int | np.integer) else None


def _tensor(value: Any) -> Any:
    return value.tensor() if isinstance(value, SymbolicInt) else value


def _on_sizes(function: Any, trace: GraphTrace, x: Dim, y: Dim) -> Dim | None:
    """``function(x, y)`` as a size; None where it is none."""
    if function in (operator.floordiv, operator.mod):
        if not trace.decide(y, "!=", 0):
            raise ZeroDivisionError("integer division or modulo by zero")
        return quotient(x, y) if function is operator.floordiv else remainder(x, y)
    if function is operator.pow:
        return product([x] * y) if isinstance(y, int) and 0 <= y <= 8 else None
    if function is operator.truediv:
        return None
    out: Dim = function(x, y)
    return out
