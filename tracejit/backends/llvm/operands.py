"""What an expression of a generated file is while it becomes LLVM IR, and Python's operators on it.

A number that is written out has no kind of its own: it takes that of the other operand, as in NumPy. Operands of two kinds
meet in the kind that NumPy would choose.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from llvmlite import ir

from tracejit.backends.llvm import halves, words
from tracejit.backends.llvm.value import B1, F64, I64, KINDS, Kind, Value

Pair = tuple[Value, Value]  # the parts of a complex number
Number = bool | int | float | complex

BYTE = ir.IntType(8)
WORD = ir.IntType(64)
CONTRACT = ("contract",)  # a product and a sum may be rounded once
_DTYPES = {kind: np.dtype("?" if kind == B1 else f"{kind.family}{kind.bits // 8}") for kind in KINDS}
_KIND_OF = {dtype: kind for kind, dtype in _DTYPES.items()}


@dataclass(frozen=True)
class Pointer:
    """Elements of one kind in memory; of pairs of them where ``is_complex``. A bool is a byte."""

    raw: Any
    kind: Kind
    is_complex: bool = False

    @property
    def nbytes(self) -> int:
        """Of an element."""
        return max(self.kind.bits // 8, 1) * (2 if self.is_complex else 1)

    def address(self, build: Any, index: Value) -> Value:
        """Where the element at an index begins."""
        return index * self.nbytes + Value(build, build.ptrtoint(self.raw, WORD), I64)

    def load(self, build: Any, index: Value) -> Value | Pair:
        """The element at an index."""
        if self.is_complex:
            return self._part(build, index, 0), self._part(build, index, 1)
        return self._read(build, index.raw)

    def store(self, build: Any, index: Value, element: Operand) -> None:
        """Set the element at an index, converted as NumPy converts."""
        if self.is_complex:
            for number, part in enumerate(as_pair(build, element, self.kind)):
                build.store(part.raw, build.gep(self.raw, [self._place(build, index, number)]))
            return
        stored = halves.convert(element, self.kind) if isinstance(element, Value) else as_value(build, element, self.kind)
        raw = stored.raw
        build.store(build.zext(raw, BYTE) if self.kind == B1 else raw, build.gep(self.raw, [index.raw]))

    def _part(self, build: Any, index: Value, number: int) -> Value:
        return self._read(build, self._place(build, index, number))

    def _place(self, build: Any, index: Value, number: int) -> Any:
        return (index * 2 + number).raw

    def _read(self, build: Any, at: Any) -> Value:
        raw = build.load(build.gep(self.raw, [at]))
        return Value(build, build.icmp_unsigned("!=", raw, ir.Constant(BYTE, 0)) if self.kind == B1 else raw, self.kind)


@dataclass(frozen=True)
class Region:
    """A region of the file: its function, and the one that the thread pool calls."""

    function: Any
    trampoline: Any


Operand = Value | Pair | Pointer | Region | Number
Given = Operand | list[Operand] | None  # what a word gives: a list where that is several values


def memory_type(kind: Kind) -> Any:
    """The LLVM type of an element in memory."""
    return BYTE if kind == B1 else kind.type


# -- kinds -----------------------------------------------------------------------------------------------------------


def is_number(x: Operand) -> TypeGuard[Number]:
    """Whether an operand is a number that is written out."""
    return isinstance(x, bool | int | float | complex)


def is_pair(x: Operand) -> TypeGuard[Pair]:
    """Whether an operand is complex."""
    return isinstance(x, tuple)


def constant(build: Any, number: Number, kind: Kind) -> Value:
    """A number as a constant, converted as NumPy converts, so that it wraps."""
    if kind.is_half:
        return Value(build, ir.Constant(kind.type, halves.bits_of(number, kind)), kind)
    with np.errstate(all="ignore"):
        return Value(build, ir.Constant(kind.type, np.asarray(number).astype(_DTYPES[kind]).item()), kind)


def as_value(build: Any, x: Operand, kind: Kind) -> Value:
    """A real operand of this kind, or a number that takes it.

    Raises:
        TypeError: It is something else.
    """
    if is_number(x) and not isinstance(x, complex):
        return constant(build, x, kind)
    if isinstance(x, Value) and x.kind == kind:
        return x
    raise TypeError(f"this is {described(x)}, and must be {kind.name}")


def as_pair(build: Any, x: Operand, kind: Kind) -> Pair:
    """A complex operand of parts of this kind; of a real one, with no imaginary part."""
    if isinstance(x, tuple):
        return as_value(build, x[0], kind), as_value(build, x[1], kind)
    if is_number(x):
        return constant(build, complex(x).real, kind), constant(build, complex(x).imag, kind)
    return as_value(build, x, kind), constant(build, 0.0, kind)


def typed(build: Any, x: Operand) -> Value | Pair:
    """An operand, a number with the kind that Python means: i64 or f64."""
    if isinstance(x, complex):
        return as_pair(build, x, F64)
    if is_number(x):
        return constant(build, x, B1 if isinstance(x, bool) else I64 if isinstance(x, int) else F64)
    if isinstance(x, Value) or is_pair(x):
        return x
    raise TypeError(f"this is {described(x)}, and must be a number")


def index_value(build: Any, x: Operand) -> Value:
    """An index or a size: i64."""
    out = typed(build, x)
    if isinstance(out, Value) and not out.kind.is_float:
        return out.to(I64)
    raise TypeError(f"an index is {described(x)}, and must be an integer")


def condition(build: Any, x: Operand) -> Value:
    """Whether an operand is true."""
    out = typed(build, x)
    return out.to(B1) if isinstance(out, Value) else (out[0] != 0) | (out[1] != 0)


def alike(build: Any, *operands: Operand) -> tuple[Value, ...] | tuple[Pair, ...]:
    """All operands as scalars of one kind, or as pairs of one kind of parts."""
    kinds = [x.kind for y in operands for x in (y if isinstance(y, tuple) else (y,)) if isinstance(x, Value)]
    known = [x for x in operands if not is_number(x)]
    bad = next((x for x in known if not isinstance(x, Value) and not is_pair(x)), None)
    if bad is not None:
        raise TypeError(f"an operand is {described(bad)}, and must be a number")
    half = next((kind.name for kind in kinds if kind.is_half), None)
    if half is not None:
        raise TypeError(f"{half} is how a number is kept; compute with f32({half})")
    dtypes: list[Any] = [_DTYPES[kind] for kind in dict.fromkeys(kinds)]
    numbers = [x for x in operands if is_number(x)]
    if len(dtypes) == 1 and not numbers:
        kind = kinds[0]
    else:
        met = np.result_type(*dtypes, *(complex(x).real if isinstance(x, complex) else x for x in numbers))
        kind = _KIND_OF.get(met, F64)
    if any(isinstance(x, tuple | complex) for x in operands):
        return tuple(_pair_to(build, x, kind) for x in operands)
    return tuple(constant(build, x, kind) if is_number(x) else x.to(kind) for x in operands)  # type: ignore[union-attr]


def _pair_to(build: Any, x: Operand, kind: Kind) -> Pair:
    if isinstance(x, Value):
        return x.to(kind), constant(build, 0.0, kind)
    return (x[0].to(kind), x[1].to(kind)) if is_pair(x) else as_pair(build, x, kind)


def described(x: Given) -> str:
    """What an operand is, for messages."""
    match x:
        case Value():
            return x.kind.name
        case tuple():
            return f"complex of {x[0].kind.name}"
        case Pointer():
            return f"a pointer to {x.kind.name}"
        case Region():
            return "a region"
        case None:
            return "nothing"
        case list():
            return f"{len(x)} values"
    return f"the number {x!r}"


# -- operators -------------------------------------------------------------------------------------------------------

Operator = Callable[[Any, Any], Any]
_FLOAT_SUMS = {operator.add: "fadd", operator.sub: "fsub", operator.mul: "fmul"}
_LOGICAL = (operator.and_, operator.or_, operator.xor)
_COMPARISONS = (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne)


def binary(build: Any, apply: Operator, x: Operand, y: Operand) -> Operand:
    """``x`` and ``y`` under an operator of Python.

    Raises:
        TypeError: The operator is not for these operands.
    """
    if is_number(x) and is_number(y):
        out: Number = apply(x, y)
        return out
    a, b = alike(build, x, y)
    if is_pair(a) and is_pair(b):
        return _complex(apply, a, b)
    assert isinstance(a, Value) and isinstance(b, Value)
    return _real(apply, a, b)


def _real(apply: Operator, x: Value, y: Value) -> Value:
    if apply in _COMPARISONS or (apply in _LOGICAL and not x.kind.is_float):
        plain: Value = apply(x, y)
        return plain
    if x.kind == B1:  # a sum of two bools counts them
        x, y = x.to(I64), y.to(I64)
    if apply in _FLOAT_SUMS:
        if x.kind.is_float:
            return Value(x.builder, getattr(x.builder, _FLOAT_SUMS[apply])(x.raw, y.raw, flags=CONTRACT), x.kind)
        whole: Value = apply(x, y)
        return whole
    if apply is operator.truediv:
        return x / y if x.kind.is_float else x.to(F64) / y.to(F64)
    if apply is operator.floordiv:
        return words.floor_divide(x, y)
    if apply is operator.mod:
        return words.remainder(x, y)
    raise TypeError(f"{apply.__name__} of {x.kind.name} is not supported")


def _complex(apply: Operator, x: Pair, y: Pair) -> Operand:
    (a, b), (c, d) = x, y
    if apply in (operator.add, operator.sub):
        return _real(apply, a, c), _real(apply, b, d)
    if apply is operator.mul:
        real = _real(operator.sub, _real(operator.mul, a, c), _real(operator.mul, b, d))
        return real, _real(operator.add, _real(operator.mul, a, d), _real(operator.mul, b, c))
    if apply is operator.eq:
        return (a == c) & (b == d)
    if apply is operator.ne:
        return (a != c) | (b != d)
    raise TypeError(f"{apply.__name__} of complex numbers is not supported")


def unary(build: Any, apply: Callable[[Any], Any], x: Operand) -> Operand:
    """``x`` under ``-``, ``+``, ``~`` or ``not``."""
    if is_number(x):
        out: Number = apply(x)
        return out
    if apply is operator.not_:
        return ~condition(build, x)
    if apply is operator.neg and is_pair(x):
        return -x[0], -x[1]
    if isinstance(x, Value):
        if apply is operator.neg:
            return -(x.to(I64) if x.kind == B1 else x)
        if apply is operator.invert and not x.kind.is_float:
            return ~x
    raise TypeError(f"{apply.__name__} of {described(x)} is not supported")
