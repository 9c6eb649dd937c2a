"""What a product ends in where the library does it on the way: a bias along the last axis, relu, gelu.

A loop that does nothing else reads the product and writes it again, at the speed of memory. It is left out where

* nobody else reads the product, nor what comes between it and the end,
* the bias is a stored vector as long as a row, and of the product's dtype,
* the end has to be stored anyway: it is a result, or what a step reads that is no loop. A loop that reads it adds the bias for
  nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple, Protocol

import numpy as np

from tracejit.ir import Builder, Graph, Node, TensorSpec, using
from tracejit.ir.dtype import is_half
from tracejit.ir.graph import topological
from tracejit.ir.size import symbol
from tracejit.ops import TABLE, composite, maximum
from tracejit.schedule.access import Linear, Read, is_elementwise, kind, operand
from tracejit.schedule.fuse import FUSIBLE, is_scalar, read_inputs, reads_of, sources
from tracejit.schedule.halves import SINGLE, widen_halves
from tracejit.schedule.schedule import Epilogue

ACTIVATIONS: tuple[tuple[str, Callable[[Node], Node]], ...] = (
    ("relu", composite.relu),
    ("relu", lambda x: maximum(x, composite.full(x.shape, 0, x.dtype))),
    ("gelu", functools.partial(composite.gelu, approximate=True)),
)
_LEFT = "{0} is left to a loop, since the library's own changes special values; TRACEJIT_EPILOGUES=fast takes it"
_NEEDED = "what {0} is computed from is read by others, too"
_FREE = "the loop that reads it adds the bias on the way"


class Order(Protocol):
    """Which nodes run before which."""

    def reaches(self, start: Node, goals: set[Node]) -> bool: ...

    def require(self, first: Node, then: Node) -> object: ...

    def before(self, node: Node) -> set[Node]: ...


class _Chain(NamedTuple):
    """What may follow a product: the words for it, the bias, the nodes in order, and what the last one makes."""

    words: tuple[str, ...]
    bias: Node | None
    nodes: tuple[Node, ...]
    value: Node

    def then(self, word: str, *nodes: Node, bias: Node | None = None) -> _Chain:
        words = (*self.words, word) if word else self.words
        return _Chain(words, bias or self.bias, (*self.nodes, *nodes), nodes[-1])


class Epilogues:
    """The epilogues of the products among ``nodes``.

    Args:
        nodes: What is computed, each after its inputs.
        stored: What has to be in memory whoever reads it.
        overwrites: For a node, the input whose buffer it replaces in place.
        activations: Those that the library may compute.

    Attributes:
        by_product: Those that were found.
        separate: Of products that might have had one, why they have none.
    """

    def __init__(
        self, nodes: Iterable[Node], stored: set[Node], overwrites: dict[Node, Node], activations: Collection[str]
    ) -> None:
        self._stored, self._overwrites, self._activations = stored, overwrites, activations
        self._readers: dict[Node, list[Node]] = {}
        self.by_product: dict[Node, Epilogue] = {}
        self.separate: dict[Node, str] = {}
        self._products = []
        for node in nodes:
            for source in sources(node):
                self._readers.setdefault(source, []).append(node)
            if node.op.name == "matmul":
                self._products.append(node)

    def match(self, order: Order) -> None:
        """Find them, and have all that they read be computed before their products."""
        for product in self._products:
            chain = self._chain(product)
            if chain is None or not self._is_in_place(product, chain):
                continue
            earlier = {x for n in chain.nodes for x in order.before(n)} - {product, *chain.nodes, *order.before(product)}
            if not order.reaches(product, earlier):
                for x in earlier:
                    order.require(x, product)
                self.by_product[product] = Epilogue("_".join(chain.words), chain.bias, chain.nodes)

    def _is_in_place(self, product: Node, chain: _Chain) -> bool:
        """Whether what is written may replace, if it does, what the step reads: never here, since a product reads at random."""
        target = self._overwrites.get(chain.value)
        return target is None or all(target not in read_inputs(n) for n in (product, *chain.nodes))

    def _chain(self, product: Node) -> _Chain | None:
        """The longest that is wanted."""
        start = _Chain((), None, (), product)
        if is_half(product.dtype):
            wide = self._only_reader(product)
            if wide is None or not _is_cast(wide, product, SINGLE):
                return None
            start = start.then("", wide)
        biased = self._biased(start, product)
        active = self._active(biased or start, product)
        if active is not None and active.words[-1] not in self._activations:
            self.separate[product] = _LEFT.format(active.words[-1])
            return None
        chain = active or biased
        if chain is None:
            return None
        if is_half(product.dtype):
            narrow = self._only_reader(chain.value)
            if narrow is None or not _is_cast(narrow, chain.value, product.dtype):
                return None
            chain = chain.then("", narrow)
        end = chain.value
        if end in self._stored or any(kind(reader) not in FUSIBLE for reader in self._readers.get(end, ())):
            return chain
        self.separate.setdefault(product, _FREE)
        return None

    def _only_reader(self, node: Node) -> Node | None:
        """Who reads a node that is not stored, where that is one only."""
        readers = self._readers.get(node, ())
        return readers[0] if len(readers) == 1 and node not in self._stored else None

    def _biased(self, chain: _Chain, product: Node) -> _Chain | None:
        """With a bias added to each row."""
        total = self._only_reader(chain.value)
        if total is None or total.op.name != "add":
            return None
        value, bias = reads_of(total)
        if value.source is not chain.value:
            value, bias = bias, value
        if value.source is not chain.value or not is_elementwise(value, total.shape):
            return None
        casts: tuple[Node, ...] = ()
        if is_half(product.dtype) and _is_cast(bias.source, None, SINGLE) and bias.source.shape == total.shape:
            if self._only_reader(bias.source) is not total:
                return None
            casts = (bias.source,)
            (bias,) = reads_of(bias.source)
        return chain.then("bias", *casts, total, bias=bias.source) if _is_row(bias, total, product) else None

    def _active(self, chain: _Chain, product: Node) -> _Chain | None:
        """With an activation, where nothing else needs the value before it."""
        for number, (name, _) in enumerate(ACTIVATIONS):
            pattern = pattern_of(number, product.dtype)
            for end in self._after(chain.value, len(pattern.inner)):
                bound: dict[Node, Node] = {}
                if not _matches(pattern, pattern.end, end, chain.value, bound):
                    continue
                inner = {*bound.values()} - {end}
                readers = {r for n in (chain.value, *inner) for r in self._readers[n]}
                if readers <= {*inner, end} and not self._stored & {chain.value, *inner}:
                    return chain.then(name, *(bound[n] for n in pattern.inner))
                left = name == "relu" and name not in self._activations  # then its derivative reads a mask of its operand
                self.separate[product] = (_LEFT if left else _NEEDED).format(name)
        return None

    def _after(self, node: Node, most: int) -> list[Node]:
        """The first few nodes that need ``node``."""
        found: dict[Node, None] = {}
        waiting = [node]
        while waiting and len(found) < most:
            for reader in self._readers.get(waiting.pop(0), ()):
                if reader not in found and kind(reader) == "elementwise":
                    found[reader] = None
                    waiting.append(reader)
        return list(found)


def _is_cast(node: Node, source: Node | None, dtype: np.dtype) -> bool:
    """Whether a node is ``source``, or anything, element by element in another dtype."""
    if node.op.name != "cast" or node.dtype != dtype:
        return False
    (r,) = reads_of(node)
    return source is None or (r.source is source and is_elementwise(r, node.shape))


def _is_row(r: Read, total: Node, product: Node) -> bool:
    """Whether a read is of a stored vector along the last axis, the same for each row of the product."""
    along = Linear(0, (0,) * (total.spec.rank - 1) + (1,))
    source = r.source
    stored = kind(source) not in ("constant", "iota") and not is_scalar(source)
    whole = source.spec.size == total.shape[-1] == product.shape[-1]
    return r.linear == along and stored and whole and source.dtype == product.dtype


class Pattern(NamedTuple):
    """An activation as its nodes: where its operand stands, what is computed in order, and the end."""

    hole: Node
    inner: tuple[Node, ...]
    end: Node


@functools.cache
def pattern_of(number: int, dtype: np.dtype) -> Pattern:
    """How one of ``ACTIVATIONS`` is computed for arrays of a dtype."""
    name, function = ACTIVATIONS[number]
    builder = Builder(TABLE)
    with using(builder):
        x = builder.input("x", TensorSpec((symbol("n"), symbol("m")), dtype))
        graph = widen_halves(Graph(name, (x,), (function(x),)))
    (end,) = graph.outputs
    hole = x
    if is_half(dtype):  # what is computed is between two casts
        (end,) = end.inputs
        (hole,) = (n for n in graph.nodes() if n.inputs == (x,))
    inner = (n for n in topological((end,)) if kind(n) == "elementwise" and n.shape and n is not hole)
    return Pattern(hole, tuple(inner), end)


def _matches(pattern: Pattern, wanted: Node, node: Node, value: Node, bound: dict[Node, Node]) -> bool:
    """Whether a node is computed from ``value`` as the pattern has it; ``bound`` tells which node stands for which."""
    if wanted in bound:
        return bound[wanted] is node
    if node.op is not wanted.op or node.dtype != wanted.dtype or kind(node) != "elementwise":
        return False
    bound[wanted] = node
    for want, got in zip(reads_of(wanted), reads_of(node), strict=True):
        if want.source is pattern.hole:
            same = got.source is value and is_elementwise(got, node.shape)
        elif kind(want.source) == "constant":
            same = kind(got.source) == "constant" and _number(got.source) == _number(want.source)
        else:
            same = is_elementwise(got, node.shape) and _matches(pattern, want.source, got.source, value, bound)
        if not same:
            return False
    return True


def _number(constant: Node) -> tuple[object, np.dtype]:
    return np.asarray(constant.attrs["value"]).astype(constant.dtype).item(), constant.dtype


def masks_of_results(graph: Graph) -> Graph:
    """The graph with derivatives of relu that ask whether its result is positive, not whether what came into it was.

    So that is read by nobody else. ``relu(z)`` is ``where(z <= 0, 0, z)``; what else reads this mask gets that of the result.
    """
    masks = {node.inputs[0] for node in graph.nodes() if _is_relu(node)}

    def rule(builder: Builder, node: Node, args: tuple[Node, ...]) -> Node | None:
        if node.op.name != "where" or node.inputs[0] not in masks or _is_relu(node):
            return None
        below, *rest = args
        z, zero = below.inputs
        result = builder.emit(node.op, (below, zero, z))
        return builder.emit(node.op, (builder.emit(below.op, (result, zero)), *rest))

    return graph.replay(Builder(TABLE), rule) if masks else graph


def _is_relu(node: Node) -> bool:
    """Whether a node is ``where(z <= 0, 0, z)`` for a sum ``z`` with a product in it."""
    if node.op.name != "where" or node.inputs[0].op.name != "less_equal":
        return False
    below, zero, z = node.inputs
    source = operand(zero).source
    is_zero = kind(source) == "constant" and source.attrs["value"] == 0
    return below.inputs == (z, zero) and is_zero and z.op.name == "add" and any(map(_is_product, z.inputs))


def _is_product(x: Node) -> bool:
    return kind(operand(x).source) == "contract"
