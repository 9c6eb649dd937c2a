"""Folding, thin products and unit dimensions by their text before and after, and the pipeline as a whole."""

import numpy as np
import pytest
from pass_tools import becomes, function, lines

from tracejit.ir import Builder, Graph, TensorSpec
from tracejit.ir.evaluation import evaluate_graph
from tracejit.ir.graph import verify
from tracejit.ops import TABLE
from tracejit.transforms import PIPELINE, optimize
from tracejit.transforms.fold import fold
from tracejit.transforms.products import small_products
from tracejit.transforms.squeeze import squeeze
from tracejit.transforms.unroll import unroll

# Folding


def test_scalars_are_folded():
    becomes(
        fold,
        "",
        ["a: f32 = constant(value=2.0, dtype=f32)", "b: f32 = exp(a)", "y: f32 = negative(b)"],
        [f"y: f32 = constant(value={float(-np.exp(np.float32(2)))!r}, dtype=f32)"],
    )


def test_broadcasts_of_scalars_stay_broadcasts():
    becomes(
        fold,
        "",
        [
            "a: f64 = constant(value=2.0, dtype=f64)",
            "b: f64[n] = broadcast(a, shape=(n,), axes=())",
            "c: f64 = constant(value=3.0, dtype=f64)",
            "d: f64[n] = broadcast(c, shape=(n,), axes=())",
            "y: f64[n] = power(b, d)",
        ],
        ["c: f64 = constant(value=8.0, dtype=f64)", "y: f64[n] = broadcast(c, shape=(n,), axes=())"],
    )


@pytest.mark.parametrize("value", ["-0.0", "float('nan')", "float('inf')", "5e-324", "1e308", "0.1"])
def test_every_number_survives_folding(value):
    graph = function("", [f"a: f64 = constant(value={value}, dtype=f64)", "b: f64 = copysign(a, a)"], "b")
    (found,), _ = evaluate_graph(fold(graph), [], {})
    assert np.asarray(found).tobytes() == np.float64(eval(value)).tobytes()


@pytest.mark.parametrize(("name", "left", "right"), [("add", 2**62, 1), ("multiply", 3, 2**62), ("left_shift", 1, 63)])
def test_wide_integers_fold_exactly(name, left, right):
    code = f"u64 = constant(value={left}, dtype=u64)", f"u64 = constant(value={right}, dtype=u64)"
    graph = function("", [f"a: {code[0]}", f"b: {code[1]}", f"y: u64 = {name}(a, b)"], "y")
    with np.errstate(over="ignore"):
        expected = getattr(np, name)(np.uint64(left), np.uint64(right))
    assert fold(graph).outputs[0].attrs["value"] == int(expected)


def test_known_sizes_are_numbers_and_unknown_ones_stay():
    becomes(fold, "", ["y: i64 = dim(size=5)"], ["y: i64 = constant(value=5, dtype=i64)"])
    becomes(fold, "x: f32[n]", ["y: i64 = dim(size=n)"], ["y: i64 = dim(size=n)"])


def test_sums_of_constants_fold_only_where_every_partial_sum_is_exact():
    ones = ["a: f32 = constant(value={}, dtype=f32)", "b: f32[3, {}] = broadcast(a, shape=(3, {}), axes=())"]
    total = "y: f32[3] = reduce_sum(b, axes=(1,))"

    def body(value, size):
        return [ones[0].format(value), ones[1].format(size, size), total]

    folded = ["a: f32 = constant(value=-14.0, dtype=f32)", "y: f32[3] = broadcast(a, shape=(3,), axes=())"]
    becomes(fold, "", body("-2.0", 7), folded)
    for value, size in [("0.1", 7), ("1.0", 2**25), ("1.0", "n"), ("-0.0", 7), ("float('inf')", 7)]:
        becomes(fold, "", body(value, size), body(value, size))


def test_what_is_computed_from_nothing_is_a_constant():
    becomes(
        fold,
        "x: f64[0, n]",
        ["t: f64[0, n] = exp(x)", "y: f64[n] = reduce_prod(t, axes=(0,))"],
        ["a: f64 = constant(value=1.0, dtype=f64)", "y: f64[n] = broadcast(a, shape=(n,), axes=())"],
    )
    becomes(
        fold,
        "x: f64[2, 0], w: f64[0, n]",
        ["y: f64[2, n] = matmul(x, w)"],
        ["a: f64 = constant(value=0.0, dtype=f64)", "y: f64[2, n] = broadcast(a, shape=(2, n), axes=())"],
    )


def test_copies_and_failing_checks_stay():
    becomes(fold, "", body := ["a: f64 = constant(value=1.0, dtype=f64)", "y: f64 = copy(a, key=1)"], body)
    becomes(fold, "", body := ["a: i64 = constant(value=7, dtype=i64)", "y: i64 = checked_index(a, size=3)"], body)


