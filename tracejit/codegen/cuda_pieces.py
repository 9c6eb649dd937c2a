"""Few long rows of a GPU: every sweep over them is a kernel of its own, in which groups of threads take pieces of rows.

Where columns are added up as well, a group takes a piece of all rows, so that columns are its own.
A group leaves what it has accumulated over its piece in the workspace. Whoever needs the result of a row combines what its
pieces left, in their order: each group of the next sweep does so for itself, and a last kernel does for what is stored a row.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from tracejit.codegen.axes import Nest
from tracejit.codegen.cuda_text import along, strided
from tracejit.codegen.cuda_walks import GroupWalk, combined_chunks
from tracejit.codegen.loop import LoopEmitter, start_of, taken
from tracejit.codegen.scalars import combined, joining_word
from tracejit.codegen.scope import Scope, indent
from tracejit.codegen.target import Walk
from tracejit.codegen.text import comment, factor, times
from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.schedule.access import Linear, kind
from tracejit.schedule.fuse import reads_of

MOST_PIECES = 1024  # of all rows; enough groups for a GPU
FEW_ROWS = 256  # more have enough groups
LEAST_PIECE = 8192  # points that are worth a group
MOST_OF_COLUMNS = 256  # pieces, where each is one of all rows
ALIGNED = 16  # elements: what is kept behind them is aligned, whatever it is


@dataclass(frozen=True)
class PieceWalk(GroupWalk):
    """A group of threads takes pieces of rows: of the first inner axis from ``begin`` to ``end``."""

    def sweep(self, scope: Scope, lines: list[str]) -> list[str]:
        first, *others = self.nest.inner
        if not others:
            return along(first.var, "begin + ", "lane()", "lanes()", "end", lines, self.each)
        inside = GroupWalk(replace(self.nest, inner=tuple(others)), each=self.each).sweep(scope, lines)
        return [f"for {first.var} in range(begin, end):", *indent(inside)]

    def rows(self, scope: Scope, lines: list[str]) -> list[str]:
        find = ["row = piece // pieces", *self._ends(scope, "piece % pieces")]
        count = _pieces(scope, self.nest)
        return [self._span(scope), *strided("piece", "group()", "groups()", count, [*find, *lines])]

    def _span(self, scope: Scope) -> str:
        """The line for how long pieces are: whole accesses, but for the last ones."""
        span = f"({scope.dim(self.nest.inner[0].size)} + pieces - 1) // pieces"
        if self.each > 1 and len(self.nest.inner) == 1:
            span = f"({span} + {self.each - 1}) // {self.each} * {self.each}"
        return f"span = {span}"

    def _ends(self, scope: Scope, number: str) -> list[str]:
        return [f"begin = {number} * span", f"end = minimum(begin + span, {scope.dim(self.nest.inner[0].size)})"]


@dataclass(frozen=True)
class ColumnPieceWalk(PieceWalk):
    """A group takes a piece of all rows, one row after the other; ``fills`` has what it does before the first."""

    fills: list[str] = field(default_factory=list)

    def rows(self, scope: Scope, lines: list[str]) -> list[str]:
        count = scope.dim(product(a.size for a in self.nest.rows))
        each_row = strided("row", "0", "1", count, ["piece = row * pieces + share", *lines])
        inside = [*self._ends(scope, "share"), *self.fills, "meet()", *each_row]
        return [self._span(scope), *strided("share", "group()", "groups()", "pieces", inside)]

    def fill(self, scope: Scope, pointer: str, elements: Dim, value: str) -> list[str]:
        self.fills.extend(strided("j", "begin + lane()", "lanes()", "end", [f"{pointer}[j] = {value}"]))
        return []

    def room(self, elements: Dim) -> Dim:
        return super().room(elements) if elements == 1 else (elements + (ALIGNED - 1)) // ALIGNED * ALIGNED


class PieceEmitter(LoopEmitter):
    """Writes a kernel that reads what pieces of rows have left.

    Args:
        direct: Writes the loop as one kernel.
        name: Of this one.
        walk: Of this one.
        kept: Of every reduction of rows, where in the workspace its pieces leave their results.
    """

    def __init__(self, direct: LoopEmitter, name: str, walk: GroupWalk, kept: dict[Node, tuple[Dim, ...]]) -> None:
        self._own, self._kept = walk, kept
        self._left: dict[Node, list[str]] = {}
        super().__init__(direct.file, direct.loop, name)

    def _walk(self, accesses: list[Linear]) -> Walk:
        return self._own

    def started(self, step: Scope, workspace: Dim, grid: str, pieces: str) -> list[str]:
        """The lines of the step that launch it, when ``workspace`` bytes are taken; writes the region, too."""
        self.workspace = workspace
        name = self.file.region(self.name, self.scope, self.region(), ("pieces",))
        lines, first = self.file.arguments(self.scope)
        return [*lines, f"launch({name}, table, {first}, *{grid}, {pieces})"]

    def _row_value(self, node: Node) -> str:
        if node not in self.row_values and node in self._kept:
            self.row_values[node] = self._of_all_pieces(node)
        return super()._row_value(node)

    def _of_all_pieces(self, node: Node) -> str:
        """The name of a row's result, from those of its pieces."""
        left, result = self._results(node), self.scope.name("a")
        lines, index = [f"{result} = {combined(node, result, f'{left[0]}[part]')}{comment(node)}"], ""
        self.row.append(f"{result} = {start_of(node)}")
        if kind(node) == "argreduce":
            value, index, take = (self.scope.name(stem) for stem in ("v", "at", "take"))
            self.row.append(f"{index} = i64(0)")
            lines = [
                f"{value} = {left[0]}[part]",
                f"{take} = {taken(node, result, value)}{comment(node)}",
                f"{result} = select({take}, {value}, {result})",
                f"{index} = select({take}, {left[1]}[part], {index})",
            ]
        self.row += strided("part", "row * pieces + lane()", "lanes()", "(row + 1) * pieces", lines)
        self.row += self.walk.joined(node, result, index)
        return index or result

    def _results(self, node: Node) -> list[str]:
        """Pointers to what the pieces have left: results, or the best values and their indices."""
        if node not in self._left:
            count = _pieces(self.scope, self.nest)
            names = self._left[node] = [self.scope.name("w") for _ in self._kept[node]]
            for name, dtype, offset in zip(names, _dtypes(node), self._kept[node], strict=True):
                self.scope.head.append(f"{name} = {self.scope.workspace(dtype, offset, count)}")
        return self._left[node]


