"""Running sums of rows: groups of threads add tiles of four points a lane, and long rows are cut into pieces.

A first kernel leaves the sum of each piece but the last ones; in a second, every piece begins with the sum of those before it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tracejit.codegen.cuda_pieces import MOST_PIECES
from tracejit.codegen.cuda_text import kernel
from tracejit.codegen.scope import Scope, indent
from tracejit.codegen.text import comment, factor, literal, times
from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.schedule.access import kind, operand

SUMMED = {np.dtype(code) for code in ("f4", "f8", "i4", "i8", "u4", "u8", "c8", "c16")}


def is_running_sum(node: Node) -> bool:
    """Whether a recurrence adds up elements."""
    factors, terms = (operand(x).source for x in node.inputs)
    adds = kind(factors) == "constant" and factors.attrs["value"] == 1 and kind(terms) != "constant"
    return adds and node.dtype in SUMMED


def running_sum(step: Scope, node: Node, name: str, columns: Callable[[], list[str]]) -> list[str]:
    """The lines of the step; ``columns`` writes those in which every thread has a row, whose neighbours lie side by side."""
    length, rows = step.dim(_length(node)), _rows(node)
    step.file.workspace.append((rows + MOST_PIECES) * int(node.dtype.itemsize))
    pieces = step.name("pieces")
    grid = f"*row_grid({times(rows, step.dim(rows), pieces) or 0}, -(-{factor(length)} // {pieces}), 0, 4)"
    first = kernel(step, f"{name}_pieces", *_of_pieces(step, node), grid, pieces=pieces)
    second = kernel(step, name, *_of_points(step, node), grid, pieces=pieces)
    choice = [f"{pieces} = pieces_of({step.dim(rows)}, {length})", f"if {pieces} > 1:"]
    if _after(node) == 1:
        return [*choice, *indent(first), *second]
    return [*choice, *indent([*first, *second]), "else:", *indent(columns())]


def _of_pieces(step: Scope, node: Node) -> tuple[Scope, list[str]]:
    """The sum of each piece that another one follows."""
    scope = Scope(step.file)
    body = [
        "if piece % pieces < pieces - 1:",
        f"    a0 = {_zero(node)}",
        "    t = begin + lane()",
        "    while t < end:",
        f"        a0 = plus(a0, {_term(scope, node)})",
        "        t += lanes()",
        "    a0 = across_sum(a0)",
        "    if lane() == 0:",
        "        w0[piece] = a0",
    ]
    return scope, _each_piece(scope, node, body)


def _of_points(step: Scope, node: Node) -> tuple[Scope, list[str]]:
    """The running sums of each piece."""
    scope, zero = Scope(step.file), _zero(node)
    out = scope.pointer(scope.file.home(node), node.dtype, node.spec.size)
    body = [
        f"a0 = {zero}",
        "earlier = row * pieces + lane()",
        "while earlier < piece:",
        "    a0 = plus(a0, w0[earlier])",
        "    earlier += lanes()",
        "carry = across_sum(a0)",
        "tile = begin",
        "while tile < end:",
        f"    mine = {zero}",
        "    for q in range(4):",
        "        t = tile + 4 * lane() + q",
        "        if t < end:",
        f"            mine = plus(mine, {_term(scope, node)})",
        f"    s = plus(carry, across_before(mine, {zero}))",
        "    for q in range(4):",
        "        t = tile + 4 * lane() + q",
        "        if t < end:",
        f"            s = plus(s, {_term(scope, node)}){comment(node)}",
        f"            {out}[{_place(scope, node)}] = s",
        "    carry = plus(carry, across_sum(mine))",
        "    tile += 4 * lanes()",
    ]
    return scope, _each_piece(scope, node, body)


def _each_piece(scope: Scope, node: Node, body: list[str]) -> list[str]:
    """``body`` for every piece, by a group of threads; ``w0`` has the sums of pieces."""
    rows, size = _rows(node), scope.dim(_length(node))
    count = times(rows, scope.dim(rows), "pieces") or "0"
    return [
        f"w0 = {scope.workspace(node.dtype, 0, count)}",
        f"span = ({size} + pieces - 1) // pieces",
        "piece = group()",
        f"while piece < {count}:",
        "    row = piece // pieces",
        "    begin = piece % pieces * span",
        "    end = begin + span",
        f"    if end > {size}:",
        f"        end = {size}",
        *indent(body),
        "    piece += groups()",
    ]


def _zero(node: Node) -> str:
    return literal(-0.0 if node.dtype.kind == "f" else 0, node.dtype)


def _term(scope: Scope, node: Node) -> str:
    terms = operand(node.inputs[1]).source
    return f"{scope.pointer(scope.file.home(terms), terms.dtype, terms.spec.size)}[{_place(scope, node)}]"


def _place(scope: Scope, node: Node) -> str:
    """Element ``t`` of a row, in the order of the sum."""
    size, after = scope.dim(_length(node)), _after(node)
    point = f"{size} - 1 - t" if node.attrs["reverse"] else "t"
    if after == 1:
        return point if _rows(node) == 1 else f"row * {factor(size)} + {point}"
    width = factor(scope.dim(after))
    return f"(row // {width} * {factor(size)} + {point}) * {width} + row % {width}"


def _length(node: Node) -> Dim:
    length: Dim = node.shape[node.attrs["axis"]]
    return length


def _after(node: Node) -> Dim:
    return product(node.shape[node.attrs["axis"] + 1 :])


def _rows(node: Node) -> Dim:
    return product(node.shape[: node.attrs["axis"]]) * _after(node)
