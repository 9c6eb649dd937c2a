"""Both emulators report what a GPU would leave to chance: faults are planted here."""

import inspect
import linecache
from types import ModuleType

import cuda_tools
import numpy as np
import pytest
import source_emulator
from cuda_tools import MACHINES

from tracejit.backends.cuda import collective, prelude
from tracejit.backends.cuda.geometry import Geometry
from tracejit.runtime.cuda.emulator import EmulationError

each_way = pytest.mark.parametrize("way", MACHINES)

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


def run(way, body, backwards=False):
    out = np.full(THREADS, np.nan, np.float32)
    table = np.zeros(16, np.int64)
    table[8] = out.ctypes.data
    MACHINES[way](Geometry(), backwards).load(HEAD + body + STEP, "planted.py")(table)
    return out


def plant(way, text, monkeypatch):
    """Have both emulators take ``text`` for the module ``collective``."""
    if way == "source":
        monkeypatch.setattr(source_emulator.inspect, "getsource", lambda module: text)
        return
    monkeypatch.setattr(cuda_tools, "kernels", cuda_tools.kernels.__wrapped__)
    planted = ModuleType(collective.__name__)
    planted.__file__ = "planted_collective.py"
    linecache.cache[planted.__file__] = (len(text), None, text.splitlines(keepends=True), planted.__file__)
    exec(compile(text, planted.__file__, "exec"), vars(planted))
    monkeypatch.setattr(prelude, "collective", planted)
    for name, word in prelude._thread_words(prelude._SCALAR).items():
        monkeypatch.setitem(prelude.WORDS, name, word)


@each_way
@pytest.mark.parametrize("backwards", [False, True])
def test_a_missing_barrier_shows(way, backwards):
    np.testing.assert_array_equal(run(way, EXCHANGE, backwards), np.repeat([2, 1], 32))
    assert np.isnan(run(way, EXCHANGE.replace("    sync()\n", ""), backwards)).any()


@each_way
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("number", [0, 1])
def test_reductions_need_each_of_their_barriers(way, number, backwards, monkeypatch):
    expected = sum(range(THREADS)) + THREADS
    np.testing.assert_array_equal(run(way, TWICE, backwards), expected)
    begin, *rest = inspect.getsource(collective.across).split("        sync()\n")
    planted = "        sync()\n".join([begin, *rest][: number + 1]) + "        sync()\n".join(rest[number:])
    whole = inspect.getsource(collective).replace(inspect.getsource(collective.across), planted)
    assert whole.count("sync()") == inspect.getsource(collective).count("sync()") - 1
    plant(way, whole, monkeypatch)
    assert (run(way, TWICE, backwards) != expected).any()


@each_way
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
    ],
)
def test_faults_are_reported(way, body, message):
    with pytest.raises(EmulationError, match=message):
        run(way, f"\n\n@region\ndef region_0(args):\n    out = f32_at(args[0], 64)\n    {body}\n")


@each_way
@pytest.mark.parametrize(("index", "found"), [("lane() + 1", 64), ("lane() - 1", -1)])
def test_accesses_outside_of_an_array_are_reported(way, index, found):
    with pytest.raises(EmulationError, match=f"index {found} of 64 elements of f"):
        run(way, f"\n\n@region\ndef region_0(args):\n    out = f32_at(args[0], 64)\n    out[{index}] = f32(0)\n")


@each_way
def test_groups_of_one_warp_go_their_own_ways(way):
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
        run(way, body)
    step = STEP.replace(f"1, {THREADS}", "1, (8, 4)")
    rows = body.replace("lane() // 32", "group() % 3").replace("out[lane()]", "out[group() * 8 + lane()]")
    out, table = np.zeros(THREADS, np.float32), np.zeros(16, np.int64)
    table[8] = out.ctypes.data
    MACHINES[way](Geometry()).load(HEAD.replace("lane,", "group, lane,") + rows + step, "planted.py")(table)
    np.testing.assert_array_equal(out[:32], 8)
