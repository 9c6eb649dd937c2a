"""Running kernels without a GPU: their machine code for this processor, whose threads take turns.

The text that becomes machine code is the one that NVIDIA's compiler is given, so what runs here is what a GPU would run. What a
GPU would leave to chance is an error: lanes that meet at different places, a barrier that some thread never reaches. Shared
memory begins as NaN and -1, so that what is read too early shows.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracejit.backends.cuda import turns
from tracejit.backends.cuda.geometry import Geometry, Threads
from tracejit.errors import TracejitError
from tracejit.runtime import native

MOST_THREADS = 1024  # of a block, on every GPU
STACK = (1 << 18) + 192  # bytes of a thread; no power of two, so that stacks do not share lines of the cache


class EmulationError(TracejitError):
    """A kernel did what no GPU defines: a fault of this library, not of the user's program."""


@dataclass(frozen=True)
class Kernel:
    """A kernel that is loaded.

    Attributes:
        name: In its file.
        shape: A ``HostKernel``: how it may be launched.
        enter: The address of what runs a thread.
        poison: The address of what fills the memory of a block.
        stops: Where its file's threads wait.
        accesses: Where they read and write arrays.
        code: Keeps the machine code alive.
    """

    name: str
    shape: Any
    enter: int
    poison: int
    stops: tuple[str, ...]
    accesses: tuple[Any, ...]
    code: native.NativeCode


class _Processor:
    """What takes turns: one launch at a time in this process.

    Attributes:
        state: The words of ``turns``.
        records: Those of each thread of a block.
    """

    def __init__(self) -> None:
        from tracejit.backends.cuda import host, turning

        code = native.load(host.object_code(turning.turns_text(), "turns"), turning.STATE)
        address = ctypes.CFUNCTYPE(ctypes.c_void_p)(code.address)()
        native.PROVIDERS[turning.WORDS] = lambda: address
        native.PROVIDERS.update({name: functools.partial(code.function, name) for name in turning.SERVICES})
        run = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_void_p] * 3)
        self._runs = {waits: run(code.function(name)) for waits, name in turning.RUNS.items()}
        self._enters = {waits: code.function(name) for waits, name in turning.ENTERS.items()}
        self._stacks = np.frombuffer(mmap.mmap(-1, MOST_THREADS * STACK), np.uint8)
        self.state = np.ctypeslib.as_array((ctypes.c_int64 * turns.STATE).from_address(address))
        self.records = np.zeros((MOST_THREADS, turns.RECORD), np.int64)
        self.lock = threading.Lock()

    def run(self, waits: bool) -> int:
        """Do the launch that the state describes; what it comes to."""
        words = [turns.STACKS, turns.STACK]
        self.state[words] = self._stacks.ctypes.data, STACK if waits else len(self._stacks)
        return int(self._runs[waits](self.state.ctypes.data, self.records.ctypes.data, self._enters[waits]))


_processor = functools.cache(_Processor)


class Machine:
    """A GPU whose threads take turns, in order, or ``backwards`` to show that their order does not matter.

    Args:
        geometry: How it likes its grids.
        backwards: Whether blocks, and threads of a block, run from the last to the first.
    """

    def __init__(self, geometry: Geometry, backwards: bool = False) -> None:
        self.geometry, self.backwards = geometry, backwards

    def kernels(self, text: str, path: str) -> Mapping[str, Kernel]:
        """The kernels of a generated file, by name, as ``launch`` takes them.

        Raises:
            CompileError: The file uses what the prelude has not.
        """
        from tracejit.backends.cuda import host  # llvmlite is loaded when something is compiled

        made = host.compile_for_host(text, path)
        _processor()
        code = native.load(made.object_code, host.POISON)
        return {
            name: Kernel(name, shape, code.function(host.ENTER + name), code.address, made.stops, made.accesses, code)
            for name, shape in made.kernels.items()
        }

    def launch(self, kernel: Kernel, blocks: int, threads: Threads, arguments: int, *numbers: int) -> None:
        """Run a kernel on the words from the address ``arguments`` on.

        Raises:
            EmulationError: It did what no GPU defines, or the launch is one that a GPU refuses.
        """
        lanes, rows = (threads, 1) if isinstance(threads, int) else threads
        shape = kernel.shape
        if not 0 < lanes * rows <= shape.most or blocks <= 0:
            raise EmulationError(f"{kernel.name}: {blocks} blocks of {lanes} x {rows} threads; {shape.most} are the most")
        if len(numbers) != shape.numbers:
            raise EmulationError(f"{kernel.name}: {len(numbers)} numbers for {shape.numbers} parameters")
        processor = _processor()
        state, records = processor.state, processor.records[: lanes * rows]
        with processor.lock:
            state[[turns.LANES, turns.ROWS, turns.BLOCKS, turns.BACKWARDS]] = lanes, rows, blocks, self.backwards
            state[[turns.KERNEL, turns.POISON]] = kernel.enter, kernel.poison
            state[turns.ARGS : turns.NUMBERS + len(numbers)] = arguments, *numbers
            result = processor.run(shape.waits)
            if result != turns.FINE:
                raise EmulationError(f"{kernel.name}: {_fault(kernel, result, int(state[turns.WHO]), records)}")


def _fault(kernel: Kernel, result: int, number: int, records: np.ndarray) -> str:
    """What a launch came to, of which the thread ``number`` knows."""
    if result == turns.BROKEN:
        return _refused(kernel.accesses[records[number, turns.SITE]], *records[number, [turns.VALUE, turns.OTHER]].tolist())
    places = ["the end" if record[turns.KIND] == turns.ENDED else kernel.stops[record[turns.SITE]] for record in records]
    if result == turns.LEFT:
        return "a thread has ended while others of its block wait for it at a barrier"
    if result == turns.ASTRAY:
        return f"threads of one block wait at different barriers: {', '.join(sorted(set(places)))}"
    warp, lane = divmod(number, turns.WARP)
    mask = int(records[number, turns.MASK])
    if result == turns.APART:
        asked = [warp * turns.WARP + bit for bit in range(turns.WARP) if mask >> bit & 1]
        found = {places[other] if other < len(places) else "none, since it is not there" for other in asked}
        return f"lanes of one group are at different places: {', '.join(sorted(found))}"
    what = f"lane {lane} of warp {warp} with the mask {mask:#x} at {places[number]}"
    if result == turns.OUTSIDE:
        return f"the mask of a lane is without it: {what}"
    return f"a lane asks one that is not in its mask, or not by the bits of its number: {what}"


def _refused(access: Any, offset: int, size: int) -> str:
    """What is wrong with an access, so many bytes behind the beginning of an array of ``size`` bytes."""
    if 0 <= offset <= size - access.width:
        return f"{access.width} bytes at an address that is not aligned, of {access.dtype}, {access.what}"
    first = offset if offset < 0 else max(offset, size)  # that is outside
    return f"index {first // access.nbytes} of {size // access.nbytes} elements of {access.dtype}, {access.what}"
