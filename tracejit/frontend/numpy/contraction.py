"""Products and sums over shared axes."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import ShapeError, UnsupportedError
from tracejit.frontend.lift import cast, lift
from tracejit.frontend.public import hand_out, lifted, opened, registered, write_out
from tracejit.frontend.shapes import broadcast_nodes, common_shape, is_one, normal_axis, same
from tracejit.ir import Node
from tracejit.ir.dtype import promoted
from tracejit.ops import composite

__all__ = [
    "cross",
    "dot",
    "einsum",
    "inner",
    "kron",
    "matmul",
    "matrix_power",
    "multi_dot",
    "outer",
    "tensordot",
    "vdot",
    "vecdot",
]


def _promoted(*nodes: Node) -> list[Node]:
    wide = promoted(*(n.dtype for n in nodes))
    return [cast(n, wide) for n in nodes]


@lifted(2)
def matmul(x1: Node, x2: Node) -> Node:
    """The matrix product of the last two axes; vectors are a row or a column, the other axes are broadcast."""
    rule = "rule: x is [..., m, k] or [k], and y is [..., k, n] or [k]"
    text = f"matmul: {{}}\n  x: {x1.spec}\n  y: {x2.spec}\n  {rule}"
    if not x1.shape or not x2.shape:
        raise ShapeError(f"{text.format('an operand has no axes')}\n  cure: multiply")
    inner, outer = x1.shape[-1], x2.shape[-min(x2.spec.rank, 2)]
    same(inner, outer, f"{text.format('inner dimensions differ')}; here k is {inner} and {outer}")
    if x1.spec.rank > 2 and x2.spec.rank > 2:
        common_shape([x1.shape[:-2], x2.shape[:-2]], text.format("batch dimensions differ"))
    return composite.stacked_matmul(*_promoted(x1, x2))


@lifted()
def matrix_power(a: Node, n: int) -> Node:
    """The product of ``n`` times the square matrix ``a``, or each of a stack of them; by repeated squaring.

    Raises:
        ShapeError: The last two dimensions differ.
        UnsupportedError: ``n`` is negative, which asks for an inverse.
    """
    times = operator.index(n)
    if a.spec.rank < 2:
        raise ShapeError(f"matrix_power: {a.spec} is no matrix\n  rule: a is [..., m, m]")
    same(a.shape[-2], a.shape[-1], f"matrix_power: {a.spec} is not square\n  rule: a is [..., m, m]")
    if times < 0:
        raise UnsupportedError(f"matrix_power: n is {times}, and inverses are not supported; n is 0 or more")
    if times == 0:
        one = composite.eye(a.shape[-1], a.shape[-1], 0, a.dtype)
        return ops.broadcast(one, shape=a.shape, axes=(a.spec.rank - 2, a.spec.rank - 1))
    found: Node | None = None
    while times:
        if times % 2:
            found = a if found is None else composite.stacked_matmul(found, a)
        times //= 2
        a = composite.stacked_matmul(a, a) if times else a
    assert found is not None
    return found


@registered
def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of two or more matrices from left to right; the first and the last may be vectors."""
    if len(arrays) < 2:
        raise ValueError("multi_dot: Expecting at least two arrays.")
    return functools.reduce(matmul, arrays)


@lifted(2)
def dot(a: Node, b: Node) -> Node:
    """The sum over the last axis of ``a`` and the second to last of ``b``; of numbers the product."""
    if a.shape and b.shape:
        same(a.shape[-1], b.shape[-min(b.spec.rank, 2)], _differ("dot", a, b))
    return composite.dot(*_promoted(a, b))


def _differ(name: str, x: Node, y: Node) -> str:
    return f"{name}: dimensions differ\n  x: {x.spec}\n  y: {y.spec}\n  rule: axes that are summed together have equal sizes"


@lifted(2)
def inner(a: Node, b: Node) -> Node:
    """The sum over the last axes of both."""
    if not a.shape or not b.shape:
        return composite.dot(*_promoted(a, b))
    same(a.shape[-1], b.shape[-1], _differ("inner", a, b))
    return _tensordot(a, b, (a.spec.rank - 1,), (b.spec.rank - 1,))


@lifted(2)
def outer(a: Node, b: Node) -> Node:
    """``out[i, j] = a[i] * b[j]`` of flattened operands."""
    return composite.outer(*_promoted(a, b))


@lifted(2)
def vdot(a: Node, b: Node) -> Node:
    """The inner product of flattened operands, the first one conjugated."""
    a, b = (ops.reshape(x, shape=(x.spec.size,)) for x in _promoted(a, b))
    same(a.shape[0], b.shape[0], _differ("vdot", a, b))
    return composite.dot(ops.conjugate(a) if a.dtype.kind == "c" else a, b)


