"""Sizes that an input signature leaves open: any of them is right, whichever came first."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracejit as tj
from tracejit.errors import ShapeError

ANY = tj.TensorSpec((None,), "float64")


@pytest.mark.parametrize(
    "f", [lambda x: x[1:], lambda x: x[::-2], lambda x: np.concatenate([x[:1], x[2:]]), lambda x: x.reshape(-1, 1)]
)
@pytest.mark.parametrize("order", [(5, 2, 1, 0, 3), (0, 5, 1, 2), (1, 0, 2)])
def test_no_size_depends_on_the_sizes_before_it(f: Callable[[Any], Any], order: tuple[int, ...]) -> None:
    function = tj.function(f, input_signature=[ANY])
    for n in order:
        x = np.arange(float(n))
        np.testing.assert_array_equal(function(x), f(x))


def test_open_sizes_broadcast_as_in_numpy() -> None:
    f = tj.function(lambda x, y: x + y, input_signature=[ANY, ANY])
    for n, m in itertools.product((3, 1, 4), repeat=2):
        x, y = np.arange(float(n)), np.arange(float(m))
        if n == m or 1 in (n, m):
            np.testing.assert_array_equal(f(x, y), x + y)
        else:
            with pytest.raises(ShapeError, match="shapes differ"):
                f(x, y)


@pytest.mark.parametrize("f", [np.max, np.argmin, lambda x: x[2:].max()])
def test_there_is_no_largest_of_an_open_size_that_is_zero(f: Callable[[Any], Any]) -> None:
    function = tj.function(f, input_signature=[ANY])
    assert function(np.ones(4)) == f(np.ones(4))
    with pytest.raises(ShapeError, match="no elements"):
        function(np.ones(0))


def test_there_is_no_largest_of_a_computed_size_that_is_zero() -> None:
    f = tj.function(lambda x: x[2:].max())
    assert f(np.arange(4.0)) == 3
    with pytest.raises(ShapeError, match="no elements"):
        f(np.arange(2.0))
