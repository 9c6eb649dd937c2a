"""Why a value goes through memory: what kept the step that makes it and the step that reads it apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tracejit.ir import Node
from tracejit.ops.index_map import identity
from tracejit.schedule.access import kind
from tracejit.schedule.fuse import MOST_OPERATIONS, MOST_STREAMS, Group, is_final, reads_of, sources, whole_sources
from tracejit.schedule.schedule import Gemm, Loop, Scan, Scatter, Schedule, Sort, Step, Write


class Apart(NamedTuple):
    """``value`` is made by step ``maker``, read by step ``reader``, and stored in between for this reason."""

    value: Node
    maker: int
    reader: int
    reason: str


_ALONE = {
    Gemm: "products are computed by the library, whole",
    Write: "a value put together from parts is stored",
    Scatter: "a scatter adds to a stored value",
    Scan: "a recurrence is stored",
    Sort: "a sort is stored",
}


def apart(schedule: Schedule) -> Iterator[Apart]:
    """Every value that one step stores and a later one reads, with the reason."""
    made = {node: number for number, step in enumerate(schedule.steps) for node in step.stores}
    for number, step in enumerate(schedule.steps):
        read = dict.fromkeys(s for n in step.nodes for s in sorted(sources(n) & made.keys(), key=made.__getitem__))
        for value in read:
            if made[value] != number and value not in step.nodes:
                yield Apart(value, made[value], number, _reason(schedule, value, schedule.steps[made[value]], step))


def _reason(schedule: Schedule, value: Node, maker: Step, reader: Step) -> str:
    if not isinstance(maker, Loop):
        return schedule.separate.get(value, _ALONE[type(maker)])
    if not isinstance(reader, Loop):
        return "the library reads its operands from memory" if isinstance(reader, Gemm) else "it is read from memory as a whole"
    if is_final(value, Group(list(maker.nodes), maker.space, maker.rows)):
        return "a reduction over rows is known only when its loop has ended"
    if any(value in whole_sources(n) for n in reader.nodes):
        return "it is read at places that are data, or once for the whole loop"
    shorter, longer = sorted((maker.space, reader.space), key=len)
    if longer[: len(shorter)] != shorter:
        return f"the loops are over {_text(maker.space)} and {_text(reader.space)}"
    reads = [r for n in reader.nodes for r in reads_of(n) if r.source is value]
    if any(r.index != identity(value.spec.rank) for r in reads):
        return "it is read elsewhere than where it is made: moved, turned or reshaped"
    if None not in (maker.rows, reader.rows) and maker.rows != reader.rows:
        return f"the loops take {maker.rows} and {reader.rows} leading axes as rows"
    operations = len(maker.nodes) + len(reader.nodes)
    if operations > MOST_OPERATIONS:
        return f"one loop would have {operations} operations, more than {MOST_OPERATIONS}"
    streams = {r.source for s in (maker, reader) for n in s.nodes for r in reads_of(n) if kind(r.source) != "constant"}
    if len(streams) > MOST_STREAMS:
        return f"one loop would read {len(streams)} buffers, more than {MOST_STREAMS}"
    return "other steps must run in between"


def _text(space: tuple[object, ...]) -> str:
    return f"({', '.join(map(str, space))})"
