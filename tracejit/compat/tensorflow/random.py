"""``tf.random``: random tensors over the front end's generators. The numbers are not TensorFlow's; their distributions are."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.convert import node_of
from tracejit.compat.tensorflow.dtypes import as_dtype, float32
from tracejit.compat.tensorflow.sizes import dims_of, integers
from tracejit.compat.tensorflow.tensor import core_of, run
from tracejit.frontend import random as core
from tracejit.frontend.base import Tensor as Core
from tracejit.ir import current

__all__ = [
    "Generator",
    "normal",
    "set_seed",
    "shuffle",
    "stateless_normal",
    "stateless_uniform",
    "truncated_normal",
    "uniform",
]

_of_seed: dict[int, core.Generator] = {}
"""Generators of draws that name a seed of their own."""


def set_seed(seed: int) -> None:
    """Start all draws again from ``seed``."""
    core.seed(seed)
    for number, generator in _of_seed.items():
        generator.seed(_mixed(seed, number))


def _mixed(seed: int, own: int) -> int:
    """One seed of two."""
    return (seed * 0x9E3779B97F4A7C15 + own) % 2**63


def _source(seed: Any) -> core.Generator:
    """The generator of a draw; a seed of its own begins a row of draws of its own."""
    if seed is None:
        return core.default_generator()
    number = int(seed)
    if number not in _of_seed:
        start = core.default_generator().state.buffer[0].item()
        _of_seed[number] = contextvars.Context().run(core.Generator, _mixed(start, number))  # outside of any trace
    return _of_seed[number]


def _drawn(body: Callable[..., Core], *args: Any, **kwargs: Any) -> Any:
    return run(lambda: body(*map(_core, args), **kwargs).node_in(current()))


def _core(x: Any) -> Any:
    return x.core if isinstance(x, Held) else x


def normal(shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: Any = None, name: Any = None) -> Any:
    """Numbers of the normal distribution of this mean and deviation."""
    return _normal(core.normal, shape, mean, stddev, dtype, _source(seed))


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: Any = None, name: Any = None
) -> Any:
    """Numbers of the normal distribution at most two deviations from the mean."""
    return _normal(core.truncated_normal, shape, mean, stddev, dtype, _source(seed))


def _normal(draw: Callable[..., Core], shape: Any, mean: Any, stddev: Any, dtype: Any, source: Any) -> Any:
    kind = as_dtype(dtype).numpy
    return _drawn(draw, mean, stddev, size=dims_of(shape, "RandomStandardNormal"), dtype=kind, generator=source)


def uniform(shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32, seed: Any = None, name: Any = None) -> Any:
    """Numbers from ``minval`` up to but without ``maxval``, 1 if not given; integers for a dtype of integers."""
    return _uniform(shape, minval, maxval, dtype, _source(seed))


def _uniform(shape: Any, minval: Any, maxval: Any, dtype: Any, source: Any) -> Any:
    kind = as_dtype(dtype)
    size = dims_of(shape, "RandomUniform")
    if kind.is_integer:
        if maxval is None:
            raise ValueError(f"Must specify maxval for integer dtype {kind!r}")
        return _drawn(core.integers, minval, maxval, size=size, dtype=kind.numpy, generator=source)
    return _drawn(core.uniform, minval, 1 if maxval is None else maxval, size=size, dtype=kind.numpy, generator=source)


def shuffle(value: Any, seed: Any = None, name: Any = None) -> Any:
    """The parts along the first axis in a random order."""
    return run(lambda: core.permutation(core_of(node_of(value)), generator=_source(seed)).node_in(current()))


def stateless_normal(shape: Any, seed: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, name: Any = None) -> Any:
    """As :func:`normal`; the numbers depend on the pair ``seed`` and on nothing else."""
    return _normal(core.normal, shape, mean, stddev, dtype, _pair(seed))


def stateless_uniform(shape: Any, seed: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32, name: Any = None) -> Any:
    """As :func:`uniform`; the numbers depend on the pair ``seed`` and on nothing else."""
    return _uniform(shape, minval, maxval, dtype, _pair(seed))


def _pair(seed: Any) -> tuple[int, int]:
    first, second = integers(seed, "StatelessRandom")
    return first, second


class Generator:
    """A row of draws of its own.

    Args:
        core: The front end's generator.
    """

    __slots__ = ("core",)

    def __init__(self, core: core.Generator) -> None:
        self.core = core

    @staticmethod
    def from_seed(seed: int) -> Generator:
        """A generator that starts from ``seed``."""
        return Generator(core.Generator(seed))

    @staticmethod
    def from_non_deterministic_state() -> Generator:
        """A generator that starts anywhere."""
        return Generator(core.Generator())

    def normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32) -> Any:
        return _normal(core.normal, shape, mean, stddev, dtype, self.core)

    def truncated_normal(self, shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32) -> Any:
        return _normal(core.truncated_normal, shape, mean, stddev, dtype, self.core)

    def uniform(self, shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32) -> Any:
        return _uniform(shape, minval, maxval, dtype, self.core)
