"""Tracing one call: arguments become tracers, the Python function runs once, and what it returned becomes the outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tracejit.errors import LeakedTracerError, TraceError, TracejitError
from tracejit.frontend.entry import Dimension, ResultLeaf, ResultTree, Traced
from tracejit.frontend.guards import refused_write
from tracejit.frontend.leading import leading
from tracejit.frontend.parameters import Parameters
from tracejit.frontend.signature import ARRAYS, Call, Leaf
from tracejit.frontend.sizes import Sizes
from tracejit.frontend.symbolic import SymbolicInt
from tracejit.frontend.tensor import Tracer
from tracejit.frontend.trace import GraphTrace
from tracejit.frontend.tree import LEAF, flatten, flatten_paths
from tracejit.frontend.variable import Variable
from tracejit.frontend.where import at_line, raised_where
from tracejit.ir import Dim, Node, TensorSpec, evaluate, symbol, using
from tracejit.ir.size import substitute, symbols
from tracejit.ops import TABLE
from tracejit.runtime.device import DeviceArray
from tracejit.transforms.unroll import SHORT, short_axes

_NUMBERS = {bool: np.dtype(bool), int: np.dtype(np.int64), float: np.dtype(np.float64)}


def trace_call(function: Callable[..., Any], parameters: Parameters, call: Call, name: str) -> Traced:
    """Trace ``function`` for one call."""
    traced, made = _Tracing(name, call, again=False).run(function, parameters)
    if made:  # the function kept Variables that it made: its later calls are what the program is for
        traced, _ = _Tracing(name, call, again=True).run(function, parameters)
    return traced


class _Tracing:
    """One run of the Python function."""

    def __init__(self, name: str, call: Call, again: bool) -> None:
        self.call = call
        self.trace = GraphTrace(name, TABLE, again)
        self.dimensions: list[Dimension] = []
        self.inputs: dict[Node, int] = {}  # leaf of each input
        self.tracers: dict[int, Tracer] = {}  # by leaf
        self.outputs: list[Node] = []
        self._output_of: dict[int, int] = {}
        self._kept: list[Any] = []  # keeps results alive, whose ids are keys

    def run(self, function: Callable[..., Any], parameters: Parameters) -> tuple[Traced, bool]:
        """What was found out, and whether the function made Variables."""
        try:
            with using(self.trace), leading():
                values = [self._value(i, leaf) for i, leaf in enumerate(self.call.leaves)]
                arguments = parameters.unflatten(self.call.signature.structure, values)
                result = parameters.call(function, arguments)
                return self._traced(result, self._rewritten(arguments, values)), bool(self.trace.made)
        except TracejitError as error:
            if "\n  at " not in str(error):
                error.args = (f"{error}{at_line(raised_where(error))}",)
            raise
        except ValueError as error:
            if isinstance(error.__cause__, TraceError):  # NumPy asked a traced value for its number, to store it
                raise refused_write(self.trace.name, raised_where(error)) from None
            raise
        finally:
            self.trace.ended = True

    # arguments

    def _value(self, index: int, leaf: Leaf) -> Any:
        """What the function gets for a leaf."""
        if leaf.kind == "number":
            node = self.trace.argument(leaf.path, TensorSpec((), _NUMBERS[type(leaf.value)]), leaf.value)
            return self._tracer(index, node, weak=True, scalar=True)
        if leaf.kind in ARRAYS:
            assert leaf.array is not None
            shape = [self._dim(index, leaf, axis) for axis in range(leaf.array.ndim)]
            node = self.trace.argument(leaf.path, TensorSpec(shape, leaf.array.dtype.newbyteorder("=")))
            if isinstance(leaf.array, DeviceArray):
                self.trace.resident.add(node)
            eager = leaf.value if leaf.kind == "tensor" else None
            weak = leaf.kind == "complex" or (eager is not None and eager.weak)
            return self._tracer(
                index, node, weak, scalar=leaf.kind in ("scalar", "complex") or (eager is not None and eager.scalar)
            )
        return leaf.value

    def _dim(self, index: int, leaf: Leaf, axis: int) -> Dim:
        assert leaf.array is not None
        size: int = leaf.array.shape[axis]
        origin = leaf.origins[axis]
        if origin is None:
            return size
        made = self.trace.new_size(size, origin)
        self.dimensions.append(Dimension(str(made), index, axis))
        return made

    def _tracer(self, index: int, node: Node, weak: bool, scalar: bool) -> Tracer:
        self.inputs[node] = index
        self.tracers[index] = Tracer(self.trace, node, weak, scalar)
        return self.tracers[index]

    # results

    def _rewritten(self, arguments: Mapping[str, Any], values: Sequence[Any]) -> dict[int, ResultTree]:
        """Trees among the arguments into which the function put other leaves, by parameter."""
        found: dict[int, ResultTree] = {}
        begin = 0
        for i, (value, before) in enumerate(zip(arguments.values(), self.call.signature.structure.children, strict=True)):
            given = values[begin : begin + before.leaf_count]
            begin += before.leaf_count
            if before == LEAF:
                continue
            now, after = flatten(value)
            if after != before or any(a is not b for a, b in zip(now, given, strict=True)):
                found[i] = self._result_tree(value, self.call.leaves[begin - 1].path)
        return found

    def _result_tree(self, tree: Any, path: str) -> ResultTree:
        pairs, structure = flatten_paths(tree, path)
        return ResultTree(structure, tuple(self._result(path, leaf) for path, leaf in pairs))

    def _traced(self, result: Any, rewritten: dict[int, ResultTree]) -> Traced:
        trace = self.trace
        tree = self._result_tree(result, "result")
        written = {i: t.node for i, t in self.tracers.items() if self._array_at(i) and t.node not in self.inputs}
        tensors = {i: node for i, node in written.items() if self.call.leaves[i].kind == "tensor"}
        rebound = tuple((i, self._output(node, node)) for i, node in tensors.items())
        arrays = {i: node for i, node in written.items() if i not in tensors}
        inputs = {i: node for node, i in self.inputs.items()}
        self._settle_short_axes((*self.outputs, *arrays.values(), *(h.value for h in trace.held.values())))
        finished = trace.finish(self.outputs, [(inputs[i], node) for i, node in arrays.items()])
        return Traced(
            graph=finished.graph,
            passed=tuple(self.inputs[n] for n in finished.inputs if n in self.inputs),
            held=tuple(trace.held.values()),
            pins={self.inputs[n]: pin for n, pin in trace.pins.items()},
            limits={self.inputs[n]: limits for n, limits in trace.limits.items() if n not in trace.pins},
            sizes=trace.sizes,
            names=finished.names,
            dimensions=tuple(self.dimensions),
            result=tree,
            rewritten=rewritten,
            rebound=rebound,
            written={i: node.where for i, node in arrays.items()},
            tensors=any(leaf.kind == "tensor" for leaf in self.call.leaves),
            guards=tuple(trace.guards),
            placed=trace.placed,
            travels=trace.travels,
        )

    def _settle_short_axes(self, roots: tuple[Node, ...]) -> None:
        """Make known the sizes of short axes that are written out in full; other sizes of these need other programs."""
        sizes = self.trace.sizes
        for dim in short_axes(roots):
            dim = sizes.canonical(dim)
            if not any(sizes.origins[s].free for s in symbols(dim)) and evaluate(dim, sizes.values) in SHORT:
                self.trace.size_of(dim, "an axis this short, of all pairs, is written out")

    def _array_at(self, index: int) -> bool:
        return self.call.leaves[index].kind in ("array", "foreign", "tensor")

    def _result(self, path: str, leaf: Any) -> ResultLeaf:
        if isinstance(leaf, Tracer):
            index = next((i for i, t in self.tracers.items() if t is leaf), None)
            if index is not None:
                return ResultLeaf("argument", index)
            if leaf.owner is not self.trace:
                owners = f"a traced value of {leaf.owner.name}, not of {self.trace.name}"
                raise LeakedTracerError(f"{path} is {owners}{at_line(leaf.node.where)}")
            return ResultLeaf("output", self._output(leaf, leaf.node))
        if isinstance(leaf, SymbolicInt):
            dim = leaf.dim
            known = isinstance(dim, int)
            return ResultLeaf("static", value=dim) if known else ResultLeaf("int", self._output(leaf, leaf.node()))
        if isinstance(leaf, Variable):
            return ResultLeaf("output", self._output(leaf, self.trace.variable(leaf)))
        return ResultLeaf("static", value=leaf)

    def _output(self, owner: Any, node: Node) -> int:
        """The number of the output for ``owner``; the same object returned twice is one array."""
        index = self._output_of.get(id(owner))
        if index is None:
            index = self._output_of[id(owner)] = len(self.outputs)
            self._kept.append(owner)
            self.outputs.append(node)
        return index


def size_guard(traced: Traced) -> Callable[[Mapping[str, int]], bool]:
    """Whether sizes, by final names, satisfy all that is not plain from the specs of the inputs."""
    return guard_of_sizes(traced.sizes, traced.names)


def guard_of_sizes(sizes: Sizes, names: Mapping[str, str]) -> Callable[[Mapping[str, int]], bool]:
    """Whether the facts of ``sizes`` hold, asked of sizes by the final ``names`` of their symbols."""
    final: dict[str, Dim] = {name: symbol(new) for name, new in names.items()}

    def spelled(dim: Dim) -> Dim:
        return substitute(sizes.canonical(dim), final)

    tests: dict[str, None] = {}
    for name, origin in sizes.origins.items():
        dim = spelled(symbol(name))
        if not isinstance(dim, int) and origin.least:
            tests[f"{dim} >= {origin.least}"] = None
    for fact in sizes.facts:
        left, right = spelled(fact.left), spelled(fact.right)
        if left != right and not (isinstance(left, int) and isinstance(right, int)):
            tests[f"({left} {fact.relation} {right}) is {fact.outcome}"] = None
    if not tests:
        return lambda sizes: True
    # the text holds numbers, operators and letters that Sizes made, nothing of the user's
    test: Callable[..., bool] = eval(f"lambda {', '.join(f'{n}=0' for n in names.values())}, **others: {' and '.join(tests)}")
    return lambda sizes: test(**sizes)
