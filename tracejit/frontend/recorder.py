"""What a tape is to the traces and Variables that it listens to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tracejit.ir import Builder, Node

if TYPE_CHECKING:
    from tracejit.frontend.variable import Variable


class Recorder(ABC):
    """A listener of a builder that is told of reads of Variables, too."""

    @abstractmethod
    def __call__(self, node: Node) -> None:
        """A node was emitted."""

    @abstractmethod
    def read(self, variable: Variable, node: Node) -> Node:
        """A Variable is read, whose present value is ``node``; returns the node to use for it."""


def recorders(builder: Builder) -> Iterator[Recorder]:
    """The recorders that listen to ``builder``."""
    return (x for x in builder.listeners if isinstance(x, Recorder))
