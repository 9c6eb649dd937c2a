"""Algebra that is exact for every value, NaN, infinities and -0.0 included. See :func:`simplify`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tracejit.ir import Builder, Graph, Node
from tracejit.ir.dtype import family, finfo
from tracejit.ir.graph import topological
from tracejit.ops.row import TABLE, Op, number
from tracejit.transforms.patterns import emit, fill, is_number, kind, used_once
from tracejit.transforms.views import VIEW_RULES, side_by_side


def simplify(graph: Graph) -> Graph:
    """Replace nodes by cheaper ones that are equal, by the rules of this module and of ``views``.

    Assumes: the graph is differentiated already (``stop_gradient`` goes), and constants are folded.
    Promises: equal values up to the sign of a NaN, save sums whose order changes and powers with the exponents 3, -2, 0.5, -0.5,
    1.5 and -1.5, which are products, quotients and roots, each rounded; and that twice a value over a size, in the reverse of a
    mean of squares, is finite also where twice the value is not.
    """
    once = used_once(graph)

    def rule(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
        if node.inputs and node.inputs[0] in once and (merged := _merged_reduction(builder, node, args)) is not None:
            return merged
        new = _rewrite(builder, node, args)
        while new is not None:
            assert new.spec == node.spec, f"{node} became {new}"
            last, new = new, _rewrite(builder, new, new.inputs)
            if new is None:
                return last
        return None

    return graph.replay(Builder(TABLE), rule)


def _rewrite(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    rule = RULES.get(node.op.name)
    new = rule(builder, node, args) if rule is not None else None
    if new is None and kind(node) == "reduce":
        return _reduce(builder, node, args)
    return _hoisted(builder, node, args) if new is None and kind(node) == "elementwise" else new


def _real(node: Node) -> bool:
    return bool(node.dtype.kind != "c")  # complex products and quotients mix the parts: x*1 is not x where x has an infinity


def _add(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    for x, y in (args, args[::-1]):
        if is_number(y, -0.0 if family(node.dtype) == "f" else 0):  # x + -0.0 -> x; x + 0.0 is not: -0.0 + 0.0 is 0.0
            return x
        if y.op.name == "negative":  # x + -y -> x - y
            return x - y.inputs[0]
    return side_by_side(builder, *args)


def _subtract(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    x, y = args
    if is_number(y, 0.0):  # x - 0 -> x
        return x
    return x + y.inputs[0] if y.op.name == "negative" else None  # x - -y -> x + y


def _multiply(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    if not _real(node):
        return None
    for x, y in (args, args[::-1]):
        if is_number(y, 1):  # x * 1 -> x
            return x
        if is_number(y, -1):  # x * -1 -> -x
            return -x
        if x.op.name == "negative" and (y.op.name == "negative" or number(y) is not None):  # -x * c -> x * -c
            return x.inputs[0] * _negated(builder, y)
        if (over := _over_size(x)) is not None and y.op.name == "multiply":
            for factor, rest in (y.inputs, y.inputs[::-1]):
                if is_number(factor, 2):  # c/n * (2*x) -> 2*c/n * x
                    double = builder.constant(2 * over.inputs[0].attrs["value"], node.dtype)
                    return fill(builder, double / over.inputs[1], node.shape) * rest
    return None


def _over_size(x: Node) -> Node | None:
    """The number over a size that ``x`` is everywhere, which the reverse of a mean multiplies by: neither 0 nor subnormal."""
    over = x.inputs[0] if x.op.name == "broadcast" else x
    if over.op.name != "divide" or over.inputs[1].op.name != "cast" or over.inputs[1].inputs[0].op.name != "dim":
        return None
    c: Any = over.inputs[0].attrs.get("value")
    return over if isinstance(c, float) and over.dtype.itemsize > 2 and 1e-12 < abs(c) < 1e12 else None


def _negated(builder: Builder, x: Node) -> Node:
    c = number(x)
    return x.inputs[0] if c is None else fill(builder, builder.constant(-np.asarray(c, x.dtype), x.dtype), x.shape)


def _divide(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    x, y = args
    c: Any = number(y)
    if not isinstance(c, float) or c == 0 or not math.isfinite(c):
        return None
    info = finfo(node.dtype)
    if abs(math.frexp(c)[0]) == 0.5 and info.tiny <= abs(1 / c) <= info.max:  # x / 2**k -> x * 2**-k, x / 1 -> x
        return x * (1 / c)
    return None


def _power(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    x, y = args
    if not _real(node):
        return _complex_power(builder, x, y)
    if is_number(y, 0) or is_number(y, -0.0):  # x**0 -> 1, NaN**0 included
        return fill(builder, builder.constant(1, node.dtype), node.shape)
    if is_number(y, 1):  # x**1 -> x
        return x
    if is_number(y, 2):  # x**2 -> x*x
        return x * x
    if is_number(y, 3):  # x**3 -> x*x*x, at most 1.5 ulp off; x*x under- or overflows only where x**3 does
        return x * x * x
    return _float_power(builder, x, y) if family(node.dtype) == "f" else None


def _complex_power(builder: Builder, x: Node, y: Node) -> Node | None:
    """A complex number to a small whole power, by repeated squaring, as NumPy has it."""
    power: Any = number(y)
    if power is None or complex(power).imag or not complex(power).real.is_integer() or not 0 < abs(power) <= MOST_SQUARED:
        return None
    times, out = abs(int(complex(power).real)), None
    square = x
    while times:
        if times % 2:
            out = square if out is None else out * square
        times //= 2
        square = square * square if times else square
    return out if complex(power).real > 0 or out is None else 1.0 / out


def _float_power(builder: Builder, x: Node, y: Node) -> Node | None:
    """Quotients and roots, at most 1.5 ulp off, for ``x**-1.5`` 2; nothing on the way under- or overflows before the result."""
    if is_number(y, -1):  # x**-1 -> 1/x
        return 1.0 / x
    if is_number(y, -2):  # x**-2 -> 1/x/x
        return 1.0 / x / x
    if not any(is_number(y, exponent) for exponent in (0.5, -0.5, 1.5, -1.5)):
        return None
    root = emit(
        builder, "sqrt", x + 0.0 if is_number(y, 0.5) or is_number(y, -0.5) else x
    )  # (-0.0)**0.5 is 0.0, sqrt(-0.0) is not
    if is_number(y, 0.5):  # x**0.5 -> sqrt(x)
        out, at_minus_infinity = root, math.inf
    elif is_number(y, 1.5):  # x**1.5 -> x*sqrt(x)
        out, at_minus_infinity = x * root, math.inf
    elif is_number(y, -0.5):  # x**-0.5 -> 1/sqrt(x)
        out, at_minus_infinity = 1.0 / root, 0.0
    else:  # x**-1.5 -> 1/sqrt(x)/x
        out, at_minus_infinity = 1.0 / root / x, 0.0
    lost = fill(builder, builder.constant(at_minus_infinity, x.dtype), x.shape)
    below = fill(builder, builder.constant(-math.inf, x.dtype), x.shape)
    return emit(builder, "where", emit(builder, "equal", x, below), lost, out)


def _negative(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    return args[0].inputs[0] if args[0].op.name == "negative" else None  # -(-x) -> x


def _logical_not(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    (x,) = args
    return x.inputs[0] if x.op.name == "logical_not" and x.inputs[0].dtype == bool else None  # not not x -> x


def _logical_or(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    for x, y in (args, args[::-1]):
        if y.op.name != "isnan" or x.op.name not in _OPPOSITE or y.inputs[0] not in x.inputs:
            continue
        for own, other in (x.inputs, x.inputs[::-1]):
            c = number(other)
            if own is y.inputs[0] and c is not None and c == c:  # x >= c or isnan(x) -> not x < c
                return emit(builder, "logical_not", emit(builder, _OPPOSITE[x.op.name], *x.inputs))
    return None


def _where(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    condition, x, y = args
    if x is y and not any(isinstance(n.op, Op) and n.op.limit for n in topological((condition,))):  # where(c, x, x) -> x
        return x
    if (chosen := number(condition)) is not None:  # where(True, x, y) -> x
        return x if chosen else y
    if y.op.name == "where" and y.inputs[0] is condition:  # where(c, x, where(c, _, y)) -> where(c, x, y)
        return emit(builder, "where", condition, x, y.inputs[2])
    if x.op.name == "where" and x.inputs[0] is condition:  # where(c, where(c, x, _), y) -> where(c, x, y)
        return emit(builder, "where", condition, x.inputs[1], y)
    if condition.op.name == "logical_not" and condition.inputs[0].dtype == bool:  # where(not c, x, y) -> where(c, y, x)
        return emit(builder, "where", condition.inputs[0], y, x)
    return None


def _masked_multiply(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    x, y = args
    if (c := number(x)) is not None:  # x where x == 0, else x * y
        return x * y if c != 0 else x
    if _over_size(x) is not None:  # is not 0
        return x * y
    factor: Any = number(y)
    plain = factor is not None and _real(node) and 0 < factor < math.inf  # 0 * y is x then, with the sign that x has
    return x * y if plain else None


def _stop_gradient(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    return args[0]


def _cast(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    (x,) = args
    if x.dtype == node.dtype:
        return x
    if x.op.name == "cast":  # cast(cast(x)) -> cast(x) where the inner one keeps every value
        first, middle, last = x.inputs[0].dtype, x.dtype, node.dtype
        if _keeps_values(first, middle) and (family(middle) not in "fc" or family(last) in "fc" or _keeps_values(first, last)):
            return emit(builder, "cast", x.inputs[0], dtype=last)
    return None


def _keeps_values(source: np.dtype, target: np.dtype) -> bool:
    """Whether every value of ``source`` is one of ``target``; unlike NumPy's safe casts, i64 to f64 is not."""
    rounded = source.kind in "iu" and source.itemsize == 8 and family(target) in "fc"
    return np.can_cast(source, target, "safe") and not rounded


