"""name_scope: names of groups of operations and Variables, for drawings, event files and listings.

The scope belongs to the builder that is current, so that each trace has its own. Outside of any, where only Variables can be
made, it belongs to the thread. No meaning of a program depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tracejit.errors import ArgumentError
from tracejit.ir.ambient import active

_outside: ContextVar[str] = ContextVar("name scope outside of traces", default="")


@contextmanager
def name_scope(name: str | None) -> Iterator[str]:
    """Put what is made inside under ``name``: operations of traced functions, and the names of new Variables.

    ::

        with tj.name_scope("dense"):
            w = tj.Variable(np.ones(3), name="w")  # dense/w

    Scopes nest, as ``mlp/dense``. A scope entered twice is the same scope. What is differentiated goes to the scope of the
    forward pass, under ``gradients``.

    Args:
        name: One name, or several joined by ``/``; None leaves all scopes that were entered before.

    Raises:
        ArgumentError: The name is empty, has an empty part, or holds characters that do not print.
    """
    if name is not None:
        _check(name)
    builder = active()
    before = scope()
    inside = "" if name is None else f"{before}/{name}" if before else name
    if builder is None:
        token = _outside.set(inside)
        try:
            yield inside
        finally:
            _outside.reset(token)
        return
    builder.scope = inside
    try:
        yield inside
    finally:
        builder.scope = before


def scope() -> str:
    """The scope that is open, such as ``mlp/dense``; empty where there is none."""
    builder = active()
    return _outside.get() if builder is None else builder.scope


def scoped(name: str) -> str:
    """``name`` under the open scope."""
    outer = scope()
    return f"{outer}/{name}" if outer else name


def _check(name: str) -> None:
    if not isinstance(name, str) or not name.isprintable() or not all(part.strip() for part in name.split("/")):
        raise ArgumentError(
            f"name_scope: got {name!r}\n  rule: a name is text that prints, or several such joined by /, none of them empty"
        )
