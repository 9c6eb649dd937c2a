"""How fast are the tutorials? Their training steps through the dialects, beside TensorFlow and PyTorch where they are installed.

python benchmarks/dialects.py

The code of a step is the same for the library and for tracejit's dialect of it. Each contestant's first losses are compared with
NumPy's in float64; a wrong one ends the run. Then all are timed in turn, in rounds, in this one process, each with one thread
unless the environment says otherwise; figures are medians over the rounds, ratios the medians of the ratios within a round.
"""

import os

for pool in ("OPENBLAS_NUM", "OMP_NUM", "MKL_NUM", "TRACEJIT_NUM", "TF_NUM_INTRAOP", "TF_NUM_INTEROP"):
    os.environ.setdefault(f"{pool}_THREADS", "1")  # the same cores for all
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # one library's waiting threads must not take another's cores
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import importlib
import statistics
import sys
from functools import partial

import dialects_steps as steps
import harness
from harness import Call, duration, ratio

import tracejit.compat.tensorflow as our_tf
import tracejit.compat.tensorflow.v1 as our_tf1
import tracejit.compat.torch as our_torch

OURS = "tracejit"


def library(name: str):
    """A library, or None where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as missing:
        print(f"{name}: left out, {missing}")
        return None


def checked(builders: dict[str, Call], reference: Call, data) -> dict[str, Call]:
    """Contestants whose first five losses are those of NumPy in float64."""
    ready = {}
    for name, build in builders.items():
        wrong = harness.error(build(*data), reference(*data), calls=5)
        print(f"  {name}: largest relative error {wrong:.1e}")
        if not wrong < harness.TOLERANCE:
            sys.exit(f"{name} gives wrong losses; nothing was timed")
        ready[name] = build(*data)
    return ready


def timed(title: str, builders: dict[str, Call], reference: Call, data) -> dict[str, list[float]]:
    """Check, time and print one contest; seconds per step of each round."""
    print(f"\n{title}")
    seconds = harness.interleaved(checked(builders, reference, data), batch=0.05)
    ours = seconds[next(name for name in seconds if name.startswith(OURS))]
    rows = [["", "median", "best", f"times {OURS}"]]
    for name, times in seconds.items():
        rows.append([name, duration(statistics.median(times)), duration(min(times)), f"{ratio(times, ours):.2f}"])
    print(harness.table(rows))
    return seconds


def session_run(tf) -> list[list[str]]:
    builders = {OURS: partial(steps.session_run, our_tf1)}
    if tf:
        builders["TensorFlow"] = partial(steps.session_run, tf.compat.v1)
    title = "Seed 000, a step through Session.run: batch 64, sizes 1000, 100, 10, fed float64"
    seconds = timed(title, builders, steps.two_layer_in_numpy, steps.two_layer_data())
    return [bar("seed 000, Session.run", "of TensorFlow's speed", seconds, OURS, "TensorFlow", 1.0)]


def backward(torch) -> list[list[str]]:
    builders = {OURS: partial(steps.backward, our_torch), f"{OURS}, compile": partial(steps.backward, our_torch, compiled=True)}
    if torch:
        builders["PyTorch"] = partial(steps.backward, torch)
    title = "Seed 003, a step with backward(): batch 64, sizes 1000, 100, 10"
    seconds = timed(title, builders, steps.two_layer_in_numpy, steps.two_layer_data())
    return [
        bar("seed 003, backward()", "of PyTorch's speed", seconds, OURS, "PyTorch", 1.0),
        bar("seed 003, compile", "of PyTorch's eager speed", seconds, f"{OURS}, compile", "PyTorch", 1.0),
    ]


def training_step(tf) -> list[list[str]]:
    eager, compiled = "eager", "@function"
    builders = {f"{OURS}, {eager}": partial(steps.training_step, our_tf)}
    builders[f"{OURS}, {compiled}"] = partial(steps.training_step, our_tf, compiled=True)
    if tf:
        builders[f"TensorFlow, {eager}"] = partial(steps.training_step, tf)
        builders[f"TensorFlow, {compiled}"] = partial(steps.training_step, tf, compiled=True)
    title = "Seed 004, training_step: 2000 points, a line"
    seconds = timed(title, builders, steps.line_in_numpy, steps.line_data())
    return [
        bar(f"seed 004, {how}", f"of TensorFlow's speed, {how}", seconds, f"{OURS}, {how}", f"TensorFlow, {how}", least)
        for how, least in ((eager, 1.0), (compiled, 10.0))
    ]


def bar(name: str, what: str, seconds: dict[str, list[float]], ours: str, theirs: str, least: float) -> list[str]:
    """A line of the last table: how many times as fast as the library, and whether that was promised."""
    if theirs not in seconds:
        return [name, "not measured", f"{least:g} at least", ""]
    times = ratio(seconds[theirs], seconds[ours])
    return [name, f"{times:.2f} {what}", f"{least:g} at least", "met" if times >= least else "NOT MET"]


def threads(tf, torch) -> str:
    """The numbers of threads that the libraries say they use, and the pools that are loaded."""
    found = []
    if torch:
        found.append(f"PyTorch {torch.get_num_threads()}")
    if tf:
        inside, between = (os.environ[f"TF_NUM_{part}_THREADS"] for part in ("INTRAOP", "INTEROP"))
        found.append(f"TensorFlow {inside} within and {between} between operations")
    found.append(f"{OURS} {os.environ.get('TRACEJIT_NUM_THREADS', harness.cores())}")
    return f"threads: {', '.join(found)}\n{harness.pools()}"


def main():
    print(harness.machine())
    tf, torch = library("tensorflow"), library("torch")
    lines = [*session_run(tf), *backward(torch), *training_step(tf)]
    print(f"\n{threads(tf, torch)}")
    print(f"\n{harness.table([['figure', 'measured', 'bar', 'verdict'], *lines])}")


if __name__ == "__main__":
    main()
