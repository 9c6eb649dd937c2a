"""Run: the trace of a part of a graph, from which a session's program is made.

Operations are traced in the order in which they were made. A Variable that is read shows the value that it had before the run, in
whatever order things are fetched; an operation under ``control_dependencies`` sees the assignments that it waits for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow.dtypes import DType, as_dtype
from tracejit.compat.tensorflow.errors import InvalidArgumentError
from tracejit.compat.tensorflow.v1.operation import Operation, Tensor
from tracejit.compat.tensorflow.v1.shape import TensorShape, proto_text
from tracejit.errors import ShapeError, TraceError
from tracejit.frontend.shapes import BROADCAST, same
from tracejit.frontend.sizes import RELATIONS, Origin
from tracejit.frontend.tensor import Tracer
from tracejit.frontend.trace import GraphTrace
from tracejit.frontend.where import at_line
from tracejit.ir import Dim, Node, TensorSpec, current, evaluate, using
from tracejit.ir.node import Attr
from tracejit.ir.node import Operation as Op
from tracejit.ir.size import quotient, symbols
from tracejit.transforms.autodiff import backward

_UNKNOWN = 2**20  # what stands for a size that nobody knows: one that most things fit


@dataclass(frozen=True, slots=True)
class Input:
    """What an input of a program is.

    Attributes:
        kind: A value that is fed, a placeholder that is not, an array of the graph, the value of a Variable, or the seed and
            number of draws of a random operation.
        owner: The tensor, the array, the Variable, or the operation.
    """

    kind: Literal["feed", "missing", "array", "variable", "draws"]
    owner: Any


class UnfedError(InvalidArgumentError):
    """A placeholder that is needed has no value."""

    def __init__(self, tensor: Tensor) -> None:
        super().__init__(
            f"You must feed a value for placeholder tensor '{tensor.op.name}' with dtype {tensor.dtype.short} and shape "
            f"{proto_text(tensor.shape.sizes)}\n\t [[{{{{node {tensor.op.name}}}}}]]{at_line(tensor.op.where)}"
        )


class Run(GraphTrace):
    """A trace that never shares nodes, so that tensors of equal value have derivatives of their own.

    Attributes:
        inputs: What each input node is.
        updates: New values, by input node.
        values: The nodes of tensors.
        op: The operation that is traced now, or was when something failed.
        actual: Sizes of what is fed in this call, by symbol.
        exact: Whether sizes of 0 and 1 are numbers, so that all others are greater.
    """

    def __init__(self, name: str, exact: bool = False) -> None:
        super().__init__(name, ops.TABLE)
        self.exact = exact
        self.inputs: dict[Node, Input] = {}
        self.updates: dict[Node, Node] = {}
        self.values: dict[Tensor, Node] = {}
        self.op: Operation | None = None
        self.actual: dict[str, int] = {}
        self._fed: dict[Tensor, Node] = {}
        self._behind: dict[Tensor, Node] = {}  # what fed tensors would have been, for derivatives through them
        self._variables: dict[Any, Node] = {}
        self._present: dict[Any, Node] = {}
        self._written: dict[Operation, Mapping[Any, Node]] = {}
        self._aside = False

    def emit(self, op: Op, inputs: tuple[Node, ...], **attrs: Attr) -> Node:
        node = self._make(op, inputs, attrs)
        self._interned[len(self._interned)] = node
        for listener in self.listeners:
            listener(node)
        return node

    def bind(self, kind: Any, owner: Any, name: str, shape: Sequence[Dim], dtype: Any) -> Node:
        """A new input of the program."""
        node = self.argument(name, TensorSpec(shape, dtype))
        self.inputs[node] = Input(kind, owner)
        return node

    # what is fed

    def feed(self, tensor: Tensor, shape: Sequence[int]) -> None:
        """Let the caller give the value of ``tensor``, which is of ``shape`` in this call, and that fits its static one."""
        static = tensor.shape.sizes or (None,) * len(shape)
        dims = [self._size(tensor, i, s, n) for i, (s, n) in enumerate(zip(static, shape, strict=True))]
        self._fed[tensor] = self.bind("feed", tensor, tensor.op.name, dims, tensor.dtype.numpy)

    def _size(self, tensor: Tensor, axis: int, static: int | None, size: int) -> Dim:
        if static is not None or (self.exact and size < 2):
            return size
        origin = Origin(f"{tensor.name}.shape[{axis}]", least=2 if self.exact else 0, free=size < 2)
        made = self.new_size(size, origin)
        self.actual[str(made)] = size
        return made

    def fits(self) -> bool:
        """Whether sizes that were found to be equal are so in this call."""
        known = self.actual.keys()
        bound = [(name, dim) for name, dim in self.sizes.bound.items() if name in known and symbols(dim) <= known]
        return all(self.actual[name] == evaluate(dim, self.actual) for name, dim in bound)

    def decide(self, left: Dim, relation: str, right: Dim, why: str = "compared") -> bool:
        if (
            why == BROADCAST and not self.exact
        ):  # open sizes that meet are equal; a run in which one is 1 has a program of its own
            return self.canonical(left) == self.canonical(right)
        return super().decide(left, relation, right, why)

    def open_input(self, kind: Any, tensor: Tensor) -> Node:
        """An input for a tensor of which nothing but the static shape is known."""
        sizes = tensor.shape.known()
        texts = [f"{tensor.name}.shape[{i}]" for i in range(len(sizes))]
        dims = [
            self.new_size(_UNKNOWN, Origin(t, least=0, free=True)) if n is None else n for t, n in zip(texts, sizes, strict=True)
        ]
        return self.bind(kind, tensor, tensor.op.name, dims, tensor.dtype.numpy)

    # operations

    def trace(self, operations: Iterable[Operation], aside: Iterable[Operation] = ()) -> None:
        """Trace operations that are needed, each after its inputs.

        Args:
            operations: What runs.
            aside: What is traced for derivatives only, and has no effect.
        """
        live = set(operations)
        for op in sorted({*live, *aside}, key=lambda op: op.order):
            self._aside = op not in live
            self._trace(op)

    def _trace(self, op: Operation) -> None:
        self.op = op
        own: dict[Any, Node] = {}
        if op.compute is not None:
            nodes = [self.value(x, op) for x in op.inputs]
            before = dict(self._present)
            with self.at(op.where):
                out = op.compute(*nodes)
                found = () if out is None else (out,) if isinstance(out, Node) else tuple(out)
                found = tuple(ops.reshape(x, shape=x.shape) if x in nodes else x for x in found)
            for tensor, node in zip(op.outputs, found, strict=True):
                (self._behind if tensor in self._fed else self.values)[tensor] = node
            own = {v: node for v, node in self._present.items() if before.get(v) is not node}
        if not self._aside:
            self._written[op] = self._seen_by((*(x.op for x in op.inputs), *op.control_inputs), own)

    def _seen_by(self, parents: Iterable[Operation], own: Mapping[Any, Node]) -> Mapping[Any, Node]:
        """The Variables that ``parents``, and what they waited for, assigned; the last one counts."""
        seen = [self._written[p] for p in sorted(set(parents), key=lambda p: p.order) if self._written.get(p)]
        if not own and len(seen) <= 1:
            return seen[0] if seen else {}
        merged: dict[Any, Node] = {}
        for written in (*seen, own):
            merged.update(written)
        return merged

    def value(self, tensor: Tensor, by: Operation | None = None) -> Node:
        """The node of a tensor, as the operation ``by`` sees it."""
        fed = self._fed.get(tensor)
        if fed is not None:
            return fed
        if tensor.op.type == "VariableV2":
            return self._read(tensor.op.attrs["variable"], by)
        node = self.values.get(tensor)
        if node is None:
            if tensor.shape.sizes is None:
                raise UnfedError(tensor)
            node = self.values[tensor] = self.open_input("missing", tensor)
        return node

    # state

    def _read(self, variable: Any, by: Operation | None) -> Node:
        if by is not None and by.control_inputs:
            assigned = self._seen_by(by.control_inputs, {}).get(variable)
            if assigned is not None:
                return assigned
        return self._start(variable)

    def _start(self, variable: Any) -> Node:
        """The input for what a Variable holds before the run."""
        node = self._variables.get(variable)
        if node is None:
            sizes = variable.tensor.shape.known()
            node = self._variables[variable] = self.bind("variable", variable, variable.op.name, sizes, variable.dtype.numpy)
        return node

    def present(self, variable: Any) -> Node:
        """What a Variable holds after the assignments so far; what is fed for it, where there are none."""
        return self._present.get(variable) or self._fed.get(variable.tensor) or self._start(variable)

    def store(self, variable: Any, node: Node) -> Node:
        """Give a Variable a new value."""
        shape = variable.tensor.shape.known()
        fault = (
            f"Assign requires shapes of both tensors to match. lhs shape= {proto_text(shape)}"
            f" rhs shape= {proto_text([d if isinstance(d, int) else None for d in node.shape])}"
        )
        if node.spec.rank != len(shape):
            raise ShapeError(fault)
        for a, b in zip(node.shape, shape, strict=True):
            same(a, b, fault)
        self._present[variable] = node
        if not self._aside:
            self.updates[self._start(variable)] = node
        return node

    def draw(self) -> tuple[Tracer, Tracer]:
        """Seed and number of this run's draw of the operation that is traced."""
        assert self.op is not None, "draws belong to an operation"
        index = np.dtype(np.int64)
        node = self.bind("draws", self.op, f"{self.op.name}_draws", (2,), index)
        if not self._aside:
            self.updates[node] = node + ops.iota(size=2, dtype=index)
        seed, count = (ops.reshape(ops.slice(node, starts=(i,), sizes=(1,), steps=(1,)), shape=()) for i in range(2))
        return Tracer(self, seed), Tracer(self, count)

    # derivatives

    def backward(
        self, ys: Sequence[Node], cotangents: Sequence[Node], xs: Sequence[Node], stops: Sequence[Node]
    ) -> list[Node | None]:
        """Derivatives of ``ys`` by ``xs``, also through tensors that are fed: these count by value only."""
        pairs = [(self._fed[t], node) for t, node in sorted(self._behind.items(), key=lambda item: item[0].op.order)]
        feeds = [fed for fed, _ in pairs]
        stopped = set(stops)
        within = {n for n in self._interned.values() if n not in stopped} if stopped else None
        found = backward(self, ys, cotangents, [*xs, *feeds], within)
        for i in reversed(range(len(pairs))):
            ct = found[len(xs) + i]
            if ct is not None:
                more = backward(self, [pairs[i][1]], [ct], [*xs, *feeds[:i]], within)
                for j, part in enumerate(more):  # the feeds stand behind the xs in both lists
                    whole = found[j]
                    found[j] = part if whole is None else whole if part is None else whole + part
        return found[: len(xs)]

    # shapes that are computed

    def dims(self, node: Node) -> list[Dim]:
        """The sizes that a vector, or a number, of integers stands for.

        Raises:
            TraceError: They depend on data.
        """
        match node.op.name:
            case "constant":
                return [node.attrs["value"]]
            case "dim":
                return [self.canonical(node.attrs["size"])]
            case "concatenate":
                return [d for x in node.inputs for d in self.dims(x)]
            case "cast" | "reshape" | "copy" | "stop_gradient":
                return self.dims(node.inputs[0])
            case "broadcast" if node.spec.rank == 1:
                return self.dims(node.inputs[0]) * self.size_of(node.shape[0], "the length of a shape")
            case "slice":
                (start,), (size,), (step,) = node.attrs["starts"], node.attrs["sizes"], node.attrs["steps"]
                return self.dims(node.inputs[0])[start::step][:size]
            case "add" | "subtract" | "multiply" | "floor_divide":
                x, y = map(self.dims, node.inputs)
                return [_COMBINE[node.op.name](a, b) for a, b in zip(x, y, strict=True)]
        source = self.inputs.get(node)
        if source is not None and source.kind == "array":
            return [int(n) for n in np.ravel(source.owner)]
        raise TraceError(f"a shape is computed from data, {node.spec}; it must follow from other shapes and from constants")


