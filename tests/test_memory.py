"""What a process keeps: nothing of calls, of programs that were dropped, of retraces."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import tracejit as tj
from tracejit.frontend import programs

HEAD = """
import gc, os
import numpy as np, tracejit as tj

def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

def growth(work, count):
    # the most that a second and a third round add
    work(count // 2)
    sizes, objects = [resident()], [len(gc.get_objects())]
    for _ in range(2):
        work(count)
        sizes.append(resident())
        objects.append(len(gc.get_objects()))
    return min(b - a for a, b in zip(sizes, sizes[1:])), min(b - a for a, b in zip(objects, objects[1:]))

x = np.ones(7)
"""

CALLS = """
w = tj.Variable(np.ones(7))
big = np.ones(40_000)

@tj.function
def f(x, p, rate=0.5):
    w.assign_add(x * rate)
    return {"y": x * w, "s": np.sum(p["a"]), "big": p["a"] + 1}

def work(count):
    for i in range(count):
        f(x, {"a": big}, rate=float(i))

nbytes, objects = growth(work, 50_000)
assert nbytes < 300_000 and objects < 50, (nbytes, objects)
assert f.compilations == 1
"""

COLD = """
made = iter(range(10**6))

def work(count):
    for _ in range(count):
        c = next(made) + 0.123
        tj.function(lambda x: np.tanh(x * c) + np.sum(x))(x)

nbytes, objects = growth(work, 40)
assert nbytes < 40 * 40_000 and objects < 10 * 40, (nbytes, objects)
"""

RETRACES = """
numbers = iter(range(10**6))

@tj.function
def f(x, n):
    return x * (int(n) % 2 + 1)

def work(count):
    for n in (next(numbers) for _ in range(count)):
        assert f(x, n)[0] == n % 2 + 1

nbytes, objects = growth(work, 500)
assert nbytes < 500 * 2_000 and objects < 500, (nbytes, objects)
assert f.compilations == next(numbers)
"""


@pytest.mark.parametrize("text", [CALLS, COLD, RETRACES], ids=["100,000 calls", "dropped programs", "1,000 retraces"])
def test_memory_stays(text: str, tmp_path: object) -> None:
    environment = os.environ | {"TRACEJIT_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", HEAD + text], env=environment, check=True)


def test_a_function_keeps_the_programs_that_were_made_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "_MOST_PROGRAMS", 3)
    f = tj.function(lambda x, n: x * int(n))
    for n in (1, 2, 3, 4, 4, 2, 1):
        assert f(np.ones(2), n).tolist() == [n, n]
    assert f.compilations == 5 and len(f.programs.entries) == 3
    assert str(f.retraces()).startswith("<lambda> was traced 5 times")
