"""The plan: updates and checks placed, nodes grouped, groups ordered, homes given."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection
from typing import TypeVar

from tracejit.ir import Graph, Node
from tracejit.ir.graph import topological
from tracejit.ir.size import Dim, product
from tracejit.schedule.access import Linear, contiguous_source, is_elementwise, is_unit_reshape, kind, op_of, operand, row_major
from tracejit.schedule.cost import MOST_TOGETHER
from tracejit.schedule.epilogues import Epilogues, masks_of_results
from tracejit.schedule.fuse import (
    FUSIBLE,
    Constraints,
    Group,
    fuse,
    is_scalar,
    read_inputs,
    role,
    sources,
    stored_operands,
    whole_inputs,
)
from tracejit.schedule.halves import widen_halves
from tracejit.schedule.memory import assign_homes
from tracejit.schedule.moments import match_moments
from tracejit.schedule.ordered import by_places
from tracejit.schedule.prepare import prepare
from tracejit.schedule.remat import rematerialise
from tracejit.schedule.schedule import Gemm, Loop, Scan, Scatter, Schedule, Sort, Step, Write
from tracejit.schedule.turned import turn_reductions

T = TypeVar("T")


def plan(
    graph: Graph,
    moments: bool = True,
    half_products: bool = False,
    sorts_values: bool = True,
    epilogues: Collection[str] = (),
) -> Schedule:
    """The schedule of an optimized graph.

    Args:
        graph: As the passes leave it.
        moments: Whether the target can follow means and variances row by row.
        half_products: Whether it multiplies matrices of float16 and bfloat16 itself.
        sorts_values: Whether it sorts values as such, not only their places.
        epilogues: What its products may end in: ``bias``, and with it ``relu`` and ``gelu``.

    Promises: every value is computed before it is read; an input that is updated in place is read nowhere after; checks come
    before whatever indexes memory and before updates, wherever these do not feed them.
    """
    graph = graph if sorts_values else by_places(graph)
    graph = widen_halves(masks_of_results(graph) if "relu" in epilogues else graph, half_products)
    graph, checks = prepare(turn_reductions(match_moments(graph) if moments else graph))
    flags = {c.flag for c in checks}
    update_of = {contiguous_source(value): target for target, value in graph.updates}
    roots = {*map(contiguous_source, graph.outputs), *update_of, *flags}
    reached = topological((*graph.roots, *flags))
    stored = roots | {s for n in reached for s in stored_operands(n)}
    nodes = [n for n in reached if _is_step(n) and (not is_scalar(n) or n in stored)]
    order = _Order(nodes)
    overwrites = _place_updates(order, update_of)
    for node in nodes:
        if node in update_of or kind(node) in ("gather", "scatter"):
            for flag in flags:
                order.require(flag, node)
    constraints = Constraints(order.added, overwrites)
    needed = roots | {s for n in reached if kind(n) != "reshape" for s in stored_operands(n)}
    found = Epilogues(order.nodes if epilogues else (), needed, overwrites, epilogues)
    found.match(order)
    nodes = order.sorted()
    groups = fuse(nodes, constraints, found.by_product)
    rematerialise(groups, nodes, stored, constraints)
    steps = _ordered(groups, stored, flags)
    read = {x for n in nodes for x in read_inputs(n)}
    parts = _parts_in_place(steps, roots, {value for value, target in overwrites.items() if target in read})
    homes, slots = assign_homes(graph, steps, overwrites, {n: whole for n, (whole, _) in parts.items()})
    places = {n: place for n, (_, place) in parts.items()}
    copies = tuple((target, value) for value, target in update_of.items() if value not in overwrites)
    return Schedule(graph, tuple(steps), homes, places, slots, copies, checks, found.separate)


def _is_step(node: Node) -> bool:
    return kind(node) not in ("view", "reshape", "input", "constant", "iota")


class _Order:
    """Which nodes run before which: by dataflow, and by what was required on top of it."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.added: dict[Node, set[Node]] = {}
        known = set(nodes)
        self._before = {n: set(sources(n) & known) for n in nodes}
        self._after: dict[Node, list[Node]] = {n: [] for n in nodes}
        for n, earlier in self._before.items():
            for x in earlier:
                self._after[x].append(n)

    def before(self, node: Node) -> set[Node]:
        """What runs before a node, next to it."""
        return self._before[node]

    def reaches(self, start: Node, goals: set[Node]) -> bool:
        """Whether some goal runs after ``start``, or is it."""
        seen, stack = {start}, [start]
        while stack:
            x = stack.pop()
            if x in goals:
                return True
            new = [y for y in self._after[x] if y not in seen]
            seen.update(new)
            stack.extend(new)
        return False

    def require(self, first: Node, then: Node) -> bool:
        """Make ``first`` run before ``then``, unless it already has to run after it."""
        if self.reaches(then, {first}):
            return False
        self.added.setdefault(then, set()).add(first)
        self._after[first].append(then)
        self._before[then] = self._before[then] | {first}
        return True

    def sorted(self) -> list[Node]:
        """The nodes, each after what must run before it, otherwise in the order given."""
        if not self.added:
            return self.nodes
        position = {n: i for i, n in enumerate(self.nodes)}
        return _kahn(self.nodes, self._before, lambda n: position[n])


