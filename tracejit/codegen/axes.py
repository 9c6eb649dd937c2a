"""Loop axes: neighbours that every access walks as one become one loop."""

from __future__ import annotations

from dataclasses import dataclass

from tracejit.ir.size import Dim, product
from tracejit.schedule.access import Linear


@dataclass(frozen=True)
class Piece:
    """The part of an axis that one loop covers: ``count`` points from ``first`` on; ``index`` counts them."""

    first: str
    count: str
    index: str


@dataclass(frozen=True)
class Axis:
    """One loop: over ``size`` points; ``last`` is the innermost of the space's axes that it stands for."""

    size: Dim
    last: int
    var: str  # the global index in the text
    piece: Piece | None = None


@dataclass(frozen=True)
class Nest:
    """How a space is walked: row axes, flattened and cut among threads, around inner loops.

    Attributes:
        flat: There is one loop, which is itself cut.
        rebased: It is, and its pointers are opened where a thread's chunk begins.
    """

    rows: tuple[Axis, ...]
    inner: tuple[Axis, ...]
    flat: bool = False
    rebased: bool = False


def nest(space: tuple[Dim, ...], rows: int | None, accesses: list[Linear], rebased: bool) -> Nest:
    """The fewest loops over ``space`` in which each access is affine; ``rows`` leading axes stay outside."""
    rank = len(space)
    if rows is None:
        groups = _collapse(space, range(rank), accesses)
        if len(groups) == 1:
            var = "(begin + i)" if rebased else "i"
            return Nest((), (Axis(product(space), groups[0][-1], var),), flat=True, rebased=rebased)
        rows = groups[-1][0]
    outer = _collapse(space, range(rows), accesses)
    inner = _collapse(space, range(rows, rank), accesses)
    row_vars = ["row"] if len(outer) == 1 else [f"row{k}" for k in range(len(outer))]
    inner_vars = ["j"] if len(inner) == 1 else [f"j{k}" for k in range(len(inner))]
    return Nest(_axes(space, outer, row_vars), _axes(space, inner, inner_vars))


def _axes(space: tuple[Dim, ...], groups: list[list[int]], names: list[str]) -> tuple[Axis, ...]:
    return tuple(Axis(product(space[a] for a in group), group[-1], name) for group, name in zip(groups, names, strict=True))


def _collapse(space: tuple[Dim, ...], axes: range, accesses: list[Linear]) -> list[list[int]]:
    groups: list[list[int]] = []
    for a in axes:
        if groups and all(x.strides[a - 1] == x.strides[a] * space[a] for x in accesses):
            groups[-1].append(a)
        else:
            groups.append([a])
    return groups
