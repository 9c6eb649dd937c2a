"""Values made from nothing but numbers and sizes."""

from __future__ import annotations

import numpy as np

from tracejit.ir import Node
from tracejit.ir.dtype import family
from tracejit.ir.size import Dim
from tracejit.ops.comparison import equal, less_equal
from tracejit.ops.composite.elementary import full, sized
from tracejit.ops.elementwise import cast, where
from tracejit.ops.indexing import INDEX, iota, positions

Number = complex | Node


def zeros(shape: tuple[Dim, ...], dtype: np.dtype) -> Node:
    """0 at every element."""
    return full(shape, 0, dtype)


def ones(shape: tuple[Dim, ...], dtype: np.dtype) -> Node:
    """1 at every element."""
    return full(shape, 1, dtype)


def eye(rows: Dim, columns: Dim, offset: int, dtype: np.dtype) -> Node:
    """1 on diagonal ``offset``, 0 elsewhere."""
    place = zeros((rows, columns), INDEX)
    return cast(equal(positions(place, 1), positions(place, 0) + offset), dtype=dtype)


def tri(rows: Dim, columns: Dim, offset: int, dtype: np.dtype) -> Node:
    """1 on and below diagonal ``offset``, 0 above."""
    place = zeros((rows, columns), INDEX)
    return cast(less_equal(positions(place, 1), positions(place, 0) + offset), dtype=dtype)


def arange(size: Dim, start: Number, step: Number, dtype: np.dtype) -> Node:
    """``start + i * step`` for ``i`` below ``size``; start and step are numbers, or nodes of rank 0 and of ``dtype``.

    Of floats the step is the difference of the first two elements, as NumPy rounds it.
    """
    if family(dtype) == "f" and not isinstance(start, Node) and not isinstance(step, Node):
        step = dtype.type(start + step) - dtype.type(start)
    place = iota(size=size, dtype=dtype)
    if isinstance(step, Node) or step != 1:
        place = place * full((size,), step, dtype)
    return place if not isinstance(start, Node) and start == 0 else full((size,), start, dtype) + place


def linspace(start: Node, stop: Node, size: Dim, endpoint: bool = True) -> Node:
    """``size`` floats from ``start`` to ``stop`` at equal distances, ``stop`` itself the last if ``endpoint``."""
    place = iota(size=size, dtype=start.dtype)
    steps = size - 1 if endpoint else size
    if steps == 0 or size == 0:
        return full((size,), start, start.dtype)
    step = (stop - start) / sized(start, steps)
    out = place * full((size,), step, start.dtype) + full((size,), start, start.dtype)
    return where(equal(place, sized(place, size - 1)), full((size,), stop, start.dtype), out) if endpoint else out
