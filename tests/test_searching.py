"""Places in sorted tables, bins of histograms, and the index of the best of a row, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import tracejit as tj
from tracejit.backends.cpu.machine import module_of

nan, inf = np.nan, np.inf


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", ["i4", "u1", "f4", "f8"])
def test_places_in_tables_of_any_size_are_numpys(dtype, side):
    random = np.random.default_rng(0)
    for size in (0, 1, 2, 3, 7, 8, 9, 100, 128, 1000):
        table = random.integers(0, 60, size).astype(dtype)
        x = random.integers(0, 62, 300).astype(dtype)
        if table.dtype.kind == "f":
            table[: size // 5], table[size // 5 : size // 4] = nan, inf
            x[::7], x[1::7], x[2::7], x[3::7] = nan, inf, -inf, -0.0
        table = np.sort(table)
        f = tj.function(lambda table, x, side=side: np.searchsorted(table, x, side))
        np.testing.assert_array_equal(f(table, x), np.searchsorted(table, x, side), strict=True)
        assert size == 0 or f(table, x[0]) == np.searchsorted(table, x[0], side)


def test_a_choice_is_no_branch():
    text = """from prelude import f64_at, program, select

@program
def step(table):
    x = f64_at(table[8], 2)
    x[0] = select(x[0] < x[1], x[1], x[0])
"""
    assert "!unpredictable" in str(module_of(text))


def histogram_of(bins, bounds):
    return tj.function(lambda x: np.histogram(x, bins, bounds))


@pytest.mark.parametrize("dtype", ["i8", "f4", "f8"])
def test_bins_of_equal_widths_hold_what_is_between_their_edges(dtype):
    random = np.random.default_rng(0)
    for bins, spread in ((1, 1.0), (7, 3.0), (10, 1e3), (100, 1e-3), (1000, 50.0)):
        x = (random.standard_normal(5000) * spread).astype(dtype)
        x[::3] = np.linspace(float(x.min()), float(x.max()), bins + 1).astype(dtype)[random.integers(0, bins + 1, len(x[::3]))]
        for bounds in (None, (-spread, spread), (float(x.min()), float(x.max()))):
            heights, edges = map(np.asarray, histogram_of(bins, bounds)(x))
            np.testing.assert_allclose(edges, np.histogram_bin_edges(x, bins, bounds), rtol=1e-5, atol=1e-6 * spread)
            np.testing.assert_array_equal(heights, np.histogram(x, edges)[0])


def test_what_is_beyond_the_bins_is_in_none():
    x = np.array([0.0, 1.0, 2.0, 2.0000001, -1e-9, inf, -inf, nan, 0.5, 1.0])
    np.testing.assert_array_equal(histogram_of(4, (0, 2))(x)[0], np.histogram(x, 4, (0, 2))[0])
    edges = np.array([0.0, 0.5, 2.0])
    g = tj.function(lambda x: np.histogram(x, edges)[0])
    np.testing.assert_array_equal(g(x[:-3]), np.histogram(x[:-3], edges)[0])


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("dtype", ["i4", "f4", "f8"])
def test_the_best_of_a_long_row_is_the_first_one(dtype, name):
    best = getattr(np, name)
    f, g = tj.function(lambda x: best(x)), tj.function(lambda x: best(x, axis=1))
    random = np.random.default_rng(0)
    for size in (1, 127, 128, 129, 1000, 5000):
        few = random.integers(0, 3, (4, size)).astype(dtype)
        last = np.ones((4, size), dtype)
        last[0, -1], last[1, -1], last[2, size // 2] = 2, 0, 5
        rows = [few, last, np.sort(few), np.sort(few)[:, ::-1].copy()]
        if last.dtype.kind == "f":
            broken = last.copy()
            broken[0, -1], broken[1, size // 2 :], broken[2, :] = nan, nan, -inf
            rows += [broken, -broken, np.full((4, size), -inf, dtype)]
        for x in rows:
            np.testing.assert_array_equal(g(x), best(x, axis=1), strict=True)
            assert f(x[0]) == best(x[0])
