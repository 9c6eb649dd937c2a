"""Running sums: many threads a row, many groups a long row, the same bits in every run."""

import numpy as np
import pytest
from cuda_tools import Machine, cuda_source, random_program, run_emulated
from program_tools import assert_agree

from tracejit.backends.cuda.compile import compile_kernels
from tracejit.backends.cuda.geometry import Geometry
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE

SUM = """
def running(x: f32[m, n]):
    t0: f32 = constant(value=1.0, dtype=f32)
    t1: f32[m, n] = broadcast(t0, shape=(m, n), axes=())
    t2: f32[m, n] = linear_scan(t1, x, axis=1, reverse=False)
    return (t2,), {}
"""
MACHINE = Geometry(block=64, most_lanes=128, most_blocks=9, least_piece=100)


def running(dtype="f32", reverse=False, flat=False):
    text = SUM.replace("f32", dtype).replace("value=1.0", "value=1" if dtype[0] in "iu" else "value=1.0")
    text = text.replace("reverse=False", f"reverse={reverse}")
    return parse_graph(text.replace("m, n", "n").replace("axis=1", "axis=0").replace("(n)", "(n,)") if flat else text, TABLE)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", ["f32", "f64", "i32", "u64", "c64"])
@pytest.mark.parametrize(("m", "n"), [(1, 5000), (3, 333), (70, 5), (2, 1), (0, 4), (4, 0)])
def test_running_sums_mean_what_numpy_says(m, n, dtype, reverse, backwards):
    program = random_program(running(dtype, reverse), {"m": m, "n": n})
    assert_agree(run_emulated(program, Machine(MACHINE, backwards)), program.evaluated(), program)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("m", "n", "k"), [(1, 900, 3), (2, 450, 2), (3, 50, 4), (1, 300, 1), (2, 0, 3)])
def test_columns_are_shared_where_there_are_few(m, n, k, reverse, backwards):
    text = SUM.replace("[m, n]", "[m, n, k]").replace("(m, n)", "(m, n, k)").replace("reverse=False", f"reverse={reverse}")
    program = random_program(parse_graph(text, TABLE), {"m": m, "n": n, "k": k})
    assert_agree(run_emulated(program, Machine(MACHINE, backwards)), program.evaluated(), program)


def test_a_long_row_is_shared_by_many_groups_and_a_short_one_by_few_lanes():
    geometry = Geometry()
    assert geometry.pieces_of(1, 10_000_000) == 1024 and geometry.pieces_of(1, 100_000) == 12
    assert geometry.pieces_of(5000, 10_000_000) == geometry.pieces_of(1, 8000) == geometry.pieces_of(0, 0) == 1
    _, source = cuda_source(running(flat=True))
    assert "if pieces0 > 1:" in source.text and source.text.count("@region") == 2


def test_special_values_are_kept():
    program = random_program(running(flat=True), {"n": 900})
    for values in ([np.inf, 1.0, -np.inf, 2.0], [-0.0] * 4, [np.nan, 1.0], [3e38, 3e38, -3e38]):
        x = np.zeros(900, np.float32)
        x[: len(values)] = values
        if values == [-0.0] * 4:
            x[:] = -0.0
        special = type(program)(program.graph, (x,), program.sizes)
        (found,), (expected, *_) = run_emulated(special, Machine(MACHINE)), special.evaluated()
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
        np.testing.assert_array_equal(np.signbit(found[:1]), np.signbit(expected[:1]))
        if values[0] == 0:
            np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@pytest.mark.parametrize("dtype", ["f32", "f64", "c128", "i64"])
def test_they_compile_without_spills(dtype):
    _, source = cuda_source(running(dtype))
    for cc in ((8, 0), (9, 0)):
        for kernel in compile_kernels(source.text, "generated.py", cc).values():
            assert kernel.spills == kernel.stack == 0, kernel.entry
            assert kernel.registers * Geometry().block <= 65536, kernel.entry  # a block of as many lanes fits


def test_a_recurrence_of_numbers_alone_goes_down_columns():
    graph = parse_graph(
        """
def powers(x: f32[n, m]):
    t0: f32 = constant(value=0.5, dtype=f32)
    t1: f32[n, m] = broadcast(t0, shape=(n, m), axes=())
    t2: f32[n, m] = linear_scan(t1, t1, axis=0, reverse=False)
    return (t2,), {}
""",
        TABLE,
    )
    program = random_program(graph, {"n": 5, "m": 3})
    assert_agree(run_emulated(program, Machine(MACHINE)), program.evaluated(), program)
