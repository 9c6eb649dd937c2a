"""What fuses beyond chains: passes over memory, arrays that never exist, and equal results with each optimisation turned off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracejit as tj
from tracejit.ir.size import evaluate
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
    return [evaluate(slot, sizes) for slot in function.programs.entries[-1].program.schedule.slots]


# Pairs


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_right_written_out_or_not(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
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
