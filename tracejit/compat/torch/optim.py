"""``torch.optim``: the optimizers of ``tj.optim`` in PyTorch's formulas, over the gradients that backward() leaves in tensors.

Within a compiled function a step is a part of the program. The learning rate of a group is a number that the program reads, so
schedules need no other program; whatever else of a group is changed makes one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextvars import Context
from typing import Any

import numpy as np

from tracejit import optim
from tracejit.compat.torch import mode
from tracejit.compat.torch.apply import trace
from tracejit.compat.torch.promote import dtype_of
from tracejit.compat.torch.session import Session
from tracejit.compat.torch.tensor import Tensor
from tracejit.compat.torch.value import as_memory, wrap
from tracejit.errors import UnsupportedError
from tracejit.frontend.device import assign
from tracejit.frontend.guards import Attribute, Guard, Known, unchanged
from tracejit.frontend.tensor import EagerTensor
from tracejit.ir import using
from tracejit.runtime.device import DeviceArray

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop"]

Group = dict[str, Any]


class Optimizer:
    """What the optimizers share; made as one of them.

    Args:
        params: Tensors that require a gradient, or dicts with these under "params" and settings of their own.
        defaults: The settings of groups that say nothing else.
        rule: From a group to the rule of ``tj.optim``.
        names: The names under which PyTorch keeps the slots of the rule.
    """

    def __init__(
        self, params: Iterable[Any], defaults: Group, rule: Callable[[Group], optim.Optimizer], names: Mapping[str, str]
    ) -> None:
        self.defaults = defaults
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, dict[str, Tensor]] = {}
        self._rule, self._names = rule, dict(names)
        self._rules: list[tuple[Any, optim.Optimizer]] = []
        self._loads = 0
        if isinstance(params, Tensor):
            raise TypeError("params argument given to the optimizer should be an iterable of Tensors or dicts, but got Tensor")
        given = list(params)
        if not given:
            raise ValueError("optimizer got an empty parameter list")
        groups: list[Any] = given if isinstance(given[0], dict) else [{"params": given}]
        for group in groups:
            self.add_param_group(group)

    def add_param_group(self, param_group: Group) -> None:
        """Update more tensors."""
        group = self.defaults | param_group
        group["params"] = [group["params"]] if isinstance(group["params"], Tensor) else list(group["params"])
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for p in group["params"]:
            if not isinstance(p, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}")
            if not p.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
            if id(p) in known:
                raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(group)
        self._rules.append((None, self._rule(group)))

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, or make them zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad.detach_().zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every tensor that has a gradient.

        Args:
            closure: Computes the loss and the gradients anew.

        Returns:
            What the closure returns.
        """
        loss = None
        if closure is not None:
            with mode.enable_grad():
                loss = closure()
        session = trace()
        if session is None:
            self.refresh()
        else:
            Context().run(self.refresh)
            session.refresh[self.refresh] = None
            session.trace.guards.append(Guard(Attribute(Known(self, "optimizer"), "settings"), self.settings, unchanged))
        for group, (_, rule) in zip(self.param_groups, self._rules, strict=True):
            chosen = [p for p in group["params"] if p.grad is not None]
            if session is not None:
                Context().run(self._remember, rule, chosen)
            else:
                self._remember(rule, chosen)
            for alike in self._together(chosen):
                self._update(session, rule, alike)
        return loss

    # the state

    def refresh(self) -> None:
        """Bring the rules in line with the groups; the learning rate where the rule is, everything else by another rule."""
        for i, (group, (settings, rule)) in enumerate(zip(self.param_groups, self._rules, strict=True)):
            now = self._settings(group)
            if settings is not None and settings != now:
                rule = self._rule(group)
            if settings != now:
                self._rules[i] = now, rule
            rate = float(group["lr"])
            if rule.learning_rate != rate and not callable(rule.learning_rate):
                rule.learning_rate = rate

    def _settings(self, group: Group) -> tuple[Any, ...]:
        fixed = {k: v for k, v in group.items() if k not in ("params", "lr") or (k == "lr" and group.get("lr_decay"))}
        return tuple(fixed.items())

    @property
    def settings(self) -> tuple[Any, ...]:
        """What a program that holds a step was made for."""
        groups = tuple((len(g["params"]), self._settings(g)) for g in self.param_groups)
        return (self._loads, groups)

    def _remember(self, rule: optim.Optimizer, params: list[Tensor]) -> None:
        """Make the state of tensors that are updated for the first time; they count their steps together."""
        fresh = [p for p in params if p not in self.state]
        count: Tensor = wrap(Tensor, np.zeros((), np.int64))
        if fresh:
            count = count.to(device=fresh[0].device)
        initial = rule.init([np.broadcast_to(np.zeros((), dtype_of(p)), p._array.shape) for p in fresh]) if fresh else {}
        for i, p in enumerate(fresh):
            new = {slot: wrap(Tensor, np.array(column[i])).to(device=p.device) for slot, column in initial.items()}
            slots = {self._names.get(slot, slot): tensor for slot, tensor in new.items()}
            self.state[p] = {"step": count, **slots}

    def _together(self, params: list[Tensor]) -> list[list[Tensor]]:
        """Tensors that have had equally many steps."""
        found: dict[int, list[Tensor]] = {}
        for p in params:
            found.setdefault(id(self.state[p]["step"]), []).append(p)
        return list(found.values())

    def _update(self, session: Session | None, rule: optim.Optimizer, params: list[Tensor]) -> None:
        step = self.state[params[0]]["step"]
        slots = [s for s in self.state[params[0]] if s != "step"]
        own = {name: slot for slot, name in self._names.items()}
        state = {own.get(s, s): [_memory(session, self.state[p][s]) for p in params] for s in slots}
        grads = [_memory(session, p.grad) for p in params]
        count = step._array.item() if session is None else session.tracer(step)
        values, new = rule.update(grads, state, [_memory(session, p) for p in params], count)
        for p, value in zip(params, values, strict=True):
            _store(session, p, value)
        for s in slots:
            for p, value in zip(params, new[own.get(s, s)], strict=True):
                _store(session, self.state[p][s], value)
        _store(session, step, count + 1)

    def state_dict(self) -> dict[str, Any]:
        """The state by the place of each tensor, and the settings."""
        order = {p: i for i, p in enumerate(p for g in self.param_groups for p in g["params"])}
        state = {order[p]: {k: v.clone() for k, v in slots.items()} for p, slots in self.state.items()}
        places = iter(range(len(order)))
        groups = [{**g, "params": [next(places) for _ in g["params"]]} for g in self.param_groups]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from a state that ``state_dict`` gave."""
        groups = state_dict["param_groups"]
        if [len(g["params"]) for g in groups] != [len(g["params"]) for g in self.param_groups]:
            raise ValueError("loaded state dict contains a parameter group that doesn't match the size of optimizer's group")
        every = [p for g in self.param_groups for p in g["params"]]
        for group, saved in zip(self.param_groups, groups, strict=True):
            group.update({k: v for k, v in saved.items() if k != "params"})
        steps: dict[Any, Tensor] = {}
        self.state = {}
        for place, slots in state_dict["state"].items():
            count, p = int(slots["step"].item()), every[place]
            step = steps.setdefault((count, p.device), wrap(Tensor, np.array(count, np.int64)).to(device=p.device))
            self.state[p] = {k: v.detach().clone().to(device=p.device) for k, v in slots.items()} | {"step": step}
        self._loads += 1

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines += [f"Parameter Group {i}", *(f"    {k}: {v}" for k, v in group.items() if k != "params")]
        return "\n".join([*lines, ")"])


def _memory(session: Session | None, x: Any) -> Any:
    """A tensor as a rule takes it: an array, or a traced value."""
    if session is not None:
        return session.tracer(x)
    return EagerTensor(x._array) if isinstance(x._array, DeviceArray) else x._array


def _store(session: Session | None, x: Tensor, value: Any) -> None:
    if session is None:
        assign(x._array, as_memory(value), "a tensor")
        if x._versions is not None:
            x._versions[0] += 1
        return
    with using(session.trace):
        session.tracer(x).write(value.node_in(session.trace))


def _refuse(**options: Any) -> None:
    for name, value in options.items():
        if value:
            raise UnsupportedError(f"torch.optim: {name}={value!r} is not supported")


def _check(**numbers: float) -> None:
    for name, value in numbers.items():
        if value < 0.0:
            raise ValueError(f"Invalid {name.replace('_', ' ')}: {value}")


class SGD(Optimizer):
    """``v = momentum * v + g``; ``w -= lr * v``; see :class:`tracejit.optim.SGD`."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0.0, dampening: float = 0.0, weight_decay: float = 0.0,
        nesterov: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        _check(learning_rate=lr, momentum=momentum, weight_decay=weight_decay)
        _refuse(dampening=dampening, **options)
        if nesterov and not momentum:
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "nesterov": nesterov}
        super().__init__(params, defaults, _sgd, {"momentum": "momentum_buffer"})


