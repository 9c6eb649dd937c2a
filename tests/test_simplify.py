"""The algebra of ``simplify`` by its text before and after, and bit by bit on special values."""

import numpy as np
import pytest
from pass_tools import becomes, function, lines

from tracejit.ir import Builder, Graph, TensorSpec
from tracejit.ir.evaluation import evaluate_graph
from tracejit.ops import TABLE
from tracejit.transforms.simplify import simplify

# Algebra

CONSTANT = "{name}: {dtype} = constant(value={value}, dtype={dtype})"


def with_constant(dtype, value, line):
    return [CONSTANT.format(name="s", dtype=dtype, value=value), f"c: {dtype}[n] = broadcast(s, shape=(n,), axes=())", line]


@pytest.mark.parametrize(
    ("dtype", "value", "call"),
    [
        ("f64", "1.0", "multiply(x, c)"),
        ("f64", "1.0", "multiply(c, x)"),
        ("i32", "1", "multiply(c, x)"),
        ("b1", "True", "multiply(c, x)"),
        ("f64", "1.0", "divide(x, c)"),
        ("f64", "-0.0", "add(x, c)"),
        ("f64", "-0.0", "add(c, x)"),
        ("i64", "0", "add(x, c)"),
        ("f64", "0.0", "subtract(x, c)"),
        ("f64", "1.0", "power(x, c)"),
    ],
)
def test_what_changes_nothing_goes(dtype, value, call):
    becomes(simplify, f"x: {dtype}[n]", with_constant(dtype, value, f"y: {dtype}[n] = {call}"), "x")


@pytest.mark.parametrize(
    ("dtype", "value", "call"),
    [
        ("f64", "0.0", "add(x, c)"),  # -0.0 + 0.0 is 0.0
        ("f64", "-0.0", "subtract(x, c)"),
        ("f64", "0.0", "multiply(x, c)"),  # inf * 0 is NaN
        ("f64", "2.5", "power(x, c)"),
        ("f64", "3.0", "divide(x, c)"),  # 1/3 is rounded
        ("c128", "1.0", "multiply(x, c)"),  # parts that are infinite become NaN
        ("f64", "-1.0", "masked_multiply(x, c)"),  # 0.0 * -1 is -0.0
        ("f64", "float('inf')", "masked_multiply(x, c)"),
    ],
)
def test_what_is_not_exact_stays(dtype, value, call):
    body = with_constant(dtype, value, f"y: {dtype}[n] = {call}")
    becomes(simplify, f"x: {dtype}[n]", body, body)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["t: f64[n] = negative(x)", "y: f64[n] = negative(t)"], "x"),
        (["t: f64[n] = negative(z)", "y: f64[n] = add(x, t)"], ["y: f64[n] = subtract(x, z)"]),
        (["t: f64[n] = negative(z)", "y: f64[n] = add(t, x)"], ["y: f64[n] = subtract(x, z)"]),
        (["t: f64[n] = negative(z)", "y: f64[n] = subtract(x, t)"], ["y: f64[n] = add(x, z)"]),
        (["t: f64[n] = negative(x)", "u: f64[n] = negative(z)", "y: f64[n] = multiply(t, u)"], ["y: f64[n] = multiply(x, z)"]),
        (with_constant("f64", "-1.0", "y: f64[n] = multiply(x, c)"), ["y: f64[n] = negative(x)"]),
        (with_constant("f64", "4.0", "y: f64[n] = divide(x, c)"), with_constant("f64", "0.25", "y: f64[n] = multiply(x, c)")),
        (with_constant("f64", "2.0", "y: f64[n] = power(x, c)"), ["y: f64[n] = multiply(x, x)"]),
        (with_constant("f64", "3.0", "y: f64[n] = power(x, c)"), ["t: f64[n] = multiply(x, x)", "y: f64[n] = multiply(t, x)"]),
        (with_constant("f64", "0.0", "y: f64[n] = power(x, c)"), with_constant("f64", "1.0", "")[:2]),
        (["y: f64[n] = stop_gradient(x)"], "x"),
        (["y: f64[n] = where(q, x, x)"], "x"),
        (["t: f64[n] = where(q, z, x)", "y: f64[n] = where(q, x, t)"], "x"),
        (["t: f64[n] = where(q, x, z)", "y: f64[n] = where(q, t, x)"], "x"),
        (["p: b1[n] = logical_not(q)", "y: f64[n] = where(p, x, z)"], ["y: f64[n] = where(q, z, x)"]),
        (with_constant("b1", "False", "y: f64[n] = where(c, x, z)"), "z"),
        (
            with_constant("f64", "-2.0", "y: f64[n] = masked_multiply(c, x)"),
            with_constant("f64", "-2.0", "y: f64[n] = multiply(c, x)"),
        ),
        (
            with_constant("f64", "2.0", "y: f64[n] = masked_multiply(x, c)"),
            with_constant("f64", "2.0", "y: f64[n] = multiply(x, c)"),
        ),
        (with_constant("f64", "1.0", "y: f64[n] = masked_multiply(x, c)"), "x"),
    ],
)
def test_algebra(before, after):
    becomes(simplify, "x: f64[n], z: f64[n], q: b1[n]", before, after)


