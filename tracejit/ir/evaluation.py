"""What a graph means: every node evaluated by NumPy, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tracejit.ir.builder import CONSTANT
from tracejit.ir.graph import Graph
from tracejit.ir.node import Attr, Node
from tracejit.ir.size import Size, evaluate

Array = Any  # np.ndarray, or a NumPy scalar of rank 0
Arrays = tuple[Array, ...]


def evaluate_graph(graph: Graph, arrays: Sequence[Array], sizes: Mapping[str, int]) -> tuple[Arrays, Arrays]:
    """The outputs of ``graph``, and the new values of its updates.

    Args:
        graph: What to evaluate.
        arrays: One for each input, of its dtype and shape.
        sizes: The number that each symbol is.

    Returns:
        ``(outputs, updates)``. They may be views of ``arrays``, and read-only; nothing is written.
    """
    values: dict[Node, Array] = dict(zip(graph.inputs, arrays, strict=True))
    for node in graph.nodes():
        if node not in values:
            values[node] = evaluate_node(node, [values[x] for x in node.inputs], sizes)
    return tuple(values[n] for n in graph.outputs), tuple(values[n] for _, n in graph.updates)


def evaluate_node(node: Node, values: Sequence[Array], sizes: Mapping[str, int]) -> Array:
    """The value of one node from those of its inputs; NumPy's warnings are silent, since NaN and inf are values like others."""
    if node.op is CONSTANT:
        return node.dtype.type(node.attrs["value"])
    attrs = {name: _concrete(value, sizes) for name, value in node.attrs.items()}
    op: Any = node.op  # a row of the table; the IR itself knows only its name and its spec rule
    with np.errstate(all="ignore"):
        out = op.evaluate(*values, **attrs)
    shape = tuple(evaluate(d, sizes) for d in node.shape)
    assert np.shape(out) == shape and out.dtype == node.dtype, f"{node} evaluates to {out.dtype}{np.shape(out)}"
    return out


def _concrete(value: Attr, sizes: Mapping[str, int]) -> Attr:
    if isinstance(value, tuple):
        return tuple(_concrete(v, sizes) for v in value)
    return evaluate(value, sizes) if isinstance(value, Size) else value
