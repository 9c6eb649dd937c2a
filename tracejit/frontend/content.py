"""Guards on what arrays hold, where Python may have read it while a function was traced."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracejit.frontend.guards import Guard


def by_content(guards: Sequence[Guard], held: Sequence[Any]) -> tuple[Guard, ...]:
    """Guards that also compare the elements of arrays which the function named and the program does not read.

    Plain Python may have read them while the function was traced, ``a[0]`` or ``a.sum()``, and left numbers in the program.
    """
    read = set(map(id, held))

    def stricter(guard: Guard) -> Guard:
        if type(guard.expected) is not np.ndarray or id(guard.expected) in read or guard.expected.dtype.hasobject:
            return guard
        return Guard(guard.access, guard.expected.copy(), same_elements)

    return tuple(map(stricter, guards))


def same_elements(value: Any, expected: np.ndarray) -> bool:
    """Whether an array is what it was, bit for bit."""
    plain = type(value) is np.ndarray and value.dtype == expected.dtype and value.shape == expected.shape
    return plain and bool(value.tobytes() == expected.tobytes())
