"""``compare``: whether two functions are the same program."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracejit.errors import ArgumentError
from tracejit.frontend.canonical import Term, Values
from tracejit.frontend.matching import matchings, resized
from tracejit.frontend.programs import Traceable
from tracejit.frontend.function import Function
from tracejit.frontend.subject import Subject, input_names, subject
from tracejit.ir import Graph, Node, Where
from tracejit.ir.text import call_text, node_names
from tracejit.transforms.passes import optimize

_MOST_MATCHINGS = 500


@dataclass(frozen=True, slots=True)
class Side:
    """What one of two programs does where they differ.

    Attributes:
        name: Of the function.
        text: The operation, or what else there is.
        where: The user's line.
    """

    name: str
    text: str
    where: Where | None = None

    def __str__(self) -> str:
        if self.where is None:
            return f"  {self.name}: {self.text}"
        reverse = "reverse of " if self.where.reverse else ""
        return f"  {self.name}: {self.text}\n    at {reverse}{os.path.basename(self.where.file)}:{self.where.line}: {self.where.text}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What :func:`compare` found; true where the programs are the same.

    Attributes:
        same: Whether they are.
        names: Of the functions.
        difference: In words, where they differ.
        sides: What each does there.
        inputs: Which inputs stand for one another.
        notes: What differs without making another program.
        operations: How many operations they have in common.
    """

    same: bool
    names: tuple[str, str]
    difference: str = ""
    sides: tuple[Side, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    operations: int = 0

    def __bool__(self) -> bool:
        return self.same

    def __str__(self) -> str:
        f, g = self.names
        if self.same:
            head = [f"{f} and {g} are the same program: {self.operations} operations"]
        else:
            head = [f"{f} and {g} differ: {self.difference}", *map(str, self.sides)]
        pairs = [f"  {a} of {f} is {b} of {g}" for a, b in self.inputs if a != b]
        return "\n".join([*head, *pairs, *(f"  {note}" for note in self.notes)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def json(self) -> str:
        """The result as JSON."""
        sides = [{"name": s.name, "text": s.text, "where": s.where and str(s.where)} for s in self.sides]
        data = {"same": self.same, "difference": self.difference, "sides": sides, "inputs": self.inputs, "notes": self.notes}
        return json.dumps({"title": f"{self.names[0]} and {self.names[1]}", "data": data}, indent=1)


def compare(f: Any, g: Any, *args: Any) -> Comparison:
    """Say whether two functions are the same program, or where they differ first.

    Both are traced and optimized. They are the same when they compute the same results and new values of Variables by the same
    operations on inputs that correspond. Names, the order of inputs, the order of commutative operands, and signs that pass
    through operations (``(x - y)**2`` and ``(y - x)**2``) make no difference; the grouping of sums and products does. Inputs
    correspond where that makes the programs equal; names and order decide which are tried first.

    Args:
        f: A function, a traced function, a graph, or an object with a graph, such as a compiled program.
        g: Another of these.
        args: Of the call to compare; without them, traced functions are compared by their youngest programs.

    Returns:
        An object that is true where they are the same, and prints what was found.

    Raises:
        ArgumentError: Something that is no program, or a function without arguments to trace it with.
    """
    first, second = _opened(f, args, "f"), _opened(g, args, "g")
    if first.name == second.name:
        first, second = _renamed(first, f"{first.name} (1)"), _renamed(second, f"{second.name} (2)")
    best: _Attempt | None = None
    for tried, (pairs, sizes) in enumerate(matchings(first, second)):
        attempt = _Attempt(first, second, pairs, sizes)
        if best is None or (attempt.same and not best.same):
            best = attempt
        if attempt.same or tried == _MOST_MATCHINGS:
            break
    return best.result() if best is not None else _without_partner(first, second)


def _opened(x: Any, args: tuple[Any, ...], which: str) -> Subject:
    """The program of one side as it was traced."""
    if callable(x) and not isinstance(x, Traceable) and not isinstance(getattr(x, "graph", None), Graph):
        if not args:
            inspected = getattr(x, "__name__", type(x).__name__)
            raise ArgumentError(f"compare: {which} is {inspected}, a function that is not traced; give arguments to trace it with")
        x = Function(x)
    if isinstance(x, Traceable):
        if args:
            x.compile(*args)
            entry = x.programs.entry_for(x._read(args, {}, specs=True))
        else:
            x.graph()
            entry = x.programs.entries[-1]
        return Subject(x.programs.name, entry.program.graph, None, input_names(entry))
    return subject(x, "compare")
