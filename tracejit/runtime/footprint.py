"""The memory that a call of a program needs, before it is run: what ``f.schedule()`` prints, and what is allocated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracejit.codegen.source import Source
from tracejit.ir import Graph, Node
from tracejit.ir.size import Dim, evaluate
from tracejit.runtime.pool import Arena


@dataclass(frozen=True)
class Footprint:
    """Bytes, with symbols of sizes in them as long as these are open.

    Attributes:
        arguments: Of what the program reads, and of what it updates in place: arguments, Variables, captured arrays.
        results: Of arrays that a call returns. A result that the caller still holds at the next call is there twice then.
        arena: Of values that live between steps; kept between calls. In symbols, the sum of all slots; in numbers, what the
            slots need that live together.
        workspace: What the steps ask for in turn; the largest counts, and is part of the arena.
    """

    arguments: Dim
    results: Dim
    arena: Dim
    workspace: tuple[Dim, ...]

    def at(self, sizes: Mapping[str, int]) -> int:
        """The peak of resident bytes for these sizes."""
        return sum(evaluate(dim, sizes) for dim in (self.arguments, self.results, self.arena)) + largest(self.workspace, sizes)

    def __str__(self) -> str:
        largest = self.workspace[0] if len(self.workspace) == 1 else f"max({', '.join(map(str, self.workspace))})"
        parts = (
            f"{self.arguments} bytes of arguments and Variables",
            f"{self.results} of results",
            f"{self.arena} of arena",
            f"{largest if self.workspace else 0} of workspace",
        )
        known = all(isinstance(dim, int) for dim in (self.arguments, self.results, self.arena, *self.workspace))
        return " + ".join(parts) + (f" = {self.at({})} bytes" if known else "")


def footprint(graph: Graph, source: Source, sizes: Mapping[str, int] | None = None) -> Footprint:
    """What a program needs; in numbers where the sizes are given."""
    if sizes is not None:
        _, arena = laid_out(source, sizes)
        known = [sum(evaluate(_nbytes(node), sizes) for node in nodes) for nodes in (graph.inputs, graph.outputs)]
        return Footprint(known[0], known[1], arena + Arena.ALIGNMENT, (largest(source.workspace, sizes),))
    arguments, results, slots = (
        sum(parts, start=0)
        for parts in (map(_nbytes, graph.inputs), map(_nbytes, graph.outputs), (slot.nbytes for slot in source.slots))
    )
    distinct = dict.fromkeys(dim for dim in source.workspace if dim != 0)
    numbers = [dim for dim in distinct if isinstance(dim, int)]
    most = [max(numbers)] if numbers else []
    return Footprint(arguments, results, slots, (*most, *(dim for dim in distinct if not isinstance(dim, int))))


def laid_out(source: Source, sizes: Mapping[str, int]) -> tuple[list[int], int]:
    """Where each slot of the arena begins, and where the workspace does, in bytes.

    The largest slots are placed first, each in the lowest gap between those that live with it.
    """
    lengths = [-(-evaluate(slot.nbytes, sizes) // Arena.ALIGNMENT) * Arena.ALIGNMENT for slot in source.slots]
    starts = [0] * len(lengths)
    placed: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        slot, begin = source.slots[i], 0
        beside = [j for j in placed if source.slots[j].since <= slot.until and slot.since <= source.slots[j].until]
        for j in sorted(beside, key=lambda j: starts[j]):
            if begin + lengths[i] <= starts[j]:
                break
            begin = max(begin, starts[j] + lengths[j])
        starts[i] = begin
        placed.append(i)
    return starts, max((start + length for start, length in zip(starts, lengths, strict=True)), default=0)


def largest(workspace: tuple[Dim, ...], sizes: Mapping[str, int]) -> int:
    """Bytes of the workspace that all steps share."""
    return max((evaluate(nbytes, sizes) for nbytes in workspace), default=0)


def _nbytes(node: Node) -> Dim:
    return node.spec.size * int(node.dtype.itemsize)
