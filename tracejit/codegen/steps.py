"""The steps that are not fused loops: products, writes into parts, scatters, scans, sorts, copies, checks."""

from __future__ import annotations

from functools import partial

import numpy as np

from tracejit.codegen import straight
from tracejit.codegen.places import Places
from tracejit.codegen.scalars import Scalars
from tracejit.codegen.scope import File, Scope, indent
from tracejit.codegen.source import GEMM_WORD
from tracejit.codegen.straight import parts_to_copy
from tracejit.codegen.text import comment, factor, literal, times, total
from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.ir.spec import dtype_code
from tracejit.schedule import Gemm, Scan, Scatter, Sort, Write, cost
from tracejit.schedule.access import Linear, Read, kind, op_of, operand, row_major
from tracejit.schedule.cost import (
    LOAD,
    MOST_CHUNKS,
    MULTIPLICATIONS,
    PLAIN,
    SORTED,
    SORTED_HEAD,
    SORTED_PARTS,
    SORTED_SPARE,
    SORTED_TOGETHER,
    TILED_IN_BATCH,
)

INDEX = np.dtype(np.int64)
NARROWEST_TOGETHER = 4  # bytes of an element: keys have as many, and lie where the result will be


def gemm(file: File, step: Scope, item: Gemm, name: str) -> list[str]:
    """``gemm_xx(cblas, c, a, b, m, k, n, lda, ldb, ldc, alpha, beta)``; for the matrices of a batch in a region."""
    node = item.node
    if len(node.shape) > 2:
        return _batch(file, step, node, name)
    update = op_of(node).in_place
    x, y = (operand(i) for i in (node.inputs[1:3] if update else node.inputs[:2]))
    m, n = node.shape[-2:]
    k = (node.inputs[1] if update else node.inputs[0]).shape[-1]
    alpha, beta = literal(1, node.dtype), literal(1 if update else 0, node.dtype)
    lines: list[str] = []
    if update:
        lines += copied(file, step, name, node.inputs[0], node)
        scale = Scalars(step, lines).value(node.inputs[3])
        alpha = f"-{scale}" if node.attrs["negate"] else scale
    return [*lines, *_product(file, step, node, x, y, (m, k, n), [], f"{alpha}, {beta}")]


def _batch(file: File, step: Scope, node: Node, name: str) -> list[str]:
    """A region over the products of a batch. Large ones are one chunk, each in tiles on all threads."""
    scope, batch, (m, n) = Scope(file), node.shape[:-2], node.shape[-2:]
    x, y = (operand(i) for i in node.inputs)
    k = node.inputs[0].shape[-1]
    variables = ["row"] if len(batch) == 1 else [f"row{i}" for i in range(len(batch))]
    lines, rest = ["row = begin + r"], "row"
    for i in reversed(range(1, len(batch))):
        size = factor(scope.dim(batch[i]))
        lines.append(f"row{i} = {rest} % {size}")
        rest = f"{rest} // {size}"
    lines += [f"row0 = {rest}"] if len(batch) > 1 else []
    factors = f"{literal(1, node.dtype)}, {literal(0, node.dtype)}"
    lines += _product(file, scope, node, x, y, (m, k, n), variables, factors)
    body = [*scope.sizes(), *scope.head, "for r in range(end - begin):", *indent(lines)]
    name, (copies, first) = file.region(name, scope, body), file.arguments(scope)
    count, work = step.dim(product(batch)), m * n * k
    price, grain = step.name("price"), step.name("grain")
    shared, whole = f"grain_of({count}, {price})", count
    if isinstance(work, int):
        chosen = shared if work < TILED_IN_BATCH else whole
    else:
        chosen = f"select({step.dim(work)} < {TILED_IN_BATCH}, {shared}, {whole})"
    return [
        *copies,
        f"{price} = {factor(step.dim(work))} // {MULTIPLICATIONS} + 1",
        f"{grain} = {chosen}",
        f"parallel_for({name}, table, {first}, {count}, {grain}, {price})",
    ]


def _product(
    file: File, scope: Scope, node: Node, x: Read, y: Read, sizes: tuple[Dim, Dim, Dim], variables: list[str], factors: str
) -> list[str]:
    """The lines of one product, of the matrices at the indices ``variables`` of a batch."""
    m, k, n = sizes
    (flag_x, ld_x), (flag_y, ld_y) = matrix_layout(x), matrix_layout(y)
    result = Read(node, None, Linear(0, row_major(node.shape)))
    lines: list[str] = []
    pointers = [matrix(file, scope, r, variables) for r in (result, x, y)]
    if variables:  # each opened on a line of its own
        names = [scope.pointer_name(file.home(r.source)) for r in (result, x, y)]
        lines = [f"{name} = {pointer}" for name, pointer in zip(names, pointers, strict=True)]
        pointers = names
    numbers = map(scope.dim, (m, k, n, ld_x, ld_y, n))
    operands = ", ".join([scope.word(GEMM_WORD[node.dtype.char]), *pointers, *numbers, factors])
    return [*lines, f"gemm_{flag_x}{flag_y}({operands}){comment(node)}"]