@lifted(2)
def vecdot(x1: Node, x2: Node, axis: int = -1) -> Node:
    """Inner products along ``axis``, the first operand conjugated."""
    x1, x2 = _promoted(x1, x2)
    left, right = (_last(x, axis) for x in (x1, x2))
    shape = common_shape([left.shape, right.shape], _differ("vecdot", x1, x2))
    left = ops.conjugate(left) if left.dtype.kind == "c" else left
    labels = "".join(chr(ord("a") + i) for i in range(len(shape)))
    return composite.einsum(f"{labels[-left.spec.rank :]},{labels[-right.spec.rank :]}->{labels[:-1]}", left, right)


def _last(x: Node, axis: int) -> Node:
    place = normal_axis(axis, x.spec.rank, "vecdot")
    perm = (*(i for i in range(x.spec.rank) if i != place), place)
    return x if place == x.spec.rank - 1 else ops.transpose(x, perm=perm)


@lifted(2)
def tensordot(a: Node, b: Node, axes: Any = 2) -> Node:
    """The sum over ``axes``: a number of last axes of ``a`` and first ones of ``b``, or two lists of axes."""
    if isinstance(axes, int | np.integer):
        count = int(axes)
        if count > min(a.spec.rank, b.spec.rank):
            raise ShapeError(f"tensordot: {count} axes of {a.spec} and {b.spec}, which have fewer")
        left, right = tuple(range(a.spec.rank - count, a.spec.rank)), tuple(range(count))
    else:
        left, right = (
            tuple(normal_axis(i, x.spec.rank, "tensordot") for i in (part if isinstance(part, Sequence) else (part,)))
            for x, part in zip((a, b), axes, strict=True)
        )
    if len(left) != len(right):
        raise ShapeError(f"tensordot: axes {axes} are not as many for both operands")
    for i, j in zip(left, right, strict=True):
        same(a.shape[i], b.shape[j], _differ("tensordot", a, b))
    return _tensordot(a, b, left, right)


def _tensordot(x: Node, y: Node, x_axes: Sequence[int], y_axes: Sequence[int]) -> Node:
    x, y = _promoted(x, y)
    return composite.tensordot(x, y, x_axes, y_axes)


@registered
def einsum(subscripts: str, /, *operands: Any, out: Any = None, optimize: Any = False, **options: Any) -> Any:
    """Sums of products by Einstein's convention, such as ``einsum("ij,jk->ik", x, y)``."""
    if not isinstance(subscripts, str):
        raise UnsupportedError("einsum: subscripts as lists are not supported; write them as a string")
    if options:
        raise UnsupportedError(f"einsum: {', '.join(options)} is not supported; cast the operands with astype")
    with opened(*operands, out):
        nodes = _promoted(*(lift(x, "einsum").node() for x in operands))
        _unify_labels(subscripts, nodes)
        node = composite.einsum(subscripts, *nodes)
        return hand_out(node) if out is None else write_out(out, node, "einsum")


def _unify_labels(subscripts: str, nodes: Sequence[Node]) -> None:
    """Make the sizes that go by one label one size."""
    terms, _ = composite.parse_einsum(subscripts, [n.spec.rank for n in nodes])
    sizes: dict[str, Any] = {}
    for node, term in zip(nodes, terms, strict=True):
        for label, dim in zip(term, node.shape, strict=True):
            if not is_one(dim):
                text = f"einsum: dimension {label} of {subscripts!r} is {sizes.get(label)} and {dim}"
                sizes[label] = same(sizes.get(label, dim), dim, f"{text}\n  rule: dimensions of one name have one size")


@lifted(2)
def kron(a: Node, b: Node) -> Node:
    """The Kronecker product: ``b`` scaled by each element of ``a``, in its place."""
    a, b = _promoted(a, b)
    rank = max(a.spec.rank, b.spec.rank)
    a, b = (ops.reshape(x, shape=(1,) * (rank - x.spec.rank) + x.shape) for x in (a, b))
    full = tuple(d for pair in zip(a.shape, b.shape, strict=True) for d in pair)
    left = ops.broadcast(a, shape=full, axes=tuple(range(0, 2 * rank, 2)))
    right = ops.broadcast(b, shape=full, axes=tuple(range(1, 2 * rank, 2)))
    return ops.reshape(left * right, shape=tuple(m * n for m, n in zip(a.shape, b.shape, strict=True)))


@lifted(2)
def cross(a: Node, b: Node) -> Node:
    """The vector product along the last axis, of size 3."""
    a, b = _promoted(a, b)
    for x in (a, b):
        fault = f"cross: {x.spec} is not an array of vectors of three numbers"
        if not x.shape:
            raise ShapeError(fault)
        same(x.shape[-1], 3, fault)
    x, y = broadcast_nodes((a, b), "cross")
    parts = [_part(x, i) * _part(y, j) - _part(x, j) * _part(y, i) for i, j in ((1, 2), (2, 0), (0, 1))]
    return ops.concatenate(*parts, axis=x.spec.rank - 1)


def _part(x: Node, i: int) -> Node:
    rank = x.spec.rank
    return ops.slice(x, starts=(*(0,) * (rank - 1), i), sizes=(*x.shape[:-1], 1), steps=(1,) * rank)
