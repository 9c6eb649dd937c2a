"""How the threads of a GPU go through a nest of loops, and how what they have accumulated becomes one result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tracejit.codegen.axes import Nest
from tracejit.codegen.cuda_steps import MOST_CHUNKS, ROOM
from tracejit.codegen.cuda_text import along, kernel, strided
from tracejit.codegen.scalars import combined, joining_word
from tracejit.codegen.scope import Scope, indent
from tracejit.codegen.target import Partial
from tracejit.codegen.text import comment, times
from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.schedule import Loop
from tracejit.schedule.access import Linear, kind
from tracejit.schedule.cost import cost
from tracejit.schedule.fuse import reads_of, role

LIGHT = 64  # tenths of ns on a CPU: a loop with more work has no need of wide accesses, and neighbours of it many registers


@dataclass(frozen=True)
class GroupWalk:
    """A flat nest: every thread takes points of its own. Else a group of threads takes rows, and its lanes share their points.

    With ``touching`` rows, whose neighbours lie side by side in memory while the points of one do not, groups have one lane.
    A thread takes ``each`` neighbouring points at once.
    """

    nest: Nest
    touching: bool = False
    each: int = 1

    @property
    def by_columns(self) -> bool:
        return False

    def chunk(self, scope: Scope) -> str:
        return "chunk = group()"

    def read(self, scope: Scope, dtype: np.dtype, access: Linear, element: str) -> str:
        return element

    def sweep(self, scope: Scope, lines: list[str]) -> list[str]:
        *outer, last = self.nest.inner
        start, step = ("thread()", "threads()") if self.nest.flat else ("lane()", "lanes()")
        lines = along(last.var, "", start, step, scope.dim(last.size), lines, self.each)
        for axis in reversed(outer):
            lines = [f"for {axis.var} in range({scope.dim(axis.size)}):", *indent(lines)]
        return lines

    def rows(self, scope: Scope, lines: list[str]) -> list[str]:
        if self.nest.flat:
            return lines
        return strided("row", "group()", "groups()", scope.dim(_count(self.nest)), lines)

    def joined(self, node: Node, accumulator: str, index: str = "") -> list[str]:
        operands = f"{accumulator}, {index}" if index else accumulator
        return [f"{index or accumulator} = {joining_word(node, 'across')}({operands})"]

    def once(self, scope: Scope, lines: list[str], behind_reads: bool = False) -> list[str]:
        return [*(["meet()"] if behind_reads else []), "if lane() == 0:", *indent(lines)]

    def fill(self, scope: Scope, pointer: str, elements: Dim, value: str) -> list[str]:
        return [*strided("j", "lane()", "lanes()", scope.dim(elements), [f"{pointer}[j] = {value}"]), "meet()"]

    def room(self, elements: Dim) -> Dim:
        return elements * MOST_CHUNKS + ROOM

    def launch(self, step: Scope, name: str, scope: Scope, rows: Dim, work: Dim, partials: list[Partial]) -> list[str]:
        lines, first = step.file.arguments(scope)
        grid, each = step.name("grid"), f", {self.each}" if self.each > 1 else ""
        if self.nest.flat:
            lines.append(f"{grid} = flat_grid({step.dim(rows)}{each})")
        else:
            kept = [p.elements for p in partials]
            most = next((e for e in kept if e != 1), 1 if kept else 0)
            word = "touching_grid" if self.touching else "row_grid"
            lines.append(f"{grid} = {word}({step.dim(rows)}, {step.dim(self.nest.inner[-1].size)}, {step.dim(most)}{each})")
        lines.append(f"launch({name}, table, {first}, *{grid})")
        return lines + combined_chunks(step, name, partials, f"chunks_of(*{grid})")


@dataclass(frozen=True)
class ColumnWalk(GroupWalk):
    """For reductions over rows: a thread stays in one column; the levels of a block, and bands of blocks, share the rows."""

    @property
    def by_columns(self) -> bool:
        return True

    def chunk(self, scope: Scope) -> str:
        return f"chunk = band({self._columns(scope)})"

    def _columns(self, scope: Scope) -> str:
        return scope.dim(self.nest.inner[0].size)

    def sweep(self, scope: Scope, lines: list[str]) -> list[str]:
        return lines

    def rows(self, scope: Scope, lines: list[str]) -> list[str]:
        columns = self._columns(scope)
        start, step = f"band({columns}) * levels() + level()", f"bands({columns}) * levels()"
        lines = strided("row", start, step, scope.dim(_count(self.nest)), lines)
        return [f"j = column({columns})", f"if j < {columns}:", *indent(lines)]

    def joined(self, node: Node, accumulator: str, index: str = "") -> list[str]:
        return [f"{accumulator} = {joining_word(node, 'down')}({accumulator})"]

    def once(self, scope: Scope, lines: list[str], behind_reads: bool = False) -> list[str]:
        return [f"if level() == 0 and j < {self._columns(scope)}:", *indent(lines)]

    def launch(self, step: Scope, name: str, scope: Scope, rows: Dim, work: Dim, partials: list[Partial]) -> list[str]:
        lines, first = step.file.arguments(scope)
        grid, columns = step.name("grid"), step.dim(self.nest.inner[0].size)
        lines.append(f"{grid} = column_grid({step.dim(rows)}, {columns})")
        lines.append(f"launch({name}, table, {first}, *{grid})")
        return lines + combined_chunks(step, name, partials, f"bands_of(*{grid}, {columns})")


def walk_of(loops: Nest, accesses: list[Linear], loop: Loop | None) -> GroupWalk:
    """The walk that reads memory side by side."""
    if loop is not None and len(loops.inner) == 1 and _is_by_columns(loop):
        return ColumnWalk(loops)
    touching = not loops.flat and bool(loops.rows) and _is_touching(loops, accesses)
    work = sum(cost(n) for n in loop.nodes) if loop else 0
    point = loops.inner[-1].last
    neighbours = any(a.strides[point] == 1 for a in accesses) and not touching and work <= LIGHT
    return GroupWalk(loops, touching, (8 if loop and _takes_eight(loop, point) else 4) if neighbours else 1)


def _takes_eight(loop: Loop, point: int) -> bool:
    """Whether a thread should take eight neighbours rather than four: for 128 bits of halves, or for enough reads on their way.

    Memory of a GPU is at its speed when each thread waits for 32 bytes: of one operand of four bytes, for eight of its elements.
    """
    found = (r for n in loop.nodes for r in reads_of(n) if kind(r.source) not in ("constant", "iota"))
    read = {(r.source, r.linear.strides[point : point + 1]) for r in found if r.source not in loop.nodes}
    moving = [(source, step) for source, step in read if step not in ((), (0,))]
    stored = [n for n in loop.stores if n.shape == loop.space]
    widest = max((n.dtype.itemsize for n in [*(source for source, _ in moving), *stored]), default=0)
    return widest == 2 or (widest == 4 and [step for _, step in moving] == [(1,)])


def _is_by_columns(loop: Loop) -> bool:
    """Whether all reductions are over rows, and nothing is stored for a row."""
    roles = {role(n, loop.space, loop.rows) for n in loop.nodes if kind(n) in ("reduce", "argreduce") or n in loop.stores}
    return "leading" in roles and roles <= {"leading", "element"}


def _is_touching(loops: Nest, accesses: list[Linear]) -> bool:
    """Whether more operands have neighbouring rows side by side than neighbouring points of a row."""
    row, point = loops.rows[-1].last, loops.inner[-1].last
    along = sum(a.strides[point] in (1, -1) for a in accesses)
    return sum(a.strides[row] == 1 and a.strides[point] != 0 for a in accesses) > along


def _count(loops: Nest) -> Dim:
    return product(a.size for a in loops.rows)


def combined_chunks(step: Scope, name: str, partials: list[Partial], chunks: str) -> list[str]:
    """The partial results of all chunks, in order: a kernel for each, and its launch."""
    lines: list[str] = []
    for number, partial in enumerate(partials):
        write = _total if partial.elements == 1 else _columns
        lines += write(step, f"{name}_{number}", partial, chunks)
    return lines


def _total(step: Scope, name: str, partial: Partial, chunks: str) -> list[str]:
    """One result: a group of threads."""
    node, scope = partial.node, Scope(step.file)
    out = scope.pointer(step.file.home(node), node.dtype, node.spec.size)
    place = scope.workspace(node.dtype, partial.offset, "chunks")
    body = [
        f"w0 = {place}",
        f"a0 = {partial.start}",
        *strided("chunk", "lane()", "lanes()", "chunks", [f"a0 = {combined(node, 'a0', 'w0[chunk]')}{comment(node)}"]),
        f"a0 = {joining_word(node, 'across')}(a0)",
        "if lane() == 0:",
        f"    {out}[0] = a0",
    ]
    return kernel(step, name, scope, body, f"*row_grid(1, {chunks}, 0)", chunks=chunks)


def _columns(step: Scope, name: str, partial: Partial, chunks: str) -> list[str]:
    """A result a column: the levels of a block share the chunks."""
    node, scope = partial.node, Scope(step.file)
    out = scope.pointer(step.file.home(node), node.dtype, node.spec.size)
    columns = scope.dim(partial.elements)
    place = f"w0[{times(partial.elements, columns, 'chunk')} + j]"
    body = [
        f"w0 = {scope.workspace(node.dtype, partial.offset, times(partial.elements, columns, 'chunks'))}",
        f"a0 = {partial.start}",
        f"j = column({columns})",
        f"if j < {columns}:",
        *indent(strided("chunk", "level()", "levels()", "chunks", [f"a0 = {combined(node, 'a0', place)}{comment(node)}"])),
        f"a0 = {joining_word(node, 'down')}(a0)",
        f"if level() == 0 and j < {columns}:",
        f"    {out}[j] = a0",
    ]
    return kernel(step, name, scope, body, f"*column_grid(1, {step.dim(partial.elements)})", chunks=chunks)
