"""Products and inverses of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow import linalg
from tracejit.compat.tensorflow.errors import fail
from tracejit.compat.tensorflow.products import matmul as product
from tracejit.compat.tensorflow.v1.construct import as_tensor, building, make, through
from tracejit.compat.tensorflow.v1.elementwise import NUMBERS, REAL_FLOATS, check_kinds, maximum, multiply, pair, truediv
from tracejit.compat.tensorflow.v1.operation import Tensor
from tracejit.compat.tensorflow.v1.operators import operator
from tracejit.compat.tensorflow.v1.reductions import norm
from tracejit.ir import Node
from tracejit.ops import composite

_MOST_ROWS = 64
_INDEX = np.dtype(np.int64)


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
    return _matmul(
        a, b, name, "MatMul", transpose_a=transpose_a, transpose_b=transpose_b, adjoint_a=adjoint_a, adjoint_b=adjoint_b
    )


def _matmul(a: Any, b: Any, name: str | None, default: str, **options: bool) -> Tensor:
    with building(name, default, a, b) as scope:
        x, y = pair(a, b, "MatMul")
        check_kinds(x, NUMBERS, "MatMul")
        for tensor in (x, y):
            if tensor.shape.ndims is not None and tensor.shape.ndims < 2:
                fail(
                    ValueError,
                    f"Shape must be rank 2 but is rank {tensor.shape.ndims} for 'MatMul' with input shapes: {x.shape}, {y.shape}",
                )
        return make("MatMul", through(product, **options), [x, y], scope)


@operator("matmul")
def _operator(a: Any, b: Any) -> Tensor:
    return _matmul(a, b, None, "matmul")


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Tensor:
    """The sum over ``axes``: a number of last axes of ``a`` and first ones of ``b``, or two lists of axes."""
    with building(name, "Tensordot", a, b) as scope:
        x, y = pair(a, b, "Tensordot")
        return make("Tensordot", through(linalg.tensordot, axes=axes), [x, y], scope)


def einsum(equation: str, *inputs: Any, name: str | None = None) -> Tensor:
    """Sums of products by Einstein's convention, such as ``einsum("ij,jk->ik", x, y)``."""
    with building(name, "einsum", *inputs) as scope:
        first = as_tensor(inputs[0])
        rest = [as_tensor(x, like=first.dtype, op="Einsum", place=i) for i, x in enumerate(inputs[1:], 1)]
        return make("Einsum", through(lambda *nodes: linalg.einsum(equation, *nodes)), [first, *rest], scope)


def trace(x: Any, name: str | None = None) -> Tensor:
    """The sum of the diagonal of the last two axes."""
    with building(name, "Trace", x) as scope:
        return make("Trace", through(linalg.trace), [as_tensor(x, name="x")], scope)


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The root of the sum of squares of all elements of all tensors."""
    with building(name, "global_norm", list(t_list)) as scope:
        tensors = [as_tensor(t) for t in t_list if t is not None]
        return make("GlobalNorm", lambda *nodes: linalg.total_norm(nodes), tensors, scope)


def clip_by_global_norm(t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None) -> tuple[list[Any], Tensor]:
    """Tensors, shortened together to the length ``clip_norm`` where they are longer, and what their length was."""
    with building(name, "clip_by_global_norm", list(t_list), use_norm):
        length = global_norm(t_list) if use_norm is None else as_tensor(use_norm)
        scale = truediv(clip_norm, maximum(length, clip_norm))
        return [None if t is None else multiply(t, scale) for t in t_list], length


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Tensor:
    """``t``, shortened to the length ``clip_norm`` where it is longer."""
    with building(name, "clip_by_norm", t) as scope:
        x = as_tensor(t, name="t")
        length = norm(x, axis=axes, keepdims=axes is not None)
        return multiply(x, truediv(clip_norm, maximum(length, clip_norm)), scope)  # type: ignore[no-any-return]


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
            fail(
                ValueError,
                f"Dimensions must be equal, but are {sizes[0]} and {sizes[1]} for 'MatrixInverse' with input shape {x.shape}",
            )
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
    """The inverse by elimination: in each column the largest element on or below the diagonal is the pivot."""
    n = x.shape[0]
    rows = ops.iota(size=n, dtype=_INDEX)
    both = ops.concatenate(x, composite.eye(n, n, 0, x.dtype), axis=1)
    singular: Node | None = None
    for k in range(n):
        column = ops.reshape(ops.slice(both, starts=(0, k), sizes=(n, 1), steps=(1, 1)), shape=(n,))
        below = ops.slice(column, starts=(k,), sizes=(n - k,), steps=(1,))
        place = ops.reduce_argmax(ops.absolute(below), axes=(0,)) + k
        pivot = ops.gather(column, place, axis=0)
        zero = ops.equal(pivot, 0.0)
        singular = zero if singular is None else ops.logical_or(singular, zero)
        here = ops.equal(rows, k)
        order = ops.where(
            here, _spread(place, n), ops.where(ops.equal(rows, _spread(place, n)), k, rows)
        )  # rows k and place swapped
        row = ops.gather(both, place, axis=0) / _spread(pivot, 2 * n)
        factor = ops.where(here, 0.0, ops.gather(column, order, axis=0))
        product = ops.broadcast(factor, shape=both.shape, axes=(0,)) * ops.broadcast(row, shape=both.shape, axes=(1,))
        rest = ops.gather(both, order, axis=0) - product
        both = ops.where(ops.broadcast(here, shape=both.shape, axes=(0,)), ops.broadcast(row, shape=both.shape, axes=(1,)), rest)
    right = ops.slice(both, starts=(0, n), sizes=(n, n), steps=(1, 1))
    if singular is None:
        return right
    checked = ops.checked_index(ops.cast(singular, dtype=_INDEX), size=1)  # out of bounds where there is no inverse
    return ops.gather(ops.reshape(right, shape=(1, n, n)), checked, axis=0)


def _spread(scalar: Node, size: int) -> Node:
    return ops.broadcast(scalar, shape=(size,), axes=())
