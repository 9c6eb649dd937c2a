"""The benchmarks compare what they say, count right, and hide nobody who fails."""

import importlib
import itertools
import os
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from op_tools import cases

import tracejit as tj
from benchmarks import cuda, driver, operations_on_cuda, worker
from benchmarks.__main__ import QUESTIONS
from benchmarks.driver import Contestant, Failure, Outcome, busy, idle
from benchmarks.peers import PEERS, environment
from benchmarks.question import Above, Bandwidth, Beside, Case, Passes, Seconds, Within, tracing
from benchmarks.questions import moments, two_layer
from benchmarks.report import figures, markdown, rooflines, verdicts
from benchmarks.roofline import Bound, bound
from tracejit.ir import evaluation

ROOT = Path(__file__).parent.parent
EVERY_CASE = [
    (question, case) for question in QUESTIONS for case in importlib.import_module(f"benchmarks.questions.{question}").CASES
]


@pytest.mark.parametrize(("question", "case"), EVERY_CASE)
def test_our_answer_to_each_question_equals_numpys(question, case):
    module = importlib.import_module(f"benchmarks.questions.{question}")
    _, error = worker.ready(module, module.CASES[case], "with_tracejit", small=True)
    assert error <= module.CASES[case].tolerance


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_builder_of_a_question_belongs_to_a_listed_peer(question):
    module = importlib.import_module(f"benchmarks.questions.{question}")
    names = {name.removeprefix("with_") for name in vars(module) if name.startswith("with_")}
    assert {"tracejit", "numpy"} <= names <= {peer.name for peer in PEERS}
    assert all(case.bars for case in module.CASES.values())


@pytest.mark.parametrize(("function", "count"), [(lambda x: x.mean(1), 1), (lambda x: np.sum(x - np.mean(x)), 2)])
def test_passes_are_the_steps_that_read_the_input(function, count):
    call = partial(tj.function(function), np.ones((8, 8)))
    call()
    assert moments.passes(call) == count


def test_the_roofline_of_a_call_is_that_of_the_program_it_runs():
    x = np.ones((100, 200), np.float32)
    call = two_layer.repeated(partial(tj.function(lambda x: x + 1), x), 3)
    call()
    found = bound(call)
    assert (found.flops, found.moved) == (3 * 100 * 200, 3 * 2 * 4 * 100 * 200)
    assert found.seconds > 0 and found.bound in ("arithmetic", "cache") and "GB/s" in found.machine
    assert bound(lambda: x + 1) is None


def test_the_roofline_of_what_misses_its_bar_is_told():
    outcome = Outcome({"tracejit": [2e-3], "numba": [1e-3]}, Bound(3_000_000, 16_000_000, 5e-4, "memory", "RATES"))
    lines = rooflines({("q", "c"): (Case("work", (), (), (Beside(1),)), outcome)})
    assert lines[2].endswith("RATES.")
    assert lines[-2] == "| work | 3 | 16 | memory | 500 µs | 2 ms | 25% |"
    outcome.rounds["tracejit"] = [2e-7]
    assert "the call itself" in rooflines({("q", "c"): (Case("work", (), (), (Beside(1e9),)), outcome)})[-2]
    assert rooflines({("q", "c"): (Case("work", (), (), (Beside(1),)), outcome)}) == []


def test_a_contestant_stands_still_between_its_turns(tmp_path):
    switches = environment(next(peer for peer in PEERS if peer.name == "numpy"), 1, str(tmp_path))
    switches |= {"BENCHMARK_BATCH": "0.001", "PYTHONPATH": str(ROOT)}
    contestant = Contestant(["benchmarks.questions.chain", "n10", "with_numpy", "small"], "serve", switches, 60)
    try:
        assert 0 < contestant.turn() < 1
        status = Path(f"/proc/{contestant.process.pid}/stat")
        for _ in range(1000):  # a signal takes its time
            state = status.read_text(encoding="ascii").rpartition(")")[2].split()[0]
            if state == "T":
                break
            time.sleep(0.01)
        assert state == "T"
    finally:
        contestant.close()
    assert contestant.process.returncode == 0


def test_a_turn_begins_when_the_processors_are_idle(monkeypatch):
    before = busy()
    assert before > 0
    worked = iter([0, 50, 100, 100])
    monkeypatch.setattr(driver, "busy", lambda: next(worked))
    monkeypatch.setattr(driver, "CALM", 0.001)
    assert idle() and next(worked, None) is None
    always = itertools.count(0, 50)
    monkeypatch.setattr(driver, "busy", lambda: next(always))
    monkeypatch.setattr(driver, "PATIENCE", 0.01)
    assert not idle()


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_run_writes_a_table_and_a_chart(tmp_path):
    table, chart = tmp_path / "table.md", tmp_path / "chart.png"
    done = run(ROOT, "chain", "two_layer", "--quick", "--peers", "numpy", "--markdown", str(table), "--chart", str(chart))
    assert done.returncode == 0, done.stderr
    text = table.read_text(encoding="utf-8")
    for line in (
        "ten-op chain, 1000 float32 |",
        "500 of them |",
        "× NumPy |",
        "at most 1.1 × products alone |",
        "2 threads",
        "tracejit ",
    ):
        assert line in text
    assert chart.read_bytes().startswith(b"\x89PNG")


