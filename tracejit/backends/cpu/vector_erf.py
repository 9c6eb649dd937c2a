"""Error functions over ``Value``, for f32 and f64, without branches."""

from __future__ import annotations

from tracejit.backends.cpu.value import F32, F64, Kind, Value, absolute, copysign, fma, select
from tracejit.backends.cpu.vector_math import (
    BIAS,
    EXP_RANGE,
    Coefficients,
    clamp,
    exp_reduced,
    exp_scaled,
    nearest,
    polynomial,
    power_of_two,
    quotient,
    two_powers,
)

# erf(x) / x - 1 in x**2 for |x| <= 1
ERF: Coefficients = {
    F32: (7.919902e-05, -8.030654e-04, 5.190726e-03, -2.6855124e-02, 1.1283618e-01, -3.761263e-01, 1.2837917e-01),
    F64: (
        6.762802504727901e-11, -1.1876556064934921e-09, 1.4798357345126292e-08, -1.637237190617396e-07, 1.6463247308282152e-06,
        -1.4925748180263297e-05, 0.00012055338161402357, -0.0008548327199358301, 0.00522397762924565, -0.026866170645631897,
        0.11283791670958783, -0.37612638903183876, 0.1283791670955126,
    ),
}  # fmt: skip
# f32: log2(erfc(1 + u)) for 0 <= u < 3, f64: log(erfc(1 + u)) for 0 <= u <= 5, as good as 1 - erfc(1 + u) needs it
ERF_TAIL: Coefficients = {
    F32: (-1.6695366e-03, 1.3054617e-02, -5.9224382e-02, -1.2165033e+00, -3.807215e+00, -2.6684167e+00),
    F64: (
        -4.846825208635177e-12, 1.1894621953585655e-10, -1.3156454130074462e-09, 8.50072486369858e-09,
        -3.333190079875522e-08, 5.788551099698409e-08, 2.0497697490422166e-07, -2.132038368020531e-06, 9.671310794401902e-06,
        -2.719876824761555e-05, 2.629611203847589e-05, 0.00023731656731886943, -0.0019779012675000176, 0.010033825191798334,
        -0.04156109802694058, -0.8431072563592646, -2.638967514234781, -1.8496055099332482,
    ),
}  # fmt: skip
ERF_ONE = {F32: 3.93, F64: 6.0}  # erf is 1 from here on
# 2**r for |r| <= 1/2, to 2**-23
ERF_EXP2 = (1.3640474e-03, 9.684837e-03, 5.5497568e-02, 2.4021919e-01, 6.931474e-01, 1.0000001)
# (1 + 2*x) * exp(x**2) * erfc(x) in (x - c) / (x + c), c = ERFC_CENTRE, from 0 to where erfc vanishes
ERFC: Coefficients = {
    F32: (
        -0.0002685607735096738, -0.0007770334738032902, 0.002005124548042091, 0.002569877115395474, -0.02379846510722054,
        0.06829447793281981, -0.119270996249969, 0.12964659785853866, -0.04756238625413692, -0.13562114590152577,
        1.2530080589007686,
    ),
    F64: (
        5.567182248906144e-09, 3.080013161576053e-08, -2.3256491971718578e-09, -2.5870529517161485e-07, -2.609410597059065e-08,
        1.7609598688656715e-06, -9.948242012794256e-07, -1.145385325281672e-05, 2.2393123078082865e-05, 5.1654041324767187e-05,
        -0.00029015641404980325, 0.0002937122089243514, 0.0017556262357967434, -0.009746579303265392, 0.028362277381141325,
        -0.058693398615061385, 0.09230432116245468, -0.1088039301404485, 0.0822767384900912, 0.0035854154854375177,
        -0.14024059858554652, 1.2375126308378277,
    ),
}  # fmt: skip
ERFC_CENTRE = {F32: 3.0, F64: 3.75}
ERFC_ZERO = {F32: 10.5, F64: 28.0}  # erfc is 0 from here on


def erf(x: Value) -> Value:
    """Error function: a polynomial below 1, ``1 - exp(-p(x))`` above.

    Worst error: 1.4 ulp in f32, 1.5 in f64.
    """
    square = x * x
    small = fma(polynomial(square, ERF[x.kind]), x, x)
    size = clamp(absolute(x), (ERF_ONE[x.kind], 0.0))
    logarithm = polynomial(size - 1, ERF_TAIL[x.kind])
    large = copysign(_one_minus_exp2(logarithm) if x.kind == F32 else _one_minus_exp(logarithm), x)
    return select(absolute(x) < 1, small, large)


def _one_minus_exp2(x: Value) -> Value:
    """``1 - 2**x``, right to the last place of 1."""
    k, n = nearest(x, 1.0, BIAS[x.kind])
    return fma(-power_of_two(n, x.kind), polynomial(x - k, ERF_EXP2), 1)


def _one_minus_exp(x: Value) -> Value:
    """``1 - exp(x)``, right to the last place of 1."""
    q, p = exp_scaled(x)
    return fma(-p, q, 1 - p)


def erfc(x: Value) -> Value:
    """``1 - erf(x)``, relative to itself; f32 is computed in f64, as its chain of roundings is long.

    Worst error: 0.6 ulp in f32, 2.0 in f64.
    """
    return _erfc(x.to(F64), x.kind).to(x.kind)


def _erfc(x: Value, kind: Kind) -> Value:
    """Near 0 just ``1 - erf(x)``; further, ``exp(-x**2)`` times a smooth factor (Shepherd and Laframboise 1981)."""
    small = 1 - fma(polynomial(x * x, ERF[kind]), x, x)
    size, centre = clamp(absolute(x), (ERFC_ZERO[kind], 0.0)), ERFC_CENTRE[kind]
    square = size * size
    q, n = exp_reduced(clamp(-square, EXP_RANGE[F64]), 2 * BIAS[F64], fma(size, -size, square))
    first, second = two_powers(n, F64)
    ratio, (*others, last) = (size - centre) / (size + centre), ERFC[kind]
    rest = polynomial(ratio, tuple(others)) * ratio
    above, below = rest + last, size * 2 + 1
    factor = quotient(above, rest - (above - last), below, size * 2 - (below - 1))
    tail = fma(q, factor, factor) * first * second
    return select(absolute(x) < 0.5, small, select(x < 0, 2 - tail, tail))
