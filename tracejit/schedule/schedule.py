"""What a plan is made of: steps in order, and a home for every value that outlives its step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from tracejit.ir import Graph, Node, Where
from tracejit.ir.size import Dim
from tracejit.ir.text import call_text, node_names
from tracejit.schedule.access import Linear, Read


@dataclass(frozen=True, slots=True)
class Home:
    """Where a value lives: the buffer of a graph input, a returned buffer, or a slot of the arena."""

    kind: Literal["input", "output", "slot"]
    number: int

    def __str__(self) -> str:
        return f"{self.kind} {self.number}"


@dataclass(frozen=True, eq=False)
class Loop:
    """Elementwise nodes and reductions in one sweep over ``space``, or in several sweeps over each row of it.

    Attributes:
        space: The iteration space.
        rows: How many leading axes of it are rows: reductions over the axes behind them are finished within the row. None
            where nothing depends on a row.
        nodes: Everything computed, each after its inputs.
        stores: The nodes that get a home.
    """

    space: tuple[Dim, ...]
    rows: int | None
    nodes: tuple[Node, ...]
    stores: tuple[Node, ...]


EPILOGUES = ("bias", "relu", "gelu", "bias_relu", "bias_gelu")


@dataclass(frozen=True, slots=True)
class Epilogue:
    """What a library does to each element of a product before it is stored, for others that would read it just for that.

    Attributes:
        name: One of ``EPILOGUES``; gelu in its form with tanh.
        bias: What is added, a stored vector as long as a row.
        nodes: What that computes, each after its inputs. The last one is what the step stores.
    """

    name: str
    bias: Node | None
    nodes: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Gemm:
    """A product of matrices: ``matmul(x, y)``, or ``matmul_update(c, x, y, scale)`` into what ``c`` holds."""

    node: Node
    epilogue: Epilogue | None = None

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (self.node, *(self.epilogue.nodes if self.epilogue else ()))

    @property
    def stores(self) -> tuple[Node, ...]:
        return self.nodes[-1:]


@dataclass(frozen=True, eq=False)
class _Single:
    """A step that computes one node."""

    node: Node

    @property
    def nodes(self) -> tuple[Node, ...]:
        return (self.node,)

    @property
    def stores(self) -> tuple[Node, ...]:
        return (self.node,)


@dataclass(frozen=True, eq=False)
class Write(_Single):
    """``node`` is put together from parts, each stored through an affine map of its own axes; later parts cover earlier ones."""

    parts: tuple[tuple[Node, Linear], ...]


class Scatter(_Single):
    """``node = x`` with ``updates`` added at ``indices`` along an axis."""


class Scan(_Single):
    """A recurrence along an axis."""


class Sort(_Single):
    """Elements, or their places, in order along the last axis."""


Step = Loop | Gemm | Write | Scatter | Scan | Sort


@dataclass(frozen=True, slots=True)
class Check:
    """Where ``flag`` (a stored b1 scalar) is true the program stops with a status that says so, before any update."""

    flag: Node
    size: Dim
    where: Where | None


@dataclass(frozen=True, slots=True)
class Slot:
    """Memory of the arena for values that do not live together.

    Attributes:
        nbytes: Its size.
        since: Number of the first step that writes to it.
        until: Number of the last step that reads it. Slots that do not live together may lie in the same place.
    """

    nbytes: Dim
    since: int
    until: int


@dataclass(frozen=True, eq=False)
class Schedule:
    """The plan of one program.

    Attributes:
        graph: What is computed, in the form that was planned: every root is a stored node of its own.
        steps: In order of execution.
        homes: Of every stored node and every input.
        places: Of the stored nodes that are parts of a larger value, where in its home their elements lie.
        slots: Of the arena.
        copies: Updates that could not be made in place: ``(input, node)``, done after all steps.
        checks: Conditions under which the program stops.
        separate: Of products that a loop goes on with where the library might have, why it does not.
    """

    graph: Graph
    steps: tuple[Step, ...]
    homes: Mapping[Node, Home]
    places: Mapping[Node, Linear]
    slots: tuple[Slot, ...]
    copies: tuple[tuple[Node, Node], ...]
    checks: tuple[Check, ...]
    separate: Mapping[Node, str] = field(default_factory=dict)

    def __str__(self) -> str:
        flags = tuple(c.flag for c in self.checks)
        names = node_names(replace(self.graph, outputs=self.graph.outputs + flags))
        arena = " + ".join(str(slot.nbytes) for slot in self.slots) or "0"
        lines = [f"schedule of {self.graph.name}: {len(self.steps)} steps, arena {arena} bytes"]
        for number, step in enumerate(self.steps):
            lines.append(f"{number}: {type(step).__name__}{_details(step)}")
            for node in step.nodes:
                home = f" -> {self.homes[node]}" if node in step.stores else ""
                lines.append(f"    {names[node]}: {node.spec} = {call_text(node, names)}{home}")
        lines += [f"copy {names[value]} -> {names[target]}" for target, value in self.copies]
        return "\n".join(lines) + "\n"


def _details(step: Step) -> str:
    if isinstance(step, Gemm):
        return f", then {step.epilogue.name}" if step.epilogue else ""
    if not isinstance(step, Loop):
        return ""
    rows = "" if step.rows is None else f", {step.rows} axes of rows"
    return f" over ({', '.join(map(str, step.space))}{rows})"


__all__ = [
    "Check",
    "Epilogue",
    "Gemm",
    "Home",
    "Linear",
    "Loop",
    "Read",
    "Scan",
    "Scatter",
    "Schedule",
    "Slot",
    "Sort",
    "Step",
    "Write",
]
