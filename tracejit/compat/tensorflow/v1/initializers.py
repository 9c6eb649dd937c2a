"""Initializers: what Variables of ``get_variable`` start from, as functions of a shape."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracejit.compat.tensorflow.dtypes import DType, as_dtype, float32
from tracejit.compat.tensorflow.errors import fail
from tracejit.compat.tensorflow.v1.creation import ones, zeros
from tracejit.compat.tensorflow.v1.operation import Tensor
from tracejit.compat.tensorflow.v1.random import random_normal, random_uniform, truncated_normal
from tracejit.compat.tensorflow.v1.state import constant

__all__ = [
    "constant_initializer",
    "glorot_normal_initializer",
    "glorot_uniform_initializer",
    "he_normal_initializer",
    "ones_initializer",
    "random_normal_initializer",
    "random_uniform_initializer",
    "truncated_normal_initializer",
    "variance_scaling_initializer",
    "zeros_initializer",
]


class Initializer(ABC):
    """Makes the tensor that a Variable starts from."""

    __slots__ = ()

    @abstractmethod
    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """A tensor of a shape."""


class zeros_initializer(Initializer):
    """Zeros."""

    __slots__ = ("_dtype",)

    def __init__(self, dtype: Any = float32) -> None:
        self._dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return zeros(shape, self._dtype if dtype is None else dtype)


class ones_initializer(Initializer):
    """Ones."""

    __slots__ = ("_dtype",)

    def __init__(self, dtype: Any = float32) -> None:
        self._dtype = as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return ones(shape, self._dtype if dtype is None else dtype)


class constant_initializer(Initializer):
    """One value everywhere, or the elements of an array.

    Args:
        value: A number, or as many elements as the shape has; of fewer, the last is repeated.
        dtype: Where ``get_variable`` names none.
        verify_shape: Whether the value must have the shape itself.
    """

    __slots__ = ("_dtype", "_value", "_verify")

    def __init__(self, value: Any = 0, dtype: Any = float32, verify_shape: bool = False) -> None:
        self._value = value
        self._dtype = as_dtype(dtype)
        self._verify = verify_shape

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return constant(self._value, self._dtype if dtype is None else dtype, shape, verify_shape=self._verify)


class random_normal_initializer(Initializer):
    """Numbers of the normal distribution."""

    __slots__ = ("_dtype", "_mean", "_seed", "_stddev")

    def __init__(self, mean: float = 0.0, stddev: float = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self._mean, self._stddev, self._seed, self._dtype = mean, stddev, seed, as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return random_normal(shape, self._mean, self._stddev, self._dtype if dtype is None else dtype, self._seed)


class truncated_normal_initializer(Initializer):
    """Numbers of the normal distribution within two deviations of the mean."""

    __slots__ = ("_dtype", "_mean", "_seed", "_stddev")

    def __init__(self, mean: float = 0.0, stddev: float = 1.0, seed: int | None = None, dtype: Any = float32) -> None:
        self._mean, self._stddev, self._seed, self._dtype = mean, stddev, seed, as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return truncated_normal(shape, self._mean, self._stddev, self._dtype if dtype is None else dtype, self._seed)


class random_uniform_initializer(Initializer):
    """Numbers from ``minval`` up to ``maxval``."""

    __slots__ = ("_dtype", "_maxval", "_minval", "_seed")

    def __init__(self, minval: float = 0, maxval: float | None = None, seed: int | None = None, dtype: Any = float32) -> None:
        self._minval, self._maxval, self._seed, self._dtype = minval, maxval, seed, as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return random_uniform(shape, self._minval, self._maxval, self._dtype if dtype is None else dtype, self._seed)


class variance_scaling_initializer(Initializer):
    """Numbers whose variance is ``scale`` over the number of connections of a unit.

    Args:
        scale: Of the variance.
        mode: Which connections: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal" (or "normal"), "untruncated_normal", or "uniform".
        seed: Of the draws.
        dtype: Where ``get_variable`` names none.

    Source: Glorot and Bengio, AISTATS 2010; He et al., arXiv:1502.01852.
    """

    __slots__ = ("_distribution", "_dtype", "_mode", "_scale", "_seed")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        dtype: Any = float32,
    ) -> None:
        if scale <= 0 or mode not in ("fan_in", "fan_out", "fan_avg"):
            raise ValueError(
                f"variance_scaling: scale is {scale} and mode {mode!r}; it is positive, and one of fan_in, fan_out, fan_avg"
            )
        if distribution not in ("normal", "truncated_normal", "untruncated_normal", "uniform"):
            raise ValueError(f"Invalid `distribution` argument: {distribution}")
        self._scale, self._mode, self._distribution, self._seed, self._dtype = scale, mode, distribution, seed, as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        fan_in, fan_out = _fans([int(n) for n in shape])
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        variance = self._scale / max(1.0, fans[self._mode])
        own: DType = self._dtype if dtype is None else as_dtype(dtype)
        if self._distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random_uniform(shape, -limit, limit, own, self._seed)
        if self._distribution == "untruncated_normal":
            return random_normal(shape, 0.0, math.sqrt(variance), own, self._seed)
        deviation = math.sqrt(variance) / 0.87962566103423978  # of a normal distribution cut at two deviations
        return truncated_normal(shape, 0.0, deviation, own, self._seed)


def glorot_uniform_initializer(seed: int | None = None, dtype: Any = float32) -> Initializer:
    """Uniform numbers of variance ``2 / (inputs + outputs)``: where ``get_variable`` starts from if it is not told."""
    return variance_scaling_initializer(1.0, "fan_avg", "uniform", seed, dtype)


def glorot_normal_initializer(seed: int | None = None, dtype: Any = float32) -> Initializer:
    """Normal numbers of variance ``2 / (inputs + outputs)``."""
    return variance_scaling_initializer(1.0, "fan_avg", "truncated_normal", seed, dtype)


def he_normal_initializer(seed: int | None = None, dtype: Any = float32) -> Initializer:
    """Normal numbers of variance ``2 / inputs``."""
    return variance_scaling_initializer(2.0, "fan_in", "truncated_normal", seed, dtype)


def initial_tensor(initializer: Any, shape: Sequence[int] | None, dtype: DType) -> Any:
    """What a Variable starts from: a value as it is, or what an initializer makes for a shape."""
    if initializer is None:
        chosen: Any = glorot_uniform_initializer() if dtype.is_floating else zeros_initializer()
    elif isinstance(initializer, type) and issubclass(initializer, Initializer):
        chosen = initializer()
    else:
        chosen = initializer
    if not callable(chosen):
        return chosen
    if shape is None:
        fail(
            ValueError,
            "The initializer is a function of a shape, and none is given\n  cure: get_variable(name, shape=...)",
        )
    return chosen(list(shape), dtype=dtype)


def _fans(shape: Sequence[int]) -> tuple[float, float]:
    """Inputs and outputs of a unit whose weights have this shape."""
    if len(shape) < 2:
        size = float(shape[0]) if shape else 1.0
        return size, size
    field = float(np.prod(shape[:-2])) if len(shape) > 2 else 1.0
    return shape[-2] * field, shape[-1] * field
