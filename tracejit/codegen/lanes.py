"""Loops over rows with many rows side by side in vector lanes, where one row after the other would leave lanes empty.

A block of rows is worked on together: what is one number a row elsewhere is an array of ``width`` numbers here, and the innermost
loop of every sweep goes over the rows of the block. Rows in lanes pay in two cases:

* short rows: of the classes of a classifier, say. Blocks of the operands are transposed first, so that neighbours in a column
  lie side by side, and of the results last.
* columns: rows whose own elements lie apart while those of neighbouring rows touch, as in a reduction of a middle axis.

A block is also what loops with sums of columns work on: a tile of it after the other, so that the accumulators of the tile's
columns stay in the first cache while all rows of the block go through them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tracejit.codegen.axes import Axis, Nest, Piece
from tracejit.codegen.chunks import ChunkWalk
from tracejit.codegen.loop import LoopEmitter, start_of, taken
from tracejit.codegen.scalars import combined
from tracejit.codegen.scope import File, Scope, indent
from tracejit.codegen.target import Walk
from tracejit.codegen.text import comment, factor, total
from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.ir.spec import dtype_code
from tracejit.schedule import Loop
from tracejit.schedule.access import Linear
from tracejit.schedule.fuse import reads_of


@dataclass(frozen=True)
class LaneWalk(ChunkWalk):
    """One thread goes through the blocks of a chunk; ``nest`` has the axis of the lanes as its innermost."""

    tile: int = 0
    together: bool = False  # four elements of a row at once, since they lie in memory that is fetched side by side

    @property
    def lane(self) -> Axis:
        return self.nest.inner[-1]

    def sweep(self, scope: Scope, lines: list[str]) -> list[str]:
        if self.tile:
            (axis, _), tile = self.nest.inner, self.tile
            size = scope.dim(axis.size)
            lines = self.lanes([f"for {axis.var} in range(tile, minimum(tile + {tile}, {size})):", *indent(lines)])
            return [f"for tile in range(0, {size}, {tile}):", *indent(lines)]
        *outside, axis = self.nest.inner[:-1]
        size = scope.dim(axis.size)
        if self.together:
            four = [f"for {axis.var}4 in range(4):", f"    {axis.var} = {axis.var}0 + {axis.var}4", *indent(lines)]
            lines = [
                f"for {axis.var}0 in range(0, {size} - 3, 4):",
                *indent(self.lanes(four)),
                f"for {axis.var} in range({factor(size)} // 4 * 4, {size}):",
                *indent(self.lanes(lines)),
            ]
        else:
            lines = [f"for {axis.var} in range({size}):", *indent(self.lanes(lines))]
        for axis in reversed(outside):
            lines = [f"for {axis.var} in range({scope.dim(axis.size)}):", *indent(lines)]
        return lines

    def lanes(self, lines: list[str]) -> list[str]:
        """``lines`` for every row of the block."""
        return ["for l in range(lanes):", *indent(lines)] if lines else []

    def rows(self, scope: Scope, lines: list[str]) -> list[str]:
        size = scope.dim(self.lane.size)
        find = [f"first = (begin + r) * {self.width}"]
        if self.nest.rows:
            blocks = f"(({size} + {self.width - 1}) // {self.width})"  # of one row of the outer axes
            find = ["block = begin + r", f"first = block % {blocks} * {self.width}", f"row = block // {blocks}"]
        return ["for r in range(end - begin):", *indent([*find, f"lanes = minimum({size} - first, i64({self.width}))", *lines])]

    @property
    def blocks(self) -> Dim:
        """How many blocks there are in all."""
        return product(a.size for a in self.nest.rows) * ((self.lane.size + (self.width - 1)) // self.width)


def in_lanes(direct: Nest) -> Nest:
    """The nest with blocks of rows where ``direct`` has its last axis of rows; the place in the block is innermost."""
    *outer, rows = direct.rows
    lane = replace(rows, var="(first + l)", piece=Piece("first", "lanes", "l"))
    if len(outer) == 1:
        outer = [replace(outer[0], var="row")]
    return Nest(tuple(outer), (*direct.inner, lane))


class LaneEmitter(LoopEmitter):
    """Writes the region of a loop with rows in the lanes.

    Values of rows are names only within one run over the rows of the block; what a later run needs is put into an array.
    Where rows have no more than ``longest`` elements, blocks of them are transposed.
    """

    def __init__(self, file: File, loop: Loop, name: str, width: int, longest: int = 0, tile: int = 0) -> None:
        self.width, self.longest, self.tile = width, longest, tile
        self.stages: list[list[str]] = []  # runs over the rows of a block, and sweeps, by turns
        self.ends: list[str] = []  # what stores transposed results
        self.arrays: dict[Node, str] = {}  # values of rows that later stages can read
        self.named: dict[Node, tuple[list[str], str]] = {}  # values of rows: the stage and the name
        self.turned: dict[object, str] = {}  # transposed blocks of operands and results
        super().__init__(file, loop, name)

    def _walk(self, accesses: list[Linear]) -> Walk:
        return LaneWalk(in_lanes(super()._walk(accesses).nest), self.width, self.tile, not self.longest)

    @property
    def lane_walk(self) -> LaneWalk:
        assert isinstance(self.walk, LaneWalk)
        return self.walk

    def region(self) -> list[str]:
        for sweep in range(self.levels.sweeps):
            self.sweep = sweep
            self._emit_rows(sweep)
            self._emit_sweep(sweep)
        self._emit_rows(self.levels.sweeps)
        stages: list[str] = []
        for number, stage in enumerate(self.stages):
            stages += self.walk.sweep(self.scope, stage) if number % 2 else self.lane_walk.lanes(stage)
        loops = self.walk.rows(self.scope, [*self.places.row_indices(), *self.row, *stages, *self.ends])
        return [f'"""{self._summary()}"""', *self.scope.sizes(), *self.scope.head, *loops, *self.tail]

    def launch(self, step: Scope) -> list[str]:
        name = self.file.region(self.name, self.scope, self.region())
        self.file.workspace.append(self.workspace)
        return self.walk.launch(step, name, self.scope, self.lane_walk.blocks, self.work() * self.width, self.partials)

    # Stages

    def _emit_rows(self, level: int) -> None:
        self.values, self.body = {}, []
        self.stages.append(self.body)
        for node in self.loop.nodes:
            if self.levels.available.get(node) == level and self.levels.made(node) == "row" and node not in self.arrays:
                self._row_value(node)
        for node in self.levels.row_goals(level):
            if self.levels.made(node) == "full":
                self._accumulate(node, self.body, self.body)
            else:
                place = self.places.moving(self.file.home(node), node.dtype, self._padded(self._place(node)))
                self.body.append(f"{place} = {self._row_value(node)}")

    def _add_sweep(self, before: list[str]) -> None:
        self.stages[-1].extend(before)
        self.stages.append([*self.body, *self.stores])

    # Values

    def _row_value(self, node: Node) -> str:
        if node not in self.values and node not in self.arrays and node in self.named:
            stage, name = self.named[node]
            self.arrays[node] = self._array(node)
            stage.append(f"{self.arrays[node]}[l] = {name}")
        if node in self.arrays:
            return self._defined(self.values, node, f"{self.arrays[node]}[l]", self.body)
        if node not in self.values:
            self._defined(self.values, node, self._expression(node, "element"), self.body, comment(node))
            self.named[node] = self.body, self.values[node]
        return self.values[node]

    def _loaded(self, source: Node, access: Linear) -> str:
        if not self._is_turned(access):
            return super()._loaded(source, access)
        key = (source, access)
        if key not in self.turned:
            self.turned[key] = self._block(source)
            element = self.places.moving(self.file.home(source), source.dtype, access)
            self.row += self.walk.sweep(self.scope, [f"{self.turned[key]}[{self._position()}] = {element}"])
        return self._defined(self.values, key, f"{self.turned[key]}[{self._position()}]", self.body)

    def _is_turned(self, access: Linear) -> bool:
        """Whether the block of an access is transposed: its rows do not touch in memory as they do in the lanes."""
        *inner, lane = self.nest.inner
        return bool(self.longest) and access.strides[lane.last] not in (0, 1) and any(access.strides[a.last] != 0 for a in inner)

    def _stored_at(self, node: Node) -> str:
        if node in self.loop.stores:
            access = self._padded(self._place(node))
            place = self.places.moving(self.file.home(node), node.dtype, access)
            if not self._is_turned(access):
                return place
            if node not in self.turned:
                self.turned[node] = self._block(node)
                self.ends += self.walk.sweep(self.scope, [f"{place} = {self.turned[node]}[{self._position()}]"])
            return f"{self.turned[node]}[{self._position()}]"
        if node not in self.scratch:
            self.scratch[node] = self._block(node)
        return f"{self.scratch[node]}[{self._position()}]"

    def _rows_before(self) -> str:
        return f"r * {self.width} + l"

    # Memory

    def _position(self) -> str:
        """The position of an element in a transposed block."""
        position = self.places.position()
        return total(["" if position == "0" else f"{factor(position)} * {self.width}", "l"])

    def _array(self, node: Node) -> str:
        """Room for a number for each row."""
        return self._room(node.dtype, self.width)

    def _block(self, node: Node) -> str:
        """Room for the elements of a block of rows."""
        if self.longest:
            return self._room(node.dtype, self.longest * self.width)
        elements = product(a.size for a in self.nest.inner[:-1]) * self.width
        return self._chunk_memory(node, self._claim(node, elements), elements)

    def _room(self, dtype: np.dtype, count: int) -> str:
        name = self.scope.name("t")
        self.scope.head.append(f"{name} = {dtype_code(dtype)}_room({count})")
        return name

    # Reductions

    def _accumulate(self, node: Node, before: list[str], lines: list[str]) -> None:
        if self.levels.made(node) != "row":
            super()._accumulate(node, before, lines)
            return
        (r,) = reads_of(node)
        value = self._operand(r, "element")
        value = value if r.source.dtype == node.dtype else f"{dtype_code(node.dtype)}({value})"
        array = self._array(node)
        before.append(f"{array}[l] = {start_of(node)}")
        lines.append(f"{array}[l] = {combined(node, f'{array}[l]', value)}{comment(node)}")
        self.arrays[node] = array

    def _accumulate_argument(self, node: Node, before: list[str]) -> None:
        (r,) = reads_of(node)
        value, take = self._operand(r, "element"), self.scope.name("take")
        best, at = self._room(r.source.dtype, self.width), self._array(node)
        before += [f"{best}[l] = {start_of(node)}", f"{at}[l] = i64(0)"]
        axis, _ = self.nest.inner
        self.body.append(f"{take} = {taken(node, f'{best}[l]', value)}{comment(node)}")
        self.body.append(f"{best}[l] = select({take}, {value}, {best}[l])")
        self.body.append(f"{at}[l] = select({take}, i64({axis.var}), {at}[l])")
        self.arrays[node] = at
