"""EagerTrace: a builder whose nodes know their values. It does what a GraphTrace does, at once."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np

from tracejit.errors import ShapeError
from tracejit.frontend.device import default_device, device_of, moved
from tracejit.frontend.scope import scope
from tracejit.frontend.where import at_line, user_where
from tracejit.ir import Builder, Dim, Node, Operation, TensorSpec, Where, current
from tracejit.ir.ambient import active
from tracejit.ir.builder import CONSTANT, INPUT, identity
from tracejit.ir.node import Attr
from tracejit.ops.row import TABLE, Op
from tracejit.runtime.device import Array, Device, DeviceArray, on_host, overlap


class EagerNode(Node):
    """A node with its value, on the host or on a device."""

    __slots__ = ("value",)

    def __init__(
        self,
        op: Operation,
        inputs: tuple[Node, ...],
        attrs: Mapping[str, Attr],
        spec: TensorSpec,
        where: Where | None,
        value: Any,
    ) -> None:
        super().__init__(op, inputs, attrs, spec, where)
        self.value = value


class Key:
    """Identity of a value: while an owner has the same key, it has the same value."""

    __slots__ = ("__weakref__",)


class EagerTrace(Builder):
    """Evaluates every node as it is made; never shares nodes, so that a tape can tell equal values apart.

    Args:
        recording: A tape or a gradient follows: nodes of tensors are remembered, and memory that may change is copied.
        plain: Results are NumPy arrays, as no tensor takes part; only where nothing is recorded.
        travels: Operations run on the default device, or, where there is none, on one that an operand is on; operands go there.
    """

    def __init__(self, recording: bool = False, plain: bool = False, travels: bool = False) -> None:
        super().__init__(TABLE, user_where if recording else _nowhere)  # lines are for derivatives
        self.recording = recording
        self.plain = plain
        self.travels = travels
        if recording:  # only there can Variables be made and nodes be seen
            self.scope = scope()
        self.borrowed: list[Array] = []
        self._known: MutableMapping[Key, Node] = WeakKeyDictionary() if recording else {}  # which does not live long

    def emit(self, op: Operation, inputs: tuple[Node, ...], **attrs: Attr) -> Node:
        if op is CONSTANT:
            node = _constant(identity(attrs["value"]), attrs["value"], attrs["dtype"])
        elif op is BROADCAST and inputs[0].op is CONSTANT:
            node = _filled(inputs[0], attrs["shape"])
        else:
            spec = op.infer(*[x.spec for x in inputs], **attrs)
            node = EagerNode(op, inputs, attrs, spec, self.where(), _value(op, inputs, attrs, spec, self.travels))
        for listener in self.listeners:
            listener(node)
        return node

    emit_apart = emit  # no two nodes are one here

    def leaf(self, value: Array, name: str = "x") -> Node:
        """An input that has a value."""
        spec = TensorSpec.of(value.shape, value.dtype)
        return EagerNode(INPUT, (), {"name": name, "spec": spec}, spec, None, value)

    def captured(self, array: Array, name: str = "x") -> Node:
        """An input for an array that its owner may change later."""
        if isinstance(array, np.ndarray) and not array.dtype.isnative:
            return self.leaf(array.astype(array.dtype.newbyteorder("=")), name)
        if self.recording:
            return self.leaf(_copy(array), name)
        self.borrowed.append(array)
        return self.leaf(array, name)

    def owned(self, value: Any) -> Any:
        """``value`` in memory that nobody else writes to."""
        return _copy(value) if any(overlap(value, x) for x in self.borrowed) else value

    def settled(self, node: Node) -> Node:
        """``node`` with its value where operations run."""
        place: Any = default_device() if self.travels else "auto"
        return node if place == "auto" else self.placed(node, place)

    def placed(self, node: Node, place: Device) -> Node:
        """``node`` with its value on a device: a reshape to the same shape, which derivatives go through."""
        value = value_of(node)
        if device_of(value) == place:
            return node
        copy = EagerNode(RESHAPE, (node,), {"shape": node.shape}, node.spec, self.where(), moved(value, place))
        for listener in self.listeners:
            listener(copy)
        return copy

    def known(self, key: Key, value: Array, changes: bool = False) -> Node:
        """The node of the value that goes by ``key``; ``changes`` where the memory of ``value`` is not the owner's alone."""
        node = self._known.get(key)
        if node is None:
            node = self.captured(value, "tensor") if changes else self.leaf(value, "tensor")
            self.remember(key, node)
        return node

    def remember(self, key: Key, node: Node) -> None:
        """From now on the value that goes by ``key`` is ``node``."""
        self._known[key] = node

    def find(self, key: Key) -> Node | None:
        """The node of the value that goes by ``key``, if it has taken part in this trace."""
        return self._known.get(key)

    def fit(self, node: Node, dtype: np.dtype) -> None:
        np.array(value_of(node).item(), dtype)

    def beyond(self, node: Node, dtype: np.dtype) -> int | None:
        limits, number = np.iinfo(dtype), value_of(node).item()
        return None if limits.min <= number <= limits.max else int(number)

    # what a GraphTrace does with symbolic sizes

    def spec(self, node: Node) -> TensorSpec:
        return node.spec

    def canonical(self, dim: Dim) -> Dim:
        return dim

    def unify(self, a: Dim, b: Dim, what: str) -> Dim:
        if a != b:
            raise ShapeError(f"{what}{at_line(user_where())}")
        return a

    def decide(self, left: Dim, relation: str, right: Dim, why: str = "compared") -> bool:
        assert isinstance(left, int) and isinstance(right, int), "eager sizes are numbers"
        return {"==": left == right, "!=": left != right, "<": left < right, "<=": left <= right}[relation]

    def size_of(self, dim: Dim, asked: str) -> int:
        assert isinstance(dim, int), "eager sizes are numbers"
        return dim


