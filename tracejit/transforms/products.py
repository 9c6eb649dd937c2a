"""Products of thin matrices as elementwise work, so that they fuse. See :func:`small_products`."""

from __future__ import annotations

from tracejit.ir import Builder, Dim, Graph, Node
from tracejit.ops.row import TABLE
from tracejit.transforms.patterns import emit, reshape

SMALL = (1, 2, 3, 4)
"""Of these sizes both loops over the right operand are written out in full."""


def small_products(graph: Graph) -> Graph:
    """Write matrix products that are no work for a BLAS as products of elements.

    With ``x [*b, m, k] @ y [*b, k, n]``, each dimension known from the graph:

    - ``k == 1``: ``out[i, j] = x[i] * y[j]``
    - ``n == 1``: ``out[i] = sum_l x[i, l] * y[l]``
    - ``m == 1``: ``out[j] = sum_l x[l] * y[l, j]``
    - ``k, n <= 4`` and no ``b``: ``out[i, j] = sum_l x[i, l] * y[l, j]``, over ``[m, n, k]``

    The larger operand is read as it lies: of a transposed one, what was transposed.
    Promises: no matmul with a literal dimension 1 is left. Sums may round in another order.
    """
    if not any(_is_thin(node) for node in graph.nodes()):
        return graph
    return graph.replay(Builder(TABLE), _rule)


def _is_thin(node: Node) -> bool:
    if node.op.name != "matmul":
        return False
    (*batch, m, k), n = node.inputs[0].shape, node.shape[-1]
    return 1 in (m, k, n) or (not batch and k in SMALL and n in SMALL)


def _rule(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
    if not _is_thin(node):
        return None
    x, y = args
    (*batch, m, k), n = x.shape, y.shape[-1]
    if k == 1:
        return _outer(builder, node, x, y)
    if n == 1:
        return _matrix_vector(builder, node, x, reshape(builder, y, (*batch, k)))
    if m == 1:
        return _matrix_vector(builder, node, _transposed(builder, y), reshape(builder, x, (*batch, k)))
    left = emit(builder, "broadcast", x, shape=(m, n, k), axes=(0, 2))
    right = emit(builder, "broadcast", _transposed(builder, y), shape=(m, n, k), axes=(1, 2))
    return _sum(builder, node, left * right, 2)


def _outer(builder: Builder, node: Node, x: Node, y: Node) -> Node:
    (*batch, m, n) = node.shape
    places = tuple(range(len(batch)))
    column = emit(builder, "broadcast", reshape(builder, x, (*batch, m)), shape=node.shape, axes=(*places, len(batch)))
    row = emit(builder, "broadcast", reshape(builder, y, (*batch, n)), shape=node.shape, axes=(*places, len(batch) + 1))
    return column * row


def _matrix_vector(builder: Builder, node: Node, matrix: Node, vector: Node) -> Node:
    """``sum_l matrix[i, l] * vector[l]``, with the loops in the order in which the matrix lies."""
    axis = len(matrix.shape) - 1
    if matrix.op.name == "transpose" and matrix.attrs["perm"] == _swap(len(matrix.shape)):
        matrix, axis = matrix.inputs[0], axis - 1
    axes = (*range(len(matrix.shape) - 2), axis)
    product = matrix * emit(builder, "broadcast", vector, shape=matrix.shape, axes=axes)
    return reshape(builder, _sum(builder, node, product, axis), node.shape)


def _sum(builder: Builder, node: Node, x: Node, axis: int) -> Node:
    """The sum along ``axis`` in the dtype of the matrix product: of bools "any", of narrow integers with their wrapping."""
    total = emit(builder, "reduce_any" if x.dtype == bool else "reduce_sum", x, axes=(axis,))
    return total if total.dtype == node.dtype else emit(builder, "cast", total, dtype=node.dtype)


def _transposed(builder: Builder, x: Node) -> Node:
    perm = _swap(len(x.shape))
    if x.op.name == "transpose" and x.attrs["perm"] == perm:
        return x.inputs[0]
    return emit(builder, "transpose", x, perm=perm)


def _swap(rank: int) -> tuple[Dim, ...]:
    """The permutation that exchanges the last two axes."""
    return (*range(rank - 2), rank - 1, rank - 2)
