"""Donated arguments: a result takes their memory, and what cannot be donated is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracejit as tj

LARGE = 50_000


def step(p: dict[str, Any], x: Any) -> tuple[dict[str, Any], Any]:
    return {k: v - 0.1 * np.sum(x) * v for k, v in p.items()}, np.tanh(x)


def make(n: int = LARGE) -> tuple[dict[str, Any], np.ndarray]:
    rng = np.random.default_rng(0)
    return {"w": rng.standard_normal((3, n)), "b": rng.standard_normal(4)}, rng.standard_normal(5)


@pytest.mark.parametrize("donate", ["p", 0, ("p",), (0, "x"), -2])
def test_results_are_the_donated_arrays_and_the_same_numbers(donate: Any) -> None:
    p, x = make()
    expected, y = tj.function(step)(p, x)
    f = tj.function(step, donate=donate)
    for given in (p, {k: v.copy() for k, v in make()[0].items()}):  # by way of tracing, and by the route made then
        out, z = f(given, x.copy())
        assert out["w"] is given["w"] and out["b"] is given["b"]
        np.testing.assert_array_equal(out["w"], expected["w"])
        np.testing.assert_array_equal(z, y)
    assert f.compilations == 1
    assert not f.programs.entries[-1].program.graph.outputs[1:]  # w and b have no memory of their own


def test_what_is_not_donated_stays_as_it_was() -> None:
    p, x = make()
    before = x.copy()
    _, y = tj.function(step, donate="p")(p, x)
    np.testing.assert_array_equal(x, before)
    assert not np.may_share_memory(x, y)


def test_a_chain_of_calls_works_in_one_array() -> None:
    f = tj.function(lambda x: np.cos(x) * 0.5, donate="x")
    x = first = np.ones(LARGE)
    expected = 1.0
    for _ in range(5):
        x = f(x)
        expected = np.cos(expected) * 0.5
    assert x is first
    np.testing.assert_allclose(x, expected, rtol=1e-12)


def test_arrays_of_any_layout_and_converted_ones_can_be_donated() -> None:
    f = tj.function(lambda x: x * 2, donate="x")
    base = np.arange(12.0).reshape(3, 4)
    out = f(base.T)
    np.testing.assert_array_equal(out, np.arange(12.0).reshape(3, 4).T * 2)
    np.testing.assert_array_equal(base, np.arange(12.0).reshape(3, 4) * 2)
    cast = tj.function(lambda x: x * 2, input_signature=[tj.TensorSpec((None,), "float64")], donate="x")
    x = np.ones(3)
    assert cast(x) is x
    assert cast([1.0, 4.0]).tolist() == [2, 8]
    assert cast(np.arange(3)).tolist() == [0, 2, 4]


def test_an_array_that_is_read_to_the_end_is_kept_with_a_warning() -> None:
    for f, x in ((lambda x: x[::-1] * 2, np.arange(4.0)), (lambda x: np.sum(x), np.ones(4)), (lambda x: x, np.ones(4))):
        traced = tj.function(f, donate="x", name="f")
        before = x.copy()
        with pytest.warns(RuntimeWarning, match="f: argument x was donated, and is kept: no result can have its memory"):
            out = traced(x)
        np.testing.assert_array_equal(out, f(before))
        np.testing.assert_array_equal(x, before)
        assert "x was donated, and is kept" in str(traced.retraces())


def test_of_two_donated_arrays_the_one_that_can_serve_does() -> None:
    f = tj.function(lambda x, y: (x[::-1] + y, x * y), donate=(0, 1), name="f")
    x, y = np.arange(3.0), np.ones(3)
    with pytest.warns(RuntimeWarning, match="was donated, and is kept"):
        first, second = f(x, y)
    assert first.tolist() == [3, 2, 1] and second.tolist() == [0, 1, 2]
    assert sum(out is given for out in (first, second) for given in (x, y)) == 1


def test_read_only_and_shared_arrays_cannot_be_donated() -> None:
    f = tj.function(lambda x, y: x + y, donate="x")
    x = np.ones(3)
    with pytest.raises(tj.ArgumentError, match=r"argument x is written to, and y shares its memory\n  rule: it is donated"):
        f(x, x[:])
    x.flags.writeable = False
    with pytest.raises(ValueError, match=r"read-only: argument x\n  rule: it is donated.*\n  cure: pass x.copy"):
        f(x, np.ones(3))
    x = np.ones(3)
    assert f(x, np.ones(3)) is x
    with pytest.raises(tj.ArgumentError, match="y shares its memory"):
        f(x, x)  # on the route of calls like the one before


@pytest.mark.parametrize("donate", ["z", 2, ("x", "z"), -3])
def test_only_parameters_can_be_donated(donate: Any) -> None:
    with pytest.raises(tj.ArgumentError, match=r"f: donate names ('z'|2|-3); the parameters are x, y"):
        tj.function(lambda x, y: x, name="f", donate=donate)


def test_debug_writes_to_donated_arrays_too() -> None:
    f = tj.function(lambda x: x + 1, donate=0)
    x = np.zeros(3)
    assert f.debug(x) is x and x.tolist() == [1, 1, 1]