def matrix_layout(r: Read) -> tuple[str, Dim]:
    """``n`` or ``t``, and the leading dimension."""
    down, along = r.linear.strides[-2:]
    return ("n", down) if along == 1 else ("t", along)


def matrix(file: File, step: Scope, r: Read, variables: list[str]) -> str:
    """The pointer to a matrix, number ``variables`` of a batch."""
    home, source = file.home(r.source), r.source
    if not variables and r.linear.offset == 0:
        return step.pointer(home, source.dtype, source.spec.size)
    strides = r.linear.strides[: len(variables)]
    terms = [times(s, step.dim(s), v) for s, v in zip(strides, variables, strict=True)]
    offset = total([*terms, "" if r.linear.offset == 0 else step.dim(r.linear.offset)])
    whole = step.dim(source.spec.size)
    return step.open(home, source.dtype, whole if offset == "0" else f"{whole} - ({offset})", offset)


def write(file: File, step: Scope, item: Write, name: str) -> list[str]:
    """Each part copied to its place."""
    lines: list[str] = []
    for number, (part, target) in enumerate(parts_to_copy(file.schedule, item)):
        lines += copy(file, step, f"{name}_{number}", operand(part), item.node, target, part.shape)
    return lines


def copy(file: File, step: Scope, name: str, source: Read, node: Node, target: Linear, space: tuple[Dim, ...]) -> list[str]:
    """``node[target] = source`` over ``space``: a region of its own, and the lines that launch it."""
    if straight.is_few(space):
        write = partial(straight.copied, source=source, node=node, target=target, space=space)
        return file.target.alone(step, name, write)
    constant = kind(source.source) == "constant"
    scope, row = Scope(file), list[str]()
    walk = file.target.walk(space, [target] if constant else [target, source.linear])
    places = Places(scope, walk.nest, row)
    out, loops = places.moving(file.home(node), node.dtype, target), places.nest
    if constant:
        value = literal(source.source.attrs["value"], node.dtype)
    elif places.inner(source.linear):
        element = places.moving(file.home(source.source), node.dtype, source.linear)
        value = walk.read(scope, node.dtype, source.linear, element)
    else:
        value = places.fixed(file.home(source.source), source.source, source.linear)
    sweep = walk.sweep(scope, [f"{out} = {value}{comment(node)}"])
    body = walk.rows(scope, [*places.row_indices(), *row, *sweep])
    inner = 1 if loops.flat else loops.inner[0].size
    rows = product(space) if loops.flat else product(a.size for a in loops.rows)
    name = file.region(name, scope, [*scope.sizes(), *scope.head, *body])
    return walk.launch(step, name, scope, rows, inner * (2 * LOAD), [])


def final_copy(file: File, step: Scope, name: str, target: Node, value: Node) -> list[str]:
    """The new value of an input that could not be made in place."""
    whole = Linear(0, row_major(value.shape))
    return copy(file, step, name, Read(value, None, whole), target, whole, value.shape)


def copied(file: File, step: Scope, name: str, x: Node, node: Node) -> list[str]:
    """``x`` in the buffer of ``node``; nothing where it is there already."""
    source = operand(x)
    if file.home(source.source) == file.home(node):
        return []
    return copy(file, step, name, source, node, Linear(0, row_major(node.shape)), node.shape)


def scatter(file: File, step: Scope, item: Scatter, name: str) -> list[str]:
    """One update after the other, so that equal indices add up in order."""
    update = ScatterUpdate(step, item)
    return [
        *copied(file, step, name, item.node.inputs[0], item.node),
        f"for p in range({step.dim(update.before)}):",
        f"    for q in range({step.dim(update.count)}):",
        f"        for r in range({step.dim(update.after)}):",
        f"            {update.text}{comment(item.node)}",
    ]


