"""Adam, with and without decoupled weight decay."""

from __future__ import annotations

from typing import Any

from tracejit.frontend.numpy.ufuncs import sqrt
from tracejit.frontend.variable import Variable
from tracejit.optim.optimizer import Array, Optimizer, Schedule, Slots, Style


def _corrections(beta_1: float, beta_2: float, rate: Any, step: Any) -> tuple[Any, Any]:
    """``rate / (1 - beta_1**t)`` and ``sqrt(1 - beta_2**t)`` for the update number ``t``, counted from 1."""
    t = step + 1
    return rate / (1.0 - beta_1**t), sqrt(1.0 - beta_2**t)


class Adam(Optimizer):
    """Descend along a running mean ``m`` of gradients, divided by the root of one of their squares ``v``.

    ``m += (1 - beta_1) * (g - m)``; ``v = beta_2 * v + (1 - beta_2) * g**2``; in update ``t``, with ``b = sqrt(1 - beta_2**t)``
    and ``a = rate / (1 - beta_1**t)``,

    - ``w -= a * b * m / (sqrt(v) + epsilon)``, as TensorFlow, where epsilon is the paper's "epsilon hat";
    - ``w -= a * m / (sqrt(v) / b + epsilon)``, as PyTorch and the paper.

    The slots go by the names ``m`` and ``v``.

    Args:
        learning_rate: See :class:`Optimizer`.
        beta_1: How much of the mean stays.
        beta_2: How much of the mean of squares stays.
        epsilon: 1e-7 in TensorFlow's style and 1e-8 in PyTorch's, if None; TensorFlow 1 has 1e-8.
        style: See :class:`Optimizer`.
        weight_decay: See :class:`Optimizer`; AdamW has another one.
        name: See :class:`Optimizer`.

    Source: Kingma and Ba, arXiv:1412.6980, algorithm 1 and the end of section 2.
    """

    __slots__ = ("_beta_1", "_beta_2", "_decoupled", "_epsilon")

    def __init__(
        self,
        learning_rate: float | Variable | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = None,
        *,
        style: Style = "tensorflow",
        weight_decay: float = 0.0,
        name: str = "adam",
    ) -> None:
        super().__init__(learning_rate, style, weight_decay, name)
