"""Explanations and profiles of the programs of a function: sizes from the call, rates from the machine, times from runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tracejit.config import config
from tracejit.errors import ArgumentError, PinError
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
    """The explanation of a program, with times where there is a call to run."""
    if entry.device == "cuda":
        from tracejit.frontend.device_profile import device_explanation

        if call is not None:
            _refuse_pinned(entry)
        return device_explanation(entry, call, _sizes(entry, call), math or config().math)
    return explanation(*_found(entry, call, math))


def profiled(entry: Entry, call: Call, math: str | None) -> Profile:
    """The profile of a call."""
    if entry.device == "cuda":
        from tracejit.frontend.device_profile import device_profile

        _refuse_pinned(entry)
        return device_profile(entry, call, _sizes(entry, call), math or config().math)
    return profile(*_found(entry, call, math))


def _sizes(entry: Entry, call: Call | None) -> dict[str, int]:
    """The sizes of a call, or of the last trace."""
    known = entry.traced.sizes.values if call is None else entry.size_values(call)
    return {final: known[symbol] for symbol, final in entry.traced.names.items() if symbol in known}


def _refuse_pinned(entry: Entry) -> None:
    if is_pinned(entry.program.source):
        raise PinError(
            f"profile: {entry.program.path} is pinned, and its steps are whatever the file says\n"
            "  rule: the steps of programs that tracejit writes are timed\n"
            "  cure: profile the function without its pin; explain() without arguments runs nothing"
        )


def _found(entry: Entry, call: Call | None, math: str | None) -> _Found:
    sizes = _sizes(entry, call)
    schedule, rates = entry.program.schedule, machine.rates()
    if call is None:
        return _Found(schedule, sizes, rates, (), None)
    _refuse_pinned(entry)
    entry.refuse_writes(call.leaves)
    entry.read_held()
    first = len(entry.traced.passed)
    buffers: dict[int, Any] = {first + i: held.buffer for i, held in enumerate(entry.traced.held)}
    leaves = [call.leaves[i].ready() for i in entry.traced.passed]
    measured = measure(entry.program, math or config().math, buffers, size_guard(entry.traced), leaves)
    if measured is None:
        raise ArgumentError("profile: the arguments are not what the program was made for")
    return _Found(schedule, sizes, rates, measured.steps, measured.total)
