"""CUDA files of whole schedules: their text, and that they mean what NumPy says, in whichever order threads run."""

from pathlib import Path

import numpy as np
import pytest
from cuda_tools import MACHINES, Machine, cuda_source, random_program, run_emulated
from hypothesis import HealthCheck, given, settings
from program_tools import assert_agree, programs
from test_golden import GRAPHS as SHARED_GRAPHS

from tracejit.backends.cuda.geometry import Geometry
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE

GRAPHS = SHARED_GRAPHS | {
    "row_and_column_sums": """
def row_and_column_sums(x: f32[n, c], g: f32[n, c]):
    t0: f32[n] = reduce_sum(x, axes=(1,))
    t1: f32[n, c] = broadcast(t0, shape=(n, c), axes=(0,))
    t2: f32[n, c] = multiply(g, t1)
    t3: f32[c] = reduce_sum(t2, axes=(0,))
    t4: f32 = reduce_sum(t2, axes=(0, 1))
    t5: f32 = reduce_max(t0, axes=(0,))
    return (t2, t3, t4, t5), {}
""",
    "sums_of_columns_as_rows": """
def sums_of_columns_as_rows(x: f64[c, n]):
    t0: f64[n, c] = transpose(x, perm=(1, 0))
    t1: f64[n, c] = exp(t0)
    t2: f64[n] = reduce_sum(t1, axes=(1,))
    t3: f64[n] = sqrt(t2)
    return (t3,), {}
""",
    "log_sum_exp": """
def log_sum_exp(x: f32[n, c], m: f32[n]):
    t0: f32[n] = reduce_max(x, axes=(1,))
    t1: f32[n, c] = broadcast(t0, shape=(n, c), axes=(0,))
    t2: f32[n, c] = subtract(x, t1)
    t3: f32[n, c] = exp(t2)
    t4: f32[n] = reduce_sum(t3, axes=(1,))
    t5: f32[n] = log(t4)
    t6: f32[n] = add(t5, t0)
    t7: f32[n] = add(m, t6)
    t8: f32 = reduce_max(t6, axes=(0,))
    return (t8,), {m: t7}
""",
    "crossed_in_a_batch": """
def crossed_in_a_batch(x: f16[b, n, m], y: f16[b, m, n], z: f16[m]):
    t0: f16[b, m, n] = transpose(x, perm=(0, 2, 1))
    t1: f16[b, m, n] = add(t0, y)
    t2: f16[b, m, n] = broadcast(z, shape=(b, m, n), axes=(1,))
    t3: f16[b, m, n] = multiply(t1, t2)
    t4: f16 = reduce_max(t3, axes=(0, 1, 2))
    return (t3, t4), {}
""",
    "column_sums_in_place": """
def column_sums_in_place(x: f32[n, c], m: f32[n, c]):
    t0: f32[n, c] = multiply(x, m)
    t1: f32[c] = reduce_sum(t0, axes=(0,))
    t2: f32[c] = reduce_prod(m, axes=(0,))
    t3: b1[n, c] = less(x, m)
    t4: b1[c] = reduce_any(t3, axes=(0,))
    return (t1, t2, t4), {x: t0}
""",
}
FOLDER = Path(__file__).parent / "golden"
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
SIZES = [
    {"n": 5, "c": 70, "m": 7, "b": 3, "k": 6},  # rows of warps
    {"n": 70, "c": 5, "m": 3, "b": 1, "k": 2},  # several rows in one warp
    {"n": 6, "c": 300, "m": 9, "b": 2, "k": 1},  # rows of blocks of several warps
]
WARPS = Geometry(block=64, most_lanes=128, most_blocks=40)


@pytest.mark.parametrize("name", GRAPHS)
def test_generated_source_is_the_one_that_was_read(name, request):
    _, source = cuda_source(parse_graph(GRAPHS[name], TABLE))
    path = FOLDER / f"{name}.py"
    if request.config.getoption("--update-golden"):
        path.write_text(source.text)
    assert source.text == path.read_text(), "read the difference, then run pytest --update-golden"


@pytest.mark.parametrize("way", MACHINES)
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("name", GRAPHS)
def test_schedules_mean_what_numpy_says_in_any_order_of_threads(name, sizes, backwards, way):
    program = random_program(parse_graph(GRAPHS[name], TABLE), sizes)
    machine = MACHINES[way](WARPS, backwards)
    assert_agree(run_emulated(program, machine), program.evaluated(), program)


def test_many_rows_whose_neighbours_touch_get_a_thread_each():
    program = random_program(parse_graph(GRAPHS["sums_of_columns_as_rows"], TABLE), {"n": 2100, "c": 3})
    assert WARPS.touching_grid(2100, 3, 0) == (33, (1, 64))
    assert_agree(run_emulated(program, Machine(WARPS)), program.evaluated(), program)


@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
@given(programs())
def test_random_programs_mean_what_numpy_says(program):
    assert_agree(run_emulated(program), program.evaluated(), program)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_scatters_add_by_atomic_operations_where_that_is_asked_for(sizes):
    program = random_program(parse_graph(GRAPHS["scatter"], TABLE), sizes)
    assert_agree(run_emulated(program, Machine(WARPS), atomic=True), program.evaluated(), program)


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
