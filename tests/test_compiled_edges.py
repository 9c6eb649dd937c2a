"""Compiled programs where NumPy code is unusual: values read twice, signed zeros, complex numbers, failing calls."""

import threading
from typing import Any

import numpy as np
import pytest

import tracejit as tj
from tracejit.errors import DTypeError

ODD = np.array([-0.0, -0.0, 1.0, -0.0, np.inf, np.nan, -2.0])


def test_a_number_made_of_one_element_is_complete_before_the_loop_that_reads_it() -> None:
    mask = np.array([True, False, True, False])

    def f(x: Any) -> Any:
        y = x * 1.5
        y[mask] = y[0] * 2
        return y

    np.testing.assert_array_equal(tj.function(f)(np.arange(1.0, 5.0)), [3, 3, 3, 6])


def test_an_update_in_place_reads_the_old_value_of_every_element() -> None:
    n = 200_000
    v, mask = tj.Variable(np.arange(1.0, n + 1)), np.arange(n) % 2 == 0

    @tj.function
    def step() -> None:
        v.assign(np.where(mask, v[0] * 2, v))

    step()
    np.testing.assert_array_equal(v.numpy(), np.where(mask, 2.0, np.arange(1.0, n + 1)))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("f", [np.cumsum, np.cumprod])
def test_running_sums_and_products_keep_the_sign_of_zero(f: Any, axis: int | None, dtype: str) -> None:
    x = np.stack([ODD, ODD[::-1]]).astype(dtype)
    with np.errstate(all="ignore"):
        want, got = f(x, axis=axis), tj.function(lambda x: f(x, axis=axis))(x)
    np.testing.assert_array_equal(got, want)
    zero = want == 0
    np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(want[zero]))


@pytest.mark.parametrize("dtype", ["c8", "c16"])
def test_complex_division_is_numpys_by_zero_inf_and_nan_too(dtype: str) -> None:
    numbers = np.array([0, 1, -1, 1j, 2 + 3j, np.inf, np.nan, complex(-0.0, 0)], dtype)
    x, y = np.meshgrid(numbers, numbers)
    f = tj.function(lambda x, y: x / y)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(f(x, y), x / y, rtol=1e-6)
        np.testing.assert_allclose(f.debug(x, y), x / y, rtol=1e-6)


@pytest.mark.parametrize("name", ["sin", "isnan", "exp2"])
def test_an_operation_without_complex_numbers_says_so(name: str) -> None:
    with pytest.raises(
        DTypeError, match=rf"{name}: complex operands are not supported\n  cure: .*real.*\n  at .*test_compiled_edges"
    ):
        tj.function(lambda z: getattr(np, name)(z))(np.array([1j]))


def test_a_call_that_had_no_memory_leaves_others_as_they_were() -> None:
    f = tj.function(lambda x: x[:, None] * x)
    assert f(np.ones(3)).shape == (3, 3)
    with pytest.raises(MemoryError):
        f(np.ones(5_000_000))
    assert f(np.ones(3)).shape == (3, 3)
    assert f(np.ones(4)).shape == (4, 4)


def test_debug_shares_no_memory_with_calls_of_other_threads() -> None:
    f = tj.function(lambda x: np.sort(np.cumsum(x)) * x)
    wrong: list[int] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for i in range(30):
            x = rng.standard_normal(rng.integers(5, 40))
            got = f.debug(x) if (seed + i) % 2 else f(x)
            if not np.allclose(got, np.sort(np.cumsum(x)) * x):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(("dtype", "good", "bad"), [("i1", 100, 300), ("u1", 255, -1), ("i4", -(2**31), 2**31), ("u8", 3, -1)])
def test_a_python_int_that_a_dtype_does_not_hold_is_refused_at_any_call(dtype: str, good: int, bad: int) -> None:
    f, x = tj.function(lambda x, n: x + n), np.zeros(3, dtype)
    for _ in range(2):
        assert f(x, good).tolist() == [good] * 3
        with pytest.raises(OverflowError, match=f"Python integer {bad} out of bounds"):
            f(x, bad)
    assert f.compilations == 1


def test_a_python_int_is_compared_as_a_number_whatever_the_dtype_holds() -> None:
    f, x = tj.function(lambda x, n: (x < n, x == n, n <= x)), np.array([-128, 44, 127], "i1")
    for n in (44, 300, -212, 2**40, 44):
        for got, want in zip(f(x, n), (x < n, x == n, n <= x), strict=True):
            np.testing.assert_array_equal(got, want)


def test_the_order_of_keywords_is_the_callers() -> None:
    f = tj.function(lambda **parts: {k: v * 2 for k, v in parts.items()})
    for _ in range(2):
        assert list(f(b=1.0, a=2.0)) == ["b", "a"]
        assert list(f(a=1.0, b=2.0)) == ["a", "b"]
