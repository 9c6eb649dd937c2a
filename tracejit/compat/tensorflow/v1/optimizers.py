"""``tf.train.*Optimizer``: operations that update Variables, by the rules of ``tracejit.optim`` in the forms of TensorFlow 1."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from tracejit import optim
from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.errors import fail
from tracejit.compat.tensorflow.keras.optimizers import Optimizer as Eager
from tracejit.compat.tensorflow.tape import GradientTape
from tracejit.compat.tensorflow.v1.construct import as_tensor, building, tensors_in
from tracejit.compat.tensorflow.v1.gradients import gradients
from tracejit.compat.tensorflow.v1.graph import Graph
from tracejit.compat.tensorflow.v1.operation import Tensor
from tracejit.compat.tensorflow.v1.run import current_run
from tracejit.compat.tensorflow.v1.variables import Variable, trainable_variables
from tracejit.frontend.tensor import Tracer
from tracejit.ir import Node

Pairs = Iterable[tuple[Any, Any]]
Rule = Callable[[Any], optim.Optimizer]
"""From a learning rate to the rule."""


class Optimizer:
    """An optimizer: ``minimize`` makes the operation that a training loop runs.

    Args:
        learning_rate: A number, a tensor, or a function of no arguments.
        rule: The rule for a learning rate.
        slots: What the slots of the rule are called.
        name: Of the operation.
        counts: Whether the rule depends on the number of updates before.
    """

    GATE_NONE, GATE_OP, GATE_GRAPH = 0, 1, 2

    def __init__(self, learning_rate: Any, rule: Rule, slots: dict[str, str], name: str, counts: bool = False) -> None:
        self._name = name
        self._counts = counts
        self._rate = learning_rate
        self._make_rule = rule
        self._slot_names = slots
        self._slots: dict[Variable, dict[str, Variable]] = {}
        self._steps: dict[Graph, Variable] = {}
        self._eager: Eager | None = None

    def get_name(self) -> str:
        return self._name

    def minimize(
        self,
        loss: Any,
        global_step: Variable | None = None,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Any:
        """The operation that takes one step down; running it gives None. Under eager execution the step itself.

        Args:
            loss: What is to get smaller.
            global_step: A Variable that each step adds 1 to.
            var_list: What is changed: a Variable, or a list of them; all trainable ones of the graph if not given.
            gate_gradients: Accepted, and of no effect.
            aggregation_method: Accepted, and of no effect.
            colocate_gradients_with_ops: Accepted, and of no effect.
            name: Of the operation.
            grad_loss: A weight for each element of the loss.

        Raises:
            ValueError: The loss depends on none of the Variables, or there are none.
        """
        pairs = self.compute_gradients(loss, var_list, grad_loss=grad_loss)
        if callable(loss):
            return self.apply_gradients(pairs, global_step)
        if not any(g is not None for g, _ in pairs):
            fail(
                ValueError,
                "No gradients provided for any variable, check your graph for ops that do not support gradients, between "
                f"variables {[v.name for _, v in pairs]} and loss {loss}.",
            )
        return self.apply_gradients(pairs, global_step, name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: Any = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Tensor | None, Variable]]:
        """Pairs of a gradient, None where there is none, and its Variable: to be clipped, say, and then applied.

        Under eager execution the loss is a function without arguments.
        """
        if callable(loss):
            return _eager_gradients(loss, var_list, grad_loss)
        target = as_tensor(loss)
        with target.graph.as_default():
            variables = (
                [var_list] if isinstance(var_list, Variable) else list(trainable_variables() if var_list is None else var_list)
            )
            if not variables:
                fail(ValueError, "No variables to optimize.")
            return list(zip(gradients(target, variables, grad_loss), variables, strict=True))

    def apply_gradients(self, grads_and_vars: Pairs, global_step: Any = None, name: str | None = None) -> Any:
        """The operation that updates Variables by given gradients; pairs without one are passed over."""
        given = list(grads_and_vars)
        pairs = [(g, v) for g, v in given if g is not None]
        if not pairs:
            fail(ValueError, f"No gradients provided for any variable: {[str(v) for _, v in given]}.")
        variables: list[Any] = [v for _, v in pairs]
        if isinstance(variables[0], Held):
            self._apply_eagerly(pairs, global_step)
            return None
        graph = variables[0].graph
        with graph.as_default(), graph.control_dependencies(None):
            slots = [self._slots_of(v) for v in variables]
            step = self._step_of(graph) if self._counts else None
        with building(name, self._name, variables) as scope:
            grads = [as_tensor(g, name="gradient", like=v.dtype, op=self._name) for g, v in pairs]
            rate = self._rate() if callable(self._rate) else self._rate
            inputs = [*grads, *([as_tensor(rate)] if tensors_in(rate) else [])]
            compute = self._compute(variables, slots, step, rate, len(grads))
            op = graph.add("ApplyGradients", compute, inputs, [], scope)
        if global_step is None:
            return op
        with graph.as_default(), graph.control_dependencies([op]), graph.name_scope(scope):
            return global_step.assign_add(np.ones((), global_step.dtype.numpy)).op

    def _apply_eagerly(self, pairs: Pairs, global_step: Any) -> None:
        if self._eager is None:
            self._eager = Eager(self._make_rule(float(self._rate() if callable(self._rate) else self._rate)))
        self._eager.apply_gradients(pairs)
        if global_step is not None:
            global_step.assign_add(1)

    def _compute(
        self, variables: Sequence[Variable], slots: Sequence[dict[str, Variable]], step: Variable | None, rate: Any, count: int
    ) -> Callable[..., None]:
        def compute(*nodes: Node) -> None:
            run = current_run()

            def now(variable: Variable) -> Tracer:
                return Tracer(run, run.present(variable))

            chosen = (lambda step: Tracer(run, nodes[count])) if tensors_in(rate) else float(rate)
            rule = self._make_rule(chosen)
            state = {slot: [now(own[slot]) for own in slots] for slot in self._slot_names if slots[0].get(slot) is not None}
            grads = [Tracer(run, n) for n in nodes[:count]]
            new, changed = rule.update(grads, state, [now(v) for v in variables], 0 if step is None else now(step))
            for variable, own, i in zip(variables, slots, range(count), strict=True):
                run.store(variable, new[i].node)
                for slot, target in own.items():
                    run.store(target, changed[slot][i].node)
            if step is not None:
                run.store(step, run.present(step) + 1)

        return compute

    def _slots_of(self, variable: Variable) -> dict[str, Variable]:
        """What the optimizer remembers of a Variable, made when it is first updated."""
        if variable not in self._slots:
            start = self._make_rule(0.0).init(np.zeros((), variable.dtype.numpy))
            self._slots[variable] = {
                slot: self._variable(
                    variable, np.full(variable.shape.as_list(), value, variable.dtype.numpy), self._slot_names[slot]
                )
                for slot, value in start.items()
            }
        return self._slots[variable]

    def _variable(self, of: Variable, value: Any, name: str) -> Variable:
        with of.graph.name_scope(None):
            return Variable(value, trainable=False, name=f"{of.op.name}/{name}")

    def _step_of(self, graph: Graph) -> Variable:
        """How often the operations of a graph have run."""
        if graph not in self._steps:
            with graph.name_scope(None):
                self._steps[graph] = Variable(np.int64(0), trainable=False, name=f"{self._name}/step")
        return self._steps[graph]

    def get_slot(self, var: Variable, name: str) -> Variable | None:
        """The slot ``name`` of a Variable, such as ``momentum``; None where there is none."""
        return self._slots.get(var, {}).get(name)

    def get_slot_names(self) -> list[str]:
        return sorted({name for own in self._slots.values() for name in own})

    def variables(self) -> list[Variable]:
        """The Variables of the optimizer itself."""
        return [*self._steps.values(), *(v for own in self._slots.values() for v in own.values())]


def _eager_gradients(loss: Callable[[], Any], var_list: Any, grad_loss: Any) -> list[tuple[Any, Any]]:
    """Pairs of gradients and variables of eager execution."""
    with GradientTape() as tape:
        value = loss()
    variables = list(tape.watched_variables() if var_list is None else [var_list] if isinstance(var_list, Held) else var_list)
    return list(zip(tape.gradient(value, variables, grad_loss), variables, strict=True))


class GradientDescentOptimizer(Optimizer):
    """``w -= learning_rate * g``."""

    def __init__(self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent") -> None:
        super().__init__(learning_rate, optim.SGD, {}, name)


class MomentumOptimizer(Optimizer):
    """``v = momentum * v + g``; ``w -= learning_rate * v``, with Nesterov's ``w -= learning_rate * (g + momentum * v)``."""

    def __init__(
        self, learning_rate: Any, momentum: float, use_locking: bool = False, name: str = "Momentum", use_nesterov: bool = False
    ) -> None:
        def rule(rate: Any) -> optim.Optimizer:
            return optim.SGD(rate, momentum, use_nesterov, style="torch")

        super().__init__(learning_rate, rule, {"momentum": "Momentum"}, name)