# Thin products


@pytest.mark.parametrize(
    ("inputs", "before", "after"),
    [
        (  # an outer product
            "x: f32[n, 1], w: f32[1, m]",
            ["y: f32[n, m] = matmul(x, w)"],
            [
                "a: f32[n] = reshape(x, shape=(n,))",
                "b: f32[n, m] = broadcast(a, shape=(n, m), axes=(0,))",
                "c: f32[m] = reshape(w, shape=(m,))",
                "d: f32[n, m] = broadcast(c, shape=(n, m), axes=(1,))",
                "y: f32[n, m] = multiply(b, d)",
            ],
        ),
        (  # a matrix and a column
            "x: f32[n, d], w: f32[d, 1]",
            ["y: f32[n, 1] = matmul(x, w)"],
            [
                "a: f32[d] = reshape(w, shape=(d,))",
                "b: f32[n, d] = broadcast(a, shape=(n, d), axes=(1,))",
                "c: f32[n, d] = multiply(x, b)",
                "e: f32[n] = reduce_sum(c, axes=(1,))",
                "y: f32[n, 1] = reshape(e, shape=(n, 1))",
            ],
        ),
        (  # a transposed matrix and a column: the matrix is read as it lies
            "x: f32[n, d], g: f32[n, 1]",
            ["t: f32[d, n] = transpose(x, perm=(1, 0))", "y: f32[d, 1] = matmul(t, g)"],
            [
                "a: f32[n] = reshape(g, shape=(n,))",
                "b: f32[n, d] = broadcast(a, shape=(n, d), axes=(0,))",
                "c: f32[n, d] = multiply(x, b)",
                "e: f32[d] = reduce_sum(c, axes=(0,))",
                "y: f32[d, 1] = reshape(e, shape=(d, 1))",
            ],
        ),
        (  # a row and a matrix
            "x: i32[1, k], w: i32[k, n]",
            ["y: i32[1, n] = matmul(x, w)"],
            [
                "a: i32[k] = reshape(x, shape=(k,))",
                "b: i32[k, n] = broadcast(a, shape=(k, n), axes=(0,))",
                "c: i32[k, n] = multiply(w, b)",
                "e: i64[n] = reduce_sum(c, axes=(0,))",
                "h: i32[n] = cast(e, dtype=i32)",
                "y: i32[1, n] = reshape(h, shape=(1, n))",
            ],
        ),
        (  # a small right operand
            "x: f32[n, 3], w: f32[3, 2]",
            ["y: f32[n, 2] = matmul(x, w)"],
            [
                "a: f32[n, 2, 3] = broadcast(x, shape=(n, 2, 3), axes=(0, 2))",
                "b: f32[2, 3] = transpose(w, perm=(1, 0))",
                "c: f32[n, 2, 3] = broadcast(b, shape=(n, 2, 3), axes=(1, 2))",
                "e: f32[n, 2, 3] = multiply(a, c)",
                "y: f32[n, 2] = reduce_sum(e, axes=(2,))",
            ],
        ),
    ],
)
def test_thin_products_become_elementwise_work(inputs, before, after):
    becomes(small_products, inputs, before, after)


@pytest.mark.parametrize(
    "shapes", [("[n, 5]", "[5, 3]", "[n, 3]"), ("[2, n, 3]", "[2, 3, 3]", "[2, n, 3]"), ("[n, m]", "[m, n]", "[n, n]")]
)
def test_other_products_stay(shapes):
    x, w, y = shapes
    becomes(small_products, f"x: f32{x}, w: f32{w}", body := [f"y: f32{y} = matmul(x, w)"], body)


@pytest.mark.parametrize("m", [1, 2, 5])
@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("n", [1, 4, 5])
@pytest.mark.parametrize("dtype", ["f8", "i4", "b1", "c8"])
@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize("turned", [False, True])
def test_thin_products_equal_products(m, k, n, dtype, batch, turned):
    random = np.random.default_rng(3)
    arrays = [random.integers(0, 3, (*batch, *s)).astype(dtype) for s in (((k, m), (n, k)) if turned else ((m, k), (k, n)))]
    builder = Builder(TABLE)
    inputs = tuple(builder.input(name, TensorSpec(a.shape, a.dtype)) for name, a in zip("xw", arrays, strict=True))
    perm = (*range(len(batch)), len(batch) + 1, len(batch))
    operands = [builder.apply("transpose", x, perm=perm) if turned else x for x in inputs]
    graph = Graph("f", inputs, (builder.apply("matmul", *operands),))
    small = small_products(graph)
    verify(small)
    (found,), _ = evaluate_graph(small, arrays, {})
    (expected,), _ = evaluate_graph(graph, arrays, {})
    assert found.dtype == expected.dtype and np.array_equal(found, expected)


