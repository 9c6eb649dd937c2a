"""Executable: a device program bound to the memory it works on; what one call of a traced function runs.

A call fills the host's table with addresses, sizes and numbers, sends the words that kernels read to the device in one small
copy, and replays the graph of the whole step. Kernels find everything in that table, so the graph fits every call of these
sizes, with one exception: products and copies have their operands' addresses in the graph. Buffers and the arena do not move;
for arguments and results that are operands, a graph is kept for each set of addresses, which memory pools repeat. Staging them
by copies would cost bandwidth in every call instead. A set of addresses seen for the first time is run launch by launch, which
also has cuBLAS choose its kernels before anything is captured.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tracejit.config import config
from tracejit.errors import DeviceFaultError, IndexOutOfBoundsError, UnsupportedError
from tracejit.ir.size import Size, evaluate, symbols
from tracejit.runtime.cuda.driver import Product, Stream
from tracejit.runtime.cuda.memory import Block
from tracejit.runtime.cuda.program import Program
from tracejit.runtime.cuda.steps import Check, Command, Launch, Stamp, Table, perform, perform_one, scalar_word
from tracejit.runtime.device import Array, DeviceArray

MISS: Final = None
_MOST_BINDINGS = 16
_MOST_GRAPHS = 8
_MOST_KNOWN = 1024
_ALIGNMENT = 256
_WORD = 8
_NUMBERS = {float: np.dtype(np.float64), int: np.dtype(np.int64), bool: np.dtype(np.bool_)}


@dataclass(slots=True)
class Segment:
    """What a step asks for up to a check, or to its end; that as a graph, once it has been asked for twice."""

    commands: list[Command] = field(default_factory=list)
    check: Check | None = None
    graph: Callable[[Stream], None] | None = None


Plan = list[Segment]
"""What a step asks for, given the addresses that it bakes in."""


@dataclass(slots=True)
class Binding:
    """A program bound to one choice of sizes.

    Attributes:
        words: What the device gets in each call: the host's table, then the numbers.
        table: The host's table, filled but for what changes from call to call.
        device: The device's copy of the words.
        outputs: Shape, dtype and bytes of each result.
        baked: The words that the step itself reads; None until it has been run.
        plans: By the values of these, the last used last.
        staged: Memory for inputs that are on the host, by their position.
    """

    words: NDArray[np.int64]
    table: NDArray[np.int64]
    device: Block
    outputs: list[tuple[tuple[int, ...], np.dtype, int]]
    baked: NDArray[np.int64] | None = None
    plans: OrderedDict[tuple[int, ...], Plan] = field(default_factory=OrderedDict)
    staged: dict[int, Block] = field(default_factory=dict)


class Executable:
    """A callable device program.

    Args:
        program: What to run.
        buffers: The arrays behind graph inputs that do not change from call to call, by position. Those of the host are copied
            to the device in each call.
        guards: Asked whenever the sizes change, with the number of each symbol: whether the program is made for them.
    """

    def __init__(self, program: Program, buffers: Mapping[int, Array], guards: Callable[[Mapping[str, int]], bool]) -> None:
        self.program = program
        self._buffers = [(i, array) for i, array in buffers.items() if isinstance(array, DeviceArray)]
        self._of_host = [(i, array) for i, array in buffers.items() if not isinstance(array, DeviceArray)]
        self._guards = guards
        copied = np.array(program.source.copied, np.int64).reshape(-1, 2)
        self._copies = copied[:, 0].copy(), copied[:, 1].copy()
        self._results = f"results of {program.graph.name}"
        self._outputs = program.graph.outputs
        self._leaves = [(i, node) for i, node in enumerate(program.graph.inputs) if i not in buffers]
        self._known: dict[tuple[Any, ...], Mapping[str, int]] = {}  # sizes of leaves that fitted, by their kinds and shapes
        self._bindings: OrderedDict[tuple[int, ...], Binding] = OrderedDict()
        self._arena: Block | None = None
        self._stream: int | None = None  # of the last call
        self._checked = config().check
        self._lock = threading.Lock()

    def __call__(self, *leaves: Any) -> tuple[DeviceArray, ...] | None:
        """Run the program. It returns when the device has been given the work.

        Args:
            leaves: Values of the inputs that are no buffers, in order: device arrays, C-contiguous host arrays, which are copied
                to the device, or the Python numbers of the trace.

        Returns:
            The outputs; MISS when a leaf does not fit.

        Raises:
            DeviceMemoryError: The device has no memory for it; nothing was changed.
            IndexOutOfBoundsError: An index was out of bounds; no input was updated.
            DeviceFaultError: The device stopped.
        """
        sizes = self._fitting(leaves)
        if sizes is None:
            return MISS
        with self._lock:
            stream = self._caller_stream(leaves)
            if self._stream is not None and self._stream != stream.handle:
                stream.after(self._stream)  # the memory of this executable is in use there
            binding = self._bound(sizes, stream)
            outputs = [self._output(*each, stream) for each in binding.outputs]
            values = [(i, leaf) for (i, _), leaf in zip(self._leaves, leaves, strict=True)] + self._of_host
            values = [(i, self._resident(binding, i, value, stream)) for i, value in values]
            self._order(stream, values)
            self._fill(binding, values, outputs, stream)
            status = self.run(binding, stream)
            handle = self._stream = stream.handle
            for _, array in self._buffers:
                array.stream = handle
            for array in outputs:
                array.stream = handle
        if status:
            raise self._out_of_bounds(status)
        return tuple(outputs)

    def fits(self, *leaves: Any) -> bool:
        """Whether the program is made for these leaves."""
        return self._fitting(leaves) is not None

    def debug(self, *leaves: Any) -> Any:
        """UnsupportedError: a debugger cannot step through a device."""
        raise UnsupportedError(
            f"debug: {self.program.graph.name} is a device program, and no debugger of Python's can step through it\n"
            '  cure: debug the same function with device="cpu", or with TRACEJIT_CUDA=emulate and prints'
        )

    # leaves

    def _fitting(self, leaves: Sequence[Any]) -> Mapping[str, int] | None:
        """The number of each symbol; None where the program is not made for these leaves."""
        key = tuple([(x.shape, x.dtype) if isinstance(x, DeviceArray | np.ndarray) else type(x) for x in leaves])
        found = self._known.get(key)
        if found is None:
            found = self._sizes(leaves)
            if found is None or not self._guards(found):
                return None
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = found
        return found

    def _sizes(self, leaves: Sequence[Any]) -> dict[str, int] | None:
        """The number of each symbol; None where the leaves do not fit the inputs."""
        if len(leaves) != len(self._leaves):
            return None
        sizes: dict[str, int] = {}
        for (_, node), leaf in zip(self._leaves, leaves, strict=True):
            if type(leaf) in _NUMBERS:
                if node.shape != () or _NUMBERS[type(leaf)] != node.dtype:
                    return None
            elif not isinstance(leaf, DeviceArray | np.ndarray) or leaf.dtype != node.dtype or leaf.ndim != node.spec.rank:
                return None
            else:
                for dim, length in zip(node.shape, leaf.shape, strict=True):
                    if isinstance(dim, Size) and len(dim.terms) == 1 and str(dim).isidentifier():
                        sizes.setdefault(str(dim), length)
        for (_, node), leaf in zip(self._leaves, leaves, strict=True):
            shape = () if type(leaf) in _NUMBERS else leaf.shape
            for dim, length in zip(node.shape, shape, strict=True):
                if not symbols(dim) <= sizes.keys() or evaluate(dim, sizes) != length:
                    return None
        return sizes

    def _caller_stream(self, leaves: Sequence[Any]) -> Stream:
        named = (leaf.caller for leaf in leaves if isinstance(leaf, DeviceArray) and leaf.caller is not None)
        return self.program.driver.stream(next(named, None))

    def _resident(self, binding: Binding, number: int, value: Any, stream: Stream) -> Any:
        """The value of an input on the device: host arrays go to memory that is kept for them; numbers stay as they are.

        So do arrays of one word, such as a counter of steps: they go along with the table.
        """
        if not isinstance(value, np.ndarray) or value.nbytes <= _WORD:
            return value
        if number not in binding.staged:
            purpose = f"arguments of {self.program.graph.name}"
            binding.staged[number] = self.program.driver.allocate(value.nbytes, purpose, stream.handle)
        block = binding.staged[number]
        stream.upload(block.address, np.ascontiguousarray(value))
        return DeviceArray(block, value.shape, value.dtype)

    def _output(self, shape: tuple[int, ...], dtype: np.dtype, nbytes: int, stream: Stream) -> DeviceArray:
        block = self.program.driver.allocate(nbytes, self._results, stream.handle)
        return DeviceArray(block, shape, dtype)

    # the table

    def _bound(self, sizes: Mapping[str, int], stream: Stream) -> Binding:
        key = tuple(sizes.values())
        found = self._bindings.get(key)
        if found is None:
            source = self.program.source
            words = np.zeros(source.layout.length + len(source.layout.inputs), np.int64)
            table = words[: source.layout.length]
            for name, word in source.layout.sizes.items():
                table[word] = sizes[name]
            for word, dim in source.counted:
                table[word] = evaluate(dim, sizes)
            self._place(table, sizes, stream)
            for i, buffer in self._buffers:
                table[source.layout.inputs[i]] = buffer.address
            device = self.program.driver.allocate(words.nbytes, f"tables of {self.program.graph.name}", stream.handle)
            specs: list[Any] = [node.spec.concrete(sizes) for node in self._outputs]
            outputs = [(spec.shape, spec.dtype, int(spec.size) * spec.dtype.itemsize) for spec in specs]
            found = self._bindings[key] = Binding(words, table, device, outputs)
            if len(self._bindings) > _MOST_BINDINGS:
                stream.wait()  # the table of the oldest may be in use
                self._bindings.popitem(last=False)
        self._bindings.move_to_end(key)
        return found

    def _place(self, table: NDArray[np.int64], sizes: Mapping[str, int], stream: Stream) -> None:
        """Lay out the arena for these sizes; a larger one takes the place of one that is too small, for all sizes."""
        source, layout = self.program.source, self.program.source.layout
        starts, end = [], 0
        for slot in source.slots:
            starts.append(end)
            end += -(-evaluate(slot.nbytes, sizes) // _ALIGNMENT) * _ALIGNMENT
        total = end + max((evaluate(nbytes, sizes) for nbytes in source.workspace), default=0)
        if self._arena is None or total > self._arena.nbytes:
            if self._arena is not None:
                stream.wait()
            self._bindings.clear()
            self._arena = None  # first, so that old and new never exist together
            self._arena = self.program.driver.allocate(total, f"temporaries of {self.program.graph.name}", stream.handle)
        for word, start in zip(layout.slots, starts, strict=True):
            table[word] = self._arena.address + start
        table[layout.workspace] = self._arena.address + end

    def _fill(self, binding: Binding, values: Sequence[tuple[int, Any]], outputs: Sequence[DeviceArray], stream: Stream) -> None:
        """Complete the table, and send the device its part."""
        layout, table = self.program.source.layout, binding.table
        for i, value in values:
            if type(value) is DeviceArray:
                table[layout.inputs[i]] = value.address
            else:
                binding.words[layout.length + i] = scalar_word(value)
                table[layout.inputs[i]] = binding.device.address + _WORD * (layout.length + i)
        for word, output in zip(layout.outputs, outputs, strict=True):
            table[word] = output.address
        table[self._copies[0]] = table[self._copies[1]]
        stream.upload(binding.device.address, binding.words)

    def _order(self, stream: Stream, values: Iterable[tuple[int, Any]]) -> None:
        """Have the stream wait for whoever still writes the arrays."""
        here = stream.handle
        arrays = [*self._buffers, *((i, value) for i, value in values if type(value) is DeviceArray)]
        for handle in sorted({a.stream for _, a in arrays if a.stream is not None and a.stream != here}):
            stream.after(handle)

    # the step

    def run(self, binding: Binding, stream: Stream) -> int:
        """Give the stream the work of a call; the status that it ended with, 0 where no check stopped it."""
        plan, seen = self._plan(binding)
        if not seen and any(isinstance(command, Product) for segment in plan for command in segment.commands):
            stream.reserve()  # before anything is written
        for segment in plan:
            self._run_segment(segment, binding.device.address, stream, seen)
            if segment.check is not None:
                flag = np.zeros(1, np.uint8)
                stream.download(flag, segment.check.flag)
                if flag[0]:
                    return segment.check.status
        return 0

    def _run_segment(self, segment: Segment, table: int, stream: Stream, seen: bool) -> None:
        kernels = self.program.kernels.by_region
        if self._checked:
            self._run_checked(segment.commands, table, stream)
            return
        if segment.graph is None and seen and len(segment.commands) > 1:
            segment.graph = self.program.driver.capture(lambda s: perform(segment.commands, kernels, table, s))
        if segment.graph is not None:
            segment.graph(stream)
        else:
            perform(segment.commands, kernels, table, stream)

    def _plan(self, binding: Binding) -> tuple[Plan, bool]:
        """The plan for the addresses in the table, and whether it was there."""
        if binding.baked is not None:
            key = tuple(binding.table[binding.baked].tolist())
            found = binding.plans.get(key)
            if found is not None:
                binding.plans.move_to_end(key)
                return found, True
        table = Table(binding.table)
        self.program.kernels.step(table)
        binding.baked = np.array(sorted(table.read), np.int64)
        made = binding.plans[tuple(binding.table[binding.baked].tolist())] = _segments(table.commands)
        if len(binding.plans) > _MOST_GRAPHS:
            binding.plans.popitem(last=False)
        return made, False

    def _run_checked(self, commands: Sequence[Command], table: int, stream: Stream) -> None:
        """One command after the other, each waited for, so that a fault is known by its line."""
        for command in commands:
            try:
                perform_one(command, self.program.kernels.by_region, table, stream)
                stream.wait()
            except DeviceFaultError as error:
                first = str(error).splitlines()[0]
                raise DeviceFaultError(f"{first}\n  in {self._described(command)}") from error

    def _described(self, command: Command) -> str:
        """A command with the user's lines behind it, as the generated file names them."""
        if not isinstance(command, Launch):
            return f"a {type(command).__name__.lower()} of {self.program.path}"
        body = self.program.source.text.partition(f"def {command.region}(")[2].partition("\n\n\n")[0]
        lines = dict.fromkeys(line.partition("  # ")[2] for line in body.splitlines() if "  # " in line)
        where = "".join(f"\n  at {line}" for line in lines)
        return f"{command.region} of {self.program.path}, {command.blocks} blocks of {command.threads} threads{where}"

    def _out_of_bounds(self, status: int) -> IndexOutOfBoundsError:
        check = self.program.source.checks[status - 1]
        at = f"\n  at {check.where}: {check.where.text}" if check.where else ""
        rule = f"an axis with size {check.size} (negative indices count from the end)"
        error = IndexOutOfBoundsError(f"index out of bounds for {rule}{at}")
        error.scope = check.where.scope if check.where else ""
        return error


def _segments(commands: Sequence[Command | Check | Stamp]) -> Plan:
    plan = [Segment()]
    for command in commands:
        match command:
            case Check():
                plan[-1].check = command
                plan.append(Segment())
            case Launch() | Product():
                plan[-1].commands.append(command)
    return plan
