"""What ``compare`` returns: text in a terminal, HTML in a notebook, JSON, and a truth."""

from __future__ import annotations

import html
import json
import os
from dataclasses import dataclass

from tracejit.ir import Where


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
        line = f"{os.path.basename(self.where.file)}:{self.where.line}: {self.where.text}"
        return f"  {self.name}: {self.text}\n    at {'reverse of ' if self.where.reverse else ''}{line}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What :func:`compare` found; true where the programs are the same.

    Attributes:
        same: Whether they are.
        names: Of the functions.
        difference: In words, where they differ.
        sides: What each of them does there.
        inputs: Names of the inputs that stand for one another.
        notes: What differs without making another program.
        operations: How many different operations they have in common.
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
            lines = [f"{f} and {g} are the same program: {self.operations} operations"]
        else:
            lines = [f"{f} and {g} differ: {self.difference}", *map(str, self.sides)]
        lines += [f"  {a} of {f} is {b} of {g}" for a, b in self.inputs if a != b]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def json(self) -> str:
        """The result as JSON."""
        sides = [{"name": s.name, "text": s.text, "where": s.where and str(s.where)} for s in self.sides]
        data = {"same": self.same, "difference": self.difference, "sides": sides, "inputs": self.inputs, "notes": self.notes}
        return json.dumps({"title": f"{self.names[0]} and {self.names[1]}", "data": data}, indent=1)
