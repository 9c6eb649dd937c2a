"""Exponentials, logarithms and powers over ``Value``, for f32 and f64, without branches.

Each is range reduction and a polynomial. The polynomials are our own: weighted least squares on Chebyshev nodes in 50 digits,
each coefficient rounded before the next is fitted. Where one rounding is not enough, a number is carried as ``high + low``.
The worst errors stated are measured, in ulp of the result, by ``tests/test_vector_math.py``.
"""

from __future__ import annotations

from tracejit.backends.cpu.value import F32, F64, Kind, Value, absolute, fma, select, trunc

INFINITY = float("inf")
NAN = float("nan")
Coefficients = dict[Kind, tuple[float, ...]]

MANTISSA = {F32: 23, F64: 52}
BIAS = {F32: 127, F64: 1023}
LEAST_NORMAL = {F32: 2.0**-126, F64: 2.0**-1022}
SHIFT = {F32: 1.5 * 2.0**23, F64: 1.5 * 2.0**52}  # a float of this size holds an integer in its last bits
TINY = {F32: 2.0**-30, F64: 2.0**-60}  # below, an odd function that begins with x is x

LOG2_E = {F32: (1.4426950216293335, 1.925963033500011e-08), F64: (1.4426950408889634, 2.0355273740931033e-17)}
LOG10_E = {F32: (0.4342944920063019, -1.0103049952192578e-08), F64: (0.4342944819032518, 1.098319650216765e-17)}
LN_2 = {F32: (0.6931471824645996, -1.9046542121259336e-09), F64: (0.6931471805599453, 2.3190468138462996e-17)}
LOG10_2 = {F32: (0.3010300099849701, -1.432098883924482e-08), F64: (0.3010299956639812, -2.8037281277851704e-18)}

# The largest and the least argument that matter to exp, and 2 to those powers.
EXP_RANGE = {F32: (89.0, -104.0), F64: (710.0, -746.0)}
EXP2_RANGE = {F32: (129.0, -151.0), F64: (1025.0, -1077.0)}

