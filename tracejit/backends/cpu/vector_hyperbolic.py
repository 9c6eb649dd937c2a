"""Hyperbolic functions and the logistic function over ``Value``, for f32 and f64, without branches."""

from __future__ import annotations

from tracejit.backends.cpu.value import F32, F64, Value, absolute, copysign, fma, select
from tracejit.backends.cpu.vector_math import (
    EXP_RANGE,
    TINY,
    Coefficients,
    clamp,
    exp_parts,
    polynomial,
    power_of_two,
    quotient,
    scale,
)

# (sinh(x) - x) / x**3 in x**2 for |x| <= 1
SINH: Coefficients = {
    F32: (2.7915382e-06, 1.984142e-04, 8.333316e-03, 1.6666667e-01),
    F64: (
        4.4209985157690235e-15, 7.581135625915713e-13, 1.6060161067945627e-10, 2.5052098436572166e-08, 2.7557319273633615e-06,
        0.0001984126984113355, 0.008333333333333519, 0.16666666666666666,
    ),
}  # fmt: skip
# (tanh(x) - x) / x**3 in x**2 for |x| <= 0.625
TANH: Coefficients = {
    F32: (2.1573459e-03, -8.194822e-03, 2.1708671e-02, -5.3948455e-02, 1.3333222e-01, -3.333333e-01),
    F64: (
        6.054708110658892e-06, -3.02164030526265e-05, 9.158892297639325e-05, -0.0002370301072051902, 0.000589458842478567,
        -0.0014557277388490813, 0.0035921143052452214, -0.008863234347091992, 0.021869488471209442, -0.05396825396616629,
        0.13333333333329983, -0.33333333333333315,
    ),
}  # fmt: skip
TANH_SMALL = 0.625


def _half_exp(x: Value) -> tuple[Value, Value]:
    """``exp(|x|) / 2`` in two parts; inf only where the half is."""
    y, y_low, n = exp_parts(clamp(absolute(x), (EXP_RANGE[x.kind][0] + 1, 0.0)))
    return scale(y, n - 1), scale(y_low, n - 1)


def sinh(x: Value) -> Value:
    """Hyperbolic sine, ``(exp(x) - exp(-x)) / 2``; a polynomial below 1.

    Worst error: 1.0 ulp in f32, 1.0 in f64.
    """
    square = x * x
    small = fma(polynomial(square, SINH[x.kind]), square * x, x)
    high, low = _half_exp(x)
    large = copysign(high - (0.25 / high - low), x)
    return select(absolute(x) < TINY[x.kind], x, select(absolute(x) < 1, small, large))


def cosh(x: Value) -> Value:
    """Hyperbolic cosine, ``(exp(x) + exp(-x)) / 2``.

    Worst error: 1.0 ulp in f32, 1.0 in f64.
    """
    high, low = _half_exp(x)
    return high + (0.25 / high + low)


def _one_plus(x: Value, x_low: Value) -> tuple[Value, Value]:
    """``1 + x + x_low`` in two parts, for ``|x| <= 1``."""
    total = x + 1
    return total, (x - (total - 1)) + x_low


def tanh(x: Value) -> Value:
    """``(1 - e) / (1 + e)`` with ``e = exp(-2|x|)``; a polynomial below 0.625 (Cody and Waite 1980).

    Worst error: 0.8 ulp in f32, 0.8 in f64.
    """
    square = x * x
    small = fma(polynomial(square, TANH[x.kind]), square * x, x)
    y, y_low, n = exp_parts(clamp(absolute(x) * -2, (0.0, -80.0)))
    factor = power_of_two(n, x.kind)
    e, e_low = y * factor, y_low * factor
    large = copysign(quotient(*_one_plus(-e, -e_low), *_one_plus(e, e_low)), x)
    return select(absolute(x) < TINY[x.kind], x, select(absolute(x) < TANH_SMALL, small, large))


def sigmoid(x: Value) -> Value:
    """``1 / (1 + e)`` with ``e = exp(-|x|)``; for negative ``x`` ``e / (1 + e)``, so that small results keep their digits.

    Worst error: 1.0 ulp in f32, 1.0 in f64.
    """
    y, y_low, n = exp_parts(clamp(-absolute(x), (0.0, EXP_RANGE[x.kind][1])))
    e, e_low = scale(y, n), scale(y_low, n)
    above, above_low = select(x < 0, e, e.constant(1)), select(x < 0, e_low, e.constant(0))
    return quotient(above, above_low, *_one_plus(e, e_low))