class ScatterUpdate:
    """``text`` adds update ``q`` of ``count``; ``p`` and ``r`` run over the ``before`` and ``after`` of its axis.

    ``at_once`` does the same where others may do so at that time. ``term`` is what it adds, ``place`` where.
    """

    def __init__(self, scope: Scope, item: Scatter) -> None:
        node = item.node
        indices, updates = (operand(i).source for i in node.inputs[1:])
        axis, rank = node.attrs["axis"], node.inputs[1].spec.rank
        shape = node.inputs[2].shape
        self.before, self.after = product(shape[:axis]), product(shape[axis + rank :])
        self.count: Dim = product(shape[axis : axis + rank])
        home, after = scope.file.home, scope.dim(self.after)
        out = scope.pointer(home(node), node.dtype, node.spec.size)
        self.indices = scope.pointer(home(indices), indices.dtype, indices.spec.size)
        add = scope.pointer(home(updates), updates.dtype, updates.spec.size)
        block, rest = node.shape[axis] * self.after, self.count * self.after
        row = total([times(block, scope.dim(block), "p"), times(self.after, after, f"i64({self.indices}[q])"), "r"])
        value = total([times(rest, scope.dim(rest), "p"), times(self.after, after, "q"), "r"])
        self.place, self.term = f"{out}[{row}]", f"{add}[{value}]"
        self.text = f"{self.place} = {dtype_code(node.dtype)}({self.place} + {self.term})"
        self.at_once = f"add_to({out}, {row}, {self.term})"


def scan(file: File, step: Scope, item: Scan, name: str) -> list[str]:
    """A recurrence: one row after the other; where it goes down columns, many of these side by side."""
    scope, axis = Scope(file), item.node.attrs["axis"]
    if product(item.node.shape[axis + 1 :]) != 1 and cost.COLUMN_BYTES:
        return _scan_columns(step, scope, item, name)
    rows, length, lines = scan_row(scope, item, "(begin + r)")
    return _launched(step, name, scope, ["for r in range(end - begin):", *indent(lines)], rows, length * 4 * (PLAIN + 3 * LOAD))


def _scan_columns(step: Scope, scope: Scope, item: Scan, name: str) -> list[str]:
    """A recurrence down columns: a block of neighbours at a time, so that memory is read as it lies."""
    node = item.node
    axis, dtype = node.attrs["axis"], node.dtype
    length, after, width = node.shape[axis], product(node.shape[axis + 1 :]), cost.COLUMN_BYTES // node.dtype.itemsize
    size, steps, code = scope.dim(after), scope.dim(length), dtype_code(dtype)
    blocks = (after + (width - 1)) // width
    number = factor(scope.dim(blocks))
    a, b = (_scanned(scope, i, "at + l") for i in node.inputs)
    out = scope.pointer(scope.file.home(node), dtype, node.spec.size)
    t = f"({steps} - 1 - t)" if node.attrs["reverse"] else "t"
    body = [
        f"s = {code}_room({width})",
        "for r in range(end - begin):",
        f"    first = (begin + r) % {number} * {width}",
        f"    lanes = minimum({size} - first, i64({width}))",
        f"    start = {times(length * after, scope.dim(length * after), f'((begin + r) // {number})')} + first",
        "    for l in range(lanes):",
        f"        s[l] = {literal(-0.0 if dtype.kind == 'f' else 0, dtype)}",
        f"    for t in range({steps}):",
        f"        at = {total(['start', times(after, size, t)])}",
        "        for l in range(lanes):",
        f"            s[l] = {scan_step(dtype, a, b, 's[l]')}{comment(node)}",
        f"            {out}[at + l] = s[l]",
    ]
    work = length * (width * (PLAIN + 3 * LOAD))
    return _launched(step, name, scope, body, product(node.shape[:axis]) * blocks, work)


def scan_step(dtype: np.dtype, a: str, b: str, s: str) -> str:
    """What becomes of the state ``s``."""
    return f"({a} & {s}) | {b}" if dtype.kind == "b" else f"{dtype_code(dtype)}({a} * {s} + {b})"


def scan_row(scope: Scope, item: Scan, row: str) -> tuple[Dim, Dim, list[str]]:
    """The number of recurrences, their length, and the lines of recurrence number ``row``."""
    node = item.node
    axis, dtype = node.attrs["axis"], node.dtype
    length, after = node.shape[axis], product(node.shape[axis + 1 :])
    a, b = (_scanned(scope, i, "at") for i in node.inputs)
    out = scope.pointer(scope.file.home(node), dtype, node.spec.size)
    width, block = factor(scope.dim(after)), length * after
    start = total([times(block, scope.dim(block), f"({row} // {width})"), f"{row} % {width}"])
    if after == 1:
        start = times(block, scope.dim(block), row) or "0"
    moved = times(after, scope.dim(after), f"({scope.dim(length)} - 1 - t)" if node.attrs["reverse"] else "t")
    lines = [
        f"start = {start}",
        f"s = {literal(-0.0 if dtype.kind == 'f' else 0, dtype)}",
        f"for t in range({scope.dim(length)}):",
        f"    at = {total(['start', moved])}",
        f"    s = {scan_step(dtype, a, b, 's')}{comment(node)}",
        f"    {out}[at] = s",
    ]
    return product(node.shape[:axis]) * after, length, lines


