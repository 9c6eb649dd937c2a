"""Optimizer: what all optimizers share, as functions of trees and as objects that keep their state in Variables."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from tracejit.errors import ArgumentError, DTypeError, GradientError, ShapeError
from tracejit.frontend.base import Tensor
from tracejit.frontend.eager import EagerTrace, active
from tracejit.frontend.numpy.creation import full_like
from tracejit.frontend.scope import name_scope
from tracejit.frontend.shapes import shape_text
from tracejit.frontend.tree import Structure, flatten, flatten_paths
from tracejit.frontend.variable import Variable
from tracejit.ir import using
from tracejit.ir.dtype import family

Style = Literal["tensorflow", "torch"]
Schedule = Callable[[Any], Any]
"""The learning rate as a function of the number of updates before this one, an int or a tensor."""

Array = Any  # a NumPy array or a tensor
Slots = dict[str, Array]


class Optimizer(ABC):
    """A rule that makes new parameters of old ones and their gradients.

    :meth:`apply` updates Variables, and keeps what the rule remembers of each, its slots, in Variables of its own; eagerly, or as
    a part of the program of a traced function. :meth:`init` and :meth:`update` are the same rule as functions of trees.
    Slots have the dtype of their parameter: those of a float16 are float16.

    Args:
        learning_rate: A number, a Variable, or a function of the number of updates before, such as those of ``tj.optim``.
        style: Whose formulas where they differ, ``"tensorflow"`` or ``"torch"``.
        weight_decay: This times the parameter is added to each gradient, the derivative of a penalty on squares.
        name: Of the optimizer's Variables.

    Raises:
        ArgumentError: The learning rate or the style is none of these.
    """

    __slots__ = ("_lock", "_owns_rate", "_rate", "_schedule", "_slots", "_weight_decay", "name", "step", "style")

    def __init__(self, learning_rate: float | Variable | Schedule, style: Style, weight_decay: float, name: str) -> None:
        if style not in ("tensorflow", "torch"):
            raise ArgumentError(f'{name}: style is {style!r}; it is "tensorflow" or "torch"')
        self.name = name
        self.style = style
        self.step = Variable(np.int64(0), name=f"{name}/step", trainable=False)
        self._weight_decay = _number(weight_decay, f"{name}: weight_decay")
        self._schedule: Schedule | None = None
        self._rate: Variable | None = None
        self._owns_rate = False
        if isinstance(learning_rate, Variable):
            self._rate = learning_rate
        elif callable(learning_rate):
            self._schedule = learning_rate
        else:
            rate = _number(learning_rate, f"{name}: learning_rate")
            self._owns_rate = True
            self._rate = Variable(np.float64(rate), name=f"{name}/learning_rate", trainable=False)
        self._slots: dict[int, tuple[Variable, dict[str, Variable]]] = {}  # by id of the Variable
        self._lock = threading.Lock()

    @property
    def learning_rate(self) -> Any:
        """A number, or the Variable or schedule that was given. Programs read what is set here without a new trace."""
        if self._rate is None:
            return self._schedule
        return self._rate.buffer.item() if self._owns_rate and not _traced() else self._rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if self._rate is None:
            raise ArgumentError(f"{self.name}: the learning rate is a schedule; make a new optimizer to change it")
        self._rate.assign(value)

    @property
    def python_function(self) -> Schedule | None:
        """The schedule, by which traced functions learn what its code reads."""
        return self._schedule

    # as functions of trees

    def init(self, params: Any) -> dict[str, Any]:
        """The state before the first update: for each slot a tree like ``params``."""
        leaves, structure = flatten(params)
        return {
            slot: structure.unflatten([full_like(_array(p), value) for p in leaves]) for slot, value in self._initial().items()
        }

    def update(self, grads: Any, state: dict[str, Any], params: Any, step: Any) -> tuple[Any, dict[str, Any]]:
        """One step of the rule.

        Args:
            grads: A tree like ``params``; None for what has no gradient, which stays as it is.
            state: Of :meth:`init` or an earlier update.
            params: A tree of float arrays or tensors.
            step: The number of updates before this one, 0 at first: an int, or a tensor, which needs no new trace.

        Returns:
            New parameters and the new state.

        Raises:
            ArgumentError: The trees differ in structure.
            ShapeError: A gradient has not the shape of its parameter.
            DTypeError: A parameter is not a float.
            GradientError: No parameter has a gradient.
        """
        pairs, structure = flatten_paths(params, "params")
        if missing := [slot for slot in self._initial() if slot not in state]:
            raise ArgumentError(f"{self.name}: the state lacks {', '.join(missing)}; init makes it")
        slots = {slot: self._like(state[slot], structure, f"state[{slot!r}]") for slot in self._initial()}
        given = self._like(grads, structure, "grads")
        names, values = [path for path, _ in pairs], [_array(p) for _, p in pairs]
        chosen = self._checked(given, values, names)
        new = self._updated(
            [g for _, g in chosen], [{s: column[i] for s, column in slots.items()} for i, _ in chosen],
            [values[i] for i, _ in chosen], step,
        )  # fmt: skip
        for (i, _), (value, changed) in zip(chosen, new, strict=True):
            values[i] = value
            for slot, column in slots.items():
                column[i] = changed[slot]
        return structure.unflatten(values), {slot: structure.unflatten(column) for slot, column in slots.items()}

    # as an object

    def apply(self, grads: Any, variables: Any) -> None:
        """Update Variables, and count the update.

        Args:
            grads: A tree like ``variables``, as a tape gives it; what is None is passed over.
            variables: A tree of Variables.

        Raises:
            ArgumentError: The trees differ in structure, or hold something else, or a Variable twice.
            ShapeError: A gradient has not the shape of its Variable.
            DTypeError: A Variable is not a float.
            GradientError: No Variable has a gradient.
        """
        leaves, structure = self._variables_in(variables)
        given = self._like(grads, structure, "grads")
        chosen = self._checked(given, leaves, [f"Variable {v.name}" for v in leaves])
        targets = [leaves[i] for i, _ in chosen]
        self.build(targets)
        owned = [self._slots[id(v)][1] for v in targets]
        new = self._updated([g for _, g in chosen], owned, targets, self.step if _traced() else self.step.buffer.item())
        for variable, own, (value, changed) in zip(targets, owned, new, strict=True):
            variable.assign(value)
            for slot, target in own.items():
                target.assign(changed[slot])
        self.step.assign_add(1)

    def build(self, variables: Any) -> None:
        """Make the slots of Variables now; otherwise their first update does."""
        for variable in self._variables_in(variables)[0]:
            # a trace finds the slots as if they had always been there; the name of the Variable has its scope
            with self._lock, using(None), name_scope(None):
                if id(variable) not in self._slots:
                    slots = {
                        slot: Variable(
                            np.full(variable.shape, value, variable.dtype),
                            f"{variable.name}/{slot}",
                            trainable=False,
                            device=variable.device,
                        )
                        for slot, value in self._initial().items()
                    }
                    self._slots[id(variable)] = variable, slots

    def variables(self) -> list[Variable]:
        """What a checkpoint has to hold beside the parameters: the number of updates, and the slots there are so far."""
        return [self.step, *(slot for _, slots in self._slots.values() for slot in slots.values())]

    def __repr__(self) -> str:
        return f"{type(self).__name__}(learning_rate={self.learning_rate}, style={self.style!r}, step={self.step.buffer.item()})"

    # the rule

    @abstractmethod
    def _initial(self) -> dict[str, float]:
        """The slots of a parameter by name, with the number that each is filled with at first."""

    def _numbers(self, rate: Any, step: Any) -> tuple[Any, ...]:
        """What the rule needs besides arrays: numbers of the step, computed once in float64."""
        return (rate,)

    @abstractmethod
    def _new(self, grad: Array, slots: Slots, param: Array, *numbers: Any) -> tuple[Array, Slots]:
        """The new parameter and its new slots."""

    def _updated(
        self, grads: Sequence[Array], slots: Sequence[Any], params: Sequence[Array], step: Any
    ) -> list[tuple[Array, Slots]]:
        rate = self._schedule(step) if self._schedule is not None else self.learning_rate
        numbers = self._numbers(rate, step)
        out = []
        for grad, own, param in zip(grads, slots, params, strict=True):
            if self._weight_decay:
                grad = grad + self._weight_decay * param
            out.append(self._new(grad, own, param, *(_in_dtype(x, param.dtype) for x in numbers)))
        return out

    # checks

    def _variables_in(self, variables: Any) -> tuple[list[Variable], Structure]:
        leaves, structure = flatten(variables)
        for x in leaves:
            if not isinstance(x, Variable):
                raise ArgumentError(f"{self.name}: got a {type(x).__name__} among the variables; an optimizer updates Variables")
        if len({id(x) for x in leaves}) < len(leaves):
            raise ArgumentError(f"{self.name}: a Variable is given twice; its gradients must be added up first")
        return leaves, structure

    def _like(self, tree: Any, structure: Structure, what: str) -> list[Any]:
        leaves, found = flatten(tree)
        if found != structure:
            raise ArgumentError(f"{self.name}: {what} is {found}, and the parameters are {structure}; they must be alike")
        return leaves

    def _checked(self, grads: Sequence[Any], params: Sequence[Array], names: Sequence[str]) -> list[tuple[int, Array]]:
        """The gradients that there are, by place, in the dtype of their parameters."""
        found = []
        for i, (grad, param, name) in enumerate(zip(grads, params, names, strict=True)):
            if family(param.dtype) != "f":
                raise DTypeError(f"{self.name}: {name} is {param.dtype}; an optimizer updates floats")
            if grad is None:
                continue
            array = _array(grad)
            if family(array.dtype) not in "fiu":
                raise DTypeError(f"{self.name}: the gradient of {name} is {array.dtype}; it must be a float, as {param.dtype} is")
            if len(array.shape) != len(param.shape) or any(a != b for a, b in zip(array.shape, param.shape, strict=True)):
                shapes = f"{shape_text(array.shape)}, and {name} is {shape_text(param.shape)}"
                raise ShapeError(f"{self.name}: the gradient of {name} has the shape {shapes}; they must be equal")
            found.append((i, array if array.dtype == param.dtype else array.astype(param.dtype)))
        if not found:
            raise GradientError(f"{self.name}: none of {', '.join(names) or 'no parameters'} has a gradient")
        return found


def _traced() -> bool:
    builder = active()
    return builder is not None and not isinstance(builder, EagerTrace)


def _array(x: Any) -> Array:
    return x if isinstance(x, Tensor | np.ndarray) else np.asarray(x)


def _number(x: Any, what: str) -> float:
    if not isinstance(x, int | float | np.integer | np.floating) or isinstance(x, bool):
        raise ArgumentError(f"{what} is {x!r}; it must be a number")
    return float(x)


def _in_dtype(x: Any, dtype: np.dtype) -> Any:
    """A number in the dtype of a parameter, so that it does not widen it; Python's own do not."""
    return x.astype(dtype) if isinstance(x, Tensor) else float(x)


__all__ = ["Array", "Optimizer", "Schedule", "Slots", "Style"]
