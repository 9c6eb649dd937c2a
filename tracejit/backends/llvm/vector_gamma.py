"""The gamma family over ``Value``, for f32 and f64, without branches.

f32 is computed in f64. The negative half goes through reflection, whose zeros no formula for all of it can hold to the last
place: there the error stated counts in ulp of the larger of the result and 1.
"""

from __future__ import annotations

from tracejit.backends.llvm.value import F32, F64, Kind, Value, absolute, copysign, fma, rint, select
from tracejit.backends.llvm.vector_log import log, log_pair, short_log
from tracejit.backends.llvm.vector_math import INFINITY, NAN, Coefficients, exact_sum, polynomial

# lgamma(2 + t) / t for |t| <= 1/2
LGAMMA_CORE: Coefficients = {
    F32: (
        0.00011347281994554691, -0.0002538170956727826, 0.0005065171429518161, -0.0011858600344983208, 0.002890795321559696,
        -0.007386174155633413, 0.020580799471518252, -0.0673522814721006, 0.3224670334689425, 0.4227843350004583,
    ),
    F64: (
        2.7475390051909663e-07, -5.811277768921246e-07, 9.242852225162277e-07, -1.9743106888421067e-06,
        4.3828545383846665e-06, -9.45628851510172e-06, 2.050601970174762e-05, -4.4923727564247656e-05, 9.945761692157133e-05,
        -0.00022315497746292723, 0.0005096695196526673, -0.0011927539009983087, 0.002890510330865901, -0.007385551028935545,
        0.02058080842778338, -0.06735230105319563, 0.3224670334241132, 0.42278433509846713,
    ),
}  # fmt: skip
# z * (lgamma(z) - (z - 1/2) * log(z) + z - log(2*pi) / 2) in 1 / z**2, for z >= 5/2
LGAMMA_TAIL: Coefficients = {
    F32: (
        0.0004225167871368484, -0.0005477085546534187, 0.0007911751677638089, -0.0027777302679179747, 0.08333333318250694,
    ),
    F64: (
        1.6579126427368396, -1.9839544446579158, 1.1113197941461568, -0.39730201678751537, 0.1068947470121959,
        -0.025211948545184187, 0.006214168835929985, -0.0019112061273273313, 0.000841614646895459, -0.0005952362987525509,
        0.0007936507810740789, -0.0027777777777425704, 0.08333333333333331,
    ),
}  # fmt: skip
# digamma(3/2 + u) / (3/2 + u - root) for |u| <= 1/2
DIGAMMA_CORE: Coefficients = {
    F32: (
        0.0051290832618366995, -0.00769679044525289, 0.007385776781953944, -0.011096228103516554, 0.01799126155857759,
        -0.027101835424346757, 0.040754593297480844, -0.061912770922936004, 0.09498892142362683, -0.14840521855349975,
        0.2405424824751142, -0.4236274186325623, 0.9510558760318328,
    ),
    F64: (
        -0.00017312261802727394, 0.00025968482126430747, -0.00015148586836773365, 0.0002272331660987376,
        -0.0004821990530566789, 0.0007233266279287554, -0.0010376374098418604, 0.0015566317474486838, -0.002345267632540769,
        0.003519006401502276, -0.005279964873257405, 0.007926944646403797, -0.011908218001568644, 0.0179072524394512,
        -0.02697579675613825, 0.04076083381242074, -0.061922133273064534, 0.09498872445494122, -0.14840492305390884,
        0.2405424842407742, -0.4236274212814605, 0.951055876031833,
    ),
}  # fmt: skip
# z**2 * (log(z) - 1/(2*z) - digamma(z)) in 1 / z**2, for z >= 2
DIGAMMA_TAIL: Coefficients = {
    F32: (
        0.006584057646526116, -0.008569928460327477, 0.006090124558083681, -0.004059138893055649, 0.003964211134383154,
        -0.008333273281019326, 0.08333333318166719,
    ),
    F64: (
        1004.1765132439355, -2254.9071991430924, 2341.0223118407353, -1495.7739886759555, 661.8790916026784,
        -217.23460043432445, 55.716053012481346, -11.778677474616076, 2.2014011415225254, -0.40223386071078454,
        0.08179756237823527, -0.02105066512086329, 0.007574966399902145, -0.00416665739636177, 0.0039682539097871125,
        -0.00833333333318452, 0.08333333333333327,
    ),
}  # fmt: skip
# sin(pi * r) / r in r**2 for |r| <= 1/2
SINE: Coefficients = {
    F32: (
        -0.007028303855203096, 0.08205035020147247, -0.599252186531583, 2.550163317938427, -5.167712764593, 3.141592653536132,
    ),
    F64: (
        7.697826768224191e-07, -2.1903497074626018e-05, 0.0004662998161898394, -0.007370430505916944, 0.0821458865731029,
        -0.5992645293189447, 2.5501640398773007, -5.167712780049969, 3.141592653589793,
    ),
}  # fmt: skip
# (pi / tan(pi * r) - 1 / r) / r in r**2
COTANGENT: Coefficients = {
    F32: (
        -6.065015612479831, -0.00011869561113414325, -2.4643895514266805, -1.9446767210694602, -2.0119215536383788,
        -2.034566102699369, -2.1646479106033945, -3.2898681308722235,
    ),
    F64: (
        -16.010441555350102, 14.00913635189951, -11.319882534156065, 1.3837148002891513, -2.8304597027964618, -1.8569869062340112,
        -2.0175482780709193, -1.9984989923885619, -2.000216397061563, -2.0004882445092558, -2.0019892571205644,
        -2.008154710650887, -2.0346861239837795, -2.1646464674222266, -3.289868133696453,
    ),
}  # fmt: skip
ROOT = (-0.03836785503163766, -1.6445603550442201e-18)  # of digamma, less 3/2
SLOPE_AT_TWO_REST = 4.942915152430645e-18  # of lgamma, what the last coefficient of the polynomial leaves
HALF_LOG_2PI = (0.9189385332046728, -3.8782941580672414e-17)
INVERSE_PI = 0.3183098861837907
LGAMMA_TOP = 2.55e305  # lgamma is inf from a little above


