"""What the vector mathematics shares, and exponentials, over ``Value``, for f32 and f64, without branches.

Each is range reduction and a polynomial. The polynomials are our own: weighted least squares on Chebyshev nodes in 50 digits,
each coefficient rounded before the next is fitted. Where one rounding is not enough, a number is carried as ``high + low``.
The worst errors stated are in ulp of the result; ``tests/test_vector_math.py`` reads and checks them.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracejit.backends.llvm.value import F32, F64, Kind, Value, absolute, fma, select

INFINITY = float("inf")
NAN = float("nan")
Coefficients = dict[Kind, tuple[float, ...]]

MANTISSA = {F32: 23, F64: 52}
BIAS = {F32: 127, F64: 1023}
LEAST_NORMAL = {F32: 2.0**-126, F64: 2.0**-1022}
SHIFT = {F32: 1.5 * 2.0**23, F64: 1.5 * 2.0**52}  # a float of this size holds an integer in its last bits
TINY = {F32: 2.0**-30, F64: 2.0**-60}  # below, an odd function that begins with x is x

LOG2_E = {F32: (1.4426950216293335, 1.925963033500011e-08), F64: (1.4426950408889634, 2.0355273740931033e-17)}
LN_2 = {F32: (0.6931471824645996, -1.9046542121259336e-09), F64: (0.6931471805599453, 2.3190468138462996e-17)}
LN_2_STEPS = (0.693115234375, 3.194618329871446e-05)  # for f32: k times the first is exact, and the second is positive

# The largest and the least argument that matter to exp, and 2 to those powers.
EXP_RANGE = {F32: (89.0, -104.0), F64: (710.0, -746.0)}
EXP2_RANGE = {F32: (129.0, -151.0), F64: (1025.0, -1077.0)}

# (exp(r) - 1 - r) / r**2 for |r| <= log(2) / 2
EXP: Coefficients = {
    F32: (1.3942529e-03, 8.370867e-03, 4.1666787e-02, 1.6666502e-01, 4.9999997e-01),
    F64: (
        2.091957592931933e-09, 2.510928532994128e-08, 2.7557259020367325e-07, 2.7557243535744017e-06, 2.480158734076327e-05,
        0.0001984126988675412, 0.0013888888888877408, 0.0083333333333214, 0.04166666666666668, 0.16666666666666677, 0.5,
    ),
}  # fmt: skip
# (2**r - 1) / r for |r| <= 1/2
EXP2: Coefficients = {
    F32: (1.5456358e-04, 1.3391643e-03, 9.618077e-03, 5.550358e-02, 2.402265e-01, 6.931472e-01),
    F64: (
        4.465566876693066e-10, 7.073924586407182e-09, 1.0177985498407719e-07, 1.3215434398659841e-06, 1.5252734037022652e-05,
        0.00015403530459036856, 0.0013333558146164316, 0.009618129107592436, 0.055504108664822936, 0.24022650695910136,
        0.6931471805599453,
    ),
}  # fmt: skip
# -- tools -----------------------------------------------------------------------------------------------------------


def polynomial(x: Value, coefficients: tuple[float, ...]) -> Value:
    """The polynomial, highest power first: Horner's rule for the last term, Estrin's pairs, which wait less, for the rest."""
    *rest, last = coefficients
    terms: list[Value | float] = [*reversed(rest)]
    power = x
    while len(terms) > 1:
        odd = terms[len(terms) // 2 * 2 :]
        terms = [*(fma(power, high, low) for low, high in zip(terms[::2], terms[1::2], strict=False)), *odd]
        power = power * power
    return fma(x, terms[0], last)


def by_horner(x: Value, coefficients: Sequence[Value | float]) -> Value:
    """The polynomial, highest power first, in the fewest instructions."""
    out, *rest = coefficients
    for coefficient in rest:
        out = fma(x, out, coefficient)
    assert isinstance(out, Value)
    return out


def nearest(x: Value, factor: float, bias: int = 0) -> tuple[Value, Value]:
    """The integer ``k`` next to ``x * factor`` as a float, and ``k + bias`` in the low ``MANTISSA - 2`` bits of an integer."""
    shift = SHIFT[x.kind] + bias
    shifted = fma(x, factor, shift)
    return shifted - shift, shifted.as_bits()


def power_of_two(n: Value, kind: Kind) -> Value:
    """``2**(n - BIAS)`` for ``n`` in the range of normal exponents; of ``n`` only the low bits count."""
    return (n << MANTISSA[kind]).as_float()


def two_powers(n: Value, kind: Kind) -> tuple[Value, Value]:
    """``2**(n - 2 * BIAS)`` as a product of two: by one after the other, overflow and gradual underflow come out right."""
    half = n.logical_shift(1)
    return power_of_two(half, kind), power_of_two(n - half, kind)


def clamp(x: Value, limits: tuple[float, float]) -> Value:
    """``x`` within ``(most, least)``; NaN stays."""
    below = select(x > limits[0], x.constant(limits[0]), x)
    return select(below < limits[1], x.constant(limits[1]), below)


def quotient(x: Value, x_low: Value, y: Value, y_low: Value) -> Value:
    """``(x + x_low) / (y + y_low)`` with little more than the last rounding, for one division."""
    inverse = 1 / y
    out = x * inverse
    rest = fma(-out, y, x) + fma(-out, y_low, x_low)
    return fma(rest, inverse, out)


def exact_sum(x: Value, y: Value) -> tuple[Value, Value]:
    """Knuth's sum: rounded, and what the rounding lost; either may be the larger."""
    out = x + y
    back = out - x
    return out, (x - (out - back)) + (y - back)


