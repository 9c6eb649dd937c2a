"""The words of complex numbers over pairs of ``Value``: C99's special cases (annex G), without branches."""

from __future__ import annotations

from tracejit.backends.llvm import vector_inverse, vector_log, vector_math, vector_trig
from tracejit.backends.llvm.value import F32, F64, Value, copysign, fma, select, sqrt
from tracejit.backends.llvm.value import absolute as magnitude
from tracejit.backends.llvm.words import isfinite, isinf, isnan

Pair = tuple[Value, Value]
INFINITY = float("inf")
HALF_LOG_FROM, HALF_LOG_TO = 0.5, 2.0  # where log|z| is taken from |z|^2 - 1


def conjugate(z: Pair) -> Pair:
    """Negate the imaginary part."""
    return z[0], -z[1]


def real(z: Pair) -> Value:
    """Take the real part."""
    return z[0]


def imag(z: Pair) -> Value:
    """Take the imaginary part."""
    return z[1]


def plus(accumulator: Pair, z: Pair) -> Pair:
    """One step of a sum."""
    return accumulator[0] + z[0], accumulator[1] + z[1]


def times(accumulator: Pair, z: Pair) -> Pair:
    """One step of a product."""
    (a, b), (x, y) = accumulator, z
    return a * x - b * y, a * y + b * x


def quotient(z: Pair, w: Pair) -> Pair:
    """Smith's division, as NumPy does it; by zero inf or NaN."""
    (a, b), (x, y) = z, w
    along = magnitude(x) >= magnitude(y)
    large, small = select(along, x, y), select(along, y, x)
    ratio = small / large
    scale = x.constant(1) / (large + small * ratio)
    out_x = select(along, a + b * ratio, a * ratio + b) * scale
    out_y = select(along, b - a * ratio, b * ratio - a) * scale
    zero = (x == 0) & (y == 0)
    return select(zero, a / magnitude(x), out_x), select(zero, b / magnitude(x), out_y)


def hypot(x: Value, y: Value) -> Value:
    """``sqrt(x*x + y*y)`` without overflow on the way; inf if either is, even beside NaN.

    Worst error: 0.6 ulp in f32, 1.2 in f64.
    """
    if x.kind == F32:
        wide_x, wide_y = x.to(F64), y.to(F64)
        out = sqrt(wide_x * wide_x + wide_y * wide_y).to(F32)
    else:
        largest = select(magnitude(x) > magnitude(y), magnitude(x), magnitude(y))
        scale = select(largest > 2.0**500, largest.constant(2.0**-600), largest.constant(1))
        scale = select(largest < 2.0**-500, scale.constant(2.0**600), scale)
        a, b = x * scale, y * scale
        out = sqrt(fma(a, a, b * b)) / scale
    return select(isinf(x) | isinf(y), out.constant(INFINITY), out)


def absolute(z: Pair) -> Value:
    """Magnitude, without overflow on the way."""
    return hypot(*z)


def exp(z: Pair) -> Pair:
    """``exp(x) * (cos(y) + i sin(y))``, the real factor in two halves, so that a large one times a small one is right."""
    x, y = z
    half = vector_math.exp(x * 0.5)
    out_x, out_y = half * vector_trig.cos(y) * half, half * vector_trig.sin(y) * half
    unbounded = ~isfinite(y)
    gone, above = (x == -INFINITY) & unbounded, (x == INFINITY) & unbounded
    out_x = select(gone, x.constant(0), select(above, x.constant(INFINITY), out_x))
    return out_x, select(y == 0, y, select(gone, copysign(x.constant(0), y), out_y))


def log(z: Pair) -> Pair:
    """``log|z| + i arg(z)``; near ``|z| = 1`` from ``|z|**2 - 1``, which keeps its digits."""
    x, y = magnitude(z[0]), magnitude(z[1])
    top, low = select(x > y, x, y), select(x > y, y, x)
    near = (top > HALF_LOG_FROM) & (top < HALF_LOG_TO)
    ratio = low / top
    argument = select(near, fma(low, low, (top - 1) * (top + 1)), ratio * ratio)
    half = vector_log.log1p(argument) * 0.5
    out = select(near, half, vector_log.log(top) + half)
    out = select(top == 0, out.constant(-INFINITY), out)
    out = select(isinf(x) | isinf(y), out.constant(INFINITY), select(isnan(x) | isnan(y), x + y, out))
    return out, vector_inverse.arctan2(z[1], z[0])


def square_root(z: Pair) -> Pair:
    """The root with the real part not negative: Kahan's ``sqrt((|x| + |z|) / 2)``, operands scaled to stay in range."""
    x, y = z
    largest = select(magnitude(x) > magnitude(y), magnitude(x), magnitude(y))
    big, small = (2.0**100, 2.0**-100) if x.kind == F32 else (2.0**1000, 2.0**-900)
    scale = select(largest > big, x.constant(2.0**-4), select(largest < small, x.constant(2.0**110), x.constant(1)))
    back = select(largest > big, x.constant(2.0**2), select(largest < small, x.constant(2.0**-55), x.constant(1)))
    a, b = x * scale, y * scale
    root = sqrt((magnitude(a) + hypot(a, b)) * 0.5)
    other = magnitude(b) / (root * 2)
    other = select(root == 0, magnitude(b), other)
    out_x, out_y = select(x < 0, other, root) * back, select(x < 0, root, other) * back
    out_x = select(isnan(x) & ~isinf(y), x, out_x)
    out_y = select(isnan(y) & (x == -INFINITY), out_y.constant(INFINITY), out_y)
    out_x = select(isnan(y) & (x == -INFINITY), y, select(~isnan(y) & (x == -INFINITY), out_x.constant(0), out_x))
    out_y = select(~isnan(y) & (x == INFINITY), out_y.constant(0), out_y)
    out_x = select(isinf(y), magnitude(y), out_x)
    out_y = select(isinf(y), magnitude(y), select(isnan(x) & ~isinf(y), x, out_y))
    return out_x, copysign(out_y, y)
