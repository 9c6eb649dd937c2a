"""GraphTrace: the builder that is current while a function is traced.

It holds what a call made of the function: inputs for arguments, Variables and captured arrays, their present values in
program order, the sizes with the guards on them, and the Python numbers whose value was asked for. ``finish`` gives the graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tracejit.errors import ArgumentError, ShapeError, TraceError, VariableError
from tracejit.frontend.sizes import Origin, Sizes, symbol_name
from tracejit.frontend.tree import path_name
from tracejit.frontend.where import at_line, user_where
from tracejit.ir import Builder, Graph, Node, Size, TensorSpec, Where, evaluate
from tracejit.ir.builder import CONSTANT, INPUT
from tracejit.ir.graph import replay_node, topological
from tracejit.ir.node import Attr, Operation
from tracejit.ir.size import Dim, substitute, symbol, symbols
from tracejit.runtime.device import Array, Device, DeviceArray, overlap


@dataclass(eq=False, slots=True)
class Held:
    """A Variable or captured array met in a trace.

    Attributes:
        owner: The Variable or array itself.
        source: Its array.
        buffer: What the program reads and writes: ``source``, or a contiguous copy where ``source`` is not contiguous.
        input: The graph's input for it.
        value: Its present value.
        is_variable: Whether ``owner`` is a Variable.
    """

    owner: Any
    source: Array
    buffer: Array
    input: Node
    value: Node
    is_variable: bool

    @property
    def updated(self) -> bool:
        return self.value is not self.input

    @property
    def changed(self) -> bool:
        """Whether a captured array has another shape or dtype than it had, since NumPy lets users assign these."""
        if self.is_variable:
            return False
        return self.source.shape != self.input.shape or self.source.dtype.newbyteorder("=") != self.input.dtype


class Pin(NamedTuple):
    """A Python number that the program was made for: its value, who asked, and the user's line."""

    value: Any
    asked: str
    where: Where | None


class Finished(NamedTuple):
    """A graph in its final sizes.

    Attributes:
        graph: Its inputs are the arguments that are left, then what is held.
        inputs: The inputs of the trace that these are, in order.
        names: The final name of each symbol that is left.
    """

    graph: Graph
    inputs: tuple[Node, ...]
    names: dict[str, str]


