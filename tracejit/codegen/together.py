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
from tracejit.schedule.fuse import MOST_STREAMS, read_inputs, sources, stored_operands

RECORD = 4
"""Words of a record before the arguments: rows, work of a row, and two that the launch fills."""


@dataclass(frozen=True)
class _Launch:
    scope: Scope
    rows: Dim
    work: Dim


@dataclass(frozen=True)
class Run:
    """Steps that follow each other and are written as one.

    Attributes:
        numbers: Of the steps, in order.
        is_straight: Whether they are written out in straight lines, one behind the other; otherwise it is one step, or loops
            that may run in any order.
    """

    numbers: list[int]
    is_straight: bool


def runs(schedule: Schedule, flags: Collection[Node] = ()) -> Iterator[Run]:
    """The steps in runs as long as can be; one that stores one of ``flags`` ends its run, as it is looked at behind it."""
    numbers: list[int] = []
    ways: set[str] = set()  # in which all steps of the run can be written
    read: set[Home] = set()
    written: set[Home] = set()
    for number, step in enumerate(schedule.steps):
        reads, writes = _homes(schedule, step)
        own = {"loops"} if _is_plain(step) else set[str]()
        own |= {"straight"} if is_straight(schedule, step) else set()
        shared = ways & own - ({"loops"} if writes & (read | written) or reads & written else set())
        crowded = shared == {"straight"} and len(read | written | reads | writes) > MOST_STREAMS
        if numbers and (crowded or not shared):
            yield _run(numbers, ways)
            numbers, shared, read, written = [], own, set(), set()
        numbers, ways = [*numbers, number], shared if numbers else own
        read, written = read | reads, written | writes
        if any(node in flags for node in step.stores):
            yield _run(numbers, ways)
            numbers, ways, read, written = [], set(), set(), set()
    if numbers:
        yield _run(numbers, ways)


def _run(numbers: list[int], ways: set[str]) -> Run:
    return Run(numbers, "straight" in ways and ("loops" not in ways or len(numbers) == 1))


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
