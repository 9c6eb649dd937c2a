"""Programs of numbers and small arrays, as loops over time write them: straight-line code, in place, of linear length."""

from typing import Any

import numpy as np
import pytest
from pass_tools import function
from test_plain_numpy import recurrence

import tracejit as tj
from tracejit.codegen.cuda import Cuda
from tracejit.codegen.emit import emit
from tracejit.schedule import plan
from tracejit.transforms.passes import optimize

X = np.cos(np.arange(12.0)) + 1.5


def rows(x: Any) -> Any:
    m = np.zeros((4, 3))
    for i in range(4):
        m[i] = x[3 * i : 3 * i + 3] * i
        if i:
            m[i, 0] += m[i - 1, 1]
    return m, m.T @ m


def overlapping(x: Any) -> Any:
    out = np.zeros(12)
    out[:] = x
    out[1:] = out[:-1]
    out[:-2] = out[2:] * 2
    out[::-1][3:5] = out[3:5]
    return out


def versions(x: Any) -> Any:
    out = np.zeros(12)
    out[1] = x[0]
    first = out.copy()
    out[2:5] = 7 * x[:3]
    second = out + first
    out[3] = second[2]
    return out, first, second


def elimination(x: Any) -> Any:
    a = np.zeros((3, 4))
    a[:] = x.reshape(3, 4)
    a[:, :3] += 4 * np.eye(3)
    for i in range(3):
        a[i] = a[i] / a[i, i]
        for j in range(3):
            if j != i:
                a[j] = a[j] - a[j, i] * a[i]
    return a[:, 3]


def runge_kutta(x: Any) -> Any:
    def slope(s: Any) -> Any:
        return np.array([s[1], (1 - s[0] ** 2) * s[1] - s[0]])

    state, found = np.array([x[0], x[1]]), []
    for _ in range(5):
        k1 = slope(state)
        k2 = slope(state + 0.05 * k1)
        k3 = slope(state + 0.05 * k2)
        state = state + 0.1 / 6 * (k1 + 4 * k2 + k3)
        found.append(state)
    return np.stack(found)


def cheapest_path(x: Any) -> Any:
    cost = np.zeros((4, 4))
    for i in range(1, 4):
        for j in range(1, 4):
            cost[i, j] = np.minimum(np.minimum(cost[i - 1, j], cost[i, j - 1]), cost[i - 1, j - 1]) + (x[i] - x[j + 4]) ** 2
    return cost


def sweeps(x: Any) -> Any:
    n = 5
    c, d, y = np.zeros(n), np.zeros(n), np.zeros(n)
    c[0], d[0] = 0.5, x[0] / 2
    for i in range(1, n):
        m = 1 / (2 + 0.3 * i - 0.5 * c[i - 1])
        c[i], d[i] = 0.5 * m, (x[i] - 0.5 * d[i - 1]) * m
    y[n - 1] = d[n - 1]
    for i in range(n - 2, -1, -1):
        y[i] = d[i] - c[i] * y[i + 1]
    return y


PROGRAMS = (recurrence, rows, overlapping, versions, elimination, runge_kutta, cheapest_path, sweeps)


@pytest.mark.parametrize("f", PROGRAMS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_it_gives_what_numpy_gives(f: Any, dtype: type) -> None:
    x = X.astype(dtype)
    compiled = tj.function(f)
    for found in (compiled(x), compiled.debug(x)):
        for got, expected in zip(*map(_parts, (found, f(x))), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-12 if dtype is np.float64 else 1e-4, strict=True)


@pytest.mark.parametrize("f", PROGRAMS)
def test_its_derivative_is_that_of_numpys_values(f: Any) -> None:
    def loss(x: Any) -> Any:
        return sum(np.sum(part * part) for part in _parts(f(x)))

    expected = [(loss(X + d) - loss(X - d)) / 2e-6 for d in 1e-6 * np.eye(12)]
    np.testing.assert_allclose(tj.function(tj.grad(loss))(X), expected, rtol=1e-5, atol=1e-5)


def _parts(found: Any) -> tuple[Any, ...]:
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("f", [recurrence, tj.grad(lambda x: np.sum(recurrence(x) ** 2))])
def test_twice_the_steps_are_twice_the_lines(f: Any) -> None:
    lengths = []
    for n in (100, 200):
        compiled = tj.function(f)
        compiled(np.ones(n))
        lengths.append(len(str(compiled.source()).splitlines()))
    assert lengths[1] < 2.1 * lengths[0]


def test_what_is_changed_before_it_is_returned_is_made_where_it_is_returned() -> None:
    f = tj.function(recurrence)
    f(np.ones(5))
    text = str(f.source())
    assert "@region" not in text and "out0[4] = " in text
    assert all("8 bytes" in line for line in text.splitlines() if line.startswith("arena"))


def test_a_gpu_does_straight_steps_that_follow_each_other_in_one_kernel() -> None:
    body = ["a0: f64 = exp(x)"]
    for i in range(1, 20):
        body += [f"a{i}: f64 = sin(a{i - 1})"]
    parts = [f"p{i}: f64[1] = reshape(a{i}, shape=(1,))" for i in range(20)]
    joined = f"y: f64[20] = concatenate({', '.join(f'p{i}' for i in range(20))}, axis=0)"
    graph = optimize(function("x: f64", [*body, *parts, joined], "y"))
    assert emit(plan(graph, moments=False), target=Cuda()).text.count("    launch(") == 1


def test_numbers_are_not_computed_anew_for_each_that_needs_them() -> None:
    def f(x: Any) -> Any:
        found = [x[0]]
        for _ in range(300):
            found.append(np.sin(found[-1]))
        return np.array(found)

    compiled = tj.function(f)
    for found in (compiled(np.ones(1)), compiled.debug(np.ones(1))):
        np.testing.assert_allclose(found, np.array(f(np.ones(1))))
    assert str(compiled.source()).count("= sin(") == 300
