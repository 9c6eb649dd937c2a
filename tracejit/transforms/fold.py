"""Folding: what is computed from constants alone becomes a constant."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracejit.errors import IndexOutOfBoundsError
from tracejit.ir import Builder, Graph, Node
from tracejit.ir.dtype import family, finfo
from tracejit.ir.size import Size
from tracejit.ops.row import TABLE, Op, number
from tracejit.transforms.patterns import fill


def fold(graph: Graph) -> Graph:
    """Evaluate elementwise nodes on constants, by the NumPy meaning of their rows, and whatever is computed from nothing.

    - ``op(c, ...)`` -> constant
    - ``op(broadcast(c), ...)`` -> ``broadcast(op(c, ...))``
    - what has no elements -> ``broadcast(0)``; a reduction or a matrix product over no elements -> its identity
    - ``iota`` of one element -> 0
    - ``reduce_sum(broadcast(c))`` over literal sizes -> ``c * size`` where every partial sum is an exact integer

    Promises: constants stay scalars, and every bit of a result is what NumPy gives, NaN and -0.0 included.
    """
    return graph.replay(Builder(TABLE), _rule)


def _rule(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    op = node.op
    if not isinstance(op, Op):
        return None
    nothing = (0 in node.shape and 1 not in node.shape) or (op.kind == "contract" and 0 in args[0].shape)
    if nothing or (op.kind == "iota" and node.shape == (1,)):
        return fill(builder, builder.constant(0, node.dtype), node.shape)
    if op.kind == "reduce" and any(args[0].shape[axis] == 0 for axis in node.attrs["axes"]):
        return _empty_reduction(builder, node, op, args[0])
    if any(number(x) is None for x in args):
        return None
    if op.kind == "elementwise" and op.name != "copy" and not any(isinstance(v, Size) for v in node.attrs.values()):
        operands = [np.asarray(number(x), x.dtype)[()] for x in args]
        try:
            with np.errstate(all="ignore"):
                value = op.evaluate(*operands, **node.attrs)
        except (IndexOutOfBoundsError, ValueError):  # what fails at run time has to fail there
            return None
        return fill(builder, builder.constant(np.asarray(value, node.dtype).item(), node.dtype), node.shape)
    if op.name == "reduce_sum" and args[0].shape:
        return _constant_sum(builder, node, args[0])
    return None


def _empty_reduction(builder: Builder, node: Node, op: Op, x: Node) -> Node | None:
    try:
        value = op.evaluate(np.zeros(0, x.dtype), axes=(0,))
    except ValueError:  # of the greatest of nothing
        return None
    return fill(builder, builder.constant(np.asarray(value).item(), node.dtype), node.shape)


def _constant_sum(builder: Builder, node: Node, x: Node) -> Node | None:
    value: Any = number(x)
    dims = [x.shape[axis] for axis in node.attrs["axes"]]
    if isinstance(value, complex) or any(isinstance(d, Size) for d in dims) or (value == 0 and math.copysign(1, value) < 0):
        return None
    total = value * math.prod(d for d in dims if isinstance(d, int)) + 0
    if family(node.dtype) == "f":
        exact = float(value).is_integer() and abs(total) <= 2 ** finfo(node.dtype).nmant
    else:
        limits = np.iinfo(node.dtype)
        exact = limits.min <= total <= limits.max
    return fill(builder, builder.constant(total, node.dtype), node.shape) if exact else None
