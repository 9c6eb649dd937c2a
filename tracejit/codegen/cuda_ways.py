"""Which way a loop of the GPU goes: by points as they lie, in tiles, in pieces of rows; either, where that hangs on sizes."""

from __future__ import annotations

from tracejit.codegen.cuda_pieces import has_row_results, in_pieces, uncut
from tracejit.codegen.cuda_tiles import NARROW, TileEmitter, narrow_test, tile_walk
from tracejit.codegen.loop import LoopEmitter
from tracejit.codegen.scope import Scope, indent
from tracejit.schedule import Loop


def loop(step: Scope, item: Loop, name: str) -> list[str]:
    """The lines of the step for a loop; writes its regions, too."""
    direct = LoopEmitter(step.file, item, name)
    if has_row_results(direct):
        return _rows(step, direct)
    tiles = tile_walk(direct.nest, [access for _, access in direct.accesses]) if item.rows is None else None
    if tiles is None:
        return direct.launch(step)
    narrow = narrow_test(tiles, step)
    if narrow is None:
        step.file.notes.append((name, f"operands that lie across are read as they lie: a side has fewer than {NARROW} points"))
        return direct.launch(step)
    lines = TileEmitter(step.file, item, name, tiles).launch(step)
    return _either(narrow, LoopEmitter(step.file, item, f"{name}_narrow").launch(step), lines) if narrow else lines


def _rows(step: Scope, direct: LoopEmitter) -> list[str]:
    """A group of threads for each row; for pieces of them where they are few and long."""
    if reason := uncut(direct):
        step.file.notes.append((direct.name, f"each row is for one group of threads: {reason}"))
        return direct.launch(step)
    number, test, cut = in_pieces(step, direct)
    return [number, *_either(test, cut, direct.launch(step))]


def _either(test: str, then: list[str], otherwise: list[str]) -> list[str]:
    return [f"if {test}:", *indent(then), "else:", *indent(otherwise)]
