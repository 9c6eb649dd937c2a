"""``tf.linalg``: products, norms, diagonals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracejit import ops
from tracejit.compat.tensorflow import products
from tracejit.compat.tensorflow.arithmetic import NUMBERS, checked
from tracejit.compat.tensorflow.convert import node_of, pair
from tracejit.compat.tensorflow.creation import eye
from tracejit.compat.tensorflow.errors import InvalidArgumentError, fail
from tracejit.compat.tensorflow.reductions import norm
from tracejit.compat.tensorflow.shape import shape_text
from tracejit.compat.tensorflow.sizes import axis_of, integers
from tracejit.compat.tensorflow.tensor import op
from tracejit.frontend.eager import trace as current_trace
from tracejit.frontend.lift import cast
from tracejit.frontend.shapes import same
from tracejit.ir import Node
from tracejit.ops import composite
from tracejit.ops.movement import swapped

__all__ = [
    "adjoint", "band_part", "diag", "diag_part", "einsum", "eye", "global_norm", "matmul", "matrix_transpose", "matvec", "norm",
    "tensordot", "trace",
]  # fmt: skip

matmul = op(products.matmul)


@op
def matvec(a: Any, b: Any, transpose_a: bool = False, adjoint_a: bool = False) -> Node:
    """The product of matrices in the last two axes of ``a`` and vectors in the last axis of ``b``."""
    x, y = pair(a, b, "MatVec")
    column = ops.reshape(y, shape=(*y.shape, 1))
    out = products.product(x, column, transpose_a or adjoint_a, False)
    return ops.reshape(out, shape=out.shape[:-1])


@op
def tensordot(a: Any, b: Any, axes: Any) -> Node:
    """The sum over ``axes``: a number of last axes of ``a`` and first ones of ``b``, or two lists of axes."""
    x, y = pair(a, b, "Tensordot")
    checked(x, NUMBERS, "Tensordot")
    if isinstance(axes, int):
        left, right = list(range(x.spec.rank - axes, x.spec.rank)), list(range(axes))
    else:
        left, right = (
            [axis_of(i, n.spec.rank, "Tensordot") for i in integers(part, "Tensordot")]
            for n, part in zip((x, y), axes, strict=True)
        )
    if len(left) != len(right) or len(left) > min(x.spec.rank, y.spec.rank):
        raise ValueError(f"tensordot: axes {axes} do not fit {shape_text(x.shape)} and {shape_text(y.shape)}")
    for i, j in zip(left, right, strict=True):
        same(
            x.shape[i],
            y.shape[j],
            f"Matrix size-incompatible: In[0]: {shape_text(x.shape)}, In[1]: {shape_text(y.shape)} [Op:MatMul]",
        )
    return composite.tensordot(x, y, left, right)


@op
def einsum(equation: str, *inputs: Any) -> Node:
    """Sums of products by Einstein's convention, such as ``einsum("ij,jk->ik", x, y)``."""
    nodes = [node_of(inputs[0])]
    for x in inputs[1:]:
        nodes.append(pair_node(nodes[0], x))
    terms, _ = composite.parse_einsum(equation, [n.spec.rank for n in nodes])
    sizes: dict[str, Any] = {}
    for node, term in zip(nodes, terms, strict=True):
        for label, dim in zip(term, node.shape, strict=True):
            if dim != 1:
                sizes[label] = same(sizes.get(label, dim), dim, f"einsum: dimension {label} of {equation!r} has several sizes")
    return composite.einsum(equation, *nodes)


def pair_node(first: Node, x: Any) -> Node:
    """Another operand in the dtype of the first."""
    node = node_of(x, first.dtype, "Einsum", 1)
    return node if node.dtype == first.dtype else _differs(first, node)


def _differs(first: Node, node: Node) -> Node:
    fail(InvalidArgumentError, f"einsum: operands are {first.spec} and {node.spec}; cast them to one dtype [Op:Einsum]")


@op
def trace(x: Any) -> Node:
    """The sum of the diagonal of the last two axes."""
    diagonal = _diagonal(x, "Trace")
    return cast(ops.reduce_sum(diagonal, axes=(diagonal.spec.rank - 1,)), diagonal.dtype)


def _diagonal(x: Any, name: str) -> Node:
    node = _matrix(x, name)
    rows, columns = node.shape[-2:]
    if rows != columns and current_trace().decide(rows, "==", columns):
        same(rows, columns, f"{name}: {rows} and {columns} differ")
    return composite.diagonal(node, 0, node.spec.rank - 2, node.spec.rank - 1)


def _matrix(x: Any, name: str) -> Node:
    node = node_of(x)
    if node.spec.rank < 2:
        fail(InvalidArgumentError, f"input must be at least 2-dim, received shape: {shape_text(node.shape)} [Op:{name}]")
    return node


@op
def diag(diagonal: Any) -> Node:
    """A matrix with a vector on its diagonal."""
    node = node_of(diagonal)
    if node.spec.rank != 1:
        fail(InvalidArgumentError, f"diag: {shape_text(node.shape)} is no vector; batches of diagonals are not supported")
    return composite.diag(node)


@op
def diag_part(input: Any) -> Node:
    """The diagonal of the last two axes."""
    return _diagonal(input, "MatrixDiagPart")


@op
def band_part(input: Any, num_lower: int, num_upper: int) -> Node:
    """The last two axes within so many diagonals below and above the main one, all for -1; zeros elsewhere."""
    node = _matrix(input, "MatrixBandPart")
    node = node if num_lower < 0 else composite.triu(node, -num_lower)
    return node if num_upper < 0 else composite.tril(node, num_upper)


@op
def matrix_transpose(a: Any) -> Node:
    """The last two axes exchanged."""
    return swapped(_matrix(a, "MatrixTranspose"))


@op
def adjoint(matrix: Any) -> Node:
    """The last two axes exchanged, conjugated."""
    node = _matrix(matrix, "Adjoint")
    return swapped(ops.conjugate(node) if node.dtype.kind == "c" else node)


@op
def global_norm(t_list: Sequence[Any]) -> Node:
    """The root of the sum of squares of all elements of all tensors."""
    return total_norm([node_of(t) for t in t_list if t is not None])


def total_norm(nodes: Sequence[Node]) -> Node:
    """The root of the sum of squares of all elements of all nodes."""
    parts = [ops.reduce_sum(n * n, axes=tuple(range(n.spec.rank))) for n in nodes]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return ops.sqrt(total)
