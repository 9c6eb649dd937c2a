"""Results of device programs: arrays that are given again once nobody can see them."""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from tracejit.runtime.device import DeviceArray
from tracejit.runtime.pool import COUNTS_ARE_EXACT, MOST_SPARES

if TYPE_CHECKING:
    from tracejit.runtime.cuda.driver import Driver

LARGEST = 1 << 20  # bytes; what is larger takes longer to fill than to allocate


class ResultPool:
    """Device arrays of one shape and dtype for the results of a program; its callers hold a lock.

    Making an array takes longer than launching a graph, and a result at an address of before finds what was made for that
    address. So the pool keeps the last small arrays that it gave, and gives one again when nobody but the pool refers to it or
    to its memory, as views do. One that was exported is never given again: what another library holds does not show here; nor
    is one that was made read-only. The memory names the stream that used it last, as all memory does.

    Args:
        driver: Where the memory comes from.
        shape: Of the arrays.
        dtype: Of the arrays.
        purpose: For the ledger.
    """

    def __init__(self, driver: Driver, shape: tuple[int, ...], dtype: np.dtype, purpose: str) -> None:
        self._driver, self._shape, self._dtype, self._purpose = driver, shape, dtype, purpose
        self._nbytes = int(np.prod(shape, dtype=object)) * dtype.itemsize
        self.spares: list[DeviceArray] = []

    def take(self, stream: int) -> DeviceArray:
        """An array that nobody else can see, for work on a stream.

        Raises:
            DeviceMemoryError: There is no memory left.
        """
        for array in self.spares:
            if sys.getrefcount(array) == _ALONE and _is_unseen(array):
                return array
        made = DeviceArray(self._driver.allocate(self._nbytes, self._purpose, stream), self._shape, self._dtype)
        if self._nbytes <= LARGEST and COUNTS_ARE_EXACT:
            self.spares.append(made)
            del self.spares[:-MOST_SPARES]
        return made


def _is_unseen(array: DeviceArray) -> bool:
    memory: Any = array.memory
    is_alone = sys.getrefcount(memory) == _ALONE and not weakref.getweakrefcount(array)
    return is_alone and not memory.shown and array.flags.writeable


def _alone() -> int:
    """The count of an object that only one container refers to, asked as above."""
    for element in [object()]:
        count = sys.getrefcount(element)
    return count


_ALONE = _alone()
