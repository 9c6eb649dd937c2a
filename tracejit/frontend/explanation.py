"""What ``f.explain()`` and ``f.profile()`` return: each step of a program, what it costs, and where the user's lines went."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tracejit.ir import Where
from tracejit.ir.size import evaluate
from tracejit.ir.text import node_names
from tracejit.schedule import Gemm, Loop, Scan, Scatter, Schedule, Sort, Step, Write
from tracejit.schedule.reasons import apart
from tracejit.schedule.roofline import Rates, Work, copied, predicted, work_of

_KINDS = {Loop: "loop", Gemm: "product", Write: "write", Scatter: "scatter", Scan: "scan", Sort: "sort"}
_HEAD = ("step", "kind", "makes", "Mflop", "MB", "predicted", "measured", "bound by", "of roofline")


@dataclass(frozen=True, slots=True)
class StepCost:
    """One step of a program.

    Attributes:
        number: Its place in the schedule.
        kind: loop, product, write, scatter, scan, sort or copy.
        makes: The operations in it, and what it iterates over.
        flops: Floating-point operations; a function of vector math counts 8.
        read, written: Bytes, each buffer counted once.
        predicted: Nanoseconds on this machine's roofline.
        bound: What binds it there: arithmetic, cache or memory.
        measured: Nanoseconds in the quickest run; None where nothing was run.
    """

    number: int
    kind: str
    makes: str
    flops: int
    read: int
    written: int
    predicted: float
    bound: str
    measured: float | None

    def cells(self) -> tuple[str, ...]:
        measured = "" if self.measured is None else duration(self.measured)
        share = "" if not self.measured else f"{100 * self.predicted / self.measured:.0f} %"
        moved = f"{(self.read + self.written) / 1e6:.3g}"
        numbers = (f"{self.flops / 1e6:.3g}", moved, duration(self.predicted), measured, self.bound, share)
        return (str(self.number), self.kind, self.makes, *numbers)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the user's, and the numbers of the steps it went to, forward and reverse."""

    place: str
    text: str
    forward: tuple[int, ...]
    reverse: tuple[int, ...]

    def __str__(self) -> str:
        parts = [", ".join(map(str, self.forward))] if self.forward else []
        parts += [f"reverse {', '.join(map(str, self.reverse))}"] if self.reverse else []
        return f"{self.place}  {self.text}\n    steps {'; '.join(parts)}"


@dataclass(frozen=True)
class Profile:
    """The steps of a program with predicted and measured times side by side; times are nanoseconds.

    Attributes:
        name: Of the function.
        sizes: Of the symbols, for this call.
        machine: The measured rates that predictions rest on.
        steps: In order of execution.
        total: The quickest run as a whole; None where nothing was run.
    """

    name: str
    sizes: Mapping[str, int]
    machine: Rates
    steps: tuple[StepCost, ...]
    total: float | None

    def __str__(self) -> str:
        return "\n".join([self._summary(), "", *_table([_HEAD, *(s.cells() for s in self.steps)])])

    __repr__ = __str__

    def json(self) -> str:
        """The same as JSON."""
        return json.dumps({"title": self.name, "data": self._data()}, indent=1)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{cell}</th>" for cell in _HEAD)
        rows = "".join(f"<tr><td>{'</td><td>'.join(map(html.escape, s.cells()))}</td></tr>" for s in self.steps)
        return f"<p>{html.escape(self._summary())}</p><table><tr>{head}</tr>{rows}</table>"

    def _data(self) -> dict[str, Any]:
        return asdict(self)

    def _summary(self) -> str:
        m, expected = self.machine, sum(s.predicted for s in self.steps)
        sizes = "".join(f", {name} = {size}" for name, size in self.sizes.items())
        measured = "" if self.total is None else f"{duration(self.total)} measured, "
        products = f"products {2 * m.multiplications:.0f} Gflop/s a core"
        rates = f"{m.name}, {m.threads} threads: {products}, memory {m.memory_all:.0f} GB/s"
        return f"{self.name}{sizes}: {len(self.steps)} steps, {measured}{duration(expected)} predicted\n{rates}"


