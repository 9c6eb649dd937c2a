"""Value numbers: equal numbers for what is computed alike, across graphs and whatever the order of commutative operands.

A value is ``sign * entry``: signs are drawn out of products, sums and whatever else they pass through unchanged, so that
``(x - y)**2`` and ``(y - x)**2`` have one number. Every step is exact but for the sign of zeros; sums and products are not
regrouped, since rounding would change.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tracejit.ir import Graph, Node
from tracejit.ir.dtype import family
from tracejit.ir.text import attr_text
from tracejit.ops.row import number

Term = tuple[int, int]
"""``(sign, number)``: 1 or -1, and the number of an entry."""
Terms = list[Term]


@dataclass(frozen=True, slots=True)
class Entry:
    """What is computed: an op with its attributes, the spec of its result, and its operands.

    Attributes:
        op: Its name, and attributes as text.
        spec: As text.
        operands: In an order of our own where the op is commutative.
        commutative: Whether it is.
    """

    op: str
    spec: str
    operands: tuple[Term, ...] = ()
    commutative: bool = False


class Values:
    """The entries of any number of graphs, each under one number."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.zeros: set[int] = set()
        self._numbers: dict[Entry, int] = {}

    def number(self, entry: Entry) -> int:
        found = self._numbers.setdefault(entry, len(self.entries))
        if found == len(self.entries):
            self.entries.append(entry)
        return found

    def terms(self, graph: Graph, inputs: Mapping[Node, str]) -> dict[Node, Term]:
        """The value of every node of ``graph``, whose inputs go by the names in ``inputs``."""
        found: dict[Node, Term] = {}
        for node in graph.nodes():
            if node in inputs:
                found[node] = 1, self.number(Entry(f"input {inputs[node]}", str(node.spec)))
            else:
                found[node] = self._term(node, [found[x] for x in node.inputs])
        return found

    def _term(self, node: Node, args: Terms) -> Term:
        if (value := number(node)) is not None:
            return self.filled(node, value)
        name = node.op.name
        carrier = node.inputs[name == "where"] if node.inputs else node
        if name in _SIGNED and family(carrier.dtype) in "fc":
            return _SIGNED[name](self, node, args)
        if name.startswith("greater"):  # x > y is y < x
            return self.made(node, args[::-1], name.replace("greater", "less"))
        return self.made(node, args, commutative=name in _COMMUTATIVE)

    def filled(self, node: Node, value: complex) -> Term:
        """An array of the spec of ``node`` whose elements are all ``value``."""
        sign = -1 if isinstance(value, float) and math.copysign(1.0, value) < 0 and value == value else 1
        found = self.number(Entry(f"fill {attr_text(-value if sign < 0 else value)}", str(node.spec)))
        if value == 0:
            self.zeros.add(found)
        return sign, found

    def made(self, node: Node, args: Terms, op: str = "", commutative: bool = False) -> Term:
        """The op ``op``, that of ``node`` if not given, of these operands."""
        attrs = "".join(f" {k}={attr_text(v)}" for k, v in sorted(node.attrs.items()) if k != "shape")
        args = sorted(args, key=_by_number) if commutative else args
        return 1, self.number(Entry((op or node.op.name) + attrs, str(node.spec), tuple(args), commutative))

    def plain(self, term: Term) -> Term:
        """``term``, with sign 1 where it is zero."""
        return (1, term[1]) if term[1] in self.zeros else term


Rule = Callable[[Values, Node, Terms], Term]


def _by_number(term: Term) -> tuple[int, int]:
    return term[1], term[0]


def _negative(values: Values, node: Node, args: Terms) -> Term:
    ((sign, x),) = args
    return -sign, x


def _add(values: Values, node: Node, args: Terms) -> Term:
    (s, x), (t, y) = sorted(args, key=_by_number)
    if x in values.zeros or y in values.zeros:
        return (s, x) if y in values.zeros else (t, y)
    if (s, x) == (t, y):  # x + x is 2 * x
        two = values.filled(node, 2.0)
        return s, values.made(node, [two, (1, x)], "multiply", commutative=True)[1]
    return s, values.made(node, [(1, x), (s * t, y)], "add", commutative=True)[1]