# Unit dimensions


@pytest.mark.parametrize(
    ("inputs", "before", "after"),
    [
        (
            "x: f64[n, 1], b: f64[1]",
            [
                "t: f64[n, 1] = broadcast(b, shape=(n, 1), axes=(1,))",
                "u: f64[n, 1] = add(x, t)",
                "v: f64[1, n] = transpose(u, perm=(1, 0))",
                "w: f64[1] = reduce_sum(v, axes=(1,))",
                "y: f64[2, 1] = broadcast(w, shape=(2, 1), axes=(1,))",
            ],
            [
                "r: f64[n] = reshape(x, shape=(n,))",
                "s: f64 = reshape(b, shape=())",
                "t: f64[n] = broadcast(s, shape=(n,), axes=())",
                "u: f64[n] = add(r, t)",
                "w: f64 = reduce_sum(u, axes=(0,))",
                "v: f64[2] = broadcast(w, shape=(2,), axes=())",
                "y: f64[2, 1] = reshape(v, shape=(2, 1))",
            ],
        ),
        (
            "x: f64[1, n]",
            ["t: f64[n] = reduce_max(x, axes=(0,))", "y: i64[n] = reduce_argmax(x, axes=(0,))"],
            ["t: i64 = constant(value=0, dtype=i64)", "y: i64[n] = broadcast(t, shape=(n,), axes=())"],
        ),
        (
            "x: f64[1, n]",
            ["t: f64[1, n] = exp(x)", "y: f64[n] = reduce_max(t, axes=(0,))"],
            ["s: f64[n] = reshape(x, shape=(n,))", "y: f64[n] = exp(s)"],
        ),
        (
            "x: f64[n, 1, m]",
            ["t: f64[1, 1, m] = slice(x, starts=(2, 0, 0), sizes=(1, 1, m), steps=(1, 1, 1))", "y: f64[1, 1, m] = exp(t)"],
            [
                "s: f64[n, m] = reshape(x, shape=(n, m))",
                "t: f64[1, m] = slice(s, starts=(2, 0), sizes=(1, m), steps=(1, 1))",
                "u: f64[m] = reshape(t, shape=(m,))",
                "v: f64[m] = exp(u)",
                "y: f64[1, 1, m] = reshape(v, shape=(1, 1, m))",
            ],
        ),
        (
            "x: f64[1, n, 3], w: f64[1, 3, m]",
            ["t: f64[1, n, m] = matmul(x, w)", "y: f64[1, n, m] = exp(t)"],
            [
                "a: f64[n, 3] = reshape(x, shape=(n, 3))",
                "b: f64[3, m] = reshape(w, shape=(3, m))",
                "t: f64[n, m] = matmul(a, b)",
                "u: f64[n, m] = exp(t)",
                "y: f64[1, n, m] = reshape(u, shape=(1, n, m))",
            ],
        ),
        (
            "x: f64[n, 1]",
            ["t: f64[n, 1] = exp(x)", "u: f64[n, 2] = concatenate(t, t, axis=1)", "y: f64[n, 2] = negative(u)"],
            [
                "s: f64[n] = reshape(x, shape=(n,))",
                "t: f64[n] = exp(s)",
                "v: f64[n, 1] = reshape(t, shape=(n, 1))",
                "u: f64[n, 2] = concatenate(v, v, axis=1)",
                "y: f64[n, 2] = negative(u)",
            ],
        ),
    ],
)
def test_no_value_inside_keeps_a_dimension_of_one(inputs, before, after):
    becomes(squeeze, inputs, before, after)


def test_updates_get_their_dimensions_of_one_back():
    graph = squeeze(function("w: f32[n, 1]", ["t: f32[n, 1] = negative(w)"], "(), {w: t}"))
    expected = function(
        "w: f32[n, 1]",
        ["a: f32[n] = reshape(w, shape=(n,))", "b: f32[n] = negative(a)", "t: f32[n, 1] = reshape(b, shape=(n, 1))"],
        "(), {w: t}",
    )
    assert lines(graph) == lines(expected)


def test_graphs_without_work_for_a_pass_stay_as_they_are():
    graph = function("x: f64[n]", ["y: f64[n] = exp(x)"], "y")
    assert squeeze(graph) is graph and small_products(graph) is graph


# Short axes


def test_a_reduction_along_a_short_axis_is_written_out():
    becomes(
        unroll,
        "x: f32[n, 2]",
        ["a: f32[n, 2] = exp(x)", "y: f32[n] = reduce_max(a, axes=(1,))"],
        [
            "a: f32[n, 1] = slice(x, starts=(0, 0), sizes=(n, 1), steps=(1, 1))",
            "b: f32[n] = reshape(a, shape=(n,))",
            "c: f32[n] = exp(b)",
            "d: f32[n, 1] = slice(x, starts=(0, 1), sizes=(n, 1), steps=(1, 1))",
            "e: f32[n] = reshape(d, shape=(n,))",
            "g: f32[n] = exp(e)",
            "y: f32[n] = maximum(c, g)",
        ],
    )


