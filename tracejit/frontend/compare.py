"""``compare``: whether two functions are the same program, and where they differ if they are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from tracejit.errors import ArgumentError
from tracejit.frontend.canonical import Term, Values
from tracejit.frontend.comparison import Comparison, Side
from tracejit.frontend.entry import Traced
from tracejit.frontend.function import Function
from tracejit.frontend.matching import Labels, Matching, Sizes, matchings, name_labels, resized, used_inputs
from tracejit.frontend.programs import Traceable
from tracejit.frontend.subject import subject
from tracejit.ir import Builder, Graph, Node
from tracejit.ir.graph import replay_node
from tracejit.ir.text import call_text, node_names, spec_text
from tracejit.ops import TABLE
from tracejit.ops.row import full_like, number
from tracejit.transforms.passes import optimize

_MOST_MATCHINGS = 500
_LITERALS = bool | int | float | complex | str | bytes | None


def compare(f: Any, g: Any, *args: Any) -> Comparison:
    """Say whether two functions are the same program, or where they differ first.

    Both are traced and optimized. They are the same when they compute the same results and the same new values of Variables, by
    the same operations, from inputs that stand for one another. Names, the order of commutative operands, and signs that pass
    through operations make no difference: ``(x - y)**2`` is ``(y - x)**2``. The grouping of sums and products does, since it
    rounds differently. A Variable that each call leaves with one number in it, as gradients that are made zero are, is taken to
    hold that number, where this makes the programs the same.

    Arguments of one position in ``args`` stand for one another; so do other inputs of one name, and, without ``args``, all inputs
    of one name. For inputs that have no name in common it is found out.

    Args:
        f: A function, a traced function, a graph, or an object with a graph, such as a compiled program.
        g: Another of these.
        args: Of the call to compare, for functions; traced functions are compared by their youngest programs without them.

    Returns:
        An object that is true where the programs are the same, and that prints what was found.

    Raises:
        ArgumentError: Something that is no program, or a function without arguments to trace it with.
        ValueError: A traced function that was not called yet, without arguments.
    """
    names = _name(f), _name(g)
    if names[0] == names[1]:
        names = f"{names[0]} (1)", f"{names[1]} (2)"
    plain = _Comparer(names, (_look(f, args), _look(g, args)))
    steady = _Comparer(names, (_steady(plain.looks[0]), _steady(plain.looks[1])))
    closest: Comparison | None = None
    for comparer, labelled in ((plain, True), (steady, True), (plain, False)):
        attempt = comparer.best(labelled)
        if attempt is not None and attempt.same:
            return comparer.equal(attempt) if labelled else comparer.exchanged(attempt)
        closest = comparer.different(attempt) if closest is None and attempt is not None else closest
    return plain.unmatched() if closest is None else closest


def _name(x: Any) -> str:
    found = x.programs.name if isinstance(x, Traceable) else getattr(x, "name", None) or getattr(x, "__name__", None)
    return found if isinstance(found, str) else getattr(getattr(x, "graph", None), "name", type(x).__name__)


@dataclass(frozen=True, slots=True)
class _Look:
    """One of the two programs, as far as it is to be compared.

    Attributes:
        graph: With every result as an output.
        statics: Results that are literals: where they stand among all, and what they are.
        arguments: The inputs that are arguments of the call, by position.
        notes: What was assumed.
    """

    graph: Graph
    statics: tuple[tuple[int, str], ...] = ()
    arguments: Mapping[Node, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _look(x: Any, args: tuple[Any, ...]) -> _Look:
    if callable(x) and not isinstance(x, Traceable) and not isinstance(getattr(x, "graph", None), Graph):
        if not args:
            raise ArgumentError(f"compare: {_name(x)} is a plain function; give arguments to trace it with")
        x = Function(x)
    if not isinstance(x, Traceable):
        return _Look(subject(x, "compare").graph)
    if args:
        return _look_at(x.traced(*args), with_arguments=True)
    if not x.programs.entries:
        x.graph()  # says what to do
    return _look_at(x.programs.entries[-1].traced, with_arguments=False)


def _look_at(traced: Traced, with_arguments: bool) -> _Look:
    graph = traced.graph
    passed = dict(zip(traced.passed, graph.inputs, strict=False))
    outputs: list[Node] = []
    statics: list[tuple[int, str]] = []
    for tree in (traced.result, *traced.rewritten.values()):
        for leaf in tree.leaves:
            if leaf.kind in ("output", "int"):
                outputs.append(graph.outputs[leaf.number])
            elif leaf.kind == "argument" and leaf.number in passed:
                outputs.append(passed[leaf.number])
            elif leaf.kind == "static" and isinstance(leaf.value, _LITERALS):
                statics.append((len(outputs) + len(statics), repr(leaf.value)))
    rebound = tuple((passed[leaf], graph.outputs[number]) for leaf, number in traced.rebound)
    whole = Graph(graph.name, graph.inputs, tuple(outputs), (*graph.updates, *rebound))
    return _Look(whole, tuple(statics), {x: f"argument {i}" for i, x in passed.items()} if with_arguments else {})


def _steady(look: _Look) -> _Look:
    """The program as it is from the second call on: what each call leaves with one number in it holds that number."""
    graph = look.graph
    known = {target: number(value) for target, value in optimize(graph).updates if number(value) is not None}
    builder = Builder(TABLE)
    made = {node: node for node in graph.inputs if node not in known}
    made |= {node: full_like(builder, node, value) for node, value in known.items() if value is not None}
    for node in graph.nodes():
        if node not in made:
            made[node] = replay_node(builder, node, tuple(made[x] for x in node.inputs), lambda builder, node, args: None)
    updates = tuple((target, made[value]) for target, value in graph.updates if target not in known)
    inputs = tuple(node for node in graph.inputs if node not in known)
    notes = tuple(f"{node.attrs['name']} is taken to hold {value}, as each call leaves it" for node, value in known.items())
    whole = Graph(graph.name, inputs, tuple(made[n] for n in graph.outputs), updates)
    return replace(look, graph=whole, notes=notes)


@dataclass(frozen=True, slots=True)
class _Numbered:
    """A graph with the value of each node, and of each result."""

    graph: Graph
    terms: Mapping[Node, Term]
    first: Mapping[int, Node]
    results: tuple[Term, ...]
    updates: Mapping[str, Term]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """Two graphs under one matching of their inputs.

    Attributes:
        matching: See there.
        values: The entries of both.
        sides: The graphs.
        places: What to compare: in words, with the value of each.
        fault: Why there is nothing to compare.
        also: What one returns, and the other only writes.
        common: How many different operations both have.
    """

    matching: Matching
    values: Values
    sides: tuple[_Numbered, _Numbered]
    places: tuple[tuple[str, Term, Term], ...]
    fault: str
    also: str
    common: int

    @property
    def same(self) -> bool:
        return not self.fault and all(x == y for _, x, y in self.places)


class _Comparer:
    """The comparison of two graphs."""

    def __init__(self, names: tuple[str, str], looks: tuple[_Look, _Look]) -> None:
        self.names = names
        self.looks = looks
        self.graphs = looks[0].graph, looks[1].graph
        self._optimized: dict[tuple[int, str], tuple[Graph, dict[Node, Node]]] = {}

    def best(self, labelled: bool) -> _Attempt | None:
        """The first way to pair the inputs that makes the programs equal, or the one that makes them most alike.

        Where ``labelled``, arguments of one position are pairs, or, where there are none, inputs of one name.
        """
        best: _Attempt | None = None
        labels: Labels = {}, {}
        if labelled:
            called = all(look.arguments for look in self.looks)
            labels = self._labels(0, called), self._labels(1, called)
        for matching in islice(matchings(*self.graphs, labels), _MOST_MATCHINGS):
            attempt = self.attempt(matching)
            if best is None or attempt.same or attempt.common > best.common:
                best = attempt
            if attempt.same:
                break
        return best

    def _labels(self, side: int, called: bool) -> dict[Node, str]:
        look = self.looks[side]
        if not called:
            return name_labels(look.graph.inputs)
        return {**name_labels([x for x in look.graph.inputs if x not in look.arguments]), **look.arguments}

    def attempt(self, matching: Matching) -> _Attempt:
        values = Values()
        first, second = (self._numbered(side, matching, values) for side in (0, 1))
        fault, also, results = self._results(first, second)
        places = [(f"result {i}", x, y) for i, (x, y) in enumerate(results)] if len(results) > 1 else []
        places = places or [("the result", x, y) for x, y in results]
        labels = {str(i): self._input_name(x) for i, (x, _) in enumerate(matching.pairs)}
        both = first.updates.keys() & second.updates.keys()
        places += [(f"the new value of {labels[i]}", first.updates[i], second.updates[i]) for i in labels if i in both]
        for i in labels:
            if (i in first.updates) != (i in second.updates):
                writes, reads = self.names if i in first.updates else self.names[::-1]
                fault = f"{writes} writes {labels[i]}, {reads} only reads it"
        own, its = ({n for _, n in side.terms.values()} for side in (first, second))
        common = sum(1 for n in own & its if not values.entries[n].op.startswith(("input ", "fill ")))
        return _Attempt(matching, values, (first, second), tuple(places), fault, also, common)

    def _numbered(self, side: int, matching: Matching, values: Values) -> _Numbered:
        graph, inputs = self._resized(side, matching.sizes[side])
        labels = {inputs[pair[side]]: str(i) for i, pair in enumerate(matching.pairs)}
        labels |= {n: f"unused {i}" for i, n in enumerate(graph.inputs) if n not in labels}
        terms = values.terms(graph, labels)
        first: dict[int, Node] = {}
        for node, (_, entry) in terms.items():
            first.setdefault(entry, node)
        updates = {labels[target]: terms[value] for target, value in graph.updates}
        return _Numbered(graph, terms, first, tuple(terms[n] for n in graph.outputs), updates)

    def _resized(self, side: int, sizes: Sizes) -> tuple[Graph, dict[Node, Node]]:
        key = side, str(sorted(sizes.items(), key=str))
        if key not in self._optimized:
            graph, inputs = resized(self.graphs[side], sizes)
            self._optimized[key] = optimize(graph), inputs
        return self._optimized[key]

    def _results(self, first: _Numbered, second: _Numbered) -> tuple[str, str, list[tuple[Term, Term]]]:
        """Why results cannot be compared, what is returned by one only, and the results in pairs."""
        sides, also = [], ""
        for side in (first, second):
            written = set(side.updates.values())
            sides.append([x for x in side.results if x not in written])
        if len(first.results) == len(second.results) != len(sides[0]):
            sides = [list(first.results), list(second.results)]
        for name, side, left in zip(self.names, (first, second), sides, strict=True):
            if len(left) < len(side.results):
                also = f"{name} also returns new values that it writes"
        if self.looks[0].statics != self.looks[1].statics:
            own, its = (", ".join(text for _, text in look.statics) or "none" for look in self.looks)
            return f"results that are no arrays are {own} in {self.names[0]}, {its} in {self.names[1]}", also, []
        if len(sides[0]) != len(sides[1]):
            return f"{self.names[0]} returns {len(sides[0])} results, {self.names[1]} {len(sides[1])}", also, []
        return "", also, list(zip(*sides, strict=True))

    def equal(self, attempt: _Attempt) -> Comparison:
        return Comparison(True, self.names, "", (), self._pairs(attempt), self._notes(attempt), attempt.common)

    def different(self, attempt: _Attempt) -> Comparison:
        if attempt.fault:
            return Comparison(False, self.names, attempt.fault, (), self._pairs(attempt), self._notes(attempt), attempt.common)
        place, x, y = next(p for p in attempt.places if p[1] != p[2])
        x, y = _deepest(attempt, x, y)
        signs = ", in its sign" if x[1] == y[1] else ""
        sides = tuple(_side(n, s, t[1]) for n, s, t in zip(self.names, attempt.sides, (x, y), strict=True))
        return Comparison(
            False, self.names, f"first in {place}{signs}", sides, self._pairs(attempt), self._notes(attempt), attempt.common
        )

    def exchanged(self, attempt: _Attempt) -> Comparison:
        """They would be equal if inputs of one name did not stand for one another."""
        fault = "they are the same program only if inputs are exchanged"
        return Comparison(False, self.names, fault, (), self._pairs(attempt), self._notes(attempt), attempt.common)

    def unmatched(self) -> Comparison:
        """There is no way to pair the inputs."""
        used = [used_inputs(graph) for graph in self.graphs]
        sides = [
            Side(n, ", ".join(f"{self._input_name(x)}: {x.spec}" for x in xs)) for n, xs in zip(self.names, used, strict=True)
        ]
        return Comparison(False, self.names, "no inputs of one fit those of the other", tuple(sides))

    def _input_name(self, node: Node) -> str:
        name: str = node.attrs["name"]
        return name

    def _pairs(self, attempt: _Attempt) -> tuple[tuple[str, str], ...]:
        return tuple((self._input_name(x), self._input_name(y)) for x, y in attempt.matching.pairs)

    def _notes(self, attempt: _Attempt) -> tuple[str, ...]:
        notes = [f"in {name}, {note}" for name, look in zip(self.names, self.looks, strict=True) for note in look.notes]
        notes += [attempt.also] if attempt.also else []
        for name, other, sizes in zip(self.names, self.names[::-1], attempt.matching.sizes, strict=True):
            notes += [f"{s} of {name} is {d} in {other}" for s, d in sizes.items() if isinstance(d, int)]
        for name, graph in zip(self.names, self.graphs, strict=True):
            unused = [self._input_name(x) for x in graph.inputs if x not in used_inputs(graph)]
            notes += [f"{', '.join(unused)} of {name} is not used"] if unused else []
        return tuple(notes)


def _deepest(attempt: _Attempt, x: Term, y: Term) -> tuple[Term, Term]:
    """The first operands that differ, followed from two values that differ as far as both do the same with them."""
    entries, (first, second) = attempt.values.entries, attempt.sides
    while x[1] != y[1]:
        a, b = entries[x[1]], entries[y[1]]
        if (a.op, a.spec, len(a.operands)) != (b.op, b.spec, len(b.operands)):
            break
        ours, theirs = list(a.operands), list(b.operands)
        if a.commutative:
            ours, theirs = ((list((Counter(p) - Counter(q)).elements())) for p, q in ((ours, theirs), (theirs, ours)))
            ours, theirs = (sorted(z, key=lambda t: (entries[t[1]].op, t[1])) for z in (ours, theirs))
        inner = next(((p, q) for p, q in zip(ours, theirs, strict=True) if p[1] != q[1]), None)
        if inner is None or inner[0] in theirs or inner[1] in ours:  # the same operands, in other signs or another order
            break
        if inner[0][1] not in first.first or inner[1][1] not in second.first:
            break
        x, y = inner
    return x, y


def _side(name: str, side: _Numbered, number: int) -> Side:
    node = side.first[number]
    names = node_names(side.graph)
    if node in side.graph.inputs:
        return Side(name, f"the input {names[node]}: {spec_text(node.spec)}", node.where)
    return Side(name, f"{names[node]}: {spec_text(node.spec)} = {call_text(node, names)}", node.where)
