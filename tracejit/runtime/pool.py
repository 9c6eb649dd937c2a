"""Memory of programs: results that are given again once nobody can see them, and scratch space."""

from __future__ import annotations

import sys
import weakref
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

MOST_SPARES = 4
FRESH = 0x505  # flags of a new array: contiguous, owns its data, aligned, writeable
F_CONTIGUOUS = 0x2  # which some shapes are, too


def _alone() -> int:
    """The count of an array that only a caller of the form of ``take`` refers to."""
    spares = [np.empty(0)]
    array = spares.pop(0)
    return sys.getrefcount(array)


_ALONE = _alone()
COUNTS_ARE_EXACT = sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()


class OutputPool:
    """Arrays of one shape and dtype for the results of a program.

    A new array costs more than a small program, and filling a new large one costs more than the program that fills it, since
    the system hands out its pages one fault at a time. So the pool keeps the last arrays that it gave, and gives one again
    when nobody but the pool refers to it. Views, slices, memoryviews and whatever else shows the values of an array refer to
    it. One that was changed, to another shape or to be read-only, or that has weak references, is not given again. So a
    weak reference to a result may outlive the result: until the pool has given others.

    Attributes:
        shape, dtype: Of the arrays.
        spares: The arrays kept, the oldest first; ``guard/*.ll`` does here what ``take`` means.
    """

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.spares: list[NDArray[Any]] = []

    def take(self) -> NDArray[Any]:
        """An array that nobody else can see, its values arbitrary. Any number of threads may call."""
        spares = self.spares
        for _ in range(len(spares) if COUNTS_ARE_EXACT else 0):
            try:
                array = spares.pop(0)  # one step under the GIL: from here on no other thread finds it
            except IndexError:
                break
            if sys.getrefcount(array) == _ALONE and self._is_unchanged(array):
                spares.append(array)  # only now, when the caller's reference counts
                return array
            spares.append(array)
        array = np.empty(self.shape, self.dtype)
        spares.append(array)
        del spares[:-MOST_SPARES]
        return array

    def _is_unchanged(self, array: NDArray[Any]) -> bool:
        is_fresh = array.flags.num & ~F_CONTIGUOUS == FRESH and not weakref.getweakrefcount(array)
        return is_fresh and array.dtype is self.dtype and array.shape == self.shape


class Arena:
    """Scratch memory of one program, aligned to 64 bytes, grown on demand and reused by every call.

    Calls hold the GIL, so the calls of one program never overlap. No table may hold its address when it grows.
    """

    ALIGNMENT = 64

    def __init__(self) -> None:
        self._memory: NDArray[np.uint8] = np.empty(0, np.uint8)

    def address(self, nbytes: int) -> int:
        """Address of at least ``nbytes`` bytes, aligned; addresses given before are void once it has grown."""
        if nbytes + self.ALIGNMENT > self._memory.size:
            self._memory = np.empty(0, np.uint8)  # first, so that old and new never exist together
            self._memory = np.empty(nbytes + self.ALIGNMENT, np.uint8)
        return -(-self._memory.ctypes.data // self.ALIGNMENT) * self.ALIGNMENT

    @property
    def nbytes(self) -> int:
        return self._memory.size
