"""Loops with operands that lie along the rows beside others that lie across them, as in ``x + x.T``, in tiles.

A row of the one is a column of the other, and each number of a column is on a line of memory of its own. So a tile of what lies
across is copied first, line by line, into a room in which it lies along the rows as well.
"""

from __future__ import annotations

from tracejit.codegen.lanes import LaneWalk, in_lanes
from tracejit.codegen.loop import LoopEmitter
from tracejit.codegen.scope import File, Scope, indent
from tracejit.codegen.target import Walk
from tracejit.ir import Node
from tracejit.ir.spec import dtype_code
from tracejit.schedule import Loop
from tracejit.schedule.access import Linear


class CrossedEmitter(LoopEmitter):
    """Writes the region of a loop without rows of its own, over tiles of ``size`` by ``size`` points."""

    def __init__(self, file: File, loop: Loop, name: str, size: int) -> None:
        self.size = size
        self.turned: dict[object, str] = {}
        self.copies: list[str] = []
        super().__init__(file, loop, name)

    def _walk(self, accesses: list[Linear]) -> Walk:
        return LaneWalk(in_lanes(super()._walk(accesses).nest), self.size, self.size)

    def launch(self, step: Scope) -> list[str]:
        assert isinstance(self.walk, LaneWalk)
        name = self.file.region(self.name, self.scope, self.region())
        self.file.workspace.append(self.workspace)
        return self.walk.launch(step, name, self.scope, self.walk.blocks, self.work() * self.size, self.partials)

    def _add_sweep(self, before: list[str]) -> None:
        axis, _ = self.nest.inner
        size = self.scope.dim(axis.size)
        along = [
            "for l in range(lanes):",
            f"    for {axis.var} in range(tile, last):",
            *indent(indent([*self.body, *self.stores])),
        ]
        lines = [f"last = minimum(tile + {self.size}, {size})", *self.copies, *along]
        self.row += [*before, f"for tile in range(0, {size}, {self.size}):", *indent(lines), *self.after]

    def _loaded(self, source: Node, access: Linear) -> str:
        axis, lane = self.nest.inner
        if access.strides[lane.last] != 1 or access.strides[axis.last] in (0, 1):
            return super()._loaded(source, access)
        key = (source, access)
        if key not in self.turned:
            room = self.turned[key] = self.scope.name("t")
            self.scope.head.append(f"{room} = {dtype_code(source.dtype)}_room({self.size * self.size})")
            element = self.places.moving(self.file.home(source), source.dtype, access)
            copied = f"{room}[l * {self.size} + {axis.var} - tile] = {element}"
            self.copies += [f"for {axis.var} in range(tile, last):", "    for l in range(lanes):", f"        {copied}"]
        return self._defined(self.values, key, f"{self.turned[key]}[l * {self.size} + {axis.var} - tile]", self.body)
