"""Loops of a GPU with operands that lie across their rows, as the second one of ``x + x.T``: in tiles.

Lanes that go along a row find each number of such an operand on a line of memory of its own. So a block copies a tile of it to
its shared memory first, with the lanes along the lines of memory, and reads it there across. Lines of a tile are one number
longer than it is wide, so that its columns, too, lie in different banks of that memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import numpy as np

from tracejit.codegen.axes import Axis, Nest
from tracejit.codegen.cuda_walks import GroupWalk, combined_chunks
from tracejit.codegen.loop import LoopEmitter
from tracejit.codegen.scope import File, Scope, indent
from tracejit.codegen.target import Partial, Walk
from tracejit.codegen.text import factor, times
from tracejit.ir.size import Dim, product
from tracejit.ir.spec import dtype_code
from tracejit.schedule import Loop
from tracejit.schedule.access import Linear

SIDE, LEVELS = 32, 8  # of a tile; warps of its block
NARROW = 16  # a loop whose one side has fewer points would leave most lanes idle
MOST_BYTES = 24576  # of the tiles of a block, so that as many blocks run at a time as have threads


@dataclass(frozen=True)
class _Tile:
    name: str
    nbytes: int


@dataclass(frozen=True)
class TileWalk(GroupWalk):
    """A block takes tiles of the last two axes of ``nest``, ``i`` and ``j``; each warp takes every eighth row of a tile.

    ``staged`` has the tile of every operand that lies across, by its element.
    """

    staged: dict[str, _Tile] = field(default_factory=dict)

    @property
    def sides(self) -> tuple[Axis, Axis]:
        down, along = self.nest.inner
        return down, along

    def read(self, scope: Scope, dtype: np.dtype, access: Linear, element: str) -> str:
        if not is_across(access, *self.sides):
            return element
        if element not in self.staged:
            nbytes = SIDE * (SIDE + 1) * dtype.itemsize
            if sum(tile.nbytes for tile in self.staged.values()) + nbytes > MOST_BYTES:
                return element
            tile = self.staged[element] = _Tile(scope.name("t"), nbytes)
            scope.head.append(f"{tile.name} = {dtype_code(dtype)}_tile({len(self.staged) - 1})")
        return f"{self.staged[element].name}[lane() * {SIDE + 1} + k]"

    def sweep(self, scope: Scope, lines: list[str]) -> list[str]:
        down, along = ((scope.dim(a.size), scope.dim(a.size + -1)) for a in self.sides)
        copies = [f"{tile.name}[k * {SIDE + 1} + lane()] = {element}" for element, tile in self.staged.items()]
        values = [line for line in lines if re.match(r"v\d+ = ", line)]  # of any point, also of one behind the last
        results = [line for line in lines if line not in values]
        inside = f"if top + k < {down[0]} and left + lane() < {along[0]}:"
        return [
            *_lines_of_tile(f"minimum(top + lane(), {down[1]})", f"minimum(left + k, {along[1]})", copies),
            "sync()",
            *_lines_of_tile(
                f"minimum(top + k, {down[1]})", f"minimum(left + lane(), {along[1]})", [*values, inside, *indent(results)]
            ),
            "sync()",
        ]

    def rows(self, scope: Scope, lines: list[str]) -> list[str]:
        down, along = (factor(scope.dim(a.size + (SIDE - 1))) for a in self.sides)
        rows = product(a.size for a in self.nest.rows)
        count = times(rows, scope.dim(rows), "down * across")
        find = [f"left = tile % across * {SIDE}", f"top = tile // across * {SIDE}"]
        if self.nest.rows:
            find[1:] = [f"top = tile // across % down * {SIDE}", "row = tile // across // down"]
        return [
            f"down = {down} // {SIDE}",
            f"across = {along} // {SIDE}",
            "tile = block()",
            f"while tile < {count}:",
            *indent([*find, *lines]),
            "    tile += blocks()",
        ]

    def launch(self, step: Scope, name: str, scope: Scope, rows: Dim, work: Dim, partials: list[Partial]) -> list[str]:
        lines, first = step.file.arguments(scope)
        sizes = [product(a.size for a in self.nest.rows), *(a.size for a in self.sides)]
        grid = step.name("grid")
        lines += [f"{grid} = tile_grid({', '.join(map(step.dim, sizes))})", f"launch({name}, table, {first}, *{grid})"]
        return lines + combined_chunks(step, name, partials, f"chunks_of(*{grid})")


class TileEmitter(LoopEmitter):
    """Writes the region of a loop that is walked in tiles."""

    def __init__(self, file: File, loop: Loop, name: str, walk: TileWalk) -> None:
        self._tiles = walk
        super().__init__(file, loop, name)

    def _walk(self, accesses: list[Linear]) -> Walk:
        return self._tiles


def tile_walk(loops: Nest, accesses: list[Linear]) -> TileWalk | None:
    """The walk in tiles, where an operand lies across the innermost axis, beside others that lie along it."""
    if loops.flat or not loops.rows or len(loops.inner) > 1:
        return None
    (along,) = loops.inner
    if not any(_is_one(x.strides[along.last]) for x in accesses):
        return None
    crossings = {axis: sum(is_across(x, axis, along) for x in accesses) for axis in loops.rows}
    down = max(reversed(loops.rows), key=crossings.__getitem__)
    if not crossings[down]:
        return None
    outer = [a for a in loops.rows if a != down]
    names = ["row"] if len(outer) == 1 else [f"row{k}" for k in range(len(outer))]
    rows = tuple(replace(a, var=name) for a, name in zip(outer, names, strict=True))
    return TileWalk(Nest(rows, (replace(down, var="i"), replace(along, var="j"))))


def is_across(access: Linear, down: Axis, along: Axis) -> bool:
    """Whether neighbours in memory are neighbours along ``down``, and not along ``along``."""
    step = access.strides[along.last]
    return _is_one(access.strides[down.last]) and step != 0 and not _is_one(step)


def narrow_test(walk: TileWalk, step: Scope) -> str | None:
    """What says at run time that one side is narrow; empty where that is known not to be, None where it is known."""
    down, along = (a.size for a in walk.sides)
    if any(isinstance(side, int) and side < NARROW for side in (down, along)):
        return None
    open_ends = [] if down == along else [side for side in (down, along) if not isinstance(side, int)]
    return " or ".join(f"{step.dim(side)} < {NARROW}" for side in open_ends)


def _lines_of_tile(i: str, j: str, lines: list[str]) -> list[str]:
    """``lines`` at the points ``i``, ``j`` of line ``k`` of a tile, for the lines of each warp."""
    return [f"for q in range({SIDE // LEVELS}):", *indent([f"k = level() + {LEVELS} * q", f"i = {i}", f"j = {j}", *lines])]


def _is_one(stride: Dim) -> bool:
    return stride in (1, -1)
