"""Measuring: contestants checked against NumPy in float64, timed in interleaved rounds, reported as medians and ratios."""

import importlib.metadata
import os
import platform
import statistics
import timeit
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

Call = Callable[[], object]
TOLERANCE = 1e-4  # of the largest value of each result; all contestants compute in float32


def leaves(result: object) -> Iterator[np.ndarray]:
    """The arrays of a result, in float64, whatever library made them."""
    if isinstance(result, tuple | list):
        for part in result:
            yield from leaves(part)
    else:
        yield np.asarray(result, np.float64)


def error(call: Call, reference: Call, calls: int) -> float:
    """The largest relative difference between the first results of two contestants."""
    worst = 0.0
    for _ in range(calls):
        for got, expected in zip(leaves(call()), leaves(reference()), strict=True):
            if got.shape != expected.shape:
                return float("inf")
            worst = max(worst, float(np.abs(got - expected).max() / np.abs(expected).max()))
    return worst


def interleaved(contestants: dict[str, Call], rounds: int = 21, batch: float = 0.02) -> dict[str, list[float]]:
    """Seconds per call of each contestant in each round; a round times about ``batch`` seconds of each in turn."""
    timers = {name: timeit.Timer(call) for name, call in contestants.items()}
    numbers = {}
    for name, timer in timers.items():
        timer.timeit(3)  # caches, pages and thread pools
        numbers[name] = max(1, round(batch / (timer.timeit(3) / 3)))
    seconds: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            seconds[name].append(timer.timeit(numbers[name]) / numbers[name])
    return seconds


def ratio(seconds: Sequence[float], others: Sequence[float]) -> float:
    """The median over the rounds of ``seconds / others``."""
    return statistics.median(a / b for a, b in zip(seconds, others, strict=True))


def duration(seconds: float) -> str:
    """Seconds with a unit and three digits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text as columns, the first row as the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def machine() -> str:
    """Processor, cores, versions and threads."""
    model = platform.processor()
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    lines = [f"{model}, {cores()} cores for this process, load {os.getloadavg()[0]:.1f}; {platform.platform()}"]
    names = ("tracejit", "numpy", "numba", "llvmlite", "scipy", "jax", "torch", "tensorflow", "tensorflow-cpu")
    found = [f"{name} {version}" for name in names if (version := installed(name))]
    lines.append(f"Python {platform.python_version()}, {', '.join(found)}")
    switches = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OMP_WAIT_POLICY", "TRACEJIT_NUM_THREADS", "TRACEJIT_BLAS")
    lines.append("environment: " + ", ".join(f"{name}={os.environ.get(name, 'unset')}" for name in switches))
    return "\n".join(lines)


def installed(name: str) -> str | None:
    """The version of a distribution, if it is there."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def pools() -> str:
    """The thread pools that are loaded, with their sizes; from threadpoolctl, which scikit-learn brings."""
    try:
        import threadpoolctl
    except ImportError:
        return "thread pools: install threadpoolctl to see them"
    found = [f"{Path(p['filepath']).name.split('.')[0]} {p['num_threads']}" for p in threadpoolctl.threadpool_info()]
    return f"thread pools: {', '.join(found)}"