def _sgd(g: Group) -> optim.Optimizer:
    return optim.SGD(float(g["lr"]), g["momentum"], g["nesterov"], style="torch", weight_decay=g["weight_decay"])


_ADAM = {"m": "exp_avg", "v": "exp_avg_sq"}


class Adam(Optimizer):
    """Running means of gradients and of their squares; see :class:`tracejit.optim.Adam`."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, **options: Any,
    ) -> None:  # fmt: skip
        _check(learning_rate=lr, eps=eps, weight_decay=weight_decay)
        _refuse(**options)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}, _adam, _ADAM)


def _adam(g: Group) -> optim.Optimizer:
    return optim.Adam(float(g["lr"]), g["betas"][0], g["betas"][1], g["eps"], style="torch", weight_decay=g["weight_decay"])


class AdamW(Optimizer):
    """Adam with decoupled weight decay; see :class:`tracejit.optim.AdamW`."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, **options: Any,
    ) -> None:  # fmt: skip
        _check(learning_rate=lr, eps=eps, weight_decay=weight_decay)
        _refuse(**options)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}, _adamw, _ADAM)


def _adamw(g: Group) -> optim.Optimizer:
    return optim.AdamW(float(g["lr"]), g["betas"][0], g["betas"][1], g["eps"], style="torch", weight_decay=g["weight_decay"])


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squares; see :class:`tracejit.optim.RMSProp`."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0.0,
        momentum: float = 0.0, centered: bool = False, **options: Any,
    ) -> None:  # fmt: skip
        _check(learning_rate=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)
        _refuse(**options)
        defaults = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
        defaults["centered"] = centered
        names = {"mean_square": "square_avg", "mean_gradient": "grad_avg", "momentum": "momentum_buffer"}
        super().__init__(params, defaults, _rmsprop, names)


def _rmsprop(g: Group) -> optim.Optimizer:
    rest: dict[str, Any] = {"style": "torch", "weight_decay": g["weight_decay"]}
    return optim.RMSProp(float(g["lr"]), g["alpha"], g["momentum"], g["eps"], g["centered"], **rest)


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squares; see :class:`tracejit.optim.Adagrad`."""

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0.0, weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0, eps: float = 1e-10, **options: Any,
    ) -> None:  # fmt: skip
        _check(learning_rate=lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)
        _refuse(**options)
        defaults = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps}
        defaults["initial_accumulator_value"] = initial_accumulator_value
        super().__init__(params, defaults, _adagrad, {"accumulator": "sum"})


def _adagrad(g: Group) -> optim.Optimizer:
    rate: Any = optim.inverse_time(float(g["lr"]), 1, g["lr_decay"]) if g["lr_decay"] else float(g["lr"])
    rest: dict[str, Any] = {"style": "torch", "weight_decay": g["weight_decay"]}
    rest["initial_accumulator"] = g["initial_accumulator_value"]
    return optim.Adagrad(rate, g["eps"], **rest)
