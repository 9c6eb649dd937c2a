"""Graph -> Graph: the last rewriting before the plan. Afterwards every operand lies where its step can read it.

* a reduction's axes are the leading ones, the trailing ones, or all; an argument reduction's axis is the last
* a product that BLAS does not know is multiplications and a sum
* what a reshape, a scatter, a scan, a sort or a gather's first operand looks at is stored, not a view
* operands of a product are stored matrices or their transposes
* every root is a computed node of its own
* checked indices are plain; their checks are nodes
"""

from __future__ import annotations

import numpy as np

from tracejit.ir import Builder, Graph, Node, using
from tracejit.ir.dtype import is_half
from tracejit.ir.size import Dim
from tracejit.ops import TABLE
from tracejit.ops.row import Op
from tracejit.schedule.access import contiguous_source, is_unit_reshape, kind, operand
from tracejit.schedule.cost import MOST_DEPTH
from tracejit.schedule.fuse import is_scalar
from tracejit.schedule.products import match_products
from tracejit.schedule.schedule import Check

STORABLE = {"elementwise", "reduce", "argreduce", "gather", "contract", "write", "scatter", "scan", "sort"}
BLAS_DTYPES = {np.dtype(np.float32), np.dtype(np.float64)}


def prepare(graph: Graph) -> tuple[Graph, tuple[Check, ...]]:
    """The graph as the planner needs it, and the checks taken out of it."""
    builder = Builder(TABLE)
    checks: dict[Node, Check] = {}

    def rule(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
        match kind(node):
            case "reduce" | "argreduce":
                return _reduction(builder, node, args[0])
            case "reshape" if not is_unit_reshape(node):
                return builder.emit(node.op, (_stored(builder, args[0]),), **node.attrs)
            case "contract":
                return _product(builder, node, *args)
            case "gather":
                return builder.emit(node.op, (_stored(builder, args[0]), args[1]), **node.attrs)
            case "write":
                return builder.emit(node.op, tuple(_readable(builder, x) for x in args), **node.attrs)
            case "scan":
                return builder.emit(node.op, tuple(x if _is_constant(x) else _stored(builder, x) for x in args), **node.attrs)
            case "scatter" | "sort":
                return builder.emit(node.op, tuple(_stored(builder, x) for x in args), **node.attrs)
        if isinstance(node.op, Op) and node.op.limit:
            size = node.attrs[node.op.limit]
            flag = _flag(builder, args[0], size)
            checks.setdefault(flag, Check(flag, size, node.where))
            return args[0]
        return None

    graph = match_products(builder, _with_numbers_kept(graph).replay(builder, rule))
    taken: set[Node] = set(graph.inputs) | set(checks)
    with using(builder):
        outputs = tuple(_root(builder, n, i, taken) for i, n in enumerate(graph.outputs))
        updates = tuple((t, _root(builder, n, len(outputs) + i, taken)) for i, (t, n) in enumerate(graph.updates))
    return Graph(graph.name, graph.inputs, outputs, updates), tuple(checks.values())


def _with_numbers_kept(graph: Graph) -> Graph:
    """The graph with copies of every few of the numbers that are made of numbers, so that none takes long to recompute."""
    depth: dict[Node, int] = {}

    def rule(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
        if kind(node) != "elementwise" or node.shape or node.op.name == "copy":
            return None
        new = builder.emit(node.op, args, **node.attrs)
        depth[new] = 1 + max((depth.get(x, 0) for x in args), default=0)
        return new if depth[new] < MOST_DEPTH else builder.emit(TABLE["copy"], (new,), key=0)

    return graph.replay(Builder(TABLE), rule)


def _root(builder: Builder, node: Node, key: int, taken: set[Node]) -> Node:
    source = contiguous_source(node)
    if source in taken or kind(source) not in STORABLE or is_scalar(source):
        with builder.at(node.where):
            node = _copied(builder, node, key + 1)
            source = contiguous_source(node)
    taken.add(source)
    return node


def _copied(builder: Builder, node: Node, key: int) -> Node:
    """A copy of ``node``; of what it is a reshape of, where it is one, so that the copy has the axes of its loop."""
    source = contiguous_source(node)
    copied = builder.emit(TABLE["copy"], (source,), key=key)
    return copied if node is source else builder.emit(node.op, (copied,), **node.attrs)


def _stored(builder: Builder, x: Node) -> Node:
    source = contiguous_source(x)
    return x if kind(source) in STORABLE or kind(source) == "input" else builder.emit(TABLE["copy"], (x,), key=0)


def _is_constant(x: Node) -> bool:
    return kind(operand(x).source) == "constant"


def _readable(builder: Builder, x: Node) -> Node:
    """An operand of a write: stored or constant, behind any view."""
    source = operand(x).source
    if is_scalar(source) and x.spec.size == 1:
        number = builder.emit(TABLE["copy"], (source,), key=0)
        return builder.emit(TABLE["reshape"], (number,), shape=x.shape) if x.shape else number
    computed = kind(source) == "iota" or is_scalar(source)
    return builder.emit(TABLE["copy"], (x,), key=0) if computed else x


def _reduction(builder: Builder, node: Node, x: Node) -> Node | None:
    axes: tuple[int, ...] = node.attrs["axes"]
    rank = x.spec.rank
    if not axes:
        return x if x.dtype == node.dtype else builder.apply("cast", x, dtype=node.dtype)
    if node.op.name == "moments":
        return None
    ends = axes in (tuple(range(len(axes))), tuple(range(rank - len(axes), rank)))
    if ends and (kind(node) == "reduce" or axes == (rank - 1,)):
        return None
    kept = tuple(i for i in range(rank) if i not in axes)
    turned = builder.emit(TABLE["transpose"], (x,), perm=kept + axes)
    return builder.emit(node.op, (turned,), axes=tuple(range(len(kept), rank)))


def _product(builder: Builder, node: Node, x: Node, y: Node) -> Node:
    if node.dtype in BLAS_DTYPES or is_half(node.dtype):
        return builder.emit(node.op, (_matrix(builder, x), _matrix(builder, y)))
    return _product_by_sum(builder, node, x, y)


def _product_by_sum(builder: Builder, node: Node, x: Node, y: Node) -> Node:
    """``x @ y`` as multiplications over (..., m, n, k) and a reduction over k."""
    batch, rank = node.shape[:-2], node.spec.rank
    m, n, k = node.shape[-2], node.shape[-1], x.shape[-1]
    space: tuple[Dim, ...] = (*batch, m, n, k)
    lead = tuple(range(rank - 2))
    over_x = builder.emit(TABLE["broadcast"], (x,), shape=space, axes=(*lead, rank - 2, rank))
    columns = builder.emit(TABLE["transpose"], (y,), perm=(*lead, rank - 1, rank - 2))
    over_y = builder.emit(TABLE["broadcast"], (columns,), shape=space, axes=(*lead, rank - 1, rank))
    if node.dtype == bool:
        both = builder.apply("logical_and", over_x, over_y)
        return builder.apply("reduce_any", both, axes=(rank,))
    total = builder.apply("reduce_sum", builder.apply("multiply", over_x, over_y), axes=(rank,))
    return total if total.dtype == node.dtype else builder.apply("cast", total, dtype=node.dtype)


def _matrix(builder: Builder, x: Node) -> Node:
    where = operand(x)
    inner = where.linear.strides[-2:]
    stored = kind(where.source) in STORABLE or kind(where.source) == "input"
    if stored and 1 in inner and inner != (1, 1) and all(_positive(s) for s in inner):  # a row that was a column has no stride
        return x
    return builder.emit(TABLE["copy"], (x,), key=0)


def _positive(stride: Dim) -> bool:
    return stride > 0 if isinstance(stride, int) else all(c > 0 for _, c in stride.terms)


def _flag(builder: Builder, index: Node, size: Dim) -> Node:
    limit = builder.emit(TABLE["dim"], (), size=size)
    if limit.dtype != index.dtype:
        limit = builder.apply("cast", limit, dtype=index.dtype)
    if index.shape:
        limit = builder.emit(TABLE["broadcast"], (limit,), shape=index.shape, axes=())
    wrong = builder.apply("logical_or", builder.apply("less", index, 0), builder.apply("greater_equal", index, limit))
    if not wrong.shape:
        return builder.emit(TABLE["copy"], (wrong,), key=0)
    return builder.apply("reduce_any", wrong, axes=tuple(range(wrong.spec.rank)))
