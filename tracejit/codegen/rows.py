"""Loops of the CPU that take one row after the other, each by one thread, with neighbours in the row in vector lanes."""

from __future__ import annotations

from tracejit.codegen.loop import LoopEmitter, start_of
from tracejit.codegen.scope import File, indent
from tracejit.codegen.text import comment
from tracejit.ir import Node
from tracejit.schedule import Loop
from tracejit.schedule.access import Read, op_of
from tracejit.schedule.cost import SEARCHED
from tracejit.schedule.fuse import reads_of


class RowEmitter(LoopEmitter):
    """Writes the region of a loop whose rows are taken one after the other.

    The index of the best of a row is found in two sweeps, first the value, then the first place that has it: each goes over many
    elements at once, where value and place together are known only one element after the other.
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
            found = f"({value} == {best})" + (f" | ({value} != {value})" if r.source.dtype.kind == "f" else "")
            self.row += self._search(at, axis.var, self.scope.dim(axis.size), self.body, f"({found})", comment(node))
        self.searches = []

    def _search(self, at: str, var: str, size: str, body: list[str], found: str, note: str) -> list[str]:
        """The first place where ``found`` holds: parts of the row up to the one that has it, then the place in that part."""
        hit, part, to = (self.scope.name(stem) for stem in ("hit", "part", "to"))
        return [
            f"{hit}, {part}, {to} = b1(False), i64(0), i64(0)",
            f"while not {hit} and {to} < {size}:",
            f"    {part}, {to} = {to}, minimum({to} + {SEARCHED}, {size})",
            f"    for {var} in range({part}, {to}):",
            *indent([*body, f"{hit} = {hit} | {found}"], 2),
            f"{at} = {to}",
            f"for {var} in range({part}, {to}):",
            *indent([*body, f"{at} = minimum({at}, select({found}, i64({var}), {to})){note}"]),
        ]
