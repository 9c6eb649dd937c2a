"""The LLVM IR of kernels, run: with the grids of a GPU at many sizes, and with faults planted in its translation.

The emulator of the source knows nothing of the translation, so it finds none of these faults; that is shown, too.
"""

import cuda_tools
import pytest
from cuda_tools import MACHINES, Machine, random_program, run_emulated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from program_tools import assert_agree
from test_emulated_schedules import GRAPHS

from tracejit.backends.cuda import neighbours, threads
from tracejit.backends.cuda.geometry import Geometry
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE
from tracejit.runtime.cuda.emulator import EmulationError

ROWS = ("softmax", "half_softmax", "variance", "argmax", "row_and_column_sums", "sums_of_columns_as_rows")
FLAT = ("flat_chain_and_sum", "half_chain", "bfloat16_chain", "updates", "scatter", "columns")
FEW = Geometry(block=128, most_blocks=7)  # so that blocks have more than one row, tile or piece each


def check(name, sizes, machine):
    program = random_program(parse_graph(GRAPHS[name], TABLE), sizes)
    assert_agree(run_emulated(program, machine), program.evaluated(), program)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("geometry", [Geometry(), FEW], ids=("of a GPU", "of few blocks"))
@pytest.mark.parametrize(("n", "c"), [(5, 9001), (517, 33), (1031, 7), (9, 1025), (8200, 2)])
@pytest.mark.parametrize("name", ROWS + FLAT)
def test_schedules_mean_what_numpy_says_with_the_grids_of_a_gpu(name, n, c, geometry, backwards):
    check(name, {"n": n, "c": c, "m": 5, "b": 2, "k": 3}, Machine(geometry, backwards))


def test_the_grids_of_a_gpu_have_blocks_of_16_warps():
    assert Geometry().row_grid(5, 9001, 0)[1] == (512, 1)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(ROWS + FLAT), st.integers(5, 700), st.integers(1, 1500), st.integers(1, 40), st.booleans())
def test_schedules_mean_what_numpy_says_at_any_size(name, n, c, m, backwards):
    check(name, {"n": n, "c": c, "m": m, "b": 2, "k": 3}, Machine(FEW, backwards))


def lacks_its_place(build):
    """A mask of as many lanes as a group has, but always the first ones of the warp."""
    width = threads._register(build, "ntid.x")
    whole = build.icmp_unsigned(">=", width, threads.WORD(threads.WARP))
    bits = build.sub(build.shl(threads.WORD(1), build.select(whole, threads.WORD(1), width)), threads.WORD(1))
    return build.select(whole, threads.WORD(-1), bits)


def turned_pairs(build, numbers):
    wide = [build.zext(number, neighbours.NUMBER) for number in numbers]
    pairs = zip(wide[1::2], wide[::2], strict=True)
    return [build.or_(low, build.shl(high, neighbours.NUMBER(16))) for low, high in pairs]


def ends_within(here, at, end, count):
    return at + count <= end


def begins_within(here, at, end, count):
    return at < end


FAULTS = {
    "the mask of a group": (threads, "_mask", lacks_its_place, "softmax", (70, 30), "the mask of a lane is without it"),
    "the way of an exchange": (threads, "XOR", 1, "softmax", (5, 70), "a lane asks one that is not in its mask"),
    "the memory of a block": (threads, "PLACE", 2, "argmax", (6, 300), "Not equal|index|not aligned"),
    "the order of halves": (neighbours, "_in_pairs", turned_pairs, "half_chain", (5, 72), "Not equal"),
    "the alignment of neighbours": (neighbours, "_is_whole", ends_within, "chain", (5, 7), "not aligned"),
    "the end of neighbours": (neighbours, "_is_whole", begins_within, "chain", (5, 70), "index 70 of 70"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_the_translation_are_found(fault, monkeypatch):
    module, name, planted, graph, (n, c), message = FAULTS[fault]
    sizes = {"n": n, "c": c, "m": 5, "b": 2, "k": 3}
    monkeypatch.setattr(cuda_tools, "kernels", cuda_tools.kernels.__wrapped__)
    check(graph, sizes, Machine(Geometry()))
    monkeypatch.setattr(module, name, planted)
    check(graph, sizes, MACHINES["source"](Geometry()))
    with pytest.raises((AssertionError, EmulationError), match=message):
        check(graph, sizes, Machine(Geometry()))