def _copy(array: Array) -> Array:
    return array.copy() if isinstance(array, DeviceArray) else np.array(array, order="C")


def _nowhere() -> None:
    """The user's line, where nobody will ask for it."""


_SILENT: Final = frozenset({"gather", "reshape", "view", "write"})
"""Kinds of ops that move numbers, at which NumPy has nothing to warn of."""


@lru_cache(maxsize=1024)
def _constant(identity: object, value: Any, dtype: np.dtype) -> EagerNode:
    """The node of a number, the same in all traces: nobody asks for a derivative by it."""
    attrs = {"value": value, "dtype": dtype}
    array = np.array(value, dtype)
    array.flags.writeable = False
    return EagerNode(CONSTANT, (), attrs, CONSTANT.infer(**attrs), None, array)


@lru_cache(maxsize=1024)
def _filled(scalar: Node, shape: tuple[int, ...]) -> EagerNode:
    """The node of a number at every element, the same in all traces, too; its value takes the memory of one number."""
    spec, attrs = TensorSpec.of(shape, scalar.dtype), {"shape": shape, "axes": ()}
    return EagerNode(BROADCAST, (scalar,), attrs, spec, None, _value(BROADCAST, (scalar,), attrs, spec))


def beside(node: Node, other: Any) -> Node:
    """``node``, a result that may not depend on anything, on the device of ``other``: a node, a tensor or a Variable."""
    builder = trace()
    if not isinstance(builder, EagerTrace):
        return node
    there = device_of(value_of(other)) if isinstance(other, Node) else other.device
    return builder.placed(node, there) if there == "cuda" else node


BROADCAST: Final = TABLE["broadcast"]
RESHAPE: Final = TABLE["reshape"]


def value_of(node: Node) -> Any:
    """The value of a node of an EagerTrace: an array, on the host or on a device."""
    assert isinstance(node, EagerNode), f"{node} has no value"
    return node.value


def trace() -> Any:
    """The current trace, a GraphTrace or an EagerTrace."""
    return current()


def eager_trace() -> EagerTrace:
    """The current trace where it is eager, otherwise one that records nothing."""
    builder = active()
    return builder if isinstance(builder, EagerTrace) else EagerTrace()


def _value(op: Operation, inputs: tuple[Node, ...], attrs: Mapping[str, Attr], spec: TensorSpec, travels: bool = False) -> Any:
    assert isinstance(op, Op)
    values = [value_of(x) for x in inputs]
    place = default_device() if travels else "auto"
    if place == "cpu":
        values = [on_host(x) for x in values]
    elif place == "cuda" or DeviceArray in map(type, values):
        from tracejit.frontend.on_device import evaluated  # and with it, the compiler

        return evaluated(op, inputs, attrs, spec, travels)
    if op.kind in _SILENT:
        value = np.asarray(op.evaluate(*values, **attrs))
    else:
        with np.errstate(all="ignore"):  # compiled programs do not warn either
            value = np.asarray(op.evaluate(*values, **attrs))
    assert value.dtype == spec.dtype and value.shape == spec.shape, (
        f"{op.name}: {spec} expected, {value.dtype}{value.shape} found"
    )
    return value


__all__ = ["EagerNode", "EagerTrace", "Key", "active", "eager_trace", "trace", "value_of"]
