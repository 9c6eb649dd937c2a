"""Which inputs of two graphs may stand for one another, with their sizes made the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tracejit.ir import Builder, Graph, Node, Size, TensorSpec
from tracejit.ir.graph import topological
from tracejit.ir.size import Dim, substitute, symbol, symbols
from tracejit.ops import TABLE

Sizes = dict[str, Dim]
_MOST_STEPS = 20_000
_DEFAULT = re.compile(r"(captured|[Vv]ariable|Placeholder)(_\d+)?")


Labels = tuple[Mapping[Node, str], Mapping[Node, str]]


class Matching(NamedTuple):
    """Inputs of two graphs in pairs, and what the symbols of each graph are in common symbols."""

    pairs: tuple[tuple[Node, Node], ...]
    sizes: tuple[Sizes, Sizes]


def used_inputs(graph: Graph) -> list[Node]:
    """The inputs that something depends on, in order of first use, which names and positions have no part in."""
    order = topological(graph.roots)
    return [n for n in order if n in graph.inputs] + [t for t, _ in graph.updates if t not in order]


def matchings(f: Graph, g: Graph, labels: Labels = ({}, {})) -> Iterator[Matching]:
    """All ways to pair the used inputs of ``f`` with those of ``g`` so that specs agree.

    The likely ones come first: what is updated with what is updated, then equal names, then equal order of use. After a great
    many ways that lead nowhere it gives up.

    Args:
        f: A graph.
        g: Another.
        labels: Of inputs of each; where a label is among those of both, the inputs that have it are a pair.
    """
    ours, theirs = used_inputs(f), used_inputs(g)
    if len(ours) != len(theirs):
        return
    candidates = [_candidates(f, g, i, x, theirs) for i, x in enumerate(ours)]
    fixed = set(labels[0].values()) & set(labels[1].values())
    own, its = ({x: label for x, label in side.items() if label in fixed} for side in labels)
    candidates = [[y for y in ys if own.get(x) == its.get(y)] for x, ys in zip(ours, candidates, strict=True)]
    stack = [(iter(candidates[0]) if ours else iter(()), Sizes())]
    chosen: list[Node] = []
    if not ours:
        yield Matching((), ({}, {}))
    for _ in range(_MOST_STEPS):
        if not stack:
            return
        choices, bound = stack[-1]
        y = next(choices, None)
        if y is None:
            stack.pop()
            chosen = chosen[:-1]
            continue
        new = None if y in chosen else _unified(ours[len(chosen)].spec, y.spec, bound)
        if new is None:
            continue
        if len(chosen) + 1 == len(ours):
            yield Matching(tuple(zip(ours, [*chosen, y], strict=True)), _common(f, g, new))
            continue
        chosen = [*chosen, y]
        stack.append((iter(candidates[len(chosen)]), new))


def resized(graph: Graph, sizes: Mapping[str, Dim]) -> tuple[Graph, dict[Node, Node]]:
    """``graph`` with its symbols replaced, and what its inputs have become."""
    builder = Builder(TABLE)
    made: dict[Node, Node] = {}
    for node in graph.nodes():
        with builder.at(node.where):
            if node in graph.inputs:
                made[node] = builder.input(node.attrs["name"], _spec(node.spec, sizes))
            else:
                attrs = {k: _attr(v, sizes) for k, v in node.attrs.items()}
                made[node] = builder.emit(node.op, tuple(made[x] for x in node.inputs), **attrs)
    inputs = {node: made[node] for node in graph.inputs}
    updates = tuple((made[target], made[value]) for target, value in graph.updates)
    return Graph(graph.name, tuple(inputs.values()), tuple(made[n] for n in graph.outputs), updates), inputs


def name_labels(inputs: Sequence[Node]) -> dict[Node, str]:
    """Inputs whose names say which they are: just one has it, and not by default."""
    names = Counter(x.attrs["name"] for x in inputs)
    return {x: x.attrs["name"] for x in inputs if names[x.attrs["name"]] == 1 and not _DEFAULT.fullmatch(x.attrs["name"])}


def _candidates(f: Graph, g: Graph, place: int, x: Node, theirs: Sequence[Node]) -> list[Node]:
    ours_updated, theirs_updated = {t for t, _ in f.updates}, {t for t, _ in g.updates}

    def unlikely(pair: tuple[int, Node]) -> tuple[bool, bool, int]:
        i, y = pair
        return (x in ours_updated) != (y in theirs_updated), x.attrs["name"] != y.attrs["name"], abs(i - place)

    fitting = ((i, y) for i, y in enumerate(theirs) if x.dtype == y.dtype and x.spec.rank == y.spec.rank)
    return [y for _, y in sorted(fitting, key=unlikely)]


def _unified(x: TensorSpec, y: TensorSpec, bound: Sizes) -> Sizes | None:
    """``bound`` with what makes two specs equal; None where nothing does."""
    for a, b in zip(x.shape, y.shape, strict=True):
        a, b = _resolved(_own(a, "f"), bound), _resolved(_own(b, "g"), bound)
        if a == b:
            continue
        named, other = (a, b) if _is_symbol(a) else (b, a)
        if not _is_symbol(named) or symbols(named) <= symbols(other):
            return None
        bound = {**bound, str(named): other}
    return bound


def _common(f: Graph, g: Graph, bound: Sizes) -> tuple[Sizes, Sizes]:
    """The symbols of each graph in symbols that both have."""
    ours, theirs = ({s: _resolved(_own(symbol(s), side), bound) for s in graph.symbols()} for side, graph in (("f", f), ("g", g)))
    left = dict.fromkeys(s for dim in (*ours.values(), *theirs.values()) for s in sorted(symbols(dim)))
    names: Sizes = {s: symbol(f"d{i}") for i, s in enumerate(left)}
    return {s: substitute(d, names) for s, d in ours.items()}, {s: substitute(d, names) for s, d in theirs.items()}


def _own(dim: Dim, side: str) -> Dim:
    return substitute(dim, {s: symbol(f"{side}_{s}") for s in symbols(dim)})


def _resolved(dim: Dim, bound: Sizes) -> Dim:
    while symbols(dim) & bound.keys():
        dim = substitute(dim, bound)
    return dim


def _is_symbol(dim: Dim) -> bool:
    return isinstance(dim, Size) and str(dim).isidentifier()


def _spec(spec: TensorSpec, sizes: Mapping[str, Dim]) -> TensorSpec:
    return TensorSpec([substitute(d, sizes) for d in spec.shape], spec.dtype)


def _attr(value: Any, sizes: Mapping[str, Dim]) -> Any:
    if isinstance(value, tuple):
        return tuple([_attr(v, sizes) for v in value])
    return substitute(value, sizes) if isinstance(value, Size) else value
