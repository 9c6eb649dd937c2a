"""``x[i]`` and ``x[i] = v`` are NumPy's, views included, eagerly and traced."""

import numpy as np
import pytest
from frontend_tools import WAYS, assert_same, eager, traced
from hypothesis import given, settings
from hypothesis import strategies as st

import tracejit as tj

X = np.arange(60.0).reshape(3, 4, 5)
MASK = X[..., 0] > 20


def slices(size):
    bound = st.none() | st.integers(-size - 2, size + 2)
    return st.builds(slice, bound, bound, st.none() | st.integers(-3, 3).filter(bool))


@st.composite
def basic_indices(draw):
    """A basic index of an array of three axes."""
    items = [draw(slices(n) | st.integers(-n, n - 1)) for n in X.shape[: draw(st.integers(0, 3))]]
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), None)
    if draw(st.booleans()) and Ellipsis not in items:
        items.append(Ellipsis)
    return tuple(items)


@st.composite
def array_indices(draw):
    """An index with integer arrays that broadcast together, among slices and integers."""
    shape = draw(st.sampled_from([(), (2,), (3, 1), (0,)]))
    items = []
    for n in X.shape[: draw(st.integers(1, 3))]:
        arrays = st.lists(st.integers(-n, n - 1), min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))
        array = arrays.map(lambda v: np.array(v, np.int64).reshape(shape))
        items.append(draw(array | slices(n) | st.integers(-n, n - 1)))
    if not any(isinstance(i, np.ndarray) for i in items):
        items[0] = np.zeros(shape, int)
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), None)
    return tuple(items)


@settings(deadline=None, max_examples=150)
@given(basic_indices())
def test_basic_reads_are_numpys(index):
    for way in (eager, traced):
        assert_same(way(lambda x: x[index], X), X[index])


@settings(deadline=None, max_examples=150)
@given(array_indices())
def test_reads_by_integer_arrays_are_numpys(index):
    for way in (eager, traced):
        assert_same(way(lambda x: x[index], X), X[index])


def written(x, index, value):
    x = x.copy()
    x[index] = value
    return x


@settings(deadline=None, max_examples=150)
@given(basic_indices() | array_indices(), st.booleans())
def test_writes_are_numpys(index, whole):
    part = X[index]
    value = np.arange(100.0, 100.0 + part.size).reshape(part.shape) if whole else 7.0
    for way in (eager, traced):
        assert_same(way(lambda x: written(x, index, value), X), written(X, index, value))


MASKS = {
    "whole": lambda x: x[x > 20],
    "leading axes": lambda x: x[MASK],
    "last axis": lambda x: x[..., np.array([True, False, True, False, True])],
    "among others": lambda x: x[1:, np.array([True, False, True, True]), 0],
    "list": lambda x: x[[True, False, True]],
    "none true": lambda x: x[np.zeros(3, bool)],
}


@pytest.mark.parametrize("name", MASKS)
def test_reads_by_masks_are_numpys(name):
    assert_same(eager(MASKS[name], X), MASKS[name](X))
    if name != "whole":
        assert_same(traced(MASKS[name], X), MASKS[name](X))


def test_a_computed_mask_cannot_select_in_a_trace():
    with pytest.raises(tj.UnsupportedError, match=r"x\[mask\].*\n.*tj.where"):
        traced(lambda x: x[x > 3], X)


