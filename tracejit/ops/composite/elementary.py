"""Functions of each element, written with the rows of the table."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, ParamSpec

import numpy as np

from tracejit.errors import DTypeError
from tracejit.ir import Node
from tracejit.ir.dtype import family, finfo, is_half
from tracejit.ir.size import Dim
from tracejit.ops.comparison import equal, isfinite, isnan, less_equal, logical_and, logical_or
from tracejit.ops.elementwise import absolute, cast, maximum, minimum, where
from tracejit.ops.reduction import broadcast
from tracejit.ops.row import filled, lift
from tracejit.ops.special import erf, sigmoid
from tracejit.ops.structural import dim
from tracejit.ops.transcendental import power, sin, sqrt, tanh

P = ParamSpec("P")
SINGLE = np.dtype(np.float32)


def sized(like: Node, size: Dim) -> Node:
    """``size`` as a value of the spec of ``like``."""
    if isinstance(size, int):
        return filled(like, size)
    scalar = cast(dim(size=size), dtype=like.dtype)
    return broadcast(scalar, shape=like.shape, axes=()) if like.shape else scalar


def floating(x: Node) -> Node:
    """``x``; integers and bools as float64, as NumPy's means have it."""
    return x if family(x.dtype) in "fc" else cast(x, dtype=np.dtype(np.float64))


def in_single(function: Callable[P, Node]) -> Callable[P, Node]:
    """Decorator: halves are computed in float32 and the result is rounded once, as NumPy's means have it."""

    @functools.wraps(function)
    def computed(*args: P.args, **options: P.kwargs) -> Node:
        half = next((x.dtype for x in args if isinstance(x, Node) and is_half(x.dtype)), None)
        if half is None:
            return function(*args, **options)
        wide: Any = [cast(x, dtype=SINGLE) if isinstance(x, Node) and is_half(x.dtype) else x for x in args]
        return cast(function(*wide, **options), dtype=half)

    return computed


def truth(x: Node) -> Node:
    """Whether each element is anything but zero."""
    return x if x.dtype == bool else cast(x, dtype=np.dtype(bool))


def square(x: Node) -> Node:
    """``x * x``."""
    return x * x


def reciprocal(x: Node) -> Node:
    """``1 / x``; of integers the truncated quotient, so 0 beyond -1 and 1, and 0 of 0, which NumPy leaves undefined."""
    if x.dtype.kind in "iu":
        return where(equal(absolute(x), 1), x, 0)
    return 1.0 / x


def deg2rad(x: Node) -> Node:
    """Degrees in radians."""
    return x * (math.pi / 180)


def rad2deg(x: Node) -> Node:
    """Radians in degrees."""
    return x * (180 / math.pi)


def sinc(x: Node) -> Node:
    """``sin(pi * x) / (pi * x)``, 1 at 0. Derivative: 0 at 0."""
    zero = equal(x, 0.0)
    angle = where(zero, 1.0, math.pi * x)
    return where(zero, 1.0, sin(angle) / angle)


def root(x: Node) -> Node:
    """The square root. Derivative: 0 at 0, where that of ``sqrt`` is inf."""
    return where(equal(x, 0.0), 0.0, sqrt(x))


def clip(x: Node, low: Node | None, high: Node | None) -> Node:
    """``minimum(maximum(x, low), high)``. Derivative: 0.5 at the bounds, 0 beyond."""
    out = x if low is None else maximum(x, low)
    return out if high is None else minimum(out, high)


def nan_to_num(x: Node, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Node:
    """NaN and infinities replaced; these by the largest finite numbers where None. Derivative: 0 where replaced."""
    if x.dtype.kind == "c":
        raise DTypeError(f"nan_to_num: {x.spec} has two parts; replace them in its real and imaginary part")
    if family(x.dtype) != "f":
        return x
    largest = float(finfo(x.dtype).max)
    out = where(equal(x, math.inf), largest if posinf is None else posinf, x)
    out = where(equal(x, -math.inf), -largest if neginf is None else neginf, out)
    return where(isnan(x), nan, out)


def isclose(x: Node, y: Node, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Node:
    """Whether ``|x - y| <= atol + rtol * |y|``; infinities are close to themselves, NaN to NaN if ``equal_nan``."""
    x, y = floating(x), floating(y)
    near = less_equal(absolute(x - y), atol + rtol * absolute(y))
    close = logical_or(logical_and(near, isfinite(y)), equal(x, y))
    return logical_or(close, logical_and(isnan(x), isnan(y))) if equal_nan else close


def relu(x: Node) -> Node:
    """``max(x, 0)``. Derivative: 0 at 0."""
    return where(less_equal(x, 0.0), 0.0, x)


def gelu(x: Node, approximate: bool = False) -> Node:
    """``x`` times the normal distribution function of ``x``.

    ``x * (1 + erf(x / sqrt(2))) / 2``, or, ``approximate``, ``x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))) / 2``

    Worst error: 1.8 ulp in f32, 1.7 in f64; below -0.5, 0.9 and 1.5 ulp of the larger of the result and 1.
    Source: Hendrycks and Gimpel, arXiv:1606.08415, section 2.
    """
    if approximate:
        return 0.5 * x * (1.0 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))
    return 0.5 * x * (1.0 + erf(x * math.sqrt(0.5)))


def silu(x: Node) -> Node:
    """``x * sigmoid(x)``."""
    return x * sigmoid(x)


def rsqrt(x: Node) -> Node:
    """``1 / sqrt(x)``.

    Worst error: 1.5 ulp in f32, 1.5 in f64.
    """
    return 1.0 / sqrt(x)


def float_power(x: Node, y: Node) -> Node:
    """``x**y`` in float64."""
    wide = np.dtype(np.float64)
    return power(cast(x, dtype=wide), cast(y, dtype=wide))


def full(shape: tuple[Dim, ...], value: Any, dtype: np.dtype) -> Node:
    """A number, or a node of rank 0, at every element."""
    scalar = value if isinstance(value, Node) else lift(value, dtype)
    return broadcast(scalar, shape=shape, axes=()) if shape else scalar
