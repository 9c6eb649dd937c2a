"""Products and inverses of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow.errors import fail
from tracejit.compat.tensorflow.products import matmul as product
from tracejit.compat.tensorflow.v1.construct import as_tensor, building, make, through
from tracejit.compat.tensorflow.v1.graph import Tensor
from tracejit.compat.tensorflow.v1.math import NUMBERS, REAL_FLOATS, check_kinds, pair
from tracejit.compat.tensorflow.v1.operators import operator
from tracejit.ir import Node
from tracejit.ops import composite
from tracejit.ops.composite.elementary import full

_MOST_ROWS = 64


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Tensor:
    """The product of matrices in the last two axes, batch axes broadcast."""
    return _matmul(a, b, name, "MatMul", transpose_a=transpose_a, transpose_b=transpose_b, adjoint_a=adjoint_a, adjoint_b=adjoint_b)


def _matmul(a: Any, b: Any, name: str | None, default: str, **options: bool) -> Tensor:
    with building(name, default, a, b) as scope:
        x, y = pair(a, b, "MatMul")
        check_kinds(x, NUMBERS, "MatMul")
        for tensor in (x, y):
            if tensor.shape.ndims is not None and tensor.shape.ndims < 2:
                fail(ValueError, f"Shape must be rank 2 but is rank {tensor.shape.ndims} for 'MatMul' with input shapes: {x.shape}, {y.shape}")
        return make("MatMul", through(product, **options), [x, y], scope)


@operator("matmul")
def _operator(a: Any, b: Any) -> Tensor:
    return _matmul(a, b, None, "matmul")


def matrix_inverse(input: Any, adjoint: bool = False, name: str | None = None) -> Tensor:
    """The inverse of a square matrix.

    By elimination after Gauss and Jordan with partial pivoting, in float64, unrolled: the size must be known, and at most 64.

    Raises:
        ValueError: The tensor is no square matrix, or it is too large.
        InvalidArgumentError: When it runs: the matrix has no inverse.

    Derivative: up to order three.
    Cost: ``2 * n**3`` operations, in about ``3 * n`` loops.
    """
    with building(name, "MatrixInverse", input) as scope:
        x = as_tensor(input, name="input")
        check_kinds(x, REAL_FLOATS, "MatrixInverse")
        sizes = x.shape.sizes
        if sizes is None or len(sizes) != 2 or None in sizes:
            fail(ValueError, f"matrix_inverse: {x!r} has shape {x.shape}; it must be a matrix of a known size")
        if sizes[0] != sizes[1]:
            fail(ValueError, f"Dimensions must be equal, but are {sizes[0]} and {sizes[1]} for 'MatrixInverse' with input shape {x.shape}")
        if x.shape[0] > _MOST_ROWS:
            fail(
                ValueError,
                f"matrix_inverse: {x!r} has {sizes[0]} rows; at most {_MOST_ROWS} are unrolled into a program\n"
                "  cure: feed np.linalg.inv(value), or minimise the squared error by steps",
            )
        return make("MatrixInverse", lambda node: inverse(node, adjoint), [x], scope)


def inverse(x: Node, adjoint: bool = False) -> Node:
    """The inverse of a square matrix of known size.

    ``y + (z - z)`` with ``y`` by elimination of a constant copy of ``x``, and ``z = 2y - y x y``, one step of Newton's method,
    whose derivative at the inverse is that of the inverse; a second step of this kind makes higher orders right.
    """
    wide = ops.cast(x, dtype=np.dtype(np.float64)) if x.dtype != np.float64 else x
    y = _eliminated(ops.stop_gradient(wide))
    for _ in range(2):
        z = 2.0 * y - ops.matmul(ops.matmul(y, wide), y)
        y = ops.stop_gradient(y) + (z - ops.stop_gradient(z))
    out = y if x.dtype == np.float64 else ops.cast(y, dtype=x.dtype)
    return ops.transpose(out, perm=(1, 0)) if adjoint else out


def _eliminated(x: Node) -> Node:
    """The inverse by elimination: each column takes the largest pivot among the rows that have been none yet."""
    n = x.shape[0]
    index = np.dtype(np.int64)
    rows = ops.iota(size=n, dtype=index)
    both = ops.concatenate(x, composite.eye(n, n, 0, x.dtype), axis=1)
    free = full((n,), True, np.dtype(bool))
    pivots: list[Node] = []
    for k in range(n):
        column = ops.slice(both, starts=(0, k), sizes=(n, 1), steps=(1, 1))
        column = ops.reshape(column, shape=(n,))
        size = ops.where(free, ops.absolute(column), -1.0)
        place = ops.reduce_argmax(size, axes=(0,))
        found = ops.greater(ops.reduce_max(size, axes=(0,)), 0.0)  # nothing but zeros: no inverse; the index is then out of bounds
        place = ops.checked_index(ops.where(found, place, full((), n, index)), size=n)
        row = ops.gather(both, place, axis=0)
        pivot = ops.gather(column, place, axis=0)
        row = row / full((2 * n,), pivot, x.dtype)
        here = ops.equal(rows, full((n,), place, index))
        factor = ops.where(here, 0.0, column)
        spread = ops.broadcast(row, shape=(n, 2 * n), axes=(1,))
        rest = both - ops.broadcast(factor, shape=(n, 2 * n), axes=(0,)) * spread
        both = ops.where(ops.broadcast(here, shape=(n, 2 * n), axes=(0,)), spread, rest)
        free = ops.logical_and(free, ops.logical_not(here))
        pivots.append(ops.reshape(place, shape=(1,)))
    order = ops.concatenate(*pivots, axis=0) if n > 1 else pivots[0]
    right = ops.slice(both, starts=(0, n), sizes=(n, n), steps=(1, 1))
    return ops.gather(right, order, axis=0)
