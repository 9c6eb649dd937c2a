"""Scalars in LLVM IR with Python's operators, so that a formula is written once and reads like one.

The same formula over kinds of several lanes writes its vector form.

A ``Value`` belongs to a builder; an operator appends one instruction. Constants take the kind of the other operand:
``x * 0.5`` stays f32 when ``x`` is. Nothing here branches: ``select`` is the only choice, so that loops vectorise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from llvmlite import ir


@dataclass(frozen=True)
class Kind:
    """A scalar type, or vectors of it: dtype name, width in bits and family: ``b`` (bool), ``i``, ``u``, ``f``, ``h`` (half).

    A half is the bits of a float that is kept in two bytes; ``halves`` converts it, and nothing is computed in it.
    Kinds are equal whatever their lanes: a formula asks what it computes with, not how many at a time.
    """

    name: str
    bits: int
    family: str
    lanes: int = field(default=1, compare=False)

    def of(self, lanes: int) -> Kind:
        """This kind with so many lanes."""
        return self if lanes == self.lanes else replace(self, lanes=lanes)

    @property
    def is_float(self) -> bool:
        return self.family == "f"

    @property
    def is_half(self) -> bool:
        return self.family == "h"

    @property
    def is_signed(self) -> bool:
        return self.family == "i"

    @property
    def type(self) -> Any:
        """The LLVM type."""
        one = (ir.FloatType() if self.bits == 32 else ir.DoubleType()) if self.is_float else ir.IntType(self.bits)
        return one if self.lanes == 1 else ir.VectorType(one, self.lanes)


B1 = Kind("b1", 1, "b")
I8, I16, I32, I64 = (Kind(f"i{bits}", bits, "i") for bits in (8, 16, 32, 64))
U8, U16, U32, U64 = (Kind(f"u{bits}", bits, "u") for bits in (8, 16, 32, 64))
F32, F64 = Kind("f32", 32, "f"), Kind("f64", 64, "f")
F16, BF16 = Kind("f16", 16, "h"), Kind("bf16", 16, "h")
HALVES = (F16, BF16)
KINDS = (B1, I8, I16, I32, I64, U8, U16, U32, U64, F32, F64)


class Value:
    """One scalar of ``kind`` in the function that ``builder`` writes.

    Its arithmetic is exact: a product fused into a sum behind our back would undo compensated arithmetic. Where a formula wants
    an fma, it says so.
    """

    __slots__ = ("builder", "kind", "raw")

    def __init__(self, builder: Any, raw: Any, kind: Kind) -> None:
        self.builder = builder
        self.raw = raw
        self.kind = kind

    # -- constants and conversions ---------------------------------------------------------------------------------

    def constant(self, number: float, kind: Kind | None = None) -> Value:
        """``number`` as a constant of ``kind``, by default the kind of this value."""
        kind = (kind or self.kind).of(self.kind.lanes)
        one: Any = float(number) if kind.is_float else int(number)
        return Value(self.builder, ir.Constant(kind.type, one if kind.lanes == 1 else [one] * kind.lanes), kind)

    def as_bits(self) -> Value:
        """The bits of a float as a signed integer of its width."""
        kind = (I32 if self.kind == F32 else I64).of(self.kind.lanes)
        return Value(self.builder, self.builder.bitcast(self.raw, kind.type), kind)

    def as_float(self) -> Value:
        """The float with these bits."""
        kind = (F32 if self.kind.bits == 32 else F64).of(self.kind.lanes)
        return Value(self.builder, self.builder.bitcast(self.raw, kind.type), kind)

    def to(self, kind: Kind) -> Value:
        """Convert as NumPy's ``astype`` does on x86, every input defined; true is 1, and NaN is true."""
        if kind == self.kind:
            return self
        kind = kind.of(self.kind.lanes)
        if kind == B1:
            return self != 0
        if self.kind.is_float:
            return self._float_to(kind)
        return Value(self.builder, self._integer_to(kind), kind)

    def _float_to(self, kind: Kind) -> Value:
        build = self.builder
        if kind.is_float:
            convert = build.fpext if kind.bits > self.kind.bits else build.fptrunc
            return Value(build, convert(self.raw, kind.type), kind)
        if kind.bits < 32 or kind == U32:
            return self.to(I64 if kind == U32 else I32).to(kind)
        limit = 2.0 ** (kind.bits - 1)
        if kind == U64:  # the upper half goes through the lower one, as in compiled C
            upper = (self - limit).to(I64) ^ -(2**63)
            return select(self >= limit, upper, self.to(I64)).to(U64)
        inside = absolute(self) < limit
        exact = Value(build, build.fptosi(select(inside, self, self.constant(0)).raw, kind.type), kind)
        return select(inside, exact, exact.constant(-(2 ** (kind.bits - 1))))

    def _integer_to(self, kind: Kind) -> Any:
        build = self.builder
        if kind.is_float:
            return (build.sitofp if self.kind.is_signed else build.uitofp)(self.raw, kind.type)
        if kind.bits == self.kind.bits:
            return self.raw
        if kind.bits < self.kind.bits:
            return build.trunc(self.raw, kind.type)
        return (build.sext if self.kind.is_signed else build.zext)(self.raw, kind.type)

    # -- operators -------------------------------------------------------------------------------------------------

    def _other(self, other: Value | float) -> Value:
        return other if isinstance(other, Value) else self.constant(other)

    def _binary(self, name: str, other: Value | float) -> Value:
        raw = self._other(other).raw
        if self.kind.is_float:
            return Value(self.builder, getattr(self.builder, "f" + name)(self.raw, raw), self.kind)
        return Value(self.builder, getattr(self.builder, name)(self.raw, raw), self.kind)

    def _compare(self, operator: str, other: Value | float) -> Value:
        raw, build = self._other(other).raw, self.builder
        if self.kind.is_float:
            compare = build.fcmp_unordered if operator == "!=" else build.fcmp_ordered
        else:
            compare = build.icmp_signed if self.kind.is_signed else build.icmp_unsigned
        return Value(build, compare(operator, self.raw, raw), B1.of(self.kind.lanes))

    def __add__(self, other: Value | float) -> Value:
        return self._binary("add", other)

    def __sub__(self, other: Value | float) -> Value:
        return self._binary("sub", other)

    def __mul__(self, other: Value | float) -> Value:
        return self._binary("mul", other)

    def __radd__(self, other: float) -> Value:
        return self + other

    def __rmul__(self, other: float) -> Value:
        return self * other

    def __rsub__(self, other: float) -> Value:
        return self.constant(other) - self

    def __truediv__(self, other: Value | float) -> Value:
        return Value(self.builder, self.builder.fdiv(self.raw, self._other(other).raw), self.kind)

    def __rtruediv__(self, other: float) -> Value:
        return self.constant(other) / self

    def __neg__(self) -> Value:
        return Value(self.builder, (self.builder.fneg if self.kind.is_float else self.builder.neg)(self.raw), self.kind)

    def __lt__(self, other: Value | float) -> Value:
        return self._compare("<", other)

    def __le__(self, other: Value | float) -> Value:
        return self._compare("<=", other)

    def __gt__(self, other: Value | float) -> Value:
        return self._compare(">", other)

    def __ge__(self, other: Value | float) -> Value:
        return self._compare(">=", other)

    def __eq__(self, other: Value | float) -> Value:  # type: ignore[override]  # an instruction, as in NumPy
        return self._compare("==", other)

    def __ne__(self, other: Value | float) -> Value:  # type: ignore[override]
        return self._compare("!=", other)

    __hash__ = None  # type: ignore[assignment]

    def __and__(self, other: Value | float) -> Value:
        return Value(self.builder, self.builder.and_(self.raw, self._other(other).raw), self.kind)

    def __or__(self, other: Value | float) -> Value:
        return Value(self.builder, self.builder.or_(self.raw, self._other(other).raw), self.kind)

    def __xor__(self, other: Value | float) -> Value:
        return Value(self.builder, self.builder.xor(self.raw, self._other(other).raw), self.kind)

    def __invert__(self) -> Value:
        return Value(self.builder, self.builder.not_(self.raw), self.kind)

    def __lshift__(self, other: Value | float) -> Value:
        return Value(self.builder, self.builder.shl(self.raw, self._other(other).raw), self.kind)

    def __rshift__(self, other: Value | float) -> Value:
        shift = self.builder.ashr if self.kind.is_signed else self.builder.lshr
        return Value(self.builder, shift(self.raw, self._other(other).raw), self.kind)

    def logical_shift(self, count: int) -> Value:
        """The bits shifted right, zeros from the left, whatever the sign."""
        return Value(self.builder, self.builder.lshr(self.raw, self.constant(count).raw), self.kind)

    # Integers only, truncating; the divisor must be neither 0 nor -1 with the least integer.

    def quotient(self, other: Value) -> Value:
        divide = self.builder.sdiv if self.kind.is_signed else self.builder.udiv
        return Value(self.builder, divide(self.raw, other.raw), self.kind)


