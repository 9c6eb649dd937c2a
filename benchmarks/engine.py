"""How fast is the engine? Each promised figure beside NumPy and, where they are installed, JAX and PyTorch.

python benchmarks/engine.py

Every contestant is checked against NumPy in float64 first; a wrong one ends the run. Then all are timed in turn, in
rounds, in this one process, each with its own default number of threads; figures are medians over the rounds, and
ratios are medians of the ratios within a round. Start-up is measured in fresh processes.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # one library's waiting threads must not take another's cores

import importlib
import json
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import harness
import numpy as np
import problems
import products
import with_numpy
import with_tracejit
from harness import Call, duration, ratio

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Figure:
    """A promise: what was measured, what was promised, and whether it was kept."""

    name: str
    measured: str
    bar: str
    met: bool


def libraries():
    """The contestants' modules, as far as their libraries are installed."""
    found = {"with_tracejit": with_tracejit, "with_numpy": with_numpy}
    for name in ("with_jax", "with_torch"):
        try:
            found[name] = importlib.import_module(name)
        except ImportError as missing:
            print(f"{name}: left out, {missing}")
    return found


def contestants(contest: str, modules, calls: int) -> dict[str, Call]:
    """The named contest in each library, after a check of the first ``calls`` results against float64 NumPy."""
    data = getattr(problems, contest)()
    wide = [a.astype(np.float64) if a.dtype == np.float32 else a for a in data]
    ready = {}
    for module in modules.values():
        build = getattr(module, contest)
        wrong = harness.error(build(*data), getattr(with_numpy, contest)(*wide), calls)
        print(f"  {module.NAME}: largest relative error {wrong:.1e}")
        if not wrong < harness.TOLERANCE:
            sys.exit(f"{contest}: {module.NAME} gives wrong results; nothing was timed")
        ready[module.NAME] = build(*data)
    return ready


def report(seconds: dict[str, list[float]]) -> None:
    """Print a contest: medians, best rounds, and time as a multiple of tracejit's."""
    ours = seconds["tracejit"]
    rows = [["", "median", "best", "times tracejit"]]
    for name, times in seconds.items():
        rows.append([name, duration(statistics.median(times)), duration(min(times)), f"{ratio(times, ours):.2f}"])
    print(harness.table(rows))


def two_layer(modules) -> Figure:
    print("\nTwo-layer step: batch 64, sizes 1000, 100, 10; ReLU, squared error, SGD in place, float32")
    ready = contestants("two_layer", modules, calls=3)
    bare = {"five products, np.matmul": products.by_matmul(*problems.two_layer())}
    if by_address := products.by_address(*problems.two_layer()):
        bare["five products, by address"] = by_address
    seconds = harness.interleaved(ready | bare)
    report(seconds)
    measured = max(ratio(seconds["tracejit"], seconds[name]) for name in bare)
    return Figure("two-layer step, of its five products alone", f"{measured:.2f}", "1.15 at most", measured <= 1.15)


def line(modules) -> Figure:
    print("\nLinear regression step: 1000 scalars, W and b Variables, in place, float32")
    seconds = harness.interleaved(contestants("line", modules, calls=3))
    report(seconds)
    measured = statistics.median(seconds["tracejit"])
    return Figure("linear regression step, per call", duration(measured), "3 µs at most", measured <= 3e-6)


def cross_entropy(modules) -> Figure:
    print("\nSoftmax cross-entropy, value and gradient: 4096 rows, 1000 classes, float32")
    seconds = harness.interleaved(contestants("cross_entropy", modules, calls=1))
    report(seconds)
    measured = ratio(seconds["NumPy"], seconds["tracejit"])
    return Figure("softmax cross-entropy, times NumPy's speed", f"{measured:.1f}", "4 at least", measured >= 4)


def gelu_residual(modules) -> list[Figure]:
    print("\ngelu(x) + r: 4 million float32, a result array per call")
    ready = contestants("gelu_residual", modules, calls=1)
    ready["tracejit, previous result alive"] = keeping(ready["tracejit"])
    size = problems.gelu_residual()[0].nbytes
    with ThreadPoolExecutor(harness.cores()) as pool:
        seconds = harness.interleaved(ready | {"copy, 1 thread": copy(1, pool), "copy, all cores": copy(harness.cores(), pool)})
    report(seconds)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    faster = min(("copy, 1 thread", "copy, all cores"), key=medians.__getitem__)
    copied, moved = 2 * size / medians[faster] / 1e9, 3 * size / medians["tracejit"] / 1e9
    print(f"copy bandwidth {copied:.1f} GB/s; tracejit moves {moved:.1f} GB/s")
    figures = []
    for name in ("tracejit", "tracejit, previous result alive"):
        share = 1.5 * ratio(seconds[faster], seconds[name])  # a copy moves two arrays, gelu(x) + r three
        title = f"gelu + residual{name.removeprefix('tracejit')}, of copy bandwidth"
        figures.append(Figure(title, f"{share:.0%}", "60 % at least", share >= 0.6))
    return figures


