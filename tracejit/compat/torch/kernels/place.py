"""Place: an index as an attribute of a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

ARRAY: Final = object()
"""Stands in an index for an array, which is an operand of the kernel."""


class Place:
    """An index, equal to others that select the same.

    Args:
        index: Integers, slices, None, the ellipsis, and ARRAY.
    """

    __slots__ = ("index",)

    def __init__(self, index: Any) -> None:
        self.index = index

    def filled(self, arrays: Sequence[Any]) -> Any:
        """The index with arrays in the places of ARRAY."""
        if self.index is ARRAY:
            return arrays[0]
        if not arrays:
            return self.index
        rest = iter(arrays)
        return tuple(next(rest) if item is ARRAY else item for item in self.index)

    def opened(self) -> Place:
        """What NumPy gives an array for, and no number, where the index selects one element."""
        items = self.index if isinstance(self.index, tuple) else (self.index,)
        return self if any(item is Ellipsis for item in items) else Place((*items, Ellipsis))

    def _key(self) -> Any:
        items = self.index if isinstance(self.index, tuple) else (self.index, "alone")
        return tuple([(i.start, i.stop, i.step) if isinstance(i, slice) else i for i in items])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())