def _place_updates(order: _Order, update_of: dict[Node, Node]) -> dict[Node, Node]:
    """Which values replace which inputs in place; reads of the old value are required to come before."""
    overwrites: dict[Node, Node] = {}
    readers: dict[Node, set[Node]] = {}
    for node in order.nodes:
        for x in read_inputs(node):
            readers.setdefault(x, set()).add(node)
    for value, target in update_of.items():
        others = readers.get(target, set()) - {value}
        if _reads_where_it_writes(value, target) and not order.reaches(value, others):
            overwrites[value] = target
            for reader in others:
                order.require(reader, value)
    return overwrites


def _reads_where_it_writes(value: Node, target: Node) -> bool:
    """Whether computing ``value`` needs of ``target`` only the element that it writes."""
    if target not in read_inputs(value):
        return True
    first, *rest = value.inputs
    if kind(value) == "elementwise" and value.shape == ():
        return True
    if kind(value) == "elementwise":
        reads = [operand(x) for x in value.inputs]
        direct = any(r.source is target for r in reads)
        here = all(is_elementwise(r, value.shape) for r in reads if r.source is target)
        return direct and here and target not in whole_inputs(value)
    if op_of(value).in_place:
        return contiguous_source(first) is target and not any(_looks_at(x, target) for x in rest)
    return False


def _looks_at(x: Node, target: Node) -> bool:
    """Whether reading ``x`` means reading the buffer of ``target``."""
    return x is target or (kind(x) in ("view", "reshape") and _looks_at(x.inputs[0], target))


def _kahn(items: list[T], before: dict[T, set[T]], priority: Callable[[T], object]) -> list[T]:
    waiting = {x: len(before[x]) for x in items}
    after: dict[T, list[T]] = {x: [] for x in items}
    for x in items:
        for y in before[x]:
            after[y].append(x)
    heap: list[tuple[object, int, T]] = [(priority(x), i, x) for i, x in enumerate(items) if not waiting[x]]
    number = {x: i for i, x in enumerate(items)}
    heapq.heapify(heap)
    order: list[T] = []
    while heap:
        _, _, x = heapq.heappop(heap)
        order.append(x)
        for y in after[x]:
            waiting[y] -= 1
            if not waiting[y]:
                heapq.heappush(heap, (priority(y), number[y], y))
    assert len(order) == len(items), "the steps depend on each other in a circle"
    return order