class SweepEmitter(PieceEmitter):
    """Writes sweep ``number`` of a loop, over pieces."""

    def __init__(self, direct: LoopEmitter, number: int, kept: dict[Node, tuple[Dim, ...]]) -> None:
        self._number, walk = number, direct.walk
        assert isinstance(walk, GroupWalk)
        self.by_columns = any(direct.levels.made(n) == "leading" for n in direct.levels.goals(number))
        own = ColumnPieceWalk(walk.nest, each=walk.each) if self.by_columns else PieceWalk(walk.nest, each=walk.each)
        super().__init__(direct, f"{direct.name}_sweep_{number}", own, kept)

    def _summary(self) -> str:
        return f"{super()._summary()[:-1]}: sweep {self._number}, over pieces of rows."

    def _emit(self) -> None:
        self.sweep = self._number
        needed = self._needed()
        for node in self.loop.nodes:
            if node in needed:
                self._row_value(node)
        self._emit_sweep(self.sweep)
        for node in self.levels.goals(self.sweep):
            if node in self._kept:
                self._leave(node)

    def _needed(self) -> set[Node]:
        """The values of rows that the sweep reads, and those that these are made of."""
        seen: set[Node] = set()
        stack = self.levels.goals(self.sweep)
        goals = set(stack)
        while stack:
            node = stack.pop()
            if (node in self._kept and node not in goals) or self.levels.is_read_back(node, self.sweep):
                continue
            stack += [r.source for r in reads_of(node) if r.source in self.members and r.source not in seen]
            seen.update(r.source for r in reads_of(node) if r.source in self.members)
        return {node for node in seen if self.levels.made(node) == "row"}

    def _chunk_memory(self, node: Node, offset: Dim, elements: Dim) -> str:
        if elements == 1:
            return super()._chunk_memory(node, offset, elements)
        name = self.scope.name("w")
        self.scope.head.append(f"{name} = {self.scope.workspace(node.dtype, offset, self.scope.dim(elements))}")
        return name

    def _leave(self, node: Node) -> None:
        result, left = self.row_values[node], self._results(node)
        lines = [f"{left[-1]}[piece] = {result}"]
        if kind(node) == "argreduce":
            best = self.bests[node]
            self.row.append(f"{best} = {joining_word(node, 'across').replace('arg', '')}({best})")
            lines.append(f"{left[0]}[piece] = {best}")
        self.row += self.walk.once(self.scope, lines)


class EndEmitter(PieceEmitter):
    """Writes what is stored for rows, and reductions over rows, when all sweeps are done."""

    def __init__(self, direct: LoopEmitter, kept: dict[Node, tuple[Dim, ...]]) -> None:
        super().__init__(direct, f"{direct.name}_rows", GroupWalk(direct.nest), kept)

    def _summary(self) -> str:
        return f"{super()._summary()[:-1]}: of whole rows, behind the last sweep."

    def _emit(self) -> None:
        for level in range(self.levels.sweeps + 1):
            self._emit_rows(level)


