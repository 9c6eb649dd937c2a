"""Symbolic sizes: integer polynomials over named symbols, with floor division and remainder as atoms.

``Dim`` is what a dimension may be: an ``int``, or a ``Size`` that is not constant. Equal sizes are equal objects in text,
hash and comparison, because every arithmetic result is brought to one form: a sum of products, sorted.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class Quotient:
    """``numerator // denominator``, or their remainder, where it does not reduce to a polynomial."""

    numerator: Dim
    denominator: Dim
    operator: str  # "//" or "%"

    def __str__(self) -> str:
        return f"({self.numerator}){self.operator}({self.denominator})"


Atom = str | Quotient
Monomial = tuple[Atom, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """A sum of integer multiples of products of atoms; never constant (constants are plain ints)."""

    terms: tuple[tuple[Monomial, int], ...]

    def __add__(self, other: Dim) -> Dim:
        return _sum([*self.terms, *_terms(other)])

    def __mul__(self, other: Dim) -> Dim:
        return _sum([(_product(a, b), p * q) for a, p in self.terms for b, q in _terms(other)])

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        return self + other * -1

    def __rsub__(self, other: int) -> Dim:
        return self * -1 + other

    __radd__ = __add__
    __rmul__ = __mul__

    def __floordiv__(self, other: Dim) -> Dim:
        return quotient(self, other)

    def __rfloordiv__(self, other: int) -> Dim:
        return quotient(other, self)

    def __mod__(self, other: Dim) -> Dim:
        return remainder(self, other)

    def __rmod__(self, other: int) -> Dim:
        return remainder(other, self)

    def __str__(self) -> str:
        return " + ".join(_term_text(m, c) for m, c in self.terms).replace("+ -", "- ")

    __repr__ = __str__


Dim = int | Size


def symbol(name: str) -> Size:
    """The size that is called ``name``."""
    return Size((((name,), 1),))


def quotient(x: Dim, y: Dim) -> Dim:
    """``x // y``, exact where every term of ``x`` is a multiple of the single term ``y``."""
    if isinstance(x, int) and isinstance(y, int):
        return x // y
    exact = _exact_quotient(x, y)
    return Size((((Quotient(x, y, "//"),), 1),)) if exact is None else exact


def remainder(x: Dim, y: Dim) -> Dim:
    """``x % y``; 0 where the division is exact."""
    if isinstance(x, int) and isinstance(y, int):
        return x % y
    return Size((((Quotient(x, y, "%"),), 1),)) if _exact_quotient(x, y) is None else 0


def product(dims: Iterable[Dim]) -> Dim:
    """The product of ``dims``, 1 when there are none."""
    out: Dim = 1
    for dim in dims:
        out = out * dim
    return out


def evaluate(dim: Dim, sizes: Mapping[str, int]) -> int:
    """The number that ``dim`` is when the symbols are ``sizes``."""
    if isinstance(dim, int):
        return dim
    return sum(c * prod(_atom_value(a, sizes) for a in m) for m, c in dim.terms)


def substitute(dim: Dim, sizes: Mapping[str, Dim]) -> Dim:
    """``dim`` with symbols replaced by other dimensions."""
    if isinstance(dim, int):
        return dim
    out: Dim = 0
    for monomial, c in dim.terms:
        out = out + product(_atom_substitute(a, sizes) for a in monomial) * c
    return out


def symbols(dim: Dim) -> frozenset[str]:
    """The names that occur in ``dim``."""
    if isinstance(dim, int):
        return frozenset()
    names: set[str] = set()
    for monomial, _ in dim.terms:
        for atom in monomial:
            names |= {atom} if isinstance(atom, str) else symbols(atom.numerator) | symbols(atom.denominator)
    return frozenset(names)


def lower_bound(dim: Dim, least: int = 2) -> int | None:
    """A number that ``dim`` is never below when every symbol is at least ``least``; None where that is not plain to see."""
    if isinstance(dim, int):
        return dim
    total = 0
    for monomial, c in dim.terms:
        if monomial and (c < 0 or any(not isinstance(a, str) for a in monomial)):
            return None
        total += c * least ** len(monomial)
    return total


def parse_dim(node: ast.expr) -> Dim:
    """A dimension from the syntax tree of its text."""
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return symbol(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return parse_dim(operand) * -1
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _OPERATORS[type(op)](parse_dim(left), parse_dim(right))
    raise ValueError(f"not a dimension: {ast.unparse(node)}")


_OPERATORS: dict[type[ast.operator], Callable[[Dim, Dim], Dim]] = {
    ast.Add: lambda x, y: x + y,
    ast.Sub: lambda x, y: x - y,
    ast.Mult: lambda x, y: x * y,
    ast.FloorDiv: quotient,
    ast.Mod: remainder,
}


def _terms(dim: Dim) -> tuple[tuple[Monomial, int], ...]:
    return ((((), dim),) if dim else ()) if isinstance(dim, int) else dim.terms


def _sum(terms: Iterable[tuple[Monomial, int]]) -> Dim:
    totals: dict[Monomial, int] = {}
    for monomial, c in terms:
        totals[monomial] = totals.get(monomial, 0) + c
    left = sorted(((m, c) for m, c in totals.items() if c), key=lambda t: (-len(t[0]), [str(a) for a in t[0]]))
    if not left:
        return 0
    if len(left) == 1 and not left[0][0]:
        return left[0][1]
    return Size(tuple(left))


def _product(a: Monomial, b: Monomial) -> Monomial:
    return tuple(sorted(a + b, key=str))


def _exact_quotient(x: Dim, y: Dim) -> Dim | None:
    divisor = _terms(y)
    if len(divisor) != 1:
        return 1 if x == y else None
    (atoms, c), out = divisor[0], []
    for monomial, k in _terms(x):
        rest = list(monomial)
        for atom in atoms:
            if atom not in rest:
                return None
            rest.remove(atom)
        if k % c:
            return None
        out.append((tuple(rest), k // c))
    return _sum(out)


def _term_text(monomial: Monomial, c: int) -> str:
    if not monomial:
        return str(c)
    text = "*".join(str(a) if isinstance(a, str) else f"({a})" for a in monomial)
    return text if c == 1 else f"-{text}" if c == -1 else f"{c}*{text}"


def _atom_value(atom: Atom, sizes: Mapping[str, int]) -> int:
    if isinstance(atom, str):
        return sizes[atom]
    x, y = evaluate(atom.numerator, sizes), evaluate(atom.denominator, sizes)
    return x // y if atom.operator == "//" else x % y


def _atom_substitute(atom: Atom, sizes: Mapping[str, Dim]) -> Dim:
    if isinstance(atom, str):
        return sizes.get(atom, symbol(atom))
    x, y = substitute(atom.numerator, sizes), substitute(atom.denominator, sizes)
    return quotient(x, y) if atom.operator == "//" else remainder(x, y)
