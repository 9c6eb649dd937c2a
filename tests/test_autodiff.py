"""Derivatives: closed forms, central differences on random programs at orders one and two, and what is promised around them."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from program_tools import programs

from tracejit.errors import GradientError
from tracejit.ir import Builder, Graph, TensorSpec, Where, using
from tracejit.ir.evaluation import evaluate_graph
from tracejit.ir.graph import verify
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE
from tracejit.transforms import backward, forward, jvp, vjp

few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def parse(text):
    return parse_graph(text, TABLE)


def run(graph, *arrays, **sizes):
    return evaluate_graph(
        graph, [np.asarray(x, s.dtype) for x, s in zip(arrays, (n.spec for n in graph.inputs), strict=True)], sizes
    )[0]


def weighted(program):
    """Random weights of the outputs of a program: a loss is their inner product with the outputs."""
    random = np.random.default_rng(7)
    return [random.uniform(-1, 1, np.shape(y)) for y in program.evaluated()]


def inner(xs, ys):
    return sum(float(np.sum(x * y)) for x, y in zip(xs, ys, strict=True))


def central(function, at, along, step=2e-4):
    """The directional derivative of ``function``, to fourth order."""
    near, far = (
        [function([x + sign * k * step * d for x, d in zip(at, along, strict=True)]) for sign in (1, -1)] for k in (1, 2)
    )
    return (8 * (near[0] - near[1]) - (far[0] - far[1])) / (12 * step)


def directions(program):
    random = np.random.default_rng(11)
    return [random.uniform(-1, 1, x.shape) for x in program.arrays]


def assert_near(found, expected, program, scale=1.0):
    assert abs(found - expected) <= 1e-5 * (scale + abs(expected)), f"{found} is not {expected}, of\n{program}"


# Closed forms


@pytest.mark.parametrize(
    ("line", "derivative"),
    [
        ("sin(x)", np.cos),
        ("exp(x)", np.exp),
        ("tanh(x)", lambda x: 1 - np.tanh(x) ** 2),
        ("multiply(x, x)", lambda x: 2 * x),
        ("divide(x, x)", lambda x: 0 * x),
        ("subtract(x, x)", lambda x: 0 * x),
        ("absolute(x)", np.sign),
        ("stop_gradient(x)", lambda x: 0 * x),
        ("floor(x)", lambda x: 0 * x),
        ("slice(x, starts=(2,), sizes=(3,), steps=(-1,))", np.ones_like),
    ],
)
def test_a_derivative_is_its_closed_form(line, derivative):
    graph = parse(f"def f(x: f64[3]):\n    y: f64[3] = {line}\n    return (y,), {{}}\n")
    x = np.array([-1.5, 0.25, 2.0])
    np.testing.assert_allclose(run(vjp(graph, [0]), x, np.ones(3))[0], derivative(x), atol=1e-15)


def test_a_quadratic_form_has_its_gradient_and_its_hessian():
    graph = parse("""def f(x: f64[1, n], a: f64[n, n]):
    t: f64[n, 1] = transpose(x, perm=(1, 0))
    u: f64[1, n] = matmul(x, a)
    v: f64[1, 1] = matmul(u, t)
    return (v,), {}
