"""Inverse trigonometric and hyperbolic functions over ``Value``, for f32 and f64, without branches."""

from __future__ import annotations

from tracejit.backends.llvm.value import F32, F64, Value, absolute, copysign, fma, select, sqrt
from tracejit.backends.llvm.vector_log import log1p_of
from tracejit.backends.llvm.vector_math import INFINITY, NAN, TINY, Coefficients, exact_sum, polynomial

HALF_PI = {F32: (1.5707963705062866, -4.371138828673793e-08), F64: (1.5707963267948966, 6.123233995736766e-17)}
# (arctan(x) - x) / x**3 in x**2 for |x| <= 1
ARCTAN: Coefficients = {
    F32: (
        -1.7704167e-03, 1.0808225e-02, -3.0974017e-02, 5.7746187e-02, -8.390611e-02, 1.0947579e-01, -1.4263308e-01, 1.9998454e-01,
        -3.3333296e-01,
    ),
    F64: (
        -8.571725415959987e-06, 0.0001030014535316425, -0.0005886266820248692, 0.0021386946289486406, -0.005585497222351311,
        0.011276597385073651, -0.018566709164433648, 0.026109161074587304, -0.03275562744377035, 0.038193596314514015,
        -0.04285672886490626, 0.0474467989209269, -0.052593679012537024, 0.05881702570705297, -0.06666581605541709,
        0.07692299468844246, -0.09090908527504596, 0.1111111108537142, -0.1428571428500063, 0.19999999999989812,
        -0.3333333333333328,
    ),
}  # fmt: skip
# (arcsin(x) - x) / x**3 in x**2 for |x| <= 1/2
ARCSIN: Coefficients = {
    F32: (3.754977e-02, 1.4409406e-02, 3.181746e-02, 4.451543e-02, 7.500515e-02, 1.666666e-01),
    F64: (
        0.03256583927451473, -0.020898809490244877, 0.021636856974107815, 0.0037352343201356416, 0.010772700783382523,
        0.011400238094140177, 0.013980662389072751, 0.017351624732641457, 0.022372214318213676, 0.03038194272950777,
        0.044642857174224136, 0.07499999999971095, 0.1666666666666676,
    ),
}  # fmt: skip
LARGE = 2.0**28  # from here on sqrt(x*x + 1) is x
LEAST_ROOT = 2.0**-60  # far below that of any number beyond 1, less 1


def _arctan_unit(x: Value) -> Value:
    """Arctangent for ``|x| <= 1``."""
    square = x * x
    return fma(polynomial(square, ARCTAN[x.kind]), square * x, x)


def arctan(x: Value) -> Value:
    """Arctangent; beyond 1 what that of ``1 / x`` leaves of pi/2.

    Worst error: 1.4 ulp in f32, 1.7 in f64.
    """
    size, (half, half_low) = absolute(x), HALF_PI[x.kind]
    steep = size > 1
    part = _arctan_unit(select(steep, size.constant(1), size) / select(steep, size, size.constant(1)))
    return copysign(select(steep, half - (part - half_low), part), x)


def arctan2(y: Value, x: Value) -> Value:
    """Angle of the point ``(x, y)``: from the arctangent of the smaller part over the larger.

    Worst error: 1.6 ulp in f32, 1.7 in f64.
    """
    size_y, size_x, (half, half_low) = absolute(y), absolute(x), HALF_PI[x.kind]
    steep, left = size_y > size_x, x.as_bits() < 0
    below, above = select(steep, size_y, size_x), select(steep, size_x, size_y)
    ratio = select(above == below, x.constant(1), above / below)
    part = _arctan_unit(select(above == 0, x.constant(0), ratio))
    base = select(steep, x.constant(half), select(left, x.constant(2 * half), x.constant(0)))
    base_low = select(steep, x.constant(half_low), select(left, x.constant(2 * half_low), x.constant(0)))
    out = base + (select(steep ^ left, -part, part) + base_low)
    return select((x != x) | (y != y), x + y, copysign(out, y))


def _arcsin_parts(x: Value) -> tuple[Value, Value, Value]:
    """``(small, y, y_low)``: ``y + y_low`` is ``arcsin|x|`` where ``|x| < 1/2``, else ``arcsin(sqrt((1 - |x|) / 2))``."""
    size = absolute(x)
    small = size < 0.5
    square = select(small, x * x, (1 - size) * 0.5)
    root = select(small, size, sqrt(square))
    lost = select(small | (root == 0), x.constant(0), fma(-root, root, square) * 0.5 / root)
    return small, root, fma(polynomial(square, ARCSIN[x.kind]), square * root, lost)


def arcsin(x: Value) -> Value:
    """Arcsine; beyond 1/2 through ``pi/2 - 2*arcsin(sqrt((1 - x) / 2))``.

    Worst error: 0.7 ulp in f32, 0.7 in f64.
    """
    half, half_low = HALF_PI[x.kind]
    small, y, y_low = _arcsin_parts(x)
    twice = y * 2
    rest = half - twice
    lost = (half - rest) - twice
    return copysign(select(small, y + y_low, rest - (y_low * 2 - half_low - lost)), x)


def arccos(x: Value) -> Value:
    """Arccosine; beyond 1/2 it is ``2*arcsin(sqrt((1 - x) / 2))``, which keeps its digits near 1.

    Worst error: 1.0 ulp in f32, 1.1 in f64.
    """
    half, half_low = HALF_PI[x.kind]
    small, y, y_low = _arcsin_parts(x)
    part = y + y_low
    outer = select(x < 0, 2 * half - (part * 2 - 2 * half_low), part * 2)
    return select(small, half - (copysign(part, x) - half_low), outer)


def arcsinh(x: Value) -> Value:
    """``log(x + sqrt(x*x + 1))``, through ``log1p`` so that nothing is lost near 0.

    Worst error: 1.3 ulp in f32, 1.4 in f64.
    """
    size = absolute(x)
    large = size > LARGE
    part = size * size / (sqrt(fma(size, size, 1)) + 1)
    total = select(large, size - 1, size + part)
    lost, doublings = select(large, size.constant(0), part - (total - size)), select(large, size.constant(1), 0)
    return select(size < TINY[x.kind], x, copysign(log1p_of(total, lost, doublings), x))


def arccosh(x: Value) -> Value:
    """``log(x + sqrt(x*x - 1))``, through ``log1p`` so that nothing is lost near 1.

    Worst error: 1.4 ulp in f32, 1.2 in f64.
    """
    large, over = x > LARGE, x - 1
    square = fma(over, over, over * 2)
    root = sqrt(square)
    lost = fma(-root, root, square) / (root * 2 + LEAST_ROOT)
    total, rest = exact_sum(root, over)
    lost, doublings = select(large, x.constant(0), rest + lost), select(large, x.constant(1), 0)
    return select(x < 1, x.constant(NAN), log1p_of(select(large, over, total), lost, doublings))


def arctanh(x: Value) -> Value:
    """``log((1 + x) / (1 - x)) / 2``, through ``log1p``.

    Worst error: 1.1 ulp in f32, 1.2 in f64.
    """
    size = absolute(x)
    below = 1 - size
    inverse = 1 / below
    ratio = size * 2 * inverse
    rest = fma(-ratio, below, size * 2) - ratio * ((1 - below) - size)
    out = select(size == 1, x.constant(INFINITY), log1p_of(ratio, rest * inverse) * 0.5)
    return select(size < TINY[x.kind], x, copysign(out, x))
