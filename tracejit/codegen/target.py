"""What a program is generated for: everything in which the text for one kind of machine differs from that for another.

The scalar language, the bodies of loops and the places of elements are the same everywhere. A ``Target`` says how the step
prepares and launches regions and what it does for steps that are no loops; a ``Walk`` says how the threads of a region go through
a nest of loops, and what becomes of an accumulator that several of them hold a part of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tracejit.codegen.axes import Nest
from tracejit.ir import Node
from tracejit.ir.size import Dim
from tracejit.schedule import Loop, Step
from tracejit.schedule.access import Linear

if TYPE_CHECKING:
    from tracejit.codegen.scope import Scope


@dataclass(frozen=True)
class Partial:
    """The partial results of a reduction over rows: ``elements`` of them in every chunk, ``offset`` bytes into the workspace."""

    node: Node
    offset: Dim
    elements: Dim
    start: str


class Walk(Protocol):
    """How the threads of a region go through ``nest``. ``chunk`` names the part of the rows that a thread works on."""

    @property
    def nest(self) -> Nest: ...

    @property
    def by_columns(self) -> bool:
        """Whether a thread stays in one column while it goes through rows, so that accumulators of columns are its own."""

    def chunk(self, scope: Scope) -> str:
        """The line of a region that finds its chunk; empty where a region is told."""

    def read(self, scope: Scope, dtype: np.dtype, access: Linear, element: str) -> str:
        """How a point reads the ``element`` of an operand that lies as ``access`` says: there, or in a copy by the walk."""

    def sweep(self, scope: Scope, lines: list[str]) -> list[str]:
        """``lines`` for every point of the inner axes."""

    def rows(self, scope: Scope, lines: list[str]) -> list[str]:
        """``lines`` for every row."""

    def joined(self, node: Node, accumulator: str, index: str = "") -> list[str]:
        """Behind a sweep: the accumulators of all threads of a row made one; of an argument reduction, with its ``index``."""

    def once(self, scope: Scope, lines: list[str], behind_reads: bool = False) -> list[str]:
        """``lines`` by one thread of a row; ``behind_reads``, when no other still reads what they may overwrite."""

    def fill(self, scope: Scope, pointer: str, elements: Dim, value: str) -> list[str]:
        """The first ``elements`` behind ``pointer`` set to ``value`` before the first row."""

    def room(self, elements: Dim) -> Dim:
        """How many elements hold ``elements`` for every chunk there can be."""

    def launch(self, step: Scope, name: str, scope: Scope, rows: Dim, work: Dim, partials: list[Partial]) -> list[str]:
        """The lines of the step that run region ``name`` over ``rows``, each ``work`` tenths of a nanosecond, and combine."""


class Target(Protocol):
    """A kind of machine."""

    @property
    def keeps_elements(self) -> bool:
        """Whether a costly element that a later sweep needs again is kept rather than computed again."""

    def region(self, name: str, lines: list[str], numbers: tuple[str, ...] = ()) -> list[str]:
        """A function with this body, marked as a region; ``numbers`` are further integers it is launched with."""

    def arguments(self, first: int, words: list[int]) -> list[str]:
        """The lines of the step that copy ``words`` of the table side by side to ``first``."""

    def walk(self, space: tuple[Dim, ...], accesses: list[Linear], loop: Loop | None = None) -> Walk:
        """How to go through ``space``, for ``loop`` where it is one's."""

    def loop(self, step: Scope, item: Loop, name: str) -> list[str]:
        """The lines of the step for a loop over a space; writes its regions, too."""

    def loops(self, step: Scope, items: list[tuple[Loop, str]]) -> list[str]:
        """The same for loops, and the names of their regions, that may run in any order or at once."""

    def alone(self, step: Scope, name: str, write: Callable[[Scope], list[str]]) -> list[str]:
        """The lines of the step for ``write(scope)``, which is done once, without a loop."""

    def other(self, step: Scope, item: Step, name: str) -> list[str]:
        """The lines of the step for what is not made of loops; writes its regions, too."""

    def check(self, step: Scope, flag: Node, status: int) -> list[str]:
        """The lines of the step that end it with ``status`` where ``flag`` is true."""
