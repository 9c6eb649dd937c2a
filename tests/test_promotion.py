"""Dtypes of results are NumPy 2's, for every pair of dtypes and for Python numbers, and errors are where NumPy's are."""

import itertools

import numpy as np
import pytest
from frontend_tools import traced

import tracejit as tj

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
NUMBERS = [True, 2, 2.0, 2j]
BINARY = [
    "add",
    "subtract",
    "multiply",
    "divide",
    "floor_divide",
    "remainder",
    "power",
    "maximum",
    "arctan2",
    "hypot",
    "logaddexp",
    "copysign",
    "equal",
    "less",
    "logical_and",
    "bitwise_and",
    "left_shift",
    "gcd",
]
UNARY = [
    "negative",
    "absolute",
    "sqrt",
    "exp",
    "sin",
    "floor",
    "sign",
    "square",
    "reciprocal",
    "invert",
    "logical_not",
    "isnan",
    "positive",
    "conjugate",
    "rint",
]
FOREIGN = (np.longdouble,)


def outcome(function, *args):
    """The dtype of a result; None where there is none, or one that tracejit does not have."""
    try:
        with np.errstate(all="ignore"):
            dtype = np.asarray(function(*args)).dtype
    except (TypeError, ValueError, OverflowError):
        return None
    return None if dtype in FOREIGN or dtype.kind not in "biufc" else dtype


def operand(x):
    return np.ones(2, x) if isinstance(x, str) else x


def pairs():
    every = [*DTYPES, *NUMBERS]
    return [(x, y) for x, y in itertools.product(every, every) if isinstance(x, str) or isinstance(y, str)]


@pytest.mark.parametrize("name", BINARY)
def test_pairs_of_dtypes_promote_as_in_numpy(name):
    ours, theirs = getattr(tj, name), getattr(np, name)
    for x, y in pairs():
        expected = outcome(theirs, operand(x), operand(y))
        assert outcome(lambda x, y: ours(*map(tensor, (x, y))).numpy(), operand(x), operand(y)) == expected, (name, x, y)


def tensor(x):
    return tj.tensor(x) if isinstance(x, np.ndarray) else x


@pytest.mark.parametrize("name", UNARY)
def test_one_dtype_promotes_as_in_numpy(name):
    ours, theirs = getattr(tj, name), getattr(np, name)
    for x in DTYPES:
        assert outcome(lambda x: ours(tj.tensor(x)).numpy(), operand(x)) == outcome(theirs, operand(x)), (name, x)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "max", "cumsum", "median"])
def test_reductions_promote_as_in_numpy(name):
    ours, theirs = getattr(tj, name), getattr(np, name)
    for x in DTYPES[: -2 if name in ("max", "median") else None]:  # complex numbers have no order
        assert outcome(lambda x: ours(tj.tensor(x)).numpy(), operand(x)) == outcome(theirs, operand(x)), (name, x)


@pytest.mark.parametrize("dtype", DTYPES)
def test_python_numbers_stay_weak_through_operators(dtype):
    x = np.ones(2, dtype)

    def f(x, n, r):
        return x * (n * 2), x * (r / 2 + n), x + (n > 1), -n * x if dtype != "?" else x

    if dtype.startswith("u"):
        f = lambda x, n, r: (x * (n * 2), x * (r / 2 + n))  # noqa: E731
    for ours, theirs in zip(traced(f, x, 3, 0.5), f(x, 3, 0.5), strict=True):
        assert ours.dtype == theirs.dtype


def test_functions_of_python_numbers_are_strong_as_in_numpy():
    f = lambda x, r: (x * np.exp(r), x * r, x * abs(r))  # noqa: E731
    x = np.ones(2, np.float32)
    assert [a.dtype for a in traced(f, x, 0.5)] == [a.dtype for a in f(x, 0.5)]


def test_where_takes_python_numbers_as_weak():
    x = tj.tensor(np.ones(2, np.float32))
    assert np.where(x > 0, x, 1.0).dtype == np.float32
    assert np.where(x > 0, 1, 2).dtype == np.int64
    assert np.where(x > 0, 1.0, 2).dtype == np.float64


def test_python_integers_beyond_a_dtype_overflow():
    x = tj.tensor(np.ones(2, np.uint8))
    for f in (lambda: x + 300, lambda: x - -1, lambda: np.maximum(x, 256)):
        with pytest.raises(OverflowError):
            f()


def test_comparison_with_integers_beyond_a_dtype_compares_numbers():
    x = tj.tensor(np.ones(2, np.uint8))
    assert (x < 300).numpy().all() and (x > -1).numpy().all() and not (x == 256).numpy().any() and (x < 300).numpy().all()


def test_large_integers_meet_floats():
    assert (tj.tensor(1.0) * 10**30).numpy() == 1e30


def test_integers_to_negative_powers_are_refused():
    with pytest.raises(ValueError, match="negative integer powers"):
        tj.tensor([1, 2]) ** -1


def test_constants_are_exact():
    x = tj.tensor(np.zeros(2))
    for value in (np.inf, -np.inf, np.nan, -0.0, 5e-324, 1e308, 0.1):
        np.testing.assert_array_equal((x + value).numpy(), np.zeros(2) + value)
        assert np.signbit(np.copysign(1.0, tj.tensor(value)).numpy()) == np.signbit(value)


@pytest.mark.parametrize(
    "bad", [np.array([object()]), np.array(["a"]), np.ones(2, np.longdouble), "text", None, object(), np.ma.masked_array([1])]
)
def test_what_is_no_number_is_refused_with_its_type(bad):
    with pytest.raises(TypeError, match=r"add: an operand|MaskedArray"):
        tj.add(bad, 1.0)


def test_ragged_lists_are_refused():
    with pytest.raises(tj.ShapeError, match="ragged"):
        tj.sum([[1, 2], [3]])


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "maximum", "power"])
def test_dtype_of_a_ufunc_is_obeyed(name):
    x, y = np.ones(2, "i4"), np.ones(2, "i4")
    assert getattr(tj, name)(tj.tensor(x), y, dtype="f4").dtype == np.float32