def over_size(value, dtype="f32", size="n"):
    """The lines of ``r``, a number over a size everywhere."""
    lines = [
        f"d: i64 = dim(size={size})",
        f"e: {dtype} = cast(d, dtype={dtype})",
        CONSTANT.format(name="s", dtype=dtype, value=value),
    ]
    return [*lines, f"t: {dtype} = divide(s, e)", f"r: {dtype}[n] = broadcast(t, shape=(n,), axes=())"]


def test_the_reverse_of_a_mean_of_squares_is_one_product():
    two = [CONSTANT.format(name="k", dtype="f32", value="2.0"), "c: f32[n] = broadcast(k, shape=(n,), axes=())"]
    for twice in ("multiply(c, x)", "multiply(x, c)"):
        before = [*over_size("1.0"), *two, f"u: f32[n] = {twice}", "y: f32[n] = masked_multiply(r, u)"]
        becomes(simplify, "x: f32[n]", before, [*over_size("2.0"), "y: f32[n] = multiply(r, x)"])


@pytest.mark.parametrize(("value", "dtype"), [("0.0", "f32"), ("1e-30", "f32"), ("0.0", "f64")])
def test_a_number_over_a_size_that_may_be_0_is_masked(value, dtype):
    body = [*over_size(value, dtype), f"y: {dtype}[n] = masked_multiply(r, x)"]
    becomes(simplify, f"x: {dtype}[n]", body, body)


def test_the_reverse_of_a_mean_of_squares_has_the_same_values():
    two = [CONSTANT.format(name="k", dtype="f32", value="2.0"), "c: f32[n] = broadcast(k, shape=(n,), axes=())"]
    graph = function(
        "x: f32[n]", [*over_size("1.0"), *two, "u: f32[n] = multiply(c, x)", "y: f32[n] = masked_multiply(r, u)"], "y"
    )
    random = np.random.default_rng(0)
    x = np.array(
        [*SPECIAL[:8], 1e-45, -1e-45, 1.7e38, *random.standard_normal(1000) * 10.0 ** random.integers(-38, 38, 1000)], "f4"
    )
    before, after = (evaluate_graph(g, [x], {"n": len(x)})[0] for g in (graph, simplify(graph)))
    np.testing.assert_array_equal(before, after)
    assert np.isinf(after).sum() == 2


SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.5, 5e-324, -5e-324, 2.2e-308, 1e308, -1e308, 0.1]


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "masked_multiply", "where", "power"])
@pytest.mark.parametrize("value", [0.0, -0.0, 1.0, -1.0, 2.0, 4.0, -0.125, 0.3, np.inf, np.nan])
@pytest.mark.parametrize("negated", [False, True])
def test_every_rewrite_is_exact_on_special_values(name, value, negated):
    builder = Builder(TABLE)
    x, q = builder.input("x", TensorSpec((14,))), builder.input("q", TensorSpec((14,), bool))
    c = builder.apply("broadcast", builder.constant(value, x.dtype), shape=x.shape, axes=())
    z = builder.apply("negative", x) if negated else x
    head = (q,) if name == "where" else ()
    graph = Graph("f", (x, q), (builder.apply(name, *head, z, c), builder.apply(name, *head, c, z), builder.apply("negative", z)))
    arrays = [np.array(SPECIAL), np.arange(14) % 2 == 0]
    before, after = (evaluate_graph(g, arrays, {})[0] for g in (graph, simplify(graph)))
    for x, y in zip(before, after, strict=True):
        np.testing.assert_array_equal(x, y)
        assert np.array_equal(np.signbit(x) & ~np.isnan(x), np.signbit(y) & ~np.isnan(y))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("exponent", [3.0, -1.0, -2.0, 0.5, -0.5, 1.5, -1.5])
