"""Loops of the CPU that take one row after the other, each by one thread, with neighbours in the row in vector lanes."""

from __future__ import annotations

from tracejit.codegen.loop import LoopEmitter, start_of
from tracejit.codegen.scope import File
from tracejit.codegen.text import comment
from tracejit.ir import Node
from tracejit.schedule import Loop
from tracejit.schedule.access import Read, op_of
from tracejit.schedule.fuse import reads_of


class RowEmitter(LoopEmitter):
    """Writes the region of a loop whose rows are taken one after the other.

    The index of the best of a row is found in two sweeps, first the value, then the first place that has it: each is a plain
    reduction, of many elements at once, where value and place together are known only one element after the other.
    """

    def __init__(self, file: File, loop: Loop, name: str) -> None:
        self.searches: list[tuple[Node, Read, str, str]] = []
        super().__init__(file, loop, name)

    def _accumulate_argument(self, node: Node, before: list[str]) -> None:
        (r,) = reads_of(node)
        value, best, at = self._operand(r, "element"), self.scope.name("a"), self.scope.name("at")
        before.append(f"{best} = {start_of(node)}")
        self.body.append(f"{best} = {op_of(node).extremum.format(acc=best, x=value)}")
        self.searches.append((node, r, best, at))
        self.row_values[node] = at

    def _add_sweep(self, before: list[str]) -> None:
        super()._add_sweep(before)
        for node, r, best, at in self.searches:
            self.values, self.body = {}, []
            value, (axis,) = self._operand(r, "element"), self.nest.inner
            none = f"i64({self.scope.dim(axis.size)})"
            found = f"({value} == {best})" + (f" | ({value} != {value})" if r.source.dtype.kind == "f" else "")
            self.body.append(f"{at} = minimum({at}, select({found}, i64({axis.var}), {none})){comment(node)}")
            self.row += [f"{at} = {none}", *self.walk.sweep(self.scope, self.body)]
        self.searches = []
