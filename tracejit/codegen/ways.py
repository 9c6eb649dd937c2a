"""Which way a loop of the CPU goes through its points: flat, row after row, rows in lanes, tiles. The sizes are in ``cost``."""

from __future__ import annotations

from tracejit.codegen.crossed import CrossedEmitter
from tracejit.codegen.lanes import LaneEmitter
from tracejit.codegen.loop import LoopEmitter
from tracejit.codegen.rows import RowEmitter
from tracejit.codegen.scope import Scope, indent
from tracejit.codegen.strips import StripEmitter
from tracejit.ir.size import product
from tracejit.schedule import Loop, cost
from tracejit.schedule.access import kind
from tracejit.schedule.fuse import input_role


def loop(step: Scope, item: Loop, name: str) -> list[str]:
    """The lines of the step for a loop: one row after the other, or many side by side; where that hangs on sizes, either."""
    direct = RowEmitter(step.file, item, name)
    if direct.nest.flat or not direct.nest.rows:
        return direct.launch(step)
    size = max(n.dtype.itemsize for n in item.nodes if input_role(n, item.space, item.rows) == "element")
    if _are_columns(direct) and cost.COLUMN_BYTES:
        return LaneEmitter(step.file, item, name, cost.COLUMN_BYTES // size).launch(step)
    if _is_crossed(direct) and cost.CROSSED:
        return CrossedEmitter(step.file, item, name, cost.CROSSED).launch(step)
    longest, length, tile = _longest(direct, size), product(a.size for a in direct.nest.inner), cost.TILE_BYTES // size
    if tile and _has_columns(direct) and not (isinstance(length, int) and length <= tile):
        return _columns(step, direct, name, tile)
    if isinstance(length, int):
        known = LaneEmitter(step.file, item, name, cost.SHORT_BYTES // size, length) if length <= longest else direct
        return known.launch(step)
    square = length == direct.nest.rows[-1].size  # where rows are short they are few
    reduces = any(kind(n) in ("reduce", "argreduce") and direct.levels.made(n) == "row" for n in item.nodes)
    if square or not longest or not reduces:
        return direct.launch(step)
    short = LaneEmitter(step.file, item, f"{name}_short", cost.SHORT_BYTES // size, longest).launch(step)
    return _either(f"{step.dim(length)} <= {longest}", short, direct.launch(step))


def _either(test: str, then: list[str], otherwise: list[str]) -> list[str]:
    return [f"if {test}:", *indent(then), "else:", *indent(otherwise)]


def _columns(step: Scope, direct: LoopEmitter, name: str, tile: int) -> list[str]:
    """The lines of the step for sums of columns: of few rows in strips, of many in tiles."""
    rows = product(a.size for a in direct.nest.rows)
    many = LaneEmitter(step.file, direct.loop, name, cost.TILE_ROWS, tile=tile)
    if not _are_only_columns(direct) or (isinstance(rows, int) and rows > cost.FEW_ROWS):
        return many.launch(step)
    few = StripEmitter(step.file, direct.loop, f"{name}_few", tile).launch(step)
    return few if isinstance(rows, int) else _either(f"{step.dim(rows)} <= {cost.FEW_ROWS}", few, many.launch(step))


def _are_only_columns(direct: LoopEmitter) -> bool:
    """Whether columns are added up, each for itself, and nothing else is done."""
    loop = direct.loop
    elements = all(input_role(n, loop.space, loop.rows) == "element" for n in loop.nodes)
    return elements and all(direct.levels.made(n) == "leading" and n.shape == loop.space[loop.rows :] for n in loop.stores)


def _has_columns(direct: LoopEmitter) -> bool:
    """Whether rows are added up element by element, so that all of them go through the same accumulators."""
    return len(direct.nest.inner) == 1 and any(direct.levels.made(n) == "leading" for n in direct.loop.nodes)


def _is_crossed(direct: LoopEmitter) -> bool:
    """Whether one operand lies along the rows and another across them, as in ``x + x.T``."""
    rows, inner = direct.nest.rows[-1].last, direct.nest.inner[-1].last
    if direct.loop.rows is not None or len(direct.nest.inner) > 1:
        return False
    strides = [(x.strides[rows], x.strides[inner]) for _, x in direct.accesses]
    return any(down == 1 and along not in (0, 1) for down, along in strides) and any(along == 1 for _, along in strides)


def _longest(direct: LoopEmitter, size: int) -> int:
    """How many elements rows can have so that many side by side are done sooner than one after the other."""
    if any(kind(n) == "argreduce" for n in direct.loop.nodes):
        return cost.SHORT_SEARCH // size
    return (cost.SHORT_MATH if any(map(cost.is_heavy, direct.loop.nodes)) else cost.SHORT_SUM) // size


def _are_columns(direct: LoopEmitter) -> bool:
    """Whether neighbours in memory are neighbouring rows rather than neighbours in a row."""
    rows, inner = direct.nest.rows[-1], direct.nest.inner[-1]
    moving = [x for _, x in direct.accesses if x.strides[rows.last] != 0 and direct.places.inner(x)]
    return any(x.strides[rows.last] == 1 for x in moving) and all(x.strides[inner.last] != 1 for x in moving)
