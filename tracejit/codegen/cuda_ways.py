"""Which way a loop of the GPU goes through its points: as they lie, in tiles; where that hangs on sizes, either."""

from __future__ import annotations

from tracejit.codegen.cuda_tiles import TileEmitter, narrow_test, tile_walk
from tracejit.codegen.loop import LoopEmitter
from tracejit.codegen.scope import Scope, indent
from tracejit.schedule import Loop


def loop(step: Scope, item: Loop, name: str) -> list[str]:
    """The lines of the step for a loop; writes its regions, too."""
    direct = LoopEmitter(step.file, item, name)
    tiles = tile_walk(direct.nest, [access for _, access in direct.accesses]) if item.rows is None else None
    narrow = narrow_test(tiles, step) if tiles else None
    if tiles is None or narrow is None:
        return direct.launch(step)
    lines = TileEmitter(step.file, item, name, tiles).launch(step)
    if not narrow:
        return lines
    return [f"if {narrow}:", *indent(LoopEmitter(step.file, item, f"{name}_narrow").launch(step)), "else:", *indent(lines)]
