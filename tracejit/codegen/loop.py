"""A fused loop as a region: the one emitter of scalar bodies.

A region works on the rows ``begin..end``. For each row it runs sweeps over the inner axes (see ``levels``). What an earlier
sweep computed is computed again where that is cheap, and read back where it is not. Reductions over rows leave a partial result
a chunk, which the step combines in the order of the chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tracejit.codegen.axes import nest
from tracejit.codegen.levels import Levels
from tracejit.codegen.places import Places
from tracejit.codegen.scalars import scalar_expression
from tracejit.codegen.scope import File, Scope, indent
from tracejit.codegen.text import comment, literal, times, total, wrapped
from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.ir.spec import dtype_code
from tracejit.schedule import Loop
from tracejit.schedule.access import Linear, Read, contiguous_source, kind, row_major
from tracejit.schedule.cost import LOAD, cost
from tracejit.schedule.fuse import input_role, is_scalar, reads_of

MOST_CHUNKS = 64  # the prelude's grain_of makes no more


@dataclass(frozen=True)
class Partial:
    """The partial results of a reduction over rows: ``elements`` of them in every chunk, ``offset`` bytes into the workspace."""

    node: Node
    offset: Dim
    elements: Dim
    start: str


class LoopEmitter:
    """Writes the region of one loop, and the lines of the step that launch it and combine its partial results."""

    def __init__(self, file: File, loop: Loop, name: str) -> None:
        self.file, self.loop, self.name = file, loop, name
        self.members = set(loop.nodes)
        self.levels = Levels(loop)
        self.scope = Scope(file)
        self.row: list[str] = []
        self.nest = nest(loop.space, loop.rows, self._accesses())
        self.places = Places(self.scope, self.nest, self.row)
        self.body: list[str] = []
        self.stores: list[str] = []
        self.tail: list[str] = []
        self.partials: list[Partial] = []
        self.head_values: dict[object, str] = {}
        self.row_values: dict[object, str] = {}
        self.values: dict[object, str] = {}  # of the sweep that is being written
        self.scratch: dict[Node, str] = {}
        self.workspace: Dim = 0
        self.sweep = 0

    def region(self) -> list[str]:
        """The lines of the region's body."""
        for sweep in range(self.levels.sweeps):
            self.sweep = sweep
            self._emit_rows(sweep)
            self._emit_sweep(sweep)
        self._emit_rows(self.levels.sweeps)
        loops = self.row if self.nest.flat else ["for r in range(end - begin):", *indent([*self.places.row_indices(), *self.row])]
        return [f'"""{self._summary()}"""', *self.scope.sizes(), *self.scope.head, *loops, *self.tail]

    def launch(self, step: Scope) -> list[str]:
        """The lines of the step; writes the region, too."""
        name = self.file.region(self.name, self.scope, self.region())
        rows = product(self.loop.space if self.nest.flat else [a.size for a in self.nest.rows])
        lines, grain = launch_lines(step, name, self.scope, rows, self._work())
        if self.partials:
            count = step.dim(rows)
            chunks = step.name("chunks")
            lines.append(f"{chunks} = ({count} + {grain} - 1) // {grain}")
            for partial in self.partials:
                lines += self._combine(partial, chunks, step)
        return lines

    # Preparation

    def _accesses(self) -> list[Linear]:
        """Everything read or written, padded to the rank of the space: what decides which axes can be one loop."""
        found = []
        for node in self.loop.nodes:
            if node in self.loop.stores:
                found.append(self._place(node) if self.levels.made(node) in ("element", "row") else Linear(0, ()))
            for r in reads_of(node):
                if kind(r.source) == "iota":
                    found.append(_iota_access(r))
                elif r.source not in self.members:
                    found.append(r.linear)
            if kind(node) == "gather":
                found.append(_gather_access(node))
        return [self._padded(x) for x in found]

    def _padded(self, access: Linear) -> Linear:
        return Linear(access.offset, access.strides + (0,) * (len(self.loop.space) - len(access.strides)))

    def _summary(self) -> str:
        names = [n.op.name for n in self.loop.nodes]
        text = " -> ".join(names if len(names) <= 8 else [*names[:4], "...", *names[-3:]])
        return f"{text} over ({', '.join(map(self.file.dim_text, self.loop.space))})."

    def _work(self) -> Dim:
        """Tenths of a nanosecond of one row, or of one element of a flat loop."""
        element = row = 0
        for node in self.loop.nodes:
            price = cost(node) + LOAD * sum(r.source not in self.members for r in reads_of(node))
            if input_role(node, self.loop.space, self.loop.rows) == "element":
                element += price
            else:
                row += price
        return element if self.nest.flat else product(a.size for a in self.nest.inner) * element + row

    # Rows and sweeps

    def _emit_rows(self, level: int) -> None:
        for node in self.loop.nodes:
            if self.levels.available.get(node) == level and self.levels.made(node) == "row":
                self._row_value(node)
        for node in self.levels.row_goals(level):
            if self.levels.made(node) == "full":
                self._accumulate(node, self.row, self.row)
            else:
                access = self._padded(Linear(0, row_major(node.shape)))
                self.row.append(f"{self.places.fixed(self.file.home(node), node, access)} = {self._row_value(node)}")

    def _emit_sweep(self, sweep: int) -> None:
        self.values, self.body, self.stores = {}, [], []
        before: list[str] = []
        for node in self.levels.goals(sweep):
            if kind(node) == "argreduce":
                self._accumulate_argument(node, before)
            elif kind(node) == "reduce":
                self._accumulate(node, before, self.body)
            else:
                self.stores.append(f"{self._stored_at(node)} = {self._element(node)}")
        for node in self.levels.saved:
            if self.levels.first[node] == sweep and node not in self.loop.stores:
                self.stores.append(f"{self._stored_at(node)} = {self._element(node)}")
        lines = [*self.body, *self.stores]
        if self.nest.flat:
            lines = ["for i in range(end - begin):", *indent(lines)]
        else:
            for axis in reversed(self.nest.inner):
                lines = [f"for {axis.var} in range({self.scope.dim(axis.size)}):", *indent(lines)]
        self.row += [*before, *lines]

    # Values

    def _operand(self, r: Read, at: str) -> str:
        source = r.source
        if kind(source) == "constant":
            return literal(source.attrs["value"], source.dtype)
        if kind(source) == "iota":
            return self._iota(r)
        if is_scalar(source):
            return self._scalar(source)
        if source in self.members:
            return self._row_value(source) if self.levels.made(source) == "row" else self._element(source)
        access = self._padded(r.linear)
        home, key = self.file.home(source), (source, access)
        if self.places.inner(access):
            assert at == "element"
            return self._defined(self.values, key, self.places.moving(home, source.dtype, access), self.body)
        if self.places.rows(access):
            return self._defined(self.row_values, key, self.places.fixed(home, source, access), self.row)
        return self._defined(self.head_values, key, self.places.fixed(home, source, access), self.scope.head)

    def _defined(self, cache: dict[object, str], key: object, expr: str, lines: list[str], note: str = "") -> str:
        if key not in cache and expr.isidentifier():
            cache[key] = expr  # a copy
        elif key not in cache:
            cache[key] = self.scope.name("v")
            lines.append(f"{cache[key]} = {expr}{note}")
        return cache[key]

    def _element(self, node: Node) -> str:
        if node not in self.values:
            again = node in self.levels.saved and self.levels.first[node] < self.sweep
            expr = self._stored_at(node) if again else self._expression(node, "element")
            self._defined(self.values, node, expr, self.body, "" if again else comment(node))
        return self.values[node]

    def _row_value(self, node: Node) -> str:
        if node not in self.row_values:
            self._defined(self.row_values, node, self._expression(node, "row"), self.row, comment(node))
        return self.row_values[node]

    def _scalar(self, node: Node) -> str:
        """A number made of numbers: computed once a chunk."""
        if node not in self.head_values:
            self._defined(self.head_values, node, self._expression(node, "head"), self.scope.head, comment(node))
        return self.head_values[node]

    def _expression(self, node: Node, at: str) -> str:
        operands = [self._operand(r, at) for r in reads_of(node)]
        if kind(node) == "gather":
            source, axis = contiguous_source(node.inputs[0]), node.attrs["axis"]
            stride = row_major(node.inputs[0].shape)[axis]
            extra = times(stride, self.scope.dim(stride), f"i64({operands[0]})")
            return self.places.computed(self.file.home(source), source, self._padded(_gather_access(node)), extra)
        return scalar_expression(node, operands, self.scope)

    def _iota(self, r: Read) -> str:
        assert r.index is not None
        (index,) = r.index
        moving = "" if index.axis is None else self.places.index(index.axis, index.scale)
        return f"{dtype_code(r.source.dtype)}({total([moving, '' if index.offset == 0 else self.scope.dim(index.offset)])})"

    # Stores and reductions

    def _stored_at(self, node: Node) -> str:
        if node in self.loop.stores:
            return self.places.moving(self.file.home(node), node.dtype, self._place(node))
        if node not in self.scratch:
            elements = product(a.size for a in self.nest.inner)
            self.scratch[node] = self._chunk_memory(node, self._claim(node, elements), elements)
        return f"{self.scratch[node]}[{self.places.position()}]"

    def _place(self, node: Node) -> Linear:
        """Where the elements of a stored node lie in its home."""
        return self.file.schedule.places.get(node, Linear(0, row_major(node.shape)))

    def _claim(self, node: Node, elements: Dim) -> Dim:
        """Room in the workspace for ``elements`` like ``node`` in every chunk: its offset in bytes."""
        offset = self.workspace
        self.workspace = offset + elements * (MOST_CHUNKS * int(node.dtype.itemsize))
        return offset

    def _chunk_memory(self, node: Node, offset: Dim, elements: Dim) -> str:
        name = self.scope.name("w")
        self.scope.head.append(f"{name} = {open_chunk(self.scope, node, offset, elements)}")
        return name

    def _accumulate(self, node: Node, before: list[str], lines: list[str]) -> None:
        """One step of a reduction: of the row's elements, of all elements, or of each column."""
        (r,) = reads_of(node)
        value = self._operand(r, "row" if lines is self.row else "element")
        value = value if r.source.dtype == node.dtype else f"{dtype_code(node.dtype)}({value})"
        start, made = literal(_op(node).identity(node.dtype), node.dtype), self.levels.made(node)
        if made == "leading":
            part = self._partial(node, product(node.shape), start)
            self.scope.head += [f"for j in range({self.scope.dim(product(node.shape))}):", f"    {part}[j] = {start}"]
            place = f"{part}[{self.places.position()}]"
            self.stores.append(f"{place} = {combined(node, place, value)}{comment(node)}")
            return
        acc = self.scope.name("a")
        (before if made == "row" else self.scope.head).append(f"{acc} = {start}")
        lines.append(f"{acc} = {combined(node, acc, value)}{comment(node)}")
        if made == "row":
            self.row_values[node] = acc
        else:
            self.tail.append(f"{self._partial(node, 1, start)}[0] = {acc}")

    def _partial(self, node: Node, elements: Dim, start: str) -> str:
        partial = Partial(node, self._claim(node, elements), elements, start)
        self.partials.append(partial)
        return self._chunk_memory(node, partial.offset, elements)

    def _accumulate_argument(self, node: Node, before: list[str]) -> None:
        (r,) = reads_of(node)
        value, dtype = self._operand(r, "element"), r.source.dtype
        best, at, take = (self.scope.name(stem) for stem in ("a", "at", "take"))
        before += [f"{best} = {literal(_op(node).identity(dtype), dtype)}", f"{at} = i64(0)"]
        (axis,) = self.nest.inner
        self.body.append(f"{take} = {_op(node).expr.format(acc=best, x=value)}{comment(node)}")
        self.body.append(f"{best} = select({take}, {value}, {best})")
        self.body.append(f"{at} = select({take}, i64({axis.var}), {at})")
        self.row_values[node] = at

    def _combine(self, partial: Partial, chunks: str, step: Scope) -> list[str]:
        node, start = partial.node, partial.start
        out = step.pointer(self.file.home(node), node.dtype, node.spec.size)
        part = step.name("w")
        opened = f"{part} = {open_chunk(step, node, partial.offset, partial.elements)}"
        if self.levels.made(node) == "full":
            return [
                f"{out}[0] = {start}",
                f"for chunk in range({chunks}):",
                f"    {opened}",
                f"    {out}[0] = {combined(node, f'{out}[0]', f'{part}[0]')}{comment(node)}",
            ]
        size = step.dim(partial.elements)
        return [
            f"for j in range({size}):",
            f"    {out}[j] = {start}",
            f"for chunk in range({chunks}):",
            f"    {opened}",
            f"    for j in range({size}):",
            f"        {out}[j] = {combined(node, f'{out}[j]', f'{part}[j]')}{comment(node)}",
        ]


