"""The emulator reports what a GPU would leave to chance: faults are planted here."""

import inspect

import numpy as np
import pytest
from cuda_tools import Machine

from tracejit.backends.cuda import collective, emulator
from tracejit.backends.cuda.emulator import EmulationError
from tracejit.backends.cuda.geometry import Geometry

THREADS = 64
HEAD = (
    "from prelude import across_sum, f32, f32_at, lane, lanes, launch, meet, program, region, shared, shuffle, sync, warp_sync\n"
)
STEP = f"""

@program
def step(table):
    launch(region_0, table, 8, 1, {THREADS})
"""
EXCHANGE = """

@region
def region_0(args):
    out = f32_at(args[0], 64)
    held = shared(f32(0), 0)
    if lane() % 32 == 0:
        held[lane() // 32] = f32(1 + lane() // 32)
    sync()
    out[lane()] = held[1 - lane() // 32]
"""
TWICE = """

@region
def region_0(args):
    out = f32_at(args[0], 64)
    a0 = across_sum(f32(lane()))
    a1 = across_sum(f32(1))
    out[lane()] = a0 + a1
"""


def run(body, backwards=False):
    out = np.full(THREADS, np.nan, np.float32)
    table = np.zeros(16, np.int64)
    table[8] = out.ctypes.data
    Machine(Geometry(), backwards).load(HEAD + body + STEP, "planted.py")(table)
    return out


@pytest.mark.parametrize("backwards", [False, True])
def test_a_missing_barrier_shows(backwards):
    np.testing.assert_array_equal(run(EXCHANGE, backwards), np.repeat([2, 1], 32))
    assert np.isnan(run(EXCHANGE.replace("    sync()\n", ""), backwards)).any()


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("number", [0, 1])
def test_reductions_need_each_of_their_barriers(number, backwards, monkeypatch):
    expected = sum(range(THREADS)) + THREADS
    np.testing.assert_array_equal(run(TWICE, backwards), expected)
    begin, *rest = inspect.getsource(collective.across).split("        sync()\n")
    planted = "        sync()\n".join([begin, *rest][: number + 1]) + "        sync()\n".join(rest[number:])
    whole = inspect.getsource(collective).replace(inspect.getsource(collective.across), planted)
    assert whole.count("sync()") == inspect.getsource(collective).count("sync()") - 1
    monkeypatch.setattr(emulator.inspect, "getsource", lambda module: whole)
    assert (run(TWICE, backwards) != expected).any()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "if lane() < 8:\n        x = shuffle(f32(1), 4)",
            "lanes of one group are at different places: .*, the end",
        ),
        ("if lane() < 8:\n        warp_sync()\n    else:\n        x = shuffle(f32(1), 4)", "lanes of one group are at different"),
        ("if lane() < 32:\n        sync()", "a thread has ended while others of its block wait"),
        ("if lane() < 32:\n        sync()\n    else:\n        sync()", "threads of one block wait at different barriers"),
        ("out[lane() + 1] = f32(0)", "index 64 of 64 elements of float32"),
        ("out[lane() - 1] = f32(0)", "index -1 of 64 elements of float32"),
    ],
)
def test_faults_are_reported(body, message):
    with pytest.raises(EmulationError, match=message):
        run(f"\n\n@region\ndef region_0(args):\n    out = f32_at(args[0], 64)\n    {body}\n")


def test_groups_of_one_warp_go_their_own_ways():
    body = """

@region
def region_0(args):
    out = f32_at(args[0], 64)
    i = 0
    while i < 1 + lane() // 32:
        a0 = across_sum(f32(1))
        meet()
        i += 1
    out[lane()] = a0
"""
    with pytest.raises(EmulationError, match="a thread has ended"):
        run(body)
    step = STEP.replace(f"1, {THREADS}", "1, (8, 4)")
    rows = body.replace("lane() // 32", "group() % 3").replace("out[lane()]", "out[group() * 8 + lane()]")
    out, table = np.zeros(THREADS, np.float32), np.zeros(16, np.int64)
    table[8] = out.ctypes.data
    Machine(Geometry()).load(HEAD.replace("lane,", "group, lane,") + rows + step, "planted.py")(table)
    np.testing.assert_array_equal(out[:32], 8)