_COMBINE = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "floor_divide": quotient,
}


class Abstract(Run):
    """A run without a session: sizes that are unknown stay so, and whatever depends on them is taken to fit."""

    def unify(self, a: Dim, b: Dim, what: str) -> Dim:
        try:
            return super().unify(a, b, what)
        except ShapeError:
            if symbols(self.canonical(a)) or symbols(self.canonical(b)):
                return a
            raise

    def decide(self, left: Dim, relation: str, right: Dim, why: str = "compared") -> bool:
        try:
            return super().decide(left, relation, right, why)
        except TraceError:
            return RELATIONS[relation](evaluate(left, self.sizes.values), evaluate(right, self.sizes.values))

    def stand_in(self, tensor: Tensor) -> Node:
        """A node for a tensor: small integers as they are computed, since shapes may be made of them; anything else an input."""
        node = self.values.get(tensor)
        if node is not None:
            return node
        op = tensor.op
        small = tensor.dtype.is_integer and tensor.shape.sizes is not None and len(tensor.shape) <= 1
        if small and op.compute is not None and op.type not in _WITH_STATE:
            nodes = [self.stand_in(x) for x in op.inputs]
            out = op.compute(*nodes)
            self.values.update(zip(op.outputs, (out,) if isinstance(out, Node) else out, strict=True))
            return self.values[tensor]
        self.values[tensor] = self.open_input("missing", tensor)
        return self.values[tensor]