def combined(node: Node, acc: str, value: str) -> str:
    """A reduction's accumulator after one more value."""
    return wrapped(_op(node).expr.format(acc=acc, x=value), node.dtype)


def open_chunk(scope: Scope, node: Node, offset: Dim, elements: Dim) -> str:
    """The expression that opens a chunk's part of the workspace."""
    nbytes = elements * int(node.dtype.itemsize)
    begin = "" if offset == 0 else scope.dim(offset)
    place = total([scope.word(scope.file.layout.workspace), begin, times(nbytes, scope.dim(nbytes), "chunk")])
    return f"{dtype_code(node.dtype)}_at({place}, {scope.dim(elements)})"


def launch_lines(step: Scope, name: str, region: Scope, rows: Dim, work: Dim) -> tuple[list[str], str]:
    """The lines of a step that run a region over ``rows``, each ``work`` tenths of a nanosecond; the name of the grain."""
    lines, first = step.file.arguments(region)
    count, price, grain = step.dim(rows), step.dim(work), step.name("grain")
    lines.append(f"{grain} = grain_of({count}, {price})")
    return [*lines, f"parallel_for({name}, table, {first}, {count}, {grain}, {price})"], grain


def _op(node: Node) -> Any:
    return node.op


def _iota_access(r: Read) -> Linear:
    """An index moves along one axis; no neighbour can share its loop."""
    assert r.index is not None
    (index,) = r.index
    rank = len(r.linear.strides)
    return Linear(index.offset, tuple(index.scale if a == index.axis else 0 for a in range(rank)))


def _gather_access(node: Node) -> Linear:
    """The part of a gather's offset that the loop axes give; the index adds the rest."""
    axis, indices = node.attrs["axis"], node.inputs[1].spec.rank
    strides = row_major(node.inputs[0].shape)
    return Linear(0, (*strides[:axis], *[0] * indices, *strides[axis + 1 :]))
