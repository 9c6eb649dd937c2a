"""Halves: floats that are kept in two bytes. They become f32 where they are read, and are rounded where they are stored.

Where the machine has instructions for it, LLVM takes them; elsewhere the bits are put together here, without branches, since
what LLVM would call there is in no library that a program brings along.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from llvmlite import binding, ir

from tracejit.backends.llvm.value import BF16, F16, F32, F64, I32, SPELLINGS, Kind, Value, absolute, select

HALF = ir.HalfType()
SIGN, INFINITY = 1 << 15, 0x7F800000  # the sign of a half; the bits of inf in f32
F16_DTYPE, F16_INFINITY, F16_NAN = np.dtype(np.float16), 0x7C00, 0x7E00
F16_FRACTION = 13  # bits of f32 that f16 has not
F16_LEAST_INFINITE, F16_LEAST_NORMAL = (127 + 16) << 23, (127 - 14) << 23  # as bits of f32
BF16_NAN, BF16_ALMOST_HALF = 0x7FC0, 0x7FFF  # what is added before bits are cut off, with one more where the last is odd
TO_BF16 = "tracejit.to_bf16"
F16_TO_SCALE = 2.0**112  # what an f16's exponent, read as that of an f32, is too small by


def convert(x: Value, kind: Kind) -> Value:
    """``x`` in another kind, halves included, rounded to the nearest, ties to even; NaN stays NaN."""
    if x.kind == kind or not (x.kind.is_half or kind.is_half):
        return x.to(kind)
    if x.kind.is_half:
        return convert(_widened(x), kind)
    if kind == BF16:
        return _shared_bf16(x.to(F32)) if x.builder.module.triple in SPELLINGS else _narrowed_bf16(x.to(F32))
    return _narrowed(_to_odd(x) if x.kind == F64 else x.to(F32))


def bits_of(number: complex, kind: Kind) -> int:
    """The bits of a number that is written out."""
    with np.errstate(all="ignore"):
        if kind == F16:
            return int(np.asarray(number.real).astype(F16_DTYPE).view(np.uint16))
        bits = int(np.asarray(number.real).astype(np.float32).view(np.uint32))
    if number.real != number.real:
        return BF16_NAN
    return (bits + BF16_ALMOST_HALF + (bits >> 16 & 1)) >> 16


def _to_odd(x: Value) -> Value:
    """An f64 as the f32 that rounds as it does: cut off, and odd where something was."""
    near = x.to(F32)
    back = near.to(F64)
    cut = near.as_bits() - (absolute(back) > absolute(x)).to(I32)
    return (cut | (back != x).to(I32)).as_float()


def _widened(x: Value) -> Value:
    build = x.builder
    if x.kind == BF16:
        return Value(build, build.shl(build.zext(x.raw, I32.type), I32.type(16)), I32).as_float()
    if _has_instructions(build.module.triple):
        return Value(build, build.fpext(build.bitcast(x.raw, HALF), F32.type), F32)
    bits = Value(build, build.zext(x.raw, I32.type), I32)
    size = (bits & (SIGN - 1)) << F16_FRACTION
    number = (size.as_float() * F16_TO_SCALE).as_bits()
    special = size >= F16_INFINITY << F16_FRACTION
    return (select(special, size | INFINITY, number) | ((bits & SIGN) << 16)).as_float()


def _narrowed(x: Value) -> Value:
    build = x.builder
    if _has_instructions(build.module.triple):
        return Value(build, build.bitcast(build.fptrunc(x.raw, HALF), F16.type), F16)
    bits = x.as_bits()
    size = bits & 0x7FFFFFFF
    small = (size.as_float() + 0.5).as_bits() - size.constant(0.5, F32).as_bits()  # the sum has the last bit of f16
    rounded = size + ((size >> F16_FRACTION) & 1) + ((1 << F16_FRACTION - 1) - 1) - ((127 - 15) << 23)
    special = select(size > INFINITY, size.constant(F16_NAN), F16_INFINITY)
    out = select(size < F16_LEAST_NORMAL, small, rounded >> F16_FRACTION)
    out = select(size >= F16_LEAST_INFINITE, special, out) | ((bits >> 16) & SIGN)
    return Value(build, build.trunc(out.raw, F16.type), F16)


def _narrowed_bf16(x: Value) -> Value:
    bits = x.as_bits()
    high = bits.logical_shift(16)
    rounded = (bits + BF16_ALMOST_HALF + (high & 1)).logical_shift(16)
    out = select(x != x, (high & SIGN) | BF16_NAN, rounded)
    return Value(x.builder, x.builder.trunc(out.raw, BF16.type), BF16)


def _shared_bf16(x: Value) -> Value:
    """The same by a function of the module, which is put in line: a GPU that has an instruction takes that in its place."""
    build, module = x.builder, x.builder.module
    function = module.globals.get(TO_BF16)
    if function is None:
        function = ir.Function(module, ir.FunctionType(BF16.type, [F32.type]), TO_BF16)
        function.linkage = "internal"
        function.attributes.add("alwaysinline")
        inside = ir.IRBuilder(function.append_basic_block())
        inside.ret(_narrowed_bf16(Value(inside, function.args[0], F32)).raw)
    return Value(build, build.call(function, [x.raw]), BF16)


def _has_instructions(triple: str) -> bool:
    """Whether a target converts f16 by itself: GPUs do, and processors with F16C."""
    return triple in SPELLINGS or _host_has_instructions()


@functools.cache
def _host_has_instructions() -> bool:
    features: Any = binding.get_host_cpu_features()
    return bool(features.get("f16c"))
