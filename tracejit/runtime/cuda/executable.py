"""Executable: a device program bound to the memory it works on; what one call of a traced function runs.

A call fills the host's table with addresses, sizes and numbers, sends the words that kernels read to the device in one small
copy, and replays the graph of the whole step. Kernels find everything in that table, so the graph fits every call of these
sizes, with one exception: products and copies have their operands' addresses in the graph. Buffers and the arena do not move;
for arguments and results that are operands, a graph is kept for each set of addresses, which memory pools repeat. Staging them
by copies would cost bandwidth in every call instead. A set of addresses seen for the first time is run launch by launch, which
also has cuBLAS choose its kernels before anything is captured.

Where all values of a call are those of an earlier one, as in a loop of training, not even that copy is needed: such values
settle, with a table and a graph of their own.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from tracejit.config import config
from tracejit.errors import DeviceFaultError, IndexOutOfBoundsError, UnsupportedError
from tracejit.ir.size import Size, evaluate, symbols
from tracejit.runtime.cuda.binding import WORD, Binding, Kind, Segment, Settled, is_number, kind_of, length, segments
from tracejit.runtime.cuda.driver import Product, Stream
from tracejit.runtime.cuda.memory import Block
from tracejit.runtime.cuda.program import Program
from tracejit.runtime.cuda.results import ResultPool
from tracejit.runtime.cuda.steps import Command, Launch, Table, perform, perform_one, word_of
from tracejit.runtime.device import Array, DeviceArray

MISS: Final = None
_MOST_BINDINGS = 16
_MOST_KNOWN = 1024
_ALIGNMENT = 256
_NUMBERS = {float: np.dtype(np.float64), int: np.dtype(np.int64), bool: np.dtype(np.bool_)}


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
        self._buffers = {i: array for i, array in buffers.items() if isinstance(array, DeviceArray)}
        self._resident = list(self._buffers.values())
        self._of_host = {i: array for i, array in buffers.items() if not isinstance(array, DeviceArray)}
        self._hosted = list(self._of_host.values())
        self._guards = guards
        self._leaves = [(i, node) for i, node in enumerate(program.graph.inputs) if i not in buffers]
        self._known: dict[tuple[Kind, ...], Mapping[str, int]] = {}  # sizes of leaves that fitted
        self._bindings: list[Binding] = []  # the last used first
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
        kinds = [(x.shape, x.dtype) if type(x) is DeviceArray else kind_of(x) for x in leaves]
        with self._lock:
            arrays = [x for x in leaves if type(x) is DeviceArray]
            callers = [x.caller for x in arrays if x.caller is not None]
            stream = self.program.driver.stream(callers[0] if callers else None)
            binding = self._bindings[0] if self._bindings else None
            if binding is None or binding.kinds != kinds:
                binding = self._bound(kinds, leaves, stream)
                if binding is None:
                    return MISS
            here = stream.handle
            outputs = [pool.take(here) for pool in binding.pools]
            self._order(stream, [*arrays, *outputs, *self._resident])
            values = [x.address if type(x) is DeviceArray else x for x in leaves]
            if len(arrays) < len(leaves) or self._hosted:
                values = self._sent(binding, [*values, *self._hosted], stream)
            status = self.run(binding, binding.pack(*values, *[x.address for x in outputs]), stream)
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
        key = tuple(map(kind_of, leaves))
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

    def _sent(self, binding: Binding, values: Sequence[Any], stream: Stream) -> list[Any]:
        """The values of the call: what is on the host is copied to the memory that is kept for it, or becomes a word."""
        found = []
        for i, value in enumerate(values):
            if isinstance(value, np.ndarray):
                block = binding.staged.get(i)
                if block is None:
                    value = word_of(value)
                else:
                    stream.upload(block.address, np.ascontiguousarray(value))
                    value = block.address
            found.append(value)
        return found

    def _order(self, stream: Stream, arrays: Iterable[DeviceArray]) -> None:
        """Have the stream wait for whoever still works on the arrays, or with the memory of this executable."""
        here = stream.handle
        streams = {x.memory.stream for x in arrays}
        streams.add(self._stream)
        if streams != {here}:
            for handle in sorted(x for x in streams if x is not None and x != here):
                stream.after(handle)
            self._stream = here
            for x in arrays:
                x.memory.stream = here

    # the binding

    def _bound(self, kinds: list[Kind], leaves: Sequence[Any], stream: Stream) -> Binding | None:
        """The binding for leaves of these kinds, which becomes the first one; None where the program is not made for them."""
        found = next((b for b in self._bindings if b.kinds == kinds), None)
        if found is None:
            sizes = self._fitting(leaves)
            if sizes is None:
                return None
            self._order(stream, ())  # memory of this executable may be given up
            found = self._binding(kinds, sizes, stream)
            for pool in (pool for b in self._bindings for pool in b.pools):
                pool.spares.clear()  # programs whose sizes keep changing hold results for the last ones only
            if len(self._bindings) == _MOST_BINDINGS:
                stream.wait()  # the table of the oldest may be in use
                self._bindings.pop()
        else:
            self._bindings.remove(found)
        self._bindings.insert(0, found)
        return found

    def _binding(self, kinds: list[Kind], sizes: Mapping[str, int], stream: Stream) -> Binding:
        source, driver, name, here = self.program.source, self.program.driver, self.program.graph.name, stream.handle
        numbers = [*(i for i, _ in self._leaves), *self._of_host]
        inputs = list(zip(numbers, [*kinds, *map(kind_of, self._hosted)], strict=True))
        arena = self._place(sizes, stream)
        staged = {
            place: driver.allocate(_nbytes(kind), f"arguments of {name}", here)
            for place, (_, kind) in enumerate(inputs)
            if _is_staged(kind)
        }
        device = driver.allocate(WORD * length(source), f"tables of {name}", here)
        specs: list[Any] = [node.spec.concrete(sizes) for node in self.program.graph.outputs]
        pools = [ResultPool(driver, spec.shape, spec.dtype, f"results of {name}") for spec in specs]
        made = Binding(source, sizes, kinds, inputs, device, pools, staged)
        for word, address in (*arena, *((source.layout.inputs[i], buffer.address) for i, buffer in self._buffers.items())):
            made.table[word] = address
        return made

    def _laid_out(self, sizes: Mapping[str, int]) -> tuple[list[int], int, int]:
        """Where the slots of the arena begin, where they end, and what it is with the workspace."""
        starts, end = [], 0
        for slot in self.program.source.slots:
            starts.append(end)
            end += -(-evaluate(slot.nbytes, sizes) // _ALIGNMENT) * _ALIGNMENT
        return starts, end, end + max((evaluate(nbytes, sizes) for nbytes in self.program.source.workspace), default=0)

    def _place(self, sizes: Mapping[str, int], stream: Stream) -> list[tuple[int, int]]:
        """Words for the arena; one that is larger takes the place of one that is too small, for all sizes."""
        starts, end, total = self._laid_out(sizes)
        layout = self.program.source.layout
        if self._arena is None or total > self._arena.nbytes:
            if self._arena is not None:
                stream.wait()
            self._bindings.clear()
            self._arena = None  # first, so that old and new never exist together
            self._arena = self.program.driver.allocate(total, f"temporaries of {self.program.graph.name}", stream.handle)
        base = self._arena.address
        return [*zip(layout.slots, [base + start for start in starts], strict=True), (layout.workspace, base + end)]

    # the step

    def run(self, binding: Binding, values: bytes, stream: Stream) -> int:
        """Give the stream the work of a call; the status that it ended with, 0 where no check stopped it."""
        settled = binding.settled.get(values)
        if settled is not None:
            settled.run(stream)
            return 0
        binding.fill(values, binding.device.address)
        plan, seen = binding.plan(self.program.kernels.step, self.program.driver.offers)
        if not seen and any(isinstance(command, Product) for segment in plan for command in segment.commands):
            stream.reserve()  # before anything is written
        if binding.settles(values) and seen and len(plan) == 1 and not self._checked:
            settled = binding.settled[values] = self._settled(binding, values, stream)
            settled.run(stream)
            return 0
        stream.upload(binding.device.address, binding.words)
        for segment in plan:
            self._run_segment(segment, binding.device.address, stream, seen)
            if segment.check is not None:
                flag = np.zeros(1, np.uint8)
                stream.download(flag, segment.check.flag)
                if flag[0]:
                    return segment.check.status
        return 0

    def _settled(self, binding: Binding, values: bytes, stream: Stream) -> Settled:
        """Values with a table of their own."""
        name = f"tables of {self.program.graph.name}"
        device = binding.free_table() or self.program.driver.allocate(binding.device.nbytes, name, stream.handle)
        binding.fill(values, device.address)
        stream.upload(device.address, binding.words)
        table = Table(binding.table, self.program.driver.offers)
        self.program.kernels.step(table)
        (segment,) = segments(table.commands)
        return Settled(device, self._repeatable(segment.commands, device.address))

    def _repeatable(self, commands: Sequence[Command], table: int) -> Callable[[Stream], None]:
        """What gives a stream these commands again and again, for a table at an address."""
        again = functools.partial(perform, commands, self.program.kernels.by_region, table)
        return self.program.driver.capture(again) if len(commands) > 1 else again

    def _run_segment(self, segment: Segment, table: int, stream: Stream, seen: bool) -> None:
        if self._checked:
            self._run_checked(segment.commands, table, stream)
            return
        if segment.again is None and seen:
            segment.again = self._repeatable(segment.commands, table)
        if segment.again is not None:
            segment.again(stream)
        else:
            perform(segment.commands, self.program.kernels.by_region, table, stream)

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


def _is_staged(kind: Kind) -> bool:
    return not isinstance(kind, type) and len(kind) == 3 and not is_number(kind)


def _nbytes(kind: Any) -> int:
    shape, dtype, _ = kind
    nbytes: int = np.prod(shape, dtype=object) * dtype.itemsize
    return nbytes
