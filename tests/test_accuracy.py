"""Our own mathematics: the worst error of each function, from the usual to the extreme, is within what its docstring states."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy import CASES, error, measured, stated


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_error_is_within_the_stated_ulp(name: str, dtype: str) -> None:
    for worst, bound in zip(measured(name, dtype, quick=True), stated(name)[dtype], strict=True):
        assert worst.ulp <= bound, worst


def test_errors_are_counted_in_units_of_the_last_place() -> None:
    inf, nan, largest = np.inf, np.nan, float(np.finfo(np.float32).max)
    got = np.array([1.0, 1.0, 0.75, 0.0, inf, inf, largest, nan, nan, 1.0, 5.0], np.float32)
    want = np.array([1.0, 1 + 2**-23, 0.75 + 2**-25, 2.0**-150, inf, largest, inf, nan, 1.0, nan, 5 + 2.0**-20])
    np.testing.assert_array_equal(error(got, want, np.float32(0)), [0, 1, 0.5, 0.5, 0, 1, 1, 0, inf, inf, 2])
    np.testing.assert_array_equal(error(got[:4], want[:4], np.float32(8)), [0, 2**-3, 2**-5, 2.0**-150 * 2**20])
