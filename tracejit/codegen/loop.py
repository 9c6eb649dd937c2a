"""A fused loop as a region: the one emitter of scalar bodies.

A region works on a chunk of the rows. For each row it runs sweeps over the inner axes (see ``levels``). What an earlier sweep
computed is computed again where that is cheap, and read back where it is not. Reductions over rows leave a partial result a
chunk, which are combined in the order of the chunks. How threads share rows and points is the target's (see ``target``).
"""

from __future__ import annotations

from typing import Any

from tracejit.codegen.descent import landings
from tracejit.codegen.levels import Levels
from tracejit.codegen.places import Places
from tracejit.codegen.scalars import combined, scalar_expression
from tracejit.codegen.scope import File, Scope
from tracejit.codegen.target import Partial, Walk
from tracejit.codegen.text import comment, literal, times, total
from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.ir.spec import dtype_code
from tracejit.schedule import Loop
from tracejit.schedule.access import Linear, Read, contiguous_source, kind, row_major
from tracejit.schedule.cost import prices
from tracejit.schedule.fuse import is_scalar, reads_of


class LoopEmitter:
    """Writes the region of one loop, and the lines of the step that launch it."""

    def __init__(self, file: File, loop: Loop, name: str, scope: Scope | None = None) -> None:
        self.file, self.loop, self.name = file, loop, name
        self.members = set(loop.nodes)
        self.levels = Levels(loop, file.target.keeps_elements)
        self.scope = scope or Scope(file)
        self.row: list[str] = []
        self.accesses = accesses = self._accesses()
        self.walk = self._walk([access for _, access in accesses])
        self.nest = self.walk.nest
        known = [(file.home(node), node.dtype, access) for node, access in accesses if node is not None]
        self.places = Places(self.scope, self.nest, self.row, known)
        self.body: list[str] = []
        self.stores: list[str] = []
        self.after: list[str] = []
        self.tail: list[str] = []
        self.partials: list[Partial] = []
        self.head_values: dict[object, str] = {}
        self.row_values: dict[object, str] = {}
        self.values: dict[object, str] = {}  # of the sweep that is being written
        self.bests: dict[Node, str] = {}  # values that argument reductions have found
        self.scratch: dict[Node, str] = {}
        self.workspace: Dim = 0
        self.sweep = 0

    def region(self) -> list[str]:
        """The lines of the region's body."""
        self._emit()
        loops = self.walk.rows(self.scope, [*self.places.row_indices(), *self.row])
        return [f'"""{self._summary()}"""', *self.scope.sizes(), *self.scope.head, *loops, *self.tail]

    def launch(self, step: Scope) -> list[str]:
        """The lines of the step; writes the region, too."""
        name = self.file.region(self.name, self.scope, self.region())
        rows = product(self.loop.space if self.nest.flat else [a.size for a in self.nest.rows])
        self.file.workspace.append(self.workspace)
        return self.walk.launch(step, name, self.scope, rows, self.work(), self.partials)

    # Preparation

    def _walk(self, accesses: list[Linear]) -> Walk:
        return self.file.target.walk(self.loop.space, accesses, self.loop)

    def _accesses(self) -> list[tuple[Node | None, Linear]]:
        """Everything read or written, and where it lies, padded to the rank of the space; None stands for no fixed place.

        This decides which axes can be one loop, and which accesses share a pointer.
        """
        found: list[tuple[Node | None, Linear]] = []
        for node in self.loop.nodes:
            if node in self.loop.stores and self.levels.made(node) in ("element", "row"):
                found.append((node, self._place(node)))
            for r in reads_of(node):
                if kind(r.source) == "iota":
                    found.append((None, _iota_access(r)))
                elif r.source not in self.members:
                    found.append((r.source if kind(r.source) != "constant" and not is_scalar(r.source) else None, r.linear))
            if kind(node) == "gather":
                found.append((None, _gather_access(node)))
        return [(node, self._padded(x)) for node, x in found]

    def _padded(self, access: Linear) -> Linear:
        return Linear(access.offset, access.strides + (0,) * (len(self.loop.space) - len(access.strides)))

    def _summary(self) -> str:
        names = [n.op.name for n in self.loop.nodes]
        text = " -> ".join(names if len(names) <= 8 else [*names[:4], "...", *names[-3:]])
        return f"{text} over ({', '.join(map(self.file.dim_text, self.loop.space))})."

    def work(self) -> Dim:
        """Tenths of a nanosecond of one row, or of one element of a flat loop."""
        element, row = prices(self.loop)
        return element if self.nest.flat else product(a.size for a in self.nest.inner if a.piece is None) * element + row

    # Rows and sweeps

    def _emit(self) -> None:
        for sweep in range(self.levels.sweeps):
            self.sweep = sweep
            self._emit_rows(sweep)
            self._emit_sweep(sweep)
        self._emit_rows(self.levels.sweeps)

    def _emit_rows(self, level: int) -> None:
        for node in self.loop.nodes:
            if self.levels.available.get(node) == level and self.levels.made(node) == "row":
                self._row_value(node)
        for node in self.levels.row_goals(level):
            if self.levels.made(node) == "full":
                self._accumulate(node, self.row, self.row)
            else:
                place = self.places.placed(self.file.home(node), node, self._padded(self._place(node)))
                self.row += self.walk.once(self.scope, [f"{place} = {self._row_value(node)}"], behind_reads=True)

    def _emit_sweep(self, sweep: int) -> None:
        self.values, self.body, self.stores, self.after = {}, [], [], []
        before: list[str] = []
        goals = self.levels.goals(sweep)
        for node in landings(goals, lambda x: self.levels.computed_from(x, sweep)):
            if self.levels.made(node) == "element":
                self._element(node)
        for node in goals:
            if kind(node) == "argreduce":
                self._accumulate_argument(node, before)
            elif kind(node) == "reduce":
                self._accumulate(node, before, self.body)
            else:
                self.stores.append(f"{self._stored_at(node)} = {self._element(node)}")
        for node in self.levels.saved:
            if self.levels.first[node] == sweep and node not in self.loop.stores:
                self.stores.append(f"{self._stored_at(node)} = {self._element(node)}")
        self._add_sweep(before)

    def _add_sweep(self, before: list[str]) -> None:
        self.row += [*before, *self.walk.sweep(self.scope, [*self.body, *self.stores]), *self.after]

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
        assert at == "element" or not self.places.inner(access)
        return self._loaded(source, access)

    def _loaded(self, source: Node, access: Linear) -> str:
        """An element of a buffer, loaded in the innermost loop that it moves in."""
        home, key = self.file.home(source), (source, access)
        if self.places.inner(access):
            element = self.places.moving(home, source.dtype, access)
            return self._defined(self.values, key, self.walk.read(self.scope, source.dtype, access, element), self.body)
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
            again = self.levels.is_read_back(node, self.sweep)
            expr = self._stored_at(node) if again else self._expression(node, "element")
            self._defined(self.values, node, expr, self.body, "" if again else comment(node))
        return self.values[node]

    def _row_value(self, node: Node) -> str:
        if node not in self.row_values:
            self._defined(self.row_values, node, self._expression(node, "row"), self.row, comment(node))
        return self.row_values[node]

    def _scalar(self, node: Node) -> str:
        """A number made of numbers: computed once a chunk."""
        for x in (*landings([node], self._unknown), node):
            if x not in self.head_values:
                self._defined(self.head_values, x, self._expression(x, "head"), self.scope.head, comment(x))
        return self.head_values[node]

    def _unknown(self, node: Node) -> list[Node]:
        """The numbers that a number is made of and that have no name yet."""
        return [] if node in self.head_values else [x for x in node.inputs if is_scalar(x)]

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
        self.workspace = offset + self.walk.room(elements) * int(node.dtype.itemsize)
        return offset

    def _chunk_memory(self, node: Node, offset: Dim, elements: Dim) -> str:
        name, chunk = self.scope.name("w"), self.walk.chunk(self.scope)
        self.scope.head += [chunk] if chunk and chunk not in self.scope.head else []
        self.scope.head.append(f"{name} = {self.scope.chunk_memory(node.dtype, offset, elements)}")
        return name

    def _accumulate(self, node: Node, before: list[str], lines: list[str]) -> None:
        """One step of a reduction: of the row's elements, of all elements, or of each column."""
        (r,) = reads_of(node)
        value = self._operand(r, "row" if lines is self.row else "element")
        value = value if r.source.dtype == node.dtype else f"{dtype_code(node.dtype)}({value})"
        start, made = start_of(node), self.levels.made(node)
        if made == "leading" and not self.walk.by_columns:
            part = self._partial(node, product(node.shape), start)
            self.scope.head += self.walk.fill(self.scope, part, product(node.shape), start)
            if node.op.name == "moments":
                self._follow(node, part, value)
                return
            place = f"{part}[{self.places.position()}]"
            self.stores.append(f"{place} = {combined(node, place, value)}{comment(node)}")
            return
        acc = self.scope.name("a")
        (before if made == "row" else self.scope.head).append(f"{acc} = {start}")
        step = [f"{acc} = {combined(node, acc, value)}{comment(node)}"]
        lines += self.walk.once(self.scope, step) if lines is self.row else step
        if made == "row":
            self.row_values[node] = acc
            self.after += self.walk.joined(node, acc)
        else:
            elements, place = (product(node.shape), self.places.position()) if made == "leading" else (1, "0")
            store = f"{self._partial(node, elements, start)}[{place}] = {acc}"
            self.tail += [*self.walk.joined(node, acc), *self.walk.once(self.scope, [store])]

    def _follow(self, node: Node, part: str, value: str) -> None:
        """One step of the means of columns, and of the sums of squared differences from them, behind them in ``part``."""
        code, at = dtype_code(node.dtype), self.places.position()
        mean, spread = f"{part}[{at}]", f"{part}[{total([self.scope.dim(product(node.shape[1:])), at])}]"
        before, share, off = (self.scope.name(stem) for stem in ("before", "share", "off"))
        self.body += [
            f"{before} = {code}({self._rows_before()})",
            f"{share} = {code}(1.0) / ({before} + {code}(1.0))",
            f"{off} = {value} - {mean}{comment(node)}",
        ]
        self.stores.append(f"{mean} = {mean} + {off} * {share}")
        self.stores.append(f"{spread} = {spread} + {off} * ({off} * ({before} * {share}))")

    def _rows_before(self) -> str:
        """How many rows of the chunk came before this one."""
        return "r"

    def _partial(self, node: Node, elements: Dim, start: str) -> str:
        partial = Partial(node, self._claim(node, elements), elements, start)
        self.partials.append(partial)
        return self._chunk_memory(node, partial.offset, elements)

    def _accumulate_argument(self, node: Node, before: list[str]) -> None:
        (r,) = reads_of(node)
        value = self._operand(r, "element")
        best, at, take = (self.scope.name(stem) for stem in ("a", "at", "take"))
        before += [f"{best} = {start_of(node)}", f"{at} = i64(0)"]
        (axis,) = self.nest.inner
        self.body.append(f"{take} = {taken(node, best, value)}{comment(node)}")
        self.body.append(f"{best} = select({take}, {value}, {best})")
        self.body.append(f"{at} = select({take}, i64({axis.var}), {at})")
        self.after += self.walk.joined(node, best, at)
        self.row_values[node], self.bests[node] = at, best


def start_of(node: Node) -> str:
    """What the accumulator of a reduction starts with."""
    dtype = node.inputs[0].dtype if kind(node) == "argreduce" else node.dtype
    return literal(_op(node).identity(dtype), dtype)


def taken(node: Node, best: str, value: str) -> str:
    """Whether an argument reduction takes ``value`` rather than the ``best`` so far."""
    text: str = _op(node).expr.format(acc=best, x=value)
    return text


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
