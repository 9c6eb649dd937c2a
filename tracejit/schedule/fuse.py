"""Grouping: which nodes share a loop.

Every elementwise node, gather and reduction starts as a group of its own; going through the graph in order, a node's group joins
those of its operands, then groups that read the same buffers join each other, where

* the spaces agree: equal, or one is the leading axes ("rows") of the other,
* inside the joined group every value is read where it is made: element by element, or by its row,
* nothing outside lies between the two (the groups stay a DAG).

Scalars made of scalars are recomputed by whoever needs them, so they are in no group unless they are roots.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from tracejit.ir import Node
from tracejit.ir.size import Dim
from tracejit.ops.index_map import identity
from tracejit.schedule.access import Read, contiguous_source, is_elementwise, is_unit_reshape, kind, operand, read
from tracejit.schedule.schedule import Epilogue

FUSIBLE = {"elementwise", "gather", "reduce", "argreduce"}
LEAVES = {"input", "constant", "iota"}
MOST_OPERATIONS = 256  # of one loop; more would be long in compiling, and one more value through memory is nothing beside them
MOST_STREAMS = 24  # buffers that one loop reads and writes; more would only crowd registers and prefetchers


def is_scalar(node: Node) -> bool:
    """A number made of numbers: recomputed where it is needed rather than stored, unless it is a copy."""
    return kind(node) == "elementwise" and node.shape == () and node.op.name != "copy"


def space_of(node: Node) -> tuple[Dim, ...]:
    """What a node iterates over."""
    return node.inputs[0].shape if kind(node) in ("reduce", "argreduce") else node.shape


@cache
def reads_of(node: Node) -> tuple[Read, ...]:
    """The operands of a fusible node as its loop reads them; of a gather only the index, since the rest is a load."""
    if kind(node) != "gather":
        return tuple(operand(x) for x in node.inputs)
    axis, rank = node.attrs["axis"], node.inputs[1].spec.rank
    return (read(node.inputs[1], identity(node.spec.rank)[axis : axis + rank], node.spec.rank),)


def stored_operands(node: Node) -> set[Node]:
    """The operands of a node that must lie in memory, scalars too: what reshapes, gathers and library steps look at."""
    if kind(node) in ("elementwise", "reduce", "argreduce", "view", "contract"):
        return set()
    if is_unit_reshape(node):
        return set()
    return {contiguous_source(x) for x in (node.inputs[:1] if kind(node) == "gather" else node.inputs)}


@cache
def sources(node: Node) -> frozenset[Node]:
    """The computed nodes whose steps must have run before ``node``; scalars are seen through where they are recomputed."""
    found = {x for x in stored_operands(node) if kind(x) not in (*LEAVES, "view")}
    for x in _behind(node.inputs):
        if kind(x) == "reshape":
            found |= {s for s in stored_operands(x) if kind(s) not in (*LEAVES, "view")}
        if not _is_seen_through(x) and kind(x) not in LEAVES:
            found.add(x)
    return frozenset(found)


def _is_seen_through(node: Node) -> bool:
    return kind(node) in ("view", "reshape") or is_scalar(node)


def _behind(nodes: Iterable[Node]) -> list[Node]:
    """``nodes``, and what is read through those among them that are views, or numbers made of numbers."""
    found = dict.fromkeys(nodes)
    stack = list(found)
    while stack:
        x = stack.pop()
        if _is_seen_through(x):
            new = [y for y in x.inputs if y not in found]
            found.update(dict.fromkeys(new))
            stack.extend(new)
    return list(found)


def forget() -> None:
    """Drop what is remembered of nodes, which would keep their graphs alive; for the end of a compilation."""
    reads_of.cache_clear()
    sources.cache_clear()


def read_inputs(node: Node) -> set[Node]:
    """The graph inputs that ``node`` reads, through views and scalars."""
    return _inputs_behind(node.inputs)


def whole_sources(node: Node) -> set[Node]:
    """The computed nodes that must be complete before ``node``: what its gather loads from, what its scalars are made of."""
    return stored_operands(node).union(*map(sources, _scalars_of(node)))


def whole_inputs(node: Node) -> set[Node]:
    """The graph inputs that ``node`` reads elsewhere than where its loop is: through a gather or a scalar."""
    return _inputs_behind([*stored_operands(node), *_scalars_of(node)])


def _scalars_of(node: Node) -> list[Node]:
    """The numbers that ``node`` reads and that are computed before its loop runs."""
    return [r.source for r in reads_of(node) if is_scalar(r.source)] if kind(node) in FUSIBLE else []


def _inputs_behind(nodes: Iterable[Node]) -> set[Node]:
    return {x for x in _behind(nodes) if kind(x) == "input"}


@dataclass(eq=False)
class Group:
    """Nodes that share a loop, while fusion is going on."""

    nodes: list[Node]
    space: tuple[Dim, ...]
    rows: int | None = None
    before: set[Node] = field(default_factory=set)  # nodes outside that must have run
    level: int = 0  # above that of every group that must have run
    epilogue: Epilogue | None = None  # of a product, the other nodes

    @property
    def loads(self) -> set[Node]:
        """The buffers that the loop reads."""
        return {r.source for n in self.nodes for r in reads_of(n) if kind(r.source) not in ("constant", "iota")} - set(self.nodes)


@dataclass(frozen=True)
class Constraints:
    """What fusion has to respect beyond the dataflow.

    Attributes:
        after: For a node, others that must run before it.
        overwrites: For a node, the input whose buffer it replaces in place.
    """

    after: dict[Node, set[Node]]
    overwrites: dict[Node, Node]


def fuse(nodes: Iterable[Node], constraints: Constraints, epilogues: Mapping[Node, Epilogue]) -> list[Group]:
    """Groups of the fusible nodes among ``nodes`` (given in topological order).

    All others are groups of one, or of a product with its epilogue.
    """
    fusion = _Fusion(constraints)
    for node in nodes:
        if node not in fusion.group_of:
            fusion.add(node, epilogues.get(node))
    fusion.join_siblings()
    return list(dict.fromkeys(fusion.group_of.values()))


class _Fusion:
    def __init__(self, constraints: Constraints) -> None:
        self.constraints = constraints
        self.group_of: dict[Node, Group] = {}
        self.order: dict[Node, int] = {}
        self.after: dict[Node, list[Node]] = {}

    def add(self, node: Node, epilogue: Epilogue | None) -> None:
        nodes = [node, *(epilogue.nodes if epilogue else ())]
        before = {x for n in nodes for x in (*sources(n), *self.constraints.after.get(n, ()))} - set(nodes)
        group = Group(nodes, space_of(node), before=before, epilogue=epilogue)
        for n in nodes:
            self.order[n] = len(self.order)
            self.group_of[n] = group
        for earlier in before & self.group_of.keys():
            self.after.setdefault(earlier, []).append(node)
            group.level = max(group.level, self.group_of[earlier].level + 1)
        if kind(node) not in FUSIBLE:
            return
        group.rows = _rows_of(group.nodes, group.space)
        producers = {self.group_of[s] for s in sources(node) if s in self.group_of}
        for producer in sorted(producers, key=lambda g: -self.order[g.nodes[-1]]):
            self.join(producer, self.group_of[node])

    def join_siblings(self) -> None:
        """Join groups that read the same buffer."""
        readers: dict[Node, list[Node]] = {}
        for node in self.group_of:
            if kind(node) in FUSIBLE:
                for r in reads_of(node):
                    if kind(r.source) not in ("constant", "iota"):
                        readers.setdefault(r.source, []).append(node)
        for nodes in readers.values():
            for a, b in itertools.pairwise(nodes):
                if self.group_of[a] is not self.group_of[b]:
                    self.join(self.group_of[a], self.group_of[b])

    def join(self, a: Group, b: Group) -> bool:
        """Make one group of two where that is legal."""
        if any(kind(n) not in FUSIBLE for n in (a.nodes[0], b.nodes[0])) or not (a.space and b.space):
            return False
        if a is b or len(a.nodes) + len(b.nodes) > MOST_OPERATIONS or len(a.loads | b.loads) > MOST_STREAMS:
            return False
        small, large = sorted((a, b), key=lambda g: len(g.space))
        if small.space != large.space[: len(small.space)]:
            return False
        nodes = sorted({*a.nodes, *b.nodes}, key=lambda n: self.order[n])
        if len(small.space) < len(large.space):
            related = a.before & set(b.nodes) or b.before & set(a.nodes)
            if not related or small.rows is not None or large.rows not in (None, len(small.space)):
                return False
            rows: int | None = len(small.space)
        else:
            if None not in (a.rows, b.rows) and a.rows != b.rows:
                return False
            rows = a.rows if a.rows is not None else b.rows
        merged = Group(nodes, large.space, rows, (a.before | b.before) - set(nodes))
        if not is_legal(merged, self.constraints) or self._between(a, b) or self._between(b, a):
            return False
        merged.level = max(a.level, b.level)
        for node in nodes:
            self.group_of[node] = merged
        self._raise_those_after(merged)
        return True

    def _raise_those_after(self, group: Group) -> None:
        stack = [group]
        while stack:
            g = stack.pop()
            for later in (self.group_of[n] for node in g.nodes for n in self.after.get(node, ())):
                if later is not g and later.level <= g.level:
                    later.level = g.level + 1
                    stack.append(later)

    def _between(self, a: Group, b: Group) -> bool:
        """Whether ``b`` depends on ``a`` by way of a third group; only groups of a higher level can."""
        seen: set[Group] = {a, b}
        stack = [b]
        while stack:
            g = stack.pop()
            for node in g.before:
                before = self.group_of.get(node)
                if before is a and g is not b:
                    return True
                if before is not None and before not in seen and before.level > a.level:
                    seen.add(before)
                    stack.append(before)
        return False


def is_legal(group: Group, constraints: Constraints) -> bool:
    """Whether in the loop of ``group`` every value is read where it is made, and no input after it is overwritten."""
    if _rows_of(group.nodes, group.space) not in (None, group.rows):
        return False
    members = set(group.nodes)
    overwritten = {x: input_role(n, group.space, group.rows) for n in group.nodes if (x := constraints.overwrites.get(n))}
    sweeps = any(role(n, group.space, group.rows) == "row" and kind(n) in ("reduce", "argreduce") for n in group.nodes)
    for node in group.nodes:
        into = input_role(node, group.space, group.rows)
        if into is None or role(node, group.space, group.rows) is None:
            return False
        for r in reads_of(node):
            if r.source in members and not _readable(r, role(r.source, group.space, group.rows), into, group):
                return False
            at = overwritten.get(r.source)
            if at is not None and (sweeps or at != into or not is_elementwise(r, space_of(node))):
                return False
        if overwritten.keys() & whole_inputs(node) or members & whole_sources(node):
            return False
    needed = (s for n in group.nodes for s in sources(n) | constraints.after.get(n, set()) if s in members)
    return not any(is_final(s, group) for s in needed)


def is_final(node: Node, group: Group) -> bool:
    """Whether ``node`` is complete only when the whole loop has ended."""
    return role(node, group.space, group.rows) in ("leading", "full")


def role(node: Node, space: tuple[Dim, ...], rows: int | None) -> str | None:
    """A node's result in a loop: an element, a row's value, or accumulated over rows ("leading") or over all ("full")."""
    into = input_role(node, space, rows)
    if into is None or kind(node) not in ("reduce", "argreduce"):
        return into
    count, axes = len(space), node.attrs["axes"]
    if into == "row":
        return "full" if kind(node) == "reduce" and len(axes) == rows else None
    if kind(node) == "reduce" and len(axes) == count and rows != 0:
        return "full"
    if rows is not None and axes == tuple(range(rows, count)):
        return "row"
    return "leading" if rows is not None and kind(node) == "reduce" and axes == tuple(range(rows)) else None


def input_role(node: Node, space: tuple[Dim, ...], rows: int | None) -> str | None:
    """Where a node is evaluated: at each element or once a row."""
    over = space_of(node)
    if over == space:
        return "element"
    return "row" if rows is not None and over == space[:rows] else None


def _rows_of(nodes: list[Node], space: tuple[Dim, ...]) -> int | None:
    """The split between rows and the rest that the reductions among ``nodes`` ask for; -1 where they do not agree."""
    wanted: set[int] = set()
    for node in nodes:
        if kind(node) not in ("reduce", "argreduce") or space_of(node) != space:
            continue
        axes: tuple[int, ...] = node.attrs["axes"]
        if kind(node) == "argreduce" or len(axes) < len(space):
            wanted.add(axes[0] if axes[-1] == len(space) - 1 else len(axes))
    return None if not wanted else wanted.pop() if len(wanted) == 1 else -1


def _readable(r: Read, made: str | None, into: str, group: Group) -> bool:
    if made not in ("element", "row") or r.index is None:
        return False
    if made == into:
        return r.index == identity(r.source.spec.rank)
    return made == "row" and into == "element" and r.index == identity(r.source.spec.rank)
