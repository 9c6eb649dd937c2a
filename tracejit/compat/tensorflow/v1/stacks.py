"""What a statement belongs to when it does not say: the default graph and the default session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracejit.compat.tensorflow.v1.graph import Graph
    from tracejit.compat.tensorflow.v1.session import BaseSession

_graphs: ContextVar[tuple[Graph, ...]] = ContextVar("graphs that were made the default", default=())
_sessions: ContextVar[tuple[BaseSession, ...]] = ContextVar("sessions that were made the default", default=())


def graphs() -> tuple[Graph, ...]:
    """The graphs that are the default for a while, the present one last; the process's own is not among them."""
    return _graphs.get()


def get_default_session() -> BaseSession | None:
    """The session that ``eval`` and ``run`` use when they are given none; None where there is none."""
    sessions = _sessions.get()
    return sessions[-1] if sessions else None


@contextmanager
def default_graph(graph: Graph) -> Iterator[Graph]:
    """Make ``graph`` the default."""
    enter_graph(graph)
    try:
        yield graph
    finally:
        leave_graph(graph)


@contextmanager
def default_session(session: BaseSession) -> Iterator[BaseSession]:
    """Make ``session`` the default."""
    enter_session(session)
    try:
        yield session
    finally:
        leave_session(session)


def enter_graph(graph: Graph) -> None:
    """Make ``graph`` the default until it is left."""
    _graphs.set((*_graphs.get(), graph))


def leave_graph(graph: Graph) -> None:
    """Take back the last :func:`enter_graph` of ``graph``."""
    _graphs.set(_without_last(_graphs.get(), graph))


def enter_session(session: BaseSession) -> None:
    """Make ``session`` the default until it is left."""
    _sessions.set((*_sessions.get(), session))


def leave_session(session: BaseSession) -> None:
    """Take back the last :func:`enter_session` of ``session``."""
    _sessions.set(_without_last(_sessions.get(), session))


def _without_last(stack: tuple[Any, ...], item: Any) -> tuple[Any, ...]:
    for i in reversed(range(len(stack))):
        if stack[i] is item:
            return stack[:i] + stack[i + 1 :]
    return stack
