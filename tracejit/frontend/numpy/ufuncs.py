"""NumPy's ufuncs, and functions of each element that are not among them."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.frontend.elementwise import Body, elementwise, ufunc
from tracejit.frontend.lift import Operand, cast, lift
from tracejit.frontend.public import hand_out, lifted, opened, registered, write_out
from tracejit.frontend.shapes import broadcast_nodes
from tracejit.ir import Node
from tracejit.ir.dtype import promoted
from tracejit.ops import composite
from tracejit.ops.row import ufunc_resolver

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "angle",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "cbrt",
    "ceil",
    "clip",
    "conj",
    "conjugate",
    "copysign",
    "cos",
    "cosh",
    "deg2rad",
    "degrees",
    "digamma",
    "divide",
    "divmod",
    "equal",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "fabs",
    "fix",
    "float_power",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "gcd",
    "greater",
    "greater_equal",
    "heaviside",
    "hypot",
    "imag",
    "invert",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "lcm",
    "left_shift",
    "less",
    "less_equal",
    "lgamma",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "modf",
    "multiply",
    "nan_to_num",
    "negative",
    "nextafter",
    "not_equal",
    "positive",
    "pow",
    "power",
    "rad2deg",
    "radians",
    "real",
    "reciprocal",
    "remainder",
    "right_shift",
    "rint",
    "round",
    "sigmoid",
    "sign",
    "signbit",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
    "where",
]

add = ufunc("add")
subtract = ufunc("subtract")
multiply = ufunc("multiply")
divide = ufunc("divide")
floor_divide = ufunc("floor_divide")
remainder = ufunc("remainder")
fmod = ufunc("fmod")
power = ufunc("power")
negative = ufunc("negative")
absolute = ufunc("absolute")
sign = ufunc("sign")
maximum = ufunc("maximum")
minimum = ufunc("minimum")
fmax = ufunc("fmax")
fmin = ufunc("fmin")
floor = ufunc("floor")
ceil = ufunc("ceil")
rint = ufunc("rint")
trunc = ufunc("trunc")
copysign = ufunc("copysign")
nextafter = ufunc("nextafter")
heaviside = ufunc("heaviside")
gcd = ufunc("gcd")
lcm = ufunc("lcm")
exp = ufunc("exp")
exp2 = ufunc("exp2")
expm1 = ufunc("expm1")
log = ufunc("log")
log2 = ufunc("log2")
log10 = ufunc("log10")
log1p = ufunc("log1p")
sqrt = ufunc("sqrt")
cbrt = ufunc("cbrt")
hypot = ufunc("hypot")
logaddexp = ufunc("logaddexp")
logaddexp2 = ufunc("logaddexp2")
sin = ufunc("sin")
cos = ufunc("cos")
tan = ufunc("tan")
arcsin = ufunc("arcsin")
arccos = ufunc("arccos")
arctan = ufunc("arctan")
arctan2 = ufunc("arctan2")
sinh = ufunc("sinh")
cosh = ufunc("cosh")
tanh = ufunc("tanh")
arcsinh = ufunc("arcsinh")
arccosh = ufunc("arccosh")
arctanh = ufunc("arctanh")
erf = ufunc("erf")
erfc = ufunc("erfc")
lgamma = ufunc("lgamma")
digamma = ufunc("digamma")
sigmoid = ufunc("sigmoid")
equal = ufunc("equal")
not_equal = ufunc("not_equal")
less = ufunc("less")
less_equal = ufunc("less_equal")
greater = ufunc("greater")
greater_equal = ufunc("greater_equal")
logical_and = ufunc("logical_and")
logical_or = ufunc("logical_or")
logical_xor = ufunc("logical_xor")
logical_not = ufunc("logical_not")
bitwise_and = ufunc("bitwise_and")
bitwise_or = ufunc("bitwise_or")
bitwise_xor = ufunc("bitwise_xor")
invert = ufunc("invert")
left_shift = ufunc("left_shift")
right_shift = ufunc("right_shift")
isnan = ufunc("isnan")
isinf = ufunc("isinf")
isfinite = ufunc("isfinite")
signbit = ufunc("signbit")


def _conjugate(x: Node) -> Node:
    return ops.conjugate(x) if x.dtype.kind == "c" else x


def _of_node(function: Callable[[Node], Node], numpys: np.ufunc) -> Body:
    """The body of a ufunc from a function of a node, which gets the dtype that NumPy's own works in."""
    resolve = ufunc_resolver(numpys)

    def body(x: Operand, dtype: Any = None) -> Node:
        return function(x.to(resolve(x.node().dtype)[0] if dtype is None else np.dtype(dtype)))

    return body


def _float_power(x: Operand, y: Operand, dtype: Any = None) -> Node:
    wide = promoted(np.float64, x.node().dtype, y.node().dtype)
    return elementwise("power", Operand(x.to(wide)), Operand(y.to(wide)), dtype=dtype)


positive = ufunc("positive", "``+x``.", _of_node(lambda x: x, np.positive))
square = ufunc("square", "``x * x``.", _of_node(composite.square, np.square))
reciprocal = ufunc("reciprocal", "``1 / x``; of integers, rounded towards zero.", _of_node(composite.reciprocal, np.reciprocal))
conjugate = ufunc("conjugate", "The complex conjugate; real numbers as they are.", _of_node(_conjugate, np.conjugate))
deg2rad = ufunc("deg2rad", "Degrees to radians.", _of_node(composite.deg2rad, np.deg2rad))
rad2deg = ufunc("rad2deg", "Radians to degrees.", _of_node(composite.rad2deg, np.rad2deg))
radians = ufunc("radians", "Degrees to radians.", _of_node(composite.deg2rad, np.deg2rad))
degrees = ufunc("degrees", "Radians to degrees.", _of_node(composite.rad2deg, np.rad2deg))
float_power = ufunc("float_power", "``x ** y`` in at least float64.", _float_power)


