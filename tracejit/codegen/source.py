"""What codegen makes: the text of a program, and what its table must hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tracejit.ir import Where
from tracejit.ir.size import Dim

if TYPE_CHECKING:  # a file that the cache holds is used without the scheduler
    from tracejit.schedule import Home

HEAD = 8  # words of the table that every program has: status, threads, BLAS addresses, reserved
GEMM_WORD = {"f": 2, "d": 3}
"""Words of the addresses of the products, by the character of the dtype."""


@dataclass(frozen=True)
class Layout:
    """Where each thing stands in the table.

    Attributes:
        sizes: Word of each symbolic size, by its symbol.
        inputs, outputs, slots: Words of the addresses, in order.
        workspace: Word of the address of memory that one step uses at a time.
        stamps: Words of the times at which steps and final copies began and the last one ended, in order; none without a profile.
        length: Words in all.
    """

    sizes: Mapping[str, int]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    slots: tuple[int, ...]
    workspace: int
    stamps: tuple[int, ...]
    length: int

    def word(self, home: Home) -> int:
        return {"input": self.inputs, "output": self.outputs, "slot": self.slots}[home.kind][home.number]


class Room(NamedTuple):
    """Memory of the arena: bytes, and the first and the last step at which they hold something."""

    nbytes: Dim
    since: int
    until: int


class Bounds(NamedTuple):
    """What a program checks: an index into an axis of ``size``, in the user's line."""

    size: Dim
    where: Where | None


@dataclass(frozen=True)
class Source:
    """A generated file.

    Attributes:
        text: The file.
        layout: Of its table.
        slots: Of the arena.
        workspace: Bytes of the workspace that each step asks for; the largest counts.
        checks: What a status of ``k + 1`` means, in order.
        copied: Words of the table that the step does not fill: ``(word, the word that it is a copy of)``.
        late: Inputs, by number, that are read until after their new value is there, which is copied to them in the end.
        picoseconds: What a call takes on one typical core.
        counted: Words of the table that the step does not fill either: ``(word, the dimension that it holds)``.
        notes: ``(region, why it does not go the quicker way of others)``, of a GPU.
    """

    text: str
    layout: Layout
    slots: tuple[Room, ...]
    workspace: tuple[Dim, ...]
    checks: tuple[Bounds, ...]
    copied: tuple[tuple[int, int], ...] = ()
    late: tuple[int, ...] = ()
    picoseconds: Dim = 0
    counted: tuple[tuple[int, Dim], ...] = ()
    notes: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.text
