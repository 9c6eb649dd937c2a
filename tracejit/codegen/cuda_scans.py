"""Recurrences of rows: groups of threads take tiles of four points a lane, and long rows are cut into pieces.

A point makes ``factor * s + term`` of the state ``s`` before it; points that follow each other do so together, with one factor
and one term. These are found for all lanes at once, and then every lane knows the state that it begins with. Of a running sum
all factors are 1: nothing is done about them. Pieces are joined in the same way, by kernels of their own.

Factors and terms are joined before they meet a state, so that results differ in last bits from those of one point after the
other. Products of factors may overflow where no state does, and one that is 0 loses what is infinite: where a state is not finite
one lane takes the points of the tile in order; of pieces, a group takes all that are left of the row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tracejit.codegen.cuda_pieces import MOST_PIECES
from tracejit.codegen.cuda_text import kernel
from tracejit.codegen.scope import Scope, indent
from tracejit.codegen.steps import scan_step
from tracejit.codegen.text import comment, factor, literal, times
from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.schedule.access import kind, operand

TILE = "4 * lanes()"


def recurrence(step: Scope, node: Node, name: str, columns: Callable[[], list[str]]) -> list[str]:
    """The lines of the step; ``columns`` writes those in which every thread has a row, whose neighbours lie side by side."""
    length, rows = step.dim(_length(node)), step.dim(_rows(node))
    step.file.workspace.append(3 * MOST_PIECES * int(node.dtype.itemsize))
    pieces = step.name("pieces")
    grid = f"*scan_grid({times(_rows(node), rows, pieces) or 0}, -(-{factor(length)} // {pieces}))"
    if _is_sum(node):
        first = kernel(step, f"{name}_pieces", *_sums_of_pieces(step, node), grid, pieces=pieces)
        second = kernel(step, name, *_sums(step, node), grid, pieces=pieces)
    else:
        first = kernel(step, f"{name}_pieces", *_steps_of_pieces(step, node), grid, pieces=pieces)
        states = f"*scan_grid({rows}, {pieces})"
        first += kernel(step, f"{name}_states", *_states_of_pieces(step, node), states, pieces=pieces)
        second = kernel(step, name, *_states(step, node), grid, pieces=pieces)
    choice = [f"{pieces} = pieces_of({rows}, {length})", f"if {pieces} > 1:"]
    if _after(node) == 1:
        return [*choice, *indent(first), *second]
    return [*choice, *indent([*first, *second]), "else:", *indent(columns())]


def _is_sum(node: Node) -> bool:
    """Whether a recurrence adds up elements."""
    factors, terms = (operand(x).source for x in node.inputs)
    return kind(factors) == "constant" and factors.attrs["value"] == 1 and kind(terms) != "constant"


@dataclass(frozen=True)
class Points:
    """Points of a row in memory.

    Attributes:
        dtype: Of all of them.
        factors: A pointer, or a number that is written out.
        terms: The same.
        out: The pointer to the states.
        place: The text of the place of a point.
        straight: Whether neighbours lie one behind the other, so that four are one access.
        note: The user's line, as a comment.
        is_begun: Whether the state before a row has its first point, whose own place is then one that changes nothing: where a
            row begins with a factor of 0, as products do, it would make all factors 0, and the signs of zeros be lost.
    """

    dtype: np.dtype
    factors: str
    terms: str
    out: str
    place: Callable[[str], str]
    straight: bool
    note: str
    is_begun: bool

    @property
    def one(self) -> str:
        return literal(1, self.dtype)

    @property
    def zero(self) -> str:
        """What added changes nothing, not even the sign of a zero."""
        return literal(-0.0 if self.dtype.kind == "f" else 0, self.dtype)

    def at(self, x: str, t: str) -> str:
        """An operand at a point."""
        return f"{x}[{self.place(t)}]" if x.isidentifier() else x

    @property
    def factor(self) -> str:
        """The factor of point ``q`` of a lane's four."""
        return "factors[q]" if self.factors.isidentifier() else self.factors

    @property
    def term(self) -> str:
        """The term of point ``q`` of a lane's four."""
        return "terms[q]" if self.terms.isidentifier() else self.terms

    def read(self) -> list[str]:
        """The lines that read the four points of a lane from ``first`` on."""
        pointers = {name: x for name, x in (("factors", self.factors), ("terms", self.terms)) if x.isidentifier()}
        if self.straight:
            lines = [f"{name} = four({x}, {self.place('first')}, {self.place('end')})" for name, x in pointers.items()]
        else:
            lines = [f"{name} = four_of({x})" for name, x in pointers.items()]
            lines += self.each([f"{name}[q] = {self.at(x, 't')}" for name, x in pointers.items()]) if pointers else []
        if self.is_begun:
            lines += ["if first == 0:", f"    factors[0] = {self.one}", f"    terms[0] = {self.zero}"]
        return ["first = tile + 4 * lane()", *lines]

    def each(self, body: list[str]) -> list[str]:
        """``body`` for each point of a lane's four."""
        return ["for q in range(4):", "    t = first + q", "    if t < end:", *indent(body, 2)]

    def states(self, body: list[str]) -> list[str]:
        """The lines that hold the state ``s`` of each point of a lane's four, which ``body`` finds."""
        return [f"states = four_of({self.out})", *self.each([*body, "states[q] = s"])]

    def stored(self) -> list[str]:
        """The lines that store them."""
        if self.straight:
            return [f"put_four({self.out}, {self.place('first')}, {self.place('end')}, states)"]
        return self.each([f"{self.at(self.out, 't')} = states[q]"])

    def step(self, a: str, b: str, s: str = "s") -> str:
        """The state behind a point."""
        return f"{scan_step(self.dtype, a, b, s)}{self.note}"

    def begin(self) -> str:
        """The state that a row begins with."""
        return self.step(self.at(self.factors, "0"), self.at(self.terms, "0"), self.zero) if self.is_begun else self.zero


