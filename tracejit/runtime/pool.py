"""Memory of programs: results that are recycled once nobody can see them, and scratch space."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_SPARES = 4
_SMALL = 1 << 14  # bytes; below, a new array costs less than a used one, and no page faults


def _alone() -> int:
    """The count of an array that only a caller of the form of ``take`` refers to."""
    spares = [np.empty(0)]
    base = spares.pop(0)
    return sys.getrefcount(base)


_ALONE = _alone()
_COUNTS_ARE_EXACT = sys.implementation.name == "cpython" and getattr(sys, "_is_gil_enabled", lambda: True)()


class OutputPool:
    """Arrays of one shape and dtype for the results of a program.

    A fresh large array costs more than filling it, since the system hands out its pages one fault at a time. So the pool
    keeps the memory of its last results, and hands it out again when the pool alone refers to it. What is handed out is a new
    view of that memory each time: views, slices, memoryviews, weak references and changed shapes of a dropped result
    cannot be taken for the new one, and whatever still shows the old values holds the memory, which then is left alone.

    Attributes:
        shape, dtype: Of the arrays.
        recycles: Whether they are large enough for that.
        spares: The memory kept; ``guard/*.ll`` looks here first, and keeps memory of small arrays, too.
    """

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        size = self.dtype.itemsize
        for length in shape:
            size *= length
        self.recycles = size >= _SMALL and _COUNTS_ARE_EXACT
        self.spares: list[NDArray[Any]] = []

    def take(self) -> NDArray[Any]:
        """An array that nobody else can see, its values arbitrary. Any number of threads may call."""
        if not self.recycles:
            return np.empty(self.shape, self.dtype)
        spares = self.spares
        for _ in range(len(spares)):
            try:
                base = spares.pop(0)  # one step under the GIL: from here on no other thread finds it
            except IndexError:
                break
            if sys.getrefcount(base) == _ALONE:
                view = base.view()
                spares.append(base)  # only now, when the view holds it
                return view
            spares.append(base)
        base = np.empty(self.shape, self.dtype)
        view = base.view()
        spares.append(base)
        if len(spares) > _SPARES:
            del spares[:-_SPARES]
        return view


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
