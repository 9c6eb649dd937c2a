"""What a tape is to the traces and Variables that it listens to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from tracejit.ir import Builder, Node
from tracejit.ir.dtype import family

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


class Carried:
    """A listener that knows which values of an EagerTrace carry a derivative, for which a plain number would have none."""

    def __init__(self) -> None:
        self._nodes: set[Node] = set()

    def begin(self, sources: Iterable[Node]) -> None:
        """Differentiate by these."""
        self._nodes.update(sources)

    def __call__(self, node: Node) -> None:
        if node.op.name != "stop_gradient" and family(node.dtype) in "fc" and not self._nodes.isdisjoint(node.inputs):
            self._nodes.add(node)

    def __contains__(self, node: Node) -> bool:
        return node in self._nodes


def is_carried(builder: Builder, node: Node) -> bool:
    """Whether a function that is being differentiated computed ``node`` from what it is differentiated by."""
    return any(isinstance(x, Carried) and node in x for x in builder.listeners)


def recorders(builder: Builder) -> Iterator[Recorder]:
    """The recorders that listen to ``builder``."""
    return (x for x in builder.listeners if isinstance(x, Recorder))
