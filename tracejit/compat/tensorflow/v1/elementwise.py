"""Functions of each element, and the operators, as operations of a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow import arithmetic
from tracejit.compat.tensorflow.convert import aligned
from tracejit.compat.tensorflow.dtypes import as_dtype
from tracejit.compat.tensorflow.dtypes import bool as boolean
from tracejit.compat.tensorflow.errors import DTypeMismatchError, fail
from tracejit.compat.tensorflow.v1.construct import as_tensor, building, make, tensors_in, through
from tracejit.compat.tensorflow.v1.operation import Tensor
from tracejit.compat.tensorflow.v1.operators import operator
from tracejit.ir import Node
from tracejit.ir.dtype import family
from tracejit.ops import composite

__all__ = [
    "abs",
    "accumulate_n",
    "acos",
    "acosh",
    "add",
    "add_n",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cast",
    "ceil",
    "clip_by_value",
    "cos",
    "cosh",
    "digamma",
    "div",
    "divide",
    "equal",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "floor",
    "floordiv",
    "greater",
    "greater_equal",
    "is_finite",
    "is_inf",
    "is_nan",
    "less",
    "less_equal",
    "lgamma",
    "log",
    "log1p",
    "log_sigmoid",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "negative",
    "not_equal",
    "pow",
    "realdiv",
    "reciprocal",
    "rint",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "squared_difference",
    "stop_gradient",
    "subtract",
    "tan",
    "tanh",
    "to_double",
    "to_float",
    "to_int32",
    "to_int64",
    "truediv",
    "where",
]

NUMBERS, REALS, FLOATS, REAL_FLOATS, TRUTHS, ANY = "iufc", "iuf", "fc", "f", "b", "biufc"
Compute = Callable[..., Any]


def check_kinds(x: Tensor, kinds: str, type: str) -> None:
    """TypeError where the dtype of ``x`` is none that the operation takes."""
    if family(x.dtype.numpy) not in kinds:
        allowed = ", ".join(name for kind, name in _KIND_NAMES.items() if kind in kinds)
        fail(
            DTypeMismatchError,
            f"Value passed to parameter 'x' of '{type}' has DataType {x.dtype.name} not in list of allowed values: {allowed}",
        )


_KIND_NAMES = {
    "b": "bool",
    "i": "int8, int16, int32, int64",
    "u": "uint8, uint16, uint32, uint64",
    "f": "float32, float64",
    "c": "complex64, complex128",
}


def pair(x: Any, y: Any, type: str) -> tuple[Tensor, Tensor]:
    """Two operands as tensors of one dtype: that of the tensor among them, else that of the first."""
    if not tensors_in(x) and (
        tensors_in(y) or (isinstance(y, np.ndarray | np.generic) and not isinstance(x, np.ndarray | np.generic))
    ):
        b = as_tensor(y, name="y")
        return as_tensor(x, name="x", like=b.dtype, op=type, place=0), b
    a = as_tensor(x, name="x")
    return a, as_tensor(y, name="y", like=a.dtype, op=type, place=1)


def unary(type: str, compute: Compute, kinds: str = FLOATS, doc: str | None = None, dtype: Any = None) -> Compute:
    """A public function of one operand, by what it computes on nodes."""

    def function(x: Any, name: str | None = None) -> Tensor:
        with building(name, type, x) as scope:
            tensor = as_tensor(x, name="x")
            check_kinds(tensor, kinds, type)
            return make(type, compute, [tensor], scope, dtype)

    out: Compute = named(function, type, doc or compute.__doc__)
    return out


def binary(
    type: str, compute: Compute, kinds: str = NUMBERS, doc: str | None = None, dtype: Any = None, default: str = ""
) -> Compute:
    """A public function of two operands of one dtype, which are broadcast."""

    def function(x: Any, y: Any, name: str | None = None) -> Tensor:
        with building(name, default or type, x, y) as scope:
            a, b = pair(x, y, type)
            check_kinds(a, kinds, type)
            return make(type, compute, [a, b], scope, dtype)

    out: Compute = named(function, type, doc or compute.__doc__)
    return out


def named(function: Any, name: str, doc: str | None) -> Any:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def _truncated_divide(x: Node, y: Node) -> Node:
    """``x / y``; of integers rounded towards zero."""
    if family(x.dtype) == "f":
        return ops.divide(x, y)
    whole = ops.floor_divide(x, y)
    inexact = ops.not_equal(ops.remainder(x, y), 0)
    opposite = ops.not_equal(ops.less(x, 0), ops.less(y, 0))
    return ops.where(ops.logical_and(inexact, opposite), whole + 1, whole)


def _squared_difference(x: Node, y: Node) -> Node:
    """``(x - y) * (x - y)``."""
    difference = ops.subtract(x, y)
    return difference * difference


_add, _sub, _mul = through(arithmetic.add), through(arithmetic.subtract), through(arithmetic.multiply)
_div, _floordiv, _mod, _pow = (through(f) for f in (arithmetic.divide, arithmetic.floordiv, arithmetic.mod, arithmetic.power))


def both(compute: Callable[[Node, Node], Node]) -> Compute:
    """What two operands are broadcast for."""
    return lambda x, y: compute(*aligned(x, y, "op"))


add = binary("Add", _add, doc="``x + y``.")
subtract = binary("Sub", _sub, doc="``x - y``.")
multiply = binary("Mul", _mul, doc="``x * y``.")
truediv = binary("RealDiv", _div, doc="``x / y``; of integers in float64, of 8 and 16 bits in float32.", default="truediv")
realdiv = binary("RealDiv", _div, FLOATS, doc="``x / y`` of floats.")
floordiv = binary("FloorDiv", _floordiv, REALS, doc="The largest integer at most ``x / y``.", default="floordiv")
div = binary("Div", both(_truncated_divide), REALS, default="div")
mod = binary("FloorMod", _mod, REALS, doc="``x - floor(x / y) * y``.")
pow = binary("Pow", _pow, doc="``x ** y``.")
maximum = binary("Maximum", through(arithmetic.maximum), REALS, doc="The larger. Derivative: to the first operand at a tie.")
minimum = binary("Minimum", through(arithmetic.minimum), REALS, doc="The smaller. Derivative: to the first operand at a tie.")
squared_difference = binary("SquaredDifference", both(_squared_difference))
atan2 = binary("Atan2", both(ops.arctan2), REAL_FLOATS)
less = binary("Less", both(ops.less), REALS, dtype=boolean)
less_equal = binary("LessEqual", both(ops.less_equal), REALS, dtype=boolean)
greater = binary("Greater", both(ops.greater), REALS, dtype=boolean)
greater_equal = binary("GreaterEqual", both(ops.greater_equal), REALS, dtype=boolean)
equal = binary("Equal", both(ops.equal), ANY, dtype=boolean)
not_equal = binary("NotEqual", both(ops.not_equal), ANY, dtype=boolean)
logical_and = binary("LogicalAnd", both(ops.logical_and), TRUTHS)
logical_or = binary("LogicalOr", both(ops.logical_or), TRUTHS)
logical_xor = binary("LogicalXor", both(ops.logical_xor), TRUTHS, default="LogicalXor")

negative = unary("Neg", ops.negative, NUMBERS)
abs = unary("Abs", ops.absolute, NUMBERS)
sign = unary("Sign", ops.sign, NUMBERS)
square = unary("Square", composite.square, NUMBERS)
sqrt = unary("Sqrt", ops.sqrt)
rsqrt = unary("Rsqrt", composite.rsqrt, doc="``1 / sqrt(x)``.")
reciprocal = unary("Reciprocal", composite.reciprocal)
exp = unary("Exp", ops.exp)
expm1 = unary("Expm1", ops.expm1)
log = unary("Log", ops.log)
log1p = unary("Log1p", ops.log1p)
sin, cos, tan = unary("Sin", ops.sin), unary("Cos", ops.cos), unary("Tan", ops.tan)
asin, acos, atan = unary("Asin", ops.arcsin), unary("Acos", ops.arccos), unary("Atan", ops.arctan)
sinh, cosh, tanh = unary("Sinh", ops.sinh), unary("Cosh", ops.cosh), unary("Tanh", ops.tanh)
asinh, acosh, atanh = unary("Asinh", ops.arcsinh), unary("Acosh", ops.arccosh), unary("Atanh", ops.arctanh)
sigmoid = unary("Sigmoid", ops.sigmoid, REAL_FLOATS)
erf, erfc = unary("Erf", ops.erf, REAL_FLOATS), unary("Erfc", ops.erfc, REAL_FLOATS)
lgamma, digamma = unary("Lgamma", ops.lgamma, REAL_FLOATS), unary("Digamma", ops.digamma, REAL_FLOATS)
floor = unary("Floor", ops.floor, REAL_FLOATS)
ceil = unary("Ceil", ops.ceil, REAL_FLOATS)
rint = unary("Rint", ops.rint, REAL_FLOATS)
round = unary("Round", lambda x: ops.rint(x) if family(x.dtype) == "f" else x, NUMBERS, "To the nearest integer, halves to even.")
logical_not = unary("LogicalNot", ops.logical_not, TRUTHS)
is_nan = unary("IsNan", ops.isnan, REAL_FLOATS, dtype=boolean)
is_inf = unary("IsInf", ops.isinf, REAL_FLOATS, dtype=boolean)
is_finite = unary("IsFinite", ops.isfinite, REAL_FLOATS, dtype=boolean)
stop_gradient = unary("StopGradient", ops.stop_gradient, ANY)


def divide(x: Any, y: Any, name: str | None = None) -> Tensor:
    """``x / y``."""
    return truediv(x, y, name)  # type: ignore[no-any-return]


def cast(x: Any, dtype: Any, name: str | None = None) -> Tensor:
    """``x`` in another dtype; floats lose their fractions on the way to integers."""
    wanted = as_dtype(dtype)
    with building(name, "Cast", x) as scope:
        tensor = as_tensor(x, name="x")
        if tensor.dtype == wanted:
            return tensor
        return make("Cast", lambda node: ops.cast(node, dtype=wanted.numpy), [tensor], scope, wanted)


def to_float(x: Any, name: str = "ToFloat") -> Tensor:
    """``x`` in float32."""
    return cast(x, np.float32, name)


def to_double(x: Any, name: str = "ToDouble") -> Tensor:
    """``x`` in float64."""
    return cast(x, np.float64, name)


def to_int32(x: Any, name: str = "ToInt32") -> Tensor:
    """``x`` in int32."""
    return cast(x, np.int32, name)


def to_int64(x: Any, name: str = "ToInt64") -> Tensor:
    """``x`` in int64."""
    return cast(x, np.int64, name)


def add_n(inputs: Sequence[Any], name: str | None = None) -> Tensor:
    """The sum of tensors of one shape."""
    if not isinstance(inputs, list | tuple) or not inputs:
        fail(ValueError, "inputs must be an iterable of at least one Tensor/IndexedSlices with the same dtype and shape")

    def compute(*nodes: Node) -> Node:
        total = nodes[0]
        for node in nodes[1:]:
            total = ops.add(*aligned(total, node, "AddN"))
        return total

    with building(name, "AddN", inputs) as scope:
        first = as_tensor(inputs[0], name="inputs_0")
        rest = [as_tensor(x, name=f"inputs_{i}", like=first.dtype, op="AddN", place=i) for i, x in enumerate(inputs[1:], 1)]
        for x in rest:
            if not x.shape.is_compatible_with(first.shape):
                fail(ValueError, f"add_n: shapes differ: {first.shape} and {x.shape}; the tensors must have one shape")
        return make("AddN", compute, [first, *rest], scope)


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Tensor:
    """``t`` held between two bounds. Derivative: 1 at a bound."""
    with building(name, "clip_by_value", t, clip_value_min, clip_value_max) as scope:
        below = minimum(t, clip_value_max, "Minimum")
        return maximum(below, clip_value_min, scope)  # type: ignore[no-any-return]


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """``x`` where ``condition`` is true, ``y`` elsewhere. Derivative: of what was taken; the other never makes it NaN."""
    if x is None or y is None:
        fail(ValueError, "where: both x and y are needed; where(condition) alone has a result whose size depends on data")

    def compute(test: Node, a: Node, b: Node) -> Node:
        a, b = aligned(a, b, "Select")
        if test.spec.rank == 1 and a.spec.rank > 1:  # TensorFlow 1 chooses whole rows
            test = ops.broadcast(test, shape=a.shape, axes=(0,))
        test, a = aligned(test, a, "Select")
        return ops.where(test, a, aligned(test, b, "Select")[1])

    with building(name, "Select", condition, x, y) as scope:
        test = as_tensor(condition, name="condition")
        check_kinds(test, TRUTHS, "Select")
        a, b = pair(x, y, "Select")
        return make("Select", compute, [test, a, b], scope, a.dtype)


def accumulate_n(inputs: Sequence[Any], shape: Any = None, tensor_dtype: Any = None, name: str | None = None) -> Tensor:
    """The sum of tensors of one shape."""
    return add_n(inputs, name or "AccumulateNV2")


def log_sigmoid(x: Any, name: str | None = None) -> Tensor:
    """``log(sigmoid(x))`` without overflow."""
    with building(name, "LogSigmoid", x) as scope:
        tensor = as_tensor(x, name="x")
        check_kinds(tensor, REAL_FLOATS, "LogSigmoid")
        return make("LogSigmoid", lambda node: -ops.softplus(-node), [tensor], scope)


# operators, under the names that TensorFlow gives their operations

for _name, _type, _compute, _kinds in (
    ("add", "Add", _add, NUMBERS),
    ("sub", "Sub", _sub, NUMBERS),
    ("mul", "Mul", _mul, NUMBERS),
    ("truediv", "RealDiv", _div, NUMBERS),
    ("floordiv", "FloorDiv", _floordiv, REALS),
    ("mod", "FloorMod", _mod, REALS),
    ("pow", "Pow", _pow, NUMBERS),
):
    operator(_name)(binary(_type, _compute, _kinds, default=_name))
for _name, _function in {
    "less": less,
    "less_equal": less_equal,
    "greater": greater,
    "greater_equal": greater_equal,
    "and": logical_and,
    "or": logical_or,
    "xor": logical_xor,
    "neg": negative,
    "abs": abs,
    "invert": logical_not,
}.items():
    operator(_name)(_function)
