"""Sorts: short rows in the memory of a block, long ones in runs that passes merge; stable, NaN last."""

import numpy as np
import pytest
from cuda_tools import Machine, cuda_source, run_emulated
from op_tools import graph_of
from program_tools import Program, assert_agree

from tracejit.backends.cuda.compile import compile_kernels
from tracejit.backends.cuda.geometry import Geometry
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE, composite
from tracejit.transforms import vjp

SORT = """
def order(x: f32[m, n]):
    t0: i64[m, n] = argsort(x)
    return (t0,), {}
"""
MACHINE = Geometry(block=64, most_lanes=64, most_blocks=3)
REGISTERS, MOST_SHARED = 65536, 49152


def order(dtype="f32"):
    return parse_graph(SORT.replace("f32", dtype), TABLE)


def drawn(dtype, shape):
    """Few different numbers, so that many are equal; NaN, infinities and zeros of both signs among floats."""
    rng = np.random.default_rng(0)
    if np.dtype(dtype).kind in "biu":
        return rng.integers(0, 50, shape).astype(dtype)
    special = rng.choice([np.nan, np.inf, -np.inf, -0.0], shape)
    return np.where(rng.uniform(size=shape) < 0.2, special, rng.integers(-20, 20, shape)).astype(dtype)


def assert_sorted(x, code, backwards=False):
    m, n = x.shape
    program = Program(order(code), (x,), {"m": m, "n": n})
    (found,) = run_emulated(program, Machine(MACHINE, backwards))
    np.testing.assert_array_equal(found, np.argsort(x, axis=-1, kind="stable"), strict=True)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(("m", "n"), [(0, 3), (3, 0), (5, 1), (70, 3), (9, 33), (2, 300), (1, 1024), (2, 1025), (1, 2048)])
def test_rows_of_any_length_are_sorted(m, n, backwards):
    assert_sorted(drawn("f4", (m, n)), "f32", backwards)


@pytest.mark.parametrize("dtype", ["f8", "i1", "u8", "?"])
def test_numbers_of_any_dtype_are_sorted(dtype):
    code = {"f8": "f64", "i1": "i8", "u8": "u64", "?": "b1"}[dtype]
    for shape in ((3, 20), (1, 1100)):
        assert_sorted(drawn(dtype, shape), code)


@pytest.mark.parametrize("values", ["falling", "rising", "equal", "far"])
def test_passes_merge_runs_whatever_lies_in_them(values):
    n = 5000  # five runs: three passes, of which one has runs without a neighbour
    x = {"falling": np.arange(n)[::-1], "rising": np.arange(n), "equal": np.zeros(n), "far": np.roll(np.arange(n), 1024)}[values]
    assert_sorted(x.astype("f4")[None], "f32")


def test_derivatives_follow_elements_to_their_places():
    x = np.random.default_rng(1).normal(size=(1, 1030))
    graph = vjp(vjp(graph_of(lambda x: [composite.sort(x * x, 1)], [x]), [0]), [0])
    arrays = [x, *(np.random.default_rng(k).normal(size=x.shape) for k in range(2))]
    program = Program(graph, tuple(arrays), {})
    assert_agree(run_emulated(program, Machine(MACHINE)), program.evaluated(), program)


def test_passes_are_counted_from_sizes_and_short_rows_need_none():
    _, source = cuda_source(order())
    assert "while width0 < n1:" in source.text and source.text.count("@region") == 2
    _, source = cuda_source(parse_graph(SORT.replace("m, n", "m, 1024"), TABLE))
    assert "width0" not in source.text and source.text.count("@region") == 1 and not source.workspace


def test_groups_of_a_block_share_the_memory_for_one_run():
    geometry = Geometry()
    for length in (1, 2, 3, 4, 5, 7, 31, 100, 128, 129, 1000, 1024, 5000):
        _, (lanes, together) = geometry.sort_grid(10_000, length)
        assert together * min(length, 1024) <= 1024 and lanes * together <= geometry.block
        assert together == 1 or lanes <= 32
    assert geometry.sort_grid(2, 10_000_000) == (4096, (256, 1)) and geometry.sort_grid(0, 0)[0] == 1


@pytest.mark.parametrize("dtype", ["f32", "f64", "i8", "b1"])
def test_they_compile_without_spills(dtype):
    _, source = cuda_source(order(dtype))
    for cc in ((8, 0), (9, 0)):
        for kernel in compile_kernels(source.text, "generated.py", cc).values():
            assert kernel.spills == kernel.stack == 0, kernel.entry
            assert kernel.registers * Geometry().block <= REGISTERS and kernel.shared <= MOST_SHARED, kernel.entry
