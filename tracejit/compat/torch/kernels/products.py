"""Kernels of matrix products. Operands have one dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.torch.errors import product_error
from tracejit.compat.torch.kernels.kernel import kernel
from tracejit.errors import ShapeError
from tracejit.frontend.shapes import same
from tracejit.ir import Node
from tracejit.ops import composite


@kernel("Mm", np.matmul)
def mm(x: Node, y: Node) -> Node:
    """The product of two matrices."""
    _inner(x, y, x.shape[1], y.shape[0])
    return ops.matmul(x, y)


@kernel("Matmul", np.matmul)
def matmul(x: Node, y: Node) -> Node:
    """NumPy's product of vectors, matrices, and stacks of matrices."""
    _inner(x, y, x.shape[-1], y.shape[-min(y.spec.rank, 2)])
    return composite.stacked_matmul(x, y)


def _inner(x: Node, y: Node, a: Any, b: Any) -> None:
    """Make two sizes one; the error names both shapes."""
    try:
        same(a, b, "mat1 and mat2")
    except ShapeError:
        raise product_error(x.shape, y.shape) from None


@kernel("Einsum")
def einsum(*xs: Node, subscripts: str) -> Node:
    """Einstein's summation."""
    return composite.einsum(subscripts, *xs)


@kernel("Outer", lambda x, y: np.multiply.outer(x, y))
def outer(x: Node, y: Node) -> Node:
    """All products of the elements of two vectors."""
    return composite.outer(x, y)