# -- running sums ----------------------------------------------------------------------------------------------------


def _sums_of_pieces(step: Scope, node: Node) -> tuple[Scope, list[str]]:
    """The sum of each piece that another one follows."""
    scope = Scope(step.file)
    points = _points(scope, node, stored=False)
    body = [
        "if piece % pieces < pieces - 1:",
        f"    a0 = {points.zero}",
        "    t = begin + lane()",
        "    while t < end:",
        f"        a0 = plus(a0, {points.at(points.terms, 't')})",
        "        t += lanes()",
        "    a0 = across_sum(a0)",
        "    if lane() == 0:",
        "        w0[piece] = a0",
    ]
    return scope, _each_piece(scope, node, _kept(scope, node, "w0"), body)


def _sums(step: Scope, node: Node) -> tuple[Scope, list[str]]:
    """The running sums of each piece, from the sum of those before it on."""
    scope = Scope(step.file)
    points = _points(scope, node)
    body = [
        f"a0 = {points.zero}",
        "earlier = row * pieces + lane()",
        "while earlier < piece:",
        "    a0 = plus(a0, w0[earlier])",
        "    earlier += lanes()",
        "carry = across_sum(a0)",
        "tile = begin",
        "while tile < end:",
        *indent(points.read()),
        f"    mine = {points.zero}",
        *indent(points.each([f"mine = plus(mine, {points.term})"])),
        f"    before, whole = across_before(mine, {points.zero})",
        "    s = plus(carry, before)",
        *indent(points.states([f"s = plus(s, {points.term}){points.note}"])),
        *indent(points.stored()),
        "    carry = plus(carry, whole)",
        f"    tile += {TILE}",
    ]
    return scope, _each_piece(scope, node, _kept(scope, node, "w0"), body)


# -- other recurrences -----------------------------------------------------------------------------------------------


def _steps_of_pieces(step: Scope, node: Node) -> tuple[Scope, list[str]]:
    """The factor and the term of each piece that another one follows; of the others those of no point."""
    scope = Scope(step.file)
    points = _points(scope, node, stored=False)
    body = [
        f"piece_factor, piece_term = {points.one}, {points.zero}",
        "tile = begin",
        "while tile < end and piece % pieces < pieces - 1:",
        *indent(_joined(points)),
        "    piece_term = then(whole_factor, whole_term, piece_term)",
        "    piece_factor = whole_factor * piece_factor",
        f"    tile += {TILE}",
        "if lane() == 0:",
        "    w0[piece] = piece_factor",
        "    w1[piece] = piece_term",
    ]
    return scope, _each_piece(scope, node, _kept(scope, node, "w0", "w1"), body)


def _states_of_pieces(step: Scope, node: Node) -> tuple[Scope, list[str]]:
    """The state behind each piece: a recurrence of pieces."""
    scope = Scope(step.file)
    begin = _points(scope, node, stored=False).begin()
    pieces = Points(node.dtype, "w0", "w1", "w2", lambda t: f"row * pieces + {t}", True, comment(node), False)
    row = [f"carry = {begin}", "end = pieces", "tile = 0", *_walk(pieces), "row += groups()"]
    kept = _kept(scope, node, "w0", "w1", "w2")
    return scope, [*kept, "row = group()", f"while row < {scope.dim(_rows(node))}:", *indent(row)]