# (exp(r) - 1 - r) / r**2 for |r| <= log(2) / 2
EXP: Coefficients = {
    F32: (1.9958426e-04, 1.393373e-03, 8.333192e-03, 4.1666478e-02, 1.6666667e-01, 0.5),
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
# f32: (log(1 + f) - f + f**2 / 2) / f**3; f64: (log((1 + s) / (1 - s)) - 2*s) / s**3 in s**2; for sqrt(1/2) <= 1 + f < sqrt(2)
LOG: Coefficients = {
    F32: (
        6.804918e-02, -1.1725829e-01, 1.1888593e-01, -1.2396421e-01, 1.4218122e-01, -1.6668527e-01, 2.0002227e-01, -0.25,
        3.333331e-01,
    ),
    F64: (
        0.14799487338446551, 0.1531368752092414, 0.1818357906686337, 0.22222198273544116, 0.28571428745551214, 0.3999999999939863,
        0.6666666666666737,
    ),
}  # fmt: skip

# -- tools -----------------------------------------------------------------------------------------------------------


def polynomial(x: Value, coefficients: tuple[float, ...]) -> Value:
    """Horner's rule, highest power first."""
    out = x.constant(coefficients[0])
    for coefficient in coefficients[1:]:
        out = fma(out, x, coefficient)
    return out


def nearest(x: Value, factor: float) -> tuple[Value, Value]:
    """The integer next to ``x * factor``, as a float and as an integer; at most half of ``2**MANTISSA`` in size."""
    shifted = fma(x, factor, SHIFT[x.kind])
    return shifted - SHIFT[x.kind], shifted.as_bits() - x.constant(SHIFT[x.kind]).as_bits()


def power_of_two(n: Value, kind: Kind) -> Value:
    """``2**n`` for ``n`` in the range of normal exponents."""
    return ((n + BIAS[kind]) << MANTISSA[kind]).as_float()


def scale(y: Value, n: Value) -> Value:
    """``y * 2**n`` in two steps, so that overflow and gradual underflow come out right."""
    half = n >> 1
    return y * power_of_two(half, y.kind) * power_of_two(n - half, y.kind)


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


# -- exponentials ----------------------------------------------------------------------------------------------------


def exp_reduced(x: Value, low: Value | None = None) -> tuple[Value, Value]:
    """``(q, n)`` with ``exp(x + low) = (1 + q) * 2**n``, for ``x`` within ``EXP_RANGE``: log(2) in two parts."""
    high, rest = LN_2[x.kind]
    k, n = nearest(x, LOG2_E[x.kind][0])
    r = fma(k, -rest, fma(k, -high, x))
    r = r if low is None else r + low
    return fma(polynomial(r, EXP[x.kind]), r * r, r), n


def exp_parts(x: Value) -> tuple[Value, Value, Value]:
    """``(y, y_low, n)`` with ``exp(x) = (y + y_low) * 2**n``."""
    q, n = exp_reduced(x)
    y = q + 1
    return y, q - (y - 1), n


def exp(x: Value) -> Value:
    """e**x: ``x = k*log(2) + r`` (Cody and Waite 1980), then a polynomial in ``r``.

    Worst error: 1.0 ulp in f32, 1.0 in f64.
    """
    q, n = exp_reduced(clamp(x, EXP_RANGE[x.kind]))
    return scale(q + 1, n)


def exp2(x: Value) -> Value:
    """2**x: the integer part goes to the exponent, the rest through a polynomial.

    Worst error: 0.9 ulp in f32, 0.9 in f64.
    """
    x = clamp(x, EXP2_RANGE[x.kind])
    k, n = nearest(x, 1.0)
    r = x - k
    return scale(fma(polynomial(r, EXP2[x.kind]), r, 1), n)


def expm1(x: Value) -> Value:
    """``e**x - 1``: ``2**n * q + (2**n - 1)`` where ``e**r = 1 + q``, so that nothing is lost near 0.

    Worst error: 1.5 ulp in f32, 1.9 in f64.
    """
    q, n = exp_reduced(clamp(x, (EXP_RANGE[x.kind][0], -45.0)))
    half = power_of_two(n - 1, x.kind)  # half of it: 2**n itself may overflow
    return select(absolute(x) < TINY[x.kind], x, fma(half, q, half - 0.5) * 2)


# -- logarithms ------------------------------------------------------------------------------------------------------


def log_reduced(x: Value) -> tuple[Value, Value, Value]:
    """``(k, f, n)`` with ``x = 2**k * (1 + f)``, ``sqrt(1/2) <= 1 + f < sqrt(2)``, ``n`` the integer k; ``x`` positive."""
    kind, lift = x.kind, MANTISSA[x.kind] + 2
    small = x < LEAST_NORMAL[kind]
    bits = select(small, x * 2.0**lift, x).as_bits()
    n = (bits - x.constant(0.5**0.5).as_bits()) >> MANTISSA[kind]
    f = (bits - (n << MANTISSA[kind])).as_float() - 1
    n = select(small, n - lift, n)
    k = (n + x.constant(SHIFT[kind]).as_bits()).as_float() - SHIFT[kind]
    return k, f, n


def log_rest(f: Value) -> Value:
    """``f - log(1 + f)``. Source for f64: ``s = f / (2 + f)``, ``log(1 + f) = 2 * artanh(s)``, as in Muller, section 4.4."""
    if f.kind == F32:
        return f * f * fma(-f, polynomial(f, LOG[F32]), 0.5)
    s = f / (f + 2)
    square = s * s
    half = f * f * 0.5
    return half - s * fma(square, polynomial(square, LOG[F64]), half)


def log_edges(x: Value, out: Value) -> Value:
    """``out``, but -inf at 0, NaN below, inf at inf, and NaN as it came."""
    out = select(x > 0, out, select(x == 0, x.constant(-INFINITY), x.constant(NAN)))
    return select(x < INFINITY, out, x)


def log(x: Value) -> Value:
    """Natural logarithm: ``k`` times that of 2, in two parts, plus that of ``1 + f``.

    Worst error: 0.9 ulp in f32, 1.0 in f64.
    """
    k, f, _ = log_reduced(x)
    high, low = LN_2[x.kind]
    return log_edges(x, fma(k, high, f - fma(k, -low, log_rest(f))))


def log2(x: Value) -> Value:
    """Logarithm to base 2; exact at powers of 2.

    Worst error: 1.0 ulp in f32, 1.2 in f64.
    """
    k, f, _ = log_reduced(x)
    high, low = LOG2_E[x.kind]
    return log_edges(x, k + fma(f, high, fma(f, low, log_rest(f) * -high)))


def log10(x: Value) -> Value:
    """Logarithm to base 10.

    Worst error: 1.1 ulp in f32, 1.1 in f64.
    """
    k, f, _ = log_reduced(x)
    (high, low), (two, two_low) = LOG10_E[x.kind], LOG10_2[x.kind]
    fraction = fma(f, high, fma(f, low, log_rest(f) * -high))
    return log_edges(x, fma(k, two, fma(k, two_low, fraction)))


def log1p(x: Value) -> Value:
    """``log(1 + x)``: what ``1 + x`` loses goes into the fraction, so that nothing is lost near 0.

    Worst error: 1.5 ulp in f32, 1.5 in f64.
    """
    total = x + 1
    back = total - 1
    lost = (1 - (total - back)) + (x - back)
    k, f, n = log_reduced(total)
    n = select(n > MANTISSA[x.kind], n.constant(MANTISSA[x.kind]), n)  # what so large a sum lost is nothing beside it
    f = fma(lost, power_of_two(-n, x.kind), f)
    high, low = LN_2[x.kind]
    out = log_edges(total, fma(k, high, f - fma(k, -low, log_rest(f))))
    return select(absolute(x) < TINY[x.kind], x, out)


def logaddexp(x: Value, y: Value) -> Value:
    """``log(exp(x) + exp(y))``: the larger plus ``log1p(exp(-distance))``; equal infinities have no distance."""
    out = select(x > y, x, y) + log1p(exp(-absolute(x - y)))
    return select(x == y, x + LN_2[x.kind][0], out)


def logaddexp2(x: Value, y: Value) -> Value:
    """``log2(2**x + 2**y)``."""
    out = fma(log1p(exp2(-absolute(x - y))), LOG2_E[x.kind][0], select(x > y, x, y))
    return select(x == y, x + 1, out)


# -- powers ----------------------------------------------------------------------------------------------------------

LN_2_SHORT = (0.6931471805598903, 5.497923018708371e-14)  # the first with 11 trailing zeros: its product with k is exact
TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
# (log((1 + s) / (1 - s)) - 2*s - 2*s**3/3) / s**5 in s**2
LOG_TAIL = (
    0.11999344635181292, 0.11673471560326132, 0.13336390183866836, 0.15384554771347336, 0.18181818905015118, 0.2222222221721108,
    0.28571428571446694, 0.39999999999999974,
)  # fmt: skip
# What a power of f32 numbers needs of log2 and exp2 in f64: (log2((1 + s) / (1 - s)) - 2*s/log(2)) / s**3 in s**2, to 2**-43
SHORT_LOG2 = (0.28259490395203446, 0.3199307190489057, 0.4122085067859694, 0.5770779520805576, 0.9617966940616949)
# and (2**r - 1) / r for |r| <= 1/2, to 2**-34
SHORT_EXP2 = (
    1.5310081137407205e-05, 0.0001546736497289471, 0.0013333450560412074, 0.009618035958600904, 0.055504109412154126,
    0.24022651084149668, 0.6931471805459305,
)  # fmt: skip
LARGEST_EXPONENT = 2.0**70  # any float other than 1 overflows or vanishes under such an exponent


def log_pair(x: Value) -> tuple[Value, Value]:
    """``log(x)`` as ``high + low`` to 65 bits, for ``x`` positive and f64."""
    k, f, _ = log_reduced(x)
    # s = f / (2 + f), log(1 + f) = 2*s + s*t with t = z*(2/3 + z*(2/5 + ...)), z = s*s; each in two parts
    total = f + 2
    inverse = 1 / total
    s = f * inverse
    s_low = (fma(-s, total, f) - s * (f - (total - 2))) * inverse
    z = s * s
    z_low = fma(s, s, -z) + s * s_low * 2
    tail = z * polynomial(z, LOG_TAIL)
    factor = tail + TWO_THIRDS[0]
    factor_low = tail - (factor - TWO_THIRDS[0]) + TWO_THIRDS[1]
    t = z * factor
    t_low = fma(z, factor, -t) + fma(z, factor_low, z_low * factor)
    u = s * t
    u_low = fma(s, t, -u) + fma(s, t_low, s_low * t)
    high = fma(s, 2, u)
    low = (u - (high - s * 2)) + (u_low + s_low * 2)
    whole = k * LN_2_SHORT[0]
    out = whole + high
    return out, (high - (out - whole)) + fma(k, LN_2_SHORT[1], low)


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
    q, n = exp_reduced(clamp(product, EXP_RANGE[x.kind]), select(inside, product_low, product_low.constant(0)))
    return scale(q + 1, n)


def _size_f32(x: Value, y: Value) -> Value:
    """``x**y`` for positive finite ``x``, to base 2 in f64, whose range needs no care about overflow."""
    k, f, _ = log_reduced(x)
    f = f.to(F64)
    s = f / (f + 2)
    square = s * s
    logarithm = fma(s, fma(square, polynomial(square, SHORT_LOG2), 2 * LOG2_E[F64][0]), k.to(F64))
    product = clamp(y.to(F64) * logarithm, (160.0, -160.0))
    k, n = nearest(product, 1.0)
    r = product - k
    return (fma(polynomial(r, SHORT_EXP2), r, 1) * power_of_two(n, F64)).to(F32)
