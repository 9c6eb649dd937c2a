"""``function(background=True)``: NumPy evaluates the calls until a process has compiled the program."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tracejit as tj
from tracejit.runtime import background, cache

HELD = """
import pathlib, runpy, sys, time
gate = pathlib.Path(sys.argv.pop(1))
while not gate.exists():
    time.sleep(0.01)
sys.argv[0] = "worker"
runpy.run_module("tracejit.runtime.worker", run_name="__main__")
"""


class Gate:
    """Holds workers back until it is opened."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> None:
        self.path.touch()


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    monkeypatch.setenv("TRACEJIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(background, "COMMAND", (sys.executable, "-c", HELD, str(tmp_path / "open")))
    made = Gate(tmp_path / "open")
    yield made
    made.open()
    for worker in [*background._running]:
        worker.wait()


def entry_of(f: Any) -> Any:
    return f.programs.entries[-1]


def test_calls_are_right_before_and_after_the_program_is_there(gate: Gate) -> None:
    w, count = tj.Variable(np.array([1.0, 2.0, 4.0])), tj.Variable(np.int64(0))

    def step(x, rate):
        count.assign_add(1)
        error = np.mean((x @ w - 1) ** 2)
        w.assign_sub(rate * x.T @ (x @ w - 1))
        return {"error": error, "rows": x.shape[0], "x": x[::-1]}

    f = tj.function(step, background=True)
    rng = np.random.default_rng(0)
    xs = [rng.standard_normal((n, 3)) for n in (4, 5, 4, 6, 4, 4)]
    mine = w.numpy().copy()
    for number, x in enumerate(xs):
        if number == 3:
            assert entry_of(f).waiting is not None and not f.programs.routes
            gate.open()
            f.compile(x, 0.01)
            assert entry_of(f).waiting is None
        out = f(x, 0.01)
        np.testing.assert_allclose(out["error"], np.mean((x @ mine - 1) ** 2), rtol=1e-9)
        mine -= 0.01 * x.T @ (x @ mine - 1)
        np.testing.assert_allclose(w.numpy(), mine, rtol=1e-9)
        np.testing.assert_array_equal(out["x"], x[::-1])
        assert out["rows"] == len(x) and type(out["error"]) is np.float64
    assert int(count.numpy()) == len(xs) and f.compilations == 1 and f.programs.routes


def test_a_program_in_the_cache_is_loaded_at_once(gate: Gate) -> None:
    tj.function(lambda x: np.tanh(x) * 1.625)(np.ones(3))
    f = tj.function(lambda x: np.tanh(x) * 1.625, background=True)
    f(np.ones(3))
    assert entry_of(f).waiting is None and not background._running


def test_arguments_are_written_to_while_it_waits(gate: Gate) -> None:
    @tj.function(background=True)
    def f(x, y):
        x[1:] = x[:-1] + y
        return x

    x = np.arange(4.0)
    assert f(x, 10.0) is x and x.tolist() == [0, 10, 11, 12]
    assert entry_of(f).waiting is not None
    donated = tj.function(lambda x: x * 2.75, background=True, donate="x")
    assert donated(x) is x and x.tolist() == [0, 27.5, 30.25, 33]


def test_errors_of_a_call_are_the_same(gate: Gate) -> None:
    v = tj.Variable(np.zeros(3))

    @tj.function(background=True)
    def f(x, i):
        v.assign_add(x[i])
        return x[i]

    with pytest.raises(tj.IndexOutOfBoundsError, match="out of bounds"):
        f(np.ones((2, 3)), np.array(5))
    assert v.numpy().tolist() == [0, 0, 0] and entry_of(f).waiting is not None
    with pytest.raises(tj.ShapeError):
        tj.function(lambda x, y: x + y, background=True)(np.ones(3), np.ones(2))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ((sys.executable, "-c", "raise SystemExit('it broke')"), "it ended with status 1: it broke"),
        ((sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"), "it ended with status -9: it said nothing"),
        (("/nowhere/python",), "it cannot be started: .*No such file"),
        ((sys.executable, "-c", ""), "the cache, .*, does not hold what it made"),
    ],
)
def test_a_worker_that_fails_costs_a_warning(gate: Gate, monkeypatch: pytest.MonkeyPatch, command: Any, reason: str) -> None:
    monkeypatch.setattr(background, "COMMAND", command)
    f = tj.function(lambda x: np.sin(x) * 1.375, background=True, name="f")
    with pytest.warns(RuntimeWarning, match=f"the process that compiles f failed, so it is compiled here: {reason}"):
        f.compile(np.ones(3))
    assert entry_of(f).waiting is None
    np.testing.assert_allclose(f(np.ones(3)), np.sin(np.ones(3)) * 1.375)
    assert cache.holds(cache.code_key(str(f.source())))


def test_no_more_workers_run_than_there_are_cores(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACEJIT_NUM_THREADS", "1")
    functions = [tj.function(lambda x, c=c: x * c, background=True) for c in (1.1, 1.2, 1.3)]
    for f in functions:
        f(np.ones(2))
    assert len(background._running) == 1
    gate.open()
    for f in functions[::-1]:
        f.compile(np.ones(2))
        assert entry_of(f).waiting is None


def test_threads_see_the_updates_of_each_other(gate: Gate) -> None:
    v = tj.Variable(np.zeros(100))

    @tj.function(background=True)
    def f(x):
        v.assign_add(x)

    def work() -> None:
        for _ in range(50):
            f(np.ones(100))

    f(np.ones(100))
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    gate.open()
    for thread in threads:
        thread.join()
    assert v.numpy().tolist() == [151] * 100


def test_the_environment_switches_it_on_and_a_process_leaves_no_worker_behind(tmp_path: Path) -> None:
    program = f"""
import sys, numpy as np, tracejit as tj
from tracejit.runtime import background
background.COMMAND = (sys.executable, "-c", "import time; time.sleep(60)")
f = tj.function(lambda x: x * 2.125)
assert f(np.ones(2)).tolist() == [2.125, 2.125]
(worker,) = background._running
open({str(tmp_path / "pid")!r}, "w").write(str(worker._process.pid))
"""
    environment = os.environ | {"TRACEJIT_CACHE_DIR": str(tmp_path / "cache"), "TRACEJIT_BACKGROUND": "1"}
    subprocess.run([sys.executable, "-W", "error", "-c", program], env=environment, check=True, timeout=50)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_process_that_waits_imports_no_compiler(tmp_path: Path) -> None:
    program = """
import sys, numpy as np, tracejit as tj
f = tj.function(lambda x: x * 3.125, background=True)
for _ in range(3):
    f(np.ones(2))
f.compile(np.ones(2))
assert f(np.ones(2)).tolist() == [3.125, 3.125]
assert "tracejit.backends.llvm.translate" not in sys.modules
"""
    environment = os.environ | {"TRACEJIT_CACHE_DIR": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-W", "error", "-c", program], env=environment, check=True)


def test_a_file_that_is_changed_before_its_worker_reads_it_is_not_taken_for_the_program(gate: Gate) -> None:
    f = tj.function(lambda x: x * 3, background=True)
    assert f(np.ones(2)).tolist() == [3, 3]
    path = Path(entry_of(f).program.path)
    text = path.read_text()
    path.write_text(text.replace("3.0", "4.0"))
    assert path.read_text() != text
    gate.open()
    with pytest.warns(RuntimeWarning, match="was changed before it was compiled"):
        f.compile(np.ones(2))
    assert f(np.ones(2)).tolist() == [3, 3]
    assert tj.function(lambda x: x * 3)(np.ones(2)).tolist() == [3, 3]