def test_powers_that_become_products_quotients_and_roots_keep_their_special_values(exponent, dtype):
    random = np.random.default_rng(0)
    finite = np.finfo(dtype)
    special = [
        np.nan,
        np.inf,
        -np.inf,
        0.0,
        -0.0,
        1.0,
        -1.0,
        4.0,
        finite.max,
        -finite.max,
        finite.smallest_subnormal,
        finite.tiny,
    ]
    usual = np.exp2(random.uniform(-80, 80, 1000) / max(abs(exponent), 1))
    array = np.array([*special, *usual], dtype)
    builder = Builder(TABLE)
    x = builder.input("x", TensorSpec((len(array),), dtype))
    c = builder.apply("broadcast", builder.constant(exponent, x.dtype), shape=x.shape, axes=())
    graph = Graph("f", (x,), (builder.apply("power", x, c),))
    simple = simplify(graph)
    assert "power" not in str(simple)
    with np.errstate(all="ignore"):
        (got,) = evaluate_graph(simple, [array], {})[0]
        want = np.power(array.astype(np.longdouble), np.longdouble(exponent))
        rounded = want.astype(dtype)
        error = np.abs(got - want) / np.spacing(np.abs(rounded))
    assert error[len(special) :].max() < 2
    np.testing.assert_allclose(got[: len(special)], rounded[: len(special)], rtol=2 * finite.eps)
    ordered = ~np.isnan(rounded)
    np.testing.assert_array_equal(np.signbit(got[ordered]), np.signbit(rounded[ordered]))


@pytest.mark.parametrize(
    ("first", "middle", "last", "merged"),
    [
        ("f32", "f64", "f32", True),
        ("i32", "i64", "f32", True),
        ("i32", "f64", "i64", True),
        ("u8", "i16", "f64", True),
        ("f64", "f32", "f64", False),  # rounds
        ("i64", "f64", "i64", False),  # 2**53 + 1 is rounded
        ("i8", "f64", "u8", False),  # -1.0 has no meaning as u8, -1 has
        ("i64", "i32", "i64", False),
    ],
)
def test_casts_merge_only_where_the_inner_one_keeps_every_value(first, middle, last, merged):
    before = [f"t: {middle}[n] = cast(x, dtype={middle})", f"y: {last}[n] = cast(t, dtype={last})"]
    once = "x" if first == last else [f"y: {last}[n] = cast(x, dtype={last})"]
    becomes(simplify, f"x: {first}[n]", before, once if merged else before)


def test_work_on_broadcasts_is_done_before_the_broadcast():
    becomes(
        simplify,
        "x: f64[n], z: f64[n]",
        [
            "a: f64[n, m] = broadcast(x, shape=(n, m), axes=(0,))",
            "b: f64[n, m] = broadcast(z, shape=(n, m), axes=(0,))",
            "s: f64 = constant(value=3.0, dtype=f64)",
            "c: f64[n, m] = broadcast(s, shape=(n, m), axes=())",
            "d: f64[n, m] = add(a, b)",
            "y: f64[n, m] = multiply(d, c)",
        ],
        [
            "t: f64[n] = add(x, z)",
            "s: f64 = constant(value=3.0, dtype=f64)",
            "u: f64[n] = broadcast(s, shape=(n,), axes=())",
            "v: f64[n] = multiply(t, u)",
            "y: f64[n, m] = broadcast(v, shape=(n, m), axes=(0,))",
        ],
    )


def test_reductions_merge_where_the_inner_one_has_no_other_use():
    inner, outer = "t: f64[m, k] = reduce_sum(x, axes=(0,))", "y: f64[m] = reduce_sum(t, axes=(1,))"
    becomes(simplify, "x: f64[n, m, k]", [inner, outer], ["y: f64[m] = reduce_sum(x, axes=(0, 2))"])
    shared = function("x: f64[n, m, k]", [inner, outer], "(y, t), {}")
    assert lines(simplify(shared)) == lines(shared)
    becomes(simplify, "x: f64[n]", ["y: f64[n] = reduce_max(x, axes=())"], "x")
    becomes(simplify, "x: b1[n]", ["y: i64[n] = reduce_sum(x, axes=())"], ["y: i64[n] = cast(x, dtype=i64)"])


