"""Words about memory: typed pointers from addresses, bits and conversions of scalars, matrix products through the table."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tracejit.backends.llvm import halves
from tracejit.backends.llvm.intrinsics import Word
from tracejit.backends.llvm.operands import (
    Operand,
    Pointer,
    as_pair,
    as_value,
    constant,
    index_value,
    is_number,
    is_pair,
    memory_type,
    typed,
)
from tracejit.backends.llvm.value import B1, I64, Kind, Value

C_INT = ir.IntType(32)
ROOM_ALIGNMENT = 64  # bytes: of the widest vectors
ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112
SIZES, SCALES = slice(4, 10), slice(10, 12)


def pointer_word(kind: Kind, is_complex: bool = False) -> Word:
    """``<dtype>_at(address, size)``: the elements from ``address`` on; the size is the twin's, a pointer has none."""
    to = memory_type(kind).as_pointer()

    def write(build: Any, address: Operand, size: Operand) -> Pointer:
        index_value(build, size)
        return Pointer(build.inttoptr(index_value(build, address).raw, to), kind, is_complex)

    return write


def room_word(kind: Kind, is_complex: bool = False) -> Word:
    """``<dtype>_room(count)``: memory for ``count`` elements, a number that is written out, while the function runs."""

    def write(build: Any, count: Operand) -> Pointer:
        if type(count) is not int or count <= 0:
            raise TypeError("the number of elements must be written out")
        with build.goto_entry_block():
            raw = build.alloca(memory_type(kind), size=count * (2 if is_complex else 1))
        raw.align = ROOM_ALIGNMENT
        return Pointer(raw, kind, is_complex)

    return write


def as_f64(build: Any, bits: Operand) -> Value:
    """``as_f64(bits)``: the f64 with the bits of an i64."""
    return as_value(build, bits, I64).as_float()


def cast_word(kind: Kind) -> Word:
    """``<dtype>(x)``: the scalar converted as by NumPy's ``astype``; of a complex number, its real part."""

    def write(build: Any, x: Operand) -> Value:
        if is_number(x):
            return constant(build, x.real if isinstance(x, complex) and kind != B1 else x, kind)
        x = typed(build, x)
        if isinstance(x, Value):
            return halves.convert(x, kind)
        return (x[0] != 0) | (x[1] != 0) if kind == B1 else halves.convert(x[0], kind)

    return write


def complex_cast_word(kind: Kind) -> Word:
    """``c64(x)`` or ``c128(x)``: the real or complex scalar as a complex one with parts of ``kind``."""

    def write(build: Any, x: Operand) -> Operand:
        x = x if is_number(x) else typed(build, x)
        if is_pair(x):
            return x[0].to(kind), x[1].to(kind)
        return as_pair(build, halves.convert(x, kind) if isinstance(x, Value) else x, kind)

    return write


def complex_number(build: Any, real: Operand, imag: Operand) -> complex:
    """``complex(real, imag)`` of numbers that are written out."""
    if not isinstance(real, int | float) or not isinstance(imag, int | float):
        raise TypeError("complex numbers are written out, or made by c64 and c128")
    return complex(real, imag)


def least_word(build: Any, x: Operand, y: Operand) -> Value:
    """``min(x, y)`` of sizes."""
    a, b = index_value(build, x), index_value(build, y)
    return Value(build, build.select((a < b).raw, a.raw, b.raw), I64)
