"""A contestant's process: builds the work, compares its first results with NumPy's in float64, and times it when asked.

python -m benchmarks.worker MODULE CASE CONTESTANT (full | small) (serve | check | once)

``serve`` answers with one JSON line when it is ready, and one for each line that it then reads: the seconds per call of a
batch. ``check`` is ready, and ends. ``once`` compares nothing, runs the case's calls, and answers with the seconds since the
clock reading in ``BENCHMARK_BEGIN`` and the peak of the process's memory.
"""

import importlib
import os
import sys
import time
from functools import partial


def peak() -> int:
    """The most resident memory that this process ever had, in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def once(module, case, contestant: str, small: bool) -> dict[str, float]:
    """The work of a fresh process."""
    call = getattr(module, contestant)(*module.data(*(case.small if small else case.sizes)))
    for _ in range(case.calls):
        call()
    return {"seconds": time.monotonic() - float(os.environ["BENCHMARK_BEGIN"]), "memory": peak()}


def leaves(result: object):
    """The arrays of a result, in float64, whatever library made them."""
    import numpy as np

    if isinstance(result, tuple | list):
        for part in result:
            yield from leaves(part)
    else:
        for step in ("cpu", "numpy"):  # from a device, and from a library's own array
            result = getattr(result, step)() if hasattr(result, step) else result
        yield np.asarray(result, np.float64)


def error(call, reference, calls: int) -> float:
    """The largest difference between the first results of two contestants, relative to each result's largest value."""
    import numpy as np

    worst = 0.0
    for _ in range(calls):
        for got, expected in zip(leaves(call()), leaves(reference()), strict=True):
            if got.shape != expected.shape:
                raise ValueError(f"gives a result of shape {got.shape}; the reference's is {expected.shape}")
            worst = max(worst, float(np.abs(got - expected).max() / np.abs(expected).max()))
    return worst if worst == worst else float("inf")


def counted(module, call) -> dict[str, object]:
    """What is counted in our program rather than measured: passes over memory, where the question asks, and its roofline."""
    import dataclasses

    from benchmarks.roofline import bound

    found = {"passes": module.passes(call)} if hasattr(module, "passes") else {}
    roofline = bound(call)
    return found | ({"bound": dataclasses.asdict(roofline)} if roofline else {})


def widened(data):
    """The data with float32 arrays in float64."""
    import numpy as np

    if isinstance(data, tuple | list):
        return type(data)(widened(part) for part in data)
    return data.astype(np.float64) if isinstance(data, np.ndarray) and data.dtype == np.float32 else data


def ready(module, case, contestant: str, small: bool):
    """The contestant's call, and its error against the reference; yardsticks compute nothing that could be compared."""
    data = module.data(*(case.small if small else case.sizes))
    call = getattr(module, contestant)(*data)
    if not contestant.startswith("with_"):
        return call, 0.0
    wrong = error(call, module.with_numpy(*widened(data)), case.calls)
    if isinstance(call, partial):  # which looks how its function takes calls when it is made: before it was compiled
        call = partial(call.func, *call.args, **call.keywords)
    return call, wrong


def serve(call, batch: float, answer, wrong: dict[str, float]) -> None:
    """Answer once the contestant is warm, and then with the figure of each turn."""
    import timeit

    timer, wait, number = timeit.Timer(call), getattr(call, "wait", None), 1

    def turn() -> float:
        if wait is None:
            return timer.timeit(number)
        begin = time.perf_counter()  # of calls that only queue work: until all of it is done
        timer.timeit(number)
        wait()
        return time.perf_counter() - begin

    while (seconds := turn()) < batch / 2:  # also warms caches, pages and thread pools
        number = max(number + 1, min(10 * number, round(number * batch / max(seconds, 1e-9))))
    answer(wrong)
    for _ in sys.stdin:
        answer({"seconds": turn() / number})


def main() -> None:
    import json

    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is not an answer

    def answer(found: dict[str, object]) -> None:
        print(json.dumps(found), file=answers, flush=True)

    name, case, contestant, size, way = sys.argv[1:]
    try:
        module = importlib.import_module(name)
        work = module, module.CASES[case], contestant, size == "small"
        if way == "once":
            answer(once(*work))
            return
        call, error = ready(*work)
        wrong = {"error": error, "tolerance": module.CASES[case].tolerance}
        if contestant == "with_tracejit" and way == "serve":
            wrong |= counted(module, call)
        if way == "check":
            answer(wrong)
        else:
            serve(call, float(os.environ["BENCHMARK_BATCH"]), answer, wrong)
    except Exception as failure:
        answer({"failed": f"{type(failure).__name__}: {str(failure).strip().splitlines()[0] if str(failure).strip() else ''}"})
        raise


if __name__ == "__main__":
    main()