""")
    x, a, one = np.array([[1.0, 2.0, -1.0]]), np.arange(9.0).reshape(3, 3), np.ones((1, 1))
    gradient = vjp(graph, [0])
    np.testing.assert_allclose(run(gradient, x, a, one, n=3)[0], x @ (a + a.T))
    d = np.array([[0.5, -1.0, 3.0]])
    np.testing.assert_allclose(run(vjp(gradient, [0]), x, a, one, d, n=3)[0], d @ (a + a.T))
    np.testing.assert_allclose(run(jvp(gradient, [0]), x, a, one, d, n=3)[0], d @ (a + a.T))


# Random programs


@few
@given(programs(smooth=True))
def test_the_reverse_pass_is_the_central_difference(program):
    weights, along = weighted(program), directions(program)
    graph = vjp(program.graph, range(len(program.arrays)))
    verify(graph)
    gradients, _ = evaluate_graph(graph, [*program.arrays, *weights], program.sizes)
    expected = central(lambda at: inner(evaluate_graph(program.graph, at, program.sizes)[0], weights), program.arrays, along)
    assert_near(inner(gradients, along), expected, program, scale=10)


@few
@given(programs(smooth=True))
def test_the_forward_pass_is_the_transpose_of_the_reverse_pass(program):
    weights, along, all_inputs = weighted(program), directions(program), range(len(program.arrays))
    forwards = jvp(program.graph, all_inputs)
    verify(forwards)
    tangents, _ = evaluate_graph(forwards, [*program.arrays, *along], program.sizes)
    gradients, _ = evaluate_graph(vjp(program.graph, all_inputs), [*program.arrays, *weights], program.sizes)
    assert_near(inner(tangents, weights), inner(gradients, along), program)


@few
@given(programs(smooth=True, steps=6))
def test_second_derivatives_agree_in_every_order_and_with_central_differences(program):
    weights, along, inputs = weighted(program), directions(program), range(len(program.arrays))
    gradient = vjp(program.graph, inputs)

    def gradients(at):
        return evaluate_graph(gradient, [*at, *weights], program.sizes)[0]

    expected = central(lambda at: inner(gradients(at), along), program.arrays, along)
    reverse_reverse, _ = evaluate_graph(vjp(gradient, inputs), [*program.arrays, *weights, *along], program.sizes)
    assert_near(inner(reverse_reverse, along), expected, program, scale=100)
    forward_reverse, _ = evaluate_graph(jvp(gradient, inputs), [*program.arrays, *weights, *along], program.sizes)
    assert_near(inner(forward_reverse, along), inner(reverse_reverse, along), program)
    tangent = jvp(program.graph, inputs)
    reverse_forward, _ = evaluate_graph(vjp(tangent, inputs), [*program.arrays, *along, *weights], program.sizes)
    assert_near(inner(reverse_forward, along), inner(reverse_reverse, along), program)


# Promises


def test_what_an_input_does_not_reach_has_a_zero_derivative_of_its_spec():
    graph = parse("def f(x: f32[n], y: f32[2]):\n    z: f32[n] = exp(x)\n    return (z,), {}\n")
    assert str(vjp(graph, [1])).splitlines()[1:] == [
        "    t0: f32 = constant(value=0.0, dtype=f32)",
        "    t1: f32[2] = broadcast(t0, shape=(2,), axes=())",
        "    return (t1, ), {}",
    ]
    assert np.array_equal(run(jvp(graph, [1]), np.ones(3), np.ones(2), np.ones(2), n=3)[0], np.zeros(3))


def test_integers_carry_no_derivative():
    graph = parse("""def f(x: f64[3], k: i64[3]):
    t0: i64[3] = argsort(x)
    t1: f64[3] = cast(k, dtype=f64)
    t2: f64[3] = multiply(x, t1)
    return (t0, t2), {}
""")
    x, k = np.array([3.0, 1.0, 2.0]), np.array([2, 3, 4])
    assert np.array_equal(run(vjp(graph, [0]), x, k, np.ones(3), np.ones(3))[0], k)
    zeros, tangent = run(jvp(graph, [0]), x, k, np.ones(3))
    assert zeros.dtype == np.int64 and not zeros.any() and np.array_equal(tangent, k)
    with pytest.raises(GradientError, match=r"gradient by k: it is i64\[3\]"):
        vjp(graph, [1])


def test_an_op_without_a_derivative_is_named_with_the_users_line(monkeypatch):
    monkeypatch.setattr(TABLE["sin"], "vjp", None)
    builder = Builder(TABLE, where=lambda: Where(__file__, 1))
    x = builder.input("x", TensorSpec((3,)))
    with pytest.raises(GradientError) as caught:
        backward(builder, [builder.apply("sin", x)], [x], [x])
    assert str(caught.value) == (
        "sin: has no derivative. Use stop_gradient where its operands are constants to you.\n"
        f'  at {__file__}:1: """Derivatives: closed forms, central differences on random programs at orders one and two, '
        'and what is promised around them."""'
    )


