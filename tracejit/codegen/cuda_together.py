"""Loops that do the same to other buffers, such as the updates of all parameters, as one kernel.

Each loop is a record of the table: the number of its points, then its arguments. Threads take the points of all records, one
after the other as if they lay side by side, so that a few large parameters and many small ones are one launch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tracejit.codegen.cuda_text import neighbours
from tracejit.codegen.cuda_walks import GroupWalk
from tracejit.codegen.loop import LoopEmitter
from tracejit.codegen.scope import File, Scope, indent
from tracejit.ir.size import Dim, product
from tracejit.schedule import Loop

if TYPE_CHECKING:
    from tracejit.codegen.cuda import Cuda


class RecordScope(Scope):
    """A region that finds its words in the record at ``args[at]``, and there how many points it has.

    Args:
        file: Where it is written.
        points: How many; everything of that size is written alike, so that loops over other sizes have the same text.
    """

    def __init__(self, file: File, points: Dim) -> None:
        super().__init__(file)
        self._points = points

    def dim(self, dim: Dim) -> str:
        return "points" if dim == self._points and dim != 1 else super().dim(dim)

    def word(self, word: int) -> str:
        if word not in self.words:
            self.words.append(word)
        return f"args[at + {1 + self.words.index(word)}]"


@dataclass(frozen=True)
class RecordWalk(GroupWalk):
    """The points of a record from ``first`` on: some neighbours, or one."""

    def sweep(self, scope: Scope, lines: list[str]) -> list[str]:
        (axis,) = self.nest.inner
        if self.each == 1:
            return [f"{axis.var} = first", *lines]
        return neighbours(axis.var, scope.dim(axis.size), lines, self.each)


@dataclass(frozen=True)
class _Record:
    item: Loop
    name: str
    scope: Scope
    points: Dim
    each: int
    lines: list[str]


def loops(target: Cuda, step: Scope, items: list[tuple[Loop, str]]) -> list[str]:
    """The lines of the step for loops that may run in any order; those with one text are one launch."""
    records: dict[str, list[_Record]] = {}
    lines: list[str] = []
    for item, name in items:
        record = _record(step.file, item, name)
        if record is None:
            lines += target.loop(step, item, name)
        else:
            records.setdefault(step.file.meaning(name, record.lines), []).append(record)
    for found in records.values():
        lines += _at_once(step, found) if len(found) > 1 else target.loop(step, found[0].item, found[0].name)
    return lines


def _record(file: File, item: Loop, name: str) -> _Record | None:
    """A loop as a record; None where its points do not lie one after the other."""
    points = product(item.space)
    scope = RecordScope(file, points)
    emitter = LoopEmitter(file, item, name, scope)
    if not emitter.nest.flat:
        return None
    each = emitter.walk.each if isinstance(emitter.walk, GroupWalk) else 1
    emitter.walk = RecordWalk(emitter.nest, each=each)
    return _Record(item, name, scope, points, each, emitter.region())


def _at_once(step: Scope, records: list[_Record]) -> list[str]:
    head, file = records[0], step.file
    stride = 1 + len(head.scope.words)
    each = "args[at]" if head.each == 1 else f"(args[at] + {head.each - 1}) // {head.each}"
    summary, *body = head.lines
    lines = [
        summary,
        "at = 0",
        "begin = 0",
        "part = thread()",
        "while part < parts:",
        f"    count = {each}",
        "    while part >= begin + count:",
        "        begin += count",
        f"        at += {stride}",
        f"        count = {each}",
        "    points = args[at]",
        f"    first = {f'{head.each} * (part - begin)' if head.each > 1 else 'part - begin'}",
        *indent(body),
        "    part += threads()",
    ]
    name = file.region(head.name, head.scope, lines, ("parts",))
    first, file.words = file.words, file.words + stride * len(records)
    parts: Dim = 0
    for number, record in enumerate(records):
        begin = first + number * stride
        file.counted.append((begin, record.points))
        file.copied += zip(range(begin + 1, begin + stride), record.scope.words, strict=True)
        parts += (record.points + record.each - 1) // record.each
    count = step.dim(parts)
    return [f"launch({name}, table, {first}, *flat_grid({count}), {count})"]
