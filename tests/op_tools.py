"""What the tests of the op table share: samples drawn from the rows, graphs of one op, central differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import DTypeError
from tracejit.ir import Builder, Graph, Node, TensorSpec, current, symbol, using
from tracejit.ir.dtype import bfloat16, family
from tracejit.ir.evaluation import evaluate_graph
from tracejit.ir.graph import verify
from tracejit.ir.spec import CODES
from tracejit.ops import TABLE, Op
from tracejit.ops.row import Domain, Sample, filled
from tracejit.transforms.autodiff import backward

Function = Callable[..., Node]
DEFAULT = {"b": "b1", "i": "i64", "u": "u64", "f": "f64", "c": "c128"}


@dataclass(frozen=True)
class Case:
    """An op, one of its samples, and dtypes of the operands."""

    op: Op
    sample: Sample
    dtypes: tuple[np.dtype, ...]

    def __str__(self) -> str:
        attrs = ",".join(f"{k}={v}" for k, v in self.sample.attrs.items())
        return f"{self.op.name}({','.join(str(d) for d in self.dtypes)};{attrs})"

    @property
    def result(self) -> np.dtype:
        return self.op.resolve(*self.dtypes, **self.sample.attrs)[-1]

    def arrays(self, seed: int = 0) -> list[np.ndarray]:
        rng = np.random.default_rng(seed)
        drawn = zip(self.sample.domains, self.sample.shapes, self.dtypes, strict=True)
        return [draw(rng, domain, shape, dtype) for domain, shape, dtype in drawn]

    def graph(self) -> Graph:
        return graph_of(lambda *xs: self.op(*xs, **self.sample.attrs), self.arrays())


def cases() -> list[Case]:
    """Every sample of every row with every dtype that it takes."""
    found = []
    for op in TABLE.values():
        for sample in op.samples:
            for dtype in (*CODES.values(), bfloat16()) if sample.domains else [None]:
                dtypes = tuple(_dtype(domain, dtype) for domain in sample.domains)
                if (dtype is None or dtype in dtypes) and _takes(op, sample, dtypes):
                    found.append(Case(op, sample, dtypes))
    return found


def _dtype(domain: Domain, dtype: np.dtype) -> np.dtype:
    return dtype if family(dtype) in domain.kinds and len(domain.kinds) > 1 else CODES[DEFAULT[domain.kinds[-1]]]


def _takes(op: Op, sample: Sample, dtypes: tuple[np.dtype, ...]) -> bool:
    try:
        return op.resolve(*dtypes, **sample.attrs)[:-1] == dtypes
    except DTypeError:
        return False


def draw(rng: np.random.Generator, domain: Domain, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Values of ``dtype`` in the domain; unsigned ones from 0."""
    match dtype.kind:
        case "b":
            return rng.integers(0, 2, shape).astype(bool)
        case "i" | "u":
            low = max(int(np.ceil(domain.low)), 0 if dtype.kind == "u" else -(2**40))
            return rng.integers(low, max(int(domain.high), low + 1), shape).astype(dtype)
        case "c":
            return (rng.uniform(domain.low, domain.high, shape) + 1j * rng.uniform(domain.low, domain.high, shape)).astype(dtype)
    return rng.uniform(domain.low, domain.high, shape).astype(dtype)


def graph_of(function: Callable[..., Any], arrays: Sequence[np.ndarray], shapes: Sequence[Any] = ()) -> Graph:
    """The graph of a function of nodes for operands like ``arrays``; ``shapes`` where these are to be symbolic."""
    builder = Builder(TABLE)
    specs = [TensorSpec(s, a.dtype) for a, s in zip(arrays, shapes or [np.shape(a) for a in arrays], strict=True)]
    inputs = tuple(builder.input(f"x{i}", spec) for i, spec in enumerate(specs))
    with using(builder):
        out = function(*inputs)
    return Graph("f", inputs, tuple(out) if isinstance(out, tuple | list) else (out,))


def run(function: Callable[..., Any], *arrays: Any, symbolic: bool = False) -> Any:
    """The value of a function of nodes; traced, if ``symbolic``, with a symbol for every size, one for equal sizes."""
    given = [np.asarray(a) for a in arrays]
    shapes = [[symbol(f"n{d}") if symbolic and d > 1 else d for d in a.shape] for a in given]
    sizes = {f"n{d}": d for a in given for d in a.shape}
    graph = graph_of(function, given, shapes)
    verify(graph)
    outputs, _ = evaluate_graph(graph, given, sizes)
    return outputs[0] if len(outputs) == 1 else outputs


def gradients(function: Function, floats: Sequence[int]) -> Callable[..., list[Node]]:
    """The function that gives the derivatives of the sum of ``function`` by the operands at ``floats``, zeros where none."""

    def derivative(*xs: Node) -> list[Node]:
        out = function(*xs)
        found = backward(current(), [out], [filled(out, 1.0)], [xs[i] for i in floats])
        return [filled(xs[i], 0.0) if g is None else g for i, g in zip(floats, found, strict=True)]

    return derivative


def check_derivatives(function: Function, arrays: Sequence[np.ndarray], order: int = 2, rtol: float = 2e-6) -> None:
    """Compare derivatives along random directions with central differences, at every order up to ``order``."""
    floats = [i for i, a in enumerate(arrays) if a.dtype == np.float64]
    rng = np.random.default_rng(7)
    weights = rng.normal(size=np.shape(run(function, *arrays)))
    directions = [rng.normal(size=arrays[i].shape) for i in floats]

    def level(*nodes: Node) -> Node:
        """The sum of the outputs times random weights."""
        xs, w = nodes[: len(arrays)], nodes[len(arrays)]
        weighted = function(*xs) * w
        return ops.reduce_sum(weighted, axes=tuple(range(weighted.spec.rank)))

    for _ in range(order):
        level = _check_level(level, [*arrays, weights, *directions], floats, len(arrays) + 1, rtol)


def _check_level(level: Function, arrays: list[Any], floats: list[int], first: int, rtol: float) -> Function:
    """Compare the derivative of a scalar along the directions ``arrays[first:]``; it is the next level's scalar."""

    def along(*nodes: Node) -> Node:
        found = gradients(level, floats)(*nodes)
        terms = [ops.reduce_sum(g * d, axes=tuple(range(g.spec.rank))) for g, d in zip(found, nodes[first:], strict=True)]
        return sum(terms[1:], terms[0])

    step, values = 1e-5, []
    graph = graph_of(level, arrays)
    for sign in (1, -1):
        moved = list(arrays)
        for i, d in zip(floats, arrays[first:], strict=True):
            moved[i] = arrays[i] + sign * step * d
        values.append(evaluate_graph(graph, moved, {})[0][0])
    numeric = (values[0] - values[1]) / (2 * step)
    symbolic = run(along, *arrays)
    np.testing.assert_allclose(symbolic, numeric, rtol=rtol, atol=rtol * (1 + abs(values[0])))
    return along
