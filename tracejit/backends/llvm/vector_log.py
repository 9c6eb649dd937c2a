"""Logarithms over ``Value``, for f32 and f64, without branches."""

from __future__ import annotations

from tracejit.backends.llvm.value import F32, F64, Value, absolute, fma, select
from tracejit.backends.llvm.vector_math import (
    BIAS,
    INFINITY,
    LEAST_NORMAL,
    LN_2,
    LN_2_STEPS,
    LOG2_E,
    MANTISSA,
    NAN,
    SHIFT,
    TINY,
    Coefficients,
    by_horner,
    exp,
    exp2,
    polynomial,
    power_of_two,
)
from tracejit.backends.llvm.vectors import entry, parts

LOG10_E = {F32: (0.4342944920063019, -1.0103049952192578e-08), F64: (0.4342944819032518, 1.098319650216765e-17)}
LOG10_2 = (0.3010299956639812, -2.8037281277851704e-18)
LOG10_2_STEPS = (0.301025390625, 4.605039066518657e-06)
# For the sixteenths of 3/4 <= m < 3/2, by the bits that tell them: what is next to 1 / m, and the logarithm of its inverse, which
# happens to be almost a float. Then (log(1 + r) - r * log(e)) / r**2 for -1/32 <= r < 1/16.
LOG_TABLES = (
    (
        1.0, 0.9144761, 0.8645959, 0.82066107, 0.78044915, 0.7444245, 0.7110863, 0.6810205,
        1.3065137, 1.2551628, 1.2075895, 1.1636262, 1.1230763, 1.0842013, 1.0495269, 1.0,
    ),
    (
        0.0, 0.08940395, 0.14549306, 0.19764508, 0.24788569, 0.2951438, 0.34096152, 0.38416287,
        -0.26736227, -0.22726531, -0.18862623, -0.15154116, -0.116071634, -0.08084362, -0.04833952, 0.0,
    ),
    (1.8938434e-01, -2.501369e-01, 3.3334503e-01, -4.9999997e-01),
)  # fmt: skip
LOG2_TABLES = (
    (
        1.0, 0.9141801, 0.8646962, 0.820501, 0.78045154, 0.74418026, 0.71124357, 0.6807578,
        1.3061032, 1.2553546, 1.2079396, 1.1632315, 1.1222209, 1.0847076, 1.0488855, 1.0,
    ),
    (
        0.0, 0.12944968, 0.20973474, 0.28542295, 0.35761905, 0.42627597, 0.4915844, 0.55478644,
        -0.38526893, -0.328095, -0.27254835, -0.21813823, -0.16635665, -0.11730622, -0.06885715, 0.0,
    ),
    (2.727866e-01, -3.608403e-01, 4.809155e-01, -7.213475e-01),
)  # fmt: skip
LOG10_TABLES = (
    (
        1.0, 0.9145792, 0.8652083, 0.8204715, 0.7801775, 0.7442075, 0.71101654, 0.6806299,
        1.3062997, 1.2548538, 1.207516, 1.1635754, 1.1230848, 1.0846893, 1.0497518, 1.0,
    ),
    (
        0.0, 0.038778674, 0.06287931, 0.08593649, 0.10780659, 0.12830596, 0.1481203, 0.16708897,
        -0.11604282, -0.098593146, -0.08189288, -0.065794535, -0.050412543, -0.03530534, -0.02108661, 0.0,
    ),
    (8.220569e-02, -1.0863018e-01, 1.4476994e-01, -2.1714723e-01),
)  # fmt: skip
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


def log_reduced(x: Value) -> tuple[Value, Value, Value]:
    """``(k, f, n)`` with ``x = 2**k * (1 + f)``, ``sqrt(1/2) <= 1 + f < sqrt(2)``, ``n`` the integer k; ``x`` positive."""
    kind, lift = x.kind, MANTISSA[x.kind] + 2
    small = x < LEAST_NORMAL[kind]
    bits = select(small, x * 2.0**lift, x).as_bits()
    n = (bits - x.constant(0.5**0.5).as_bits()) >> MANTISSA[kind]
    f = (bits - (n << MANTISSA[kind])).as_float() - 1
    n = select(small, n - lift, n)
    k = n.to(F32) if kind == F32 else (n + x.constant(SHIFT[F64]).as_bits()).as_float() - SHIFT[F64]
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


def _of_f32(x: Value, tables: tuple[tuple[float, ...], ...], unit: tuple[float, float], two: tuple[float, float]) -> Value:
    """The logarithm whose values at e and 2 are ``unit`` and ``two``, each in two parts, the lower ones not negative."""
    inverses, logarithms, coefficients = tables
    k, m = parts(x)
    index = m.as_bits().logical_shift(MANTISSA[F32] - 4)
    r = fma(m, entry(inverses, index), -1)
    lows = [number * low for number, low in ((k, two[1]), (r, unit[1])) if low]  # infinity times 0 would be NaN
    rest = fma(by_horner(r, coefficients), r * r, sum(lows[1:], lows[0]))
    return fma(k, two[0], entry(logarithms, index) + fma(r, unit[0], rest))


