"""Rows of recurrences: the linear scan, and the product whose derivative is two of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.errors import ShapeError
from tracejit.ir import Node, TensorSpec
from tracejit.ir.size import Dim, product
from tracejit.ops.comparison import equal
from tracejit.ops.elementwise import COMPLEX, Cotangents, cast, masked_multiply
from tracejit.ops.indexing import positions
from tracejit.ops.movement import inverse, reshape, reverse, shifted, transpose
from tracejit.ops.reduction import expand, wide_dtypes
from tracejit.ops.row import Domain, Sample, number, reduction, row

STEADY = Domain(-1.5, 1.5, "iufc")


def _linear_scan_shape(a: TensorSpec, b: TensorSpec, *, axis: int, reverse: bool) -> tuple[Dim, ...]:
    if a.shape != b.shape or not 0 <= axis < a.rank:
        raise ShapeError(f"linear_scan: a is {a} and b is {b}; they have one shape, and axis {axis} is one of theirs")
    return a.shape


@row(
    "scan",
    _linear_scan_shape,
    *(Sample(((3, 4), (3, 4)), {"axis": axis, "reverse": r}, (STEADY, STEADY)) for axis in (0, 1) for r in (False, True)),
)
def linear_scan(a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    """The recurrence ``s[i] = a[i] * s[i - 1] + b[i]`` along ``axis`` from ``s[-1] = -0``; ``reverse`` runs it from the end.

    Derivative: a scan the other way round, in ``a`` and ``b``, any order. Cost: sequential along ``axis``; a GPU joins steps, so
    that its results differ in last bits.
    """
    a, b = np.moveaxis(np.asarray(a), axis, 0), np.moveaxis(np.asarray(b), axis, 0)
    out = np.empty_like(b)
    last = np.full(b.shape[1:], -0.0, b.dtype)
    for i in reversed(range(len(b))) if reverse else range(len(b)):
        out[i] = last = a[i] * last + b[i]
    return np.moveaxis(out, 0, axis)


@linear_scan.defvjp
def _linear_scan_vjp(ct: Node, out: Node, a: Node, b: Node, *, axis: int, reverse: bool) -> Cotangents:
    by = -1 if reverse else 1
    factors = a if number(a) == 1 else shifted(a, axis, -by)  # what -0 is multiplied by does not matter: sums stay sums
    by_b = linear_scan(factors, ct, axis=axis, reverse=not reverse)
    return masked_multiply(by_b, shifted(out, axis, by)), by_b


@reduction("times({acc}, {x})", lambda dtype: 1, wide_dtypes, COMPLEX)
def reduce_prod(x: Any, *, axes: tuple[int, ...]) -> Any:
    """The product over ``axes``; of integers and bools in 64 bits.

    Derivative: the product of all others, by scans from both ends, so exact where elements are 0.
    """
    return np.multiply.reduce(x, axis=axes)


@reduce_prod.defvjp
def _reduce_prod_vjp(ct: Node, out: Node, x: Node, *, axes: tuple[int, ...]) -> Cotangents:
    if not axes:
        return (ct,)
    kept = tuple(i for i in range(x.spec.rank) if i not in axes)
    perm = kept + axes
    turned = transpose(x, perm=perm)
    flat = reshape(turned, shape=(*(x.shape[i] for i in kept), product(x.shape[i] for i in axes)))
    others = reshape(products_of_others(flat), shape=turned.shape)
    return (masked_multiply(expand(ct, x.shape, axes), transpose(others, perm=inverse(perm))),)


def products_of_others(x: Node) -> Node:
    """At each element, the product of the other ones along the last axis."""
    axis = x.spec.rank - 1
    place = positions(x, axis)
    first = cast(equal(place, 0), dtype=x.dtype)
    last = cast(equal(reverse(place, axis), 0), dtype=x.dtype)
    before = linear_scan(shifted(x, axis, 1), first, axis=axis, reverse=False)
    after = linear_scan(shifted(x, axis, -1), last, axis=axis, reverse=True)
    return before * after
