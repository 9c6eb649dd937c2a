"""How many blocks and threads a kernel gets: from sizes alone, so that results depend on nothing else. Words of the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tracejit.codegen.cuda_pieces import FEW_ROWS, LEAST_PIECE, MOST_PIECES
from tracejit.codegen.cuda_sorts import RUN
from tracejit.codegen.cuda_steps import MOST_CHUNKS, ROOM
from tracejit.codegen.cuda_tiles import LEVELS, SIDE

WARP = 32
BANDED = 1024  # blocks that are enough for a GPU: more bands of rows only leave more partial results
LEAST_BAND = 4  # rows of one thread
GRIDS = ("flat_grid", "row_grid", "touching_grid", "column_grid", "tile_grid", "scan_grid", "sort_grid", "pieces_of")
Threads = int | tuple[int, int]


def next_power(number: int) -> int:
    """The least power of two that is not below ``number``, at least 1."""
    return 1 << max(0, int(number) - 1).bit_length()


@dataclass(frozen=True)
class Geometry:
    """Sizes of a launch.

    Attributes:
        block: Threads of a block that has no reason for another number.
        most_lanes: Threads that share one row, at most.
        most_blocks: More work than these have is done in their loops.
        least_piece: Points of a row that are worth a group of threads, where several share the row one behind the other.
    """

    block: int = 256
    most_lanes: int = 512
    most_blocks: int = 4096
    least_piece: int = LEAST_PIECE

    def flat_grid(self, total: int, each: int = 1) -> tuple[int, Threads]:
        """Blocks and threads for ``total`` points, of which a thread takes ``each`` at once."""
        return max(1, min(-(-int(total) // (self.block * each)), self.most_blocks)), self.block

    def row_grid(self, rows: int, length: int, kept: int, each: int = 1) -> tuple[int, Threads]:
        """Blocks, and lanes and groups of each, for ``rows`` of ``length`` points; each group keeps ``kept`` numbers.

        A short row gets a part of a warp, a medium one a warp, a long one a block: sixteen points or more to each lane.
        """
        lanes = min(next_power(-(-length // each)), WARP)
        if length > WARP * WARP or (length > 4 * WARP and rows < self.block):
            lanes = min(max(next_power(length // 16), 4 * WARP), self.most_lanes)
        together = max(1, min(self.block // lanes, int(rows))) if lanes <= WARP else 1
        most = MOST_CHUNKS + ROOM // kept if kept else self.most_blocks * together
        blocks = min(-(-rows // together), self.most_blocks, max(1, most // together))
        return max(1, int(blocks)), (lanes, together)

    def touching_grid(self, rows: int, length: int, kept: int) -> tuple[int, Threads]:
        """The same where neighbouring rows lie side by side: many of them get a lane each, few ones warps."""
        if rows < self.block * WARP:
            return self.row_grid(rows, length, kept)
        most = MOST_CHUNKS + ROOM // kept if kept else self.most_blocks * self.block
        return max(1, min(-(-int(rows) // self.block), self.most_blocks, most // self.block)), (1, self.block)

    def column_grid(self, rows: int, columns: int) -> tuple[int, Threads]:
        """Blocks, and lanes and levels of each, for ``columns`` of ``rows`` points: a tile of columns for each band of rows."""
        lanes = min(next_power(columns), WARP)
        tiles, levels = tiles_of(columns, lanes), self.block // lanes
        bands = min(BANDED // tiles, -(-int(rows) // (levels * LEAST_BAND)), MOST_CHUNKS + ROOM // max(columns, 1))
        return tiles * max(1, int(bands)), (lanes, levels)

    def tile_grid(self, planes: int, down: int, along: int) -> tuple[int, Threads]:
        """The same for ``planes`` of ``down`` rows and ``along`` columns: a block for each tile, a warp for some of its rows."""
        tiles = int(planes) * tiles_of(down, SIDE) * tiles_of(along, SIDE)
        return max(1, min(tiles, self.most_blocks)), (SIDE, LEVELS)

    def scan_grid(self, rows: int, length: int) -> tuple[int, Threads]:
        """The same for recurrences, of which a lane takes four points at once and needs many registers for them."""
        blocks, threads = self.row_grid(rows, length, 0, 4)
        lanes, together = (threads, 1) if isinstance(threads, int) else threads
        return blocks, (min(lanes, self.block), together)

    def sort_grid(self, rows: int, length: int) -> tuple[int, Threads]:
        """The same for sorts of runs: a lane for four elements, and groups that share a block's memory for one run."""
        runs = int(rows) * -(-int(length) // RUN)
        lanes = min(max(next_power(min(length, RUN)) // 4, 1), self.block)
        together = max(1, min(self.block // lanes, runs)) if lanes <= WARP else 1
        return max(1, min(-(-runs // together), self.most_blocks)), (lanes, together)

    def pieces_of(self, rows: int, length: int) -> int:
        """Into how many pieces each row is cut: more where there are few rows."""
        most = MOST_PIECES // max(int(rows), 1) if rows <= FEW_ROWS else 1
        return max(1, min(most, int(length) // self.least_piece))

    def words(self) -> dict[str, Any]:
        """What the host's part of a generated file asks."""
        grids = {name: getattr(self, name) for name in GRIDS}
        return grids | {"chunks_of": chunks_of, "bands_of": bands_of}


def tiles_of(columns: int, lanes: int) -> int:
    """How many tiles of ``lanes`` columns there are, at least one."""
    return max(1, -(-int(columns) // lanes))


def bands_of(blocks: int, threads: Threads, columns: int) -> int:
    """How many bands of rows a launch has."""
    lanes = threads if isinstance(threads, int) else threads[0]
    return blocks // tiles_of(columns, lanes)


def chunks_of(blocks: int, threads: Threads) -> int:
    """The number of groups of a launch."""
    return blocks * (1 if isinstance(threads, int) else threads[1])
