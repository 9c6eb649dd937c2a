"""Homes: the buffer of an input, a returned buffer, or a slot of the arena that values share when they do not live together."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from tracejit.ir import Graph, Node
from tracejit.ir.size import Dim
from tracejit.schedule.access import contiguous_source, is_elementwise, kind, op_of, operand
from tracejit.schedule.fuse import reads_of, role, sources
from tracejit.schedule.schedule import Gemm, Home, Loop, Slot, Step


def nbytes(node: Node) -> Dim:
    """Bytes of the value of ``node``."""
    return node.spec.size * int(node.dtype.itemsize)


def assign_homes(
    graph: Graph, steps: list[Step], in_place: dict[Node, Node], part_of: dict[Node, Node]
) -> tuple[dict[Node, Home], tuple[Slot, ...]]:
    """A home for every input and stored node, and the slots; parts live where the whole does.

    Promises: two nodes share a slot only when the first is read for the last time before the step that writes the second, or,
    element by element, in it.
    """
    homes = {node: Home("input", i) for i, node in enumerate(graph.inputs)}
    for i, node in enumerate(graph.outputs):
        homes[contiguous_source(node)] = Home("output", i)
    for value, target in in_place.items():
        homes[value] = homes[target]
    last = _last_reads(steps, {contiguous_source(v) for _, v in graph.updates})
    made = {n for step in steps for n in step.stores}
    for number, step in reversed(list(enumerate(steps))):  # what is changed before it is returned is made where it is returned
        base, home = _changed(step), homes.get(step.stores[0])
        if home is not None and home.kind == "output" and base in made and base not in homes and last[base] == number:
            homes[base] = home
    ends: defaultdict[int, list[Node]] = defaultdict(list)
    for node, number in last.items():
        ends[number].append(node)
    slots: list[Slot] = []
    free: defaultdict[Dim, list[int]] = defaultdict(list)  # slots by their bytes
    for number, step in enumerate(steps):
        dying = [n for n in ends[number] if n not in part_of and n in homes and homes[n].kind == "slot"]
        replaced, base = _replaceable(step, dying), _changed(step)
        for part in step.stores:
            node = part_of.get(part, part)
            until = max(last.get(part, number), last.get(node, number))
            if node in homes:
                homes[part] = homes[node]
                _extend(slots, homes[node], until)
                continue
            over_all = isinstance(step, Loop) and node.shape == step.space and node is part
            old = base if base in dying else next((n for n in replaced if over_all and nbytes(n) == nbytes(node)), None)
            if old is not None:
                replaced = [n for n in replaced if n is not old]
                dying.remove(old)
                homes[part] = homes[node] = homes[old]
                _extend(slots, homes[old], until)
                continue
            size = nbytes(node)
            if free[size]:
                slot = free[size].pop(0)
            else:
                slot = len(slots)
                slots.append(Slot(size, number, until))
            homes[part] = homes[node] = Home("slot", slot)
            _extend(slots, homes[node], until)
        if isinstance(step, Gemm):
            homes[step.node] = homes[step.stores[0]]  # where it is put when its epilogue is a loop after all
        unread = [n for n in step.stores if n not in last and n not in part_of and homes[n].kind == "slot"]
        for slot in (homes[n].number for n in (*dying, *unread)):
            free[slots[slot].nbytes].append(slot)
    return homes, tuple(slots)


def _changed(step: Step) -> Node | None:
    """The value of which a step changes a part, if its memory can be that of the result: the step reads no more of it."""
    if isinstance(step, Loop) or not op_of(step.node).in_place:
        return None
    first, *rest = step.node.inputs
    whole = is_elementwise(operand(first), step.node.shape)
    base = operand(first).source
    return base if whole and all(operand(x).source is not base for x in rest) else None


def _extend(slots: list[Slot], home: Home, until: int) -> None:
    """Let a slot live until the end of a step."""
    if home.kind == "slot":
        slot = slots[home.number]
        slots[home.number] = replace(slot, until=max(slot.until, until))


def _last_reads(steps: list[Step], kept: set[Node]) -> dict[Node, int]:
    """The number of the step that reads each node last; ``kept`` nodes are read after all steps."""
    last: dict[Node, int] = {}
    for number, step in enumerate(steps):
        for node in step.nodes:
            for source in sources(node):
                last[source] = number
    return last | dict.fromkeys(kept, len(steps))


def _replaceable(step: Step, dying: list[Node]) -> list[Node]:
    """Of the values that die here, those whose slot the step may write to: read element by element in a single sweep."""
    if not isinstance(step, Loop):
        return []
    sweeps = any(kind(n) in ("reduce", "argreduce") and role(n, step.space, step.rows) == "row" for n in step.nodes)
    if sweeps or any(kind(n) == "gather" for n in step.nodes):
        return []
    fit = []
    for node in dying:
        reads = [r for n in step.nodes for r in reads_of(n) if r.source is node]
        if reads and all(is_elementwise(r, step.space) for r in reads):
            fit.append(node)
    return fit
