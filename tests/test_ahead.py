"""Loops with functions in them ask memory for what they come to, in vectors; the bits are the same with and without."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

import numpy as np
import pytest

import tracejit as tj
from tracejit.backends.cpu import machine
from tracejit.backends.llvm.ahead import AHEAD, FAR, LINE, NAME, walked_by
from tracejit.backends.llvm.control import LONG
from tracejit.schedule.cost import MOST_CHUNKS


def price(s: np.ndarray, k: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two results of a long body: five arrays of float32 move."""
    d = np.log(s / k) / np.sqrt(t)
    above = tj.erf(d) * np.exp(-t) + np.tanh(k)
    return above * s, above - np.log1p(t)


NBYTES = 5 * 4


def arguments(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.uniform(0.1, 2.0, count).astype(np.float32) for _ in range(3)]


def optimised(function: Callable[..., object], *arrays: np.ndarray) -> str:
    """What LLVM makes of the program for these arguments."""
    traced = tj.function(function)
    traced(*arrays)
    return str(machine.optimised(machine.module_of(str(traced.source())), machine._machine()))


def test_a_loop_asks_for_what_it_reads_and_for_what_it_writes() -> None:
    text = optimised(price, *arguments(100))
    asked = re.findall(r"call void @llvm\.prefetch\.p0\(ptr [^,]*, i32 (\d), i32 3, i32 1\)", text)
    assert asked.count("1") >= 2 and asked.count("0") >= 3
    assert asked.count("0") * 2 == asked.count("1") * 3  # three arrays are read, two are written, wherever it asks
    assert re.search(r"vector\.body:.*? x float>", text, re.DOTALL)
    assert not re.search(rf"(call|define|declare)[^\n]*{re.escape(NAME)}", text)


def test_vectors_that_are_computed_side_by_side_ask_at_one_place() -> None:
    text = optimised(price, *arguments(100))
    blocks = [block.count("@llvm.prefetch") for block in re.split(r"\n\n", text)]
    assert max(blocks) == 4 * 5  # of four vectors of five arrays


def test_a_loop_asks_only_where_it_goes_over_more_than_caches_hold() -> None:
    traced = tj.function(price)
    traced(*arguments(100))
    text = str(machine.module_of(str(traced.source())))
    assert re.search(rf"mul i64 %[^,]*, {NBYTES}\n.*icmp sgt i64 [^,]*, {FAR}\n", text)


def distance(function: Callable[..., object]) -> int:
    """Bytes from the element at hand of a loop to the one that it asks for."""
    traced = tj.function(function)
    traced(*arguments(100))
    found = re.findall(rf"define weak void @\"{re.escape(NAME)}\.(\d+)\.", str(machine.module_of(str(traced.source()))))
    assert len(found) == 1
    return int(found[0])


def test_the_more_there_is_to_compute_the_nearer_is_what_a_loop_asks_for() -> None:
    assert distance(price) < distance(lambda x, y, z: np.tanh(x) * y + z) < distance(lambda x, y, z: np.exp(x) + y + z)
    assert distance(lambda x, y, z: np.exp(x)) <= LINE * AHEAD // LONG


@pytest.mark.parametrize(
    "function",
    [lambda x, y, z: x * y + z, lambda x, y, z: np.sum(x * y + z), lambda x, y, z: np.exp(x.reshape(10, 10)).sum(axis=1)],
    ids=["short", "short sum", "rows"],
)
def test_short_loops_and_loops_in_loops_do_not_ask(function: Callable[..., object]) -> None:
    assert "prefetch" not in optimised(function, *arguments(100))


def test_what_moves_with_a_loop() -> None:
    body = ast.parse("v = x[i] + x[i + 1] * y[2 * i]\nw = z[k * n + i] + u[k]\nout[i] = v + w\nout[i] = out[i] + t[i + i]").body
    found = {pointer: (ast.unparse(index), written) for pointer, index, written in walked_by("i", body)}
    assert found == {"x": ("i", False), "z": ("k * n + i", False), "out": ("i", True)}
    assert not list(walked_by("i", ast.parse("k = i64(x[0])\ny[0] = z[i + k]").body)), "an index that is data"
    assert not list(walked_by("i", ast.parse("if x[i] > 0:\n    y[i] = 1").body))
    assert not list(walked_by("i", ast.parse("for j in range(n):\n    y[i] = x[j]").body))


EDGE = FAR // NBYTES * MOST_CHUNKS


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, EDGE - 1, EDGE, EDGE + 1, EDGE + MOST_CHUNKS, EDGE + 1000])
def test_the_results_are_the_same_bits_on_both_sides_of_the_edge(count: int) -> None:
    whole = arguments(EDGE + 2000)
    function = tj.function(price)
    expected = [np.copy(out) for out in function(*whole)]
    for first in (0, 1, 3, 17):
        found = function(*(x[first : first + count] for x in whole))
        for out, all_of_it in zip(found, expected, strict=True):
            np.testing.assert_array_equal(out.view(np.uint32), all_of_it[first : first + count].view(np.uint32))


def test_a_loop_that_gathers_is_right_at_any_size() -> None:
    rng = np.random.default_rng(0)
    x, at = rng.uniform(0.1, 2.0, (50, 3)), rng.integers(0, 50, 100_000)
    found = tj.function(lambda x, at: np.exp(np.tanh(np.log(x[at]))) * np.sqrt(x[at]))(x, at)
    np.testing.assert_allclose(found, np.exp(np.tanh(np.log(x[at]))) * np.sqrt(x[at]), rtol=1e-13)


def test_special_values_and_threads_change_nothing() -> None:
    arrays = arguments(EDGE + 5)
    arrays[0][::7], arrays[1][::11], arrays[2][::13] = np.nan, 0.0, np.inf
    function = tj.function(price)
    threads = tj.num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            tj.set_num_threads(count)
            results.append([np.copy(out).view(np.uint32) for out in function(*arrays)])
    finally:
        tj.set_num_threads(threads)
    for others in results[1:]:
        for found, expected in zip(others, results[0], strict=True):
            np.testing.assert_array_equal(found, expected)


def test_a_long_loop_over_complex_numbers_and_one_in_place() -> None:
    z = np.exp(1j * np.linspace(0, 9, 40_000))
    found = tj.function(lambda z: np.exp(z) * np.log(z) / np.sqrt(z))(z)
    np.testing.assert_allclose(found, np.exp(z) * np.log(z) / np.sqrt(z), rtol=1e-13)
    kept = tj.Variable(np.linspace(0.1, 2.0, 200_000))

    @tj.function
    def step() -> None:
        kept.assign(np.exp(-kept) * np.tanh(kept) + np.log1p(kept))

    before = kept.numpy().copy()
    step()
    np.testing.assert_allclose(kept.numpy(), np.exp(-before) * np.tanh(before) + np.log1p(before), rtol=1e-13)
