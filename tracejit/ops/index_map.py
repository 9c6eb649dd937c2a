"""Indices as affine functions of loop axes: what views do to them, so that a view costs nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tracejit.ir.size import Dim


@dataclass(frozen=True, slots=True)
class Index:
    """``offset + scale * i[axis]``; a constant where ``axis`` is None."""

    axis: int | None
    scale: Dim = 1
    offset: Dim = 0

    def then(self, scale: Dim, offset: Dim) -> Index:
        """``offset + scale * self``."""
        return Index(self.axis, self.scale * scale, self.offset * scale + offset)


ZERO = Index(None, 0, 0)


@cache
def identity(rank: int) -> tuple[Index, ...]:
    """The index of an element of a ``rank``-dimensional value by loops over that value's own axes."""
    return tuple(Index(axis) for axis in range(rank))
