"""Tracing: symbolic sizes and their guards, Python numbers and their pins, what the graph of a call is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracejit as tj
from tracejit.errors import ShapeError, TraceError
from tracejit.ir import ambient
from tracejit.ir.graph import verify


def text(f: Callable[..., Any], *args: Any) -> str:
    """The graph of a call without the lines of this file."""
    graph = tj.function(f).trace(*args)
    verify(graph)
    return "\n".join(line.split("  #")[0] for line in str(graph).splitlines())


def ones(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.ones(shape, dtype)


def outcome(f: Callable[..., Any], *args: Any) -> Any:
    """What a traced function returns that does not depend on the running program."""
    return tj.function(f)(*args)


# sizes


def test_sizes_get_letters_and_equal_sizes_are_different_symbols_until_they_meet() -> None:
    assert text(lambda x, y: (x.sum(), y.sum()), ones(3), ones(3)).splitlines()[0] == "def lambda_(x: f32[n], y: f32[m]):"
    assert text(lambda x, y: x + y, ones(3), ones(3)).splitlines()[0] == "def lambda_(x: f32[n], y: f32[n]):"


def test_sizes_zero_and_one_are_plain_numbers() -> None:
    assert text(lambda x: x + 1, ones(1, 0, 5)).splitlines()[0] == "def lambda_(x: f32[1, 0, n]):"


def test_a_size_that_meets_a_number_is_that_number() -> None:
    w = ones(4)
    assert text(lambda x: x * w, ones(2, 4)).splitlines()[0] == "def lambda_(x: f32[n, 4], captured_0: f32[4]):"


def test_a_size_that_meets_an_expression_becomes_it() -> None:
    assert text(lambda x, y: x[1:] + y, ones(5), ones(4)).splitlines()[0] == "def lambda_(x: f32[n], y: f32[n - 1]):"


def test_arithmetic_on_sizes_stays_symbolic() -> None:
    def f(x: Any) -> Any:
        n = x.shape[0]
        return (2 * n + 1, n - n, -n + 2 * n, n // 2, n % 2, abs(n), divmod(n, 3), n**2, +n, round(n)), type(n).__name__

    function = tj.function(f)
    for n in (5, 7, 12):
        sizes, kind = function(ones(n))
        assert sizes == (2 * n + 1, 0, n, n // 2, n % 2, n, divmod(n, 3), n**2, n, n)
        assert kind == "SymbolicInt"
    assert function.compilations == 1


def test_a_size_in_arithmetic_with_tensors_is_a_number_of_the_running_program() -> None:
    mean = tj.function(lambda x: x.sum() / x.shape[0])
    for n in (2, 5, 9):
        np.testing.assert_allclose(mean(np.arange(n, dtype=np.float32)), np.arange(n).mean())
        assert mean(ones(n)).dtype == np.float32
    assert mean.compilations == 1


def test_numpy_scalars_and_arrays_combine_with_sizes() -> None:
    f = tj.function(lambda x: (np.float32(2) * x.shape[0], np.sqrt(x.shape[0]), x.shape[0] / 2, np.arange(3) * x.shape[0]))
    for n in (4, 9):
        a, b, c, d = f(ones(n))
        assert a == 2 * n and b == np.sqrt(n) and c == n / 2
        assert d.tolist() == [0, n, 2 * n]
    assert f.compilations == 1


@pytest.mark.parametrize(
    ("decide", "sizes"),
    [
        (lambda n: n > 5, (3, 4, 8, 9)),
        (lambda n: n <= 5, (3, 4, 8, 9)),
        (lambda n: n % 2 == 0, (3, 4, 5, 6)),
        (lambda n: n // 4 >= 2, (3, 4, 8, 9)),
        (lambda n: max(n, 6) == 6, (3, 4, 8, 9)),
        (lambda n: n in (3, 4), (3, 3, 7, 9)),
    ],
)
def test_a_comparison_of_sizes_is_a_guard(decide: Callable[[Any], bool], sizes: tuple[int, ...]) -> None:
    f = tj.function(lambda x: x * 2 if decide(x.shape[0]) else x * 3)
    for n in sizes:
        assert f(ones(n))[0] == (2 if decide(n) else 3)
    assert f.compilations <= 3
    assert all(record.where is not None and record.where.file == __file__ for record in f.retraces())


def test_what_is_true_of_every_size_is_no_guard() -> None:
    def f(x: Any) -> Any:
        n = x.shape[0]
        assert n > 0 and n != 0 and n >= 2 and n and not n < 1 and n + 1 > n and n != -1
        return x

    function = tj.function(f)
    for n in (2, 3, 40):
        function(ones(n))
    assert function.compilations == 1


@pytest.mark.parametrize(
    "use",
    [
        lambda n: len(range(n)),
        lambda n: int(n),
        lambda n: [0] * n,
        lambda n: {n: 1}[n],
        lambda n: np.zeros((n,)).tolist().count(0),
        lambda n: float(n),
        lambda n: [1, 2, 3, 4, 5, 6, 7, 8][n],
        lambda n: n < 2.5,
    ],
)
def test_asking_for_the_number_pins_it(use: Callable[[Any], Any]) -> None:
    f = tj.function(lambda x: (use(x.shape[0]), x + 1))
    for n in (3, 4, 3):
        assert f(ones(n))[0] == use(n)
    assert f.compilations == 2
    record = f.retraces()[1]
    assert "x.shape[0] == 3" in record.reason and (record.old, record.new) == (3, 4)
    assert record.where is not None and "use(" not in record.where.text and "lambda n" in record.where.text


def test_a_size_prints_as_its_letters() -> None:
    assert outcome(lambda x: f"{x.shape[0] + 1} {x.shape}", ones(3, 4)) == "n + 1 (n, m)"


def test_sizes_that_differ_in_the_call_cannot_meet() -> None:
    with pytest.raises(ShapeError, match=r"(?s)x\.shape\[0\] is 3, y\.shape\[0\] is 4.*test_trace\.py"):
        tj.function(lambda x, y: x + y)(ones(3), ones(4))


def test_division_of_a_size_by_zero_raises() -> None:
    with pytest.raises(ZeroDivisionError):
        tj.function(lambda x: x.shape[0] // 0)(ones(3))


# numbers


def test_python_numbers_are_inputs() -> None:
    f = tj.function(lambda x, lr: x * lr)
    for lr in (0.5, 0.25, -0.0):
        np.testing.assert_array_equal(f(ones(3), lr), np.full(3, lr, np.float32))
    assert f.compilations == 1
    assert f(ones(3), 2).dtype == np.float32  # another kind of number
    assert f(ones(3), True).dtype == np.float32
    assert f.compilations == 3


def test_python_numbers_promote_weakly_and_numpy_scalars_do_not() -> None:
    f = tj.function(lambda x, y: x * y)
    assert f(ones(3), 2.0).dtype == np.float32
    assert f(ones(3), np.float64(2.0)).dtype == np.float64
    assert f(ones(3), np.array(2.0)).dtype == np.float64
    assert f(ones(3), 2.0).dtype == np.float32
    assert f(ones(3), 2j).dtype == np.complex64
    assert f.compilations == 4


def test_asking_for_a_python_number_pins_it() -> None:
    def f(x: Any, flag: Any, k: Any) -> Any:
        if flag:
            return x + k
        return x - k

    function = tj.function(f)
    assert function(ones(2), True, 1)[0] == 2
    assert function(ones(2), True, 5)[0] == 6
    assert function(ones(2), False, 5)[0] == -4
    assert function(ones(2), True, 7)[0] == 8
    assert function.compilations == 2
    record = function.retraces()[1]
    assert "flag was pinned to True" in record.reason and (record.old, record.new) == (True, False)
    assert record.where is not None and record.where.text == "if flag:"


def test_what_is_computed_from_pinned_numbers_can_be_asked_for() -> None:
    f = tj.function(lambda x, a, b: x * 2 if a + b > 3 else x * 3)
    assert [f(ones(1), a, 1.5)[0] for a in (1.0, 2.0, 1.0)] == [3, 2, 3]
    assert f.compilations == 2


def test_a_tensor_has_no_truth_while_it_is_traced() -> None:
    with pytest.raises(TraceError, match=r"(?s)where.*test_trace\.py:\d+"):
        tj.function(lambda x: x if x.sum() > 0 else -x)(ones(3))


def test_integers_beyond_64_bits_are_static() -> None:
    assert tj.function(lambda n: n + 1)(2**70) == 2**70 + 1


# results and effects


def test_arguments_returned_are_the_callers_own() -> None:
    x, n = ones(3), 5
    f = tj.function(lambda x, n: (x, n, x.copy()))
    for _ in range(2):
        same, number, copy = f(x, n)
        assert same is x and number is n
        assert copy is not x and not np.shares_memory(copy, x)


def test_one_tensor_returned_twice_is_one_array() -> None:
    def f(x: Any) -> Any:
        y = x + 1
        return y, y, x + 1

    one, two, three = tj.function(f)(ones(3))
    assert one is two and three is not one and not np.shares_memory(one, three)


def test_any_tree_of_results_is_built_again() -> None:
    def f(x: Any) -> Any:
        return {"b": [x + 1, "text"], "a": (None, x.shape[0], ()), "c": slice(None)}

    function = tj.function(f)
    for n in (3, 3, 4):
        out = function(ones(n))
        assert list(out) == ["b", "a", "c"] and out["a"] == (None, n, ()) and out["b"][1] == "text" and out["c"] == slice(None)
    assert tj.function(lambda x: None)(ones(3)) is None
    assert tj.function(lambda: 3)() == 3


def test_writing_to_an_argument_changes_the_callers_array() -> None:
    def f(x: Any, y: Any) -> Any:
        x[0] = y.sum()
        x += 1
        return x * 2

    function = tj.function(f)
    for _ in range(3):
        x, y = np.zeros(3), np.ones(4)
        out = function(x, y)
        assert x.tolist() == [5, 1, 1] and out.tolist() == [10, 2, 2]
    strided = np.zeros(6)
    function(strided[::2], np.ones(4))
    assert strided.tolist() == [5, 0, 1, 0, 1, 0]
    assert function.compilations == 1


def test_numbers_are_replaced_not_written() -> None:
    def f(x: Any, n: Any) -> Any:
        m = n
        m += 1
        return x * n, m

    out, m = tj.function(f)(ones(2), 3)
    assert out[0] == 3 and m == 4


def test_a_size_given_to_numpys_own_functions_is_pinned() -> None:
    f = tj.function(lambda x: x * np.gcd.reduce([x.shape[0], 6]))
    for n in (3, 4):
        np.testing.assert_allclose(f(np.ones(n)), np.gcd(n, 6))
    assert "given to NumPy, as in np.gcd.reduce([n, 6])" in str(f.retraces())


def test_sizes_computed_before_they_are_known_are_spelled_as_they_are_now() -> None:
    f = tj.function(tj.grad(lambda x: sum((part**3).sum() for part in np.split(x, 2, axis=1))))
    x = np.arange(12.0).reshape(3, 4)
    np.testing.assert_allclose(f(x), 3 * x**2)


def test_no_builder_goes_on_after_a_trace_whether_it_ends_well_or_not():
    @tj.function
    def traced(x, fails):
        assert ambient.GOING_ON and ambient.active() is not None
        if fails:
            raise KeyError("traced")
        return x + 1

    assert traced(np.ones(3), False).tolist() == [2.0] * 3 and not ambient.GOING_ON
    with pytest.raises(KeyError):
        traced(np.ones(3), True)
    assert not ambient.GOING_ON and ambient.active() is None