# Movement


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["t: f64[m, n] = transpose(x, perm=(1, 0))", "y: f64[n, m] = transpose(t, perm=(1, 0))"], "x"),
        (["t: f64[m, n] = reshape(x, shape=(m, n))", "y: f64[n, m] = reshape(t, shape=(n, m))"], "x"),
        (["y: f64[n, m] = broadcast(x, shape=(n, m), axes=(0, 1))"], "x"),
        (["y: f64[n, m] = slice(x, starts=(0, 0), sizes=(n, m), steps=(1, 1))"], "x"),
        (["y: f64[n, m] = slice_update(z, x, starts=(0, 0), steps=(1, 1))"], "x"),
        (["y: f64[n, m] = concatenate(x, axis=0)"], "x"),
        (["y: f64[n, m] = concatenate(x, e, axis=0)"], "x"),
        (
            [
                "t: f64[n, m, 3] = broadcast(x, shape=(n, m, 3), axes=(0, 1))",
                "y: f64[2, n, m, 3] = broadcast(t, shape=(2, n, m, 3), axes=(1, 2, 3))",
            ],
            ["y: f64[2, n, m, 3] = broadcast(x, shape=(2, n, m, 3), axes=(1, 2))"],
        ),
        (
            [
                "t: f64[n, 1, m] = reshape(x, shape=(n, 1, m))",
                "y: f64[2, n, 1, m] = broadcast(t, shape=(2, n, 1, m), axes=(1, 2, 3))",
            ],
            ["y: f64[2, n, 1, m] = broadcast(x, shape=(2, n, 1, m), axes=(1, 3))"],
        ),
        (
            ["t: f64[n, 3, m] = broadcast(x, shape=(n, 3, m), axes=(0, 2))", "y: f64[n, m, 3] = transpose(t, perm=(0, 2, 1))"],
            ["y: f64[n, m, 3] = broadcast(x, shape=(n, m, 3), axes=(0, 1))"],
        ),
        (
            [
                "t: f64[n - 1, m] = slice(x, starts=(n - 1, 0), sizes=(n - 1, m), steps=(-1, 1))",
                "y: f64[1, m - 2] = slice(t, starts=(1, 2), sizes=(1, m - 2), steps=(1, 1))",
            ],
            ["y: f64[1, m - 2] = slice(x, starts=(n - 2, 2), sizes=(1, m - 2), steps=(-1, 1))"],
        ),
        (
            [
                "t: f64[n, m] = slice_update(z, v, starts=(1, 0), steps=(1, 2))",
                "y: f64[2, 2] = slice(t, starts=(1, 0), sizes=(2, 2), steps=(1, 2))",
            ],
            "v",
        ),
        (
            [
                "t: f64[2, 2] = negative(v)",
                "u: f64[n, m] = slice_update(x, t, starts=(1, 0), steps=(1, 2))",
                "y: f64[n, m] = slice_update(u, v, starts=(1, 0), steps=(1, 2))",
            ],
            ["y: f64[n, m] = slice_update(x, v, starts=(1, 0), steps=(1, 2))"],
        ),
    ],
)
def test_movement(before, after):
    becomes(simplify, "x: f64[n, m], z: f64[n, m], v: f64[2, 2], e: f64[0, m]", before, after)


def test_views_of_a_number_everywhere_are_that_number_everywhere():
    becomes(
        simplify,
        "s: f32",
        [
            "a: f32[n, m] = broadcast(s, shape=(n, m), axes=())",
            "b: f32[m, n] = transpose(a, perm=(1, 0))",
            "c: f32[m, n - 1] = slice(b, starts=(0, 1), sizes=(m, n - 1), steps=(1, 1))",
            "y: f32[m*n - m] = reshape(c, shape=(m*n - m,))",
        ],
        ["y: f32[m*n - m] = broadcast(s, shape=(m*n - m,), axes=())"],
    )


@pytest.mark.parametrize("comparison", ["less", "less_equal", "greater", "greater_equal"])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_comparison_that_holds_for_nan_is_the_opposite_one_that_does_not(comparison, swapped):
    for value in SPECIAL:
        builder = Builder(TABLE)
        x, z = builder.input("x", TensorSpec((14,))), builder.input("z", TensorSpec((14,)))
        c = builder.apply("broadcast", builder.constant(value, x.dtype), shape=x.shape, axes=())
        held = builder.apply(comparison, *((c, x) if swapped else (x, c)))
        both = builder.apply("logical_or", builder.apply("isnan", x), held)
        graph = Graph("f", (x, z), (both, builder.apply("where", both, x, z)))
        simple = simplify(graph)
        assert ("isnan" in str(simple)) == bool(np.isnan(value))
        arrays = [np.array(SPECIAL), np.zeros(14)]
        for before, after in zip(evaluate_graph(graph, arrays, {})[0], evaluate_graph(simple, arrays, {})[0], strict=True):
            np.testing.assert_array_equal(before, after)


