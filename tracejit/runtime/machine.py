"""What this machine does: measured at the first need in a fraction of a second, and kept in the cache folder.

The rates serve predictions only (``schedule/roofline.py``); no program and no result depends on them.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import hashlib
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tracejit.codegen.emit import emit
from tracejit.codegen.source import Source
from tracejit.config import VERSION
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE
from tracejit.runtime import blas, cache, threads
from tracejit.runtime.program import code_of
from tracejit.schedule import plan
from tracejit.schedule.cost import LEAST_TILED
from tracejit.schedule.roofline import Rates

_ROUNDS, _TURNS = 15, 4
_SMALL, _LARGE = 1 << 16, 1 << 23  # elements of float32: 256 KB, 32 MB
_CHAIN = 32
"""Operations on an element of the chain that measures plain arithmetic."""


def rates() -> Rates:
    """The rates of this machine for the present number of threads."""
    return _rates(threads.num_threads())


@functools.cache
def _rates(count: int) -> Rates:
    key = hashlib.sha256(f"{VERSION} {processor()} {count} {blas.source()}".encode()).hexdigest()[:16]
    name = f"machine-{key}.json"
    found = _rates_in(cache.load_text(name) or "")
    if found is None:
        found = measure(count)
        cache.store_text(name, json.dumps(dataclasses.asdict(found), indent=1))
    return found


def _rates_in(text: str) -> Rates | None:
    """Rates that were stored; None where they are not what they should be."""
    try:
        found = Rates(**json.loads(text))
        *numbers, name = dataclasses.astuple(found)
        return found if isinstance(name, str) and all(isinstance(v, int | float) and v > 0 for v in numbers) else None
    except (ValueError, TypeError):
        return None


def processor() -> str:
    """The name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):  # only Linux has it, and not for every processor
        return platform.processor() or platform.machine()


def measure(count: int) -> Rates:
    """Measure the rates of this machine for programs on ``count`` threads."""
    plain, function, long, copied = (_in_cache(kernel) for kernel in ("plain", "exp", "lgamma", "copy"))
    cached = 8 / copied
    memory = 8 * _LARGE / _loop("copy", _LARGE, 1)
    shared = 8 * _LARGE / _loop("copy", _LARGE, count) if count > 1 else memory
    sizes = (96, LEAST_TILED // (96 * 96) - 1, 96)
    default = Rates()
    alone, together = (_loop("plain", _SMALL, threads) for threads in (1, count))
    return Rates(
        plain=plain / _CHAIN,
        function=max(function - copied, plain / _CHAIN),
        long=max(long - copied, plain / _CHAIN),
        multiplications=float(np.prod(sizes)) / max(_product(*sizes) - _product(1, 1, 1), 1.0),
        cached=cached,
        memory=memory,
        memory_all=max(shared, memory),
        launch=max(together - alone / count, 1.0),
        threads=count,
        cache=_cache_bytes() or default.cache,
        name=processor(),
    )


@functools.cache
def _source(kernel: str) -> Source:
    lines = {
        "plain": [f"    t{i}: f32[n] = {'multiply' if i % 2 else 'add'}({f't{i - 1}' if i else 'x'}, x)" for i in range(_CHAIN)],
        "copy": ["    t0: f32[n] = copy(x, key=1)"],
    }.get(kernel, [f"    t0: f32[n] = {kernel}(x)"])
    text = "\n".join([f"def rate_of_{kernel}(x: f32[n]):", *lines, f"    return (t{len(lines) - 1},), {{}}"])
    return emit(plan(parse_graph(text + "\n", TABLE)))


def _loop(kernel: str, size: int, count: int) -> float:
    """Nanoseconds of a loop over so many elements on so many threads."""
    return _best(_step(kernel, size, count))


def _step(kernel: str, size: int, count: int) -> Callable[[], object]:
    """The loop, ready to run."""
    source = _source(kernel)
    code, _ = code_of(source.text, f"rate_of_{kernel}.py", cache.code_key(source.text))
    x, out = np.full(size, 0.5, np.float32), np.ones(size, np.float32)
    table = np.zeros(source.layout.length, np.int64)
    table[1], table[source.layout.sizes["n"]] = count, size
    table[source.layout.inputs[0]], table[source.layout.outputs[0]] = x.ctypes.data, out.ctypes.data
    step = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(code.address)
    scratch = (ctypes.c_int64 * 2)()
    place = ctypes.addressof(scratch)

    def run(kept: object = (x, out, scratch, code)) -> None:
        step(place, place + 8, table.ctypes.data)

    return run


def _in_cache(kernel: str) -> float:
    """Nanoseconds of an element, without those of the call; both in turn, so that a busy machine slows both."""
    loop, call = _step(kernel, _SMALL, 1), _step(kernel, 1, 1)
    times = [(_best(loop), _best(call)) for _ in range(_TURNS)]
    return max(min(t for t, _ in times) - min(t for _, t in times), 1.0) / _SMALL


def _product(m: int, k: int, n: int) -> float:
    """Nanoseconds of a product of float32 that is too small to be cut into tiles."""
    a, b, c = np.ones((m, k), np.float32), np.ones((k, n), np.float32), np.empty((m, n), np.float32)
    call = blas.gemm(blas.gemm_addresses()[0], c.dtype)
    flags = blas.ROW_MAJOR, blas.NO_TRANSPOSE, blas.NO_TRANSPOSE
    return _best(lambda: call(*flags, m, n, k, 1.0, a.ctypes.data, k, b.ctypes.data, n, 0.0, c.ctypes.data, n))


def _best(call: Callable[[], object]) -> float:
    """Nanoseconds of the quickest of a few calls."""
    call()
    times = []
    for _ in range(_ROUNDS):
        begin = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - begin)
    return float(max(min(times), 1))


def _cache_bytes() -> int:
    """Bytes of the largest cache; 0 where the system does not say."""
    found = 0
    for path in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"):
        text = path.read_text(encoding="utf-8").strip()
        if text.endswith("K") and text[:-1].isdigit():
            found = max(found, int(text[:-1]) << 10)
    return found
