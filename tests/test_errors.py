"""What bad input says: the operation, the operands with their specs, the rule, the user's line, and the cure."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy import zeros as made  # by a name that does not lead to a tensor

import tracejit as tj
from tracejit.errors import (
    ArgumentError,
    DTypeError,
    GradientError,
    LeakedTracerError,
    ShapeError,
    TraceError,
    UnsupportedError,
    VariableError,
)


def f32(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def message(kind: type[Exception], f: Callable[..., Any], *args: Any) -> str:
    """What a traced call of ``f`` says, which names the line in this file."""
    with pytest.raises(kind) as caught:
        tj.function(f)(*args)
    assert type(caught.value) is kind
    text = str(caught.value)
    assert re.search(r"at test_errors\.py:\d+: .*tj|at test_errors\.py:\d+: ", text), text
    return text


def contains(text: str, *parts: str) -> bool:
    missing = [part for part in parts if part not in text]
    assert not missing, f"{missing} not in\n{text}"
    return True


def test_shapes_that_do_not_broadcast() -> None:
    text = message(ShapeError, lambda x, y: x + y, f32(3, 4), f32(3, 5))
    assert contains(text, "add", "f32[n, m]", "x.shape[1] is 4", "y.shape[1] is 5")


def test_matrices_that_do_not_fit() -> None:
    text = message(ShapeError, lambda x, w: x @ w, f32(32, 784), f32(785, 10))
    assert contains(text, "matmul", "784", "785")


def test_a_shape_that_does_not_hold_the_elements() -> None:
    assert contains(message(ShapeError, lambda x: x.reshape(5, 5), f32(3, 4)), "reshape", "(5, 5)")


def test_an_axis_out_of_range() -> None:
    with pytest.raises(ValueError, match=r"(?s)axis 5.*test_errors\.py"):
        tj.function(lambda x: x.sum(axis=5))(f32(3, 4))


def test_dtypes_that_have_no_meaning() -> None:
    assert contains(message(DTypeError, lambda x: x << 1, f32(3)), "left_shift")


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (np.array([1, "a"], object), "object"),
        (np.array(["a", "b"]), "<U1"),
        (np.ones(2, np.longdouble), "longdouble"),
        (np.array(["2020-01-01"], "M8[D]"), "int64"),
        (np.zeros(2, [("a", "f4")]), "convert"),
    ],
)
def test_arrays_of_dtypes_that_tracejit_lacks(bad: np.ndarray, word: str) -> None:
    with pytest.raises(DTypeError) as caught:
        tj.function(lambda batch: batch["x"])({"x": bad})
    assert contains(str(caught.value), "batch['x']: an array of dtype", "cure:")
    assert word in str(caught.value) or word == "longdouble"


def test_masked_arrays() -> None:
    with pytest.raises(ArgumentError, match=r"filled\(0\)"):
        tj.function(lambda x: x)(np.ma.array([1.0, 2.0], mask=[0, 1]))


def test_ragged_lists() -> None:
    text = message(ShapeError, lambda x: x + tj.asarray([[1, 2], [3]]), f32(2))
    assert contains(text, "ragged", "[[1, 2], [3]]")


def test_unhashable_static_arguments() -> None:
    class Options:
        __hash__ = None  # type: ignore[assignment]

    with pytest.raises(ArgumentError) as caught:
        tj.function(lambda x, options: x, name="train")(f32(2), Options())
    assert contains(str(caught.value), "train: argument options is a Options", "hash", "register_tree(Options")
    with pytest.raises(ArgumentError, match="argument options is a set"):
        tj.function(lambda x, options: x)(f32(2), {1})


def test_a_tensor_as_a_truth() -> None:
    text = message(TraceError, lambda x: x if x.sum() > 0 else -x, f32(3))
    assert contains(text, "b1[]", "x", "tj.where")


def test_a_tensor_of_many_elements_as_a_truth() -> None:
    assert contains(message(TraceError, lambda x: x if x > 0 else -x, f32(3)), "b1[n]", "tj.where")


def test_a_tensor_as_a_number() -> None:
    for convert in (float, int, complex):
        assert contains(message(TraceError, lambda x, convert=convert: convert(x.sum()), f32(3)), "f32[]")


def test_a_tensor_as_an_iterator_of_a_length_that_is_large() -> None:
    assert contains(message(TraceError, lambda x: sum(x), f32(300)), "f32[n]", "more than 256", "range(len(x))")
    f = tj.function(lambda x: sum(x[i] for i in range(len(x))))
    assert f(f32(3)) == 3 and f(f32(4)) == 4
    assert f.compilations == 2 and "x.shape[0]" in f.retraces()[1].reason


def test_iterating_a_scalar() -> None:
    with pytest.raises(TypeError, match="no dimensions"):
        tj.function(lambda x: list(x))(np.array(1.0))


def test_a_tracer_that_leaks() -> None:
    kept: list[Any] = []

    @tj.function
    def train(x: Any) -> Any:
        kept.append(x * 2)
        return x

    train(f32(2))
    with pytest.raises(LeakedTracerError) as caught:
        kept[0] + 1
    assert contains(str(caught.value), "train", "after the call", "return it", "kept.append(x * 2)")


def test_a_tracer_given_to_compiled_code() -> None:
    assert contains(message(TraceError, lambda x: math.erf(x[0]), f32(2)), "f32[]", "cure")


def test_assigning_into_a_numpy_array() -> None:
    out = np.zeros(2)

    def f(x: Any) -> Any:
        out[:] = x
        return x

    with pytest.raises(TraceError, match="real numbers"):
        tj.function(f)(np.ones(2))


def test_a_variable_of_a_wrong_shape() -> None:
    v = tj.Variable(np.zeros((2, 3), np.float32), name="weights")
    text = message(VariableError, lambda x: v.assign(x), f32(3, 2))
    assert contains(text, "weights", "f32[2, 3]", "f32[n, m]")


def test_a_variable_created_each_time() -> None:
    text = message(VariableError, lambda x: tj.Variable(1.0) * x, f32(2))
    assert contains(text, "each time", "cure")


def test_gradients_of_what_is_no_float() -> None:
    with pytest.raises(GradientError) as caught:
        tj.grad(lambda x: (x * 2).sum())(np.arange(3))
    assert contains(str(caught.value), "i64")


def test_numpy_functions_that_are_missing() -> None:
    text = message(UnsupportedError, lambda x: np.linalg.eig(x), f32(2, 2))
    assert contains(text, "eig")


def test_writing_to_a_read_only_argument() -> None:
    x = np.zeros(3)
    x.flags.writeable = False

    def f(x: Any) -> Any:
        x[0] = 1
        return x

    with pytest.raises(ValueError, match="read-only") as caught:
        tj.function(f)(x)
    assert contains(str(caught.value), "argument x", "x.copy()", "x[0] = 1")


def test_writing_to_a_read_only_captured_array() -> None:
    total = np.zeros(3)
    total.flags.writeable = False

    def f(x: Any) -> Any:
        return np.add(x, 1, out=total)

    with pytest.raises(ValueError, match="read-only"):
        tj.function(f)(np.ones(3))


def test_writing_to_arguments_that_share_memory() -> None:
    def f(x: Any, y: Any) -> Any:
        x += y
        return x

    function = tj.function(f)
    x = np.ones(4)
    assert function(x, np.ones(4)) is x
    for _ in range(2):
        with pytest.raises(ArgumentError, match="shares its memory"):
            function(x[:3], x[1:])
    assert x.tolist() == [2, 2, 2, 2]


def test_errors_in_a_running_program_name_the_line() -> None:
    f = tj.function(lambda x, i: x[i])
    assert f(f32(3), np.array([0, 2])).tolist() == [1, 1]
    with pytest.raises(IndexError, match=r"(?s)out of bounds.*test_errors\.py"):
        f(f32(3), np.array([0, 7]))


def test_a_leaked_tracer_as_an_argument() -> None:
    kept: list[Any] = []
    f = tj.function(lambda x: kept.append(x + 1))
    f(f32(2))
    with pytest.raises(LeakedTracerError, match="used after the call"):
        f(kept[0])


def _adds(x: Any) -> Any:
    out = made(3)
    out += x
    return out


def _stores(x: Any) -> Any:
    out = made(3)
    out[0] = x[0]
    return out


def _scatters(x: Any) -> Any:
    out = made(3)
    np.add.at(out, np.array([0, 1, 1]), x)
    return out


@pytest.mark.parametrize(("f", "line"), [(_adds, "out += x"), (_stores, "out[0] = x[0]"), (_scatters, "np.add.at(out")])
def test_a_traced_value_written_into_an_array_that_numpy_made(f: Callable[..., Any], line: str) -> None:
    assert contains(message(TraceError, f, np.ones(3)), "array that NumPy made", "tj.zeros", line)