def _ordered(groups: list[Group], stored: set[Node], flags: set[Node]) -> list[Step]:
    """The steps of the groups, checks as early as can be."""
    owner: dict[Node, Group] = {}
    for g in groups:
        for n in g.nodes:
            owner.setdefault(n, g)
    before = {g: {owner[n] for n in g.before if n in owner} - {g} for g in groups}
    urgent = {g for g in groups if flags & set(g.nodes)}
    stack = list(urgent)
    while stack:
        for g in before[stack.pop()] - urgent:
            urgent.add(g)
            stack.append(g)
    patient = _patient(groups, before)
    ordered = _kahn(groups, before, lambda g: 0 if g in urgent else 2 if g in patient else 1)
    read = {s for g in groups for n in g.nodes for s in sources(n) if s not in g.nodes} | stored
    steps = [_step(g, tuple(n for n in g.nodes if owner[n] is g and n in read)) for g in ordered]
    return [s for s in steps if s.stores]


def _patient(groups: list[Group], before: dict[Group, set[Group]]) -> set[Group]:
    """Small loops that nothing but others like them, and single numbers, wait for: last in order, they come side by side."""
    awaited: set[Group] = set()
    found: set[Group] = set()
    for g in reversed(_kahn(groups, before, lambda g: 0)):
        if g not in awaited and (not g.space or _is_small(g)):
            found.add(g)
        else:
            awaited |= before[g]
    return found


def _is_small(group: Group) -> bool:
    """Whether a group is worth a launch only together with others: a loop over few points, each for itself."""
    size = product(group.space)
    plain = all(kind(n) == "elementwise" for n in group.nodes)
    return plain and isinstance(size, int) and size <= MOST_TOGETHER


def _step(group: Group, stores: tuple[Node, ...]) -> Step:
    node = group.nodes[0]
    match kind(node):
        case "contract":
            return Gemm(node, group.epilogue)
        case "write":
            return Write(node, _parts(node))
        case "scatter":
            return Scatter(node)
        case "scan":
            return Scan(node)
        case "sort":
            return Sort(node)
    assert kind(node) in FUSIBLE, node
    return Loop(group.space, group.rows, tuple(group.nodes), stores)


def _parts_in_place(steps: list[Step], roots: set[Node], late: set[Node]) -> dict[Node, tuple[Node, Linear]]:
    """Parts of a concatenation that nobody else reads: their loops can store them where they belong.

    Not so where that is the buffer of an input whose old value is still read: the concatenation is one of ``late`` then.
    """
    uses: dict[Node, int] = {}
    for step in steps:
        for node in step.nodes:
            for source in sources(node):
                uses[source] = uses.get(source, 0) + (source not in step.nodes)
    made = {n for s in steps if isinstance(s, Loop) for n in s.stores if role(n, s.space, s.rows) in ("element", "row")}
    found = {}
    for step in steps:
        if isinstance(step, Write) and not op_of(step.node).in_place and step.node not in late:  # its parts are all of it
            read = [operand(part).source for part, _ in step.parts]
            for part, place in step.parts:
                source = operand(part).source
                once = uses.get(source) == 1 and read.count(source) == 1
                if source in made and once and source not in roots and _is_whole(part, source):
                    strides = tuple(s for s, d in zip(place.strides, part.shape, strict=True) if source is part or d != 1)
                    found[source] = (step.node, Linear(place.offset, strides))
    return found


def _is_whole(part: Node, source: Node) -> bool:
    """Whether ``part`` is ``source``, or it with dimensions of 1 inserted."""
    x = part
    while x is not source and is_unit_reshape(x):
        x = x.inputs[0]
    return part is source or (x is source and 1 not in source.shape)


def _parts(node: Node) -> tuple[tuple[Node, Linear], ...]:
    """What a write stores, and where."""
    strides = row_major(node.shape)
    layout = op_of(node).parts
    assert layout is not None
    found = []
    for x, (starts, steps) in zip(node.inputs, layout(*(x.spec for x in node.inputs), **node.attrs), strict=True):
        offset: Dim = 0
        for start, stride in zip(starts, strides, strict=True):
            offset = offset + start * stride
        found.append((x, Linear(offset, tuple(s * t for s, t in zip(steps, strides, strict=True)))))
    return tuple(found)
