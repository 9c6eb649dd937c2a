"""Sine, cosine and tangent over ``Value``, for f32 and f64, right for every argument.

Arguments up to ``LIMIT`` are reduced by multiples of pi/2 in three parts (Cody and Waite 1980, with fused products, which make
the first subtraction exact). Beyond, the C library is called, from a function with vector forms, so that loops stay in vectors.
"""

from __future__ import annotations

from tracejit.backends.llvm.outliers import library_where
from tracejit.backends.llvm.value import F32, F64, Value, absolute, fma, select
from tracejit.backends.llvm.vector_math import Coefficients, nearest, polynomial, quotient

LIMIT = {F32: 2.0**17, F64: 2.0**45}
TWO_OVER_PI = 0.6366197723675814
HALF_PI = {
    F32: (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    F64: (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
}
# (sin(r) - r) / r**3 in r**2 for |r| <= pi/4
SIN: Coefficients = {
    F32: (-1.9518408e-04, 8.33219e-03, -1.6666655e-01),
    F64: (
        1.58960000461502e-10, -2.5050743528454354e-08, 2.755731359108751e-06, -0.00019841269829484602, 0.008333333333321945,
        -0.1666666666666663,
    ),
}  # fmt: skip
# (cos(r) - 1 + r**2 / 2) / r**4 in r**2
COS: Coefficients = {
    F32: (2.4432742e-05, -1.3887312e-03, 4.1666646e-02),
    F64: (
        -1.1358979878585222e-11, 2.087570973642429e-09, -2.7557314246727625e-07, 2.4801587289088995e-05, -0.0013888888888873433,
        0.041666666666666595,
    ),
}  # fmt: skip
Pair = tuple[Value, Value]


def reduced(x: Value) -> tuple[Value, Value, Value]:
    """``(r, r_low, n)`` with ``x = n*pi/2 + r + r_low`` and ``|r|`` about pi/4 at most."""
    first, second, third = HALF_PI[x.kind]
    k, n = nearest(x, TWO_OVER_PI)
    rest = fma(k, -first, x)  # exact: a multiple of the last bit of ``first``, and small
    product = k * second
    r = rest - product
    back = r - rest  # Knuth's sum: either operand may be the larger
    lost = (rest - (r - back)) - (product + back)
    return r, fma(k, -third, lost - fma(k, second, -product)), n


def _is_far(x: Value) -> Value:
    """Whether the reduction does not reach ``x``; not of NaN."""
    return absolute(x) >= LIMIT[x.kind]


def sin_parts(r: Value, r_low: Value, square: Value) -> Pair:
    """``sin(r + r_low)`` in two parts."""
    tail = fma(r * square, polynomial(square, SIN[r.kind]), fma(r_low, square * -0.5, r_low))
    return two_sum(r, tail)


def cos_parts(r: Value, r_low: Value, square: Value) -> Pair:
    """``cos(r + r_low)`` in two parts."""
    half = square * 0.5
    out = 1 - half
    tail = fma(square * square, polynomial(square, COS[r.kind]), fma(r, -r_low, (1 - out) - half))
    return two_sum(out, tail)


def two_sum(large: Value, small: Value) -> Pair:
    """``large + small``, rounded, and what the rounding lost."""
    out = large + small
    return out, small - (out - large)


def _wave(x: Value, quarter: int) -> Value:
    """``sin(x + quarter * pi/2)``."""
    r, r_low, n = reduced(x)
    square = r * r
    turn = n + quarter
    sine, cosine = sin_parts(r, r_low, square)[0], cos_parts(r, r_low, square)[0]
    out = select((turn & 1) == 0, sine, cosine)
    return (out.as_bits() ^ ((turn & 2) << (x.kind.bits - 2))).as_float()


def sin(x: Value) -> Value:
    """Sine.

    Worst error: 0.8 ulp in f32, 0.8 in f64.
    """
    return library_where(_is_far(x), "sin", select(x == 0, x, _wave(x, 0)), x)


def cos(x: Value) -> Value:
    """Cosine.

    Worst error: 0.8 ulp in f32, 0.8 in f64.
    """
    return library_where(_is_far(x), "cos", _wave(x, 1), x)


def tan(x: Value) -> Value:
    """Tangent: the quotient of sine and cosine, each in two parts.

    Worst error: 1.5 ulp in f32, 1.0 in f64.
    """
    r, r_low, n = reduced(x)
    square = r * r
    (s, s_low), (c, c_low) = sin_parts(r, r_low, square), cos_parts(r, r_low, square)
    even = (n & 1) == 0
    above, above_low = select(even, s, -c), select(even, s_low, -c_low)
    below, below_low = select(even, c, s), select(even, c_low, s_low)
    out = quotient(above, above_low, below, below_low)
    return library_where(_is_far(x), "tan", select(x == 0, x, out), x)
