"""The arithmetic words of a generated program over ``Value``: NumPy's meaning, special cases included, without branches.

Operands of one word have one kind. Transcendental functions are in ``vector_math``.
"""

from __future__ import annotations

from tracejit.backends.llvm.outliers import library_where
from tracejit.backends.llvm.value import B1, F32, F64, U32, U64, Value, absolute, copysign, floor, fma, llvm, select, trunc

INFINITY = float("inf")
MOST_QUOTIENT = {F32: 2.0**23, F64: 2.0**52}


def isnan(x: Value) -> Value:
    """Whether ``x`` is NaN; no integer is."""
    return x != x


def isinf(x: Value) -> Value:
    """Whether ``x`` is infinite; no integer is."""
    return absolute(x) == INFINITY if x.kind.is_float else x != x


def isfinite(x: Value) -> Value:
    """Whether ``x`` is neither infinite nor NaN."""
    return absolute(x) < INFINITY if x.kind.is_float else x == x


def signbit(x: Value) -> Value:
    """Whether the sign is minus, that of zeros and NaN included."""
    return x.as_bits() < 0 if x.kind.is_float else x < 0


def sign(x: Value) -> Value:
    """-1, 0 or 1; NaN stays, and the sign of -0.0 is 0.0."""
    ones = select(x > 0, x.constant(1), x.constant(0))
    if x.kind.is_signed or x.kind.is_float:
        ones = select(x < 0, x.constant(-1), ones)
    return select(isnan(x), x, ones) if x.kind.is_float else ones


def maximum(x: Value, y: Value) -> Value:
    """The larger; NaN if either is; ``y`` where they are equal, as NumPy's vector loops do with zeros of both signs."""
    larger = select(x > y, x, y)
    return select(isnan(x), x, larger) if x.kind.is_float else larger


def minimum(x: Value, y: Value) -> Value:
    """The smaller; NaN if either is; ``y`` where they are equal."""
    smaller = select(x < y, x, y)
    return select(isnan(x), x, smaller) if x.kind.is_float else smaller


def fmax(x: Value, y: Value) -> Value:
    """The larger; NaN only if both are."""
    return select(isnan(y), x, select(x > y, x, y)) if x.kind.is_float else maximum(x, y)


def fmin(x: Value, y: Value) -> Value:
    """The smaller; NaN only if both are."""
    return select(isnan(y), x, select(x < y, x, y)) if x.kind.is_float else minimum(x, y)


def plus(accumulator: Value, x: Value) -> Value:
    """One step of a sum, which may be regrouped: the loop around it then runs in vectors."""
    if not accumulator.kind.is_float:
        return accumulator | x if accumulator.kind == B1 else accumulator + x
    build = accumulator.builder
    return Value(build, build.fadd(accumulator.raw, x.raw, flags=("reassoc", "contract", "nsz")), x.kind)


def times(accumulator: Value, x: Value) -> Value:
    """One step of a product, which may be regrouped."""
    if not accumulator.kind.is_float:
        return accumulator * x
    build = accumulator.builder
    return Value(build, build.fmul(accumulator.raw, x.raw, flags=("reassoc", "contract", "nsz")), x.kind)


def max_of(accumulator: Value, x: Value) -> Value:
    """One step of a maximum: NaN propagates, and zeros of both signs are one, so that the loop runs in vectors."""
    return llvm("maximum", accumulator, x, flags=("nsz",)) if x.kind.is_float else maximum(accumulator, x)


def min_of(accumulator: Value, x: Value) -> Value:
    """One step of a minimum, as ``max_of``."""
    return llvm("minimum", accumulator, x, flags=("nsz",)) if x.kind.is_float else minimum(accumulator, x)


def fmod(x: Value, y: Value) -> Value:
    """Remainder with the sign of ``x``; of integers by zero, 0."""
    if x.kind.is_float:
        return _float_fmod(x, y)
    safe = _divisor(y)
    return select(y == 0, x.constant(0), x - x.quotient(safe) * safe)


def _float_fmod(x: Value, y: Value) -> Value:
    """The rest after the rounded quotient, which is never too small: exact, and mended where the quotient is one too large.

    A quotient too large for its last bit to be 1 goes to the C library.
    """
    size, modulus = absolute(x), absolute(y)
    quotient = trunc(size / modulus)
    rest = fma(-quotient, modulus, size)
    rest = select(rest < 0, rest + modulus, rest)
    rest = select((modulus == INFINITY) & (size < INFINITY), size, rest)
    far = (quotient >= MOST_QUOTIENT[x.kind]) & (modulus > 0) & (size < INFINITY)
    return library_where(far, "fmod", copysign(rest, x), x, y)


