"""Error functions over ``Value``, for f32 and f64, without branches."""

from __future__ import annotations

from tracejit.backends.llvm.value import F32, F64, Value, absolute, copysign, fma, select
from tracejit.backends.llvm.vector_math import (
    BIAS,
    MANTISSA,
    by_horner,
    exp_reduced,
    exp_scaled,
    nearest,
    polynomial,
    quotient,
    two_powers,
)
from tracejit.backends.llvm.vectors import entry

# erf(x) / x - 1 in x**2 for |x| <= 1, for f64
ERF = (
    6.762802504727901e-11, -1.1876556064934921e-09, 1.4798357345126292e-08, -1.637237190617396e-07, 1.6463247308282152e-06,
    -1.4925748180263297e-05, 0.00012055338161402357, -0.0008548327199358301, 0.00522397762924565, -0.026866170645631897,
    0.11283791670958783, -0.37612638903183876, 0.1283791670955126,
)  # fmt: skip
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
# exp(x**2) * erfc(x) in f32, by the exponent of 1 + x and the first two bits behind it: polynomials in x - ERFC_CENTRES
ERFC_CENTRES = (
    1.2493758e+00, 1.749642e+00, 2.248094e+00, 2.7497847e+00, 3.4986799e+00, 4.5040455e+00, 5.4962482e+00, 6.4997997e+00,
    7.998174e+00, 9.99253e+00, 1.1994519e+01, 1.4008111e+01, 1.2493251e-01, 3.7482518e-01, 6.249804e-01, 8.7541014e-01,
)  # fmt: skip
ERFC_TABLE = (
    (
        3.592798e-03, 1.0467479e-03, 3.5202902e-04, 1.3120327e-04, 3.6900998e-05, 8.535974e-06, 2.4911874e-06, 8.605855e-07,
        2.23538e-07, 4.990567e-08, 1.4518643e-08, 5.0436335e-09, 1.0665183e-01, 4.6157084e-02, 2.0798963e-02, 9.791371e-03,
    ),
    (
        -9.24033e-03, -3.0585735e-03, -1.1600136e-03, -4.8546953e-04, -1.5941946e-04, -4.403074e-05, -1.5172334e-05,
        -6.01268e-06, -1.8900305e-06, -5.200364e-07, -1.7872757e-07, -7.1522564e-08, -2.0134312e-01, -9.2922375e-02,
        -4.5028284e-02, -2.2889564e-02,
    ),
    (
        2.2039631e-02, 8.4098065e-03, 3.629901e-03, 1.7201599e-03, 6.536677e-04, 2.2036658e-04, 8.975991e-05, 4.1214404e-05,
        1.5413496e-05, 5.2656064e-06, 2.159486e-06, 1.0073217e-06, 3.4585097e-01, 1.7249444e-01, 9.054085e-02, 4.97849e-02,
    ),
    (
        -5.0268777e-02, -2.2271067e-02, -1.1029255e-02, -5.9357616e-03, -2.6760641e-03, -1.1009219e-03, -5.307824e-04,
        -2.8275902e-04, -1.2787928e-04, -5.3891243e-05, -2.6342512e-05, -1.4288284e-05, -5.4351455e-01, -2.955375e-01,
        -1.6883747e-01, -1.0083451e-01,
    ),
    (
        1.0688964e-01, 5.5787537e-02, 3.2055613e-02, 1.9762425e-02, 1.06717255e-02, 5.399742e-03, 3.0969793e-03,
        1.9203778e-03, 1.0538033e-03, 5.490765e-04, 3.2030093e-04, 2.0217213e-04, 7.5957257e-01, 4.5576736e-01,
        2.8659767e-01, 1.8783279e-01,
    ),
    (
        -2.0895529e-01, -1.3101628e-01, -8.860858e-02, -6.3246146e-02, -4.1351754e-02, -2.5972188e-02, -1.7817982e-02,
        -1.2906225e-02, -8.620357e-03, -5.567507e-03, -3.8813716e-03, -2.8534825e-03, -9.101762e-01, -6.141456e-01,
        -4.3237305e-01, -3.1567976e-01,
    ),
    (
        3.679533e-01, 2.8501913e-01, 2.3125602e-01, 1.9367571e-01, 1.5534823e-01, 1.22379646e-01, 1.0102902e-01,
        8.5808255e-02, 7.00009e-02, 5.6182552e-02, 4.6875484e-02, 4.017407e-02, 8.7328327e-01, 6.859646e-01, 5.5682236e-01,
        4.6418208e-01,
    ),
)  # fmt: skip
# (1 + 2*x) * exp(x**2) * erfc(x) in (x - c) / (x + c), c = ERFC_CENTRE, from 0 to where erfc vanishes
ERFC = (
    5.567182248906144e-09, 3.080013161576053e-08, -2.3256491971718578e-09, -2.5870529517161485e-07, -2.609410597059065e-08,
    1.7609598688656715e-06, -9.948242012794256e-07, -1.145385325281672e-05, 2.2393123078082865e-05, 5.1654041324767187e-05,
    -0.00029015641404980325, 0.0002937122089243514, 0.0017556262357967434, -0.009746579303265392, 0.028362277381141325,
    -0.058693398615061385, 0.09230432116245468, -0.1088039301404485, 0.0822767384900912, 0.0035854154854375177,
    -0.14024059858554652, 1.2375126308378277,
)  # fmt: skip
ERFC_CENTRE = 3.75
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
    small = fma(polynomial(x * x, ERF), x, x)
    large = copysign(_one_minus_exp(polynomial(size - 1, ERF_TAIL)), x)
    return select(absolute(x) < 1, small, large)