PLANTED = '''
"""A question with a right answer, a wrong one, an exception, and a process that ends."""

import os

import numpy as np

from benchmarks.question import Beside, Case

CASES = {"only": Case("planted", (3,), (3,), (Beside(1e-9),), measure="MEASURE")}


def data(n):
    return (np.ones(n, np.float32),)


def with_tracejit(x):
    return lambda: x + 1


def with_numpy(x):
    return lambda: x + 1


def with_numba(x):
    return lambda: x + 1.001


def with_numexpr(x):
    raise ValueError("planted failure")


def with_torch(x):
    return lambda: os._exit(7)


def with_jax(x):
    return lambda: x
'''


@pytest.mark.parametrize("measure", ["time", "cold"])
def test_who_fails_or_is_wrong_or_missing_is_listed_as_such(tmp_path, measure):
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks", ignore=shutil.ignore_patterns("__pycache__", "[a-z]*.md"))
    (tmp_path / "benchmarks" / "questions" / "planted.py").write_text(PLANTED.replace("MEASURE", measure))
    peers = (tmp_path / "benchmarks" / "peers.py").read_text()
    for module, other in (("numexpr", "json"), ("torch", "json"), ("jax", "no_such_module")):  # installed, installed, not
        assert f'"{module}", ("{module}"' in peers
        peers = peers.replace(f'"{module}", ("{module}"', f'"{other}", ("numpy"')
    (tmp_path / "benchmarks" / "peers.py").write_text(peers)
    done = run(tmp_path, "planted", "--quick")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "benchmarks" / "results.md").read_text(encoding="utf-8")
    assert "planted: Numba by hand fails: wrong result: differs from NumPy in float64 by 5.0e-04 of its largest value" in text
    assert "planted: numexpr fails: ValueError: planted failure" in text
    assert "planted: torch eager fails: its process ended with status 7" in text
    assert "- JAX is not installed" in text
    assert "× NumPy | 1e-09 × the best peer | reached |" in text


def questions_on_cuda():
    modules = [importlib.import_module(f"benchmarks.questions_cuda.{name}") for name in cuda.QUESTIONS]
    return [(module, case) for module in modules for case in module.CASES]