def _states(step: Scope, node: Node) -> tuple[Scope, list[str]]:
    """The states of each piece; those of the pieces behind it as well, where the state behind it is not finite."""
    scope = Scope(step.file)
    points = _points(scope, node)
    body = [
        f"carry = {points.zero}",
        "if piece % pieces > 0:",
        "    carry = w2[piece - 1]",
        "    if carry - carry != 0:",
        "        end = begin",
        *(["if begin == 0 and end > 0:", f"    carry = {points.begin()}"] if points.is_begun else []),
        "if piece % pieces < pieces - 1 and end > begin:",
        "    if w2[piece] - w2[piece] != 0:",
        f"        end = {scope.dim(_length(node))}",
        "tile = begin",
        *_walk(points),
    ]
    return scope, _each_piece(scope, node, _kept(scope, node, "w2"), body)


def _walk(points: Points) -> list[str]:
    """From the state ``carry`` before ``tile`` on to ``end``."""
    decided = [*points.stored(), "carry = after"]
    if points.dtype.kind not in "iu":
        decided = [
            "if across_all(s - s == 0 and after - after == 0) or carry != carry:",
            *indent(decided),
            "else:",
            *indent(_in_order(points)),
        ]
    body = [
        *_joined(points),
        "s = factor * carry + term",
        "after = whole_factor * carry + whole_term",
        *points.states([f"s = {points.step(points.factor, points.term)}"]),
        *decided,
        f"tile += {TILE}",
    ]
    return ["while tile < end:", *indent(body)]


def _in_order(points: Points) -> list[str]:
    """One lane takes the points of a tile; all know the state behind it."""
    return [
        f"s = {points.zero}",
        "if lane() == 0:",
        f"    s = {f'select(tile == 0, {points.zero}, carry)' if points.is_begun else 'carry'}",
        "    t = tile",
        f"    while t < end and t < tile + {TILE}:",
        f"        s = {points.step(points.at(points.factors, 't'), points.at(points.terms, 't'))}",
        f"        {points.at(points.out, 't')} = s",
        "        t += 1",
        "carry = across_sum(s)",
    ]


def _joined(points: Points) -> list[str]:
    """The factor and the term of the lanes before this one, and of the whole tile."""
    return [
        *points.read(),
        f"factor, term = {points.one}, {points.zero}",
        *points.each([f"term = then({points.factor}, {points.term}, term)", f"factor = {points.factor} * factor"]),
        f"factor, term, whole_factor, whole_term = steps_before(factor, term, {points.one}, {points.zero})",
    ]


# -- where rows lie --------------------------------------------------------------------------------------------------


def _each_piece(scope: Scope, node: Node, kept: list[str], body: list[str]) -> list[str]:
    """``body`` for every piece, by a group of threads."""
    size = scope.dim(_length(node))
    return [
        *kept,
        f"span = (({size} + pieces - 1) // pieces + 3) // 4 * 4",
        "piece = group()",
        f"while piece < {_count(scope, node)}:",
        "    row = piece // pieces",
        "    begin = piece % pieces * span",
        f"    end = minimum(begin + span, {size})",
        *indent(body),
        "    piece += groups()",
    ]


def _kept(scope: Scope, node: Node, *names: str) -> list[str]:
    """The lines that open what is kept of pieces: sums in ``w0``; or factors there, terms in ``w1``, and states in ``w2``."""
    each = MOST_PIECES * int(node.dtype.itemsize)
    return [f"{name} = {scope.workspace(node.dtype, each * int(name[1:]), _count(scope, node))}" for name in names]


def _count(scope: Scope, node: Node) -> str:
    return times(_rows(node), scope.dim(_rows(node)), "pieces") or "0"


def _points(scope: Scope, node: Node, stored: bool = True) -> Points:
    home = scope.file.home

    def opened(x: Node) -> str:
        source = operand(x).source
        if kind(source) == "constant":
            return literal(source.attrs["value"], source.dtype)
        return scope.pointer(home(source), source.dtype, source.spec.size)

    factors, terms = map(opened, node.inputs)
    out = scope.pointer(home(node), node.dtype, node.spec.size) if stored else ""
    straight = _after(node) == 1 and not node.attrs["reverse"]
    is_begun = factors.isidentifier() and terms.isidentifier() and node.dtype.kind not in "iu"
    return Points(node.dtype, factors, terms, out, lambda t: _place(scope, node, t), straight, comment(node), is_begun)


def _place(scope: Scope, node: Node, t: str) -> str:
    """Element ``t`` of a row, in the order of the recurrence."""
    size, after = scope.dim(_length(node)), _after(node)
    point = f"{size} - 1 - {t}" if node.attrs["reverse"] else t
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
