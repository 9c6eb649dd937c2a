"""Session: what a trace knows of tensors beyond its own values: whose memory they are, and their gradients.

A tensor from outside that a traced function uses is captured: the program reads and writes its memory. That it still has this
memory, and whether it requires a gradient, becomes a guard. Gradients that backward() leaves in tensors, and that Python
reads from them, are kept here while the function is traced, and put in place after each call.
"""

from __future__ import annotations

from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from tracejit import ops
from tracejit.compat.torch import mode
from tracejit.compat.torch.device import not_together
from tracejit.compat.torch.graph import used_up
from tracejit.compat.torch.kernels.kernel import Kernel
from tracejit.compat.torch.shown import refresh
from tracejit.compat.torch.value import Value
from tracejit.frontend.guards import Attribute, Guard, Known
from tracejit.frontend.lift import distinct, lift
from tracejit.frontend.tensor import Tracer
from tracejit.frontend.trace import GraphTrace
from tracejit.frontend.view import is_view, steps_between
from tracejit.ir import Node, using
from tracejit.ir.dtype import family

_sessions: WeakKeyDictionary[Any, Session] = WeakKeyDictionary()


def session_of(trace: Any) -> Session:
    """The session of a trace."""
    session = _sessions.get(trace)
    if session is None:
        session = _sessions[trace] = Session(trace)
    return session


