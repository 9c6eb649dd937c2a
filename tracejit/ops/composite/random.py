"""Random numbers: each a function of its place, a seed and the number of the draw, and of nothing else.

``place`` is the running index of each element, i64 and of the shape of the result; ``seed`` and ``draw`` are i64 of rank 0. Draws
with another seed or number have nothing to do with each other. Integers, bits and the uniform numbers in [0, 1) are the same
bits however they are computed; what goes through log, cos and erf is the same to their rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tracejit.ir import Node
from tracejit.ir.dtype import is_bfloat16, is_half
from tracejit.ir.size import Dim, product
from tracejit.ops.comparison import bitwise_and, equal, less, right_shift
from tracejit.ops.composite.elementary import clip, full, sized
from tracejit.ops.elementwise import absolute, cast, ceil, copysign, maximum, where
from tracejit.ops.indexing import INDEX, positions
from tracejit.ops.random import philox
from tracejit.ops.reduction import broadcast
from tracejit.ops.row import filled
from tracejit.ops.sorting import argsort
from tracejit.ops.special import erf, erfc
from tracejit.ops.transcendental import cos, exp, log, sqrt

SINGLE, DOUBLE, LONG = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.uint64)


def places(shape: tuple[Dim, ...]) -> Node:
    """The running index of every element of ``shape``, in row-major order."""
    out = full(shape, 0, INDEX)
    for axis, dim in enumerate(shape):
        if dim != 1:
            out = out + positions(out, axis) * sized(out, product(shape[axis + 1 :]))
    return out


def bits(place: Node, seed: Node, draw: Node) -> Node:
    """32 random bits at each place, u32."""
    return philox(place, *(broadcast(x, shape=place.shape, axes=()) if place.shape else x for x in (seed, draw)))


def _long_bits(place: Node, seed: Node, draw: Node) -> tuple[Node, Node]:
    """64 random bits at each place: two words as u64."""
    return cast(bits(2 * place, seed, draw), dtype=LONG), cast(bits(2 * place + 1, seed, draw), dtype=LONG)


def uniform(place: Node, seed: Node, draw: Node, dtype: np.dtype) -> Node:
    """Numbers in [0, 1): multiples of ``2**-24`` in float32, from one word each; of ``2**-53`` in float64, from two.

    Of halves they are multiples of ``2**-11`` in float16 and of ``2**-8`` in bfloat16, from the bits of a word that come first.
    """
    if is_half(dtype):
        digits = 8 if is_bfloat16(dtype) else 11
        return cast(cast(right_shift(bits(place, seed, draw), 32 - digits), dtype=SINGLE) * 2.0**-digits, dtype=dtype)
    if dtype == SINGLE:
        return cast(right_shift(bits(place, seed, draw), 8), dtype=SINGLE) * 2.0**-24
    return _fraction(2 * place, seed, draw)


def _fraction(place: Node, seed: Node, draw: Node) -> Node:
    """27 bits of the word at ``place`` and 26 of the next as a number in [0, 1), f64."""
    high = cast(right_shift(bits(place, seed, draw), 5), dtype=DOUBLE)
    low = cast(right_shift(bits(place + 1, seed, draw), 6), dtype=DOUBLE)
    return (high * 2.0**26 + low) * 2.0**-53


def normal(place: Node, seed: Node, draw: Node, dtype: np.dtype) -> Node:
    """Numbers of mean 0 and deviation 1; the largest possible is 6.8 in float32, 8.6 in float64.

    Elements ``2p`` and ``2p + 1`` are ``r * cos(a)`` and ``r * sin(a)``, where ``r = sqrt(-2 * log(u))``, ``a = 2 * pi * v``, and
    ``u`` in (0, 1] and ``v`` in [0, 1) are made from the words ``2p`` and ``2p + 1`` in float32, from four words in float64.

    Source: Box and Muller, "A note on the generation of random normal deviates", Ann. Math. Statist. 29 (1958).
    """
    if is_half(dtype):
        return cast(normal(place, seed, draw, SINGLE), dtype=dtype)
    odd = bitwise_and(place, 1)
    even = place - odd
    if dtype == SINGLE:
        u = cast(bits(even, seed, draw), dtype=SINGLE) * 2.0**-32 + 2.0**-33
        v = uniform(even + 1, seed, draw, SINGLE)
    else:
        u = _fraction(2 * even, seed, draw) + 2.0**-53
        v = _fraction(2 * even + 2, seed, draw)
    quarter = 0.25 * cast(odd, dtype=dtype)  # sin(a) = cos(a - pi/2), and v - 1/4 is exact
    return sqrt(-2.0 * log(u)) * cos((2 * math.pi) * (v - quarter))


def truncated_normal(place: Node, seed: Node, draw: Node, dtype: np.dtype, low: float, high: float) -> Node:
    """Numbers of the normal distribution, given that they lie in [low, high].

    ``sqrt(2) * erfinv(uniform in [erf(low / sqrt(2)), erf(high / sqrt(2))))``: coarse where both bounds are far out on one side.
    """
    if is_half(dtype):
        return cast(truncated_normal(place, seed, draw, SINGLE, low, high), dtype=dtype)
    begin, end = math.erf(low / math.sqrt(2)), math.erf(high / math.sqrt(2))
    out = math.sqrt(2) * erfinv(begin + (end - begin) * uniform(place, seed, draw, dtype))
    return clip(out, filled(out, low), filled(out, high))


def erfinv(x: Node) -> Node:
    """The inverse of ``erf``, within a few ulp up to the ends: inf at 1, -inf at -1, NaN beyond.

    In float64 a step of Halley's method follows, on ``erf(y) - x`` for small ``x`` and on ``(1 - x) - erfc(y)`` for large ones.

    Source: the form of the first estimate, but not its coefficients, is that of Giles, "Approximating the erfinv function",
    GPU Computing Gems, Jade edition (2011).
    """
    size = absolute(x)
    inside = where(less(size, 1.0), x, 0.0)
    w = -log((1.0 - inside) * (1.0 + inside))
    far, middle = FAR[x.dtype]
    y = inside * where(less(w, NEAR_END), _polynomial(NEAR, w - NEAR_END / 2), _polynomial(far, sqrt(w) - middle))
    if x.dtype == DOUBLE:
        rest = (1.0 - absolute(inside)) - erfc(absolute(y))
        excess = where(less(size, 0.5), erf(y) - inside, where(less(x, 0.0), -rest, rest))
        step = excess * exp(y * y) * (math.sqrt(math.pi) / 2)
        y = y - step / (1.0 + y * step)
    ends = where(equal(size, 1.0), copysign(filled(x, math.inf), x), math.nan)
    return where(less(size, 1.0), y, ends)


# erfinv(x) / x as polynomials, highest power first, fitted to the least largest relative error: about w = -log(1 - x*x) = 2.5
# with the error 9e-8, and in sqrt(w) about 3 up to w = 16, as far as float32 goes, with 7e-8, or about 4 up to w = 37 with 7e-7
NEAR_END = 5.0
NEAR = (
    2.853504882e-08, 3.437274075e-07, -3.528862656e-06, -4.396785037e-06, 0.0002186022054, -0.001253707504, -0.004177707758,
    0.2466407261, 1.501409422,
)  # fmt: skip
FAR = {
    SINGLE: (
        (-0.0001814707843, 9.491649848e-05, 0.001322906799, -0.003668655443, 0.005751298261, -0.007623197867, 0.009437217249,
         1.001674083, 2.832976953),
        3.0,
    ),
    DOUBLE: (
        (-1.30536122e-06, 1.964749843e-05, -6.939014111e-05, 7.972169309e-05, -5.163540071e-05, 0.0002756441964,
         -0.000918928205, 0.001282389892, 1.009504641, 3.839782274),
        4.0,
    ),
}  # fmt: skip


def _polynomial(coefficients: Sequence[float], x: Node) -> Node:
    out = filled(x, coefficients[0])
    for c in coefficients[1:]:
        out = out * x + c
    return out


def bernoulli(place: Node, seed: Node, draw: Node, p: Node) -> Node:
    """True with the probabilities ``p``, rounded up to multiples of ``2**-32``."""
    return less(cast(bits(place, seed, draw), dtype=INDEX), cast(ceil(p * 2.0**32), dtype=INDEX))


def integers(place: Node, seed: Node, draw: Node, low: Node, high: Node) -> Node:
    """Integers in [low, high), i64; ``low`` where there are none.

    ``low + floor(r * (high - low) / 2**64)`` for 64 random bits ``r``: no two probabilities differ by more than ``2**-64``, which
    is nothing beside ``1 / (high - low)`` while that is far above ``2**-64``. The range holds less than ``2**63`` integers.
    """
    span = cast(maximum(high - low, 0), dtype=LONG)
    first, second = _long_bits(place, seed, draw)
    upper, lower = right_shift(span, 32), bitwise_and(span, 0xFFFFFFFF)
    middle, other = first * lower, second * upper
    carry = right_shift(second * lower, 32) + bitwise_and(middle, 0xFFFFFFFF) + bitwise_and(other, 0xFFFFFFFF)
    scaled = first * upper + right_shift(middle, 32) + right_shift(other, 32) + right_shift(carry, 32)
    return low + cast(scaled, dtype=INDEX)


def permutation(size: Dim, seed: Node, draw: Node) -> Node:
    """The integers below ``size`` in random order, i64: the order of as many numbers of 64 random bits."""
    high, low = _long_bits(places((size,)), seed, draw)
    return argsort(high * 2**32 + low)