# Parts of arrays


@pytest.mark.parametrize(
    ("stored", "read", "expected"),
    [
        ("starts=(2,)", "starts=(5,), sizes=(3,)", "y: f64[3] = slice(x, starts=(5,), sizes=(3,), steps=(1,))"),
        ("starts=(2,)", "starts=(3,), sizes=(2,)", "y: f64[2] = slice(v, starts=(1,), sizes=(2,), steps=(1,))"),
        ("starts=(2,)", "starts=(1,), sizes=(2,)", None),
        ("starts=(2,)", "starts=(4,), sizes=(2,)", None),
    ],
)
def test_a_piece_of_an_update_is_one_of_what_was_stored_or_of_the_rest(stored, read, expected):
    size = read.split("sizes=(")[1].split(",")[0]
    before = [
        f"u: f64[9] = slice_update(x, v, {stored}, steps=(1,))",
        f"y: f64[{size}] = slice(u, {read}, steps=(1,))",
    ]
    becomes(simplify, "x: f64[9], v: f64[3]", before, before if expected is None else [expected])


def test_a_piece_of_a_concatenation_is_one_of_a_part():
    before = ["u: f64[n + 5] = concatenate(v, w, x, axis=0)", "y: f64[1] = slice(u, starts=(3,), sizes=(1,), steps=(1,))"]
    becomes(
        simplify,
        "x: f64[n], v: f64[2], w: f64[3]",
        before,
        ["y: f64[1] = slice(w, starts=(1,), sizes=(1,), steps=(1,))"],
    )


ZEROS = ["s: f64 = constant(value=0.0, dtype=f64)", "z: f64[9] = broadcast(s, shape=(9,), axes=())"]


def test_parts_among_zeros_are_added_side_by_side():
    zero = "t: f64[3] = broadcast(s, shape=(3,), axes=())"
    before = [
        *ZEROS,
        "a: f64[9] = slice_update(z, v, starts=(0,), steps=(1,))",
        "b: f64[9] = slice_update(z, w, starts=(4,), steps=(1,))",
        "y: f64[9] = add(a, b)",
    ]
    after = [
        *ZEROS,
        zero,
        "p: f64[3] = add(v, t)",
        "a: f64[9] = slice_update(z, p, starts=(0,), steps=(1,))",
        "q: f64[3] = add(w, t)",
        "y: f64[9] = slice_update(a, q, starts=(4,), steps=(1,))",
    ]
    becomes(simplify, "v: f64[3], w: f64[3]", before, after)
    graph = function("v: f64[3], w: f64[3]", before, "y")
    values = [np.array([-0.0, 0.0, np.nan]), np.array([-0.0, np.inf, 1])]
    ((expected,), _), ((found,), _) = (evaluate_graph(g, values, {}) for g in (graph, simplify(graph)))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def test_parts_that_meet_are_added():
    body = [
        *ZEROS,
        "a: f64[9] = slice_update(z, v, starts=(0,), steps=(1,))",
        "b: f64[9] = slice_update(z, w, starts=(2,), steps=(1,))",
        "y: f64[9] = add(a, b)",
    ]
    becomes(simplify, "v: f64[3], w: f64[3]", body, body)


@pytest.mark.parametrize("power", [1, 2, 3, 5, -1, -4, 0.5, 2 + 1j, 101])
def test_whole_powers_of_complex_numbers_are_products(power):
    body = [
        f"s: c128 = constant(value={complex(power)!r}, dtype=c128)",
        "p: c128[3] = broadcast(s, shape=(3,), axes=())",
        "y: c128[3] = power(x, p)",
    ]
    graph = function("x: c128[3]", body, "y")
    simple = simplify(graph)
    whole = power in (1, 2, 3, 5, -1, -4)
    assert any(node.op.name == "power" for node in simple.nodes()) != whole
    values = [np.array([1 + 2j, -0.5 + 0.25j, 3 - 1j])]
    ((expected,), _), ((found,), _) = (evaluate_graph(g, values, {}) for g in (graph, simple))
    np.testing.assert_allclose(found, expected, rtol=1e-14)
