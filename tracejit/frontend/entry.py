"""Entry: one program of a traced function, with everything that says which calls it is for and how results are made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from tracejit.errors import ArgumentError
from tracejit.frontend.device import assign
from tracejit.frontend.guards import Guard
from tracejit.frontend.signature import Call, Identity, Leaf, same
from tracejit.frontend.sizes import Sizes
from tracejit.frontend.tensor import EagerTensor, Tensor
from tracejit.frontend.trace import Held, Pin
from tracejit.frontend.tree import Structure, write_tree
from tracejit.frontend.where import at_line, user_where
from tracejit.ir import Graph, Where, evaluate
from tracejit.runtime.device import Array, Device, DeviceArray, is_resident, overlap
from tracejit.runtime.route import Bound, Step


class Executable(Protocol):
    """What the runtime makes of a graph."""

    @property
    def bound(self) -> Bound: ...

    def __call__(self, *leaves: Any) -> Any: ...

    def steps(self, kinds: Sequence[type], registers: Sequence[int], limits: Mapping[int, tuple[int, int]]) -> list[Step]: ...

    def debug(self, *leaves: Any) -> Any: ...

    def equip(self) -> None: ...


class Waiting(Protocol):
    """What evaluates a program while it is compiled."""

    def ready(self, block: bool = False) -> Any: ...


class Dimension(NamedTuple):
    """A symbol of a trace is this dimension of this leaf."""

    symbol: str
    leaf: int
    axis: int


class ResultLeaf(NamedTuple):
    """One leaf of a result: output ``number``, argument ``number``, or ``value`` itself."""

    kind: Literal["output", "int", "argument", "static"]
    number: int = 0
    value: Any = None


class ResultTree(NamedTuple):
    """A tree that a program gives."""

    structure: Structure
    leaves: tuple[ResultLeaf, ...]


@dataclass(frozen=True, slots=True)
class Traced:
    """What tracing one call found out.

    Attributes:
        graph: The program as traced; its inputs are the leaves ``passed``, then ``held``.
        passed: Which leaves of the call are inputs, in order.
        held: Variables and captured arrays.
        pins: Python numbers by leaf that the program was made for.
        limits: Least and largest value of Python ints by leaf, where a dtype does not hold all.
        sizes: Symbols and facts about them.
        names: Final names of the symbols that are left.
        dimensions: Where the symbols come from.
        result: What the function returned.
        rewritten: Trees among the arguments as the function left them, by parameter.
        rebound: ``(leaf, output)``: tensors among the arguments that the function wrote to.
        written: ``leaf -> user's line`` of arrays among the arguments that the function wrote to; None of donated ones.
        tensors: Whether results are tensors.
        guards: On what a front end read beside arguments and names.
        placed: Whether the function itself put something on a device.
        travels: Whether tensors that are elsewhere are copied to the device in each call.
    """

    graph: Graph
    passed: tuple[int, ...]
    held: tuple[Held, ...]
    pins: dict[int, Pin]
    limits: dict[int, tuple[int, int]]
    sizes: Sizes
    names: dict[str, str]
    dimensions: tuple[Dimension, ...]
    result: ResultTree
    rewritten: dict[int, ResultTree]
    rebound: tuple[tuple[int, int], ...]
    written: dict[int, Where | None]
    tensors: bool
    guards: tuple[Guard, ...] = ()
    placed: bool = False
    travels: bool = False


class Refusal(NamedTuple):
    """Why a program does not fit a call, and the user's line: the one that asked for a value, or the call."""

    reason: str
    where: Where | None
    old: Any = None
    new: Any = None