def log(x: Value) -> Value:
    """Natural logarithm: ``k`` times that of 2, in two parts, plus that of ``1 + f``, in f32 with the help of a table.

    Worst error: 1.1 ulp in f32, 1.0 in f64.
    """
    if x.kind == F32:
        return _of_f32(x, LOG_TABLES, (1.0, 0.0), LN_2_STEPS)
    k, f, _ = log_reduced(x)
    high, low = LN_2[x.kind]
    return log_edges(x, fma(k, high, f - fma(k, -low, log_rest(f))))


def log2(x: Value) -> Value:
    """Logarithm to base 2; exact at powers of 2.

    Worst error: 1.2 ulp in f32, 1.0 in f64.
    """
    if x.kind == F32:
        return _of_f32(x, LOG2_TABLES, LOG2_E[F32], (1.0, 0.0))
    k, f, _ = log_reduced(x)
    high, low = LOG2_E[x.kind]
    return log_edges(x, k + fma(f, high, fma(log_rest(f), -high, f * low)))


def log10(x: Value) -> Value:
    """Logarithm to base 10.

    Worst error: 1.2 ulp in f32, 1.0 in f64.
    """
    if x.kind == F32:
        return _of_f32(x, LOG10_TABLES, LOG10_E[F32], LOG10_2_STEPS)
    k, f, _ = log_reduced(x)
    (high, low), (two, two_low) = LOG10_E[F64], LOG10_2
    fraction = fma(f, high, fma(log_rest(f), -high, f * low))
    return log_edges(x, fma(k, two, fma(k, two_low, fraction)))


def log1p(x: Value) -> Value:
    """``log(1 + x)``: what ``1 + x`` loses goes into the fraction, so that nothing is lost near 0.

    Worst error: 1.0 ulp in f32, 0.9 in f64.
    """
    return select(absolute(x) < TINY[x.kind], x, log1p_of(x, x.constant(0)))


def log1p_of(x: Value, low: Value, doublings: Value | float = 0) -> Value:
    """``log((1 + x + low) * 2**doublings)`` for a number in two parts."""
    total = x + 1
    back = total - 1
    lost = (1 - (total - back)) + (x - back) + low
    k, f, n = log_reduced(total)
    most = BIAS[x.kind] - 1  # 2**-n is to be a normal number
    lost = lost * power_of_two(BIAS[x.kind] - select(n > most, n.constant(most), n), x.kind)
    fraction = f + lost
    lost = lost - (fraction - f)
    k = k + doublings
    high, log_low = LN_2[x.kind]
    return log_edges(total, fma(k, high, fraction - (fma(k, -log_low, log_rest(fraction)) - lost)))


def logaddexp(x: Value, y: Value) -> Value:
    """``log(exp(x) + exp(y))``: the larger plus ``log1p(exp(-distance))``; equal infinities have no distance."""
    out = select(x > y, x, y) + log1p(exp(-absolute(x - y)))
    return select(x == y, x + LN_2[x.kind][0], out)


def logaddexp2(x: Value, y: Value) -> Value:
    """``log2(2**x + 2**y)``."""
    out = fma(log1p(exp2(-absolute(x - y))), LOG2_E[x.kind][0], select(x > y, x, y))
    return select(x == y, x + 1, out)


# -- to more digits, and to fewer -------------------------------------------------------------------------------------

LN_2_SHORT = (0.6931471805598903, 5.497923018708371e-14)  # the first with 11 trailing zeros: its product with k is exact
TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
# (log((1 + s) / (1 - s)) - 2*s - 2*s**3/3) / s**5 in s**2
LOG_TAIL = (
    0.11999344635181292, 0.11673471560326132, 0.13336390183866836, 0.15384554771347336, 0.18181818905015118, 0.2222222221721108,
    0.28571428571446694, 0.39999999999999974,
)  # fmt: skip


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


# (log2((1 + s) / (1 - s)) - 2*s/log(2)) / s**3 in s**2, to 2**-43
SHORT_LOG2 = (0.28259490395203446, 0.3199307190489057, 0.4122085067859694, 0.5770779520805576, 0.9617966940616949)


def short_log2(k: Value, f: Value) -> Value:
    """The logarithm of ``2**k * (1 + f)`` to base 2, as f64, with the digits that a function of f32 needs."""
    f = f.to(F64)
    s = f / (f + 2)
    square = s * s
    return fma(s, fma(square, polynomial(square, SHORT_LOG2), 2 * LOG2_E[F64][0]), k.to(F64))


def short_log(x: Value) -> Value:
    """The natural logarithm of a positive f64, with the digits that a function of f32 needs."""
    k, f, _ = log_reduced(x)
    return short_log2(k, f) * LN_2[F64][0]
