"""Pictures: programs as named items in nested boxes, from which drawings and event files are made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from tracejit.errors import ArgumentError
from tracejit.frontend.subject import Subject, subject
from tracejit.ir import Graph, Node
from tracejit.ir.node import Where
from tracejit.ir.text import attr_text
from tracejit.ops.row import number
from tracejit.schedule import Schedule, plan
from tracejit.schedule.access import kind
from tracejit.transforms.passes import optimize

Scopes = Literal["names", "kernels", "both", "none"]
_SCOPES = ("names", "kernels", "both", "none")
_COMPUTED = {"elementwise", "reduce", "argreduce", "gather", "scatter", "write", "contract", "scan", "sort"}


@dataclass(frozen=True, slots=True)
class Item:
    """One node of a picture.

    Attributes:
        path: Boxes from the outside in, then a name of its own; no two items have the same.
        op: What it does.
        inputs: Paths of other items.
        shape: Sizes; None for one that is not fixed. None where there is no one result.
        label: What to write on it.
        note: Spec and the user's line.
        kernel: The step of the compiled program that computes it.
    """

    path: tuple[str, ...]
    op: str
    inputs: tuple[tuple[str, ...], ...] = ()
    shape: tuple[int | None, ...] | None = None
    label: str = ""
    note: str = ""
    kernel: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """Items, each after those that it reads.

    Attributes:
        name: Of the program.
        items: See there.
        writes: Items that overwrite others, as an assignment does a Variable.
    """

    name: str
    items: tuple[Item, ...]
    writes: Mapping[tuple[str, ...], tuple[str, ...]]


def picture(x: Any, scopes: Scopes | None = None) -> Picture:
    """The picture of a program.

    Args:
        x: A graph, a program, or a traced function, whose youngest program is drawn.
        scopes: The boxes: ``"names"``, the name scopes of the user; ``"kernels"``, the fused loops; ``"both"``, the latter in
            the former; ``"none"``. ``"both"`` when not given, for a graph that is not compiled ``"names"``. For the kernels of
            such a graph it is optimized and planned first.

    Raises:
        ArgumentError: ``x`` is no program, or ``scopes`` none of these.
    """
    if isinstance(x, Picture):
        return x
    if scopes is not None and scopes not in _SCOPES:
        raise ArgumentError(f"scopes is {scopes!r}; it is one of {', '.join(_SCOPES)}")
    shown = subject(x, "picture")
    scopes = scopes or ("names" if shown.schedule is None else "both")
    schedule = shown.schedule
    if scopes in ("kernels", "both"):
        schedule = schedule or plan(optimize(shown.graph))
    return _Painter(shown, None if scopes in ("names", "none") else schedule, scopes).paint()


class _Painter:
    """The picture of one program in the making."""

    def __init__(self, shown: Subject, schedule: Schedule | None, scopes: Scopes) -> None:
        self.shown = shown
        self.graph = shown.graph if schedule is None else schedule.graph
        self.scopes = scopes
        self.kernels = {} if schedule is None else _kernels(schedule)
        self.fused = _fused(self.graph, self.kernels)
        self.paths: dict[Node, tuple[str, ...]] = {}
        self.taken: set[tuple[str, ...]] = set()
        self.items: list[Item] = []
        self.writes: dict[tuple[str, ...], tuple[str, ...]] = {}

    def paint(self) -> Picture:
        graph = self.graph
        for node in graph.inputs:
            self._input(node)
        roots = set(graph.roots)
        for node in graph.nodes():
            if node not in self.paths and (number(node) is None or node in roots):
                self._computed(node)
        for node in graph.outputs:
            path = self._free(("result",))
            self.items.append(Item(path, "result", (self.paths[node],), _shape(node), path[-1], str(node.spec)))
        for target, value in graph.updates:
            source = self.paths[value]
            path = self._free((*source[:-1], f"assign_{self.paths[target][-1]}"))
            label = f"assign {'/'.join(self.paths[target])}"
            self.items.append(Item(path, "assign", (source,), _shape(target), label, str(target.spec)))
            self.writes[path] = self.paths[target]
        return Picture(self.shown.name, tuple(self.items), self.writes)

    def _input(self, node: Node) -> None:
        name = self.shown.names.get(node, node.attrs["name"])
        parts = _parts(name) if self.scopes in ("names", "both") else [name]
        path = self.paths[node] = self._free(tuple(parts))
        updated = any(node is target for target, _ in self.graph.updates)
        self.items.append(Item(path, "variable" if updated else "input", (), _shape(node), path[-1], str(node.spec)))

    def _computed(self, node: Node) -> None:
        boxes: list[str] = []
        if node.where is not None and self.scopes in ("names", "both"):
            boxes = ["gradients"] * node.where.reverse + _parts(node.where.scope)
        kernel = self.fused.get(node, "")
        if kernel:
            boxes.append(kernel)
        path = self.paths[node] = self._free((*boxes, node.op.name))
        inputs = tuple(self.paths[x] for x in node.inputs if number(x) is None)
        note = f"{node.spec}{_where_text(node.where)}"
        self.items.append(Item(path, node.op.name, inputs, _shape(node), _label(node), note, self.kernels.get(node, "")))

    def _free(self, path: tuple[str, ...]) -> tuple[str, ...]:
        """``path``, with a number where it is taken."""
        *boxes, own = path
        count, free = 1, path
        while free in self.taken:
            free, count = (*boxes, f"{own}_{count}"), count + 1
        self.taken.add(free)
        return free


def _kernels(schedule: Schedule) -> dict[Node, str]:
    """The step that computes each node; loops of several nodes are called fused."""
    found: dict[Node, str] = {}
    for i, step in enumerate(schedule.steps):
        name = f"fused_{i}" if sum(kind(n) in _COMPUTED for n in step.nodes) > 1 else f"step_{i}"
        for node in step.nodes:
            found.setdefault(node, name)
    return found


def _fused(graph: Graph, kernels: Mapping[Node, str]) -> dict[Node, str]:
    """The box of each node of a fused loop, and of views that nothing but this loop looks through."""
    found = {node: kernel for node, kernel in kernels.items() if kernel.startswith("fused")}
    readers: dict[Node, set[str]] = {node: {""} for node in graph.roots}
    for node in reversed(graph.nodes()):
        if node not in kernels and len(own := readers.get(node, {""})) == 1 and kind(node) != "input":
            (found[node],) = own
        for x in node.inputs:
            readers.setdefault(x, set()).add(found.get(node, ""))
    return {node: kernel for node, kernel in found.items() if kernel}


def _parts(scope: str) -> list[str]:
    return [part for part in scope.split("/") if part]


def _shape(node: Node) -> tuple[int | None, ...]:
    return tuple(d if isinstance(d, int) else None for d in node.shape)


def _label(node: Node) -> str:
    """``maximum(., 0.0)``: the name, numbers among the operands, and what else decides the result."""
    numbers = [number(x) for x in node.inputs]
    operands = ", ".join("\N{MIDDLE DOT}" if c is None else attr_text(c) for c in numbers)
    attrs = [f"{k}={attr_text(v)}" for k, v in node.attrs.items() if k not in ("shape", "key") and kind(node) != "view"]
    text = node.op.name + (f"({operands})" if any(c is not None for c in numbers) else "")
    return " ".join([text, *(a if len(a) <= 40 else f"{a[:37]}..." for a in attrs)])


def _where_text(where: Where | None) -> str:
    if where is None or not where.line:
        return ""
    name = where.file.replace("\\", "/").rsplit("/", 1)[-1]
    return f"\n{'reverse of ' if where.reverse else ''}{name}:{where.line}: {where.text}"


def cleaned(item_paths: Iterable[tuple[str, ...]], allowed: str) -> dict[tuple[str, ...], str]:
    """Each path as one name with slashes, all different, of characters that the class ``allowed`` of a pattern has."""
    names: dict[tuple[str, ...], str] = {}
    taken: set[str] = set()
    for path in item_paths:
        name = "/".join(re.sub(f"[^{allowed}]", "_", part) for part in path)
        name = name if re.match(r"[A-Za-z0-9]", name) else f"x{name}"
        free, count = name, 1
        while free in taken:
            free, count = f"{name}_{count}", count + 1
        taken.add(free)
        names[path] = free
    return names
