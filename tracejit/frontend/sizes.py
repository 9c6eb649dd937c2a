"""Sizes of one trace: symbols, what they turned out to equal, and the guards that the program rests on.

Every fact is kept as a :class:`Fact` over the symbols as they were made, one for each dimension of an argument, so that the
facts of a program can be asked of the shapes of a later call, and the first that fails says why the program does not fit.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tracejit.errors import TraceError
from tracejit.frontend.where import at_line, user_where
from tracejit.ir import Size, Where, evaluate, symbol
from tracejit.ir.size import Dim, lower_bound, substitute, symbols

RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LETTERS = "nmkpqrs"


class Fact(NamedTuple):
    """``(left relation right) is outcome``, why it was asked, and the user's line that asked."""

    left: Dim
    relation: str
    right: Dim
    outcome: bool
    why: str
    where: Where | None

    def holds(self, values: Mapping[str, int]) -> bool:
        return RELATIONS[self.relation](evaluate(self.left, values), evaluate(self.right, values)) is self.outcome


class Origin(NamedTuple):
    """Where a symbol comes from.

    Attributes:
        text: Of the user's world, such as ``x.shape[0]``.
        least: No call has a smaller size; 2, since sizes 0 and 1 are plain ints, but 0 where an input signature says "any".
        free: No size is known while the function is traced.
    """

    text: str
    least: int = 2
    free: bool = False


class Sizes:
    """The symbols of one trace with their values in the call that is traced."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {}
        self.origins: dict[str, Origin] = {}
        self.bound: dict[str, Dim] = {}  # what a symbol equals, in symbols that are not bound themselves
        self.facts: list[Fact] = []

    def new(self, value: int, origin: Origin) -> Size:
        """A symbol for a dimension that is ``value`` in this call."""
        name = symbol_name(len(self.values))
        self.values[name], self.origins[name] = value, origin
        return symbol(name)

    def canonical(self, dim: Dim) -> Dim:
        """``dim`` in symbols that are not bound."""
        return substitute(dim, self.bound) if self.bound and not isinstance(dim, int) else dim

    def unify(self, a: Dim, b: Dim, why: str) -> bool:
        """Make two sizes equal; False where they differ in this call."""
        a, b = self.canonical(a), self.canonical(b)
        if a == b:
            return True
        free = [s for s in self._symbols(a, b) if self.origins[s].free]
        if not free and evaluate(a, self.values) != evaluate(b, self.values):
            return False
        if not self._solve(a, b, free or self._symbols(a, b), why):
            if free:
                return False
            for name in self._symbols(a, b):
                self._bind(name, self.values[name], why)
        return True

    def decide(self, left: Dim, relation: str, right: Dim, why: str) -> bool:
        """Whether a comparison holds in this call; a fact is kept where other calls could differ."""
        left, right = self.canonical(left), self.canonical(right)
        known = _known(left - right, relation, min((self.origins[s].least for s in self._symbols(left, right)), default=2))
        if known is not None:
            return known
        self._require_known(left - right, why)
        outcome = RELATIONS[relation](evaluate(left, self.values), evaluate(right, self.values))
        equal = outcome == (relation == "==") and relation in ("==", "!=")
        if not (equal and self._solve(left, right, self._symbols(left, right), why)):
            self.facts.append(Fact(left, relation, right, outcome, why, user_where()))
        return outcome

    def number(self, dim: Dim, why: str) -> int:
        """The value of ``dim``, which later calls must share."""
        dim = self.canonical(dim)
        if isinstance(dim, int):
            return dim
        self._require_known(dim, why)
        value = evaluate(dim, self.values)
        self.decide(dim, "==", value, why)
        return value

    def first_broken(self, values: Mapping[str, int]) -> Fact | None:
        """The first fact that does not hold for the sizes of another call."""
        for name, origin in self.origins.items():
            if values.get(name, origin.least) < origin.least:
                return Fact(symbol(name), ">=", origin.least, True, "made before there was a call", None)
        return next((f for f in self.facts if not f.holds(values)), None)

    def text(self, dim: Dim) -> str:
        """``dim`` in the user's words: ``x.shape[0] - 1``."""
        return str(substitute(dim, {s: symbol(self.origins[s].text) for s in symbols(dim)}))

    def explain(self, fact: Fact, values: Mapping[str, int]) -> str:
        """Why the program does not fit sizes for which ``fact`` fails."""
        negation = "" if fact.outcome else "not "
        left, right = self.text(fact.left), self.text(fact.right)
        was = f"{negation}{left} {fact.relation} {right}"
        now = f"{left} is {evaluate(fact.left, values)}"
        if not isinstance(fact.right, int):
            now += f", {right} is {evaluate(fact.right, values)}"
        return f"{was} ({fact.why}); now {now}"

    def _symbols(self, *dims: Dim) -> list[str]:
        """Names in ``dims``, the youngest first: it is bound to the older, so that the first arguments keep their letters."""
        found = frozenset[str]().union(*map(symbols, dims))
        return [s for s in reversed(self.values) if s in found]

    def _solve(self, a: Dim, b: Dim, candidates: list[str], why: str) -> bool:
        """Bind a symbol such that ``a == b``; False where the equation is not plainly solved by one."""
        difference = a - b
        assert isinstance(difference, Size)
        for name in candidates:
            coefficients = [c for monomial, c in difference.terms if monomial == (name,)]
            if coefficients not in ([1], [-1]):
                continue
            rest = difference - symbol(name) * coefficients[0]
            if name not in symbols(rest):
                self._bind(name, rest * -coefficients[0], why)
                return True
        return False

    def _bind(self, name: str, dim: Dim, why: str) -> None:
        if self.origins[name].free:
            self.values[name] = evaluate(dim, self.values)
        self.facts.append(Fact(symbol(name), "==", dim, True, why, user_where()))
        self.bound = {s: substitute(d, {name: dim}) for s, d in self.bound.items()} | {name: dim}

    def _require_known(self, dim: Dim, why: str) -> None:
        free = [s for s in self._symbols(dim) if self.origins[s].free]
        if free:
            raise TraceError(
                f"{self.text(symbol(free[0]))}: its number was asked for ({why}), but the signature leaves it open\n"
                f"  cure: give a number instead of None for this dimension{at_line(user_where())}"
            )


def symbol_name(index: int) -> str:
    """``n``, ``m``, ``k``, ..., then ``n_1``, ``m_1``, ..."""
    round_, letter = divmod(index, len(_LETTERS))
    return _LETTERS[letter] + (f"_{round_}" if round_ else "")


def _known(difference: Dim, relation: str, least: int) -> bool | None:
    """Whether ``difference relation 0`` for all symbols of at least ``least``, where that is plain to see."""
    below = lower_bound(difference, least)
    above = lower_bound(difference * -1, least)
    if below is None and above is None:
        return None
    low = float("-inf") if below is None else below
    high = float("inf") if above is None else -above
    if low == high or low > 0 or high < 0:
        return RELATIONS[relation](int(low) if low > 0 or low == high else int(high), 0)
    if (relation, low) == (">=", 0) or (relation, high) == ("<=", 0):
        return True
    if (relation, low) == ("<", 0) or (relation, high) == (">", 0):
        return False
    return None
