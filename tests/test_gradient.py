"""grad, value_and_grad, vjp and jvp: what they give, how they nest, and what they refuse."""

import numpy as np
import pytest
from frontend_tools import traced

import tracejit as tj


def close(x, y):
    np.testing.assert_allclose(np.asarray(x), y, rtol=1e-6)


def cube(x):
    return x**3


def test_gradients_of_numpy_code_are_numpy_arrays():
    out = tj.grad(lambda x: np.sum(np.sin(x)))(np.zeros(3))
    assert type(out) is np.ndarray and out.tolist() == [1, 1, 1]
    assert type(tj.grad(cube)(2.0)) is np.float64


def test_gradients_of_tensors_are_tensors():
    value, out = tj.value_and_grad(cube)(tj.tensor(2.0))
    assert isinstance(value, tj.Tensor) and isinstance(out, tj.Tensor)
    close(out, 12)


def test_the_dtype_is_the_arguments():
    x = np.ones(3, np.float32)
    assert tj.grad(lambda x: np.sum(x * np.float64(2)))(x).dtype == np.float32


def test_argnums_selects():
    f = lambda x, y: x * y**2  # noqa: E731
    close(tj.grad(f, argnums=1)(2.0, 3.0), 12)
    assert [float(g) for g in tj.grad(f, argnums=(0, -1))(2.0, 3.0)] == [9, 12]
    value, (by_y,) = tj.value_and_grad(f, argnums=(1,))(2.0, 3.0)
    close([value, by_y], [18, 12])


def test_arguments_are_trees():
    parameters = {"w": np.ones((2, 2)), "layers": [np.ones(2), (2.0, None)]}
    f = lambda p: np.sum(p["w"] @ p["layers"][0]) * p["layers"][1][0]  # noqa: E731
    out = tj.grad(f)(parameters)
    close(out["w"], np.full((2, 2), 2.0))
    close(out["layers"][0], [4, 4])
    assert out["layers"][1] == (4.0, None)


def test_variables_are_arguments():
    w = tj.Variable([1.0, 2.0])
    close(tj.grad(lambda w: np.sum(w**2))(w), [2, 4])
    close(tj.grad(lambda p: np.sum(p["w"] ** 2))({"w": w})["w"], [2, 4])


def test_has_aux_passes_the_rest_on():
    f = lambda x: (np.sum(x**2), {"twice": 2 * x})  # noqa: E731
    out, aux = tj.grad(f, has_aux=True)(np.ones(2))
    (value, more), again = tj.value_and_grad(f, has_aux=True)(np.ones(2))
    for g in (out, again, aux["twice"], more["twice"]):
        close(g, [2, 2])
    assert value == 2 and type(aux["twice"]) is np.ndarray


def test_keyword_arguments_are_constants():
    close(tj.grad(lambda x, *, power: x**power)(3.0, power=2), 6)


def test_what_the_result_does_not_depend_on_has_zeros():
    close(tj.grad(lambda x, y: y * 2.0, argnums=0)(np.float64(3), 1.0), 0)


def test_an_argument_is_not_what_the_function_closes_over():
    x = tj.tensor(3.0)
    close(tj.grad(lambda y: y * x)(x), 3)
    close(traced(lambda x: tj.grad(lambda y: y * x)(x), np.float64(3)), 3)
    close(traced(lambda x: tj.grad(lambda y: (y - tj.stop_gradient(x)) ** 2 + y)(x), np.float64(3)), 1)


def test_control_flow_may_depend_on_values():
    f = lambda x: x**2 if x > 0 else -x  # noqa: E731
    close([tj.grad(f)(3.0), tj.grad(f)(-3.0)], [6, -1])


def test_stop_gradient():
    close(tj.grad(lambda x: tj.stop_gradient(x) * x)(3.0), 3)


ORDERS = {
    "reverse over reverse": lambda f: tj.grad(tj.grad(f)),
    "forward over reverse": lambda f: lambda x: tj.jvp(tj.grad(f), (x,), (1.0,))[1],
    "reverse over forward": lambda f: tj.grad(lambda x: tj.jvp(f, (x,), (1.0,))[1]),
    "forward over forward": lambda f: lambda x: tj.jvp(lambda x: tj.jvp(f, (x,), (1.0,))[1], (x,), (1.0,))[1],
    "reverse over pullback": lambda f: tj.grad(lambda x: tj.vjp(f, x)[1](1.0)[0]),
    "tape over reverse": lambda f: lambda x: by_tape(tj.grad(f), x),
    "reverse over tape": lambda f: tj.grad(lambda x: by_tape(f, x)),
}


def by_tape(f, x):
    x = tj.asarray(x)
    with tj.GradientTape() as tape:
        tape.watch(x)
        y = f(x)
    return tape.gradient(y, x)


@pytest.mark.parametrize("name", ORDERS)
def test_second_derivatives_nest_in_any_order(name):
    second = ORDERS[name](lambda x: np.exp(2 * x))
    close(second(0.5), 4 * np.exp(1))
    close(traced(second, 0.5), 4 * np.exp(1))
    close(second(tj.tensor(0.5)), 4 * np.exp(1))


def test_higher_orders():
    f = np.sin
    for expected in (np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin):
        f = tj.grad(f)
        close(f(0.7), expected(0.7))