def _one_minus_exp(x: Value) -> Value:
    """``1 - exp(x)``, right to the last place of 1."""
    q, p = exp_scaled(x)
    return fma(-p, q, 1 - p)


def erfc(x: Value) -> Value:
    """``1 - erf(x)``, relative to itself: ``exp(-x**2)`` times a smooth factor, in f32 one of sixteen polynomials.

    Worst error: 1.6 ulp in f32, 2.0 in f64.
    """
    size = absolute(x)
    size = select(size > ERFC_ZERO[x.kind], size.constant(ERFC_ZERO[x.kind]), size)
    square = size * size
    q, n = exp_reduced(-square, 2 * BIAS[x.kind], fma(size, -size, square))
    first, second = two_powers(n, x.kind)
    scaled = (_erfc_scaled_f32 if x.kind == F32 else _erfc_scaled_f64)(size, q)
    tail = scaled * first * second
    out = select(x < 0, 2 - tail, tail)
    return out if x.kind == F32 else select(absolute(x) < 0.5, 1 - fma(polynomial(x * x, ERF), x, x), out)


def _erfc_scaled_f32(size: Value, q: Value) -> Value:
    """``exp(size**2) * erfc(size) * (1 + q)``; what the polynomial begins with is almost exact."""
    index = (size + 1).as_bits().logical_shift(MANTISSA[F32] - 2)
    *others, base = (entry(table, index) for table in ERFC_TABLE)
    u = size - entry(ERFC_CENTRES, index)
    rest = u * by_horner(u, others)
    return base + fma(base, q, fma(rest, q, rest))


def _erfc_scaled_f64(size: Value, q: Value) -> Value:
    """The same, by one polynomial for all (Shepherd and Laframboise 1981)."""
    ratio, (*others, last) = (size - ERFC_CENTRE) / (size + ERFC_CENTRE), ERFC
    rest = polynomial(ratio, tuple(others)) * ratio
    above, below = rest + last, size * 2 + 1
    factor = quotient(above, rest - (above - last), below, size * 2 - (below - 1))
    return fma(q, factor, factor)
