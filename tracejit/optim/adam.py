"""Adam, with and without decoupled weight decay."""

from __future__ import annotations

from typing import Any

from tracejit.frontend.numpy.ufuncs import sqrt
from tracejit.frontend.variable import Variable
from tracejit.optim.optimizer import Array, Optimizer, Schedule, Slots, Style


class Moments(Optimizer):
    """What Adam and AdamW share: everything but where the weight decay goes."""

    __slots__ = ("_beta_1", "_beta_2", "_decay", "_epsilon")

    def __init__(
        self,
        learning_rate: float | Variable | Schedule,
        betas: tuple[float, float],
        epsilon: float | None,
        style: Style,
        weight_decay: float,
        decoupled: bool,
        name: str,
    ) -> None:
        super().__init__(learning_rate, style, 0.0 if decoupled else weight_decay, name)
        self._beta_1, self._beta_2 = betas
        self._epsilon = (1e-8 if style == "torch" else 1e-7) if epsilon is None else epsilon
        self._decay = weight_decay if decoupled else 0.0

    def _initial(self) -> dict[str, float]:
        return {"m": 0.0, "v": 0.0}

    def _numbers(self, rate: Any, step: Any) -> tuple[Any, ...]:
        t = step + 1
        a, b = rate / (1.0 - self._beta_1**t), sqrt(1.0 - self._beta_2**t)
        return rate * self._decay, a if self.style == "torch" else a * b, b

    def _new(self, grad: Array, slots: Slots, param: Array, *numbers: Any) -> tuple[Array, Slots]:
        decay, scale, correction = numbers
        if self._decay:
            param = param - decay * param
        m = slots["m"] + (1 - self._beta_1) * (grad - slots["m"])
        v = self._beta_2 * slots["v"] + (1 - self._beta_2) * (grad * grad)
        root = sqrt(v) / correction if self.style == "torch" else sqrt(v)
        return param - scale * m / (root + self._epsilon), {"m": m, "v": v}


class Adam(Moments):
    """Descend along a running mean ``m`` of gradients ``g``, divided by the root of one of their squares ``v``.

    ``m += (1 - beta_1) * (g - m)``; ``v = beta_2 * v + (1 - beta_2) * g**2``; in update ``t``, with ``b = sqrt(1 - beta_2**t)``
    and ``a = rate / (1 - beta_1**t)``,

    - ``w -= a * b * m / (sqrt(v) + epsilon)``, as TensorFlow, where epsilon is the paper's "epsilon hat";
    - ``w -= a * m / (sqrt(v) / b + epsilon)``, as PyTorch and the paper's algorithm.

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

    __slots__ = ()

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
        super().__init__(learning_rate, (beta_1, beta_2), epsilon, style, weight_decay, False, name)


class AdamW(Moments):
    """Adam, before which the parameters shrink: ``w -= rate * weight_decay * w``, and the gradient knows nothing of it.

    Args:
        learning_rate: See :class:`Optimizer`.
        beta_1: How much of the mean stays.
        beta_2: How much of the mean of squares stays.
        epsilon: 1e-7 in TensorFlow's style and 1e-8 in PyTorch's, if None.
        style: See :class:`Optimizer`.
        weight_decay: 0.004 in TensorFlow's style and 0.01 in PyTorch's, if None.
        name: See :class:`Optimizer`.

    Source: Loshchilov and Hutter, arXiv:1711.05101, algorithm 2.
    """

    __slots__ = ()

    def __init__(
        self,
        learning_rate: float | Variable | Schedule = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float | None = None,
        *,
        style: Style = "tensorflow",
        weight_decay: float | None = None,
        name: str = "adamw",
    ) -> None:
        decay = (0.01 if style == "torch" else 0.004) if weight_decay is None else weight_decay
        super().__init__(learning_rate, (beta_1, beta_2), epsilon, style, decay, True, name)