@dataclass(frozen=True)
class Explanation(Profile):
    """A profile, with the user's lines and the values that go through memory between steps.

    Attributes:
        lines: Every line that is in the program, and its steps.
        stored: ``(value, maker, reader, reason)``: what is not fused, and why.
    """

    lines: tuple[Line, ...] = ()
    stored: tuple[tuple[str, int, int, str], ...] = ()

    def __str__(self) -> str:
        texts = [super().__str__(), "", "lines", *(f"  {line}".replace("\n", "\n  ") for line in self.lines)]
        if self.stored:
            texts += ["", "not fused", *(f"  {v}, from step {a} to {b}: {why}" for v, a, b, why in self.stored)]
        return "\n".join(texts)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        lines = [(line.place, line.text, _numbers(line.forward), _numbers(line.reverse)) for line in self.lines]
        stored = [(v, f"{a} to {b}", why) for v, a, b, why in self.stored]
        first = _html_table(("line", "", "steps", "reverse"), lines)
        return f"{super()._repr_html_()}{first}{_html_table(('not fused', 'steps', 'reason'), stored)}"


def profile(schedule: Schedule, sizes: Mapping[str, int], machine: Rates, times: Sequence[float], total: float | None) -> Profile:
    """The profile of a schedule; ``times`` are the measured ones of its steps and final copies, or none."""
    return Profile(schedule.graph.name, dict(sizes), machine, _costs(schedule, sizes, machine, times), total)


def explanation(
    schedule: Schedule, sizes: Mapping[str, int], machine: Rates, times: Sequence[float], total: float | None
) -> Explanation:
    """The explanation of a schedule; ``times`` as for :func:`profile`."""
    names = node_names(schedule.graph)
    found = (a for a in apart(schedule) if a.value in names)
    stored = tuple((f"{names[a.value]} {a.value.spec}", a.maker, a.reader, a.reason) for a in found)
    costs = _costs(schedule, sizes, machine, times)
    return Explanation(schedule.graph.name, dict(sizes), machine, costs, total, _lines(schedule), stored)


def _costs(schedule: Schedule, sizes: Mapping[str, int], machine: Rates, times: Sequence[float]) -> tuple[StepCost, ...]:
    rows: list[tuple[str, str, Work]] = [(_KINDS[type(s)], _makes(s, sizes), work_of(s, sizes)) for s in schedule.steps]
    for target, value in schedule.copies:
        elements = evaluate(value.spec.size, sizes)
        work = copied(elements * int(value.dtype.itemsize), elements)
        rows.append(("copy", f"new value of {target.attrs.get('name', 'an input')}", work))
    found = []
    for number, (kind, makes, work) in enumerate(rows):
        expected = predicted(work, machine)
        measured = times[number] if number < len(times) else None
        found.append(StepCost(number, kind, makes, work.flops, work.read, work.written, expected.time, expected.bound, measured))
    return tuple(found)


def _makes(step: Step, sizes: Mapping[str, int]) -> str:
    names = list(dict.fromkeys(n.op.name for n in step.nodes))
    text = ", ".join(names if len(names) <= 5 else [*names[:2], "...", *names[-2:]])
    shape = step.space if isinstance(step, Loop) else step.stores[0].shape
    numbers = ", ".join(str(evaluate(d, sizes)) for d in shape)
    return f"{text} over ({numbers})" if shape else text


def _lines(schedule: Schedule) -> tuple[Line, ...]:
    found: dict[tuple[str, int], tuple[Where, set[int], set[int]]] = {}
    for number, step in enumerate(schedule.steps):
        for node in step.nodes:
            if node.where is not None:
                _, forward, reverse = found.setdefault((node.where.file, node.where.line), (node.where, set(), set()))
                (reverse if node.where.reverse else forward).add(number)
    return tuple(
        Line(f"{os.path.basename(file)}:{line}", where.text, tuple(sorted(forward)), tuple(sorted(reverse)))
        for (file, line), (where, forward, reverse) in sorted(found.items(), key=lambda item: item[0])
    )


def duration(nanoseconds: float) -> str:
    """A time with a unit and three digits."""
    for unit, scale in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= scale:
            return f"{nanoseconds / scale:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def _numbers(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    body = "".join(f"<tr><td>{'</td><td>'.join(html.escape(cell) for cell in row)}</td></tr>" for row in rows)
    return f"<table><tr><th>{'</th><th>'.join(head)}</th></tr>{body}</table>"
