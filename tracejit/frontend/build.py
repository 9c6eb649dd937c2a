"""From a call to a program that runs: trace, guards, passes, compiler, executable."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tracejit.config import config
from tracejit.frontend.content import by_content
from tracejit.frontend.device import Choice, placement
from tracejit.frontend.donation import can_hold, donate, unused
from tracejit.frontend.draws import watching
from tracejit.frontend.entry import Entry, Traced, Waiting
from tracejit.frontend.guards import Guard, check_leaks, check_writes, find_guards
from tracejit.frontend.inlined import inlining
from tracejit.frontend.on_device import device_program
from tracejit.frontend.parameters import Parameters
from tracejit.frontend.signature import Call
from tracejit.frontend.specialize import size_guard, trace_call
from tracejit.ir import Graph
from tracejit.runtime.device import Device
from tracejit.runtime.executable import Executable
from tracejit.runtime.program import MakeCode, Options, code_of, compile_program


def build_entry(
    function: Callable[..., Any],
    parameters: Parameters,
    call: Call,
    math: str | None,
    pin: str | None,
    asked: Choice = "auto",
    background: bool | None = None,
) -> tuple[Entry, tuple[str, ...]]:
    """A program for ``call`` and calls like it, and what the trace noticed that the user may want to know."""
    observe = _Observer(parameters.name, config().debug)
    observe.signature(call)
    statics = [(i, leaf.path, leaf.value) for i, leaf in enumerate(call.leaves) if leaf.kind in ("static", "self")]
    before = find_guards(function, statics)
    with inlining(before), watching(before, parameters.name):
        traced = trace_call(function, parameters, call, parameters.name)
    observe("trace", traced.graph)
    # what the function itself changes while it is traced has been changed once and for all: guards are as after that
    guards = (*find_guards(function, statics), *traced.guards)
    guards = by_content(guards, [held.owner for held in traced.held])
    check_leaks(guards, parameters.name)
    written = [(held.owner, held.value.where) for held in traced.held if held.updated and isinstance(held.owner, np.ndarray)]
    check_writes((*before, *guards), written, parameters.name)
    values = [leaf.value for leaf in call.leaves]
    notes = tuple(_effect(g) for g in before if not g.holds(values))
    device = placement(asked, call, traced, parameters.name)
    options, fits = Options(math or config().math, pin), size_guard(traced)
    later = device == "cpu" and pin is None and (config().background if background is None else background)
    first = len(traced.passed)
    buffers: dict[int, Any] = {first + i: held.buffer for i, held in enumerate(traced.held)}

    def make(traced: Traced) -> tuple[Any, Any]:
        if device == "cuda":
            return device_program(traced, parameters.name, options, fits, observe)
        told = observe if observe.level >= 2 else None
        program = compile_program(traced.graph, options, told, _code_later() if later else code_of)
        return Executable(program, buffers, fits), program

    traced, executable, program, used = _made(traced, call, parameters, device, make)
    waiting = _waiting(executable, buffers) if later else None
    running: Any = waiting or executable
    observe.path(str(program.path))
    notes += _kept(used, call, parameters, device)
    return Entry(call.forgotten(), traced, guards, running, program, device, waiting), notes


def _made(
    plain: Traced, call: Call, parameters: Parameters, device: Device, make: Callable[[Traced], tuple[Any, Any]]
) -> tuple[Traced, Any, Any, frozenset[int]]:
    """The executable and the program, with results in the memory of donated arguments where that saves memory.

    Args:
        plain: What was traced.
        call: It was traced for.
        parameters: Know which of theirs are donated.
        device: Where the program runs.
        make: Makes both.

    Returns:
        What was traced with results in donated memory; the executable; the program; the leaves whose memory it is.
    """
    traced, left = plain, frozenset[int]()
    while True:
        traced, used = donate(plain, call, parameters, device, left) if parameters.donated else (plain, frozenset())
        executable, program = make(traced)
        # read until after the result is there, which then needs memory of its own
        late = {i for number, i in enumerate(traced.passed) if i in used and number in program.source.late}
        if not late:
            return traced, executable, program, used
        left |= late


def _code_later() -> MakeCode:
    from tracejit.runtime.background import code_later  # which loads what starts processes, and most never need

    return code_later


def _waiting(executable: Executable, buffers: dict[int, Any]) -> Waiting | None:
    """What stands in for an executable whose code is pending."""
    from tracejit.runtime.background import waiting

    return waiting(executable, buffers)


def _kept(used: frozenset[int], call: Call, parameters: Parameters, device: Device) -> tuple[str, ...]:
    """What is said of donated arguments whose memory is not used."""
    spared = unused(used, call, parameters) if parameters.donated else []
    away = "it is on the host, and the results are on cuda"
    reasons = [away if device == "cuda" and not can_hold(leaf, device) else "no result can have its memory" for leaf in spared]
    notes = tuple(f"{leaf.path} was donated, and is kept: {reason}" for leaf, reason in zip(spared, reasons, strict=True))
    for note in notes:
        warnings.warn(f"{parameters.name}: argument {note}", RuntimeWarning, stacklevel=2)
    return notes


def _effect(guard: Guard) -> str:
    return f"{guard.access.text} was changed by the function itself, which happens when it is traced and never again"


class _Observer:
    """Prints the stages of a compilation to stderr, as far as ``TRACEJIT_DEBUG`` asks for them."""

    def __init__(self, name: str, level: int) -> None:
        self.name = name
        self.level = level

    def signature(self, call: Call) -> None:
        if self.level >= 1:
            self._print("signature", ", ".join(map(str, call.leaves)))

    def path(self, path: str) -> None:
        if self.level >= 1:
            self._print("source", path)

    def __call__(self, stage: str, value: object) -> None:
        least = 2 if isinstance(value, Graph) else 3 if stage == "schedule" else 4
        if self.level >= least:
            self._print(stage, f"\n{value}")

    def _print(self, stage: str, text: str) -> None:
        print(f"tracejit {self.name}: {stage}: {text}", file=sys.stderr)