_WITH_STATE = {"Assign", "AssignAdd", "AssignSub", "ScatterUpdate", "ScatterAdd", "ScatterSub", "Random", "Gradients"}


def infer(compute: Any, inputs: Sequence[Tensor], dtype: DType | None = None) -> list[tuple[TensorShape, DType]]:
    """Static shapes and dtypes of what an operation gives.

    Args:
        compute: Of the operation.
        inputs: Its inputs.
        dtype: Of the only output, for when nothing is known of an input's shape; that of the first input if not given.
    """
    if any(x.shape.sizes is None for x in inputs):
        return [(TensorShape(None), inputs[0].dtype if dtype is None else dtype)]
    run = Abstract("infer")
    try:
        with using(run):
            out = compute(*[run.stand_in(x) for x in inputs])
            return [static_spec(run, node) for node in ((out,) if isinstance(out, Node) else out)]
    finally:
        run.ended = True


def static_spec(run: Run, node: Node) -> tuple[TensorShape, DType]:
    """What is known of a node before a run."""
    sizes = [d if isinstance(d, int) else None for d in run.spec(node).shape]
    return TensorShape(sizes), as_dtype(node.dtype)


def current_run() -> Run:
    """The run whose operation is traced now."""
    run = current()
    assert isinstance(run, Run), "what an operation computes is traced by a run"
    return run
