"""CUDA files of whole schedules: their text, and that they mean what NumPy says, in whichever order threads run."""

from pathlib import Path

import numpy as np
import pytest
from cuda_tools import Machine, cuda_source, random_program, run_emulated
from hypothesis import HealthCheck, given, settings
from program_tools import assert_agree, programs
from test_golden import GRAPHS

from tracejit.backends.cuda.geometry import Geometry
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE

FOLDER = Path(__file__).parent / "golden"
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
SIZES = [
    {"n": 5, "c": 70, "m": 7, "b": 3, "k": 6},  # rows of warps
    {"n": 70, "c": 5, "m": 3, "b": 1, "k": 2},  # several rows in one warp
    {"n": 6, "c": 300, "m": 9, "b": 2, "k": 1},  # rows of blocks of several warps
]
WARPS = Geometry(block=64, most_lanes=128, most_blocks=3)


@pytest.mark.parametrize("name", GRAPHS)
def test_generated_source_is_the_one_that_was_read(name, request):
    _, source = cuda_source(parse_graph(GRAPHS[name], TABLE))
    path = FOLDER / f"{name}.py"
    if request.config.getoption("--update-golden"):
        path.write_text(source.text)
    assert source.text == path.read_text(), "read the difference, then run pytest --update-golden"


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("name", GRAPHS)
def test_schedules_mean_what_numpy_says_in_any_order_of_threads(name, sizes, backwards):
    program = random_program(parse_graph(GRAPHS[name], TABLE), sizes)
    machine = Machine(WARPS, backwards)
    assert_agree(run_emulated(program, machine), program.evaluated(), program)


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(programs())
def test_random_programs_mean_what_numpy_says(program):
    assert_agree(run_emulated(program), program.evaluated(), program)


def test_empty_arrays_are_no_work_and_reduce_to_the_identity():
    for name in ("chain", "softmax", "flat_chain_and_sum", "columns", "scatter", "scan_and_join"):
        program = random_program(parse_graph(GRAPHS[name], TABLE), {"n": 0, "c": 3, "m": 0})
        assert_agree(run_emulated(program), program.evaluated(), program)


def test_a_failed_check_ends_the_program_before_its_updates():
    program = random_program(parse_graph(GRAPHS["checked_index"], TABLE), {"n": 3, "m": 4})
    x, _, w = program.arrays
    outside = type(program)(program.graph, (x, np.array([0, 1, 9, 2]), w), program.sizes)
    assert run_emulated(outside) == 1


def test_random_bits_are_those_of_the_cpu():
    graph = parse_graph(
        """
def bits(seed: i64):
    t0: i64[1000] = iota(size=1000, dtype=i64)
    t1: i64[1000] = broadcast(seed, shape=(1000,), axes=())
    t2: u32[1000] = philox(t0, t1, t0)
    return (t2,), {}
""",
        TABLE,
    )
    program = random_program(graph, {})
    for found, expected in zip(run_emulated(program), program.evaluated(), strict=True):
        np.testing.assert_array_equal(found, expected)