class Session:
    """The tensors of one trace.

    Args:
        trace: The trace.

    Attributes:
        gradients: By the id of a captured tensor: it, its gradient when the call began, and its gradient now.
        leaves: The tensor that each node to differentiate by stands for.
        retained: The tensor of each other node whose gradient is wanted.
        refresh: What must be called before each call of the program, as it brings up to date what that reads.
        arguments: The inputs of the trace that are arguments.
        outer: Arguments that were computed outside and require a gradient.
    """

    def __init__(self, trace: GraphTrace) -> None:
        self.trace = trace
        self.gradients: dict[int, tuple[Any, Any, Any]] = {}
        self.leaves: dict[Node, Any] = {}
        self.retained: dict[Node, Any] = {}
        self.refresh: dict[Any, None] = {}
        self.arguments: dict[Node, Tracer] = {}
        self.outer: list[Any] = []
        self._captured: dict[int, tuple[np.ndarray, Tracer]] = {}
        self._seen: dict[int, Any] = {}
        self._leaf_of: dict[int, tuple[Any, Node, Node]] = {}
        self._recorded: set[Node] = set()
        self._freed: set[Node] = set()

    # operations

    def apply(self, kernel: Kernel, operands: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        """The tensor that ``kernel`` makes."""
        tensors = [x for x in operands if isinstance(x, Value)]
        recorded = mode.is_grad_enabled() and any(x._requires for x in tensors)
        nodes = [self.node(x, recorded) if isinstance(x, Value) else x for x in operands]
        node = kernel.body(*nodes, **attrs)
        out = self.made(type(tensors[0]), node, self.tracer(tensors[0]) if kernel.view else None)
        if recorded and family(node.dtype) in "fc":
            out._requires, out._made = True, kernel.name
            self._recorded.add(node)
        return out

    def made(self, kind: type[Any], node: Node, view_of: Tracer | None = None) -> Any:
        """A tensor with a value of the trace, which may show a part of another's memory."""
        out = object.__new__(kind)
        out._tracer = Tracer(self.trace, node)
        if view_of is not None:
            steps = steps_between(view_of.node_in(self.trace), node)
            whole, before = view_of.origin
            if steps is not None and is_view(whole.spec.shape, before + steps):
                out._tracer = Tracer(self.trace, node, base=view_of, steps=steps)
                out._view = True
        return out

    def node(self, x: Any, recorded: bool) -> Node:
        """The value of a tensor as an operand: where the operation is recorded, gradients flow through it."""
        raw = self.tracer(x).node_in(self.trace)
        if not (recorded and x._requires):
            return ops.stop_gradient(raw) if raw in self._recorded else raw
        leaf = x._made is None or x._tracer is None or x._made == OUTER
        return self._leaf(x, raw) if leaf else raw

    def _leaf(self, x: Any, raw: Node) -> Node:
        """A node of its own for a tensor that gradients are collected in; another one after it was written to."""
        known = self._leaf_of.get(id(x))
        if known is None or known[1] is not raw:
            known = self._leaf_of[id(x)] = x, raw, distinct(raw)
            self.leaves[known[2]] = x
        return known[2]

    def written(self, x: Any, recorded: bool) -> None:
        """Note that a tensor was written to in place."""
        if recorded:
            x._requires, x._made = True, "Copy"
            self._recorded.add(self.tracer(x).node_in(self.trace))

    # memory

    def tracer(self, x: Any) -> Tracer:
        """The memory of a tensor, captured where it is from outside."""
        if x._tracer is not None:
            found: Tracer = x._tracer
            return found
        array = x._array
        self._watch(x)
        if x._origin is not None:
            refresh(x)
            self.refresh[partial(refresh, x)] = None
        if id(array) not in self._captured:
            self._captured[id(array)] = array, Tracer(self.trace, self.trace.captured(array))
        return self._captured[id(array)][1]

    def _watch(self, x: Any) -> None:
        if id(x) not in self._seen:
            self._seen[id(x)] = x
            self.guard(x, "_array", x._array)
            self.guard(x, "_requires", x._requires)

    def guard(self, x: Any, name: str, expected: Any) -> None:
        """The program is made for tensors whose attribute ``name`` is this very object."""
        text = f"a tensor of size {list(x._array.shape)}"
        self.trace.guards.append(Guard(Attribute(Known(x, text), name), expected))

    def array_of(self, tracer: Tracer) -> np.ndarray | None:
        """The array from outside that a tracer stands for."""
        return next((array for array, own in self._captured.values() if own is tracer), None)

    def unchanged_array(self, node: Node) -> np.ndarray | None:
        """The array from outside that an input of the trace is, and stays."""
        found = ((array, tracer) for array, tracer in self._captured.values())
        return next((array for array, t in found if t.node is node and self.trace.captured(array) is node), None)

    def place_of(self, x: Any) -> int | None:
        """The place of a tensor among the arguments that were computed outside."""
        return next((i for i, t in enumerate(self.outer) if t is x), None)

    def finish(self) -> None:
        """Make what was written to captured memory the result of the program."""
        for array, tracer in self._captured.values():
            if tracer.node is not self.trace.captured(array):
                self.trace.assign(array, tracer.node)

    def put_there(self, x: Any) -> None:
        """Note that the function asked for a tensor to be on a device, to which it may be copied in each call."""
        self.trace.placed = True
        self.trace.resident.add(self.tracer(x).node)

    def check_together(self) -> None:
        """DeviceError where tensors from outside are on different devices; those without dimensions go along."""
        captured = [self.trace.captured(array) for array, _ in self._captured.values()]
        outside = [*self.arguments, *captured]
        if self.trace.device == "cuda" and any(node.shape and node not in self.trace.resident for node in outside):
            raise not_together()

    # gradients

    def gradient(self, x: Any) -> Any:
        """The present gradient of a tensor."""
        if x._tracer is not None:
            return x._grad
        known = self.gradients.get(id(x))
        if known is None:
            grad = x._grad
            self.guard(x, "_grad", grad)
            known = self.gradients[id(x)] = x, grad, grad
        return known[2]

    def take_gradient(self, x: Any, grad: Tracer | None) -> None:
        """Begin with a gradient that is an argument of the program."""
        made = None if grad is None else object.__new__(type(x))
        if made is not None:
            made._tracer = grad
        self.gradients[id(x)] = x, made, made

    def set_gradient(self, x: Any, grad: Any) -> None:
        """Give a tensor another gradient."""
        if x._tracer is not None:
            x._grad = grad
        else:
            before = self.gradients.get(id(x))
            self.gradients[id(x)] = x, UNREAD if before is None else before[1], grad

    def collect(self, x: Any, node: Node) -> None:
        """Add to the gradient of a tensor."""
        before = self.gradient(x)
        if before is None:
            self.set_gradient(x, self.derived(type(x), node, False))
        else:
            tracer = self.tracer(before)
            tracer.write(tracer.node_in(self.trace) + node)
            self._recorded.add(tracer.node)

    def derived(self, kind: type[Any], node: Node, create_graph: bool) -> Any:
        """A gradient as a tensor, which requires one itself where ``create_graph`` and it depends on a leaf."""
        out = self.made(kind, node)
        self._recorded.add(node)
        if create_graph and mode.is_grad_enabled() and any(n in self.leaves for n in self.history([node])):
            out._requires, out._made = True, "Gradient"
        return out

    def history(self, roots: list[Node]) -> list[Node]:
        """The recorded nodes and leaves that ``roots`` were computed from; RuntimeError where a backward() used them up."""
        seen: dict[Node, None] = dict.fromkeys(roots)
        stack = list(seen)
        while stack:
            node = stack.pop()
            if node in self._freed:
                raise used_up()
            if node in self.leaves or node.op is ops.stop_gradient:
                continue
            for x in node.inputs:
                if x not in seen and family(x.dtype) in "fc":
                    seen[x] = None
                    stack.append(x)
        return list(seen)

    def free(self, nodes: list[Node]) -> None:
        """Let no other backward() go through these nodes."""
        self._freed |= self._recorded.intersection(nodes)
        self._leaf_of.clear()  # the same operations on the same values are other nodes from now on

    # numbers

    def as_number(self, x: Any) -> Tracer:
        """A tensor without dimensions as a number of Python."""
        return Tracer(self.trace, self.node(x, False), weak=True)

    def number(self, x: Any, dtype: np.dtype) -> Node:
        """A number of the trace, or a size, as a node."""
        with using(self.trace):
            return lift(x).to(dtype)


OUTER = "Argument"
"""What made an argument that was computed outside."""

UNREAD: Any = object()
"""The gradient that a call began with, where nobody asked for it."""