@pytest.mark.parametrize(("module", "case"), questions_on_cuda(), ids=lambda part: getattr(part, "__name__", part))
def test_our_answer_on_an_emulated_gpu_equals_numpys(module, case, monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")
    with tj.device("cuda"):  # as TRACEJIT_DEVICE=cuda does for a process
        call, error = worker.ready(module, module.CASES[case], "with_tracejit", small=True)
    call.wait()
    assert error <= module.CASES[case].tolerance


def test_an_op_or_a_random_number_that_differs_on_the_gpu_is_told(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")
    tanh = [case for case in cases() if case.op.name == "tanh"]
    operations_on_cuda.compare(tanh)
    right = evaluation.evaluate_graph
    monkeypatch.setattr(evaluation, "evaluate_graph", lambda *given: ([x * 1.0001 for x in right(*given)[0]], ()))
    with pytest.raises(AssertionError, match="tanh"):
        operations_on_cuda.compare(tanh)
    assert cuda.random_numbers((7, 9)) == ["- random numbers: those of the CPU, bit for bit"]


def test_what_goes_wrong_on_the_gpu_keeps_nothing_from_being_asked(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")
    monkeypatch.setattr(operations_on_cuda, "told", lambda minutes: 1 / 0)
    monkeypatch.setattr(cuda, "products", lambda: ["- products: right"])
    first, second, third = cuda.correctness(1, (-1, 9))
    assert (first, second) == ("- operations: division by zero", "- products: right")
    assert third.startswith("- random numbers: ") and "bit for bit" not in third


def test_operations_are_asked_of_an_emulated_gpu_in_a_process_of_their_own(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")
    found = dict.fromkeys(set(operations_on_cuda.samples()) - {"tanh", "add"}, "")
    assert operations_on_cuda.ask(found, 60) == "" and found["tanh"] == found["add"] == ""


ASKED = """
import json, os, sys, time
for name in "abcde":
    if name not in sys.argv:
        print(json.dumps([name, None]), flush=True)
        if name == "c":
            os._exit(3)
        if name == "d":
            time.sleep(60)
        print(json.dumps([name, "a fault" if name == "b" else ""]), flush=True)
        if name == "b":
            sys.exit("the device has stopped")
"""


def test_operations_that_take_their_process_with_them_do_not_keep_the_others_from_being_asked(monkeypatch):
    monkeypatch.setattr(operations_on_cuda, "COMMAND", [sys.executable, "-c", ASKED])
    lines = ["- b: a fault", "- c: its process ended", "- d: no answer within 2 s"]
    assert operations_on_cuda.told(1, patience=2) == ["- operations: 2 of 5 give NumPy's results", *lines]
    (count, rest) = operations_on_cuda.told(0)
    assert count.startswith("- operations: 0 of 0") and "there is no time left" in rest
    monkeypatch.setattr(operations_on_cuda, "COMMAND", [sys.executable, "-c", "import nothing_of_that_name"])
    assert "No module named 'nothing_of_that_name'" in operations_on_cuda.told(1)[-1]


def test_a_contestant_without_an_answer_has_failed():
    with pytest.raises(Failure, match="no answer within 0 s"):
        Contestant(["benchmarks.questions.chain", "n10", "with_numpy", "small"], "serve", {"BENCHMARK_BATCH": "0.001"}, 0.01)


def test_a_run_on_a_gpu_writes_what_it_has_and_ends_in_time(monkeypatch, tmp_path):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")
    monkeypatch.setattr(operations_on_cuda, "told", lambda minutes: ["- operations: none were asked"])
    monkeypatch.setattr(sys, "argv", ["cuda", "--quick", "--minutes", "0", "--markdown", str(tmp_path / "cuda.md")])
    cuda.main()
    text = (tmp_path / "cuda.md").read_text()
    assert "- operations: none were asked" in text and "| CUDA: 2·gelu(x) + 1" in text
    for name in ("float16", "bfloat16", "float32", "float64"):
        assert f"- products of {name} with epilogues: 12 of 12 right, 12 in one kernel" in text
    assert "- relu of NaN at the end of a product: 0" in text
    assert "- not asked for want of time: softmax, layer_norm, sums, two_layer, mlp, launch" in text


def test_a_gpu_without_a_name_is_no_reason_to_stop(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "driver")
    monkeypatch.setenv("PATH", "")
    assert "the GPU's name is not known" in cuda.gpu()[0]


def test_without_a_gpu_the_error_says_what_is_missing():
    command = [sys.executable, "-m", "benchmarks.cuda"]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "TRACEJIT_CUDA": "driver"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("cuda: ")
    assert "cure: " in done.stderr


ROUNDS = {
    "tracejit": [1.0, 2.0, 4.0],
    "numba": [3.0, 6.0, 13.0],
    "jax": [4.0, 8.0, 16.0],
    "triad": [0.5, 1.0, 3.0],
    "passes": [2],
}


@pytest.mark.parametrize(
    ("bar", "measured", "reached"),
    [
        (Beside(3), "3.00 × Numba by hand", True),
        (Beside(3.1), "3.00 × Numba by hand", False),
        (tracing(4), "4.00 × JAX", True),
        (Beside(1, ("torch",)), "no such peer", None),
        (Bandwidth("triad", 4 / 3, 0.66), "67%", True),
        (Bandwidth("triad", 4 / 3, 0.67), "67%", False),
        (Within("triad", 2), "2.00 ×", True),
        (Within("triad", 1.9), "2.00 ×", False),
        (Above("triad", 1e9), "+1000000000 ns", True),
        (Above("triad", 9e8), "+1000000000 ns", False),
        (Passes(2), "2 in the schedule", True),
        (Passes(1), "2 in the schedule", False),
        (Seconds(2.1), "2.00 s", True),
        (Seconds(2), "2.00 s", False),
    ],
)
def test_a_bar_compares_medians_over_the_rounds(bar, measured, reached):
    verdict = bar.judge(ROUNDS)
    assert (verdict.measured, verdict.reached) == (measured, reached)


def test_a_bar_is_not_reached_when_we_fail_ourselves():
    case = Case("work", (), (), (Beside(1), Within("triad", 2)))
    outcome = Outcome(rounds={"numba": [1.0]}, failed={"tracejit": "ValueError: so", "triad": "no"})
    assert [(v.measured, v.reached) for v in verdicts(case, outcome)] == [("tracejit fails", False)] * 2
    assert "- work: tracejit fails: ValueError: so" in figures({("q", "c"): (case, outcome)})


def test_the_report_marks_the_best_and_leaves_nobody_out():
    case = Case("work", (), (), (Beside(1),))
    outcome = Outcome(
        rounds={"tracejit": [2e-3], "numba": [1e-3]}, failed={"jax": "wrong result"}, absent={"torch": "not installed"}
    )
    text = markdown({("q", "c"): (case, outcome)}, ["- head"])
    assert "| work | 0.50 × Numba by hand | 1 × the best peer | **not reached** |" in text
    assert "| work | 2 ms | **1 ms** | fails |" in text
    assert "- torch eager is not installed" in text