def test_vjp_pulls_cotangents_back_any_number_of_times():
    out, pullback = tj.vjp(lambda x, y: {"product": x * y, "sum": x + y}, np.array([1.0, 2.0]), 3.0)
    close(out["product"], [3, 6])
    by_x, by_y = pullback({"product": np.ones(2), "sum": np.zeros(2)})
    close(by_x, [3, 3])
    close(by_y, 3)
    by_x, by_y = pullback({"product": np.zeros(2), "sum": np.array([1.0, 2.0])})
    close(by_x, [1, 2])
    close(by_y, 3)


def test_vjp_has_aux():
    out, pullback, aux = tj.vjp(lambda x: (x**2, x + 1), 3.0, has_aux=True)
    close([out, pullback(1.0)[0], aux], [9, 6, 4])


def test_jvp_is_the_transpose_of_vjp():
    rng = np.random.default_rng(0)
    x, t, ct = rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), rng.normal(size=(3, 5))
    w = rng.normal(size=(4, 5))
    f = lambda x: tj.softmax(np.tanh(x @ w))  # noqa: E731
    _, tangent = tj.jvp(f, (x,), (t,))
    _, pullback = tj.vjp(f, x)
    close(np.sum(tangent * ct), np.sum(pullback(ct)[0] * t))


def test_jvp_of_a_traced_point_in_a_traced_direction():
    f = tj.function(lambda x, t: tj.jvp(lambda v: np.sum(v**2), (x,), (t,)))
    for size in 3, 4:
        value, slope = f(np.arange(float(size)), np.ones(size))
        assert (value, slope) == (np.sum(np.arange(size) ** 2), 2 * np.sum(np.arange(size)))
    assert f.compilations == 1
    with pytest.raises(ValueError, match="shapes are equal"):
        f(np.ones(3), np.ones(4))


def test_jvp_of_trees():
    out, tangent = tj.jvp(lambda p, y: [p["x"] * y, y], ({"x": 2.0}, 3.0), ({"x": 1.0}, 0.0))
    close(out, [6, 3])
    close(tangent, [3, 0])


def test_complex_arguments():
    close(tj.vjp(lambda x: x * x, 1 + 2j)[1](1.0)[0], 2 + 4j)


def test_in_a_trace_sizes_stay_symbolic():
    x = np.arange(1.0, 4.0)
    value, out = traced(tj.value_and_grad(lambda x: np.mean(x**2)), x)
    close(value, np.mean(x**2))
    close(out, 2 * x / 3)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: tj.grad(lambda x: x * 2)(np.ones(3)), r"scalar output; the output has shape \(3,\)"),
        (lambda: tj.grad(cube)(3), r"grad: a derivative by argument \[0\].* i64\[\].*only floats.*\n.*3.0 for 3"),
        (lambda: tj.grad(lambda p: p["n"])({"n": np.ones(2, int)}), r"argument \[0\]\['n'\]"),
        (lambda: tj.grad(lambda x: np.argmax(x))(np.ones(3)), "only floats have gradients"),
        (lambda: tj.grad(lambda x: x * 1j)(1.0), "np.abs, or the real part"),
        (lambda: tj.grad(lambda x: None)(1.0), "type NoneType"),
        (lambda: tj.grad(cube, argnums=1)(1.0), "argnums holds 1, and 1 positional"),
        (lambda: tj.grad(cube, has_aux=True)(1.0), "returns a pair"),
        (lambda: tj.vjp(cube, 1.0)[1]((1.0, 2.0)), "must be alike"),
        (lambda: tj.jvp(cube, (1.0,), (1.0, 2.0)), "must be alike"),
        (lambda: tj.grad(lambda x: np.abs(x * 1j))(1.0), "no derivative"),
    ],
)
def test_what_has_no_derivative_is_refused(call, text):
    with pytest.raises(TypeError, match=f"(?s){text}"):
        call()


def test_tangents_have_the_shape_of_what_they_belong_to():
    with pytest.raises(tj.ShapeError, match="a tangent or cotangent"):
        tj.jvp(np.sum, (np.ones(3),), (np.ones(4),))


def test_an_exception_of_the_function_is_passed_on_as_it_is():
    error = RuntimeError("mine")

    def f(x):
        raise error

    with pytest.raises(RuntimeError) as info:
        tj.grad(f)(1.0)
    assert info.value is error


def test_a_pullback_does_not_outlive_its_trace():
    kept = []

    def f(x):
        out, pullback = tj.vjp(cube, x)
        kept.append(pullback)
        return out

    traced(f, 2.0)
    with pytest.raises(TypeError, match="pullback was called after the trace"):
        kept[0](1.0)


def test_names_of_the_function_are_kept():
    assert tj.grad(cube).__name__ == "cube"


@pytest.mark.parametrize("wrap", [lambda f: f, tj.function])
def test_an_array_that_is_two_arguments_has_two_derivatives(wrap):
    x = np.array([1.0, 2.0, 3.0])
    by_x, by_y = wrap(lambda a: tj.grad(lambda x, y: (x * y * y).sum(), (0, 1))(a, a))(x)
    close(by_x, x**2)
    close(by_y, 2 * x**2)
    close(wrap(lambda a: tj.grad(lambda p: (p["e"] * p["d"] ** 2).sum())({"e": a, "d": a})["e"])(x), x**2)


@pytest.mark.parametrize("wrap", [lambda f: f, tj.function])
def test_what_an_inner_gradient_takes_from_outside_is_a_constant_to_the_outer_one(wrap):
    def f(x):
        return tj.grad(lambda y: (y * tj.grad(lambda z: (z**3).sum())(x)).sum())(x)

    x = np.array([1.0, 2.0, 3.0])
    close(wrap(f)(x), 3 * x**2)
