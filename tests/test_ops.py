"""Every row of the op table: its value, its spec, its scalar source, its derivative, its text. And the promises at kinks."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from backend_tools import run_cpu, run_python
from op_tools import Case, cases, check_derivatives, gradients, graph_of, run
from program_tools import Program, assert_agree

from tracejit import ops
from tracejit.backends.python import prelude
from tracejit.errors import DTypeError, ShapeError
from tracejit.ir import Builder, Graph, TensorSpec, symbol
from tracejit.ir.dtype import family, finfo, is_half
from tracejit.ir.evaluation import evaluate_graph
from tracejit.ir.graph import verify
from tracejit.ir.parse import parse_graph
from tracejit.ir.spec import CODES, dtype_code
from tracejit.ops import TABLE, composite
from tracejit.ops.row import filled

F32, F64 = CODES["f32"], CODES["f64"]
CASES = cases()
SMOOTH = [c for c in CASES if c.op.vjp and F64 in c.dtypes and c.op.name != "stop_gradient" and c.result == F64]

nan, inf = np.nan, np.inf


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=str)


@each(CASES)
def test_evaluate_gives_what_infer_says(case):
    graph = case.graph()
    verify(graph)
    (out,), _ = evaluate_graph(graph, case.arrays(), {})
    assert isinstance(out, np.ndarray | np.generic)
    assert TensorSpec(np.shape(out), out.dtype) == graph.outputs[0].spec


@each([c for c in CASES if isinstance(getattr(np, c.op.name, None), np.ufunc) and c.op.name not in ("matmul",)])
def test_a_row_named_as_a_ufunc_is_that_ufunc(case):
    arrays = case.arrays()
    (out,), _ = evaluate_graph(case.graph(), arrays, {})
    expected = getattr(np, case.op.name)(*arrays)
    np.testing.assert_array_equal(out, expected, strict=True)


def _computed(x):
    """Numbers as programs compute with them."""
    return x.astype(np.float32) if is_half(x.dtype) else x


@each([c for c in CASES if c.op.kind == "elementwise" and c.dtypes])
def test_the_scalar_source_means_what_the_row_means(case):
    arrays = case.arrays()
    expected = run(lambda *xs: case.op(*xs, **case.sample.attrs), *arrays)
    attrs = {k: dtype_code(v) if isinstance(v, np.dtype) else v for k, v in case.sample.attrs.items()}
    source = case.op.expr.format(**{name: name for name in case.op.operands}, **attrs)
    dtype = getattr(prelude, dtype_code(expected.dtype))
    with np.errstate(all="ignore"):
        for index in np.ndindex(expected.shape):
            scalars = {name: _computed(a[index]) for name, a in zip(case.op.operands, arrays, strict=True)}
            got = dtype(eval(source, vars(prelude), scalars))
            rtol = 2e-5 if dtype in (prelude.f32, prelude.c64) else 1e-13
            rtol = float(finfo(expected.dtype).eps) if is_half(expected.dtype) else rtol
            np.testing.assert_allclose(got, expected[index], rtol=rtol)


@each(CASES)
def test_text_is_read_back_as_the_same_graph(case):
    graph = case.graph()
    again = parse_graph(str(graph), TABLE)
    assert str(again) == str(graph)
    for a, b in zip(evaluate_graph(graph, case.arrays(), {})[0], evaluate_graph(again, case.arrays(), {})[0], strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@each(SMOOTH)
def test_derivatives_of_orders_1_and_2_equal_central_differences(case):
    check_derivatives(lambda *xs: case.op(*xs, **case.sample.attrs), case.arrays())


def test_every_row_that_takes_and_gives_floats_has_a_derivative():
    assert not {c.op.name for c in CASES if c.op.vjp is None and c.result.kind == "f" and {d.kind for d in c.dtypes} == {"f"}}


def grad(function, *arrays):
    """The derivative of the sum of a function of nodes by its first operand."""
    given = [np.asarray(a, float) for a in arrays]
    return run(gradients(function, [0]), *given)


KINKS = {
    "absolute at 0": (ops.absolute, [0.0], 0),
    "maximum at a tie": (lambda x: ops.maximum(x, 0.0), [0.0, 1.0, -1.0], [0.5, 1, 0]),
    "minimum at a tie": (lambda x: ops.minimum(x, 0.0), [0.0, 1.0, -1.0], [0.5, 0, 1]),
    "maximum of one value with itself": (lambda x: ops.maximum(x, x), [2.0], 1),
    "fmax beside NaN": (lambda x: ops.fmax(x, filled(x, nan)), [2.0], 1),
    "clip at its bounds": (
        lambda x: composite.clip(x, filled(x, 0), filled(x, 1)),
        [-1.0, 0.0, 0.5, 1.0, 2.0],
        [0, 0.5, 1, 0.5, 0],
    ),
    "relu at 0": (composite.relu, [0.0, 1.0, -1.0], [0, 1, 0]),
    "x**0 at 0": (lambda x: ops.power(x, 0.0), [0.0, 2.0], 0),
    "x**2 at 0 and below": (lambda x: ops.power(x, 2.0), [0.0, -3.0], [0, -6]),
    "a**x where a is not positive": (lambda x: ops.power(filled(x, -2), x), [2.0], 0),
    "0**x": (lambda x: ops.power(filled(x, 0), x), [2.0, 0.0], 0),
    "arctan2 at the origin": (lambda x: ops.arctan2(x, 0.0), [0.0], 0),
    "hypot at the origin": (lambda x: ops.hypot(x, 0.0), [0.0], 0),
    "largest of ties": (lambda x: ops.reduce_max(x, axes=(0,)), [2.0, 1.0, 2.0], [0.5, 0, 0.5]),
    "smallest of ties": (lambda x: ops.reduce_min(x, axes=(0,)), [1.0, 1.0, 2.0], [0.5, 0.5, 0]),
    "product with one zero": (lambda x: ops.reduce_prod(x, axes=(0,)), [0.0, 2.0, 3.0], [6, 0, 0]),
    "product with two zeros": (lambda x: ops.reduce_prod(x, axes=(0,)), [0.0, 0.0, 3.0], 0),
    "running product with a zero": (lambda x: composite.cumprod(x, 0), [0.0, 2.0], [3, 0]),
    "std of equal values": (lambda x: composite.std(x, (0,)), [2.0, 2.0, 2.0], 0),
    "norm of zeros": (lambda x: composite.norm(x, (0,)), [0.0, 0.0], 0),
    "sinc at 0": (composite.sinc, [0.0], 0),
    "logaddexp of equal infinities": (lambda x: ops.logaddexp(x, x), [-inf, inf], 1),
    "sigmoid and tanh far out": (lambda x: ops.sigmoid(x) + ops.tanh(x), [-1e4, 1e4, inf], 0),
    "logsumexp of -inf": (lambda x: composite.logsumexp(x, (0,)), [-inf, -inf], 0),
    "softplus far out": (ops.softplus, [-1e4, 0.0, 1e4], [0, 0.5, 1]),
}

MASKED = {
    "sqrt": (lambda x: ops.where(ops.greater(x, 0.0), ops.sqrt(x), 0.0), [0.0, -1.0, 4.0], [0, 0, 0.25]),
    "x log x": (lambda x: ops.where(ops.greater(x, 0.0), x * ops.log(x), 0.0), [0.0, 1.0], [0, 1]),
    "1 / x": (lambda x: ops.where(ops.equal(x, 0.0), 0.0, 1.0 / x), [0.0, 2.0], [0, -0.25]),
    "overflow": (lambda x: ops.where(ops.less(x, 20.0), ops.log1p(ops.exp(x)), x), [1e4, 0.0], [1, 0.5]),
    "NaN": (lambda x: ops.where(ops.isnan(x), 0.0, ops.sin(x) * x), [nan, 0.5], [0, np.sin(0.5) + 0.5 * np.cos(0.5)]),
    "power": (lambda x: ops.where(ops.greater(x, 0.0), ops.power(x, 0.5), x), [-1.0, 0.0, 4.0], [1, 1, 0.25]),
    "arcsin": (lambda x: ops.where(ops.less(x, 1.0), ops.arcsin(x), 3.0 * x), [1.0, 2.0, 0.0], [3, 3, 1]),
}


@pytest.mark.parametrize(("function", "at", "expected"), KINKS.values(), ids=KINKS)
def test_a_derivative_at_a_kink_is_as_promised(function, at, expected):
    np.testing.assert_allclose(grad(function, at), np.broadcast_to(expected, np.shape(at)), atol=1e-300)


@pytest.mark.parametrize(("function", "at", "expected"), MASKED.values(), ids=MASKED)
def test_the_branch_not_taken_never_harms_the_one_taken(function, at, expected):
    np.testing.assert_allclose(grad(function, at), expected)
    second = grad(lambda x: gradients(function, [0])(x)[0], at)
    assert np.isfinite(second).all()


def test_second_derivatives_of_a_product_with_zeros_are_exact():
    def first(x):
        return gradients(lambda x: ops.reduce_prod(x, axes=(0,)), [0])(x)[0]

    rows = [grad(lambda x, i=i: ops.slice(first(x), starts=(i,), sizes=(1,), steps=(1,)), [0.0, 0.0, 3.0]) for i in range(3)]
    np.testing.assert_array_equal(rows, [[0, 3, 0], [3, 0, 0], [0, 0, 0]])


def test_trigamma_is_right_on_both_sides_of_zero():
    x = [1e-3, 0.2, 0.5, 1.0, 3.7, 1e3, 1e150, -0.3, -1.5, -7.2]
    np.testing.assert_allclose(grad(ops.digamma, x), [float(mpmath.psi(1, v)) for v in x], rtol=2e-14)


def test_dtypes_that_numpy_has_and_tracejit_has_not_are_refused_with_the_way_out():
    with pytest.raises(
        DTypeError, match=r"sin: for float128 NumPy computes in float128, which tracejit lacks; cast the operands"
    ):
        ops.sin.resolve(np.dtype(np.longdouble))
    with pytest.raises(DTypeError, match=r"subtract: no meaning for bool, bool"):
        ops.subtract.resolve(np.dtype(bool), np.dtype(bool))


def test_python_numbers_are_weak():
    assert ops.add.resolve(int, np.dtype("f4")) == (np.dtype("f4"),) * 3
    assert ops.add.resolve(bool, np.dtype("i1")) == (np.dtype("i1"),) * 3
    assert ops.where.resolve(np.dtype(bool), float, np.dtype("f4"))[-1] == np.dtype("f4")


MISTAKES = {
    "shapes differ": (lambda: ops.add.infer(f64(3), f64(4)), r"add: shapes differ: f64\[3\], f64\[4\]"),
    "inner dimensions": (lambda: ops.matmul.infer(f64(3, 4), f64(5, 2)), r"differ\n  x: f64\[3, 4\]\n  y: f64\[5, 2\]"),
    "reshape": (lambda: ops.reshape.infer(f64(3, 4), shape=(5, 5)), r"f64\[3, 4\] has 12 elements and \(5, 5\) has 25"),
    "slice": (lambda: ops.slice.infer(f64(3), starts=(1,), sizes=(3,), steps=(1,)), r"3 elements from 1 .* leave dimension 0"),
    "concatenate": (lambda: ops.concatenate.infer(f64(3, 4), f64(3, 5), axis=0), r"equal shapes but for dimension 0"),
}


def f64(*shape):
    return TensorSpec(shape, np.float64)


@pytest.mark.parametrize(("infer", "text"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_the_specs(infer, text):
    with pytest.raises(ShapeError, match=text):
        infer()


def test_shape_rules_take_symbolic_sizes():
    n = symbol("n")
    assert ops.matmul.infer(f64(n, 4), f64(4, n)).shape == (n, n)
    assert ops.concatenate.infer(f64(n, 2), f64(3, 2), axis=0).shape == (n + 3, 2)
    assert ops.reshape.infer(f64(n, 4), shape=(2 * n, 2)).shape == (2 * n, 2)
    assert ops.slice.infer(f64(n), starts=(n - 1,), sizes=(n,), steps=(-1,)).shape == (n,)


@each([c for c in CASES if c.op.kind in ("reduce", "argreduce") and c.sample.attrs["axes"] == (1,)])
def test_the_source_of_a_reduction_means_what_the_row_means(case):
    (array,), op = case.arrays(), case.op
    if family(array.dtype) == "f":
        array[0, 2], array[1, 1:3], array[2] = nan, (inf, -inf), 0.25  # NaN, infinities, ties
    expected = run(lambda x: op(x, axes=(1,)), array)
    array = _computed(array)
    accumulator = array.dtype if is_half(expected.dtype) or op.kind == "argreduce" else expected.dtype
    for row, value in zip(array, expected, strict=True):
        acc, index = accumulator.type(op.identity(accumulator)), 0
        for i, x in enumerate(row):
            with np.errstate(all="ignore"):
                new = eval(op.expr.format(acc="acc", x="x"), vars(prelude), {"acc": acc, "x": x})
            if op.kind == "reduce":
                acc = new
            elif new:
                acc, index = x, i
        got = acc if op.kind == "reduce" else index
        got = np.asarray(got).astype(expected.dtype)
        np.testing.assert_allclose(got, value, rtol=1e-5 if array.dtype.name in ("float32", "complex64") else 1e-13)


@each([c for c in CASES if c.op.vjp and c.result == F32 and set(c.dtypes) <= {F32, np.dtype(bool), np.dtype(np.int64)}])
def test_derivatives_of_float32_are_float32_throughout(case):
    floats = [i for i, d in enumerate(case.dtypes) if d == F32]
    graph = graph_of(gradients(lambda *xs: case.op(*xs, **case.sample.attrs), floats), case.arrays())
    assert F64 not in {n.dtype for n in graph.nodes()}


KERNELS = [c for c in CASES if c.op.name != "checked_index"]  # which only runs where a size is known to check by


@each(KERNELS)
def test_generated_python_equals_numpy(case):
    program = Program(case.graph(), tuple(case.arrays()), {})
    assert_agree(run_python(program), program.evaluated(), program)


@pytest.mark.parametrize("part", range(3))
def test_machine_code_of_float32_equals_numpy(part):
    chosen = [c for c in KERNELS if c.dtypes and c.dtypes[-1] == F32][part::3]  # few large programs compile sooner than many
    builder = Builder(TABLE)
    graphs = [c.graph().replay(builder) for c in chosen]
    inputs, outputs = (tuple(n for g in graphs for n in getattr(g, part)) for part in ("inputs", "outputs"))
    program = Program(Graph("rows", inputs, outputs), tuple(a for c in chosen for a in c.arrays()), {})
    assert_agree(run_cpu(program), program.evaluated(), program)
