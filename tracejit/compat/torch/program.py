"""NumpyProgram: a graph as a list of calls of NumPy, for graphs that are run too seldom, or are too small, to be compiled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any, NamedTuple, Protocol

import numpy as np

from tracejit.config import config
from tracejit.frontend.on_device import DeviceGraph
from tracejit.ir import Graph, Node
from tracejit.ir.builder import CONSTANT
from tracejit.ir.dtype import is_half
from tracejit.ops import broadcast
from tracejit.ops.row import MOVES, Op

Function = Callable[..., Any]

_METHODS: dict[str, Callable[[dict[str, Any]], Function]] = {  # what is quicker asked of an array than of NumPy
    "transpose": lambda attrs: lambda x, perm=attrs["perm"]: x.transpose(perm),
    "reshape": lambda attrs: lambda x, shape=attrs["shape"]: x.reshape(shape),
}
_FRESH = frozenset({"contract", "reduce", "argreduce", "gather", "scatter", "scan", "sort"})
"""Kinds of ops whose results are memory of their own; so are those of ufuncs."""


class Quiet(threading.local):
    """``run(f, *args)`` calls NumPy without its warnings of division by zero, overflow and the like: programs have none."""

    def __init__(self) -> None:
        context = Context()
        context.run(np.seterr, all="ignore")
        self.run = context.run  # a context is entered by one thread at a time, so each has its own


quiet = Quiet()


class Step(NamedTuple):
    """One call: ``slots[target] = function(*slots[places])``, after which the slots ``done`` are not needed any more."""

    function: Function
    places: tuple[int, ...]
    target: int
    done: tuple[int, ...]


class Program(Protocol):
    """A graph that can be run.

    Attributes:
        fresh: For each output whether its memory belongs to nobody else.
    """

    fresh: tuple[bool, ...]

    def __call__(self, values: Sequence[Any]) -> Sequence[Any]: ...


class CompiledProgram:
    """A graph as machine code.

    Args:
        graph: Without updates, its sizes known.
    """

    def __init__(self, graph: Graph) -> None:
        from tracejit.runtime.executable import Executable  # the compiler, which eager code never needs
        from tracejit.runtime.program import Options, compile_program

        self.fresh = tuple(graph.outputs.count(node) == 1 for node in graph.outputs)
        self._executable = Executable(compile_program(graph, Options(math=config().math)), {}, lambda sizes: True)

    def __call__(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for values of the inputs."""
        out = self._executable(*[np.ascontiguousarray(x).reshape(x.shape) for x in values])
        assert out is not None, "the values have the specs that the program was made for"
        return [np.asarray(x) for x in out]


class DeviceProgram:
    """A graph on a device.

    Args:
        graph: Without updates, its sizes known.
    """

    def __init__(self, graph: Graph) -> None:
        self.fresh = tuple(graph.outputs.count(node) == 1 for node in graph.outputs)
        self._run = DeviceGraph(graph)

    def __call__(self, values: Sequence[Any]) -> Sequence[Any]:
        """The outputs for values of the inputs."""
        return self._run(values)