WRITES = {
    "mask and number": lambda x: written(x, x > 20, -1.0),
    "mask of leading axes": lambda x: written(x, MASK, np.arange(5.0)),
    "negative step": lambda x: written(x, (slice(None), slice(None, None, -2)), np.ones((3, 2, 5))),
    "repeated places": lambda x: written(x, ([0, 0, 1, 0],), np.arange(4.0)[:, None, None]),
    "two arrays": lambda x: written(x, ([0, 1], slice(None), [2, 3]), np.arange(8.0).reshape(2, 4)),
    "traced place": lambda x: written(x, np.argmax(x[:, 0, 0]), 5.0),
    "leading ones": lambda x: written(x, (0, 0), np.ones((1, 1, 5))),
    "integers into floats": lambda x: written(x, 0, np.arange(5)),
    "negative zero": lambda x: np.signbit(written(x, ([0, 2],), -0.0)),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", WRITES)
def test_writes_of_all_kinds_are_numpys(name, way):
    assert_same(WAYS[way](WRITES[name], X), WRITES[name](X))


def test_floats_written_to_integers_are_cut_as_in_numpy():
    def f(x):
        x = x.copy()
        x[0] = 2.7
        x[1] = np.array([1.5, -1.5, 3.9])
        return x

    x = np.zeros((3, 3), int)
    assert_same(eager(f, x), f(x))


def test_bools_are_written():
    def f(x):
        x = x.copy()
        x[[0, 2]] = True
        x[1] = 5
        return x

    x = np.zeros((3, 3), bool)
    assert_same(eager(f, x), f(x))


@pytest.mark.parametrize("way", WAYS)
def test_symbolic_bounds_stay_symbolic(way):
    f = lambda x: (x[: x.shape[0] // 2], x[x.shape[0] - 1], x[-2:], x[1 : len(x.T) - 1])  # noqa: E731
    assert_same(WAYS[way](f, X), f(X))


@pytest.mark.parametrize(
    ("index", "text"),
    [
        (7, "index 7 is out of bounds for dimension 0 with size 3"),
        ((0, -5), "index -5 is out of bounds for dimension 1 with size 4"),
        ((0, 0, 0, 0), "too many indices"),
        ((..., ...), "single ellipsis"),
        ([3], "index 3 is out of bounds"),
    ],
)
def test_indices_out_of_range_are_index_errors(index, text):
    with pytest.raises(IndexError, match=text):
        tj.tensor(X)[index]


def test_other_wrong_indices_are_refused():
    x = tj.tensor(X)
    for index, error in [("a", TypeError), (1.5, TypeError), ([1.5], TypeError), (slice(1.5), TypeError), (True, TypeError)]:
        with pytest.raises(error):
            x[index]
    with pytest.raises(ValueError, match="step"):
        x[::0]
    with pytest.raises(ValueError, match="broadcast"):
        x[0] = np.ones(3)
    with pytest.raises(TypeError, match="complex"):
        x[0] = 1j


ALIASES = {
    "slice": lambda np, x: _through(x, x[1:], 5.0),
    "transpose": lambda np, x: _through(x, x.T, 5.0),
    "reshape": lambda np, x: _through(x, x.reshape(-1), 5.0),
    "ravel of a transpose is a copy": lambda np, x: _through(x, x.T.ravel(), 5.0),
    "reshape of a slice": lambda np, x: _through(x, x[:, 1:3].reshape(3, 2, 1, 5), 5.0),
    "flat reshape of a slice is a copy": lambda np, x: _through(x, x[:, 1:3].reshape(-1), 5.0),
    "split axes of a transpose": lambda np, x: _through(x, x.T.reshape(5, 2, 2, 3), 5.0),
    "view of a view": lambda np, x: _through(x, x[1:][::-1].T[0], 5.0),
    "new axis": lambda np, x: _through(x, x[:, None], 5.0),
    "squeeze": lambda np, x: _through(x, np.squeeze(x[:1], 0), 5.0),
    "expand_dims": lambda np, x: _through(x, np.expand_dims(x, 0), 5.0),
    "flip": lambda np, x: _through(x, np.flip(x, 1), 5.0),
    "diagonal of an integer array is a copy": lambda np, x: _through(x, x[[0, 1]], 5.0),
    "split": lambda np, x: _through(x, np.split(x, 2, 1)[1], 5.0),
    "copy": lambda np, x: _through(x, x.copy(), 5.0),
    "flatten": lambda np, x: _through(x, x.flatten(), 5.0),
    "astype": lambda np, x: _through(x, x.astype(float), 5.0),
    "augmented": lambda np, x: _augmented(x),
    "out": lambda np, x: _into(np, x),
}


def _through(x, view, value):
    view[0] = value  # is seen by x where NumPy shares memory
    x[0] = 9.0  # is seen by the view
    return x, view, view.sum(), x.mean()


def _augmented(x):
    same, row = x, x[1]
    x += 1
    row *= 2
    x[0] -= row
    return same, row, x


def _into(np, x):
    row = x[0]
    np.add(row, 1.0, out=row)
    np.multiply(x[1], 2.0, out=x[2])
    return x, row


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ALIASES)
def test_views_alias_as_in_numpy(name, way):
    def f(x):
        return ALIASES[name](np, x.copy())

    assert_same(WAYS[way](f, X), f(X))


def test_numbers_do_not_alias():
    def f(x):
        total = x.sum()
        same = total
        total += 1.0
        first = x[0, 0, 0]
        x[0] = -1.0
        return same, total, first

    for way in WAYS.values():
        assert_same(way(lambda x: f(x.copy()), X), f(X.copy()))


def test_augmented_assignment_keeps_the_dtype_or_refuses():
    x = tj.tensor(np.ones(3, np.float32))
    y = x
    x += np.ones(3)
    assert x is y and x.dtype == np.float32
    n = tj.tensor([1, 2])
    with pytest.raises(TypeError, match="float64 does not go into out of dtype int64"):
        n += 0.5
    with pytest.raises(TypeError):
        n /= 2


def test_augmented_assignment_of_a_part_writes_once():
    def f(x):
        x[1] += 1.0
        x[:, 0] *= 2.0
        x[0, 0, 0] -= 3.0
        return x

    for way in WAYS.values():
        assert_same(way(lambda x: f(x.copy()), X), f(X.copy()))
    assert str(tj.function(lambda x: f(x.copy())).trace(X)).count("slice_update") == 3


def test_a_part_assigned_to_other_places_is_written():
    x = tj.tensor([1.0, 2.0])
    x[[1, 0]] = x[:]
    assert x.tolist() == [2, 1]
    x[::-1] = x[:]
    assert x.tolist() == [1, 2]


def test_a_broadcast_is_read_only():
    with pytest.raises(ValueError, match="read-only"):
        np.broadcast_to(tj.tensor([1.0, 2.0]), (3, 2))[0] = 1.0


def test_results_outlive_later_writes():
    x = tj.tensor(X)
    y, z = x * 1, x[[0]]
    before = y.numpy(), z.numpy()
    x[...] = 0
    assert_same((y.numpy(), z.numpy()), before)