class AdagradOptimizer(Optimizer):
    """``s += g**2``; ``w -= learning_rate * g / sqrt(s)``."""

    def __init__(
        self, learning_rate: Any, initial_accumulator_value: float = 0.1, use_locking: bool = False, name: str = "Adagrad"
    ) -> None:
        if initial_accumulator_value <= 0:
            raise ValueError(f"initial_accumulator_value must be positive: {initial_accumulator_value}")

        def rule(rate: Any) -> optim.Optimizer:
            return optim.Adagrad(rate, 0.0, initial_accumulator=initial_accumulator_value)

        super().__init__(learning_rate, rule, {"accumulator": "Adagrad"}, name)


class RMSPropOptimizer(Optimizer):
    """``s = decay * s + (1 - decay) * g**2``; ``v = momentum * v + learning_rate * g / sqrt(s + epsilon)``; ``w -= v``."""

    def __init__(
        self,
        learning_rate: Any,
        decay: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        def rule(rate: Any) -> optim.Optimizer:
            return optim.RMSProp(rate, decay, momentum, epsilon, centered, initial_mean_square=1.0)

        slots = {"mean_square": "RMSProp", "momentum": "RMSProp_1", "mean_gradient": "RMSProp_2"}
        super().__init__(learning_rate, rule, slots, name)


class AdamOptimizer(Optimizer):
    """Kingma and Ba's Adam, with TensorFlow's place of epsilon; see ``tracejit.optim.Adam``."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        def rule(rate: Any) -> optim.Optimizer:
            return optim.Adam(rate, beta1, beta2, epsilon)

        super().__init__(learning_rate, rule, {"m": "Adam", "v": "Adam_1"}, name, counts=True)
