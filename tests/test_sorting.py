"""Sorting: the words of generated files, and what stands on them, in every dtype and order of the elements."""

from __future__ import annotations

import numpy as np
import pytest
from native import native, table_of
from test_prelude import NAMES

import tracejit as tj
from tracejit.backends.llvm import networks
from tracejit.backends.llvm.vectors import has_shuffles
from tracejit.backends.python.run import load_source
from tracejit.schedule import cost

nan, inf = np.nan, np.inf
REALS = ["b1", "u8", "i8", "u16", "i16", "u32", "i32", "u64", "i64", "f32", "f64"]
LENGTHS = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 33, 64, 65, 127, 129, 255, 256, 257, 1000]


def file_of(word, dtype, to):
    names = ", ".join(sorted({word, f"{dtype}_at", f"{to}_at", "i64_at", "program"}))
    return f"""from prelude import {names}

@program
def step(table):
    n = table[8]
    {word}({dtype}_at(table[9], n), {to}_at(table[10], n), i64_at(table[11], n + 16), n)
"""


def keys(size, dtype, seed=0):
    """Elements in many orders: random, with special values; few, rising, falling, all equal; alike in their high bits."""
    random = np.random.default_rng(seed)
    bits = random.integers(0, 256, size * dtype.itemsize, dtype=np.uint8)
    wide = bits > 127 if dtype.kind == "b" else bits.view(dtype)
    few = random.integers(0, 3, size)
    close = 2**40 + random.integers(0, 8, size) if dtype.itemsize == 8 else few
    if dtype.kind == "f":
        wide = random.standard_normal(size).astype(dtype)
        for start, value in enumerate((nan, -inf, inf, -0.0, 0.0, -nan, 5e-324, dtype.type(-3))):
            wide[start :: 3 * start + 5] = value
    rising = np.arange(size)
    organ = np.minimum(rising, rising[::-1])
    return [wide, *(x.astype(dtype) for x in (few, close, rising, rising[::-1], organ, np.ones(size)))]


def bits_of(x):
    return x.view(f"u{x.dtype.itemsize}")


def each_run(word, dtype, to):
    text = file_of(word, dtype, to)
    return [native(text), load_source(text, "generated.py")]


@pytest.mark.parametrize("dtype", REALS)
def test_elements_come_in_rising_order_zeros_by_sign_and_nan_last(dtype):
    runs = each_run("sort_into", dtype, dtype)
    for size in LENGTHS:
        for x in keys(size, np.dtype(NAMES[dtype])):
            for run in runs:
                out, scratch = np.zeros(size, x.dtype), np.full(size + 17, -1)
                run(table_of(size, x, out, scratch))
                np.testing.assert_array_equal(out, np.sort(x))
                assert scratch[-1] == -1
                assert not (np.diff(np.signbit(out[out == 0]).astype(int)) > 0).any()
                numbers = x == x
                assert np.array_equal(np.sort(bits_of(x[numbers])), np.sort(bits_of(out[: numbers.sum()])))


@pytest.mark.parametrize("dtype", REALS)
def test_places_of_equal_elements_keep_their_order(dtype):
    runs = each_run("argsort_into", dtype, "i64")
    for size in LENGTHS:
        for x in keys(size, np.dtype(NAMES[dtype])):
            for run in runs:
                out, scratch = np.full(size, -1), np.full(size + 17, -1)
                run(table_of(size, x, out, scratch))
                np.testing.assert_array_equal(out, np.argsort(x, kind="stable"))
                assert scratch[-1] == -1


@pytest.mark.parametrize("shuffles", [True, False])
@pytest.mark.parametrize("dtype", ["f32", "f64", "i16"])
def test_vectors_of_any_width_sort_alike(dtype, shuffles, monkeypatch):
    monkeypatch.setattr(networks, "has_wide_vectors", lambda: False)
    monkeypatch.setattr(networks, "has_shuffles", lambda: shuffles and has_shuffles())
    sort, order = native(file_of("sort_into", dtype, dtype)), native(file_of("argsort_into", dtype, "i64"))
    for size in LENGTHS:
        for x in keys(size, np.dtype(NAMES[dtype])):
            out, places, scratch = np.zeros(size, x.dtype), np.full(size, -1), np.full(size + 16, -1)
            sort(table_of(size, x, out, scratch))
            order(table_of(size, x, places, scratch))
            np.testing.assert_array_equal(out, np.sort(x))
            np.testing.assert_array_equal(places, np.argsort(x, kind="stable"))