def has_row_results(direct: LoopEmitter) -> bool:
    """Whether elements of rows are made one result a row."""
    levels = direct.levels
    return any(n in levels.level and levels.made(n) == "row" and kind(n) in ("reduce", "argreduce") for n in direct.loop.nodes)


def uncut(direct: LoopEmitter) -> str:
    """Why each row is for one group of threads, however few and long rows are; empty where they are cut."""
    rows, length = (product(a.size for a in axes) for axes in (direct.nest.rows, direct.nest.inner))
    if _has_columns(direct) and len(direct.nest.inner) > 1:
        return "columns of several axes are added up beside rows"
    if isinstance(length, int) and length < 2 * LEAST_PIECE:
        return f"rows of {length} points are short"
    if isinstance(rows, int) and rows > FEW_ROWS:
        return f"{rows} rows are enough"
    return "there are as many rows as points in each" if rows == length else ""


def _has_columns(direct: LoopEmitter) -> bool:
    return any(direct.levels.made(n) == "leading" for n in direct.loop.nodes)


def in_pieces(step: Scope, direct: LoopEmitter) -> tuple[str, str, list[str]]:
    """Of the step: the line that finds the number of pieces, when rows are cut, and the lines then; writes the regions, too."""
    pieces = step.name("pieces")
    rows, length = (step.dim(product(a.size for a in axes)) for axes in (direct.nest.rows, direct.nest.inner))
    if _has_columns(direct):
        number = f"{pieces} = pieces_of({MOST_PIECES // MOST_OF_COLUMNS}, {length})"
        return number, f"{pieces} > {rows}", _sweeps(step, direct, pieces)
    return f"{pieces} = pieces_of({rows}, {length})", f"{pieces} > 1", _sweeps(step, direct, pieces)


def _sweeps(step: Scope, direct: LoopEmitter, pieces: str) -> list[str]:
    levels, nest, walk = direct.levels, direct.nest, direct.walk
    kept, workspace = _places(direct)
    partial = int(any(levels.made(n) == "full" for n in direct.loop.nodes if kind(n) == "reduce"))
    rows, (first, *others) = product(a.size for a in nest.rows), nest.inner
    length = step.dim(others[-1].size) if others else f"-(-{factor(step.dim(first.size))} // {pieces})"
    each = f", {walk.each}" if isinstance(walk, GroupWalk) and walk.each > 1 else ""
    emitters: list[tuple[PieceEmitter, str, str]] = []
    for number in range(levels.sweeps):
        sweep = SweepEmitter(direct, number, kept)
        count = pieces if sweep.by_columns else times(rows, step.dim(rows), pieces)
        emitters.append((sweep, count, f"{length}, {partial}{each}"))
    if any(levels.row_goals(level) for level in range(levels.sweeps + 1)):
        emitters.append((EndEmitter(direct, kept), step.dim(rows), f"{pieces}, {partial}"))
    lines: list[str] = []
    combine: list[str] = []
    grids: dict[str, str] = {}
    for emitter, count, rest in emitters:
        grid = f"row_grid({count}, {rest})"
        if grid not in grids:
            grids[grid] = step.name("grid")
            lines.append(f"{grids[grid]} = {grid}")
        lines += emitter.started(step, workspace, grids[grid], pieces)
        workspace = emitter.workspace
        whole = [p for p in emitter.partials if p.elements == 1]
        combine += combined_chunks(step, emitter.name, whole, f"chunks_of(*{grids[grid]})")
        columns = [p for p in emitter.partials if p.elements != 1]
        combine += combined_chunks(step, f"{emitter.name}_columns", columns, "1")
    step.file.workspace.append(workspace)
    return lines + combine


def _places(direct: LoopEmitter) -> tuple[dict[Node, tuple[Dim, ...]], Dim]:
    """Where the results of pieces are, of each reduction of rows, and the bytes that they take."""
    found: dict[Node, tuple[Dim, ...]] = {}
    most, taken = MOST_OF_COLUMNS**2 if _has_columns(direct) else MOST_PIECES, 0
    for node in direct.loop.nodes:
        if node in direct.levels.level and direct.levels.made(node) == "row":
            places = []
            for dtype in _dtypes(node):
                places.append(taken)
                taken += most * int(dtype.itemsize)
            found[node] = tuple(places)
    return found, taken


def _dtypes(node: Node) -> tuple[np.dtype, ...]:
    return (node.inputs[0].dtype, node.dtype) if kind(node) == "argreduce" else (node.dtype,)


def _pieces(scope: Scope, nest: Nest) -> str:
    """How many pieces there are in all."""
    rows = product(a.size for a in nest.rows)
    return times(rows, scope.dim(rows), "pieces")
