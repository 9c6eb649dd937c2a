"""The version, and the switches that the environment sets: all of them, in one place.

| variable | values | meaning |
|---|---|---|
| ``TRACEJIT_DEBUG`` | 0 to 4 | print signatures (1), graphs after each pass (2), schedules (3), sources (4) |
| ``TRACEJIT_CHECK`` | 0, 1 | verify the graph after every pass |
| ``TRACEJIT_CACHE_DIR`` | a folder | where generated sources and compiled objects live |
| ``TRACEJIT_NUM_THREADS`` | 1 and up | threads of the parallel regions; the cores of this process when unset |
| ``TRACEJIT_GUARD`` | native, python | calls are checked by a builtin made for the function, or by its definition in Python |
| ``TRACEJIT_BLAS`` | auto, numpy, scipy, matmul | where matrix products come from; auto takes the first that is there |
| ``TRACEJIT_BACKGROUND`` | 0, 1 | programs are compiled by a process of their own, while NumPy evaluates the calls |
| ``TRACEJIT_MATH`` | accurate, libm | exp, log, tanh and the like: our own that vectorise, or the C library's |
| ``TRACEJIT_DEVICE`` | auto, cpu, cuda | where functions run and Variables live that do not say so; auto follows the arguments |
| ``TRACEJIT_CUDA`` | driver, emulate | programs of the GPU run there, or thread by thread on the CPU |
| ``TRACEJIT_TF32`` | 0, 1 | products of float32 on the GPU may round their operands to TF32, which is faster |
| ``TRACEJIT_EPILOGUES`` | exact, fast | products on the GPU add a bias; or also do the library's gelu, and relu, where NaN is 0 |
| ``TRACEJIT_SCATTER`` | ordered, atomic | updates at equal indices are added in order on the GPU, or in any, which is faster |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

VERSION = "0.1.0"


@dataclass(frozen=True)
class Config:
    """The switches as they stood when :func:`config` read them."""

    debug: int
    check: bool
    cache_dir: Path
    num_threads: int
    guard: str
    blas: str
    math: str
    background: bool
    device: str
    cuda: str
    tf32: bool
    epilogues: str
    scatter: str


def config(environment: Mapping[str, str] | None = None) -> Config:
    """Read the switches; once per trace or compile, never in a call.

    Args:
        environment: Names and values; those of this process when not given.

    Raises:
        ValueError: A switch holds a value that it does not have.
    """
    env = os.environ if environment is None else environment
    return Config(
        debug=_integer(env, "TRACEJIT_DEBUG", 0, least=0, most=4),
        check=_integer(env, "TRACEJIT_CHECK", 0, least=0, most=1) == 1,
        cache_dir=_cache_dir(env),
        num_threads=_integer(env, "TRACEJIT_NUM_THREADS", _cores(), least=1, most=1024),
        guard=_word(env, "TRACEJIT_GUARD", "native", "python"),
        blas=_word(env, "TRACEJIT_BLAS", "auto", "numpy", "scipy", "matmul"),
        math=_word(env, "TRACEJIT_MATH", "accurate", "libm"),
        background=_integer(env, "TRACEJIT_BACKGROUND", 0, least=0, most=1) == 1,
        device=_word(env, "TRACEJIT_DEVICE", "auto", "cpu", "cuda"),
        cuda=_word(env, "TRACEJIT_CUDA", "driver", "emulate"),
        tf32=_integer(env, "TRACEJIT_TF32", 0, least=0, most=1) == 1,
        epilogues=_word(env, "TRACEJIT_EPILOGUES", "exact", "fast"),
        scatter=_word(env, "TRACEJIT_SCATTER", "ordered", "atomic"),
    )


def _integer(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise ValueError(f"{name}: is {text!r}; it must be an integer from {least} to {most}")
    return int(text)


def _word(env: Mapping[str, str], name: str, default: str, *others: str) -> str:
    text = env.get(name, "").strip() or default
    if text not in (default, *others):
        raise ValueError(f"{name}: is {text!r}; it must be one of {', '.join((default, *others))}")
    return text


def _cache_dir(env: Mapping[str, str]) -> Path:
    if named := env.get("TRACEJIT_CACHE_DIR", ""):
        return Path(named).expanduser().absolute()
    if base := env.get("XDG_CACHE_HOME", ""):
        return Path(base).absolute() / "tracejit"
    return Path(os.path.expanduser("~")) / ".cache" / "tracejit"


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux tells which cores a process may use
        return os.cpu_count() or 1
