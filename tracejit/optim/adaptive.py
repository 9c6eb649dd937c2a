"""Descent in steps scaled by the size of past gradients: Adagrad and RMSProp."""

from __future__ import annotations

from typing import Any

from tracejit.frontend.numpy.ufuncs import sqrt
from tracejit.frontend.variable import Variable
from tracejit.optim.optimizer import Array, Optimizer, Schedule, Slots, Style


class Adagrad(Optimizer):
    """Descend in steps that shrink with the sum ``s`` of squared gradients.

    ``s += g**2``; ``w -= rate * g / sqrt(s + epsilon)`` as TensorFlow, ``w -= rate * g / (sqrt(s) + epsilon)`` as PyTorch, whose
    ``lr_decay`` is the schedule ``inverse_time(rate, 1, lr_decay)``. The slot ``s`` goes by the name ``accumulator``.

    Args:
        learning_rate: See :class:`Optimizer`.
        epsilon: 1e-7 in TensorFlow's style and 1e-10 in PyTorch's, if None; TensorFlow 1 has 0.
        initial_accumulator: Where ``s`` starts: 0.1 in TensorFlow's style and 0 in PyTorch's, if None.
        style: See :class:`Optimizer`.
        weight_decay: See :class:`Optimizer`.
        name: See :class:`Optimizer`.

    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods", JMLR 12 (2011), figure 1.
    """

    __slots__ = ("_epsilon", "_start")

    def __init__(
        self,
        learning_rate: float | Variable | Schedule = 0.01,
        epsilon: float | None = None,
        *,
        initial_accumulator: float | None = None,
        style: Style = "tensorflow",
        weight_decay: float = 0.0,
        name: str = "adagrad",
    ) -> None:
        super().__init__(learning_rate, style, weight_decay, name)
        torch = style == "torch"
        self._epsilon = (1e-10 if torch else 1e-7) if epsilon is None else epsilon
        self._start = (0.0 if torch else 0.1) if initial_accumulator is None else initial_accumulator

    def _initial(self) -> dict[str, float]:
        return {"accumulator": self._start}

    def _new(self, grad: Array, slots: Slots, param: Array, *numbers: Any) -> tuple[Array, Slots]:
        (rate,) = numbers
        s = slots["accumulator"] + grad * grad
        scale = sqrt(s) + self._epsilon if self.style == "torch" else sqrt(s + self._epsilon)
        return param - rate * grad / scale, {"accumulator": s}


class RMSProp(Optimizer):
    """Descend in steps divided by the root of a running mean ``s`` of squared gradients.

    ``s = rho * s + (1 - rho) * g**2``; ``c = s``, or, ``centered``, ``m = rho * m + (1 - rho) * g`` and ``c = s - m**2``;
    ``d = sqrt(c + epsilon)`` as TensorFlow, ``d = sqrt(c) + epsilon`` as PyTorch; ``w -= rate * g / d``. With momentum

    - ``v = momentum * v + rate * g / d``, ``w -= v``, as TensorFlow;
    - ``v = momentum * v + g / d``, ``w -= rate * v``, as PyTorch.

    The slots ``s``, ``m`` and ``v`` go by the names ``mean_square``, ``mean_gradient`` and ``momentum``.

    Args:
        learning_rate: See :class:`Optimizer`.
        rho: How much of the mean stays: 0.9 in TensorFlow's style and 0.99 in PyTorch's, if None.
        momentum: How much of the last step is repeated; none if 0.
        epsilon: 1e-7 in TensorFlow's style and 1e-8 in PyTorch's, if None; TensorFlow 1 has 1e-10.
        centered: Divide by an estimate of the deviation and not of the size.
        initial_mean_square: Where ``s`` starts; TensorFlow 1 has 1.
        style: See :class:`Optimizer`.
        weight_decay: See :class:`Optimizer`.
        name: See :class:`Optimizer`.

    Source: Hinton, "Neural networks for machine learning", lecture 6e (2012); centered: Graves, arXiv:1308.0850, equation 38.
    """

    __slots__ = ("_centered", "_epsilon", "_momentum", "_rho", "_start")

    def __init__(
        self,
        learning_rate: float | Variable | Schedule = 0.001,
        rho: float | None = None,
        momentum: float = 0.0,
        epsilon: float | None = None,
        centered: bool = False,
        *,
        initial_mean_square: float = 0.0,
        style: Style = "tensorflow",
        weight_decay: float = 0.0,
        name: str = "rmsprop",
    ) -> None:
        super().__init__(learning_rate, style, weight_decay, name)
        torch = style == "torch"
        self._rho = (0.99 if torch else 0.9) if rho is None else rho
        self._epsilon = (1e-8 if torch else 1e-7) if epsilon is None else epsilon
        self._momentum = momentum
        self._centered = centered
        self._start = initial_mean_square

    def _initial(self) -> dict[str, float]:
        used = {"mean_square": True, "mean_gradient": self._centered, "momentum": bool(self._momentum)}
        return {slot: self._start if slot == "mean_square" else 0.0 for slot, wanted in used.items() if wanted}

    def _new(self, grad: Array, slots: Slots, param: Array, *numbers: Any) -> tuple[Array, Slots]:
        (rate,) = numbers
        s = self._rho * slots["mean_square"] + (1 - self._rho) * (grad * grad)
        new = {"mean_square": s}
        spread = s
        if self._centered:
            m = new["mean_gradient"] = self._rho * slots["mean_gradient"] + (1 - self._rho) * grad
            spread = s - m * m
        scale = sqrt(spread) + self._epsilon if self.style == "torch" else sqrt(spread + self._epsilon)
        if not self._momentum:
            return param - rate * grad / scale, new
        if self.style == "torch":
            v = new["momentum"] = self._momentum * slots["momentum"] + grad / scale
            return param - rate * v, new
        v = new["momentum"] = self._momentum * slots["momentum"] + rate * grad / scale
        return param - v, new
