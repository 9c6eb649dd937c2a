"""NumPy code that makes and fills arrays, and converts what it is given: traced, differentiated, or an error."""

import math
import threading
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.signal
from numpy import zeros as own_zeros

import tracejit as tj
from tracejit.errors import GradientError

X = np.arange(1.0, 4.0)


def pairs(x: Any) -> Any:
    return np.array([[x[0], 1], [x[1] * x[2], True]])


def rows(x: Any) -> Any:
    return np.array([x, x[::-1], [1, 2, 3]])


def in_float32(x: Any) -> Any:
    return np.array([x[0], 2.5, x[1]], dtype=np.float32).astype(np.float64)


def converted(x: Any) -> Any:
    x = np.asarray(x)
    return np.ascontiguousarray(x) * np.asanyarray(x) + np.copy(x)


def filled(x: Any) -> Any:
    out = np.zeros((3, 3))
    out[np.diag_indices(3)] = x
    out[0] += 1
    out.T[2] = 7 * x[0]
    return out


def through_helper(x: Any) -> Any:
    out = np.empty(x.shape)
    _fill(x, out)
    np.multiply(out, 2, out=out)
    return out


def _fill(x: Any, out: Any) -> None:
    out[:] = x * x


def through_views(x: Any) -> Any:
    out = np.zeros(3)
    out[:] = x
    same = out
    same *= 2
    part = out[1:]
    part[0] = 5 * x[0]
    return out


def recurrence(x: Any) -> Any:
    out = np.empty(len(x))
    out[0] = x[0]
    for i in range(1, len(x)):
        out[i] = 0.5 * out[i - 1] + x[i]
    return out


def pendulum(x: Any) -> Any:
    steps, state = np.zeros((6, 2)), np.array([x[0], x[1]])
    for i in range(6):
        state = state + 0.1 * np.array([state[1], -np.sin(state[0])])
        steps[i] = state
    return steps


def summed_lists(x: Any) -> Any:
    return np.sum([x[0] ** 2, x[1]]) + np.max([x[0], x[2]]) + np.mean([x, 2 * x])


def known(x: Any) -> Any:
    taken, places = np.zeros(3, bool), np.ones(3, int)
    taken[1:] = True
    places[0] += 1
    picked = [x[i] for i in places]
    scale = float(places[0]) if (places > 0).all() else 0.0
    return np.concatenate([x[taken], np.array(picked)]) * scale * len(places.tolist())


def one_hot(x: Any) -> Any:
    return np.eye(3)[np.argsort(x)] @ x


def copied(x: Any) -> Any:
    out = np.zeros(3)
    out.fill(2.0)
    np.copyto(out, x * x, where=np.array([True, False, True]))
    return out


def added_at(x: Any) -> Any:
    out = np.zeros(4)
    np.add.at(out, [0, 1, 1], x)
    return out


def like(x: Any) -> Any:
    out = np.zeros_like(x) + np.full_like(x, 2) + np.full(x.shape, x[1]) + np.linspace(0, x[0], 3) + np.eye(3)[0]
    return out + np.arange(len(x))


def by_computed_places(x: Any) -> Any:
    places = np.argsort(-x)
    return np.array([x[places[i]] * 2 for i in range(3)]) + np.stack([x[places[0]], x[1], x[places[2]]])


def by_library(x: Any) -> Any:
    b, _ = scipy.signal.butter(2, 0.3)  # which makes arrays for itself
    return np.convolve(x, b)


PROGRAMS = (
    *(pairs, rows, in_float32, converted, filled, through_helper, through_views, recurrence, pendulum, summed_lists, known),
    *(added_at, one_hot, copied, like, by_computed_places, by_library),
)


@pytest.mark.parametrize("f", PROGRAMS)
def test_it_gives_what_numpy_gives(f: Any) -> None:
    expected = f(X)
    for found in (tj.function(f)(X), np.asarray(tj.vjp(f, X)[0])):
        assert found.dtype == expected.dtype and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("f", PROGRAMS)
