"""Kernels of each element. Operands have the dtype that PyTorch promotes them to."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.torch.kernels.kernel import Kernel, kernel, row, row1, spread
from tracejit.ir import Node
from tracejit.ir.dtype import family
from tracejit.ops import composite
from tracejit.ops.row import filled

add = row("add", "Add", np.add)
sub = row("subtract", "Sub", np.subtract)
mul = row("multiply", "Mul", np.multiply)
div = row("divide", "Div", np.divide)
floor_divide = row("floor_divide", "FloorDivide", np.floor_divide)
remainder = row("remainder", "Remainder", np.remainder)
fmod = row("fmod", "Fmod", np.fmod)
maximum = row("maximum", "Maximum", np.maximum)
minimum = row("minimum", "Minimum", np.minimum)
fmax = row("fmax", "Fmax", np.fmax)
fmin = row("fmin", "Fmin", np.fmin)
atan2 = row("arctan2", "Atan2", np.arctan2)
hypot = row("hypot", "Hypot", np.hypot)
copysign = row("copysign", "Copysign", np.copysign)
logaddexp = row("logaddexp", "Logaddexp", np.logaddexp)
logaddexp2 = row("logaddexp2", "Logaddexp2", np.logaddexp2)
eq = row("equal", "Eq", np.equal)
ne = row("not_equal", "Ne", np.not_equal)
lt = row("less", "Lt", np.less)
le = row("less_equal", "Le", np.less_equal)
gt = row("greater", "Gt", np.greater)
ge = row("greater_equal", "Ge", np.greater_equal)
bitwise_and = row("bitwise_and", "BitwiseAnd", np.bitwise_and)
bitwise_or = row("bitwise_or", "BitwiseOr", np.bitwise_or)
bitwise_xor = row("bitwise_xor", "BitwiseXor", np.bitwise_xor)
left_shift = row("left_shift", "LeftShift", np.left_shift)
right_shift = row("right_shift", "RightShift", np.right_shift)
logical_and = row("logical_and", "LogicalAnd", np.logical_and)
logical_or = row("logical_or", "LogicalOr", np.logical_or)
logical_xor = row("logical_xor", "LogicalXor", np.logical_xor)
logical_not = row1("logical_not", "LogicalNot", np.logical_not)
bitwise_not = row1("invert", "BitwiseNot", np.invert)
neg = row1("negative", "Neg", np.negative)
abs = row1("absolute", "Abs", np.absolute)
sign = row1("sign", "Sign", np.sign)
floor = row1("floor", "Floor", np.floor)
ceil = row1("ceil", "Ceil", np.ceil)
round = row1("rint", "Round", np.rint)
trunc = row1("trunc", "Trunc", np.trunc)
exp = row1("exp", "Exp", np.exp)
exp2 = row1("exp2", "Exp2", np.exp2)
expm1 = row1("expm1", "Expm1", np.expm1)
log = row1("log", "Log", np.log)
log2 = row1("log2", "Log2", np.log2)
log10 = row1("log10", "Log10", np.log10)
log1p = row1("log1p", "Log1P", np.log1p)
sqrt = row1("sqrt", "Sqrt", np.sqrt)
sin = row1("sin", "Sin", np.sin)
cos = row1("cos", "Cos", np.cos)
tan = row1("tan", "Tan", np.tan)
asin = row1("arcsin", "Asin", np.arcsin)
acos = row1("arccos", "Acos", np.arccos)
atan = row1("arctan", "Atan", np.arctan)
sinh = row1("sinh", "Sinh", np.sinh)
cosh = row1("cosh", "Cosh", np.cosh)
tanh = row1("tanh", "Tanh", np.tanh)
asinh = row1("arcsinh", "Asinh", np.arcsinh)
acosh = row1("arccosh", "Acosh", np.arccosh)
atanh = row1("arctanh", "Atanh", np.arctanh)
sigmoid = row1("sigmoid", "Sigmoid")
softplus = row1("softplus", "Softplus")
erf = row1("erf", "Erf")
erfc = row1("erfc", "Erfc")
lgamma = row1("lgamma", "Lgamma")
digamma = row1("digamma", "Digamma")
isnan = row1("isnan", "Isnan", np.isnan)
isinf = row1("isinf", "Isinf", np.isinf)
isfinite = row1("isfinite", "Isfinite", np.isfinite)
signbit = row1("signbit", "Signbit", np.signbit)
relu = Kernel("Relu", composite.relu, lambda x: np.maximum(x, 0))
gelu = Kernel("Gelu", composite.gelu)
silu = Kernel("Silu", composite.silu)
nan_to_num = Kernel("NanToNum", composite.nan_to_num)
reciprocal = Kernel("Reciprocal", lambda x: 1.0 / x, lambda x: 1.0 / x)
rsqrt = Kernel("Rsqrt", composite.rsqrt, lambda x: 1.0 / np.sqrt(x))
square = Kernel("Pow", composite.square, np.square)


def _cast(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return (x.real if x.dtype.kind == "c" and dtype.kind != "c" else x).astype(dtype)


@kernel("ToCopy", _cast)
def cast(x: Node, dtype: np.dtype) -> Node:
    """``x`` in another dtype."""
    return ops.cast(x, dtype=dtype)


@kernel("Where", np.where)
def where(c: Node, x: Any, y: Any) -> Node:
    """``x`` where ``c`` is true, ``y`` elsewhere; one of the two is a node."""
    return ops.where(*spread(c, x, y))


def _clamped(x: np.ndarray, low: Any, high: Any) -> np.ndarray:
    out = x if low is None else np.maximum(x, low)
    return out if high is None else np.minimum(out, high)


@kernel("Clamp", _clamped)
def clamp(x: Node, low: Any, high: Any) -> Node:
    """``min(max(x, low), high)``. Derivative: 1 at the bounds, 0 beyond."""
    if low is not None:
        low = low if isinstance(low, Node) else filled(x, low)
        x, low = spread(x, low)
        x = ops.where(ops.less(x, low), low, x)
    if high is not None:
        high = high if isinstance(high, Node) else filled(x, high)
        x, high = spread(x, high)
        x = ops.where(ops.greater(x, high), high, x)
    return x


clamp_low = Kernel("Clamp", lambda x, low: clamp.body(x, low, None), lambda x, low: _clamped(x, low, None))
clamp_high = Kernel("Clamp", lambda x, high: clamp.body(x, None, high), lambda x, high: _clamped(x, None, high))

_POWERS: dict[float, tuple[Any, Any]] = {  # bodies and NumPy's ways of exponents that PyTorch does not call pow for
    1: (lambda x: x * 1, lambda x: x * 1),
    2: (lambda x: x * x, np.square),
    3: (lambda x: x * x * x, lambda x: x * x * x),
    0.5: (ops.sqrt, np.sqrt),
    -0.5: (lambda x: 1.0 / ops.sqrt(x), lambda x: 1.0 / np.sqrt(x)),
    -1: (lambda x: 1.0 / x, lambda x: 1.0 / x),
    -2: (lambda x: 1.0 / (x * x), lambda x: 1.0 / (x * x)),
}


def _simple(x: Any, y: Any) -> tuple[Any, Any] | None:
    """The ways for an exponent that is one of a few numbers."""
    if type(y) not in (int, float):
        return None
    return _POWERS.get(y) if family(x.dtype) in "fc" or y in (1, 2, 3) else None


def _power(x: Any, y: Any) -> Any:
    simple = _simple(x, y)
    return simple[1](x) if simple else np.power(x, y)


@kernel("Pow", _power)
def pow(x: Node, y: Any) -> Node:
    """``x ** y``. Derivative in ``x``: 0 for exponent 0."""
    simple = _simple(x, y)
    if simple:
        out: Node = simple[0](x)
        return out
    return ops.power(*spread(x, y))
