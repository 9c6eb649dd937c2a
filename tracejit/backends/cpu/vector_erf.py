"""Error functions over ``Value``, for f32 and f64, without branches."""

from __future__ import annotations

from tracejit.backends.cpu.value import F32, F64, Kind, Value, absolute, copysign, fma, select
from tracejit.backends.cpu.vector_math import (
    BIAS,
    EXP_RANGE,
    Coefficients,
    by_horner,
    clamp,
    exp_reduced,
    exp_scaled,
    nearest,
    polynomial,
    quotient,
    two_powers,
)
from tracejit.backends.cpu.vectors import entry

# erf(x) / x - 1 in x**2 for |x| <= 1
ERF: Coefficients = {
    F32: (7.919902e-05, -8.030654e-04, 5.190726e-03, -2.6855124e-02, 1.1283618e-01, -3.761263e-01, 1.2837917e-01),
    F64: (
        6.762802504727901e-11, -1.1876556064934921e-09, 1.4798357345126292e-08, -1.637237190617396e-07, 1.6463247308282152e-06,
        -1.4925748180263297e-05, 0.00012055338161402357, -0.0008548327199358301, 0.00522397762924565, -0.026866170645631897,
        0.11283791670958783, -0.37612638903183876, 0.1283791670955126,
    ),
}  # fmt: skip
# log(erfc(1 + u)) for 0 <= u <= 5, as good as 1 - erfc(1 + u) needs it
ERF_TAIL = (
        -4.846825208635177e-12, 1.1894621953585655e-10, -1.3156454130074462e-09, 8.50072486369858e-09,
        -3.333190079875522e-08, 5.788551099698409e-08, 2.0497697490422166e-07, -2.132038368020531e-06, 9.671310794401902e-06,
        -2.719876824761555e-05, 2.629611203847589e-05, 0.00023731656731886943, -0.0019779012675000176, 0.010033825191798334,
        -0.04156109802694058, -0.8431072563592646, -2.638967514234781, -1.8496055099332482,
)  # fmt: skip
# erf(i * ERF_STEP + u) for |u| <= ERF_STEP / 2, one polynomial in u for each i; for i = 0 less u, which is added exactly
ERF_STEP = 131 / 512
ERF_TABLE = (
    (
        1.1099017e-01, 7.990471e-02, 4.804759e-03, -5.512656e-02, -6.80174e-02, -4.3382574e-02, -1.1101757e-02,
        8.4599005e-03, 1.2987632e-02, 9.7009735e-03, 5.193142e-03, 2.1868232e-03, 7.523184e-04, 2.1577686e-04, 5.2231637e-05,
        1.075608e-05,
    ),
    (
        2.8103593e-04, 1.2836847e-01, 1.8226998e-01, 1.4532112e-01, 6.1281852e-02, -1.2290853e-02, -4.6446167e-02,
        -4.6364263e-02, -3.1385824e-02, -1.6467823e-02, -7.0290137e-03, -2.4990926e-03, -7.5025036e-04, -1.9183484e-04,
        -4.2025207e-05, -7.92127e-06,
    ),
    (
        -3.761413e-01, -3.0619934e-01, -1.3789111e-01, 3.7206035e-02, 1.4447449e-01, 1.6642076e-01, 1.32315e-01,
        8.2389936e-02, 4.205327e-02, 1.798688e-02, 6.5280725e-03, 2.0262564e-03, 5.4073514e-04, 1.2453248e-04, 2.4819165e-05,
        4.289539e-06,
    ),
    (
        2.7286353e-07, -2.704071e-01, -4.4438362e-01, -4.8050627e-01, -4.051601e-01, -2.809725e-01, -1.6410032e-01,
        -8.174413e-02, -3.4993164e-02, -1.2936092e-02, -4.143416e-03, -1.1525969e-03, -2.7894462e-04, -5.88105e-05,
        -1.0812697e-05, -1.7350338e-06,
    ),
    (
        1.2837917e-01, 1.056877e+00, 8.6842525e-01, 6.260069e-01, 3.9588082e-01, 2.196284e-01, 1.0689347e-01, 4.564073e-02,
        1.7095925e-02, 5.6178663e-03, 1.6195296e-03, 4.095861e-04, 9.087416e-05, 1.7687831e-05, 3.0202852e-06, 4.5243968e-07,
    ),
    (
        0.0, 2.8252825e-01, 5.307375e-01, 7.2230834e-01, 8.5220367e-01, 9.295799e-01, 9.7007173e-01, 9.88687e-01,
        9.9620503e-01, 9.988723e-01, 9.997036e-01, 9.9993116e-01, 9.999859e-01, 9.9999744e-01, 9.999996e-01, 9.9999994e-01,
    ),
)  # fmt: skip
ERF_PLAIN = (1.0, *(0.0,) * 15)  # how often u is added
ERF_ONE = {F32: 3.93, F64: 6.0}  # erf is 1 from here on
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
    """Error function: in f32 one of sixteen polynomials, in f64 one below 1 and ``1 - exp(p(x))`` above.

    Worst error: 1.5 ulp in f32, 1.5 in f64.
    """
    size = absolute(x)
    size = select(size > ERF_ONE[x.kind], size.constant(ERF_ONE[x.kind]), size)
    if x.kind == F32:
        k, n = nearest(size, 1 / ERF_STEP)
        *others, base = (entry(table, n) for table in ERF_TABLE)
        u = fma(k, -ERF_STEP, size)
        return copysign(fma(u, by_horner(u, others), fma(u, entry(ERF_PLAIN, n), base)), x)
    small = fma(polynomial(x * x, ERF[F64]), x, x)
    large = copysign(_one_minus_exp(polynomial(size - 1, ERF_TAIL)), x)
    return select(absolute(x) < 1, small, large)


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