abs = absolute
acos, acosh, asin, asinh, atan, atan2, atanh = arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh
bitwise_left_shift, bitwise_not, bitwise_right_shift = left_shift, invert, right_shift
conj = conjugate
mod = remainder
pow = power
true_divide = divide


@registered
def divmod(x1: Any, x2: Any) -> tuple[Any, Any]:
    """``(x1 // x2, x1 % x2)``."""
    return floor_divide(x1, x2), remainder(x1, x2)


@lifted()
def modf(x: Node) -> tuple[Node, Node]:
    """The fractional and the integral part of each element, both with its sign."""
    x = cast(x, ufunc_resolver(np.modf)(x.dtype)[0])
    whole = elementwise("trunc", Operand(x))
    fraction = elementwise("where", Operand(elementwise("isinf", Operand(whole))), Operand(0.0, weak=True), Operand(x - whole))
    return elementwise("copysign", Operand(fraction), Operand(x)), whole


@lifted()
def real(val: Node) -> Node:
    """The real part."""
    return ops.real(val) if val.dtype.kind == "c" else val


@lifted()
def imag(val: Node) -> Node:
    """The imaginary part; zeros for real numbers."""
    return ops.imag(val) if val.dtype.kind == "c" else composite.full(val.shape, 0, val.dtype)


@lifted()
def angle(z: Node, deg: bool = False) -> Node:
    """The angle of each complex number, in radians or degrees."""
    if z.dtype.kind == "c":
        out = ops.arctan2(ops.imag(z), ops.real(z))
    else:
        out = elementwise("arctan2", Operand(0, weak=True), Operand(z))
    return composite.rad2deg(out) if deg else out


@registered
def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """``x`` where ``condition`` is true, ``y`` elsewhere; the three are broadcast together.

    Derivative: of what was taken; the other one never makes it NaN.
    """
    if x is None or y is None:
        raise TypeError("where: both x and y are needed; where(condition) alone has a result whose size depends on the data")
    with opened(condition, x, y):
        test, *branches = (lift(a, "where") for a in (condition, x, y))
        _, *dtypes, _ = ops.where.resolve(np.dtype(bool), *(b.kind for b in branches))
        nodes = (cast(test.node(), bool), *(b.to(d) for b, d in zip(branches, dtypes, strict=True)))
        return hand_out(ops.where(*broadcast_nodes(nodes, "where", ("condition", "x", "y"))))


@registered
def clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """``a`` held between the bounds; None is no bound. Derivative: at a bound, as of ``maximum`` and ``minimum``."""
    low, high = min if a_min is None else a_min, max if a_max is None else a_max
    with opened(a, low, high, out):
        held = lift(a, "clip")
        for name, bound in (("maximum", low), ("minimum", high)):
            if bound is not None:
                held = Operand(elementwise(name, held, lift(bound, "clip")))
        return hand_out(held.node()) if out is None else write_out(out, held.node(), "clip")


@lifted()
def round(a: Node, decimals: int = 0) -> Node:
    """To the nearest multiple of ``10**-decimals``, halves to even."""
    if a.dtype.kind in "biu" and decimals >= 0:
        return a
    if decimals == 0:
        return ops.rint(a)
    scale = 10.0 ** builtins.abs(decimals)
    if a.dtype.kind in "iu":
        wide = ops.rint(cast(a, np.float64) / scale) * scale
        return cast(wide, a.dtype)
    return ops.rint(a * scale) / scale if decimals > 0 else ops.rint(a / scale) * scale


@lifted()
def nan_to_num(x: Node, copy: bool = True, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Node:
    """``x`` with NaN and infinities replaced: by 0 and the greatest and least finite numbers, where not said otherwise."""
    return composite.nan_to_num(x, nan, posinf, neginf)


@lifted()
def fabs(x: Node) -> Node:
    """The absolute value, as a float."""
    return ops.absolute(cast(x, ufunc_resolver(np.fabs)(x.dtype)[0]))


@lifted()
def fix(x: Node) -> Node:
    """The integral part."""
    return elementwise("trunc", Operand(x))


@lifted()
def isposinf(x: Node) -> Node:
    """Whether an element is inf."""
    return elementwise("equal", Operand(x), Operand(np.inf, weak=True))


@lifted()
def isneginf(x: Node) -> Node:
    """Whether an element is -inf."""
    return elementwise("equal", Operand(x), Operand(-np.inf, weak=True))


@lifted()
def sinc(x: Node) -> Node:
    """``sin(pi * x) / (pi * x)``, 1 at 0."""
    return composite.sinc(composite.floating(x))


@lifted(2)
def isclose(a: Node, b: Node, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Node:
    """Whether ``|a - b| <= atol + rtol * |b|``; infinities are close to themselves."""
    dtype = promoted(a.dtype, b.dtype, np.float32 if a.dtype.kind == b.dtype.kind == "b" else b.dtype)
    x, y = broadcast_nodes([composite.floating(cast(n, dtype)) for n in (a, b)], "isclose")
    return composite.isclose(x, y, rtol, atol, equal_nan)
