"""Page-locked memory of the host, through which small copies go to a device."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

LARGEST = 65536
"""Bytes: a longer copy takes longer than to wait for it."""
SIZE = 8 * LARGEST
_ALIGNMENT = 16


class Staging:
    """Where the copies of one stream begin; any number of threads may use it.

    CUDA may have a copy from pageable memory wait for all work of its stream. One from page-locked memory returns at once, and
    reads when its turn comes. So what is to be sent is written here first. The memory has two halves: when one is full, the
    other one is written again, once the copies from it are done.

    Args:
        memory: uint8[SIZE], page-locked.
        copy: ``copy(target, source, nbytes)`` asks for a copy to the device by the addresses.
        mark: Gives what waits for the copies that were asked for so far.
    """

    def __init__(
        self, memory: NDArray[np.uint8], copy: Callable[[int, int, int], None], mark: Callable[[], Callable[[], None]]
    ) -> None:
        self._memory, self._copy, self._mark = memory, copy, mark
        self._address: int = memory.ctypes.data
        self._half = memory.size // 2
        self._begin = self._at = 0  # of the half that is being written, and the next place in it
        self._done: Callable[[], None] | None = None  # waits for the copies from the other half
        self._lock = threading.Lock()

    def send(self, target: int, source: np.ndarray) -> None:
        """Copy a contiguous array of ``LARGEST`` bytes at most to an address; it may change as soon as this returns."""
        nbytes = source.nbytes
        with self._lock:
            if self._at + nbytes > self._begin + self._half:
                done, self._done = self._done, self._mark()
                self._begin = self._at = self._half - self._begin
                if done is not None:
                    done()
            at = self._at
            self._memory[at : at + nbytes] = source.reshape(-1).view(np.uint8)
            self._copy(target, self._address + at, nbytes)
            self._at = at - -nbytes // _ALIGNMENT * _ALIGNMENT
