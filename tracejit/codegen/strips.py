"""Sums of columns of few rows: one thread adds up a strip of neighbouring columns, so that nothing is left to be combined."""

from __future__ import annotations

from dataclasses import replace

from tracejit.codegen.axes import Nest, Piece
from tracejit.codegen.lanes import LaneEmitter, LaneWalk
from tracejit.codegen.loop import start_of
from tracejit.codegen.scalars import combined
from tracejit.codegen.scope import File
from tracejit.codegen.target import Walk
from tracejit.codegen.text import comment
from tracejit.ir import Node
from tracejit.ir.spec import dtype_code
from tracejit.schedule import Loop
from tracejit.schedule.access import Linear
from tracejit.schedule.fuse import reads_of


class StripEmitter(LaneEmitter):
    """Writes the region of a loop of nothing but reductions over its rows; strips are ``width`` columns."""

    def __init__(self, file: File, loop: Loop, name: str, width: int) -> None:
        super().__init__(file, loop, name, width)

    def _walk(self, accesses: list[Linear]) -> Walk:
        direct = self.file.target.walk(self.loop.space, accesses, self.loop).nest
        (columns,) = direct.inner
        lane = replace(columns, var="(first + l)", piece=Piece("first", "lanes", "l"))
        return LaneWalk(Nest((), (*direct.rows, lane)), self.width)

    def _accumulate(self, node: Node, before: list[str], lines: list[str]) -> None:
        (r,) = reads_of(node)
        value = self._operand(r, "element")
        value = value if r.source.dtype == node.dtype else f"{dtype_code(node.dtype)}({value})"
        array = self._array(node)
        before.append(f"{array}[l] = {start_of(node)}")
        lines.append(f"{array}[l] = {combined(node, f'{array}[l]', value)}{comment(node)}")
        self.ends += self._stored(node, array)

    def _stored(self, node: Node, array: str) -> list[str]:
        """The sums of the strip to where they live."""
        home, strides = self.file.home(node), [0] * len(self.loop.space)
        strides[self.lane_walk.lane.last] = 1
        place = self.places.moving(home, node.dtype, Linear(0, tuple(strides)))
        return self.lane_walk.lanes([f"{place} = {array}[l]"])