# -- exponentials ----------------------------------------------------------------------------------------------------


def exp_reduced(x: Value, bias: int, low: Value | None = None) -> tuple[Value, Value]:
    """``(q, n)`` with ``exp(x + low) = (1 + q) * 2**(n - bias)``, for ``x`` within ``EXP_RANGE``: log(2) in two parts."""
    high, rest = LN_2_STEPS if x.kind == F32 else LN_2[F64]
    k, n = nearest(x, LOG2_E[x.kind][0], bias)
    r = fma(k, -high, x)
    r = fma(k, -rest, r) if low is None else r + fma(k, -rest, low)
    return fma(polynomial(r, EXP[x.kind]), r * r, r), n


def exp_scaled(x: Value, by: int = 0) -> tuple[Value, Value]:
    """``(q, p)`` with ``exp(x) * 2**by = p + p * q``, for ``x`` whose ``p``, a power of 2, is a normal number."""
    q, n = exp_reduced(x, BIAS[x.kind] + by)
    return q, power_of_two(n, x.kind)


def exp_of(x: Value, low: Value | None = None) -> Value:
    """``exp(x + low)`` for ``x`` within ``EXP_RANGE``."""
    q, n = exp_reduced(x, 2 * BIAS[x.kind], low)
    first, second = two_powers(n, x.kind)
    return fma(q, first, first) * second


def exp(x: Value) -> Value:
    """e**x: ``x = k*log(2) + r`` (Cody and Waite 1980), then a polynomial in ``r``.

    Worst error: 1.1 ulp in f32, 1.0 in f64.
    """
    return exp_of(clamp(x, EXP_RANGE[x.kind]))


def exp2(x: Value) -> Value:
    """2**x: the integer part goes to the exponent, the rest through a polynomial.

    Worst error: 0.9 ulp in f32, 0.9 in f64.
    """
    x = clamp(x, EXP2_RANGE[x.kind])
    k, n = nearest(x, 1.0, 2 * BIAS[x.kind])
    r = x - k
    first, second = two_powers(n, x.kind)
    return fma(polynomial(r, EXP2[x.kind]), r, 1) * first * second


def expm1(x: Value) -> Value:
    """``e**x - 1``: ``2**n * q + (2**n - 1)`` where ``e**r = 1 + q``, so that nothing is lost near 0.

    Worst error: 1.5 ulp in f32, 1.9 in f64.
    """
    q, half = exp_scaled(clamp(x, (EXP_RANGE[x.kind][0], -45.0)), -1)  # half of it: 2**n itself may overflow
    return select(absolute(x) < TINY[x.kind], x, fma(half, q, half - 0.5) * 2)
