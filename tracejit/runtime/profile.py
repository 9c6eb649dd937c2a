"""Timing the steps of a program: the same source with a stamp before each step, run on the same memory."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracejit.codegen.emit import emit
from tracejit.runtime import cache
from tracejit.runtime.executable import Executable
from tracejit.runtime.program import Program, code_of
from tracejit.runtime.threads import num_threads, ticks_per_second

SECONDS, MOST_RUNS, LEAST_RUNS = 0.3, 200, 5


@dataclass(frozen=True, slots=True)
class Measured:
    """Nanoseconds: of each step and final copy in its quickest run, and of the quickest run as a whole."""

    steps: tuple[float, ...]
    total: float
    runs: int


def measure(
    program: Program,
    math: str,
    buffers: Mapping[int, NDArray[Any]],
    guards: Callable[[Mapping[str, int]], bool],
    leaves: Sequence[Any],
) -> Measured | None:
    """Run a program again and again with a clock between its steps. Whatever it updates is afterwards as it was.

    Args:
        program: The program.
        math: Its vector math.
        buffers: The arrays behind graph inputs that do not change from call to call, by position.
        guards: Whether the program is made for such sizes.
        leaves: Values of the other inputs, in order.

    Returns:
        The times; None when a leaf does not fit.
    """
    source = emit(program.schedule, math, stamps=True)
    code, _ = code_of(source.text, f"{program.graph.name}_profile.py", cache.code_key(source.text))
    stamped = replace(program, source=source, code=code)
    executable = Executable(stamped, buffers, guards)
    free = iter(leaves)
    values = {i: buffers[i] if i in buffers else next(free) for i in range(len(program.graph.inputs))}
    targets = {target for target, _ in program.graph.updates}
    kept = [(values[i], np.copy(values[i])) for i, node in enumerate(program.graph.inputs) if node in targets]
    rows: list[NDArray[np.int64]] = []
    try:
        executable.debug(*leaves, runner=lambda step, table: rows.extend(_runs(stamped, table)))
    finally:
        for array, before in kept:
            np.copyto(array, before)
    if not rows:
        return None
    ticks = np.stack(rows)
    scale = 1e9 / ticks_per_second()
    steps = tuple(float(t) * scale for t in np.diff(ticks, axis=1).min(axis=0))
    return Measured(steps, float((ticks[:, -1] - ticks[:, 0]).min()) * scale, len(rows))


def _runs(program: Program, table: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Run machine code on a filled table until the time is up; the stamps of each run that came to its end."""
    run = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(program.code.address)
    scratch = (ctypes.c_int64 * 2)()
    place = ctypes.addressof(scratch)
    end = time.perf_counter() + SECONDS
    for number in range(MOST_RUNS):
        if number >= LEAST_RUNS and time.perf_counter() > end:
            return
        table[:2] = 0, num_threads()
        run(place, place + 8, table.ctypes.data)
        if table[0]:
            return
        if number:  # the first run meets cold caches and sleeping threads
            yield table[list(program.source.layout.stamps)].copy()
