"""Steps of a few elements: straight-line code without a loop, each element written out."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product as all_of

from tracejit.codegen.scalars import Scalars, scalar_expression
from tracejit.codegen.scope import Scope
from tracejit.codegen.text import comment, literal
from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.ir.spec import dtype_code
from tracejit.schedule import Loop, Schedule, Step, Write
from tracejit.schedule.access import Linear, Read, kind, operand, row_major
from tracejit.schedule.cost import FEW, MOST_WRITTEN_OUT
from tracejit.schedule.fuse import is_scalar, reads_of

Point = tuple[int, ...]


def is_straight(schedule: Schedule, step: Step) -> bool:
    """Whether a step is written out: a number, a loop over a few elements, each for itself, or a few elements put in a place."""
    match step:
        case Loop():
            plain = all(kind(n) == "elementwise" and n.shape == step.space for n in step.nodes)
            return not step.space or (plain and is_few(step.space, len(step.nodes)))
        case Write():
            parts = parts_to_copy(schedule, step)
            return bool(parts) and all(is_few(part.shape) for part, _ in parts)
    return False


def is_few(space: tuple[Dim, ...], operations: int = 1) -> bool:
    """Whether a space is known to have few points, for so many operations on each."""
    points = product(space)
    return not space or (isinstance(points, int) and 0 < points <= FEW and points * operations <= MOST_WRITTEN_OUT)


def parts_to_copy(schedule: Schedule, step: Write) -> list[tuple[Node, Linear]]:
    """The parts of a write, and their places, that are not there already."""
    home = schedule.homes[step.node]
    sources = (operand(part).source for part, _ in step.parts)
    there = (kind(source) != "constant" and schedule.homes[source] == home for source in sources)
    return [part for part, is_there in zip(step.parts, there, strict=True) if not is_there]


def lines(scope: Scope, step: Step) -> list[str]:
    """The lines of a straight step."""
    match step:
        case Loop() if step.space:
            return _elements(scope, step)
        case Loop():
            return _number(scope, step)
    assert isinstance(step, Write), step
    found: list[str] = []
    for part, target in parts_to_copy(scope.file.schedule, step):
        found += copied(scope, operand(part), step.node, target, part.shape)
    return found


def copied(scope: Scope, source: Read, node: Node, target: Linear, space: tuple[Dim, ...]) -> list[str]:
    """``node[target] = source`` for each point of a space of a few."""
    out = scope.pointer(scope.file.home(node), node.dtype, node.spec.size)
    return [
        f"{out}[{scope.dim(_at(target, point))}] = {_loaded(scope, source, point)}{comment(node)}" for point in _points(space)
    ]


def _number(scope: Scope, item: Loop) -> list[str]:
    """A step without a space."""
    found: list[str] = []
    scalars = Scalars(scope, found)
    for node in item.stores:
        text = scalars.value(node, item.nodes)
        place = scope.file.schedule.places.get(node, Linear(0, ()))
        found.append(f"{scope.pointer(scope.file.home(node), node.dtype, 1, scope.dim(place.offset))}[0] = {text}")
    return found


def _elements(scope: Scope, item: Loop) -> list[str]:
    """A loop over a few elements."""
    found: list[str] = []
    numbers = Scalars(scope, found)
    for point in _points(item.space):
        values: dict[Node, str] = {}
        for node in item.nodes:
            operands = [_operand(scope, numbers, values, r, point) for r in reads_of(node)]
            values[node] = scope.name("v")
            found.append(f"{values[node]} = {scalar_expression(node, operands, scope)}{comment(node)}")
        for node in item.stores:
            place = scope.file.schedule.places.get(node, Linear(0, row_major(node.shape)))
            out = scope.pointer(scope.file.home(node), node.dtype, _extent(place, node.shape), scope.dim(place.offset))
            found.append(f"{out}[{scope.dim(_at(Linear(0, place.strides), point))}] = {values[node]}")
    return found


def _operand(scope: Scope, numbers: Scalars, values: Mapping[Node, str], r: Read, point: Point) -> str:
    if is_scalar(r.source):
        return numbers.value(r.source)
    return values[r.source] if r.source in values else _loaded(scope, r, point)


def _loaded(scope: Scope, r: Read, point: Point) -> str:
    if kind(r.source) == "constant":
        return literal(r.source.attrs["value"], r.source.dtype)
    if kind(r.source) == "iota":
        assert r.index is not None
        (index,) = r.index
        moving: Dim = 0 if index.axis is None else index.scale * point[index.axis]
        return f"{dtype_code(r.source.dtype)}({scope.dim(index.offset + moving)})"
    pointer = scope.pointer(scope.file.home(r.source), r.source.dtype, r.source.spec.size)
    return f"{pointer}[{scope.dim(_at(r.linear, point))}]"


def _points(space: tuple[Dim, ...]) -> list[Point]:
    return list(all_of(*(range(int(d)) for d in space)))  # type: ignore[arg-type]


def _at(place: Linear, point: Point) -> Dim:
    offset = place.offset
    for stride, index in zip(place.strides, point, strict=True):
        offset = offset + stride * index
    return offset


def _extent(place: Linear, shape: tuple[Dim, ...]) -> Dim:
    """Elements from the first to the last that lie at ``place``."""
    return _at(Linear(1, place.strides), tuple(int(d) - 1 for d in shape))  # type: ignore[arg-type]
