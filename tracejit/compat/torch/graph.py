"""The graph of an eager backward(): nodes of the one IR that hold their value, or compute it when it is asked for.

Operations of tensors that require a gradient are recorded as the nodes that a trace would hold. The value of the result is
known when it is recorded; what only a derivative reads, such as the mask of a clamp, is computed if and when one reads it.
``transforms.autodiff.backward`` adds the nodes of the reverse pass, and :func:`evaluate` computes those that a gradient needs.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from contextvars import Context
from typing import Any
from weakref import ref

import numpy as np

from tracejit.errors import ShapeError
from tracejit.ir import Builder, Dim, Node, Operation, TensorSpec
from tracejit.ir.builder import CONSTANT, INPUT, Structural
from tracejit.ir.node import Attr
from tracejit.ops import broadcast
from tracejit.ops.row import TABLE, Op

FREED = Structural("freed")
"""The op of a node whose graph a backward() has used up."""

_MOST_SPECS = 8192


class Recorded(Node):
    """A node of an eager graph.

    Attributes:
        value: Its array; None until somebody asks for it.
        versions: Where the array is the memory of a tensor: the count of writes to it.
        version: That count when the node was made.
        collects: Of a node that is no leaf: a reference to the tensor that wants its gradient all the same.
    """

    __slots__ = ("collects", "value", "version", "versions")

    def __init__(self, op: Operation, inputs: tuple[Any, ...], attrs: Mapping[str, Attr], spec: TensorSpec) -> None:
        self.op = op
        self.inputs = inputs
        self.attrs = attrs
        self.spec = spec
        self.where = None
        self.value: np.ndarray | None = None
        self.versions: list[int] | None = None
        self.collects: Any = None

    def hold(self, value: np.ndarray, versions: list[int]) -> None:
        """Take the memory of a tensor as the value."""
        self.value = value
        self.versions = versions
        self.version = versions[0]


class Leaf(Recorded):
    """The node of a tensor that gradients are collected in."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Any, value: np.ndarray) -> None:
        super().__init__(INPUT, (), {}, spec_of(value))
        self.tensor = ref(tensor)


class Recorder(Builder):
    """Makes the nodes of eager graphs; it holds none of them, so there is one for all threads."""

    def __init__(self) -> None:
        super().__init__(TABLE)
        self._specs: dict[Any, TensorSpec] = {}

    def emit(self, op: Operation, inputs: tuple[Any, ...], **attrs: Attr) -> Node:
        key = (op, *[id(x.spec) for x in inputs], *attrs.items())
        spec = self._specs.get(key)
        if spec is None:
            spec = self._infer(key, op, inputs, attrs)
        return Recorded(op, inputs, attrs, spec)

    def _infer(self, key: Any, op: Operation, inputs: tuple[Any, ...], attrs: Mapping[str, Attr]) -> TensorSpec:
        inferred = op.infer(*(x.spec for x in inputs), **attrs)
        spec = _specs.setdefault((inferred.shape, inferred.dtype), inferred)
        specs = self._specs if len(self._specs) < _MOST_SPECS else {}
        for x in inputs:  # the key holds the ids of their specs, which therefore must live as long as it
            specs[id(x.spec)] = x.spec
        specs[key] = spec
        self._specs = specs
        return spec

    def constant(self, value: Any, dtype: np.dtype) -> Node:
        return self.emit(CONSTANT, (), value=dtype.type(value).item(), dtype=dtype)

    def captured(self, array: np.ndarray) -> Node:
        """A node for an array that no gradient goes to."""
        return known(array)

    # what a trace does with symbolic sizes

    def spec(self, node: Node) -> TensorSpec:
        return node.spec

    def canonical(self, dim: Dim) -> Dim:
        return dim

    def unify(self, a: Dim, b: Dim, what: str) -> Dim:
        if a != b:
            raise ShapeError(what)
        return a

    def decide(self, left: Any, relation: str, right: Any, why: str = "compared") -> bool:
        return {"==": left == right, "!=": left != right, "<": left < right, "<=": left <= right}[relation]

    def size_of(self, dim: Any, asked: str) -> int:
        return int(dim)


RECORDER = Recorder()

_specs: dict[Any, TensorSpec] = {}


def spec_of(value: np.ndarray) -> TensorSpec:
    """The spec of an array, the same object for equal ones."""
    key = (value.shape, value.dtype)
    spec = _specs.get(key)
    if spec is None:
        if len(_specs) >= _MOST_SPECS:
            _specs.clear()
        spec = _specs[key] = TensorSpec(*key)
    return spec