# -- functions of values ---------------------------------------------------------------------------------------------


def select(condition: Value, x: Value, y: Value | float) -> Value:
    """``x`` where the condition holds, else ``y``; both are computed."""
    return Value(x.builder, x.builder.select(condition.raw, x.raw, x._other(y).raw), x.kind)


SPELLINGS: dict[str, Callable[[str], str]] = {}
"""By LLVM triple: how a target spells the functions that formulas call, where it does not know them by LLVM's and C's names."""


def call(name: str, x: Value, *others: Value | float, flags: tuple[str, ...] = ()) -> Value:
    """Call an external function of operands of one kind, such as ``llvm.fma.f32`` or ``asinf``."""
    spelling = SPELLINGS.get(x.builder.module.triple)
    name = spelling(name) if spelling else name
    raws = [x.raw, *(x._other(other).raw for other in others)]
    function = x.builder.module.globals.get(name)
    if function is None:
        function = ir.Function(x.builder.module, ir.FunctionType(x.kind.type, [x.kind.type] * len(raws)), name)
        if not name.startswith("llvm."):
            function.attributes.add("nounwind")
    return Value(x.builder, x.builder.call(function, raws, fastmath=flags), x.kind)


def llvm(name: str, x: Value, *others: Value | float, flags: tuple[str, ...] = ()) -> Value:
    """Call the LLVM intrinsic ``llvm.<name>`` for the kind of ``x``."""
    suffix = ("" if x.kind.lanes == 1 else f"v{x.kind.lanes}") + ("f" if x.kind.is_float else "i") + str(x.kind.bits)
    return call(f"llvm.{name}.{suffix}", x, *others, flags=flags)


def fma(x: Value, y: Value | float, z: Value | float) -> Value:
    """``x * y + z``, rounded once."""
    return llvm("fma", x, y, z)


def absolute(x: Value) -> Value:
    """Magnitude; that of the least integer is itself, as in NumPy."""
    if x.kind.is_float:
        return llvm("fabs", x)
    return select(x < 0, -x, x) if x.kind.is_signed else x


def copysign(x: Value, y: Value | float) -> Value:
    """``x`` with the sign of ``y``, that of zeros and NaN included."""
    return llvm("copysign", x, y)


def sqrt(x: Value) -> Value:
    """Square root, rounded once.

    Worst error: 0.5 ulp in f32, 0.5 in f64.
    """
    return llvm("sqrt", x)


def floor(x: Value) -> Value:
    """The integer below; an integer is its own."""
    return llvm("floor", x) if x.kind.is_float else x


def ceil(x: Value) -> Value:
    """The integer above; an integer is its own."""
    return llvm("ceil", x) if x.kind.is_float else x


def trunc(x: Value) -> Value:
    """The integer towards 0; an integer is its own."""
    return llvm("trunc", x) if x.kind.is_float else x


def rint(x: Value) -> Value:
    """The nearest integer, ties to even."""
    return llvm("rint", x)
