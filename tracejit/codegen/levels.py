"""When each value of a row program can be known: after how many sweeps over the row.

An element that needs no reduction of its row has level 0; the result of a reduction of level-0 elements is available before
sweep 1; an element that reads it has level 1; and so on.
"""

from __future__ import annotations

from tracejit.ir import Node
from tracejit.schedule import Loop
from tracejit.schedule.access import kind
from tracejit.schedule.cost import MOST_REPEATED, is_heavy
from tracejit.schedule.fuse import input_role, reads_of, role


class Levels:
    """Levels of all nodes of a loop.

    Attributes:
        level: Of each node evaluated at elements (reductions of elements included): the earliest sweep.
        available: Of each row value: the sweep before which it is known.
        sweeps: Number of sweeps.
        first: The sweep that computes each element value first.
        saved: Element values that later sweeps read back.
    """

    def __init__(self, loop: Loop, keeps_elements: bool) -> None:
        self.loop, self.keeps_elements = loop, keeps_elements
        self.members = set(loop.nodes)
        self.level: dict[Node, int] = {}
        self.available: dict[Node, int] = {}
        for node in loop.nodes:
            self._place(node)
        self.sweeps = 1 + max((self.level[n] for n in loop.nodes if self._is_goal(n)), default=-1)
        self.first: dict[Node, int] = {}
        self.saved: set[Node] = set()
        for sweep in range(self.sweeps):
            self._walk(sweep)

    def goals(self, sweep: int) -> list[Node]:
        """What a sweep is made for: reductions of elements, and elements to be stored."""
        return [n for n in self.loop.nodes if self._is_goal(n) and self.level[n] == sweep]

    def row_goals(self, level: int) -> list[Node]:
        """Row values to be stored, and reductions over row values, that are known before sweep ``level``."""
        return [n for n in self.loop.nodes if self._row_goal_level(n) == level]

    def made(self, node: Node) -> str | None:
        return role(node, self.loop.space, self.loop.rows)

    def _place(self, node: Node) -> None:
        level = 0
        for r in reads_of(node):
            if r.source in self.members:
                level = max(level, self.available[r.source] if r.source in self.available else self.level[r.source])
        if input_role(node, self.loop.space, self.loop.rows) == "row":
            self.available[node] = level
            return
        self.level[node] = level
        if self.made(node) == "row":
            self.available[node] = level + 1

    def _is_goal(self, node: Node) -> bool:
        if node not in self.level:
            return False
        return kind(node) in ("reduce", "argreduce") or node in self.loop.stores

    def _row_goal_level(self, node: Node) -> int | None:
        if node not in self.available:
            return None
        return self.available[node] if self.made(node) == "full" or node in self.loop.stores else None

    def _walk(self, sweep: int) -> None:
        """What a sweep has to compute; values of earlier sweeps are read back where that pays."""
        seen = dict.fromkeys(self.goals(sweep))
        stack = list(seen)
        while stack:
            node = stack.pop()
            if self.made(node) == "element":
                before = self.first.setdefault(node, sweep)
                if before < sweep and (node in self.loop.stores or (self.keeps_elements and self._costly(node))):
                    self.saved.add(node)
                    continue
            new = [x for x in self.elements_of(node) if x not in seen]
            seen.update(dict.fromkeys(new))
            stack += new

    def _costly(self, node: Node) -> bool:
        """Whether computing an element again means vector math, or many operations, again."""
        again = [node]
        for x in again:
            if is_heavy(x) or len(again) > MOST_REPEATED:
                return True
            again += [y for y in dict.fromkeys(self.elements_of(x)) if y not in again and y not in self.saved]
        return False

    def elements_of(self, node: Node) -> list[Node]:
        """What an element of ``node`` is computed from, element by element."""
        return [r.source for r in reads_of(node) if r.source in self.level and self.made(r.source) == "element"]

    def computed_from(self, node: Node, sweep: int) -> list[Node]:
        """The same of a sweep: nothing where the element is read back."""
        return [] if self.is_read_back(node, sweep) else self.elements_of(node)

    def is_read_back(self, node: Node, sweep: int) -> bool:
        return node in self.saved and self.first[node] < sweep
