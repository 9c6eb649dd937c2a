"""The intermediate representation: sizes, specs, nodes, graphs, their text. Knows no ops."""

from tracejit.ir.ambient import current, using
from tracejit.ir.builder import Builder
from tracejit.ir.graph import Graph
from tracejit.ir.node import Node, Operation, Where
from tracejit.ir.size import Dim, Size, evaluate, symbol
from tracejit.ir.spec import TensorSpec

__all__ = [
    "Builder",
    "Dim",
    "Graph",
    "Node",
    "Operation",
    "Size",
    "TensorSpec",
    "Where",
    "current",
    "evaluate",
    "symbol",
    "using",
]