def lgamma(x: Value) -> Value:
    """``log|gamma(x)|``: a polynomial about 2, reached from below by recurrence; Stirling's series from 5/2 on; reflection.

    Worst error: 0.6 ulp in f32, 2.0 in f64; below 0, 0.6 and 3.0 ulp of the larger of the result and 1.
    Source: Abramowitz and Stegun, 6.1.15 (recurrence), 6.1.17 (reflection), 6.1.41 (series).
    """
    return _lgamma(x.to(F64), x.kind).to(x.kind)


def _lgamma(x: Value, kind: Kind) -> Value:
    z = absolute(x)
    low, middle, small = z < 0.5, z < 1.5, z < 2.5
    up = x + 1
    product = select(low, z * up, select(middle, z, z.constant(1)))
    argument = select(small, product, z)
    inverse = 1 / (argument + 1e-300)  # finite at 0, too
    t = select(low, x, select(middle, z - 1, z - 2))
    tail = inverse * polynomial(inverse * inverse, LGAMMA_TAIL[kind])
    if kind == F32:
        logarithm = short_log(argument)
        stirling = fma(z - 0.5, logarithm, tail + HALF_LOG_2PI[0] - z)
        out = select(small, fma(t, polynomial(t, LGAMMA_CORE[F32]), -logarithm), stirling)
    else:
        high, log_low = log_pair(argument)
        lost = select(low, fma(z, up, -product) + z * (x - (up - 1)), z.constant(0))  # of the product
        out = select(small, _near_two(t, high, fma(lost, inverse, log_low)), _stirling(z, high, log_low, tail))
    turn = z - rint(z)
    sine = absolute(turn) * polynomial(turn * turn, SINE[kind]) * z * INVERSE_PI
    out = select(x <= -0.5, -out - (short_log(sine) if kind == F32 else log(sine)), out)
    out = select(((x <= 0) & (turn == 0)) | (z > LGAMMA_TOP), out.constant(INFINITY), out)
    return select(z < INFINITY, out, x)


def _near_two(t: Value, high: Value, low: Value) -> Value:
    """``lgamma(2 + t) - (high + low)``, the first term of the polynomial exact."""
    first, *others = reversed(LGAMMA_CORE[F64])
    out = fma(t, first, -high)
    lost = fma(t, first, -(out + high))
    rest = polynomial(t, tuple(reversed(others)))
    return out + (fma(t * t, rest, fma(t, SLOPE_AT_TWO_REST, -low)) + lost)


def _stirling(z: Value, high: Value, low: Value, tail: Value) -> Value:
    """``(z - 1/2) * (high + low) - z + log(2*pi) / 2 + tail``, the large terms exact."""
    weight = z - 0.5
    product = weight * high
    rest = fma(weight, high, -product) + fma(weight, low, tail + HALF_LOG_2PI[1])
    first, first_low = exact_sum(product, -z)
    second, second_low = exact_sum(first, z.constant(HALF_LOG_2PI[0]))
    return second + (rest + first_low + second_low)


def digamma(x: Value) -> Value:
    """The derivative of ``lgamma``: a polynomial about its root, one step of recurrence, a series from 2 on; reflection.

    At -1, -2, ... NaN, at 0.0 -inf, at -0.0 inf, as SciPy.
    Worst error: 0.6 ulp in f32, 2.0 in f64; below 0, 0.6 and 3.0 ulp of the larger of the result and 1.
    Source: Abramowitz and Stegun, 6.3.5 (recurrence), 6.3.7 (reflection), 6.3.18 (series).
    """
    return _digamma(x.to(F64), x.kind).to(x.kind)


def _digamma(x: Value, kind: Kind) -> Value:
    z, negative = absolute(x), x < 0
    low, small = z < 1, z < 2
    u = select(low, z - 0.5, z - 1.5)
    slope, distance = polynomial(u, DIGAMMA_CORE[kind]), u - ROOT[0]
    core = fma(slope, distance, slope * ((u - distance) - ROOT[0] - ROOT[1]))
    inverse = 1 / z
    square = inverse * inverse
    logarithm, log_low = (short_log(z), z.constant(0)) if kind == F32 else log_pair(z)
    rest = log_low - square * polynomial(square, DIGAMMA_TAIL[kind])
    near = select(low, fma(core, z, -1), core) / select(low, z, z.constant(1))  # core - 1 / z below 1
    positive = select(small, near, logarithm + fma(inverse, -0.5, rest))
    turn = z - rint(z)
    pole = 1 / turn
    part = turn * polynomial(turn * turn, COTANGENT[kind]) + fma(-pole, turn, 1) * pole
    base = select(small, core, logarithm)
    part = part + select(low, z.constant(0), select(small, inverse, fma(inverse, 0.5, rest)))
    total, lost = exact_sum(base, pole)
    reflected = select(absolute(pole) < INFINITY, total + (lost + part), select(turn == 0, z.constant(NAN), pole))
    out = select(negative, reflected, positive)
    out = select(x == 0, copysign(z.constant(INFINITY), -x), out)
    return select(z == INFINITY, select(negative, z.constant(NAN), z), select(x == x, out, x))
