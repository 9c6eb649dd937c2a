"""Means and variances of columns in one pass: what is computed with the mean of all rows becomes a running mean's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tracejit.ir import Builder, Graph, Node
from tracejit.ir.size import Dim, product
from tracejit.ops import TABLE
from tracejit.ops.row import number
from tracejit.schedule.access import operand


@dataclass(frozen=True)
class _Column:
    """What was found: ``mean`` of ``x`` over its leading ``axes``, whose elements are broadcast and subtracted."""

    x: Node
    axes: tuple[int, ...]
    mean: Node


def match_moments(graph: Graph) -> Graph:
    """The graph with ``sum((x - mean(x))**2)`` over leading axes, and that mean, as the two results of one ``moments``.

    As they stand, they take two passes over memory: the mean must be complete before the first difference. A mean of the rows
    so far, corrected row by row, takes one, and loses no more digits (see the op).
    """
    found = {node: column for node in graph.nodes() if (column := _column(node)) is not None}
    if not found:
        return graph
    means = {column.mean: column for column in found.values()}

    made: dict[Node, Node] = {node: node for node in graph.inputs}

    def rule(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node:
        column = found.get(node) or means.get(node)
        if column is not None:
            both = builder.emit(TABLE["moments"], (made[column.x],), axes=column.axes)
            made[node] = _half(builder, both, 0 if node is column.mean else 1)
        else:
            made[node] = builder.adopt(node) if args == node.inputs else builder.emit(node.op, args, **node.attrs)
        return made[node]

    return graph.replay(Builder(TABLE), rule)


def _half(builder: Builder, both: Node, number: int) -> Node:
    rest = both.shape[1:]
    starts, steps = (number, *(0,) * len(rest)), (1,) * both.spec.rank
    piece = builder.emit(TABLE["slice"], (both,), starts=starts, sizes=(1, *rest), steps=steps)
    return builder.emit(TABLE["reshape"], (piece,), shape=rest)


def _column(node: Node) -> _Column | None:
    """The mean and its operand, where ``node`` is the sum of squared differences from the mean over the same leading axes."""
    if node.op.name != "reduce_sum" or node.dtype.kind != "f":
        return None
    (square,), axes = node.inputs, node.attrs["axes"]
    leading = axes == tuple(range(len(axes))) and 0 < len(axes) < square.spec.rank
    if not leading or square.op.name != "multiply" or square.inputs[0] is not square.inputs[1]:
        return None
    difference = square.inputs[0]
    if difference.op.name != "subtract" or difference.dtype != node.dtype:
        return None
    x, spread = difference.inputs
    kept = tuple(range(len(axes), x.spec.rank))
    if spread.op.name != "broadcast" or spread.attrs["axes"] != kept:
        return None
    mean = spread.inputs[0]
    return _Column(x, axes, mean) if _is_mean(mean, x, axes) else None


def _is_mean(mean: Node, x: Node, axes: tuple[int, ...]) -> bool:
    count = product(x.shape[a] for a in axes)
    if mean.op.name == "divide":
        total, divisor = mean.inputs
        right = _is_count(divisor, count)
    elif mean.op.name == "multiply" and isinstance(count, int):
        total, factor = mean.inputs
        right = number(factor) == np.asarray(1 / count).astype(x.dtype)
    else:
        return False
    return right and total.op.name == "reduce_sum" and total.inputs[0] is x and total.attrs["axes"] == axes


def _is_count(divisor: Node, count: Dim) -> bool:
    """Whether a divisor is the number of elements of each sum, as a float."""
    if isinstance(count, int):
        return number(divisor) == count
    source = operand(divisor).source
    while source.op.name == "cast":
        source = source.inputs[0]
    return source.op.name == "dim" and source.attrs["size"] == count
