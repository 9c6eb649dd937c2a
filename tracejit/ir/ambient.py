"""The one ambient value of the library: the builder that ops emit into."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracejit.ir.builder import Builder

CURRENT: ContextVar[Builder | None] = ContextVar("current builder", default=None)

active = CURRENT.get
"""The current builder, or None."""


def current() -> Builder:
    """The current builder, which there must be."""
    builder = active()
    assert builder is not None, "an op was applied to nodes outside a builder"
    return builder


class using:
    """Make ``builder`` current. A class, as a generator would cost as much as a small operation."""

    __slots__ = ("_builder", "_token")

    def __init__(self, builder: Builder) -> None:
        self._builder = builder

    def __enter__(self) -> Builder:
        self._token = CURRENT.set(self._builder)
        return self._builder

    def __exit__(self, *error: object) -> None:
        CURRENT.reset(self._token)
