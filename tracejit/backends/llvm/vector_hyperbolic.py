"""Hyperbolic functions, the logistic function and its integral over ``Value``, for f32 and f64, without branches."""

from __future__ import annotations

from tracejit.backends.llvm.value import F32, F64, Value, absolute, copysign, fma, select
from tracejit.backends.llvm.vector_log import log1p_of
from tracejit.backends.llvm.vector_math import (
    BIAS,
    EXP_RANGE,
    INFINITY,
    TINY,
    Coefficients,
    clamp,
    exact_sum,
    exp_reduced,
    exp_scaled,
    polynomial,
    two_powers,
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
    F32: (-5.8152378e-03, 2.0749178e-02, -5.377827e-02, 1.333199e-01, -3.3333308e-01),
    F64: (
        6.054708110658892e-06, -3.02164030526265e-05, 9.158892297639325e-05, -0.0002370301072051902, 0.000589458842478567,
        -0.0014557277388490813, 0.0035921143052452214, -0.008863234347091992, 0.021869488471209442, -0.05396825396616629,
        0.13333333333329983, -0.33333333333333315,
    ),
}  # fmt: skip
# (log(1 + e) - e) / e**2 for 0 <= e <= 1
SOFTPLUS = (
    -0.003290478, 0.020086292, -0.057457317, 0.10661134, -0.15344882, 0.19692102, -0.24958019, 0.33330464, -0.4999993,
)  # fmt: skip
TANH_SMALL = 0.625
TANH_ONE = {F32: 10.0, F64: 20.0}  # tanh is 1 from here on
SIGMOID_TOP = 40.0  # and the logistic function
SIGMOID_SCALE = {F32: -32, F64: -64}  # all but its result is scaled by this power of 2, which keeps the largest from overflow
SIGMOID_ONE = {kind: 2.0**by for kind, by in SIGMOID_SCALE.items()}


def _half_exp(x: Value) -> tuple[Value, Value]:
    """``exp(|x|) / 2`` in two parts; inf only where the half is."""
    q, n = exp_reduced(clamp(absolute(x), (EXP_RANGE[x.kind][0] + 1, 0.0)), 2 * BIAS[x.kind] - 1)
    first, second = two_powers(n, x.kind)
    y = q + 1
    return y * first * second, (q - (y - 1)) * first * second


def sinh(x: Value) -> Value:
    """Hyperbolic sine, ``(exp(x) - exp(-x)) / 2``; a polynomial below 1.

    Worst error: 1.1 ulp in f32, 1.0 in f64.
    """
    square = x * x
    small = fma(polynomial(square, SINH[x.kind]), square * x, x)
    high, low = _half_exp(x)
    large = copysign(high - (0.25 / high - low), x)
    return select(absolute(x) < TINY[x.kind], x, select(absolute(x) < 1, small, large))


def cosh(x: Value) -> Value:
    """Hyperbolic cosine, ``(exp(x) + exp(-x)) / 2``.

    Worst error: 1.1 ulp in f32, 1.0 in f64.
    """
    high, low = _half_exp(x)
    return high + (0.25 / high + low)


def tanh(x: Value) -> Value:
    """``1 - 2 / (1 + exp(2|x|))``; a polynomial below 0.625 (Cody and Waite 1980).

    Worst error: 1.2 ulp in f32, 1.2 in f64.
    """
    square = x * x
    small = fma(polynomial(square, TANH[x.kind]), square * x, x)
    q, p = exp_scaled(clamp(absolute(x), (TANH_ONE[x.kind], 0.0)) * 2)
    large = copysign(1 - 2 / fma(p, q, p + 1), x)
    return select(absolute(x) < TINY[x.kind], x, select(absolute(x) < TANH_SMALL, small, large))


def sigmoid(x: Value) -> Value:
    """``1 / (1 + exp(-x))``.

    Worst error: 1.5 ulp in f32, 1.5 in f64.
    """
    one = x.constant(SIGMOID_ONE[x.kind])
    q, p = exp_scaled(clamp(-x, (-EXP_RANGE[x.kind][1], -SIGMOID_TOP)), SIGMOID_SCALE[x.kind])
    total = p + one
    below = fma(p, q, total)
    lost = fma(p, q, total - below) + (one - (total - p))
    inverse = 1 / below
    return fma(inverse * -lost, inverse, inverse) * one


def softplus(x: Value) -> Value:
    """``log(1 + exp(x))``: what exceeds 0 of ``x``, and ``log1p(exp(-|x|))``.

    Worst error: 1.5 ulp in f32, 1.4 in f64.
    """
    above = select(x > 0, x, x.constant(0))
    q, n = exp_reduced(clamp(-absolute(x), (0.0, EXP_RANGE[x.kind][1])), 2 * BIAS[x.kind])
    first, second = two_powers(n, x.kind)
    e = fma(first, q, first)
    e, e_low = e * second, fma(first, q, first - e) * second
    if x.kind == F64:
        return above + log1p_of(e, e_low)
    total, lost = exact_sum(above, e)
    lost = fma(e_low, fma(e, -0.5, 1), lost)  # next to e_low / (1 + e)
    return select(x == INFINITY, x, total + fma(polynomial(e, SOFTPLUS), e * e, lost))