def _scanned(scope: Scope, x: Node, at: str) -> str:
    """An operand of a recurrence at an element."""
    source = operand(x).source
    if kind(source) == "constant":
        return literal(source.attrs["value"], source.dtype)
    return f"{scope.pointer(scope.file.home(source), source.dtype, source.spec.size)}[{at}]"


def _launched(step: Scope, name: str, scope: Scope, body: list[str], rows: Dim, work: Dim) -> list[str]:
    """A region with this body, and the lines that launch it."""
    name = step.file.region(name, scope, [*scope.sizes(), *scope.head, *body])
    return launch_lines(step, name, scope, rows, work)[0]


def launch_lines(step: Scope, name: str, region: Scope, rows: Dim, work: Dim) -> tuple[list[str], str]:
    """The lines of a step that run a region over ``rows``, each ``work`` tenths of a nanosecond; the name of the grain."""
    lines, first = step.file.arguments(region)
    count, price, grain = step.dim(rows), step.dim(work), step.name("grain")
    lines.append(f"{grain} = grain_of({count}, {price})")
    return [*lines, f"parallel_for({name}, table, {first}, {count}, {grain}, {price})"], grain


def sort(file: File, step: Scope, item: Sort, name: str) -> list[str]:
    """Sorts along the last axis, a thread each; a single long one by all threads together."""
    rows, length = product(item.node.shape[:-1]), item.node.shape[-1]
    is_narrow = item.node.inputs[0].dtype.itemsize < NARROWEST_TOGETHER
    if rows != 1 or is_narrow or (isinstance(length, int) and length < SORTED_TOGETHER):
        return _sort_rows(file, step, item, name)
    together = _sort_together(file, step, item, name)
    if isinstance(length, int):
        return together
    alone = _sort_rows(file, step, item, name)
    return [f"if {step.dim(length)} < {SORTED_TOGETHER}:", *indent(alone), "else:", *indent(together)]


def _sort_rows(file: File, step: Scope, item: Sort, name: str) -> list[str]:
    """One row after the other."""
    scope = Scope(file)
    rows, length, head, lines = sort_row(scope, item, "begin + r", SORTED_SPARE)
    chunks = min(rows, MOST_CHUNKS) if isinstance(rows, int) else MOST_CHUNKS
    file.workspace.append((length + SORTED_SPARE) * (chunks * INDEX.itemsize))
    body = [head, "for r in range(end - begin):", *indent(lines)]
    return _launched(step, name, scope, body, rows, length * SORTED)


def _sort_together(file: File, step: Scope, item: Sort, name: str) -> list[str]:
    """A row in parts, each divided by the same pivots; then what lies between two pivots, each a share of the result."""
    node, word = item.node, op_of(item.node).expr
    x, length = operand(node.inputs[0]).source, node.shape[-1]
    words = 2 * length + (SORTED_HEAD + SORTED_PARTS * SORTED_SPARE)
    file.workspace.append(words * INDEX.itemsize)

    def operands(scope: Scope, *others: Node) -> str:
        pointers = [scope.pointer(file.home(n), n.dtype, length) for n in (x, *others)]
        return ", ".join([*pointers, scope.workspace(INDEX, 0, scope.dim(words)), scope.dim(length)])

    lines = [f"{word}_begin({operands(step)}){comment(node)}"]
    for phase, others in (("part", ()), ("share", (node,))):
        scope = Scope(file)
        body = ["for r in range(end - begin):", f"    {word}_{phase}({operands(scope, *others)}, begin + r){comment(node)}"]
        price = length * (SORTED // (2 * SORTED_PARTS) + 1)
        lines += _launched(step, f"{name}_{phase}s", scope, body, SORTED_PARTS, price)
    return lines


def sort_row(scope: Scope, item: Sort, row: str, spare: int = 0) -> tuple[Dim, Dim, str, list[str]]:
    """The number of sorts, their length, the line that opens a chunk's scratch, and the lines of sort number ``row``.

    The scratch has a word for each element, and ``spare`` ones.
    """
    node, layout = item.node, scope.file.layout
    x, length = operand(node.inputs[0]).source, node.shape[-1]
    size = scope.dim(length)

    def opened(source: Node, width: int) -> str:
        place = scope.word(layout.word(scope.file.home(source)))
        return f"{total([place, times(length * width, scope.dim(length * width), row)])}, {size}"

    scratch = f"scratch = {scope.chunk_memory(INDEX, 0, length + spare)}"
    lines = [
        f"keys = {dtype_code(x.dtype)}_at({opened(x, x.dtype.itemsize)})",
        f"out = {dtype_code(node.dtype)}_at({opened(node, node.dtype.itemsize)})",
        f"{op_of(node).expr}(keys, out, scratch, {size}){comment(node)}",
    ]
    return product(node.shape[:-1]), length, scratch, lines