class GraphTrace(Builder):
    """The trace of one call.

    Args:
        name: Of the traced function.
        ops: The op table.
        again: The function was traced just before and made Variables; now it must make none.
    """

    def __init__(self, name: str, ops: Mapping[str, Operation], again: bool = False) -> None:
        super().__init__(ops, user_where)
        self.name = name
        self.again = again
        self.ended = False
        self.sizes = Sizes()
        self.pins: dict[Node, Pin] = {}
        self.numbers: dict[Node, Any] = {}  # inputs that are Python numbers, with their values in this call
        self.limits: dict[Node, tuple[int, int]] = {}  # of Python ints that went into dtypes which do not hold all of them
        self.constants: dict[Node, np.ndarray] = {}  # inputs for arrays that the function has made of plain numbers
        self.held: dict[int, Held] = {}
        self.made: list[Any] = []  # Variables created by the function
        self.guards: list[Any] = []  # on what a front end read beside arguments and names, as Guards
        self.resident: set[Node] = set()  # inputs that are on a device
        self.placed = False  # the function itself put something there
        self.travels = False  # tensors that are elsewhere go along
        self._inputs: list[Node] = []

    def emit(self, op: Operation, inputs: tuple[Node, ...], **attrs: Attr) -> Node:
        """The node, in the symbols that are left: its sizes may have been computed before some were bound."""
        if self.sizes.bound:
            attrs = {k: _attr_in(v, self.sizes.bound) for k, v in attrs.items()}
        return super().emit(op, inputs, **attrs)

    # inputs

    def argument(self, path: str, spec: TensorSpec, number: Any = None) -> Node:
        """An input for an argument; ``number`` is the value of one that is a Python number."""
        node = self.input(path_name(path), spec)
        self._inputs.append(node)
        if number is not None:
            self.numbers[node] = number
        return node

    def variable(self, variable: Any) -> Node:
        """The present value of a Variable."""
        return self._hold(variable, variable.buffer, variable.name, True).value

    def captured(self, array: Array) -> Node:
        """The present value of an array that the function names; its content is read at each call."""
        return self._hold(array, array, f"captured_{len(self.held)}", False).value

    def known_array(self, array: np.ndarray) -> Node:
        """An array that the function itself has made, of plain numbers; nobody changes it from now on."""
        elements = array.reshape(-1)
        raw = np.ascontiguousarray(elements).view(np.dtype((np.void, array.itemsize)))
        if array.size and bool((raw == raw[0]).all()):
            number = self.constant(elements[0].item(), array.dtype)
            return self.emit(self.ops["broadcast"], (number,), shape=array.shape, axes=()) if array.shape else number
        node = self.captured(array)
        self.constants[node] = array
        return node

    def assign(self, owner: Any, node: Node) -> None:
        """Give a Variable or captured array a new value, of the same spec."""
        if isinstance(owner, np.ndarray | DeviceArray):
            self.captured(owner)
        else:
            self.variable(owner)
        held = self.held[id(owner)]
        if not held.source.flags.writeable:
            raise ValueError(f"assignment destination is read-only: a captured array of {held.input.spec}{at_line(user_where())}")
        held.value = node

    def created(self, variable: Any) -> None:
        """Note a Variable that the function creates; a function may do so when it is called first, and keep it."""
        if self.again:
            raise VariableError(
                f"Variable {variable.name}: created inside {self.name} each time it is traced\n"
                "  rule: a traced function creates its Variables in its first call only, and keeps them\n"
                f"  cure: create it outside, or keep it: if self.w is None: self.w = tj.Variable(...){at_line(user_where())}"
            )
        self.made.append(variable)

    def _hold(self, owner: Any, array: Array, name: str, is_variable: bool) -> Held:
        held = self.held.get(id(owner))
        if held is None:
            native = array.dtype.newbyteorder("=")
            plain = type(array) is DeviceArray or (
                type(array) is np.ndarray and array.flags.c_contiguous and array.flags.aligned and array.dtype == native
            )
            buffer = array if plain else np.array(array, dtype=native, order="C", subok=False)
            node = self.input(path_name(name), TensorSpec(buffer.shape, buffer.dtype))
            held = self.held[id(owner)] = Held(owner, array, buffer, node, node, is_variable)
            self._inputs.append(node)
            if isinstance(array, DeviceArray):
                self.resident.add(node)
        return held

    @property
    def device(self) -> Device:
        """Where the program will run, by what was met so far, unless the user says something else."""
        return "cuda" if self.resident or self.placed else "cpu"

    # sizes

    def new_size(self, value: int, origin: Origin) -> Size:
        return self.sizes.new(value, origin)

    def canonical(self, dim: Dim) -> Dim:
        """``dim`` in the symbols that are left."""
        return self.sizes.canonical(dim)

    def spec(self, node: Node) -> TensorSpec:
        """The spec of ``node`` in the symbols that are left."""
        return node.spec

    def unify(self, a: Dim, b: Dim, what: str) -> Dim:
        """Make two sizes equal.

        Raises:
            ShapeError: They differ in this call; the text is ``what`` with the user's line.
        """
        bound = len(self.sizes.bound)
        if not self.sizes.unify(a, b, f"needed by {what.splitlines()[0]}"):
            raise ShapeError(f"{what}{self._sizes_text(a, b)}{at_line(user_where())}")
        if len(self.sizes.bound) != bound:
            self._respell()
        return self.canonical(a)

    def decide(self, left: Dim, relation: str, right: Dim, why: str = "compared") -> bool:
        """The outcome of a comparison of sizes, which becomes a guard."""
        bound = len(self.sizes.bound)
        outcome = self.sizes.decide(left, relation, right, why)
        if len(self.sizes.bound) != bound:
            self._respell()
        return outcome

    def size_of(self, dim: Dim, asked: str) -> int:
        """The number that a size is; later calls must share it."""
        bound = len(self.sizes.bound)
        number = self.sizes.number(dim, asked)
        if len(self.sizes.bound) != bound:
            self._respell()
        return number

    def _respell(self) -> None:
        """Bring every spec and attribute to the symbols that are left.

        Nodes are immutable otherwise; here their meaning stays, only the spelling of sizes changes, and whoever compares two
        shapes of this trace may compare them as they are.
        """
        bound = self.sizes.bound
        for node in (*self._inputs, *self._interned.values()):
            if any(isinstance(d, Size) for d in node.spec.shape):
                node.spec = _spec_in(node.spec, bound)
            if node.attrs:
                node.attrs = {k: _attr_in(v, bound) for k, v in node.attrs.items()}

    def _sizes_text(self, a: Dim, b: Dim) -> str:
        texts = [f"{self.sizes.text(d)} is {evaluate(d, self.sizes.values)}" for d in (a, b) if isinstance(d, Size)]
        return f"\n  here {', '.join(dict.fromkeys(texts))}" if texts else ""

    # numbers

    def pin(self, node: Node, asked: str, cure: str = "") -> Any:
        """The value of a node that depends on nothing but Python numbers among the arguments; later calls must share these.

        Args:
            node: The node.
            asked: Who asks, for errors and for ``retraces()``.
            cure: What to write instead, for the error.

        Raises:
            TraceError: The value is known only when the program runs.
        """
        order = topological((node,))
        if unknown := self._unknown(order):
            raise TraceError(
                f"{asked}: {node.spec} has no value while {self.name} is traced; it is computed from"
                f" {unknown[0].attrs['name']} when the program runs\n"
                f"  cure: {cure or 'use tj.where(condition, x, y), or return it and decide outside'}{at_line(user_where())}"
            )
        values: dict[Node, Any] = {}
        for n in order:
            if n in self.constants:
                values[n] = self.constants[n]
            elif n.op is INPUT:
                self.pins.setdefault(n, Pin(self.numbers[n], asked, user_where()))
                values[n] = np.asarray(self.numbers[n], n.dtype)
            elif n.op is CONSTANT:
                values[n] = np.asarray(n.attrs["value"], n.dtype)
            else:
                attrs = {k: self._known_attr(v, asked) for k, v in n.attrs.items()}
                operation: Any = n.op
                values[n] = operation.evaluate(*(values[x] for x in n.inputs), **attrs)
        value = np.asarray(values[node])
        return value.item() if value.ndim == 0 else value

    def is_known(self, node: Node) -> bool:
        """Whether ``pin`` has a value for ``node``."""
        return not self._unknown(topological((node,)))

    def _unknown(self, nodes: Sequence[Node]) -> list[Node]:
        """The inputs among ``nodes`` whose values are those of the run."""
        return [n for n in nodes if n.op is INPUT and n not in self.numbers and n not in self.constants]

    def fit(self, node: Node, dtype: np.dtype) -> None:
        """Note that a Python int goes into ``dtype``; OverflowError, in NumPy's words, where its value does not."""
        if node in self.numbers:
            np.array(self.numbers[node], dtype)
            low, high = self.limits.get(node, (-(2**63), 2**63 - 1))
            self.limits[node] = max(low, int(np.iinfo(dtype).min)), min(high, int(np.iinfo(dtype).max))

    def beyond(self, node: Node, dtype: np.dtype) -> int | None:
        """The value of a Python int that ``dtype`` does not hold, pinned; None where it does."""
        limits, number = np.iinfo(dtype), self.numbers.get(node)
        if not isinstance(number, int) or limits.min <= number <= limits.max:
            return None
        pinned: int = self.pin(node, f"compared with {dtype}, which does not hold it")
        return pinned

    def _known_attr(self, value: Attr, asked: str) -> Attr:
        if isinstance(value, tuple):
            return tuple(self._known_attr(v, asked) for v in value)
        return self.size_of(value, asked) if isinstance(value, Size) else value

    # the end

    def finish(self, outputs: Sequence[Node], updates: Sequence[tuple[Node, Node]]) -> Finished:
        """The graph with canonical sizes, pinned numbers as constants, and what is held as its last inputs."""
        self._check_aliases()
        kept = [n for n in self._inputs if n not in self.pins]
        names = self._final_names(kept)
        renamed: dict[str, Dim] = {s: symbol(t) for s, t in names.items()}
        final = renamed | {s: substitute(d, renamed) for s, d in self.sizes.bound.items()}
        builder = Builder(self.ops)
        made: dict[Node, Node] = {}
        for node in kept:  # of no line: those that call the function share its program
            made[node] = builder.input(node.attrs["name"], _spec_in(node.spec, final))
        for node, pin in self.pins.items():
            made[node] = builder.constant(pin.value, node.dtype)
        updates = [*updates, *((h.input, h.value) for h in self.held.values() if h.updated)]
        for node in topological((*outputs, *(value for _, value in updates))):
            if node not in made:
                made[node] = _replayed(builder, node, tuple(made[x] for x in node.inputs), final)
        graph = Graph(
            path_name(self.name),
            tuple(made[n] for n in kept),
            tuple(made[n] for n in outputs),
            tuple((made[target], made[value]) for target, value in updates),
        )
        return Finished(graph, tuple(kept), names)

    def _final_names(self, inputs: Sequence[Node]) -> dict[str, str]:
        """Letters for the symbols that are left, in order of first appearance in the inputs."""
        left = dict.fromkeys(s for node in inputs for d in node.spec.shape for s in sorted(symbols(d)))
        return {s: symbol_name(i) for i, s in enumerate(left)}

    def _check_aliases(self) -> None:
        """Refuse captured arrays that share memory when one of them is written: a program sees each as memory of its own."""
        for held in self.held.values():
            others = [h for h in self.held.values() if h is not held and overlap(h.source, held.source)]
            if held.updated and others:
                raise ArgumentError(
                    f"{self.name}: writes the captured array {held.input.spec}, whose memory another captured array shares\n"
                    f"  cure: capture the larger array only, and slice it in the function{at_line(held.value.where)}"
                )


def _replayed(builder: Builder, node: Node, args: tuple[Node, ...], sizes: Mapping[str, Dim]) -> Node:
    def rule(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node:
        return builder.emit(node.op, args, **{k: _attr_in(v, sizes) for k, v in node.attrs.items()})

    return replay_node(builder, node, args, rule)


def _spec_in(spec: TensorSpec, sizes: Mapping[str, Dim]) -> TensorSpec:
    return TensorSpec([substitute(d, sizes) for d in spec.shape], spec.dtype)


def _attr_in(value: Attr, sizes: Mapping[str, Dim]) -> Attr:
    if isinstance(value, tuple):
        return tuple([_attr_in(v, sizes) for v in value])
    if isinstance(value, TensorSpec):
        return _spec_in(value, sizes)
    return substitute(value, sizes) if isinstance(value, Size) else value
