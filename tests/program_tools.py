"""Random programs over the op table, to compare one way of running them with another.

``programs()`` is a hypothesis strategy of :class:`Program`: a graph, arrays for its inputs, numbers for its symbols. Every
node is evaluated while the graph grows; one whose values are large or not finite is dropped, so that two right ways of
running a program agree to within rounding. What jumps (comparisons, argsort, floor, ...) is applied to exact values only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from tracejit.errors import DTypeError, TracejitError
from tracejit.ir import Builder, Graph, Node, TensorSpec, symbol
from tracejit.ir.dtype import family, is_half
from tracejit.ir.evaluation import evaluate_graph, evaluate_node
from tracejit.ir.size import Size, evaluate
from tracejit.ops import TABLE

LARGE = 30.0

CURVES = ("tanh", "sigmoid", "sin", "cos", "arctan", "exp", "erf", "log1p", "sqrt")
EXACT = ("negative", "absolute", "copy", "stop_gradient")
JUMPS = ("floor", "ceil", "rint", "sign", "isfinite", "signbit", "logical_not")
ARITHMETIC = ("add", "subtract", "multiply", "divide", "power", "masked_multiply", "hypot")
CHOICES = ("maximum", "minimum", "fmax", "bitwise_and", "bitwise_xor", "floor_divide", "remainder")
COMPARISONS = ("less", "greater_equal", "equal", "not_equal")
REDUCTIONS = ("reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_any", "reduce_all")
NUMBERS = (0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 3.0, -0.75)


@dataclass(frozen=True)
class Program:
    """A graph with all that is needed to run it."""

    graph: Graph
    arrays: tuple[np.ndarray, ...]
    sizes: dict[str, int]

    def evaluated(self, graph=None):
        """Outputs, then new values of updates, by NumPy; of ``graph`` where a pass has made another one."""
        outputs, updates = evaluate_graph(graph or self.graph, self.arrays, self.sizes)
        return outputs + updates

    def __repr__(self):
        return f"{self.graph}sizes = {self.sizes}\narrays = {self.arrays}"


def close(dtype):
    """Tolerances for values of a program: (relative, absolute); floats are at most ``LARGE``."""
    if is_half(dtype):
        return (2e-3, 2e-3) if dtype == np.float16 else (1.6e-2, 1.6e-2)
    return (2e-4, 2e-3) if dtype in (np.float32, np.complex64) else (1e-9, 1e-9) if dtype.kind in "fc" else (0, 0)


def assert_agree(found, expected, program):
    """The results of two ways to run ``program``, outputs and then updates, agree in dtype, shape and value."""
    for i, (x, y) in enumerate(zip(found, expected, strict=True)):
        x, y = np.asarray(x), np.asarray(y)
        assert (x.dtype, x.shape) == (y.dtype, y.shape), (
            f"result {i} is {x.dtype}{x.shape}, not {y.dtype}{y.shape}, of\n{program}"
        )
        rtol, atol = close(y.dtype)
        x, y = (a.astype(np.float32) if is_half(a.dtype) else a for a in (x, y))
        np.testing.assert_allclose(x, y, rtol, atol, err_msg=f"result {i} of\n{program}")


@st.composite
def programs(draw, steps=10, dtypes=("f4", "f8", "i8", "i4", "b1"), smooth=False):
    """A :class:`Program` of about ``steps`` nodes; ``smooth`` ones are f64 and have derivatives everywhere near their inputs."""
    drawer = Drawer(draw, ("f8",) if smooth else dtypes, smooth)
    for _ in range(draw(st.integers(1, 3))):
        drawer.add_input()
    for _ in range(draw(st.integers(steps // 2, steps))):
        drawer.step()
    return drawer.program()


class Drawer:
    """A graph that grows, with the value of each of its nodes."""

    def __init__(self, draw, dtypes, smooth):
        self.draw, self.dtypes, self.smooth = draw, [np.dtype(d) for d in dtypes], smooth
        self.random = np.random.default_rng(draw(st.integers(0, 2**16)))
        self.builder = Builder(TABLE)
        self.sizes = {"n": draw(st.integers(2, 5)), "m": draw(st.integers(2, 5))}
        self.dims = [symbol("n"), symbol("m"), 1, 3, 2] + ([] if smooth else [0])
        self.inputs, self.pool = [], []
        self.values: dict[Node, np.ndarray] = {}
        self.rough: set[Node] = set()  # nodes whose values depend on rounding
        steps = [self.curve, self.arithmetic, self.arithmetic, self.reduction, self.broadcast, self.transpose, self.slice]
        steps += [self.reshape, self.matmul, self.softmax, self.concatenate, self.slice_update, self.scan, self.gather]
        steps += [self.scatter] + ([] if smooth else [self.exact, self.choice, self.where, self.argument, self.sort, self.cast])
        self.steps = steps

    # Drawing

    def one(self, options):
        return self.draw(st.sampled_from(list(options)))

    def pick(self, condition=lambda node: True):
        """A node of the pool, later ones first when shrunk; None where none fits."""
        fitting = [node for node in reversed(self.pool) if condition(node)]
        return self.one(fitting) if fitting else None

    def axes(self, rank):
        return tuple(i for i in range(rank) if self.draw(st.booleans()))

    def number(self, dim):
        return evaluate(dim, self.sizes)

    def step(self):
        node = self.one(self.steps)()
        if node is not None and node not in self.pool:
            self.pool.append(node)

    def add_input(self):
        shape = self.draw(st.lists(st.sampled_from(self.dims), max_size=3))
        spec = TensorSpec(shape, self.one(self.dtypes))
        node = self.builder.input(f"x{len(self.inputs)}", spec)
        concrete = spec.concrete(self.sizes).shape
        if family(spec.dtype) == "f":
            value = self.random.uniform(-2, 2, concrete)
        else:
            value = self.random.integers(0, 2, concrete) if spec.dtype == bool else self.random.integers(-4, 5, concrete)
        self.values[node] = np.asarray(value).astype(spec.dtype)
        self.inputs.append(node)
        self.pool.append(node)

    def program(self):
        used = {x for node in self.pool for x in node.inputs}
        outputs = [node for node in self.pool if node not in used][-3:] + [
            self.pick() for _ in range(self.draw(st.integers(0, 1)))
        ]
        updates = []
        for x in self.inputs if not self.smooth else ():
            value = self.pick(lambda node, x=x: node.spec == x.spec and node is not x)
            if value is not None and self.draw(st.booleans()):
                updates.append((x, value))
        graph = Graph("program", tuple(self.inputs), tuple(outputs), tuple(updates))
        return Program(graph, tuple(self.values[x] for x in self.inputs), {s: self.sizes[s] for s in graph.symbols()})

    # Emitting

    def emit(self, name, *inputs, exact=False, **attrs):
        """The node, or None where its dtypes have no meaning or its values are not tame."""
        if any(x is None for x in inputs):
            return None
        try:
            node = self.builder.emit(TABLE[name], inputs, **attrs)
        except DTypeError:
            return None
        if node in self.values:
            return node
        try:
            value = np.asarray(evaluate_node(node, [self.values[x] for x in inputs], self.sizes))
        except (ValueError, TracejitError):  # such as integers to negative powers
            return None
        if value.size and not (np.isfinite(value).all() and np.abs(value.astype(complex)).max() < LARGE):
            return None
        assert node.spec.concrete(self.sizes) == TensorSpec(value.shape, value.dtype), node
        self.values[node] = value
        if not exact or any(x in self.rough for x in inputs):
            self.rough.add(node)
        return node

    def constant(self, value, like):
        node = self.builder.constant(value, like.dtype)
        self.values[node] = np.asarray(node.attrs["value"], node.dtype)
        return self.emit("broadcast", node, shape=like.shape, axes=(), exact=True) if like.shape else node

    def as_dtype(self, x, dtype):
        if family(x.dtype) == "f" and dtype.kind != "f" and x in self.rough:
            return None
        return x if x.dtype == dtype else self.emit("cast", x, dtype=dtype, exact=x.dtype.kind != "f" or dtype.itemsize > 4)

    def fitted(self, like, exact=False):
        """A node of the spec of ``like``: itself, a number, or another one, cast and broadcast."""
        if self.draw(st.booleans()):
            return self.constant(self.one(NUMBERS), like)
        x = self.pick(lambda y: _subsequence(y.shape, like.shape) is not None and not (exact and y in self.rough))
        if x is not None and x.shape != like.shape:
            x = self.emit("broadcast", x, shape=like.shape, axes=_subsequence(x.shape, like.shape), exact=True)
        return x and self.as_dtype(x, like.dtype)

    # Elementwise

    def curve(self):
        x, name = self.pick(lambda x: family(x.dtype) == "f"), self.one(CURVES)
        if x is not None and name in ("log1p", "sqrt"):
            x = self.emit("multiply", x, x)
            x = x and self.emit("add", x, self.constant(1.0, x))
        return self.emit(name, x)

    def exact(self):
        if self.draw(st.booleans()):
            return self.emit(self.one(EXACT), self.pick(), exact=True)
        return self.emit(self.one(JUMPS), self.pick(lambda x: x not in self.rough), exact=True)

    def arithmetic(self):
        x = self.pick(lambda x: family(x.dtype) == "f" or not self.smooth)
        name = self.one(ARITHMETIC)
        y = x and self.fitted(x)
        if y is not None and name in ("divide", "power", "hypot") and family(x.dtype) == "f":
            positive = self.emit("multiply", *((y, y) if name == "divide" else (x, x)))
            positive = positive and self.emit("add", positive, self.constant(1.0, x))
            x, y = (x, positive) if name == "divide" else (positive, y)
        return self.emit(name, x, y, exact=x is not None and x.dtype.kind != "f")

    def choice(self):
        x = self.pick(lambda x: x not in self.rough)
        return self.emit(self.one(CHOICES), x, x and self.fitted(x, exact=True), exact=True)

    def where(self):
        x = self.pick(lambda x: x not in self.rough)
        condition = self.emit(self.one(COMPARISONS), x, x and self.fitted(x, exact=True), exact=True)
        taken = self.pick(lambda y: condition is not None and y.shape == condition.shape)
        return self.emit("where", condition, taken, taken and self.fitted(taken), exact=True)

    def cast(self):
        return self.as_dtype(self.pick(), self.one(self.dtypes))

    # Reductions, scans, sorts

    def reduction(self):
        name = self.one(REDUCTIONS[: 2 if self.smooth else None])
        x = self.pick(lambda x: name == "reduce_sum" or (self.number(x.spec.size) and x not in self.rough))
        exact = x is not None and (x.dtype.kind != "f" or name not in ("reduce_sum", "reduce_prod"))
        return self.emit(name, x, axes=self.axes(len(x.shape)), exact=exact) if x is not None else None

    def argument(self):
        x = self.pick(lambda x: x.shape and self.number(x.spec.size) and x not in self.rough)
        axis = x is not None and self.one(range(len(x.shape)))
        return self.emit(self.one(["reduce_argmax", "reduce_argmin"]), x, axes=(axis,), exact=True)

    def softmax(self):
        x = self.pick(lambda x: family(x.dtype) == "f" and x.shape and self.number(x.spec.size))
        if x is None:
            return None
        axis = self.one(range(len(x.shape)))
        kept = tuple(i for i in range(len(x.shape)) if i != axis)
        greatest = self.emit("reduce_max", x, axes=(axis,), exact=True)
        greatest = self.emit("stop_gradient", greatest, exact=True)
        power = self.emit("exp", self.emit("subtract", x, self.emit("broadcast", greatest, shape=x.shape, axes=kept)))
        total = power and self.emit("reduce_sum", power, axes=(axis,))
        return self.emit("divide", power, total and self.emit("broadcast", total, shape=x.shape, axes=kept))

    def scan(self):
        x = self.pick(lambda x: family(x.dtype) == "f" and x.shape)
        a = x and self.emit("tanh", x)
        return a and self.emit("linear_scan", a, x, axis=self.one(range(len(x.shape))), reverse=self.draw(st.booleans()))

    def sort(self):
        return self.emit("argsort", self.pick(lambda x: x.shape and x not in self.rough), exact=True)

    # Movement

    def broadcast(self):
        x = self.pick(lambda x: len(x.shape) < 3)
        if x is None:
            return None
        rank = len(x.shape) + self.draw(st.integers(1, 3 - len(x.shape)))
        axes = sorted(self.draw(st.permutations(range(rank)))[: len(x.shape)])
        shape = [self.one(self.dims) for _ in range(rank)]
        for axis, dim in zip(axes, x.shape, strict=True):
            shape[axis] = dim
        return self.emit("broadcast", x, shape=tuple(shape), axes=tuple(axes), exact=True)

    def transpose(self):
        x = self.pick(lambda x: len(x.shape) > 1)
        return x and self.emit("transpose", x, perm=tuple(self.draw(st.permutations(range(len(x.shape))))), exact=True)

    def slice(self):
        x = self.pick(lambda x: len(x.shape) > 0)
        if x is None:
            return None
        starts, sizes, steps = zip(*map(self.piece, x.shape), strict=True)
        return self.emit("slice", x, starts=starts, sizes=sizes, steps=steps, exact=True)

    def piece(self, dim):
        """Start, size and step of a part of an axis, symbolic or not."""
        least = 2 if isinstance(dim, Size) else dim
        options = [(0, dim, 1)]
        if least > 0:
            options += [(dim - 1, dim, -1), (0, 1, 1), (dim - 1, 1, 1), (1, dim - 1, 1), (0, dim - 1, 1), (0, (dim + 1) // 2, 2)]
        return self.one([option for option in options if self.smooth is False or self.number(option[1])])

    def reshape(self):
        x = self.pick()
        dims = [d for d in x.shape if d != 1]
        if len(dims) > 1 and self.draw(st.booleans()):
            at = self.draw(st.integers(0, len(dims) - 2))
            dims[at : at + 2] = [dims[at] * dims[at + 1]]
        for _ in range(self.draw(st.integers(0, max(0, 3 - len(dims))))):
            dims.insert(self.draw(st.integers(0, len(dims))), 1)
        return self.emit("reshape", x, shape=tuple(dims), exact=True)

    def concatenate(self):
        x = self.pick(lambda x: len(x.shape) > 0)
        axis = x is not None and self.one(range(len(x.shape)))
        others = [self.pick(lambda y: _joins(x, y, axis)) for _ in range(self.draw(st.integers(0, 2)))] if x is not None else []
        return self.emit("concatenate", x, *others, axis=axis, exact=True)

    def slice_update(self):
        x = self.pick(lambda x: len(x.shape) > 0)
        if x is None:
            return None
        starts, sizes, steps = zip(*map(self.piece, x.shape), strict=True)
        v = self.emit("slice", x, starts=starts, sizes=sizes, steps=steps, exact=True)
        v = self.emit("negative", v, exact=True) if x.dtype != bool else v
        return self.emit("slice_update", x, v, starts=starts, steps=steps, exact=True)

    # Products and indexed access

    def matmul(self):
        x = self.pick(lambda x: len(x.shape) > 1 and x.dtype != bool)
        if x is None:
            return None
        fits = [y for y in self.pool if _chains(x, y)]
        perm = (*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2)
        y = self.one(fits) if fits and self.draw(st.booleans()) else self.emit("transpose", x, perm=perm, exact=True)
        pair = (x, y) if y in fits or self.draw(st.booleans()) else (y, x)
        return self.emit("matmul", *pair, exact=x.dtype.kind != "f")

    def indices(self, dim):
        """Some indices in the range of ``dim``, not sorted, with repetitions."""
        count = self.emit("iota", size=self.one([1, 3, 4]), dtype=np.dtype(np.int64), exact=True)
        number = (
            self.emit("dim", size=dim, exact=True) if isinstance(dim, Size) else self.builder.constant(dim, np.dtype(np.int64))
        )
        self.values.setdefault(number, np.asarray(self.number(dim)))
        out = self.emit("add", self.emit("multiply", count, count, exact=True), self.constant(1, count), exact=True)
        out = self.emit("remainder", out, self.emit("broadcast", number, shape=count.shape, axes=(), exact=True), exact=True)
        shape = self.one([count.shape, (1, *count.shape)])
        return out if shape == count.shape else self.emit("reshape", out, shape=shape, exact=True)

    def gather(self):
        x = self.pick(lambda x: x.shape and self.number(x.spec.size))
        axis = x is not None and self.one(range(len(x.shape)))
        return x and self.emit("gather", x, self.indices(x.shape[axis]), axis=axis, exact=True)

    def scatter(self):
        x = self.pick(lambda x: x.shape and self.number(x.spec.size) and x.dtype != bool)
        if x is None:
            return None
        axis = self.one(range(len(x.shape)))
        indices = self.indices(x.shape[axis])
        updates = self.emit("gather", x, indices, axis=axis, exact=True)
        updates = updates and self.emit("multiply", updates, updates, exact=x.dtype.kind != "f")
        return self.emit("scatter_add", x, indices, updates, axis=axis, exact=x.dtype.kind != "f")


def _subsequence(small, large):
    """Axes of ``large`` that read as ``small``, the last possible ones; None where there are none."""
    axes, at = [], len(large)
    for dim in reversed(small):
        at -= 1
        while at >= 0 and large[at] != dim:
            at -= 1
        if at < 0:
            return None
        axes.append(at)
    return tuple(reversed(axes))


def _joins(x, y, axis):
    return (
        y.dtype == x.dtype
        and len(y.shape) == len(x.shape)
        and all(a == b for i, (a, b) in enumerate(zip(x.shape, y.shape, strict=True)) if i != axis)
    )


def _chains(x, y):
    return y.dtype == x.dtype and len(y.shape) == len(x.shape) and y.shape[:-2] == x.shape[:-2] and y.shape[-2] == x.shape[-1]


__all__ = ["Program", "assert_agree", "programs"]