def keeping(call: Call) -> Call:
    """The same contestant, whose caller holds each result until the next is there."""
    held = None

    def kept():
        nonlocal held
        held = call()

    return kept


def copy(threads: int, pool: ThreadPoolExecutor) -> Call:
    """A copy of one array of 4 million float32, by so many threads."""
    source, _ = problems.gelu_residual()
    parts = list(zip(np.array_split(np.empty_like(source), threads), np.array_split(source, threads), strict=True))
    if threads == 1:
        return lambda: np.copyto(*parts[0])
    return lambda: list(pool.map(lambda part: np.copyto(*part), parts))


def child(*arguments: str, cache: str) -> dict:
    """The JSON that a fresh Python process prints; all caches of compiled programs are in ``cache``."""
    caches = {"TRACEJIT_CACHE_DIR": f"{cache}/tracejit", "JAX_COMPILATION_CACHE_DIR": f"{cache}/jax"}
    caches |= {"TORCHINDUCTOR_CACHE_DIR": f"{cache}/torch", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}  # starts are measured with .pyc files
    done = subprocess.run([sys.executable, *arguments], env=kept | caches, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def start_up(modules, cold_runs: int = 3, warm_runs: int = 7) -> list[Figure]:
    print(f"\nFirst two-layer step of a fresh process, imports included: medians of {cold_runs} cold and {warm_runs} warm starts")
    cold: dict[str, list[float]] = {name: [] for name in modules}
    warm: dict[str, list[float]] = {name: [] for name in modules}
    heavy = set()
    for _ in range(cold_runs):
        for name in modules:
            with tempfile.TemporaryDirectory() as cache:
                cold[name].append(child(str(HERE / "start.py"), name, cache=cache)["seconds"])
    with tempfile.TemporaryDirectory() as cache:
        for round_number in range(warm_runs + 1):
            for name in modules:
                found = child(str(HERE / "start.py"), name, cache=cache)
                if round_number > 0:  # the first fills the cache
                    warm[name].append(found["seconds"])
                    heavy |= set(found["heavy"]) if name == "with_tracejit" else set()
    rows = [["", "cold", "warm cache"]]
    for name, module in modules.items():
        rows.append([module.NAME, *(duration(statistics.median(runs[name])) for runs in (cold, warm))])
    print(harness.table(rows))
    print(f"a warm start of tracejit loads {' and '.join(sorted(heavy)) or 'neither numba nor scipy'}")
    first, later = (statistics.median(runs["with_tracejit"]) for runs in (cold, warm))
    return [
        Figure("cold start, empty cache", duration(first), "under 2.5 s", first < 2.5),
        Figure("warm start, new process", duration(later), "under 0.4 s", later < 0.4),
    ]


def sizes() -> Figure:
    """Compilations of the two-layer step over batches of three sizes."""
    x, y, w1, w2 = problems.two_layer(200)
    step = with_tracejit.two_layer_step(w1, w2)
    for batch in (64, 32, 200):
        step(x[:batch], y[:batch])
    return Figure("compilations for batches of 64, 32 and 200", str(step.compilations), "1", step.compilations == 1)


def imports(runs: int = 11) -> Figure:
    program = (
        "import json, sys, time, numpy; begin = time.perf_counter(); import tracejit; seconds = time.perf_counter() - begin; "
        "print(json.dumps({'seconds': seconds, 'heavy': [n for n in ('numba', 'scipy') if n in sys.modules]}))"
    )
    with tempfile.TemporaryDirectory() as cache:
        found = [child("-c", program, cache=cache) for _ in range(runs)]
    median, heavy = statistics.median(run["seconds"] for run in found), sorted({name for run in found for name in run["heavy"]})
    measured = f"{duration(median)}, loads {' and '.join(heavy) or 'neither'}"
    return Figure("import after NumPy's", measured, "60 ms at most, no numba, no scipy", median <= 0.06 and not heavy)


def main():
    print(harness.machine())
    modules = libraries()
    figures = [two_layer(modules), line(modules), *gelu_residual(modules), cross_entropy(modules)]
    print(f"\n{harness.pools()}")
    figures += [*start_up(modules), sizes(), imports()]
    rows = [["figure", "measured", "bar", "verdict"]]
    rows += [[f.name, f.measured, f.bar, "met" if f.met else "NOT MET"] for f in figures]
    print(f"\n{harness.table(rows)}")


if __name__ == "__main__":
    main()