class NumpyProgram:
    """A graph that NumPy runs.

    Args:
        graph: Without updates, its sizes known.

    Attributes:
        fresh: For each output whether its memory belongs to nobody else.
    """

    def __init__(self, graph: Graph) -> None:
        writer = _Writer(graph)
        self.fresh = tuple(writer.is_fresh(node) for node in graph.outputs)
        self._initial, self._steps, self._outputs = writer.finish()

    def __call__(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for values of the inputs."""
        return quiet.run(self._run, values)

    def _run(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        slots = self._initial.copy()
        slots[: len(values)] = values
        for function, places, target, done in self._steps:
            slots[target] = function(*[slots[i] for i in places])
            for i in done:
                slots[i] = None
        return [x if type(x) is np.ndarray else np.asarray(x) for x in [slots[i] for i in self._outputs]]


class _Writer:
    """Writes the steps of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.slots: list[Any] = [None] * len(graph.inputs)
        self.steps: list[Step] = []
        self._full = {node: i for i, node in enumerate(graph.inputs)}
        self._thin: dict[Node, int] = {}
        self._uses: dict[Node, int] = {}
        nodes = [n for n in graph.nodes() if n not in self._full]
        for node in nodes:
            for x in node.inputs:
                self._uses[x] = self._uses.get(x, 0) + 1
        for node in nodes:
            if node.op is not broadcast and node.op is not CONSTANT:
                self._write(node)
        self.outputs = tuple(self._place(node) for node in graph.outputs)

    def is_fresh(self, node: Node) -> bool:
        """Whether nothing but this output refers to its memory."""
        alone = self.graph.outputs.count(node) == 1 and not self._uses.get(node)
        return alone and _makes_memory(node)

    def _new(self, function: Function, places: Sequence[int]) -> int:
        self.slots.append(None)
        self.steps.append(Step(function, tuple(places), len(self.slots) - 1, ()))
        return len(self.slots) - 1

    def _place(self, node: Node) -> int:
        """The slot of a value in its full shape."""
        place = self._full.get(node)
        if place is None:
            if node.op is CONSTANT:
                self.slots.append(np.asarray(node.attrs["value"], node.attrs["dtype"]))
                place = len(self.slots) - 1
            else:
                shape = node.attrs["shape"]
                place = self._new(lambda x, shape=shape: np.broadcast_to(x, shape), (self._operand(node),))
            self._full[node] = place
        return place

    def _operand(self, node: Node) -> int:
        """The slot of a value, or of one that NumPy's broadcasting makes it of."""
        if node.op is not broadcast or node in self._full:
            return self._place(node)
        place = self._thin.get(node)
        if place is None:
            (source,) = node.inputs
            place = self._place(source)
            shape = _aligned(node)
            if shape != source.shape:
                place = self._new(lambda x, shape=shape: x.reshape(shape), (place,))
            self._thin[node] = place
        return place

    def _write(self, node: Node) -> None:
        op = node.op
        assert isinstance(op, Op), "a graph of values holds ops"
        attrs = dict(node.attrs)
        if op.kind == "elementwise":
            places = [self._operand(x) for x in node.inputs]
            full = np.broadcast_shapes(*(_aligned(x) for x in node.inputs)) == node.shape
        else:
            places, full = [self._place(x) for x in node.inputs], True
        function = _METHODS[op.name](attrs) if op.name in _METHODS else _ufunc(op) if not attrs else None
        if op.kind not in MOVES and any(is_half(x.dtype) for x in (node, *node.inputs)):
            function = None  # NumPy adds halves up in halves, and does not know all of bfloat16
        if function is None:
            function = (lambda *xs: op.evaluate(*xs, **attrs)) if attrs else op.evaluate
        elif isinstance(function, np.ufunc) and op.kind == "elementwise" and full and (own := self._reusable(node)) is not None:
            places.append(self._full[own])
        if not full:
            function = _widened(function, node.shape)
        self._full[node] = self._new(function, places)

    def _reusable(self, node: Node) -> Node | None:
        """An operand that nobody else reads, and whose memory the result can have."""
        if node.shape == ():  # NumPy gives numbers then, and not arrays
            return None
        for x in node.inputs:
            once = self._uses.get(x) == 1 and x not in self.graph.outputs and x not in self.graph.inputs
            if once and x.spec == node.spec and _makes_memory(x):
                return x
        return None

    def finish(self) -> tuple[list[Any], tuple[Step, ...], tuple[int, ...]]:
        """What the slots hold at first, the steps with what is done after each, and the slots of the outputs."""
        last: dict[int, int] = {}
        for number, step in enumerate(self.steps):
            for place in step.places:
                last[place] = number
        steps = []
        for number, step in enumerate(self.steps):
            done = {p for p in step.places if last[p] == number and p not in self.outputs and self.slots[p] is None}
            steps.append(step._replace(done=tuple(sorted(done))))
        return self.slots, tuple(steps), self.outputs


def _makes_memory(node: Node) -> bool:
    """Whether a value is memory that its op has just made, in its full shape."""
    op = node.op
    if not isinstance(op, Op) or op.kind != "elementwise":
        return isinstance(op, Op) and op.kind in _FRESH
    return _ufunc(op) is not None and np.broadcast_shapes(*(_aligned(x) for x in node.inputs)) == node.shape


def _aligned(node: Node) -> tuple[Any, ...]:
    """The shape in which a value, or what it repeats, takes part in NumPy's broadcasting."""
    if node.op is not broadcast:
        return node.shape
    shape, axes = node.attrs["shape"], node.attrs["axes"]
    if axes == tuple(range(len(shape) - len(axes), len(shape))):
        return node.inputs[0].shape
    return tuple(d if i in axes else 1 for i, d in enumerate(shape))


def _ufunc(op: Op) -> Function | None:
    """NumPy's ufunc of the same name, where the row is that."""
    found = getattr(np, op.name, None)
    return found if isinstance(found, np.ufunc) and op.kind in ("elementwise", "contract") else None


def _widened(function: Function, shape: tuple[Any, ...]) -> Function:
    """``function``, its result repeated to ``shape``."""
    return lambda *xs: np.broadcast_to(function(*xs), shape)
