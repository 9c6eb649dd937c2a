"""Timing the steps of a device program: the same file with a mark before each step, launch by launch, on the same memory."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tracejit.runtime.cuda.binding import Binding
from tracejit.runtime.cuda.driver import Product, Stream
from tracejit.runtime.cuda.executable import Executable
from tracejit.runtime.cuda.program import Program, stamped
from tracejit.runtime.cuda.steps import Check, Stamp, Table, perform_one
from tracejit.runtime.device import Array
from tracejit.runtime.profile import LEAST_RUNS, MOST_RUNS, SECONDS


class Timed(Executable):
    """A device program whose calls time their steps.

    Args:
        program: What to time.
        math: Its vector math.
        buffers: The arrays behind inputs that do not change from call to call, by position.
        guards: Whether it is made for some sizes.

    Attributes:
        rows: Nanoseconds of each step and final copy, of each call that came to its end.
        refused: ``(word, why)``: of its products, those whose epilogues were loops.
    """

    def __init__(
        self, program: Program, math: str, buffers: Mapping[int, Array], guards: Callable[[Mapping[str, int]], bool]
    ) -> None:
        super().__init__(stamped(program, math), buffers, guards)
        self.rows: list[list[float]] = []
        self.refused: tuple[tuple[str, str], ...] = ()

    def run(self, binding: Binding, values: bytes, stream: Stream) -> int:
        """Give the stream the work of a call, with marks in it, and wait for them."""
        binding.fill(values, binding.device.address)
        stream.upload(binding.device.address, binding.words)
        table = Table(binding.table, self.program.driver.offers)
        self.program.kernels.step(table)
        self.refused = tuple((word, _said(product)) for word, product in table.refused)
        stream.reserve()
        marks: list[Any] = []
        for command in table.commands:
            match command:
                case Stamp():
                    marks.append(stream.mark())
                case Check():
                    flag = np.zeros(1, np.uint8)
                    stream.download(flag, command.flag)
                    if flag[0]:
                        return command.status
                case _:
                    perform_one(command, self.program.kernels.by_region, binding.device.address, stream)
        stream.wait()
        between = self.program.driver.between
        self.rows.append([between(a, b) for a, b in itertools.pairwise(marks)])
        return 0

    def quickest(self, leaves: Sequence[Any]) -> tuple[float, ...]:
        """The least time of each step in calls with these leaves, as many as a fraction of a second has room for."""
        repeated(lambda: self(*leaves))
        return tuple(np.min(self.rows[1:], axis=0).tolist())  # the first call loads kernels


def _said(product: Product) -> str:
    """Why a product goes without its epilogue."""
    p = product
    many = f"{p.batch} times " if p.batch > 1 else ""
    return f"the library has no kernel for it, {many}{p.dtype} [{p.m}, {p.k}] @ [{p.k}, {p.n}]; a loop follows the product"


def replayed(program: Program, call: Callable[[], object]) -> float:
    """Nanoseconds from the beginning of a call to the end of its work, of the quickest of a few."""
    stream, times = program.driver.stream(), list[float]()

    def timed() -> None:
        begin = stream.mark()
        call()
        end = stream.mark()
        stream.wait()
        times.append(program.driver.between(begin, end))

    repeated(timed)
    return min(times[2:])  # the first is launched one by one, the second is captured


def repeated(call: Callable[[], object]) -> None:
    """Call again and again until the time is up."""
    end = time.perf_counter() + SECONDS
    for number in range(MOST_RUNS):
        if number >= LEAST_RUNS and time.perf_counter() > end:
            return
        call()
