"""Pictures of graphs: operations in the boxes of their name scopes, for TensorBoard and for drawings."""

from __future__ import annotations

from tracejit import io
from tracejit.compat.tensorflow.v1.graph import Graph
from tracejit.compat.tensorflow.v1.operation import Operation
from tracejit.frontend.where import at_line


def picture_of(graph: Graph, name: str = "graph") -> io.Picture:
    """The operations of a graph as ``tracejit.io`` draws them: ``tracejit.io.draw(picture_of(graph), "graph.svg")``."""
    items = tuple(_item(op) for op in graph.operations)
    return io.Picture(name, items, {})


def _item(op: Operation) -> io.Item:
    out = op.outputs[0] if op.outputs else None
    shape = None if out is None else out.shape.sizes
    inputs = tuple(dict.fromkeys(_path(x.op) for x in op.inputs))
    spec = "" if out is None else f"{out.dtype.name}{'' if shape is None else out.shape}"
    return io.Item(_path(op), op.type, inputs, shape, op.name.rsplit("/", 1)[-1], f"{spec}{at_line(op.where)}")


def _path(op: Operation) -> tuple[str, ...]:
    return tuple(op.name.split("/"))