def _divisor(y: Value) -> Value:
    """``y``, or 1 where an integer division by it would trap (0) or could overflow (-1, whose quotient is a negation)."""
    trap = y == 0
    return select(trap | (y == -1) if y.kind.is_signed else trap, y.constant(1), y)


def remainder(x: Value, y: Value) -> Value:
    """Remainder with the sign of ``y``; of integers by zero, 0."""
    rest = fmod(x, y)
    if not x.kind.is_float:
        return select((rest != 0) & ((rest ^ y) < 0), rest + y, rest) if x.kind.is_signed else rest
    wrapped = select((y < 0) ^ (rest < 0), rest + y, rest)
    return select(y == 0, rest, select(rest == 0, copysign(rest.constant(0), y), wrapped))


def floor_divide(x: Value, y: Value) -> Value:
    """``floor(x / y)`` as if exact; floats by zero give what ``/`` gives, integers 0."""
    if x.kind.is_float:
        return _floor_divide(x, y)
    safe = _divisor(y)
    down = x.quotient(safe)
    if x.kind.is_signed:
        rest = x - down * safe
        down = select((rest != 0) & ((rest ^ safe) < 0), down - 1, down)
        down = select(y == -1, -x, down)
    return select(y == 0, x.constant(0), down)


def _floor_divide(x: Value, y: Value) -> Value:
    """Divide by way of the exact remainder, as CPython's ``divmod`` does: ``x / y`` alone may round up to an integer."""
    rest = fmod(x, y)
    quotient = (x - rest) / y
    quotient = select((rest != 0) & ((y < 0) ^ (rest < 0)), quotient - 1, quotient)
    down = floor(quotient)
    down = select(quotient - down > 0.5, down + 1, down)
    ratio = x / y
    down = select(quotient == 0, copysign(down.constant(0), ratio), down)
    return select(y == 0, ratio, down)


def left_shift(x: Value, count: Value) -> Value:
    """``x << count``; 0 for a count outside the width."""
    inside = _shift_is_inside(count)
    return select(inside, x << select(inside, count, 0), x.constant(0))


def right_shift(x: Value, count: Value) -> Value:
    """``x >> count``; for a count outside the width, what is left: -1 of a negative number, else 0."""
    inside = _shift_is_inside(count)
    rest = select(x < 0, x.constant(-1), x.constant(0)) if x.kind.is_signed else x.constant(0)
    return select(inside, x >> select(inside, count, 0), rest)


def _shift_is_inside(count: Value) -> Value:
    inside = count < count.kind.bits
    return inside & (count >= 0) if count.kind.is_signed else inside


def nextafter(x: Value, y: Value) -> Value:
    """The float next to ``x`` towards ``y``: its bits, one up or down."""
    bits = x.as_bits()
    away = (x < y) ^ (x < 0)
    moved = select(away, bits + 1, bits - 1).as_float()
    least = copysign(bits.constant(1).as_float(), y)
    stepped = select(x == 0, least, moved)
    return select((x != x) | (y != y), x + y, select(x == y, y, stepped))


def heaviside(x: Value, at_zero: Value) -> Value:
    """0 below zero, ``at_zero`` at it, 1 above; NaN stays."""
    side = select(x > 0, x.constant(1), x.constant(0))
    return select(isnan(x), x, select(x == 0, at_zero, side))


def philox(index: Value, seed: Value, draw: Value) -> Value:
    """Word ``index % 4`` of Philox4x32-10, counter ``(index // 4, draw)``, key ``seed``: of three i64 a u32."""
    block = index.to(U64) >> 2
    c0, c1, c2, c3 = block.to(U32), (block >> 32).to(U32), draw.to(U32), (draw.to(U64) >> 32).to(U32)
    k0, k1 = seed.to(U32), (seed.to(U64) >> 32).to(U32)
    for _ in range(10):
        left, right = c0.to(U64) * 0xD2511F53, c2.to(U64) * 0xCD9E8D57
        c0, c1, c2, c3 = (right >> 32).to(U32) ^ c1 ^ k0, right.to(U32), (left >> 32).to(U32) ^ c3 ^ k1, left.to(U32)
        k0, k1 = k0 + 0x9E3779B9, k1 + 0xBB67AE85
    lane = index & 3
    return select(lane < 2, select(lane == 0, c0, c1), select(lane == 2, c2, c3))
