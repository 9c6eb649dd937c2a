"""``tf.keras.optimizers``: Keras's optimizers over those of ``tj.optim``, and its schedules of the learning rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tracejit import optim
from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.convert import node_of
from tracejit.compat.tensorflow.elementwise import clip_by_value
from tracejit.compat.tensorflow.keras import schedules
from tracejit.compat.tensorflow.norms import clip_by_global_norm, clip_by_norm
from tracejit.compat.tensorflow.tape import GradientTape
from tracejit.compat.tensorflow.tensor import core_of, run
from tracejit.compat.tensorflow.variable import Variable

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "schedules"]

Rate = Any  # a number, a variable, a schedule, or a function without arguments


class Optimizer:
    """What Keras's optimizers share.

    Args:
        core: The rule.
        clipnorm: Gradients longer than this are shortened to it.
        clipvalue: Elements of gradients beyond this are cut off.
        global_clipnorm: All gradients together are shortened to this length.
    """

    def __init__(
        self,
        core: optim.Optimizer,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
    ) -> None:
        self.core = core
        self._clips = clipnorm, clipvalue, global_clipnorm

    @property
    def learning_rate(self) -> Any:
        rate = self.core.learning_rate
        return run(node_of, rate) if isinstance(rate, float) else rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.core.learning_rate = value.core if isinstance(value, Held) else value

    lr = learning_rate

    @property
    def iterations(self) -> Variable:
        """How many updates there were."""
        return Variable.around(self.core.step)

    @property
    def variables(self) -> list[Variable]:
        """What a checkpoint has to hold beside the parameters."""
        return [Variable.around(v) for v in self.core.variables()]

    def build(self, var_list: Sequence[Variable]) -> None:
        """Make what is remembered of variables now; otherwise their first update does."""
        self.core.build([v.core for v in var_list])

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]], name: str | None = None) -> Variable:
        """Update variables by their gradients; a gradient of None is passed over.

        Raises:
            ValueError: There are no variables, or none has a gradient.
        """
        pairs = list(grads_and_vars)
        if all(g is None for g, _ in pairs):
            names = [v.name for _, v in pairs]
            raise ValueError(f"No gradients provided for any variable: {names}.")
        chosen = [(g, v) for g, v in pairs if g is not None]
        run(self._apply, self._clipped([g for g, _ in chosen]), [v.core for _, v in chosen])
        return self.iterations

    def _apply(self, gradients: list[Any], variables: list[Any]) -> None:
        self.core.apply([core_of(node_of(g)) for g in gradients], variables)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable]) -> None:
        """As :meth:`apply_gradients`, of two lists."""
        self.apply_gradients(zip(grads, trainable_variables, strict=True))

    def minimize(self, loss: Any, var_list: Any, tape: GradientTape | None = None, name: str | None = None) -> Variable:
        """Compute the gradients of ``loss``, a function or a tensor of ``tape``, and update the variables."""
        variables = list(var_list() if callable(var_list) else var_list)
        if callable(loss):
            with GradientTape() as tape:
                loss = loss()
        if tape is None:
            raise ValueError(f"`tape` is required when a `Tensor` loss is passed. Received: loss={loss}, tape=None.")
        return self.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    def _clipped(self, gradients: list[Any]) -> list[Any]:
        length, value, together = self._clips
        if length is not None:
            gradients = [clip_by_norm(g, length) for g in gradients]
        if value is not None:
            gradients = [clip_by_value(g, -value, value) for g in gradients]
        if together is not None:
            gradients, _ = clip_by_global_norm(gradients, together)
        return gradients


def _rate(rate: Rate) -> Any:
    """A learning rate as the core takes it."""
    if isinstance(rate, Held):
        return rate.core
    if isinstance(rate, schedules.LearningRateSchedule):
        return rate.core
    return rate if not callable(rate) else lambda step: _bare(rate())


def _bare(x: Any) -> Any:
    return x.core if isinstance(x, Held) else x


class SGD(Optimizer):
    """``tj.optim.SGD`` by Keras's names."""

    def __init__(
        self, learning_rate: Rate = 0.01, momentum: float = 0.0, nesterov: bool = False, name: str = "SGD", **clips: float
    ) -> None:
        super().__init__(optim.SGD(_rate(learning_rate), momentum, nesterov, name=name), **clips)


class Adam(Optimizer):
    """``tj.optim.Adam`` by Keras's names."""

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        name: str = "adam",
        **clips: float,
    ) -> None:
        _no_amsgrad(amsgrad)
        super().__init__(optim.Adam(_rate(learning_rate), beta_1, beta_2, epsilon, name=name), **clips)


class AdamW(Optimizer):
    """``tj.optim.AdamW`` by Keras's names."""

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        name: str = "adamw",
        **clips: float,
    ) -> None:
        _no_amsgrad(amsgrad)
        core = optim.AdamW(_rate(learning_rate), beta_1, beta_2, epsilon, weight_decay=weight_decay, name=name)
        super().__init__(core, **clips)


class Adagrad(Optimizer):
    """``tj.optim.Adagrad`` by Keras's names."""

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        name: str = "adagrad",
        **clips: float,
    ) -> None:
        core = optim.Adagrad(_rate(learning_rate), epsilon, initial_accumulator=initial_accumulator_value, name=name)
        super().__init__(core, **clips)


class RMSprop(Optimizer):
    """``tj.optim.RMSProp`` by Keras's names."""

    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        name: str = "rmsprop",
        **clips: float,
    ) -> None:
        super().__init__(optim.RMSProp(_rate(learning_rate), rho, momentum, epsilon, centered, name=name), **clips)


def _no_amsgrad(amsgrad: bool) -> None:
    if amsgrad:
        raise ValueError("amsgrad=True is not supported; tj.optim.Adam has the formula of the paper")