def test_keys_that_differ_in_their_low_bits_alone_are_in_order():
    """There is no room for all bits of these beside an index: they are sorted by the high ones, then by the others."""
    random = np.random.default_rng(0)
    order = native(file_of("argsort_into", "i64", "i64"))
    for size in (300, 5000):
        high = random.integers(-2, 2, size) << 62
        for x in (high + random.integers(0, 4, size), high, random.integers(-(2**63), 2**63 - 1, size) // 7 * 7):
            out, scratch = np.full(size, -1), np.full(size + 16, -1)
            order(table_of(size, x, out, scratch))
            np.testing.assert_array_equal(out, np.argsort(x, kind="stable"))


# -- functions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["?", "u1", "i8", "f2", "f4"])
@pytest.mark.parametrize("shape", [(0,), (1,), (300,), (3, 0), (4, 1), (2, 3, 40)])
def test_sort_along_each_axis_is_numpys(shape, dtype):
    x = np.random.default_rng(0).integers(0, 50, shape).astype(dtype)
    if x.dtype.kind == "f":
        x.reshape(-1)[::4] = nan
    axes = (*range(-len(shape), len(shape)), None)
    f = tj.function(lambda x: [(np.sort(x, axis), np.argsort(x, axis)) for axis in axes])
    for axis, (values, places) in zip(axes, f(x), strict=True):
        np.testing.assert_array_equal(values, np.sort(x, axis), strict=True)
        np.testing.assert_array_equal(places, np.argsort(x, axis, kind="stable"), strict=True)


def test_one_program_sorts_rows_of_any_length():
    f = tj.function(lambda x: np.sort(x))
    for shape in ((3, 5), (2, 1000), (70, 33)):
        x = np.random.default_rng(0).standard_normal(shape)
        np.testing.assert_array_equal(f(x), np.sort(x))


def test_the_derivative_of_sort_puts_cotangents_back():
    w = np.array([[1.0, 2.0, 4.0, 8.0], [3.0, 5.0, 7.0, 9.0]])
    x = np.array([[3.0, 1.0, 4.0, 1.5], [0.5, -2.0, 2.5, 0.0]])
    for axis, weights in ((-1, w), (0, w)):
        g = tj.grad(lambda x, axis=axis, weights=weights: (np.sort(x, axis) * weights).sum())(x)
        expected = np.zeros_like(x)
        np.put_along_axis(expected, np.argsort(x, axis), weights, axis)
        np.testing.assert_array_equal(g, expected)
    first = tj.grad(lambda x: (np.sort(x) ** 3 * w[0]).sum())
    second = tj.grad(lambda x: (first(x) * w[1]).sum())(x[0])
    np.testing.assert_allclose(second, 6 * x[0] * w[0][np.argsort(np.argsort(x[0]))] * w[1])


@pytest.mark.parametrize("dtype", ["i4", "i8", "f4", "f8"])
def test_a_long_row_is_sorted_in_shares(dtype):
    f = tj.function(lambda x: (np.sort(x), np.argsort(x)))
    assert "sort_into_share" in str(f.source(np.zeros(5, dtype)))
    for size in (cost.SORTED_TOGETHER - 1, cost.SORTED_TOGETHER, cost.SORTED_TOGETHER + 12345):
        for x in keys(size, np.dtype(dtype)):
            values, places = f(x)
            np.testing.assert_array_equal(values, np.sort(x))
            np.testing.assert_array_equal(places, np.argsort(x, kind="stable"))


def test_keys_of_one_share_agree_in_their_high_bits_or_differ_from_all_others():
    """The low bits of these are looked at after the shares are sorted, which must not cut a run of equal high bits."""
    random, size = np.random.default_rng(0), cost.SORTED_TOGETHER + 5
    x = (random.integers(-2, 2, size) << 62) + random.integers(0, 1000, size)
    np.testing.assert_array_equal(tj.function(lambda x: np.argsort(x))(x), np.argsort(x, kind="stable"))


def test_threads_change_no_bit():
    x = np.random.default_rng(0).standard_normal((500, 2000)).astype("f4")
    f = tj.function(lambda x: (np.sort(x), np.argsort(x), np.sort(x, None), np.argsort(x, None)))
    before, found = tj.num_threads(), []
    try:
        for count in (1, 2, 5):
            tj.set_num_threads(count)
            found.append([part.tobytes() for part in map(np.asarray, f(x))])
    finally:
        tj.set_num_threads(before)
    assert found[0] == found[1] == found[2]