def test_a_reduction_in_the_middle_is_one_for_each_component():
    becomes(
        unroll,
        "x: f32[n, 2], w: f32[n, m]",
        [
            "a: f32[n, m, 2] = broadcast(x, shape=(n, m, 2), axes=(0, 2))",
            "b: f32[n, m, 2] = broadcast(w, shape=(n, m, 2), axes=(0, 1))",
            "c: f32[n, m, 2] = multiply(a, b)",
            "y: f32[n, 2] = reduce_sum(c, axes=(1,))",
        ],
        [
            "a: f32[n, 1] = slice(x, starts=(0, 0), sizes=(n, 1), steps=(1, 1))",
            "b: f32[n] = reshape(a, shape=(n,))",
            "c: f32[n] = copy(b)",
            "d: f32[n, m] = broadcast(c, shape=(n, m), axes=(0,))",
            "e: f32[n, m] = multiply(d, w)",
            "g: f32[n] = reduce_sum(e, axes=(1,))",
            "h: f32[n, 1] = reshape(g, shape=(n, 1))",
            "i: f32[n, 1] = slice(x, starts=(0, 1), sizes=(n, 1), steps=(1, 1))",
            "j: f32[n] = reshape(i, shape=(n,))",
            "k: f32[n] = copy(j)",
            "l: f32[n, m] = broadcast(k, shape=(n, m), axes=(0,))",
            "o: f32[n, m] = multiply(l, w)",
            "p: f32[n] = reduce_sum(o, axes=(1,))",
            "q: f32[n, 1] = reshape(p, shape=(n, 1))",
            "y: f32[n, 2] = concatenate(h, q, axis=1)",
        ],
    )


@pytest.mark.parametrize(
    ("spec", "axes"),
    [("f32[n, 3]", (0, 1)), ("f32[n, 3]", (0,)), ("f32[n, m, 3]", (0, 1)), ("f32[n, 5]", (1,)), ("f32[n, m]", (1,))],
)
def test_reductions_that_no_short_axis_hinders_stay(spec, axes):
    left = [d for i, d in enumerate(spec[4:-1].split(", ")) if i not in axes]
    result = f"f32[{', '.join(left)}]" if left else "f32"
    graph = function(f"x: {spec}", [f"y: {result} = reduce_sum(x, axes={axes})"], "y")
    assert unroll(graph) is graph


# The pipeline


def test_a_step_of_linear_regression_is_sweeps_over_the_data_as_it_lies():
    graph = function(
        "x: f32[n, d], t: f32[n, 1], w: f32[d, 1], rate: f32",
        [
            "p: f32[n, 1] = matmul(x, w)",
            "e: f32[n, 1] = subtract(p, t)",
            "xt: f32[d, n] = transpose(x, perm=(1, 0))",
            "g: f32[d, 1] = matmul(xt, e)",
            "r: f32[d, 1] = broadcast(rate, shape=(d, 1), axes=())",
            "h: f32[d, 1] = multiply(r, g)",
            "v: f32[d, 1] = subtract(w, h)",
        ],
        "(), {w: v}",
    )
    assert (
        str(optimize(graph))
        == """def f(x: f32[n, d], t: f32[n, 1], w: f32[d, 1], rate: f32):
    t0: f32[d] = reshape(w, shape=(d,))
    t1: f32[d] = broadcast(rate, shape=(d,), axes=())
    t2: f32[n, d] = broadcast(t0, shape=(n, d), axes=(1,))
    t3: f32[n, d] = multiply(x, t2)
    t4: f32[n] = reduce_sum(t3, axes=(1,))
    t5: f32[n] = reshape(t, shape=(n,))
    t6: f32[n] = subtract(t4, t5)
    t7: f32[n, d] = broadcast(t6, shape=(n, d), axes=(0,))
    t8: f32[n, d] = multiply(x, t7)
    t9: f32[d] = reduce_sum(t8, axes=(0,))
    t10: f32[d] = multiply(t1, t9)
    t11: f32[d] = subtract(t0, t10)
    t12: f32[d, 1] = reshape(t11, shape=(d, 1))
    return (), {w: t12}
"""
    )


def test_the_observer_sees_every_pass_and_checks_run_when_asked(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CHECK", "1")
    graph, seen = function("x: f64[n]", ["t: f64[n] = negative(x)", "y: f64[n] = negative(t)"], "y"), []
    last = optimize(graph, lambda name, made: seen.append((name, made)))
    assert [name for name, _ in seen] == [transform.__name__ for transform in PIPELINE]
    assert seen[-1][1] is last and last.outputs == graph.inputs
