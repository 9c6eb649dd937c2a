"""Functions of each element, by TensorFlow's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow import arithmetic
from tracejit.compat.tensorflow.arithmetic import FLOATS, NUMBERS, REAL_FLOATS, REALS, Binary, Unary, binary, unary
from tracejit.compat.tensorflow.convert import BOOL, aligned, node_of, pair
from tracejit.compat.tensorflow.tensor import op
from tracejit.errors import UnsupportedError
from tracejit.frontend.eager import EagerTrace, trace, value_of
from tracejit.frontend.shapes import broadcast_nodes
from tracejit.ir import Node
from tracejit.ir.dtype import family
from tracejit.ops import composite
from tracejit.runtime.device import on_host

__all__ = [
    "abs", "acos", "acosh", "add", "add_n", "asin", "asinh", "atan", "atan2", "atanh",
    "ceil", "clip_by_value", "conj", "cos", "cosh", "digamma", "divide", "divide_no_nan", "equal", "erf", "erfc", "exp", "expm1",
    "floor", "floordiv", "floormod", "greater", "greater_equal", "imag", "is_finite", "is_inf", "is_nan", "less",
    "less_equal", "lgamma", "log", "log1p", "log_sigmoid", "logical_and", "logical_not", "logical_or", "logical_xor", "maximum",
    "minimum", "mod",
    "multiply", "multiply_no_nan", "negative", "not_equal", "pow", "real", "reciprocal", "rint", "round", "rsqrt",
    "sigmoid", "sign", "sin", "sinh", "softplus", "sqrt", "square", "squared_difference", "subtract", "tan", "tanh", "truediv",
    "where", "xlogy",
]  # fmt: skip


def _public(name: str, body: Unary | Binary) -> Callable[..., Any]:
    public = op(body)
    public.__name__ = public.__qualname__ = name
    return public


def _two(name: str, body: Binary) -> Callable[..., Any]:
    """A public function of ``x`` and ``y``."""

    def function(x: Any, y: Any) -> Node:
        return body(x, y)

    function.__doc__ = body.__doc__
    return _public(name, function)


def _one(name: str, op_name: str, row: Callable[[Node], Node], kinds: str = FLOATS) -> Callable[..., Any]:
    """A public function of ``x``."""
    body = unary(op_name, row, kinds)

    def function(x: Any) -> Node:
        return body(x)

    function.__doc__ = row.__doc__
    return _public(name, function)


add = _two("add", arithmetic.add)
subtract = _two("subtract", arithmetic.subtract)
multiply = _two("multiply", arithmetic.multiply)
divide = _two("divide", arithmetic.divide)
floordiv = _two("floordiv", arithmetic.floordiv)
floormod = _two("floormod", arithmetic.mod)
pow = _two("pow", arithmetic.power)
maximum = _two("maximum", arithmetic.maximum)
minimum = _two("minimum", arithmetic.minimum)
less, less_equal = _two("less", arithmetic.less), _two("less_equal", arithmetic.less_equal)
greater, greater_equal = _two("greater", arithmetic.greater), _two("greater_equal", arithmetic.greater_equal)
equal, not_equal = _two("equal", arithmetic.equal), _two("not_equal", arithmetic.not_equal)
logical_and, logical_or = _two("logical_and", arithmetic.logical_and), _two("logical_or", arithmetic.logical_or)
logical_xor = _two("logical_xor", arithmetic.logical_xor)
bitwise_and, bitwise_or = _two("bitwise_and", arithmetic.bitwise_and), _two("bitwise_or", arithmetic.bitwise_or)
bitwise_xor = _two("bitwise_xor", arithmetic.bitwise_xor)
left_shift, right_shift = _two("left_shift", arithmetic.left_shift), _two("right_shift", arithmetic.right_shift)
logical_not = _public("logical_not", arithmetic.logical_not)
negative = _public("negative", arithmetic.negative)
abs = _public("abs", arithmetic.absolute)
square = _public("square", arithmetic.square)
invert = _public("invert", arithmetic.invert)
truediv, mod = divide, floormod

exp, expm1 = _one("exp", "Exp", ops.exp), _one("expm1", "Expm1", ops.expm1, REAL_FLOATS)
log, log1p = _one("log", "Log", ops.log), _one("log1p", "Log1p", ops.log1p, REAL_FLOATS)
sqrt = _one("sqrt", "Sqrt", ops.sqrt)
sin, cos, tan = (_one(n, n.title(), ops.TABLE[n], REAL_FLOATS) for n in ("sin", "cos", "tan"))
sinh, cosh, tanh = (_one(n, n.title(), ops.TABLE[n], REAL_FLOATS) for n in ("sinh", "cosh", "tanh"))
asin, acos, atan = (_one(n, n.title(), ops.TABLE[f"arc{n[1:]}"], REAL_FLOATS) for n in ("asin", "acos", "atan"))
asinh, acosh, atanh = (_one(n, n.title(), ops.TABLE[f"arc{n[1:]}"], REAL_FLOATS) for n in ("asinh", "acosh", "atanh"))
sigmoid = _one("sigmoid", "Sigmoid", ops.sigmoid, REAL_FLOATS)
erf, erfc = _one("erf", "Erf", ops.erf, REAL_FLOATS), _one("erfc", "Erfc", ops.erfc, REAL_FLOATS)
lgamma, digamma = _one("lgamma", "Lgamma", ops.lgamma, REAL_FLOATS), _one("digamma", "Digamma", ops.digamma, REAL_FLOATS)
floor, ceil = _one("floor", "Floor", ops.floor, REAL_FLOATS), _one("ceil", "Ceil", ops.ceil, REAL_FLOATS)
rint = _one("rint", "Rint", ops.rint, REAL_FLOATS)
is_nan, is_inf = _one("is_nan", "IsNan", ops.isnan, REAL_FLOATS), _one("is_inf", "IsInf", ops.isinf, REAL_FLOATS)
is_finite = _one("is_finite", "IsFinite", ops.isfinite, REAL_FLOATS)
sign = _one("sign", "Sign", ops.sign, REALS)
softplus = _one("softplus", "Softplus", ops.softplus, REAL_FLOATS)


def _reciprocal(x: Node) -> Node:
    """``1 / x``."""
    return composite.reciprocal(x)


def _rsqrt(x: Node) -> Node:
    """``1 / sqrt(x)``."""
    return composite.rsqrt(x)


def _log_sigmoid(x: Node) -> Node:
    """``log(sigmoid(x))`` without overflow."""
    return -ops.softplus(-x)


def _round(x: Node) -> Node:
    """To the nearest integer, halves to even."""
    return ops.rint(x) if family(x.dtype) == "f" else x


def _conj(x: Node) -> Node:
    """The complex conjugate; real numbers as they are."""
    return ops.conjugate(x) if x.dtype.kind == "c" else x


def _real(x: Node) -> Node:
    """The real part."""
    return ops.real(x) if x.dtype.kind == "c" else x


def _imag(x: Node) -> Node:
    """The imaginary part; zeros for real numbers."""
    return ops.imag(x) if x.dtype.kind == "c" else composite.full(x.shape, 0, x.dtype)


reciprocal, rsqrt = _one("reciprocal", "Reciprocal", _reciprocal), _one("rsqrt", "Rsqrt", _rsqrt, REAL_FLOATS)
log_sigmoid, round = _one("log_sigmoid", "Softplus", _log_sigmoid, REAL_FLOATS), _one("round", "Round", _round, REALS)
conj, real, imag = (_one(f.__name__[1:], f.__name__[1:].title(), f, NUMBERS) for f in (_conj, _real, _imag))


def _squared_difference(x: Node, y: Node) -> Node:
    """``(x - y) * (x - y)``."""
    return composite.square(x - y)


def _divide_no_nan(x: Node, y: Node) -> Node:
    """``x / y``, 0 where ``y`` is 0. Derivative: 0 there."""
    zero = ops.equal(y, 0.0)
    return ops.where(zero, 0.0, x / ops.where(zero, 1.0, y))


def _multiply_no_nan(x: Node, y: Node) -> Node:
    """``x * y``, 0 where ``y`` is 0 even if ``x`` is infinite or NaN."""
    return ops.masked_multiply(y, x)


def _xlogy(x: Node, y: Node) -> Node:
    """``x * log(y)``, 0 where ``x`` is 0."""
    zero = ops.equal(x, 0.0)
    return ops.where(zero, 0.0, x * ops.log(ops.where(zero, 1.0, y)))


squared_difference = _two("squared_difference", binary("SquaredDifference", _squared_difference, NUMBERS))
divide_no_nan = _two("divide_no_nan", binary("DivNoNan", _divide_no_nan, FLOATS))
multiply_no_nan = _two("multiply_no_nan", binary("MulNoNan", _multiply_no_nan, REAL_FLOATS))
xlogy = _two("xlogy", binary("Xlogy", _xlogy, REAL_FLOATS))
_atan2 = binary("Atan2", ops.arctan2, REAL_FLOATS)


@op
def atan2(y: Any, x: Any) -> Node:
    """The angle of the point ``(x, y)``."""
    return _atan2(y, x)


@op
def add_n(inputs: Any) -> Node:
    """The sum of tensors of one shape."""
    items = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    if not items:
        raise ValueError("add_n: inputs must be a list of at least one Tensor")
    total = node_of(items[0])
    for item in items[1:]:
        total = ops.add(*aligned(total, node_of(item, total.dtype, "AddN", 1), "AddN"))
    return total


@op
def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any) -> Node:
    """``t`` held between the bounds. Derivative: 1 at the bounds, 0 beyond."""
    return clipped(node_of(t), clip_value_min, clip_value_max)


def clipped(x: Node, low: Any, high: Any) -> Node:
    """A node held between bounds; at a bound it is taken for the one that counts."""
    x = arithmetic.larger(*aligned(x, node_of(low, x.dtype, "Maximum", 1), "Maximum"))
    return arithmetic.smaller(*aligned(x, node_of(high, x.dtype, "Minimum", 1), "Minimum"))


@op
def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """``x`` where ``condition`` is true, ``y`` elsewhere, broadcast together; without them the places where it is true.

    Derivative: of what was taken; the other one never makes it NaN.
    """
    test = arithmetic.checked(node_of(condition, BOOL, "SelectV2"), "b", "SelectV2")
    if x is None and y is None:
        return _places(test)
    if x is None or y is None:
        raise ValueError("x and y must both be non-None or both be None.")
    a, b = pair(x, y, "SelectV2")
    return ops.where(*broadcast_nodes((test, a, b), "SelectV2", ("condition", "x", "y")))


def _places(test: Node) -> Node:
    builder = trace()
    if not isinstance(builder, EagerTrace):
        raise UnsupportedError(
            f"where: the number of true elements of {test.spec} is known when the program runs\n  cure: tf.where(condition, x, y)"
        )
    return builder.leaf(np.argwhere(on_host(value_of(test))))
