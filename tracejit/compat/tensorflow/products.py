"""Matrix products on nodes, with TensorFlow's checks."""

from __future__ import annotations

from typing import Any

from tracejit import ops
from tracejit.compat.tensorflow.arithmetic import NUMBERS, checked
from tracejit.compat.tensorflow.convert import pair
from tracejit.compat.tensorflow.errors import InvalidArgumentError, fail
from tracejit.compat.tensorflow.shape import shape_text
from tracejit.frontend.shapes import common_shape, same
from tracejit.ir import Node
from tracejit.ops import composite
from tracejit.ops.movement import swapped


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
) -> Node:
    """The product of matrices in the last two axes, batch axes broadcast.

    Raises:
        InvalidArgumentError: An operand is no matrix, or the inner sizes differ.
    """
    x, y = pair(a, b, "MatMul")
    if adjoint_a and x.dtype.kind == "c":
        x = ops.conjugate(x)
    if adjoint_b and y.dtype.kind == "c":
        y = ops.conjugate(y)
    return product(x, y, transpose_a or adjoint_a, transpose_b or adjoint_b)


def product(x: Node, y: Node, transpose_x: bool, transpose_y: bool) -> Node:
    """The product of nodes of one dtype."""
    checked(x, NUMBERS, "MatMul")
    for node in (x, y):
        if node.spec.rank < 2:
            other = "has different ndims" if x.spec.rank != y.spec.rank else "ndims must be >= 2"
            both = f"{shape_text(x.shape)} vs. {shape_text(y.shape)}"
            fail(
                InvalidArgumentError,
                f"In[0] and In[1] {other}: {both} [Op:MatMul]\n  cure: tf.linalg.matvec, or tf.tensordot(a, b, 1)",
            )
    x, y = swapped(x) if transpose_x else x, swapped(y) if transpose_y else y
    fault = f"Matrix size-incompatible: In[0]: {shape_text(x.shape)}, In[1]: {shape_text(y.shape)} [Op:MatMul]"
    same(x.shape[-1], y.shape[-2], fault)
    if x.spec.rank == y.spec.rank == 2:
        return ops.matmul(x, y)
    common_shape([x.shape[:-2], y.shape[:-2]], fault)
    return composite.stacked_matmul(x, y)
