"""The one ambient value of the library: the builder that ops emit into."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracejit.ir.builder import Builder

CURRENT: ContextVar[Builder | None] = ContextVar("current builder", default=None)

GOING_ON: list[None] = []
"""An element for each builder that is current anywhere in the process; most of the time there is none."""

active = CURRENT.get
"""The current builder, or None."""


def current() -> Builder:
    """The current builder, which there must be."""
    builder = active()
    assert builder is not None, "an op was applied to nodes outside a builder"
    return builder


class using:
    """Make ``builder`` current, or none. A class, as a generator would cost as much as a small operation."""

    __slots__ = ("_builder", "_token")

    def __init__(self, builder: Builder | None) -> None:
        self._builder = builder

    def __enter__(self) -> None:
        GOING_ON.append(None)  # first: whoever finds this empty need not ask whether there is a current builder
        self._token = CURRENT.set(self._builder)

    def __exit__(self, *error: object) -> None:
        CURRENT.reset(self._token)
        GOING_ON.pop()
