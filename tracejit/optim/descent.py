"""Gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

from tracejit.frontend.variable import Variable
from tracejit.optim.optimizer import Array, Optimizer, Schedule, Slots, Style


class SGD(Optimizer):
    """Descend along the gradient ``g``.

    ``w -= rate * g``; with momentum

    - ``v = momentum * v - rate * g``, ``w += v``, Nesterov ``w += momentum * v - rate * g``, as Keras;
    - ``v = momentum * v + g``, ``w -= rate * v``, Nesterov ``w -= rate * (g + momentum * v)``, as PyTorch and TensorFlow 1.

    Both are the same while the rate is. The slot ``v`` goes by the name ``momentum``.

    Args:
        learning_rate: See :class:`Optimizer`.
        momentum: How much of the last step is repeated; none if 0.
        nesterov: Look ahead by the momentum.
        style: See :class:`Optimizer`.
        weight_decay: See :class:`Optimizer`.
        name: See :class:`Optimizer`.

    Source: Sutskever, Martens, Dahl and Hinton, "On the importance of initialization and momentum", ICML 2013.
    """

    __slots__ = ("_momentum", "_nesterov")

    def __init__(
        self,
        learning_rate: float | Variable | Schedule = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        *,
        style: Style = "tensorflow",
        weight_decay: float = 0.0,
        name: str = "sgd",
    ) -> None:
        super().__init__(learning_rate, style, weight_decay, name)
        self._momentum = momentum
        self._nesterov = nesterov

    def _initial(self) -> dict[str, float]:
        return {"momentum": 0.0} if self._momentum else {}

    def _new(self, grad: Array, slots: Slots, param: Array, *numbers: Any) -> tuple[Array, Slots]:
        (rate,) = numbers
        if not self._momentum:
            return param - rate * grad, {}
        if self.style == "torch":
            v = self._momentum * slots["momentum"] + grad
            return param - rate * (grad + self._momentum * v if self._nesterov else v), {"momentum": v}
        v = self._momentum * slots["momentum"] - rate * grad
        return param + (self._momentum * v - rate * grad if self._nesterov else v), {"momentum": v}
