"""The row that random numbers come from: a counter in, bits out."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from tracejit.ops.indexing import INDEX
from tracejit.ops.row import Domain, elementwise

BITS = np.dtype(np.uint32)
ROUNDS = 10
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_SWEEP = 4096  # blocks at a time, which stay in the cache
COUNTER = Domain(0, 1000, "i")


def _dtypes(index: Any, seed: Any, draw: Any) -> tuple[np.dtype, ...]:
    return (INDEX, INDEX, INDEX, BITS)


@elementwise("philox({index}, {seed}, {draw})", COUNTER, COUNTER, COUNTER, resolve=_dtypes)
def philox(index: Any, seed: Any, draw: Any) -> Any:
    """32 random bits that depend on the three numbers alone, u32: word ``index`` of stream ``draw`` of ``seed``.

    Word ``index % 4`` of Philox4x32-10 for the counter ``(index // 4, draw)`` and the key ``seed``, each in two halves of 32
    bits, the low one first. The numbers count as unsigned. No derivative: integers have none.

    Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC11, section 3.3.
    """
    index, seed, draw = (np.asarray(x, INDEX).view(np.uint64) for x in (index, seed, draw))
    block, lane = index >> np.uint64(2), (index & np.uint64(3)).astype(np.intp)
    if index.size and (seed == seed.flat[0]).all() and (draw == draw.flat[0]).all():
        first, last = block.min(), block.max()
        if last - first < index.size:  # neighbours share blocks: compute each block once
            count = int(last - first) + 1
            table = (_small_table if count <= _SWEEP else _table)(int(first), count, seed.flat[0], draw.flat[0])
            return table[(block - first).astype(np.intp), lane]
    return np.choose(lane, _words(block, seed, draw)).astype(BITS)


def _table(first: int, count: int, seed: np.uint64, draw: np.uint64) -> np.ndarray:
    """The words of neighbouring blocks, u32[count, 4]."""
    out = np.empty((count, 4), BITS)
    for begin in range(0, count, _SWEEP):
        part = out[begin : begin + _SWEEP]
        blocks = np.arange(len(part), dtype=np.uint64) + np.uint64(first + begin)
        part.T[:] = _words(blocks, seed, draw)
    return out


_small_table = lru_cache(maxsize=8)(_table)  # the words of one number are asked for one by one


def _words(block: Any, seed: Any, draw: Any) -> tuple[Any, Any, Any, Any]:
    """The words of each block, in u64: ten rounds of two products, whose halves change places and are mixed with the key."""
    c0, c1, c2, c3 = block & _LOW, block >> _HALF, draw & _LOW, draw >> _HALF
    k0, k1 = seed & _LOW, seed >> _HALF
    for _ in range(ROUNDS):
        left, right = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (right >> _HALF) ^ c1 ^ k0, right & _LOW, (left >> _HALF) ^ c3 ^ k1, left & _LOW
        k0, k1 = (k0 + _WEYL[0]) & _LOW, (k1 + _WEYL[1]) & _LOW
    return c0, c1, c2, c3
