"""Schedules of the learning rate. Each function here gives a function of the number of updates so far, an int or a tensor.

Within a traced function the number is the program's, so the rate changes from call to call without a new trace. Any function of
such a number will do in their place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from tracejit.errors import ArgumentError
from tracejit.frontend.numpy.ufuncs import cos, floor, minimum, where
from tracejit.optim.optimizer import Schedule


def constant(rate: float) -> Schedule:
    """``rate`` in every step."""
    return lambda step: rate


def exponential_decay(initial: float, decay_steps: float, decay_rate: float, staircase: bool = False) -> Schedule:
    """``initial * decay_rate ** (step / decay_steps)``; the exponent rounded down with ``staircase``."""
    return lambda step: initial * decay_rate ** _ratio(step, decay_steps, staircase)


def inverse_time(initial: float, decay_steps: float, decay_rate: float, staircase: bool = False) -> Schedule:
    """``initial / (1 + decay_rate * step / decay_steps)``; the quotient rounded down with ``staircase``."""
    return lambda step: initial / (1.0 + decay_rate * _ratio(step, decay_steps, staircase))


def cosine(initial: float, decay_steps: float, alpha: float = 0.0) -> Schedule:
    """Half a wave from ``initial`` down to ``alpha * initial``, which it reaches at ``decay_steps`` and keeps.

    Source: Loshchilov and Hutter, arXiv:1608.03983, equation 5, for one run.
    """

    def rate(step: Any) -> Any:
        wave = 0.5 * (1.0 + cos(math.pi * minimum(step / decay_steps, 1.0)))
        return initial * ((1.0 - alpha) * wave + alpha)

    return rate


def piecewise(boundaries: Sequence[int], values: Sequence[float]) -> Schedule:
    """``values[0]`` up to and including step ``boundaries[0]``, then ``values[1]`` up to ``boundaries[1]``, and so on.

    Raises:
        ArgumentError: There is not one more value than boundaries, or these do not rise.
    """
    if len(values) != len(boundaries) + 1 or any(a >= b for a, b in pairwise(boundaries)):
        raise ArgumentError(f"piecewise: {list(boundaries)} and {list(values)}; boundaries rise, and there is one more value")

    def rate(step: Any) -> Any:
        out: Any = values[-1]
        for boundary, value in zip(reversed(boundaries), reversed(values[:-1]), strict=True):
            out = where(step <= boundary, value, out)
        return out

    return rate


def _ratio(step: Any, decay_steps: float, staircase: bool) -> Any:
    return floor(step / decay_steps) if staircase else step / decay_steps
