"""Explanations and profiles of the programs of a function: sizes from the call, rates from the machine, times from runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tracejit.config import config
from tracejit.errors import ArgumentError, PinError, UnsupportedError
from tracejit.frontend.entry import Entry
from tracejit.frontend.explanation import Explanation, Profile, explanation, profile
from tracejit.frontend.signature import Call
from tracejit.frontend.specialize import size_guard
from tracejit.runtime import machine
from tracejit.runtime.profile import measure
from tracejit.runtime.program import is_pinned
from tracejit.schedule.roofline import Rates
from tracejit.schedule.schedule import Schedule


class _Found(NamedTuple):
    schedule: Schedule
    sizes: Mapping[str, int]
    rates: Rates
    times: Sequence[float]
    total: float | None


def explained(entry: Entry, call: Call | None, math: str | None) -> Explanation:
    """The explanation of a program, with times where there is a call to run.

    Raises:
        UnsupportedError: It is a device program.
    """
    if entry.device == "cuda":
        raise UnsupportedError(
            "explain: predicts and measures programs of the CPU, and this one runs on cuda\n"
            "  cure: profile() counts what it asks of the device; schedule() and source() show it"
        )
    return explanation(*_found(entry, call, math))


def profiled(entry: Entry, call: Call, math: str | None) -> Profile:
    """The profile of a call."""
    return profile(*_found(entry, call, math))


def _found(entry: Entry, call: Call | None, math: str | None) -> _Found:
    names = entry.traced.names
    known = entry.traced.sizes.values if call is None else entry.size_values(call)
    sizes = {final: known[symbol] for symbol, final in names.items() if symbol in known}
    schedule, rates = entry.program.schedule, machine.rates()
    if call is None:
        return _Found(schedule, sizes, rates, (), None)
    if is_pinned(entry.program):
        raise PinError(
            f"profile: {entry.program.path} is pinned, and its steps are whatever the file says\n"
            "  rule: the steps of programs that tracejit writes are timed\n"
            "  cure: profile the function without its pin; explain() without arguments runs nothing"
        )
    entry.refuse_writes(call.leaves)
    entry.read_held()
    first = len(entry.traced.passed)
    buffers: dict[int, Any] = {first + i: held.buffer for i, held in enumerate(entry.traced.held)}
    leaves = [call.leaves[i].ready() for i in entry.traced.passed]
    measured = measure(entry.program, math or config().math, buffers, size_guard(entry.traced), leaves)
    if measured is None:
        raise ArgumentError("profile: the arguments are not what the program was made for")
    return _Found(schedule, sizes, rates, measured.steps, measured.total)
