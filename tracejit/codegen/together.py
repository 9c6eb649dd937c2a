"""Loops that do the same to other buffers, such as the updates of all parameters: one region, and one launch for all."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from tracejit.codegen.loop import LoopEmitter
from tracejit.codegen.scope import Scope
from tracejit.codegen.steps import launch_lines
from tracejit.codegen.straight import is_straight
from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.schedule import Home, Loop, Schedule, Step
from tracejit.schedule.access import kind
from tracejit.schedule.fuse import read_inputs, sources, stored_operands

RECORD = 4
"""Words of a record before the arguments: rows, work of a row, and two that the launch fills."""


@dataclass(frozen=True)
class _Launch:
    scope: Scope
    rows: Dim
    work: Dim


def runs(schedule: Schedule, flags: Collection[Node] = ()) -> Iterator[list[int]]:
    """The numbers of the steps, in order. Loops that follow each other and may run in any order are together.

    So are straight steps that follow each other, up to one that stores one of ``flags``, which are looked at behind it.
    """
    run: list[int] = []
    kind_of_run = ""
    read: set[Home] = set()
    written: set[Home] = set()
    for number, step in enumerate(schedule.steps):
        reads, writes = _homes(schedule, step)
        mine = "straight" if is_straight(schedule, step) else "plain" if _is_plain(step) else ""
        apart = not mine or mine != kind_of_run or (mine == "plain" and (writes & (read | written) or reads & written))
        if run and apart:
            yield run
            run, read, written = [], set(), set()
        run, read, written, kind_of_run = [*run, number], read | reads, written | writes, mine
        if any(node in flags for node in step.stores):
            kind_of_run = ""  # of which nothing is a continuation
    if run:
        yield run


def _is_plain(step: Step) -> bool:
    """Whether a step is a loop in which every element is for itself."""
    return isinstance(step, Loop) and bool(step.space) and all(kind(n) == "elementwise" for n in step.nodes)


def _homes(schedule: Schedule, step: Step) -> tuple[set[Home], set[Home]]:
    read = {x for n in step.nodes for x in (*sources(n), *read_inputs(n), *stored_operands(n))} - set(step.nodes)
    return {schedule.homes[x] for x in read if x in schedule.homes}, {schedule.homes[x] for x in step.stores}


def loops(step: Scope, items: list[tuple[Loop, str]]) -> list[str]:
    """The lines of the step for loops that may run in any order; those that turn out to have one region are launched at once."""
    launches: dict[str, list[_Launch]] = {}
    lines: list[str] = []
    for item, name in items:
        emitter = LoopEmitter(step.file, item, name)
        if not emitter.nest.flat:
            lines += step.file.target.loop(step, item, name)
            continue
        region = step.file.region(name, emitter.scope, emitter.region())
        launches.setdefault(region, []).append(_Launch(emitter.scope, product(item.space), emitter.work()))
    for region, found in launches.items():
        first, *others = found
        single = launch_lines(step, region, first.scope, first.rows, first.work)[0] if not others else []
        lines += single or _at_once(step, region, found)
    return lines


def _at_once(step: Scope, name: str, launches: list[_Launch]) -> list[str]:
    file, stride = step.file, RECORD + len(launches[0].scope.words)
    first = file.words
    file.words += stride * len(launches)
    lines = []
    for number, launch in enumerate(launches):
        begin = first + number * stride
        places = [begin, begin + 1, *range(begin + RECORD, begin + stride)]
        values = [step.dim(launch.rows), step.dim(launch.work), *(f"table[{word}]" for word in launch.scope.words)]
        lines.append(f"{', '.join(f'table[{place}]' for place in places)} = {', '.join(values)}")
    return [*lines, f"parallel_for_each({name}, table, {first}, {len(launches)}, {stride})"]
