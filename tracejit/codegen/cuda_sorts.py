"""Sorts of rows: a group of threads sorts up to 1024 elements in shared memory; longer rows are runs of these, merged in passes.

A pass is a launch. A group makes 1024 elements of two merged runs, wherever they come from: it looks for their parts of both
runs, copies these to shared memory, and there every element finds its place in the other part. Keys move along with the places
that they come from, so that only memory side by side is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracejit.codegen.cuda_text import kernel, strided
from tracejit.codegen.scope import Scope, indent
from tracejit.codegen.text import comment, factor, times, total
from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.ir.spec import dtype_code
from tracejit.schedule import Sort
from tracejit.schedule.access import operand

RUN = 1024  # elements that a group sorts at once


@dataclass(frozen=True)
class Order:
    """What is sorted along rows, and where the places of its elements go.

    Attributes:
        keys: The stored elements.
        rows: How many rows they are.
        length: Of a row.
        out: Opens the memory for places, i64.
        kept: Bytes of the workspace that are in use.
        note: The user's line, as a comment.
    """

    keys: Node
    rows: Dim
    length: Dim
    out: Callable[[Scope], str]
    kept: Dim
    note: str

    @property
    def may_be_long(self) -> bool:
        return not isinstance(self.length, int) or self.length > RUN

    @property
    def code(self) -> str:
        return dtype_code(self.keys.dtype)


def sort(step: Scope, item: Sort, name: str) -> list[str]:
    """The lines of the step."""
    node, keys = item.node, operand(item.node.inputs[0]).source
    home = step.file.home(node)

    def out(scope: Scope) -> str:
        return scope.pointer(home, node.dtype, node.spec.size)

    return order(step, Order(keys, product(node.shape[:-1]), node.shape[-1], out, 0, comment(node)), name)


def order(step: Scope, what: Order, name: str) -> list[str]:
    """Runs, and passes while these are shorter than a row."""
    rows, length = what.rows, what.length
    grid = f"*sort_grid({step.dim(rows)}, {step.dim(length)})"
    lines = kernel(step, name, *_runs(step, what), grid)
    if not what.may_be_long:
        return lines
    is_long = 1 - 1 // (length // (RUN + 1) + 1)
    step.file.workspace.append(what.kept + rows * length * is_long * (2 * (4 + what.keys.dtype.itemsize)))
    width, turn = step.name("width"), step.name("turn")
    merge = kernel(step, f"{name}_merge", *_merge(step, what), grid, width=width, turn=turn)
    return [
        *lines,
        f"{width}, {turn} = {RUN}, 0",
        f"while {width} < {step.dim(length)}:",
        *indent([*merge, f"{width}, {turn} = 2 * {width}, 1 - {turn}"]),
    ]


def _runs(step: Scope, what: Order) -> tuple[Scope, list[str]]:
    """Sorts runs; where a row is one run, its places are the result."""
    scope, code, length = Scope(step.file), what.code, what.length
    size = scope.dim(length)
    keys = scope.pointer(scope.file.home(what.keys), what.keys.dtype, what.keys.spec.size)
    opened = [f"keys, places, other_keys, other_places = {code}_tile(0), i32_tile(1), {code}_tile(2), i32_tile(3)"]
    stored = [f"{what.out(scope)}[at + i] = places[mine + i]{what.note}"]
    if what.may_be_long:
        opened += _kept(scope, what, "0")
        kept = ["w0[at + i] = begin + places[mine + i]", "w1[at + i] = keys[mine + i]"]
        stored = ["if runs == 1:", *indent(stored), "else:", *indent(kept)]
    body = [
        f"begin = run % runs * {RUN}",
        f"count = minimum({size} - begin, {RUN})",
        f"at = {times(length, size, '(run // runs)') or '0'} + begin",
        *_each([f"keys[mine + i] = {keys}[at + i]", "places[mine + i] = i"]),
        "meet()",
        "sort_run(keys, places, other_keys, other_places, mine, count)",
        *_each(stored),
        "meet()",
    ]
    opened += [f"runs = ({size} + {RUN - 1}) // {RUN}", f"mine = level() * minimum({size}, {RUN})"]
    end = times(what.rows, scope.dim(what.rows), "runs") or "0"
    return scope, [*opened, *strided("run", "group()", "groups()", end, body)]


def _merge(step: Scope, what: Order) -> tuple[Scope, list[str]]:
    """Merges pairs of runs of ``width`` elements; the last pass leaves their places in the result."""
    scope, length = Scope(step.file), what.length
    size, out = scope.dim(length), what.out(scope)
    read = ["source = row + select(i < lefts, first + left, right - lefts) + i", "places[i], keys[i] = w0[source], w1[source]"]
    stored = [
        "target = row + begin + place_of(keys, i, 0, lefts, count)",
        f"if 2 * width >= {size}:",
        f"    {out}[target] = places[i]{what.note}",
        "else:",
        "    w2[target], w3[target] = places[i], keys[i]",
    ]
    body = [
        f"row = {times(length, size, '(tile // tiles)') or '0'}",
        f"begin = tile % tiles * {RUN}",
        "first = begin - begin % (2 * width)",
        f"middle, stop = minimum(first + width, {size}), minimum(first + 2 * width, {size})",
        f"count = minimum(stop - begin, {RUN})",
        "found = left_of(w1, row + first, row + middle, row + stop, begin - first + lane() % 2 * count)",
        "other = shuffle(found, 1)  # even lanes have looked for the begin of the tile, odd ones for its end",
        "left, lefts = minimum(found, other), absolute(found - other)",
        "right = middle + begin - first - left",
        *_each(read),
        "meet()",
        *_each(stored),
        "meet()",
    ]
    opened = [
        f"keys, places = {what.code}_tile(0), i32_tile(1)",
        *_kept(scope, what, "turn", "(1 - turn)"),
        f"tiles = ({size} + {RUN - 1}) // {RUN}",
    ]
    end = times(what.rows, scope.dim(what.rows), "tiles") or "0"
    return scope, [*opened, *strided("tile", "group()", "groups()", end, body)]


def _each(lines: list[str]) -> list[str]:
    """The lanes share ``count`` elements."""
    return strided("i", "lane()", "lanes()", "count", lines)


def _kept(scope: Scope, what: Order, *turns: str) -> list[str]:
    """The lines that open places and keys of the workspaces of these turns: of the first w0 and w1, of the second w2 and w3."""
    count, width = scope.dim(what.rows * what.length), what.keys.dtype.itemsize
    base = total([scope.word(scope.file.layout.workspace), "" if what.kept == 0 else scope.dim(what.kept)])
    lines = []
    for number, turn in enumerate(turns):
        places = total([base, "" if turn == "0" else f"{turn} * 4 * {factor(count)}"])
        keys = f"{base} + {factor(total(['8', '' if turn == '0' else f'{turn} * {width}']))} * {factor(count)}"
        lines += [f"w{2 * number} = i32_at({places}, {count})", f"w{2 * number + 1} = {what.code}_at({keys}, {count})"]
    return lines