def test_an_op_without_a_derivative_does_not_matter_off_the_way(monkeypatch):
    monkeypatch.setattr(TABLE["sin"], "vjp", None)
    graph = parse("def f(x: f64, y: f64):\n    a: f64 = sin(y)\n    b: f64 = multiply(a, x)\n    return (b,), {}\n")
    assert run(vjp(graph, [0]), 2.0, 0.5, 1.0)[0] == np.sin(0.5)


def test_derivatives_by_intermediate_nodes_are_total_and_within_makes_them_partial():
    builder = Builder(TABLE)
    x = builder.input("x", TensorSpec(()))
    with using(builder):
        y = x * x
        z = y * y + x
        one = builder.constant(1.0, x.dtype)
    by_x, by_y = backward(builder, [z], [one], [x, y])
    found = run(Graph("g", (x,), (by_x, by_y)), 3.0)
    assert found == (4 * 3.0**3 + 1, 2 * 3.0**2)
    by_x, by_y = backward(builder, [z], [one], [x, y], within={z, *z.inputs})
    assert run(Graph("g", (x,), (by_x, by_y)), 3.0) == (1.0, 2 * 3.0**2)
    (tangent,) = forward(builder, [z], [y], [one])
    assert run(Graph("g", (x,), (tangent,)), 3.0) == (2 * 3.0**2,)


def test_nodes_outside_within_are_constants():
    builder = Builder(TABLE)
    x = builder.input("x", TensorSpec(()))
    with using(builder):
        y = x * x
        z = y + x
    assert backward(builder, [z], [x], [x], within=set()) == [None]
    assert forward(builder, [z], [x], [x], within=set()) == [None]
    assert backward(builder, [z], [x], [x], within={z}) == [x]


def test_an_output_that_is_an_input_passes_its_cotangent_on():
    graph = parse("def f(x: f64[2]):\n    return (x, x), {}\n")
    assert np.array_equal(run(vjp(graph, [0]), [1.0, 2.0], [3.0, 4.0], [5.0, 6.0])[0], [8.0, 10.0])


def test_updates_take_no_part():
    graph = parse("def f(w: f64):\n    y: f64 = exp(w)\n    return (y,), {w: y}\n")
    assert vjp(graph, [0]).updates == () and jvp(graph, [0]).updates == ()


def test_reverse_nodes_belong_to_the_users_line_reversed_and_forward_nodes_to_the_line():
    here = Where("model.py", 12)
    builder = Builder(TABLE, where=lambda: here)
    x = builder.input("x", TensorSpec(()))
    graph = Graph("f", (x,), (builder.apply("sin", x),))
    assert [n.where for n in vjp(graph, [0]).nodes() if n.inputs] == [here.reversed()] * 2
    assert [n.where for n in jvp(graph, [0]).nodes() if n.inputs] == [here] * 2


def test_the_forward_pass_leaves_nothing_of_the_cotangent_behind():
    emitted = []
    builder = Builder(TABLE)
    x, t = builder.input("x", TensorSpec((3,))), builder.input("t", TensorSpec((3,)))
    y = builder.apply("tanh", builder.apply("sin", x))
    builder.listeners.append(emitted.append)
    forward(builder, [y], [x], [t])
    leaves = {leaf for node in emitted for leaf in node.inputs if leaf.op.name == "input"}
    assert leaves <= {x, t}


@pytest.mark.parametrize("transform", [vjp, jvp])
def test_a_graph_of_ten_thousand_nodes_is_differentiated(transform):
    builder = Builder(TABLE)
    x = y = builder.input("x", TensorSpec(()))
    with using(builder):
        for _ in range(5000):
            y = -(y + x)
    graph = transform(Graph("deep", (x,), (y,)), [0])
    assert run(graph, 1.0, 1.0) == (1.0,)  # two steps give -(-(y + x) + x), which is y
