"""Functions that Numba compiled are traced through their Python bodies."""

import math

import numba
import numpy as np
import pytest

import tracejit as tj


@numba.njit
def wave(x):
    return x * x + math.sin(x)


@numba.njit
def huber(r, delta=1.0):
    if abs(r) <= delta:
        return 0.5 * r * r
    return delta * (abs(r) - 0.5 * delta)


@numba.njit
def window(x):
    y = 1.0 - x if 0.0 < x < 1.0 else 0.0
    if x < -1.0 or not x < 5.0:
        y = max(x, 2.0)
    elif x < 0.0:
        y += wave(x)
    return y


@numba.njit
def horner(x):
    total = 0.0
    for k in range(4):
        total = total * x + k
    return total


X = np.array([-3.0, -0.5, 0.0, 0.25, 0.99, 2.0, 7.0])


@pytest.mark.parametrize("compiled", [wave, huber, window, horner], ids=lambda f: f.__name__)
def test_a_compiled_scalar_function_is_an_elementwise_op_with_a_derivative(compiled):
    def apply(x):
        return compiled(x)

    expected = np.array([compiled(x) for x in X])
    assert np.allclose(tj.function(apply)(X), expected, rtol=1e-12)
    slope = tj.function(tj.grad(lambda x: compiled(x).sum()))(X)
    inside = X[[0, 1, 3, 5, 6]]
    step = 1e-6
    central = [(compiled(x + step) - compiled(x - step)) / (2 * step) for x in inside]
    assert np.allclose(slope[[0, 1, 3, 5, 6]], central, atol=1e-6)


def test_plain_values_still_go_to_the_compiled_function():
    seen = tj.function(lambda x: x * wave(2.0))(np.ones(2))
    assert np.allclose(seen, wave(2.0)) and isinstance(wave, type(huber))


def test_inlined_takes_tensors_outside_of_traced_functions():
    f = tj.inlined(huber)
    assert tj.grad(f)(0.25) == 0.25 and f(3.0) == huber(3.0)
    with pytest.raises(TypeError, match="not a function that Numba compiled"):
        tj.inlined(np.sin)


def test_another_function_by_that_name_is_a_retrace():
    names = {"f": wave}

    def make():
        f = names["f"]

        def g(x):
            return f(x)

        return g

    one = tj.function(make())
    assert np.allclose(one(X), X * X + np.sin(X))
