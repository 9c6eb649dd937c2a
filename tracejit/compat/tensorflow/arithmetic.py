"""Arithmetic of each element on nodes, with TensorFlow's dtypes, errors and derivatives at ties.

Operands are whatever a user passes; results are nodes of the current builder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow.convert import BOOL, aligned, node_of, pair
from tracejit.compat.tensorflow.errors import InvalidArgumentError, fail, unsupported_dtype
from tracejit.frontend.lift import cast
from tracejit.ir import Node, current
from tracejit.ir.dtype import family
from tracejit.ops import composite
from tracejit.ops.row import number

NUMBERS, REALS, FLOATS, REAL_FLOATS, INTEGERS, BOOLS, ANY = "iufc", "iuf", "fc", "f", "iu", "b", "biufc"

_ALLOWED = {
    NUMBERS: "bfloat16, half, float, double, int8, int16, int32, int64, uint8, uint16, uint32, uint64, complex64, complex128",
    REALS: "bfloat16, half, float, double, int8, int16, int32, int64, uint8, uint16, uint32, uint64",
    FLOATS: "bfloat16, half, float, double, complex64, complex128",
    REAL_FLOATS: "bfloat16, half, float, double",
    INTEGERS: "int8, int16, int32, int64, uint8, uint16, uint32, uint64",
    BOOLS: "bool",
}

Unary = Callable[[Any], Node]
Binary = Callable[[Any, Any], Node]
Comparison = Callable[[Node, Node], Node]


def checked(node: Node, kinds: str, op: str) -> Node:
    """``node``, whose dtype must be of one of these kinds."""
    if family(node.dtype) not in kinds:
        unsupported_dtype(op, node.dtype, _ALLOWED[kinds])
    return node


def unary(op: str, body: Callable[[Node], Node], kinds: str) -> Unary:
    """A function of one operand by its body on nodes."""

    def function(x: Any) -> Node:
        return body(checked(node_of(x, op=op), kinds, op))

    _name(function, op, body.__doc__)
    return function


def binary(op: str, body: Callable[[Node, Node], Node], kinds: str) -> Binary:
    """A function of two operands, brought to one dtype and shape."""

    def function(x: Any, y: Any) -> Node:
        a, b = pair(x, y, op)
        return body(*aligned(checked(a, kinds, op), b, op))

    _name(function, op, body.__doc__)
    return function


def _name(function: Any, name: str, doc: str | None) -> None:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc


def larger(x: Node, y: Node) -> Node:
    """The larger; NaN if either is. Derivative: to the larger, to the first operand at a tie."""
    return ops.maximum(x, y) if family(x.dtype) != "f" else _chosen(x, y, ops.greater_equal, ops.less)


def smaller(x: Node, y: Node) -> Node:
    """The smaller; NaN if either is. Derivative: to the smaller, to the first operand at a tie."""
    return ops.minimum(x, y) if family(x.dtype) != "f" else _chosen(x, y, ops.less_equal, ops.greater)


def _chosen(x: Node, y: Node, keeps: Comparison, yields: Comparison) -> Node:
    """``x`` where it keeps its place before ``y``, at a tie and where it is NaN, too; the numbers of the graph are no NaN."""
    if number(y) is not None:
        return ops.where(yields(x, y), y, x)
    kept = keeps(x, y)
    return ops.where(kept if number(x) is not None else ops.logical_or(kept, ops.isnan(x)), x, y)


def _true_divide(x: Node, y: Node) -> Node:
    """``x / y``; of integers in float64, of 8 and 16 bits in float32."""
    if x.dtype.kind in "iu":
        wide = np.dtype(np.float32 if x.dtype.itemsize <= 2 else np.float64)
        x, y = cast(x, wide), cast(y, wide)
    return ops.divide(x, y)


def _power(x: Node, y: Node) -> Node:
    """``x ** y``. Derivative: 0 in ``x`` where ``y`` is 0."""
    value = number(y)
    if x.dtype.kind in "iu" and value is not None and value.real < 0:
        fail(InvalidArgumentError, "Integers to negative integer powers are not allowed [Op:Pow]")
    return ops.power(x, y)


def _absolute(x: Node) -> Node:
    """``|x|``. Derivative: 0 at 0."""
    return ops.absolute(x)


add = binary("AddV2", ops.add, NUMBERS)
subtract = binary("Sub", ops.subtract, NUMBERS)
multiply = binary("Mul", ops.multiply, NUMBERS)
divide = binary("RealDiv", _true_divide, NUMBERS)
floordiv = binary("FloorDiv", ops.floor_divide, REALS)
mod = binary("FloorMod", ops.remainder, REALS)
power = binary("Pow", _power, NUMBERS)
maximum = binary("Maximum", larger, REALS)
minimum = binary("Minimum", smaller, REALS)
less = binary("Less", ops.less, REALS)
less_equal = binary("LessEqual", ops.less_equal, REALS)
greater = binary("Greater", ops.greater, REALS)
greater_equal = binary("GreaterEqual", ops.greater_equal, REALS)
equal = binary("Equal", ops.equal, ANY)
not_equal = binary("NotEqual", ops.not_equal, ANY)
negative = unary("Neg", ops.negative, NUMBERS)
absolute = unary("Abs", _absolute, NUMBERS)
square = unary("Square", composite.square, NUMBERS)


def logical(op: str, row: Callable[[Node, Node], Node]) -> Binary:
    """A function of two truths."""

    def function(x: Any, y: Any) -> Node:
        a, b = node_of(x, BOOL, op, 0), node_of(y, BOOL, op, 1)
        return row(*aligned(checked(a, BOOLS, op), checked(b, BOOLS, op), op))

    _name(function, op, row.__doc__)
    return function


logical_and = logical("LogicalAnd", ops.logical_and)
logical_or = logical("LogicalOr", ops.logical_or)
logical_xor = logical("LogicalXor", ops.logical_xor)
logical_not = unary("LogicalNot", ops.logical_not, BOOLS)


def _bits(op: str, row: Callable[[Node, Node], Node], truth: Callable[[Node, Node], Node]) -> Binary:
    """``&``, ``|`` and ``^``: of truths, and of the bits of integers."""

    def function(x: Any, y: Any) -> Node:
        a, b = aligned(*pair(x, y, op), op)
        return truth(a, b) if a.dtype.kind == "b" else row(checked(a, INTEGERS, op), b)

    _name(function, op, row.__doc__)
    return function


bitwise_and = _bits("BitwiseAnd", ops.bitwise_and, ops.logical_and)
bitwise_or = _bits("BitwiseOr", ops.bitwise_or, ops.logical_or)
bitwise_xor = _bits("BitwiseXor", ops.bitwise_xor, ops.logical_xor)


def invert(x: Any) -> Node:
    """``~x``: of truths, and of the bits of integers."""
    node = node_of(x)
    return ops.logical_not(node) if node.dtype.kind == "b" else ops.invert(checked(node, INTEGERS, "Invert"))


def left_shift(x: Any, y: Any) -> Node:
    """``x << y``."""
    a, b = aligned(*pair(x, y, "LeftShift"), "LeftShift")
    return ops.left_shift(checked(a, INTEGERS, "LeftShift"), b)


def right_shift(x: Any, y: Any) -> Node:
    """``x >> y``."""
    a, b = aligned(*pair(x, y, "RightShift"), "RightShift")
    return ops.right_shift(checked(a, INTEGERS, "RightShift"), b)


def equals(x: Any, y: Any) -> Node:
    """``x == y``: of each element; False for all where the shapes do not broadcast."""
    return _same_or(x, y, "Equal", ops.equal, False)


def differs(x: Any, y: Any) -> Node:
    """``x != y``: of each element; True for all where the shapes do not broadcast."""
    return _same_or(x, y, "NotEqual", ops.not_equal, True)


def _same_or(x: Any, y: Any, op: str, row: Comparison, otherwise: bool) -> Node:
    pairs = pair(x, y, op)
    try:
        return row(*aligned(*pairs, op))
    except InvalidArgumentError:
        return current().constant(otherwise, BOOL)
