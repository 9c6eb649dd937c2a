"""Unsigned keys in the order of values: what is sorted in place of these; and the memory that they lie in."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tracejit.backends.llvm.intrinsics import Word
from tracejit.backends.llvm.memory import room_word
from tracejit.backends.llvm.operands import Operand, Pointer, as_value, described, index_value, memory_type
from tracejit.backends.llvm.value import B1, I32, I64, U32, U64, Kind, Value, select


def ordinal(x: Value) -> Value:
    """The key of a value, unlike any other value's: rising with it, -0.0 before 0.0, all NaN last."""
    wide = _key_kind(x.kind)
    if x.kind == B1 or not (x.kind.is_float or x.kind.is_signed):
        return x.to(wide)
    top = _top(wide)
    if x.kind.is_signed:
        return (x.to(I64 if wide == U64 else I32) ^ top).to(wide)
    bits = x.as_bits()
    return (bits ^ ((bits >> (wide.bits - 1)) | top)).to(wide) - _lowest(wide)


def rank(x: Value) -> Value:
    """The key of a value, the same one for equal values and for all NaN."""
    if x.kind.is_float:
        x = select(x != x, x.constant(float("nan")), x + 0.0)  # -0.0 becomes 0.0
    return ordinal(x)


def value_of(key: Value, kind: Kind) -> Value:
    """The value with this key."""
    top = _top(key.kind)
    if kind == B1 or not (kind.is_float or kind.is_signed):
        return key.to(kind)
    signed = I64 if key.kind == U64 else I32
    if kind.is_signed:
        return (key.to(signed) ^ top).to(kind)
    bits = (key + _lowest(key.kind)).to(signed)
    return (bits ^ ((~bits >> (key.kind.bits - 1)) | top)).as_float()


def _key_kind(kind: Kind) -> Kind:
    return U64 if kind.bits == 64 else U32


def _top(kind: Kind) -> int:
    """The highest bit, as a signed integer."""
    return -(1 << (kind.bits - 1))


def _lowest(kind: Kind) -> int:
    """The bits of the number -inf, inverted: NaN with a sign come before it, and wrap to the end."""
    return 0x007FFFFF if kind == U32 else 0x000FFFFFFFFFFFFF


# -- words -----------------------------------------------------------------------------------------------------------


def ordinal_of(build: Any, x: Operand) -> Value:
    """``ordinal_of(x)``: the key of a value."""
    return ordinal(_value(x))


def rank_of(build: Any, x: Operand) -> Value:
    """``rank_of(x)``: the key that equal values share, u64."""
    return rank(_value(x)).to(U64)


def top_rank(build: Any, x: Operand) -> int:
    """``top_rank(x)``: the greatest key there can be of the elements of ``x``."""
    return (1 << _key_kind(_pointer(x).kind).bits) - 1


def byte_of(build: Any, x: Operand) -> Value:
    """``byte_of(x)``: of a value of one byte, how many lesser ones there are, i64."""
    value = _value(x)
    return value.to(I64) + (128 if value.kind.is_signed else 0)


def value_of_byte(build: Any, x: Operand, number: Operand) -> Value:
    """``value_of_byte(x, number)``: the element of ``x`` that has so many lesser ones."""
    kind = _pointer(x).kind
    return (index_value(build, number) - (128 if kind.is_signed else 0)).to(kind)


def by_width(of_bytes: Word, of_others: Word) -> Word:
    """The one word for elements of one byte, the other for wider ones."""

    def write(build: Any, x: Operand, *others: Operand) -> Any:
        return (of_bytes if _pointer(x).kind.bits <= 8 else of_others)(build, x, *others)

    return write


def value_like(build: Any, x: Operand, key: Operand) -> Value:
    """``value_like(x, key)``: the element of ``x`` that has this key."""
    return value_of(_value(key), _pointer(x).kind)


def bit_length(build: Any, x: Operand) -> Value:
    """``bit_length(x)``: of a u64, how many bits it takes, u64."""
    wide = as_value(build, x, U64)
    return 64 - Value(build, build.ctlz(wide.raw, ir.Constant(B1.type, 0)), U64)


def key_room(build: Any, x: Operand, out: Operand, scratch: Operand) -> Pointer:
    """``key_room(x, out, scratch)``: where the keys of ``x`` go: to ``out`` if they are as wide, else to ``scratch``."""
    kind = _pointer(x).kind
    return _as(build, _pointer(out if kind.bits >= U32.bits else scratch), _key_kind(kind))


def spill_room(build: Any, x: Operand, scratch: Operand, size: Operand) -> Pointer:
    """``spill_room(x, scratch, size)``: the rest of ``scratch``."""
    kind = _pointer(x).kind
    spill = _as(build, _pointer(scratch), _key_kind(kind))
    return spill if kind.bits >= U32.bits else Pointer(build.gep(spill.raw, [index_value(build, size).raw]), spill.kind)


def as_packed(build: Any, pointer: Operand) -> Pointer:
    """``as_packed(pointer)``: the same memory as u64."""
    return _as(build, _pointer(pointer), U64)


def keys_at(build: Any, x: Operand, memory: Operand, word: Operand) -> Pointer:
    """``keys_at(x, memory, word)``: memory for keys of the elements of ``x``, from a word of ``memory`` on."""
    return _as(build, _moved(build, memory, word), _key_kind(_pointer(x).kind))


def packed_at(build: Any, memory: Operand, word: Operand) -> Pointer:
    """``packed_at(memory, word)``: the same as u64."""
    return _as(build, _moved(build, memory, word), U64)


def behind(build: Any, keys: Operand, count: Operand) -> Pointer:
    """``behind(keys, count)``: the keys behind the first ones."""
    return _moved(build, keys, count)


def _moved(build: Any, x: Operand, count: Operand) -> Pointer:
    pointer = _pointer(x)
    return Pointer(build.gep(pointer.raw, [index_value(build, count).raw]), pointer.kind)


def room_like(build: Any, keys: Operand, count: Operand) -> Pointer:
    """``room_like(keys, count)``: memory for keys while the function runs."""
    out: Any = room_word(_pointer(keys).kind)(build, count)
    return _pointer(out)


def top_key(build: Any, keys: Operand) -> Value:
    """``top_key(keys)``: the greatest there can be, u64."""
    return as_value(build, (1 << _pointer(keys).kind.bits) - 1, U64)


def _value(x: Operand) -> Value:
    if not isinstance(x, Value):
        raise TypeError(f"this is {described(x)}, and must be a value")
    return x


def _pointer(x: Operand) -> Pointer:
    if not isinstance(x, Pointer) or x.is_complex:
        raise TypeError(f"this is {described(x)}, and must be a pointer to real numbers")
    return x


def _as(build: Any, pointer: Pointer, kind: Kind) -> Pointer:
    return Pointer(build.bitcast(pointer.raw, memory_type(kind).as_pointer()), kind)