def _hoisted(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    """``op(broadcast(x), broadcast(y))`` -> ``broadcast(op(x, y))`` where both fill the same axes, or one is a number."""
    if node.op.name == "copy" or not args or any(x.op.name != "broadcast" for x in args):
        return None
    widest = max(args, key=lambda x: len(x.attrs["axes"]))
    axes, shape, inner = widest.attrs["axes"], widest.inputs[0].shape, []
    for x in args:
        if x.attrs["axes"] and (x.attrs["axes"] != axes or x.inputs[0].shape != shape):
            return None
        inner.append(x.inputs[0] if x.attrs["axes"] else fill(builder, x.inputs[0], shape))
    small = builder.emit(node.op, tuple(inner), **node.attrs)
    return emit(builder, "broadcast", _rewrite(builder, small, small.inputs) or small, shape=node.shape, axes=axes)


def _reduce(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    """A reduction over no axes is its operand: an accumulator that met one value."""
    if node.attrs["axes"]:
        return None
    return args[0] if args[0].dtype == node.dtype else emit(builder, "cast", args[0], dtype=node.dtype)


def _merged_reduction(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    """``reduce_sum(reduce_sum(x))`` -> ``reduce_sum(x)`` over both sets of axes; so for every reduction."""
    inner = args[0]
    if kind(node) != "reduce" or inner.op is not node.op:
        return None
    x, gone = inner.inputs[0], inner.attrs["axes"]
    left = [axis for axis in range(len(x.shape)) if axis not in gone]
    new = builder.emit(node.op, (x,), axes=tuple(sorted((*gone, *(left[axis] for axis in node.attrs["axes"])))))
    return new if new.spec == node.spec else None


MOST_SQUARED = 100
"""Of whole powers of complex numbers that are products; NumPy takes logarithms beyond."""
_OPPOSITE = {"less": "greater_equal", "greater_equal": "less", "greater": "less_equal", "less_equal": "greater"}

RULES: dict[str, Callable[[Builder, Node, tuple[Node, ...]], Node | None]] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "power": _power,
    "negative": _negative,
    "logical_not": _logical_not,
    "logical_or": _logical_or,
    "where": _where,
    "masked_multiply": _masked_multiply,
    "stop_gradient": _stop_gradient,
    "cast": _cast,
    **VIEW_RULES,
}
