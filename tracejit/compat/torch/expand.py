"""From kernels to nodes: graphs of the IR that stand for what was recorded, and NumPy programs of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from tracejit.compat.torch.kernels.kernel import Kernel
from tracejit.compat.torch.program import DeviceProgram, NumpyProgram, Program
from tracejit.errors import ShapeError
from tracejit.ir import Builder, Dim, Graph, Node, Operation, TensorSpec, using
from tracejit.ir.node import Attr
from tracejit.ops import reshape
from tracejit.ops.row import TABLE
from tracejit.runtime.device import DeviceArray
from tracejit.transforms.fold import fold
from tracejit.transforms.simplify import simplify


class Expansion(Builder):
    """A builder that shares no nodes, so that each recorded value is one; sizes are numbers."""

    def __init__(self) -> None:
        super().__init__(TABLE)
        self._specs: dict[Any, TensorSpec] = {}

    def emit(self, op: Operation, inputs: tuple[Node, ...], **attrs: Attr) -> Node:
        key = (op, *[x.spec for x in inputs], *attrs.items())
        spec = self._specs.get(key)
        if spec is None:
            spec = self._specs[key] = op.infer(*(x.spec for x in inputs), **attrs)
        return Node(op, inputs, attrs, spec, None)

    def spec(self, node: Node) -> TensorSpec:
        return node.spec

    def canonical(self, dim: Dim) -> Dim:
        return dim

    def unify(self, a: Dim, b: Dim, what: str) -> Dim:
        if a != b:
            raise ShapeError(what)
        return a

    def decide(self, left: Any, relation: str, right: Any, why: str = "compared") -> bool:
        outcomes: dict[str, bool] = {"==": left == right, "!=": left != right, "<": left < right, "<=": left <= right}
        return outcomes[relation]

    def size_of(self, dim: Any, asked: str) -> int:
        return int(dim)


def expanded(builder: Builder, kernel: Kernel, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Node:
    """The node of what ``kernel`` makes of nodes and numbers, which is none of the operands."""
    with using(builder):
        node = kernel.body(*operands, **attrs)
        return reshape(node, shape=node.shape) if any(node is x for x in operands) else node


def cut(outputs: Sequence[Node], inputs: Sequence[Node], name: str) -> Graph:
    """The graph from ``inputs``, which may have been computed, to ``outputs``; equal nodes are one."""
    builder = Builder(TABLE)
    made = {node: builder.input(f"x{i}", node.spec) for i, node in enumerate(inputs)}
    ends = tuple(made.values())
    stack = list(reversed(outputs))
    while stack:
        node = stack[-1]
        missing = [x for x in node.inputs if x not in made] if node not in made else []
        if missing:
            stack.extend(missing)
            continue
        stack.pop()
        if node not in made:
            made[node] = builder.emit(node.op, tuple([made[x] for x in node.inputs]), **node.attrs)
    return Graph(name, ends, tuple(made[node] for node in outputs))


def needed(graph: Graph) -> tuple[Graph, list[int]]:
    """``graph`` with those inputs only that its outputs depend on, and their places among all."""
    used = {x for node in graph.nodes() for x in node.inputs} | set(graph.outputs)
    places = [i for i, node in enumerate(graph.inputs) if node in used]
    return Graph(graph.name, tuple(graph.inputs[i] for i in places), graph.outputs), places


def simplified(graph: Graph) -> Graph:
    """``graph`` without what is constant or does nothing."""
    return simplify(fold(graph))


def frozen(operand: Any) -> Hashable:
    """A number as a part of a key: 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    return (float, operand.hex()) if type(operand) is float else (type(operand), operand)


class Cache:
    """What was made for a key; the oldest goes where there is too much.

    Args:
        most: The sum of the sizes of all that is kept.
    """

    def __init__(self, most: int) -> None:
        self._most, self._total = most, 0
        self._found: dict[Hashable, tuple[Any, int]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Any], size: int) -> Any:
        """The value for ``key``, made where it is missing, of the given size."""
        found = self._found.get(key)
        if found is not None:
            return found[0]
        value = make()
        with self._lock:
            while self._found and self._total + size > self._most:
                self._total -= self._found.pop(next(iter(self._found)))[1]
            if key not in self._found:
                self._found[key] = value, size
                self._total += size
        return value


_programs = Cache(most=1024)


def computed(kernel: Kernel, operands: Sequence[Any], attrs: Mapping[str, Any]) -> Any:
    """What ``kernel`` makes of arrays and numbers: on the device where an array is there."""
    arrays = [x for x in operands if isinstance(x, np.ndarray | DeviceArray)]
    places = tuple([(x.shape, x.dtype) if isinstance(x, np.ndarray | DeviceArray) else frozen(x) for x in operands])
    there = DeviceArray in map(type, arrays)

    def make() -> Program:
        builder = Expansion()
        given = [
            builder.input("x", TensorSpec(x.shape, x.dtype)) if isinstance(x, np.ndarray | DeviceArray) else x for x in operands
        ]
        inputs = [x for x in given if isinstance(x, Node)]
        graph = simplified(cut([expanded(builder, kernel, given, attrs)], inputs, kernel.name))
        return DeviceProgram(graph) if there else NumpyProgram(graph)

    program = _programs.get((there, kernel, places, *attrs.items()), make, 1)
    (value,) = program(arrays)
    return value if there or program.fresh[0] else np.array(value, order="C")
