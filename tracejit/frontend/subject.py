"""What a user points at when a program is to be drawn or compared: its graph, its schedule, and the names of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracejit.errors import ArgumentError
from tracejit.frontend.entry import Entry
from tracejit.frontend.programs import Traceable
from tracejit.ir import Graph, Node
from tracejit.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Subject:
    """A program that can be looked at.

    Attributes:
        name: Of the function.
        graph: Optimized where there is a schedule, otherwise as it was given.
        schedule: Of a compiled program.
        names: Inputs with other names than their own: paths of arguments, Variables with their scopes.
    """

    name: str
    graph: Graph
    schedule: Schedule | None = None
    names: Mapping[Node, str] = field(default_factory=dict)


def subject(x: Any, asked: str) -> Subject:
    """What there is to see of a graph, a traced function that was called, or a compiled program or other object with a graph.

    Raises:
        ArgumentError: It is none of these; ``asked`` is who asks.
        ValueError: The function has no program yet.
    """
    if isinstance(x, Graph):
        return Subject(x.name, x)
    if isinstance(x, Traceable):
        if not x.programs.entries:
            x.graph()  # says what to do
        entry = x.programs.entries[-1]
        return Subject(x.programs.name, entry.program.graph, entry.program.schedule, input_names(entry))
    if isinstance(graph := getattr(x, "graph", None), Graph):
        schedule = getattr(x, "schedule", None)
        return Subject(graph.name, graph, schedule if isinstance(schedule, Schedule) else None)
    raise ArgumentError(
        f"{asked}: got a {type(x).__name__}; it takes a graph, a program, or a traced function\n"
        "  cure: call the function once, or pass f.trace(*args)"
    )


def input_names(entry: Entry) -> dict[Node, str]:
    """The inputs of a program as the user knows them."""
    traced = entry.traced
    paths = [entry.call.leaves[i].path for i in traced.passed]
    own = [held.owner.name if held.is_variable else held.input.attrs["name"] for held in traced.held]
    return dict(zip(entry.program.graph.inputs, [*paths, *own], strict=True))
