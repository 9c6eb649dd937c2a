"""The one ambient value of the library: the builder that ops emit into."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tracejit.ir.builder import Builder

_current: ContextVar[Builder | None] = ContextVar("current builder", default=None)

active = _current.get
"""The current builder, or None."""


def current() -> Builder:
    """The current builder, which there must be."""
    builder = active()
    assert builder is not None, "an op was applied to nodes outside a builder"
    return builder


@contextmanager
def using(builder: Builder) -> Iterator[Builder]:
    """Make ``builder`` current."""
    token = _current.set(builder)
    try:
        yield builder
    finally:
        _current.reset(token)
