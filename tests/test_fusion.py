"""What fuses beyond chains: passes over memory, arrays that never exist, and equal results with each optimisation turned off."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracejit as tj
from tracejit.ir.size import evaluate
from tracejit.schedule import cost
from tracejit.transforms import passes
from tracejit.transforms.unroll import unroll

Function = Callable[..., Any]


def points(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


def forces(p: Any) -> Any:
    d = p[:, None, :] - p[None]
    r2 = (d * d).sum(-1) + np.float32(1e-2)
    return (d * (r2**-1.5)[..., None]).sum(1)


def distances(x: Any, y: Any) -> Any:
    return np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1))


def spread(x: Any, y: Any) -> Any:
    """Each kind of reduction of all pairs, beside the differences themselves."""
    d = x[:, None] - y[None]
    return d, d.max(-1), d.min(1), (d > 0).all(-1), (d > 0).any(1), d.sum((0, 2)), d.prod((1, 2)), d.sum(0), (d > 0).sum(-1)


PAIRS: dict[str, tuple[Function, tuple[tuple[int, int], ...]]] = {
    "forces": (forces, ((9, 3),)),
    "forces on a plane": (forces, ((9, 2),)),
    "distances": (distances, ((7, 4), (5, 4))),
    "their derivative": (tj.grad(lambda x, y: (distances(x, y) ** 3).sum(), argnums=(0, 1)), ((7, 3), (5, 3))),
    "spread": (spread, ((6, 3), (4, 3))),
    "long vectors": (distances, ((7, 9), (5, 9))),
}


def flat(tree: Any) -> list[np.ndarray]:
    return [leaf for branch in tree for leaf in flat(branch)] if isinstance(tree, tuple | list) else [np.asarray(tree)]


def assert_close(found: Any, expected: Any, rtol: float = 1e-5) -> None:
    for x, y in zip(flat(found), flat(expected), strict=True):
        assert x.shape == y.shape
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol * np.abs(y).max(initial=0))


def slots(function: tj.Function, **sizes: int) -> list[int]:
    """Bytes of what the youngest program keeps between its steps."""
    return [evaluate(slot.nbytes, sizes) for slot in function.programs.entries[-1].program.schedule.slots]


# Pairs


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_right_written_out_or_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEJIT_CHECK", "1")  # so that no file is taken from the cache
    function, shapes = PAIRS[name]
    arrays = [points(*shape) for shape in shapes]
    written_out = tj.function(function)
    found = written_out(*arrays)
    wide = [a.astype(np.float64) for a in arrays]
    assert_close(found, function(*wide), 1e-4)
    assert_close(written_out.debug(*arrays), found)
    monkeypatch.setattr(passes, "PIPELINE", tuple(p for p in passes.PIPELINE if p is not unroll))
    assert_close(tj.function(function)(*arrays), found)


def test_forces_between_pairs_take_one_loop_and_no_memory_for_the_pairs() -> None:
    f = tj.function(forces)
    f(points(50, 3))
    assert sum(slots(f, n=1000)) <= 3 * 4 * 1000
    source = str(f.source())
    assert source.count("parallel_for(") == 2  # the first puts the points by component
    assert "out0_2[row * 3] = " in source


def test_one_program_serves_all_numbers_of_points_and_another_dimension_says_why_it_does_not() -> None:
    f = tj.function(forces)
    for n in (2, 50, 7):
        assert_close(f(points(n, 3)), forces(points(n, 3).astype(np.float64)), 1e-4)
    assert f.compilations == 1
    f(points(7, 2))
    assert "p.shape[1] == 3 (an axis this short, of all pairs, is written out); now p.shape[1] is 2" in str(f.retraces())


def test_long_vectors_share_one_program() -> None:
    f = tj.function(distances)
    for size in (5, 6, 50):
        f(points(3, size), points(4, size))
    assert f.compilations == 1


def test_a_short_axis_without_pairs_stays_symbolic() -> None:
    f = tj.function(lambda x, b: (x + b).sum(-1))
    for size in (2, 3, 4, 5):
        f(points(6, 3, size), points(size))
    assert f.compilations == 1


# Short rows and columns


def softmax(x: Any, axis: int = -1) -> Any:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def standardized(x: Any) -> Any:
    mean = x.mean(1, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(1, keepdims=True) + 1e-3), x.sum(0), (x * x).sum()


def gathered(x: Any, i: Any) -> Any:
    """Rows whose values are looked up, and a search among them."""
    y = np.take(x, i, axis=0)
    return (y - y.max(1, keepdims=True)).argmin(1), y.sum(1), np.exp(y[:, ::-1]).sum(1)


def short(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).standard_normal(shape)


LABELS = np.arange(300) % 5
ROWS: dict[str, tuple[Function, tuple[Any, ...]]] = {
    "softmax": (softmax, (short(300, 5),)),
    "softmax of float32": (softmax, (short(129, 7).astype(np.float32),)),
    "one block": (softmax, (short(3, 5),)),
    "one row": (softmax, (short(1, 5),)),
    "no rows": (softmax, (short(0, 5),)),
    "rank 3": (softmax, (short(3, 70, 4),)),
    "reversed": (softmax, (short(300, 5)[::-1, ::-1],)),
    "standardized": (standardized, (short(300, 6),)),
    "cross entropy": (tj.value_and_grad(tj.cross_entropy), (short(300, 5), LABELS)),
    "argmax": (lambda x: (x.argmax(1), x.argmin(1), x.max(1)), (np.floor(3 * short(300, 9)),)),
    "argmax of specials": (
        lambda x: (x.argmax(1), x.argmin(1)),
        (np.array([[1, np.nan, np.nan, 2], [-np.inf] * 4, [0.0, -0.0, 0, 0]]),),
    ),
    "gathered": (gathered, (short(40, 6), LABELS)),
    "bools": (lambda x: ((x > 0).any(1), (x > 0).all(1), (x > 0).sum(1)), (short(300, 3),)),
    "complex": (lambda x: (x * x.sum(1, keepdims=True), x.prod(1)), (short(200, 3) + 1j * short(200, 3),)),
    "middle": (lambda x: (x.sum(1), x.max(1)), (short(5, 70, 300),)),
    "middle of ends": (lambda x: x.sum((0, 2)), (short(5, 70, 3),)),
    "softmax in the middle": (lambda x: softmax(x, 1), (short(5, 70, 30),)),
    "columns": (lambda x: x.T.argmax(1), (short(70, 300),)),
    "sums of columns": (lambda x: (x.sum(0), (x * x).max(0), x[:, ::-1].min(1)), (short(77, 2100),)),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_right_side_by_side_and_one_after_the_other(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEJIT_CHECK", "1")  # so that no file is taken from the cache
    function, arguments = ROWS[name]
    f = tj.function(function)
    found = f(*arguments)
    if name != "cross entropy":
        assert_close(found, function(*arguments))
    assert_close(f.debug(*arguments), found)
    for limit in ("SHORT_SUM", "SHORT_MATH", "SHORT_SEARCH", "COLUMN_BYTES", "TILE_BYTES"):
        monkeypatch.setattr(cost, limit, 0)
    direct = tj.function(function)
    assert_close(direct(*arguments), found)
    assert "lanes" not in str(direct.source())
    assert "lanes" in str(f.source()) or 1 in arguments[0].shape or 0 in arguments[0].shape


def test_one_program_serves_short_and_long_rows() -> None:
    f = tj.function(softmax)
    for shape in ((300, 5), (7, 1000), (40, 24), (40, 25)):
        assert_close(f(short(*shape)), softmax(short(*shape)))
    assert f.compilations == 1


@pytest.mark.parametrize("name", ["standardized", "middle", "forces"])
def test_the_number_of_threads_changes_no_bit(name: str) -> None:
    function, arguments = ROWS.get(name, (forces, ()))
    f = tj.function(function)
    x = np.tile(arguments[0], (300, 1, 1) if name == "middle" else (300, 1)) if arguments else points(1500, 3)
    before = tj.num_threads()
    try:
        tj.set_num_threads(1)
        one = flat(f(x))
        tj.set_num_threads(3)
        three = flat(f(x))
    finally:
        tj.set_num_threads(before)
    assert all(np.array_equal(a, b) for a, b in zip(one, three, strict=True))


CROSSED: dict[str, tuple[Function, tuple[Any, ...]]] = {
    "sum with the transpose": (lambda x: x + x.T, (short(150, 150),)),
    "transpose": (lambda x: x.T * 2, (short(130, 70).astype(np.float32),)),
    "one row": (lambda x, y: x.T + y, (short(1, 70), short(70, 1))),
    "less than one": (lambda x, y: x.T - y, (short(5, 3), short(3, 5))),
    "batch": (lambda x, y: np.exp(x.transpose(0, 2, 1)) * y[:, None], (short(3, 65, 66), short(3, 65))),
    "reversed": (lambda x, y: x[::-1].T + y[:, ::-1], (short(70, 80), short(80, 70))),
    "a transposed result": (lambda x, y: (x + y.T, (x * y.T).sum(), (x > y.T).any()), (short(66, 129), short(129, 66))),
    "steps": (lambda x, y: x[::2, ::3].T * y, (short(140, 210), short(70, 70))),
    "complex": (lambda x: (x.T * x).real, (short(70, 70) * 1j + 1,)),
}


@pytest.mark.parametrize("name", CROSSED)
def test_operands_along_and_across_the_rows_are_right_in_tiles_and_without(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEJIT_CHECK", "1")  # so that no file is taken from the cache
    function, arguments = CROSSED[name]
    f = tj.function(function)
    found = f(*arguments)
    assert_close(found, function(*arguments))
    assert_close(f.debug(*arguments), found)
    assert ("for tile in" in str(f.source())) == (name not in ("one row", "steps"))
    monkeypatch.setattr(cost, "CROSSED", 0)
    direct = tj.function(function)
    assert_close(direct(*arguments), found)
    assert "for tile in" not in str(direct.source())


def normalized(x: Any, axes: tuple[int, ...]) -> Any:
    mean = x.mean(axes, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + 1e-3)


TURNED: dict[str, tuple[Function, tuple[int, ...], int]] = {  # and how many passes over memory
    "softmax": (lambda x: softmax(x, 1), (3, 40, 50), 2),
    "variance": (lambda x: x.var(1), (3, 40, 50), 1),
    "batch norm": (lambda x: normalized(x, (0, 2, 3)), (3, 4, 5, 6), 2),
    "search": (lambda x: np.tanh(x).argmax(1), (3, 40, 50), 1),
    "what others read, too": (lambda x: (np.exp(x), np.exp(x).sum(1)), (3, 40, 50), 2),
}


@pytest.mark.parametrize("name", TURNED)
def test_what_is_reduced_over_axes_in_the_middle_is_stored_nowhere(name: str) -> None:
    function, shape, passes_over_memory = TURNED[name]
    x = short(*shape)
    f = tj.function(function)
    assert_close(f(x), function(x))
    assert len(f.programs.entries[-1].program.schedule.steps) == passes_over_memory
    assert all(size < x.nbytes for size in slots(f, n=shape[0], m=shape[1], k=shape[2]))


def test_an_exponential_is_computed_again_rather_than_stored_and_what_takes_longer_is_not() -> None:
    x = short(30, 40)
    f = tj.function(lambda x: softmax(x, 0))
    assert_close(f(x), softmax(x, 0))
    assert all(size < x.nbytes for size in slots(f, n=30, m=40))
    g = tj.function(lambda x: tj.lgamma(x) / tj.lgamma(x).sum(0))
    g(x)
    assert any(size == x.nbytes for size in slots(g, n=30, m=40))


def test_what_is_computed_again_comes_before_what_reads_it() -> None:
    def masked(x: Any) -> Any:
        small = x < 0.5
        e = np.exp(x - x.max())
        return np.where(small, np.tanh(e / e.sum()), 0.0)

    x = short(40)
    assert_close(tj.function(masked)(x), masked(x))


@pytest.mark.parametrize("shape", [(4, 5000), (1, 7), (cost.FEW_ROWS, 1500), (cost.FEW_ROWS + 1, 1500), (3, 0), (2, 3, 3000)])
def test_columns_of_few_rows_are_added_up_in_strips(shape: tuple[int, ...]) -> None:
    def sums(x: Any) -> Any:
        axes = tuple(range(len(shape) - 1))
        return x.sum(axes), (x * x).max(axes), (x[..., ::-1] > 1).sum(axes), x.var(axes)

    x, f = short(*shape), tj.function(sums)
    assert_close(f(x), sums(x))
    assert_close(f.debug(x), sums(x))
    g = tj.function(lambda x: x.sum(0))
    g(short(5, 70))
    assert "region_0_few" in str(g.source())


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "b1"])
def test_sums_so_far_are_right_down_columns(axis: int, dtype: str) -> None:
    x = (10 * short(3, 4, 1500)).astype(dtype)
    f = tj.function(lambda x: (np.cumsum(x, axis=axis), np.cumsum(x[::-1, ::-1], axis=axis)))
    assert_close(f(x), (np.cumsum(x, axis=axis), np.cumsum(x[::-1, ::-1], axis=axis)))
    assert_close(f.debug(x[:, :, :30]), (np.cumsum(x[:, :, :30], axis=axis), np.cumsum(x[::-1, ::-1, :30], axis=axis)))


def test_parts_that_replace_what_is_still_read_wait() -> None:
    v = tj.Variable(np.arange(6.0))

    @tj.function
    def rotate() -> Any:
        old = np.exp(v)
        v.assign(np.concatenate([v[1:] * 2, v[:1] * 3 + 1]))
        return old

    assert_close(rotate(), np.exp(np.arange(6.0)))
    assert_close(v.numpy(), np.array([2, 4, 6, 8, 10, 1]))


# Means and variances of columns


def statistics(x: Any) -> Any:
    return x.mean(0), x.var(0), x.max(0), x.mean(1), x.var(1), x.max(1)


COLUMNS: dict[str, tuple[Function, np.ndarray]] = {
    "both axes": (statistics, short(333, 50)),
    "float32": (statistics, short(5000, 7).astype(np.float32)),
    "wide": (statistics, short(9, 3000)),
    "known sizes": (lambda x: (x[:16].var(0), x[:16, :5].std(0)), short(40, 30)),
    "two axes": (lambda x: x.std((0, 1)), short(20, 30, 11)),
    "transposed": (lambda x: x.T.var(0), short(60, 70)),
    "of what is computed": (lambda x: np.exp(x).var(0) + np.exp(x).mean(0), short(70, 9)),
    "normalized": (lambda x: (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-3), short(70, 9)),
    "its derivative": (tj.grad(lambda x: (x.var(0) ** 2).sum()), short(70, 9)),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_means_and_variances_of_columns_are_right_in_one_pass_and_in_two(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEJIT_CHECK", "1")  # so that no file is taken from the cache
    function, x = COLUMNS[name]
    f = tj.function(function)
    found = f(x)
    if name != "its derivative":
        assert_close(found, function(x.astype(np.float64)))
    assert_close(f.debug(x), found)
    monkeypatch.setattr(importlib.import_module("tracejit.schedule.plan"), "match_moments", lambda graph: graph)
    two = tj.function(function)
    assert_close(two(x), found)
    assert "moments" in str(f.schedule()) and "moments" not in str(two.schedule())


def test_statistics_of_both_axes_take_one_loop_over_the_matrix() -> None:
    f = tj.function(statistics)
    f(short(50, 60))
    assert str(f.schedule()).count("Loop over (n, m") == 1


@pytest.mark.parametrize("first", [0.0, 1e4, -1e6])
@pytest.mark.parametrize("offset", [0.0, 1e3, 1e5])
def test_variances_in_one_pass_are_as_near_as_those_of_numpy(first: float, offset: float) -> None:
    """Also where all values are far from zero, or the first row is far from the others."""
    x = (short(20_000, 6) + offset).astype(np.float32)
    x[0] = first
    exact = x.astype(np.float64)
    mean, var = tj.function(lambda x: (x.mean(0), x.var(0)))(x)
    for ours, numpys, right in ((mean, x.mean(0), exact.mean(0)), (var, x.var(0), exact.var(0))):
        assert np.abs(ours - right).max() <= max(4 * np.abs(numpys - right).max(), 1e-5 * np.abs(right).max())


def test_variances_of_no_rows_and_of_special_values_are_those_of_numpy() -> None:
    signature = [tj.TensorSpec((None, 3), "float64")]
    f = tj.function(lambda x: (x.mean(0), ((x - x.mean(0)) ** 2).sum(0), x.var(0)), input_signature=signature)
    special = np.array([[1.0, np.inf, np.nan], [2.0, 5.0, 1.0], [0.0, 1.0, 2.0]])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for x in (np.ones((0, 3)), np.ones((1, 3)), special):
            expected = x.mean(0), ((x - x.mean(0)) ** 2).sum(0), x.var(0)
            for found, value in zip(f(x), expected, strict=True):
                np.testing.assert_allclose(found, value)


def shared_places(x: np.ndarray, times: int) -> np.ndarray:
    place = np.zeros(len(x), int)
    for step in range(times):
        place = np.where(x[place] < 0.5, np.minimum(place + step, 39), place)
    return place


def balanced(x: np.ndarray, times: int) -> np.ndarray:
    for _ in range(times):
        x = x - np.mean(x, axis=1, keepdims=True) + np.abs(x) / 2
    return x


@pytest.mark.parametrize(("function", "shape"), [(shared_places, (40,)), (balanced, (7, 40))])
def test_the_source_of_a_loop_grows_with_the_loop(function: Any, shape: tuple[int, ...]) -> None:
    """Values that are used twice, thirty times over, are looked at once; what sweeps over a row have computed they keep."""
    x, lines = np.random.default_rng(0).random(shape), []
    for times in (15, 30):
        compiled = tj.function(function)
        np.testing.assert_allclose(compiled(x, times), function(x, times), rtol=1e-12)
        lines.append(str(compiled.source()).count("\n"))
    assert lines[1] < 2.3 * lines[0]


LONG = {
    "elements": lambda x: halved(x, 300),
    "their derivative": tj.grad(lambda x: np.sum(halved(x, 120))),
    "what a middle axis is reduced of": lambda x: np.sum(scaled(x[:, None] + x[..., None], 400), axis=1),
    "numbers": lambda x: x * halved(np.sum(x), 400),
    "numbers alone": lambda x: halved(np.sum(x), 400),
}


def scaled(x: Any, times: int) -> Any:
    for _ in range(times):
        x = np.abs(x * 0.9) + 0.1
    return x


def halved(x: Any, times: int) -> Any:
    for _ in range(times):
        x = x * 0.5 + np.abs(x) - x
    return x


@pytest.mark.parametrize("name", LONG)
def test_long_chains_of_operations_compile(name: str) -> None:
    x = np.random.default_rng(0).random((3, 4))
    compiled = tj.function(LONG[name])
    np.testing.assert_allclose(compiled(x), compiled.debug(x), rtol=1e-12)
    if name != "their derivative":
        np.testing.assert_allclose(compiled(x), LONG[name](x), rtol=1e-12)


def test_a_long_chain_says_why_it_is_not_one_loop() -> None:
    compiled = tj.function(lambda x: halved(x, 100))
    compiled(np.ones(5))
    assert "one loop would have" in str(compiled.explain())
