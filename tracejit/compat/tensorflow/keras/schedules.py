"""``tf.keras.optimizers.schedules``: learning rates as functions of the number of updates."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import Any

from tracejit import optim
from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.convert import node_of
from tracejit.compat.tensorflow.tensor import run

__all__ = ["CosineDecay", "ExponentialDecay", "InverseTimeDecay", "LearningRateSchedule", "PiecewiseConstantDecay"]


class LearningRateSchedule(ABC):
    """A schedule; called with the number of updates it gives the rate.

    Attributes:
        core: The schedule of ``tj.optim``.
    """

    core: Any

    def __call__(self, step: Any) -> Any:
        out = self.core(step.core if isinstance(step, Held) else step)
        return run(node_of, out)


class ExponentialDecay(LearningRateSchedule):
    """``tj.optim.exponential_decay`` by Keras's names."""

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool = False, name: str = ""
    ) -> None:
        self.core = optim.exponential_decay(initial_learning_rate, decay_steps, decay_rate, staircase)


class InverseTimeDecay(LearningRateSchedule):
    """``tj.optim.inverse_time`` by Keras's names."""

    def __init__(
        self, initial_learning_rate: float, decay_steps: float, decay_rate: float, staircase: bool = False, name: str = ""
    ) -> None:
        self.core = optim.inverse_time(initial_learning_rate, decay_steps, decay_rate, staircase)


class CosineDecay(LearningRateSchedule):
    """``tj.optim.cosine`` by Keras's names."""

    def __init__(self, initial_learning_rate: float, decay_steps: float, alpha: float = 0.0, name: str = "") -> None:
        self.core = optim.cosine(initial_learning_rate, decay_steps, alpha)


class PiecewiseConstantDecay(LearningRateSchedule):
    """``tj.optim.piecewise`` by Keras's names."""

    def __init__(self, boundaries: Sequence[int], values: Sequence[float], name: str = "") -> None:
        self.core = optim.piecewise(boundaries, values)
