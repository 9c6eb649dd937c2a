"""The cost model: what work is priced at, and every figure by which programs are shaped or run.

There are two kinds of decision.

*What a program is* rests on the constants of this file, which are the same on every machine: what is fused, what is computed
again rather than stored, which loops go in lanes or tiles, how rows are cut into chunks and products into tiles. So a graph
has one source and one result everywhere and for any number of threads, sizes may stay unknown, and caches fit. Only ratios
matter here, and these hardly differ between processors: a function costs several additions, memory several loads.

*Whether threads are woken* is decided while the program runs, from the price of a loop of these sizes, and changes no bit:
chunks do not depend on who computes them. ``PARALLEL_FROM`` can be the same everywhere, too: a worker that wakes too late is
not waited for, so that near that price threads gain or lose little.

What this machine really does is measured once (``runtime/machine.py``). From these rates ``roofline.py`` predicts what each
step should take; ``explain()`` and ``profile()`` print that beside measured times. No program and no result depends on it.
"""

from __future__ import annotations

import re

from tracejit.ir import Node
from tracejit.ops.row import Op
from tracejit.schedule.fuse import input_role, reads_of
from tracejit.schedule.schedule import Loop

# Prices

PLAIN, VECTOR_MATH, LONG_MATH, LOAD = 1, 8, 40, 1
"""What an element of float32 takes, in tenths of a nanosecond of one core, from memory; in the cache it is a quarter of that."""
MOST_REPEATED = 8
"""Operations that a later sweep over a row repeats rather than reading their result."""
MOST_AGAIN = 8 * PLAIN + VECTOR_MATH
"""What is computed a second time, at most, rather than stored for a later step: some arithmetic and one function. A large array
that is stored goes to memory and comes back, which takes several times as long as an exponential."""
SORTED = 50
"""What an element of a long row takes to be sorted, in tenths of a nanosecond."""
SORTED_TOGETHER, SORTED_PARTS = 1 << 15, 16
"""Elements of a row from which on it is cut into so many parts, which threads sort together."""
SORTED_HEAD, SORTED_SPARE = 512, 16
"""Words in front of the keys of such a row; elements behind the room for a sort, which writes whole vectors."""
MULTIPLICATIONS = 4
"""Of products, with their additions, in a tenth of a nanosecond."""

# Threads

PARALLEL_FROM = 600_000
"""Sequential work, in tenths of a nanosecond, that pays for waking threads."""
MOST_CHUNKS, LEAST_CHUNK = 64, 163_840
"""A loop is cut into at most so many chunks, of at least so many tenths of a nanosecond."""
MOST_DEPTH = 32
"""Of numbers that are made of numbers, and recomputed wherever they are read, before one is stored."""
FEW, MOST_WRITTEN_OUT = 8, 64
"""Elements of a small array, and operations on all of them, at most, that are written out in the step rather than looped over."""
MOST_TOGETHER = 1 << 15
"""Elements of an update that waits for others, so that all are one launch: what its gradient takes stays in the cache."""
LEAST_TILED = 1 << 20
"""Multiplications of the smallest product that is cut into tiles; one thread takes 5 to 20 µs for them."""
TILED_IN_BATCH = 1 << 22
"""Multiplications from which on the products of a batch run one after the other, each on all threads, and not side by side."""
MOST_TILES = 64

# Ways through a loop: bytes are those of the largest element in it

SHORT_SUM, SHORT_MATH, SHORT_SEARCH = 32, 96, 256
"""Bytes of a row, at most, of which many go side by side in lanes: rows that are summed, computed with, searched."""
SEARCHED = 128
"""Elements of a row that are looked at before a search asks whether it is over."""
SHORT_BYTES = 512
"""Of a column in a block of such rows."""
COLUMN_BYTES = 4096
"""Of the rows side by side where rows lie across memory: what is kept of them stays in the first cache."""
TILE_ROWS, TILE_BYTES = 8, 4096
"""Rows, and bytes of each, in a tile of columns that are added up: their accumulators stay in the first cache."""
FEW_ROWS = 256
"""Rows, at most, of which a thread adds up strips of columns, rather than that each thread adds up some rows."""
CROSSED = 64
"""Rows and columns of a tile where one operand lies along the rows and another across them; 0 is for no tiles."""

# fmt: off
CHEAP_WORDS = {
    "absolute", "ceil", "copysign", "floor", "isfinite", "isinf", "isnan", "max_of", "maximum", "min_of", "minimum",
    "plus", "rint", "select", "sign", "signbit", "sqrt", "times", "trunc",
}
LONG_WORDS = {"digamma", "erfc", "floor_divide", "fmod", "gcd", "lcm", "lgamma", "nextafter", "philox", "remainder"}
# fmt: on
_CALL = re.compile(r"\b([a-z_]\w*)\(")


def cost(node: Node) -> int:
    """Cost of one element of ``node``, loads of operands not counted."""
    return PLAIN + sum(functions(node)) if isinstance(node.op, Op) else 0


def prices(loop: Loop) -> tuple[int, int]:
    """What an element of a loop takes, and what is computed once a row, loads from memory counted."""
    element = row = 0
    for node in loop.nodes:
        price = cost(node) + LOAD * sum(r.source not in loop.nodes for r in reads_of(node))
        if input_role(node, loop.space, loop.rows) == "element":
            element += price
        else:
            row += price
    return element, row


def is_heavy(node: Node) -> bool:
    """Whether computing an element again costs more than storing and loading it within a row, which is in the cache."""
    return cost(node) > PLAIN + 4 * LOAD


def functions(node: Node) -> list[int]:
    """The prices of the functions in the scalar source of ``node``."""
    if not isinstance(node.op, Op):
        return []
    words = [w for w in _CALL.findall(node.op.expr) if w not in CHEAP_WORDS and not re.fullmatch(r"[biufc]\d+", w)]
    return [LONG_MATH if w in LONG_WORDS else VECTOR_MATH for w in words]


def tiles_of(multiplications: int) -> int:
    """Tiles of a product: 1, 2 from ``LEAST_TILED``, then twice as many for each factor of four from 2^26 on."""
    if multiplications < LEAST_TILED:
        return 1
    return min(1 << max(1, (multiplications.bit_length() - 23) // 2), MOST_TILES)
