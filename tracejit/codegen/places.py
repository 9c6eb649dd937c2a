"""Where elements lie, as text: pointers opened at the head of a region or of a row, and indices into them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tracejit.codegen.axes import Axis, Nest
from tracejit.codegen.scope import Scope
from tracejit.codegen.text import factor, times, total
from tracejit.ir import Node
from tracejit.ir.size import Dim
from tracejit.schedule import Home
from tracejit.schedule.access import Linear, is_negative, row_major

Moving = tuple[Home, np.dtype, Linear]


class Places:
    """Addresses inside one region, whose loops are ``nest``. ``row`` collects the lines that open a row's pointers.

    Of the accesses ``known`` ahead, those to one buffer that stay a known number of elements apart share a pointer: so LLVM
    sees a stencil, or the components of a point, as what they are.
    """

    def __init__(self, scope: Scope, nest: Nest, row: list[str], known: Iterable[Moving] = ()) -> None:
        self.scope, self.nest, self.row = scope, nest, row
        self._opened: dict[object, str] = {}
        self._offsets: dict[object, list[Dim]] = {}
        for home, dtype, access in known:
            self._offsets.setdefault((home, dtype, access.strides), []).append(access.offset)

    def inner(self, access: Linear) -> list[Axis]:
        """The inner axes along which the access moves."""
        return [a for a in self.nest.inner if access.strides[a.last] != 0]

    def rows(self, access: Linear) -> list[Axis]:
        return [a for a in self.nest.rows if access.strides[a.last] != 0]

    def term(self, axis: Axis, stride: Dim) -> str:
        return times(stride, self.scope.dim(stride), axis.var)

    def index(self, axis: int, scale: Dim) -> str:
        """``scale`` times the global index along an axis of the space."""
        found = next(a for a in (*self.nest.rows, *self.nest.inner) if a.last == axis)
        return self.term(found, scale)

    def offset(self, access: Linear) -> str:
        return "" if access.offset == 0 else self.scope.dim(access.offset)

    def fixed(self, home: Home, node: Node, access: Linear) -> str:
        """An element that does not move along the inner axes."""
        pointer = self.scope.pointer(home, node.dtype, node.spec.size)
        return f"{pointer}[{total([*(self.term(a, access.strides[a.last]) for a in self.rows(access)), self.offset(access)])}]"

    def placed(self, home: Home, node: Node, access: Linear) -> str:
        """Where a row's value is stored; ``access`` says where its home has room for it."""
        extent: Dim = 1
        for a in self.rows(access):
            extent = extent + (a.size + -1) * access.strides[a.last]
        pointer = self.scope.pointer(home, node.dtype, extent, self.offset(access) or "0")
        return f"{pointer}[{total(self.term(a, access.strides[a.last]) for a in self.rows(access))}]"

    def computed(self, home: Home, node: Node, access: Linear, extra: str) -> str:
        """An element at an index that is partly data."""
        pointer = self.scope.pointer(home, node.dtype, node.spec.size)
        moving = [self.term(a, access.strides[a.last]) for a in (*self.nest.rows, *self.nest.inner)]
        return f"{pointer}[{total([*moving, extra])}]"

    def moving(self, home: Home, dtype: np.dtype, access: Linear) -> str:
        """An element that moves along inner axes, by a pointer opened where its row (or a rebased chunk) begins."""
        offsets = self._offsets.get((home, dtype, access.strides), [])
        apart = [d for d in (access.offset - offset for offset in offsets) if isinstance(d, int)]
        ahead, span = max(apart, default=0), max(apart, default=0) - min(apart, default=0)
        first = Linear(access.offset - ahead, access.strides)
        key = (home, dtype, first)
        if key not in self._opened:
            name = self._opened[key] = self.scope.pointer_name(home)
            base, size = self._flat_base(first, span) if self.nest.rebased else self._row_base(first, span)
            lines = self.scope.head if self.nest.rebased else self.row
            lines.append(f"{name} = {self.scope.open(home, dtype, size, base)}")
        terms = [self._inner_term(a, access.strides[a.last]) for a in self.inner(access)]
        return f"{self._opened[key]}[{total([*terms, str(ahead or '')])}]"

    def _flat_base(self, access: Linear, span: int) -> tuple[str, str]:
        stride = access.strides[self.nest.inner[0].last]
        first = "(end - 1)" if is_negative(stride) else "begin"
        step = stride * -1 if is_negative(stride) else stride
        size = f"(end - begin - 1) * {factor(self.scope.dim(step))} + {span + 1}"
        if step == 1:
            size = f"end - begin + {span}" if span else "end - begin"
        return total([times(stride, self.scope.dim(stride), first), self.offset(access)]), size

    def _row_base(self, access: Linear, span: int) -> tuple[str, str]:
        offset = access.offset
        extent: Dim = span + 1
        terms = [self.term(a, access.strides[a.last]) for a in self.rows(access)]
        pieces: list[str] = []
        for a in self.inner(access):
            stride = access.strides[a.last]
            down = is_negative(stride)
            if a.piece is not None:
                first = f"({a.piece.first} + {a.piece.count} - 1)" if down else a.piece.first
                terms.append(times(stride, self.scope.dim(stride), first))
                step = stride * -1 if down else stride
                if step == 1:
                    extent = extent + -1
                pieces.append(a.piece.count if step == 1 else times(step, self.scope.dim(step), f"({a.piece.count} - 1)"))
                continue
            reach = (a.size + -1) * stride
            if down:
                offset, reach = offset + reach, reach * -1
            extent = extent + reach
        size = total([*pieces, "" if extent == 0 else self.scope.dim(extent)])
        return total([*terms, "" if offset == 0 else self.scope.dim(offset)]), size

    def _inner_term(self, axis: Axis, stride: Dim) -> str:
        var = "i" if self.nest.rebased else axis.piece.index if axis.piece else axis.var
        if is_negative(stride):
            stride = stride * -1
            last = "end - begin - 1" if self.nest.rebased else f"{axis.piece.count} - 1" if axis.piece else ""
            var = f"({last or self.scope.dim(axis.size + -1)} - {var})"
        return times(stride, self.scope.dim(stride), var)

    def row_indices(self) -> list[str]:
        """The lines that find a row's index along each row axis from ``row``, where there are several."""
        rows = self.nest.rows
        lines: list[str] = []
        rest = "row"
        for axis in reversed(rows[1:]):
            size = factor(self.scope.dim(axis.size))
            lines.append(f"{axis.var} = {rest} % {size}")
            rest = f"{rest} // {size}"
        return lines if len(rows) < 2 else [*lines, f"{rows[0].var} = {rest}"]

    def position(self) -> str:
        """The position of the inner point in its row, or in each of the rows where inner loops go over a piece of these."""
        inner = [a for a in self.nest.inner if a.piece is None]
        strides = row_major(tuple(a.size for a in inner))
        return total(times(s, self.scope.dim(s), a.var) for a, s in zip(inner, strides, strict=True))
