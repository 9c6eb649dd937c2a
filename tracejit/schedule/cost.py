"""The cost model, as far as it shapes programs: what an element costs, and from when on work is shared.

What is fused, what is computed again, how work is cut into chunks and tiles rests on the constants here, which are the same
everywhere. So a graph has one source and one result on every machine and for any number of threads, and caches fit. What a
machine really does is measured once (``runtime/machine.py``) and serves predictions only (``roofline.py``).
"""

from __future__ import annotations

import re

from tracejit.ir import Node
from tracejit.ops.row import Op

PLAIN, VECTOR_MATH, LONG_MATH, LOAD = 1, 8, 40, 1
"""What an element of float32 takes, in tenths of a nanosecond of one core."""
MULTIPLICATIONS = 4
"""Of products, with their additions, in a tenth of a nanosecond."""
PARALLEL_FROM = 600_000
"""Sequential work, in tenths of a nanosecond, that pays for waking threads."""
MOST_CHUNKS, LEAST_CHUNK = 64, 163_840
"""A loop is cut into at most so many chunks, of at least so many tenths of a nanosecond."""
MOST_TOGETHER = 1 << 15
"""Elements of an update that waits for others, so that all are one launch: what its gradient takes stays in the cache."""
LEAST_TILED = 1 << 22
"""Multiplications of the smallest product that is cut into tiles."""
MOST_TILES = 64
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


def is_heavy(node: Node) -> bool:
    """Whether computing an element again costs more than storing and loading it."""
    return cost(node) > PLAIN + 4 * LOAD


def functions(node: Node) -> list[int]:
    """The prices of the functions in the scalar source of ``node``."""
    if not isinstance(node.op, Op):
        return []
    words = [w for w in _CALL.findall(node.op.expr) if w not in CHEAP_WORDS and not re.fullmatch(r"[biufc]\d+", w)]
    return [LONG_MATH if w in LONG_WORDS else VECTOR_MATH for w in words]


def tiles_of(multiplications: int) -> int:
    """Tiles of a product: 1, 2 from ``LEAST_TILED``, then twice as many for each factor of four; a tile takes 100 µs and more."""
    if multiplications < LEAST_TILED:
        return 1
    return min(1 << max(1, (multiplications.bit_length() - 23) // 2), MOST_TILES)