@dataclass(eq=False, slots=True)
class Entry:
    """A program in use.

    Attributes:
        call: The call that it was made for; later calls are compared with it for reasons.
        traced: What the trace found out.
        guards: What the function read beside its arguments.
        executable: The program.
        program: What the runtime compiled.
        device: Where it runs.
        waiting: The executable, while a process compiles the program.
    """

    call: Call
    traced: Traced
    guards: tuple[Guard, ...]
    executable: Executable
    program: Any
    device: Device = "cpu"
    waiting: Waiting | None = None

    def advance(self, block: bool = False) -> None:
        """Take the compiled program where it is there by now; with ``block``, wait for it."""
        ready = None if self.waiting is None else self.waiting.ready(block)
        if ready is not None:
            self.executable, self.program, self.waiting = ready, ready.program, None

    @property
    def alive(self) -> bool:
        """False once the object of a method is gone, and the program with it."""
        return all(key.alive for key in self.call.signature.keys if isinstance(key, Identity))

    def refusal(self, call: Call) -> Refusal | None:
        """Why the program does not fit a call with its signature; None where it fits."""
        for index, pin in self.traced.pins.items():
            leaf = call.leaves[index]
            if not same(leaf.value, pin.value):
                reason = f"{leaf.path} was pinned to {pin.value!r} ({pin.asked}); now it is {leaf.value!r}"
                return Refusal(reason, pin.where, pin.value, leaf.value)
        for index, (low, high) in self.traced.limits.items():
            leaf = call.leaves[index]
            if not low <= leaf.value <= high:
                text = f"{leaf.path} was between {low} and {high}, as its dtype asks; now it is {leaf.value}"
                return Refusal(text, user_where(), None, leaf.value)
        for held in self.traced.held:
            if held.changed:
                now = f"a captured array was {held.input.spec}; now it is {held.source.dtype}{list(held.source.shape)}"
                return Refusal(now, user_where())
        values = self.size_values(call)
        fact = self.traced.sizes.first_broken(values)
        if fact is not None:
            old, new = evaluate(fact.left, self.traced.sizes.values), evaluate(fact.left, values)
            return Refusal(self.traced.sizes.explain(fact, values), fact.where, old, new)
        leaves = [leaf.value for leaf in call.leaves]
        return next((_changed(guard, leaves) for guard in self.guards if not guard.holds(leaves)), None)

    def size_values(self, call: Call) -> dict[str, int]:
        """Symbols of the trace with their sizes in a call."""
        shapes = [None if leaf.array is None else leaf.array.shape for leaf in call.leaves]
        return {d.symbol: (shapes[d.leaf] or ())[d.axis] for d in self.traced.dimensions}

    def sizes_of(self, call: Call) -> dict[str, int] | None:
        """The sizes of a call by the names that the program has for them; None where the call leaves some open."""
        if any(origin is not None and origin.free for leaf in call.leaves for origin in leaf.origins):
            return None
        values = self.size_values(call)
        return {final: values[symbol] for symbol, final in self.traced.names.items() if symbol in values}

    def run(self, call: Call, execute: Callable[..., Any]) -> Any:
        """The result of a call that fits, whatever its arrays look like; ``execute`` is a way of the executable to run."""
        self.refuse_writes(call.leaves)
        ready = [call.leaves[i].ready() for i in self.traced.passed]
        self.read_held()
        out = execute(*ready)
        for i, array in zip(self.traced.passed, ready, strict=True):
            target = call.leaves[i].array
            if i in self.traced.written and isinstance(target, np.ndarray) and target is not array:
                np.copyto(target, array)
        return self.finish(out, call)

    def finish(self, out: Sequence[Any], call: Call) -> Any:
        """The user's result from what the program gave."""
        self.write_held()
        written = self.traced.written
        values: list[Any] = [
            leaf.array if i in written and leaf.kind == "converted" else leaf.value for i, leaf in enumerate(call.leaves)
        ]
        for given in (values[i] for i in written):
            if isinstance(given, EagerTensor):  # it was donated
                given.touched()
        for leaf, index in self.traced.rebound:
            values[leaf].rebind(_array(out[index]))
        for parameter, tree in self.traced.rewritten.items():
            write_tree(call.arguments[parameter], self._tree(tree, out, values))
        return self._tree(self.traced.result, out, values)

    def _tree(self, tree: ResultTree, out: Sequence[Any], leaves: Sequence[Any]) -> Any:
        return tree.structure.unflatten([self._leaf(r, out, leaves) for r in tree.leaves])

    def _leaf(self, result: ResultLeaf, out: Sequence[Any], leaves: Sequence[Any]) -> Any:
        match result.kind:
            case "output" if isinstance(out[result.number], DeviceArray):
                return self._of_device(out[result.number], leaves)
            case "output":
                return EagerTensor(np.asarray(out[result.number])) if self.traced.tensors else out[result.number]
            case "int":
                return int(out[result.number])
            case "argument":
                return leaves[result.number]
        return result.value

    def _of_device(self, array: DeviceArray, leaves: Sequence[Any]) -> Any:
        """A result that is on a device: a tensor, or an array of the library whose array the caller passed first."""
        like = self.like(leaves)
        if like is None:
            return EagerTensor(array, scalar=not self.traced.tensors and array.shape == ())
        from tracejit.runtime.cuda.edges import handed_out

        return handed_out(array, leaves[like])

    def like(self, leaves: Sequence[Any]) -> int | None:
        """The leaf whose kind the results on a device have; None where they are tensors."""
        of_library = (i for i, x in enumerate(leaves) if not isinstance(x, Tensor | DeviceArray) and is_resident(x))
        return None if self.traced.tensors else next(of_library, None)

    def read_held(self) -> None:
        """Bring the copies of captured arrays that no program can read as they are up to date."""
        for held in self.traced.held:
            if held.buffer is not held.source:
                assign(held.buffer, held.source, "a captured array")

    def write_held(self) -> None:
        """Tell Variables, and arrays behind copies, of their new values."""
        for held in self.traced.held:
            if held.updated and held.is_variable:
                held.owner.touched()
            elif held.updated and held.buffer is not held.source:
                assign(held.source, held.buffer, "a captured array")

    def refuse_writes(self, leaves: Sequence[Leaf]) -> None:
        """Raise where the function writes to an argument that is read-only, or that shares memory with another one."""
        for index, where in self.traced.written.items():
            leaf = leaves[index]
            assert leaf.array is not None
            if not leaf.array.flags.writeable:
                cure = f"{_gift(where)}\n  cure: pass {leaf.path}.copy()"
                raise ValueError(f"assignment destination is read-only: argument {leaf.path}{cure}{at_line(where)}")
            if isinstance(leaf.value, EagerTensor) and leaf.value.origin[0] is not leaf.value:
                raise ArgumentError(
                    f"argument {leaf.path} is a part of another tensor{_gift(where)}\n  cure: pass {leaf.path}.copy()"
                )
            for other in (o for o in leaves if o is not leaf and o.array is not None):
                self._refuse_overlap(leaf, other.path, other.array, where)
            for held in self.traced.held:
                self._refuse_overlap(leaf, f"the captured {held.input.attrs['name']}", held.source, where)

    def _refuse_overlap(self, leaf: Leaf, other: str, array: Array | None, where: Where | None) -> None:
        if array is not None and leaf.array is not None and overlap(leaf.array, array):
            cure = f"{_gift(where)}\n  cure: pass {leaf.path}.copy()"
            raise ArgumentError(f"argument {leaf.path} is written to, and {other} shares its memory{cure}{at_line(where)}")


def _array(value: Any) -> Array:
    return value if isinstance(value, DeviceArray) else np.asarray(value)


def _gift(where: Where | None) -> str:
    return "" if where else "\n  rule: it is donated, so a result is written to it"


def _changed(guard: Guard, leaves: Sequence[Any]) -> Refusal:
    was, name = _short(guard.expected), guard.access.text
    try:
        value = guard.access.read(leaves)
    except Exception:
        return Refusal(f"{name} was {was}; now it is gone", user_where(), _kept(guard.expected), None)
    now = _short(value)
    text = f"{name} was {was}; now it is {now}" if was != now else f"{name} is another {type(value).__name__} now: {was}"
    return Refusal(text, user_where(), _kept(guard.expected), _kept(value))


def _kept(value: Any) -> Any:
    """A value for a record that lives as long as the function: a constant, or the text of something else."""
    return value if isinstance(value, bool | int | float | complex | str | None) else _short(value)


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array {value.dtype}{list(value.shape)}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
