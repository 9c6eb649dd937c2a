"""Powers and roots over ``Value``, for f32 and f64, without branches."""

from __future__ import annotations

from tracejit.backends.llvm.value import F32, F64, Value, absolute, copysign, fma, select, trunc
from tracejit.backends.llvm.vector_log import log_pair, log_reduced, short_log2
from tracejit.backends.llvm.vector_math import (
    BIAS,
    EXP_RANGE,
    INFINITY,
    NAN,
    clamp,
    exp_of,
    nearest,
    polynomial,
    power_of_two,
)

# (2**r - 1) / r for |r| <= 1/2, to 2**-34
SHORT_EXP2 = (
    1.5310081137407205e-05, 0.0001546736497289471, 0.0013333450560412074, 0.009618035958600904, 0.055504109412154126,
    0.24022651084149668, 0.6931471805459305,
)  # fmt: skip
LARGEST_EXPONENT = 2.0**70  # any float other than 1 overflows or vanishes under such an exponent


def power(x: Value, y: Value) -> Value:
    """``x**y`` for floats: ``exp(y * log|x|)``, the logarithm in two parts (f64) or in f64 (f32); C99's special cases.

    Worst error: 0.6 ulp in f32, 1.2 in f64.
    """
    size = (_size_f32 if x.kind == F32 else _size_f64)(absolute(x), clamp(y, (LARGEST_EXPONENT, -LARGEST_EXPONENT)))
    up = (absolute(x) == 0) ^ (y > 0)  # whether 0 or infinity gives infinity
    edge = select(up, size.constant(INFINITY), size.constant(0))
    size = select((x == 0) | (absolute(x) == INFINITY), edge, size)
    whole = trunc(y) == y
    odd = whole & (trunc(y * 0.5) * 2 != y)
    negative = x.as_bits() < 0
    size = select((x < 0) & ~whole & (x != -INFINITY), size.constant(NAN), select(negative & odd, -size, size))
    size = select((x != x) | (y != y), x + y, size)
    return select((x == 1) | (y == 0), size.constant(1), size)


def _size_f64(x: Value, y: Value) -> Value:
    """``x**y`` for positive finite ``x``."""
    high, low = log_pair(x)
    product = y * high
    product_low = fma(y, high, -product) + y * low
    inside = absolute(product) < 1024.0
    return exp_of(clamp(product, EXP_RANGE[x.kind]), select(inside, product_low, product_low.constant(0)))


def _size_f32(x: Value, y: Value) -> Value:
    """``x**y`` for positive finite ``x``, to base 2 in f64, whose range needs no care about overflow."""
    k, f, _ = log_reduced(x)
    product = clamp(y.to(F64) * short_log2(k, f), (160.0, -160.0))
    k, n = nearest(product, 1.0, BIAS[F64])
    r = product - k
    return (fma(polynomial(r, SHORT_EXP2), r, 1) * power_of_two(n, F64)).to(F32)


# -- roots -------------------------------------------------------------------------------------------------------------

# The cube root of 1 + f for sqrt(1/2) <= 1 + f < sqrt(2), to 2**-19.5
CBRT = (2.6061097e-02, -4.4520564e-02, 6.2396485e-02, -1.10986434e-01, 3.333173e-01, 9.999992e-01)
CBRT_2, CBRT_4 = 2 ** (1 / 3), 4 ** (1 / 3)


def cbrt(x: Value) -> Value:
    """Cube root: exponent by 3, a polynomial, and one step of Halley's iteration.

    Worst error: 0.8 ulp in f32, 0.8 in f64.
    """
    size = absolute(x)
    _, f, n = log_reduced(size)
    third = (((n + 3072) * 43691) >> 17) - 1024  # floor(n / 3) for |n| < 1100
    rest = n - third * 3
    y = polynomial(f, CBRT) * select(rest == 0, f.constant(1), select(rest == 1, f.constant(CBRT_2), f.constant(CBRT_4)))
    a = (f + 1) * power_of_two(rest + BIAS[x.kind], x.kind)
    square = y * y
    y = fma(y, fma(-square, y, a) / fma(square * 2, y, a), y)
    out = copysign(y * power_of_two(third + BIAS[x.kind], x.kind), x)
    return select((x == 0) | ~(size < INFINITY), x, out)
