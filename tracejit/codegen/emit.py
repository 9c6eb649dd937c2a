"""Schedule -> Source: the whole file."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from tracejit.codegen import steps, straight
from tracejit.codegen.cpu import CPU
from tracejit.codegen.scope import File, Scope, indent
from tracejit.codegen.source import HEAD, Bounds, Layout, Room, Source
from tracejit.codegen.target import Target
from tracejit.codegen.text import printable
from tracejit.codegen.together import Run, runs
from tracejit.ir.size import Dim
from tracejit.ir.text import node_names
from tracejit.schedule import Loop, Schedule, Slot, Step, Write
from tracejit.schedule.duration import picoseconds

LIBM_WORDS = ("exp", "log", "tanh", "erf", "sigmoid", "sin", "cos", "power")
_NAMES = re.compile(r"\b[a-z_]\w*\b")
_NOT_WORDS = {
    "table",
    "chunk",
    "begin",
    "end",
    "range",
    "for",
    "in",
    "if",
    "return",
    "def",
    "complex",
    "step",
    "and",
    "or",
    "not",
}


def emit(schedule: Schedule, math: str = "accurate", target: Target = CPU, stamps: bool = False) -> Source:
    """The generated file of a schedule.

    Args:
        schedule: What to write.
        math: ``"libm"`` takes exp, log, ... from the C library.
        target: Whose file it is.
        stamps: Read the clock before each step and after the last, so that a profile can tell them apart.
    """
    layout = _layout(schedule, stamps)
    file = File(schedule, layout, target, words=layout.length)
    body: list[str] = []
    step = Scope(file, region=False)
    pending = {c.flag: k for k, c in enumerate(schedule.checks)}
    alone = [Run([i], straight.is_straight(schedule, item)) for i, item in enumerate(schedule.steps)]
    together = alone if stamps else list(runs(schedule, pending))
    for run in together:
        body += [f"stamp(table, {layout.stamps[run.numbers[0]]})"] if stamps else []
        items = [(schedule.steps[number], f"region_{number}") for number in run.numbers]
        if run.is_straight:
            body += target.alone(step, items[0][1], partial(_straight, [item for item, _ in items]))
        elif len(items) == 1:
            body += _step(file, step, *items[0])
        else:
            body += target.loops(step, [(item, name) for item, name in items if isinstance(item, Loop)])
        for node in (n for item, _ in items for n in item.stores):
            if node in pending:
                body += target.check(step, node, pending[node] + 1)
    for number, (old, new) in enumerate(schedule.copies):
        body += [f"stamp(table, {layout.stamps[len(schedule.steps) + number]})"] if stamps else []
        body += steps.final_copy(file, step, f"copy_{number}", old, new)
    body += [f"stamp(table, {layout.stamps[-1]})"] if stamps else []
    lines = ["@program", "def step(table):", *indent([*step.sizes(), *step.head, *(body or ["return"])])]
    functions = [*(text for _, text in file.functions.values()), "\n".join(lines)]
    code = "\n\n\n".join(functions)
    text = f"{_header(schedule, file)}\n{_imports(code, math)}\n\n\n{code}\n"
    layout = replace(layout, length=file.words)
    slots = tuple(_living(slot, [run.numbers for run in together]) for slot in schedule.slots)
    checks = tuple(Bounds(check.size, check.where) for check in schedule.checks)
    late = tuple(schedule.graph.inputs.index(target) for target, _ in schedule.copies)
    time: Dim = sum(map(picoseconds, schedule.steps), start=0)
    counted, notes = tuple(file.counted), tuple(file.notes)
    return Source(text, layout, slots, tuple(file.workspace), checks, tuple(file.copied), late, time, counted, notes)


def _living(slot: Slot, together: list[list[int]]) -> Room:
    """A slot that lives as long as the steps that run together with its first and its last one, in any order."""
    since = next(run[0] for run in together if slot.since <= run[-1])
    return Room(slot.nbytes, since, next((run[-1] for run in together if slot.until <= run[-1]), slot.until))


def _layout(schedule: Schedule, stamps: bool) -> Layout:
    graph = schedule.graph
    word = iter(range(HEAD, 10**9))
    sizes = {name: next(word) for name in graph.symbols()}
    inputs = tuple(next(word) for _ in graph.inputs)
    outputs = tuple(next(word) for _ in graph.outputs)
    slots = tuple(next(word) for _ in schedule.slots)
    workspace = next(word)
    count = len(schedule.steps) + len(schedule.copies) + 1 if stamps else 0
    return Layout(sizes, inputs, outputs, slots, workspace, tuple(next(word) for _ in range(count)), next(word))


def _straight(items: list[Step], scope: Scope) -> list[str]:
    return [line for item in items for line in straight.lines(scope, item)]


def _step(file: File, step: Scope, item: Step, name: str) -> list[str]:
    match item:
        case Loop():
            return file.target.loop(step, item, name)
        case Write():
            return steps.write(file, step, item, name)
        case _:
            return file.target.other(step, item, name)


def _header(schedule: Schedule, file: File) -> str:
    graph = schedule.graph
    names = node_names(graph)
    lines = [f'"""{graph.name}: {len(schedule.steps)} steps, generated; one file for every size.', ""]
    rename = {n: file.size_name(n) for n in file.layout.sizes}
    if rename:
        lines.append("sizes     " + "   ".join(f"{local} = {name}" for name, local in rename.items()))
    updated = {target for target, _ in graph.updates}
    for i, node in enumerate(graph.inputs):
        lines.append(f"{'updates' if node in updated else 'inputs':<9} x{i} {printable(names[node])} {node.spec}")
    lines += [f"returns   out{i} {node.spec}" for i, node in enumerate(graph.outputs)]
    lines += [f"arena     s{i} {slot.nbytes} bytes" for i, slot in enumerate(schedule.slots)]
    return "\n".join([*(line.replace('"""', "'''").replace("\\", "/") if k else line for k, line in enumerate(lines)), '"""'])


def _imports(code: str, math: str) -> str:
    """The words of the prelude that the file uses."""
    plain = re.sub(r'"""[^\n]*"""|#[^\n]*', "", code)
    calls = set(re.findall(r"(?<![\w.])([a-z_]\w*)\(", plain)) | ({"inf", "nan"} & set(_NAMES.findall(plain)))
    decorators = {d for d in ("program", "region") if f"@{d}" in plain}
    own = set(re.findall(r"def (\w+)\(", plain))
    words = sorted((calls | decorators) - own - _NOT_WORDS)
    if math == "libm":
        words = [f"{w}_libm as {w}" if w in LIBM_WORDS else w for w in words]
    return f"from prelude import {', '.join(words)}"
