"""The memory of a call as ``f.schedule()`` predicts it, and what is allocated then."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from program_tools import programs

import tracejit as tj
from tracejit.codegen.emit import emit
from tracejit.ir.size import evaluate
from tracejit.runtime.footprint import laid_out
from tracejit.schedule import plan
from tracejit.transforms.passes import optimize


def predicted(f: Any, *args: Any) -> dict[str, int]:
    """The numbers of the last line of ``f.schedule(*args)``."""
    line = str(f.schedule(*args)).splitlines()[-1]
    parts = r"memory: (\d+) bytes of arguments and Variables \+ (\d+) of results \+ (\d+) of arena \+ (\d+) of workspace"
    found = re.fullmatch(parts + r" = (\d+) bytes", line)
    assert found, line
    return dict(zip(("arguments", "results", "arena", "workspace", "all"), map(int, found.groups()), strict=True))


def layered(x: Any, ws: Any) -> Any:
    for w in ws:
        x = np.tanh(x @ w)
    return x, np.sum(x, axis=0)


def test_what_is_predicted_is_what_is_allocated() -> None:
    v = tj.Variable(np.ones((30, 10)))
    f = tj.function(lambda x, ws: (*layered(x, ws), np.sum(x @ v)))
    for n in (5, 700):
        x, ws = np.ones((n, 30)), [np.ones((30, 40)), np.ones((40, 20)), np.ones((20, 7))]
        out = f(x, ws)
        found = predicted(f, x, ws)
        (entry,) = f.programs.entries
        assert found["arguments"] == x.nbytes + sum(w.nbytes for w in ws) + v.numpy().nbytes
        assert found["results"] == sum(np.asarray(y).nbytes for y in out)
        assert found["arena"] + found["workspace"] == entry.executable._arena.nbytes
        assert found["all"] == sum(found.values()) - found["all"]


def test_sizes_that_are_open_stay_symbols() -> None:
    f = tj.function(lambda x: np.cumsum(np.tanh(x) * 2, axis=0))
    for listing in (f.schedule(tj.TensorSpec((None,), "float32")), f.schedule()):
        assert "memory: 4*n bytes of arguments and Variables + 4*n of results + " in str(listing)
    assert predicted(f, np.ones(6, np.float32))["results"] == 24


def test_donated_arguments_save_the_memory_of_results() -> None:
    def work(p: Any) -> Any:
        return {k: np.tanh(v) for k, v in p.items()}

    p = {"a": np.ones((100, 7)), "b": np.ones(5)}
    plain, donated = (predicted(tj.function(work, donate=names), p) for names in ((), "p"))
    assert plain["results"] == sum(v.nbytes for v in p.values()) and donated["results"] == 0
    assert plain["all"] - donated["all"] == plain["results"]


def test_values_that_do_not_live_together_share_memory() -> None:
    x, sizes = np.ones((64, 64)), (64, 48, 32, 56, 40, 24)
    ws = [np.ones(shape) for shape in itertools.pairwise(sizes)]
    f = tj.function(layered)
    call = f.read((x, ws), {})
    entry = f.programs.entry_for(call)
    known = entry.sizes_of(call)
    assert known is not None
    total = sum(evaluate(slot.nbytes, known) for slot in entry.program.source.slots)
    assert predicted(f, x, ws)["arena"] < 0.7 * total
    np.testing.assert_allclose(f(x, ws)[0], layered(x, ws)[0], rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(programs(), st.integers(2, 9))
def test_slots_that_live_together_are_apart(program: Any, size: int) -> None:
    source = emit(plan(optimize(program.graph)))
    sizes = dict.fromkeys(program.graph.symbols(), size)
    starts, end = laid_out(source, sizes)
    for (a, i), (b, j) in itertools.combinations(zip(source.slots, starts, strict=True), 2):
        if a.since <= b.until and b.since <= a.until:
            assert i + evaluate(a.nbytes, sizes) <= j or j + evaluate(b.nbytes, sizes) <= i
    for slot, start in zip(source.slots, starts, strict=True):
        assert start % 64 == 0 and start + evaluate(slot.nbytes, sizes) <= end


PEAK = """
import resource
import numpy as np, tracejit as tj

def peak():
    with open("/proc/self/status") as file:  # the counter of getrusage goes on from the parent's
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

f = tj.function(lambda x: np.cumsum(np.cumsum(np.tanh(x), axis=0)[::-1], axis=0))
f(np.ones(10))
x = np.ones(4_000_000)
predicted = int(str(f.schedule(x)).split()[-2])
before = resident()
for _ in range(3):
    f(x)
    assert abs(peak() - before - (predicted - x.nbytes)) < 4_000_000, (peak() - before, predicted - x.nbytes)
"""


def test_the_process_grows_by_what_was_predicted(tmp_path: object) -> None:
    subprocess.run([sys.executable, "-c", PEAK], env=os.environ | {"TRACEJIT_CACHE_DIR": str(tmp_path)}, check=True)