def known(value: np.ndarray, versions: list[int] | None = None) -> Recorded:
    """A node without history that has ``value``."""
    node = Recorded(INPUT, (), {}, spec_of(value))
    node.value = value
    if versions is not None:
        node.hold(value, versions)
    return node


class _Quiet(threading.local):
    """``run(f, *args)`` calls NumPy without its warnings of division by zero, overflow and the like: programs have none."""

    def __init__(self) -> None:
        context = Context()
        context.run(np.seterr, all="ignore")
        self.run = context.run  # a context is entered by one thread at a time, so each has its own


quiet = _Quiet()


def evaluate(roots: Sequence[Any], keep: bool = True) -> None:
    """Compute the values of ``roots``, and of what they need.

    Args:
        roots: Nodes of eager graphs.
        keep: Whether values on the way stay; they are dropped as soon as nobody needs them any more otherwise.
    """
    order, uses = _unknown(roots)
    kept = {*roots} if not keep else ()
    run = quiet.run
    for node, operands in order:
        op = node.op
        if op is CONSTANT:
            node.value = np.asarray(node.attrs["value"], node.attrs["dtype"])
            continue
        values = [x.value if x.versions is None else _unchanged(x) for x in operands]
        value = run(op.evaluate, *values, **node.attrs)
        if type(value) is not np.ndarray:
            value = np.asarray(value)
        node.value = value if value.shape == node.spec.shape else np.broadcast_to(value, node.spec.shape)
        if not keep:
            for x in operands:
                count = uses.get(x)
                if count is not None:
                    uses[x] = count - 1
                    if count == 1 and x not in kept:
                        x.value = None


def _unknown(roots: Sequence[Any]) -> tuple[list[tuple[Any, Sequence[Any]]], dict[Any, int]]:
    """What must be computed for ``roots``, operands first, each with its operands; and how often each is an operand."""
    order: list[tuple[Any, Sequence[Any]]] = []
    uses: dict[Any, int] = {}
    stack: list[Any] = [x for x in roots if x.value is None]
    entered: dict[Any, Sequence[Any]] = {}
    while stack:
        node = stack[-1]
        operands = entered.get(node)
        if operands is None:
            operands = entered[node] = _operands(node)
            missing = [x for x in operands if x.value is None and x not in entered]
            if missing:
                stack.extend(missing)
                continue
        stack.pop()
        if node not in uses:
            uses[node] = 0
            order.append((node, operands))
            for x in operands:
                if x in uses:
                    uses[x] += 1
    return order, uses


def _operands(node: Any) -> Sequence[Any]:
    """The inputs of a node; of an elementwise one, scalars in place of their repetitions, which NumPy makes itself."""
    if node.op is FREED:
        raise used_up()
    if isinstance(node.op, Op) and node.op.kind == "elementwise":
        return [x.inputs[0] if x.op is broadcast and x.value is None and not x.attrs["axes"] else x for x in node.inputs]
    inputs: tuple[Any, ...] = node.inputs
    return inputs


def _unchanged(node: Recorded) -> np.ndarray | None:
    """The value of a node that is the memory of a tensor; RuntimeError where the tensor was written to since."""
    if node.versions is not None and node.versions[0] != node.version:
        raise RuntimeError(
            "one of the variables needed for gradient computation has been modified by an inplace operation:"
            f" {node.spec} is at version {node.versions[0]}; expected version {node.version} instead"
        )
    return node.value


def used_up() -> RuntimeError:
    """The error of a second backward()."""
    return RuntimeError(
        "Trying to backward through the graph a second time (or directly access saved tensors after they have already been"
        " freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad()."
        " Specify retain_graph=True if you need to backward through the graph a second time."
    )


def history(roots: Sequence[Any]) -> list[Any]:
    """Every node that ``roots`` were computed from; RuntimeError where one was freed."""
    seen: dict[Any, None] = dict.fromkeys(roots)
    stack = list(seen)
    while stack:
        node = stack.pop()
        if node.op is FREED:
            raise used_up()
        for x in node.inputs:
            if x not in seen:
                seen[x] = None
                stack.append(x)
    return list(seen)


def free(nodes: Collection[Any]) -> None:
    """Let go of the history of ``nodes``, which a later backward() refuses to go through."""
    for node in nodes:
        if node.inputs:
            node.op, node.inputs, node.value, node.versions = FREED, (), None, None