def test_its_derivative_is_that_of_numpys_values(f: Any) -> None:
    weights = np.cos(np.arange(f(X).size)).reshape(f(X).shape)
    step = 1e-6 if f is not in_float32 else 1 / 64

    def loss(x: Any) -> Any:
        return np.sum(f(x) * weights)

    expected = [(loss(X + d) - loss(X - d)) / (2 * step) for d in step * np.eye(3)]
    for gradient in (tj.grad(loss), tj.function(tj.grad(loss))):
        np.testing.assert_allclose(gradient(X), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("f", [pairs, rows, converted, filled, recurrence, pendulum])
def test_a_tape_sees_it_too(f: Any) -> None:
    x = tj.Variable(X)
    with tj.GradientTape() as tape:
        loss = np.sum(f(x) ** 2)
    np.testing.assert_allclose(tape.gradient(loss, x), tj.grad(lambda x: np.sum(f(x) ** 2))(X), rtol=1e-12)


def test_one_program_makes_arrays_of_every_size() -> None:
    f = tj.function(lambda x: np.zeros(x.shape) + np.ones(x.shape[0]) + np.arange(x.shape[0]) + x)
    for n in (3, 5, 8):
        np.testing.assert_array_equal(f(np.ones(n)), 2 + np.arange(n))
    assert f.compilations == 1


@pytest.mark.parametrize(
    "f",
    [
        lambda x: math.sin(x[0]),
        lambda x: float(x[0]) * x[1],
        lambda x: x[0].item() * x[1],
        lambda x: np.sum(np.exp([x[0], x[1]])),
        lambda x: x[0] * x.tolist()[1],
        lambda x: np.sum(x.numpy()),
    ],
)
def test_a_derivative_is_never_lost_without_a_word(f: Any) -> None:
    with pytest.raises(GradientError, match=r"(?s)would count for a constant.*stop_gradient.*test_plain_numpy"):
        tj.grad(f)(X)


def test_a_value_written_into_an_array_that_numpy_keeps_is_not_lost() -> None:
    def f(x: Any) -> Any:
        out = own_zeros(3)
        out[0] = x[0] ** 2
        return np.sum(out)

    with pytest.raises(GradientError, match="would count for a constant"):
        tj.grad(f)(X)


def test_numbers_that_carry_no_derivative_may_be_looked_at() -> None:
    def f(x: Any) -> Any:
        scale = float(tj.stop_gradient(x[0])) * int(x[1]) + [3, 4][int(np.argmax(x)) - 1]
        return scale * x[2] if x[0] > 0 else x[0]

    np.testing.assert_array_equal(tj.grad(f)(X), [0, 0, 6])


def test_numpys_functions_are_its_own_before_and_after_and_in_other_threads() -> None:
    before, seen = (np.zeros, np.asarray, np.sum), []

    def elsewhere() -> None:
        seen.append(np.zeros(2))

    def f(x: Any) -> Any:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        if x.shape[0] > 3:
            raise KeyError("no")
        return x + np.zeros(x.shape)

    tj.function(f)(X)
    with pytest.raises(KeyError):
        tj.function(f)(np.ones(5))
    assert all(type(array) is np.ndarray for array in seen) and len(seen) >= 2
    assert (np.zeros, np.asarray, np.sum) == before


def test_random_numbers_that_numpy_draws_in_a_trace_are_told_of() -> None:
    generator = np.random.default_rng(0)

    @tj.function
    def f(x: Any) -> Any:
        return x + generator.normal(size=3)

    with pytest.warns(RuntimeWarning, match=r"(?s)f: random numbers were drawn from generator.*tj\.random"):
        f(X)
    g = tj.function(lambda x: x + np.random.normal(size=3))  # noqa: NPY002
    with pytest.warns(RuntimeWarning, match=r"np\.random"):
        g(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tj.function(lambda x: x + tj.random.normal(size=x.shape))(X)


def difference_matrix(n: int) -> Any:
    a = np.zeros((n, n))
    for i in range(n):
        row = a[i]
        row[i] = -2
        if i:
            row[i - 1] = 1
            a[i - 1, i] = a[i, i - 1]
    return a


def test_tables_of_plain_numbers_cost_the_program_nothing() -> None:
    f = tj.function(lambda x: difference_matrix(40) @ x)
    x = np.linspace(0, 1, 40) ** 2
    np.testing.assert_allclose(f(x), difference_matrix(40) @ x)
    assert str(f.graph()).count("\n") < 6


def test_views_of_an_array_follow_it_when_something_computed_is_written() -> None:
    def f(x: Any) -> Any:
        a = np.zeros((3, 3))
        row, corner = a[1], a[1:, 1:]
        row[0] = 5
        assert a[1, 0] == 5 and float(corner.sum()) == 0
        a[0, 2] = x[0]
        row[1] = 7
        corner[0, 0] += x[1]
        a[2] = row
        return a, row * 2, corner + 1

    for found, expected in zip(tj.function(f)(X), f(X), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_arrays_of_other_things_are_numpys() -> None:
    def f(x: Any) -> Any:
        names, parts = np.empty(2, dtype=object), np.zeros(2, "U3")
        names[:], parts[0] = ["a", "b"], "abc"
        return x * len(names) * len(parts[0])

    np.testing.assert_array_equal(tj.function(f)(X), 6 * X)


def test_an_array_that_a_function_made_and_keeps_is_read_by_later_calls() -> None:
    class Model:
        table: Any = None

        @tj.function
        def __call__(self, x: Any) -> Any:
            if self.table is None:
                self.table = np.eye(3)
                self.table[0, 1] = 2
            return self.table @ x

    model = Model()
    for _ in range(3):
        np.testing.assert_array_equal(model(X), [5, 2, 3])
    with pytest.raises(tj.LeakedTracerError, match="written to after that call"):
        tj.function(lambda x: model.table.__setitem__(0, x[0]))(X)