def _subtract(values: Values, node: Node, args: Terms) -> Term:
    x, (sign, y) = args
    return _add(values, node, [x, (-sign, y)])


def _product(values: Values, node: Node, args: Terms) -> Term:
    """The sign of a product is that of its factors."""
    sign = math.prod(s for s, _ in args)
    return sign, values.made(node, [(1, x) for _, x in args], commutative=node.op.name == "multiply")[1]


def _odd(values: Values, node: Node, args: Terms) -> Term:
    """``f(-x, ...)`` is ``-f(x, ...)``: linear and odd functions of the first operand."""
    (sign, x), *others = args
    if family(node.dtype) not in "fc":  # a cast to integers
        return values.made(node, args)
    return sign, values.made(node, [(1, x), *others])[1]


def _even(values: Values, node: Node, args: Terms) -> Term:
    ((_, x),) = args
    return values.made(node, [(1, x)])


def _where(values: Values, node: Node, args: Terms) -> Term:
    condition, x, y = args
    x, y = values.plain(x), values.plain(y)
    sign = y[0] if x[1] in values.zeros else x[0]
    signed = [values.plain((sign * s, z)) for s, z in (x, y)]
    return sign, values.made(node, [condition, *signed])[1]


def _less(values: Values, node: Node, args: Terms) -> Term:
    """``x < y`` is ``y > x`` and ``-y < -x``."""
    x, y = map(values.plain, args[::-1] if node.op.name.startswith("greater") else args)
    turned = [values.plain((-s, z)) for s, z in (y, x)]
    return values.made(node, min([x, y], turned), node.op.name.replace("greater", "less"))


def _equal(values: Values, node: Node, args: Terms) -> Term:
    x, y = sorted(map(values.plain, args), key=_by_number)
    sign = y[0] if x[1] in values.zeros else x[0]
    return values.made(node, [values.plain((sign * s, z)) for s, z in (x, y)], commutative=True)


def _extreme(values: Values, node: Node, args: Terms) -> Term:
    """``max(-x, -y)`` is ``-min(x, y)``."""
    x, y = sorted(map(values.plain, args), key=_by_number)
    sign = y[0] if x[1] in values.zeros else x[0]
    op = node.op.name if sign > 0 else {"maximum": "minimum", "minimum": "maximum"}[node.op.name]
    signed = [values.plain((sign * s, z)) for s, z in (x, y)]
    return sign, values.made(node, signed, op, commutative=True)[1]


_COMMUTATIVE = {"add", "multiply", "maximum", "minimum", "fmax", "fmin", "equal", "not_equal", "gcd", "lcm", "hypot"}
_COMMUTATIVE |= {
    "logical_and",
    "logical_or",
    "logical_xor",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "logaddexp",
    "logaddexp2",
}
_LINEAR = ("reduce_sum", "cast", "reshape", "broadcast", "transpose", "slice", "gather", "copy", "stop_gradient", "conjugate")
_ODD = (
    "real",
    "imag",
    "sin",
    "tan",
    "tanh",
    "arcsin",
    "arctan",
    "sinh",
    "arcsinh",
    "arctanh",
    "erf",
    "cbrt",
    "rint",
    "trunc",
    "sign",
)
_SIGNED: dict[str, Rule] = {
    "negative": _negative,
    "add": _add,
    "subtract": _subtract,
    "where": _where,
    "equal": _equal,
    "not_equal": _equal,
    **dict.fromkeys(("multiply", "divide", "masked_multiply", "matmul"), _product),
    **dict.fromkeys(("maximum", "minimum"), _extreme),
    **dict.fromkeys(("less", "less_equal", "greater", "greater_equal"), _less),
    **dict.fromkeys(("absolute", "cos", "cosh"), _even),
    **dict.fromkeys((*_LINEAR, *_ODD), _odd),
}
"""For floats, by name of the op: how the sign of its value follows from those of its operands."""
