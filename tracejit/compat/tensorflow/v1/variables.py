"""Variables: what a session keeps from run to run, each session for itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow.dtypes import DType
from tracejit.compat.tensorflow.errors import fail
from tracejit.compat.tensorflow.v1.construct import as_tensor, graph_of, make
from tracejit.compat.tensorflow.v1.graph import Graph, GraphKeys, get_default_graph
from tracejit.compat.tensorflow.v1.operation import Operation, Stands, Tensor, session_for
from tracejit.compat.tensorflow.v1.operators import Operators
from tracejit.compat.tensorflow.v1.run import Run, current_run
from tracejit.compat.tensorflow.v1.shape import TensorShape
from tracejit.ir import Node

__all__ = [
    "Variable",
    "global_variables",
    "global_variables_initializer",
    "local_variables",
    "local_variables_initializer",
    "trainable_variables",
    "variables_initializer",
]

Update = Callable[[Run, Node, tuple[Node, ...]], Node]
"""From the present value of a Variable, and nodes, to its new value."""


class Variable(Operators, Stands):
    """A tensor whose value a session keeps; it has none before its initializer has run there.

    The value of ``initial_value`` is drawn when the initializer runs, once in each session.

    Args:
        initial_value: A tensor, what one can be made of, or a function that gives it.
        trainable: Whether optimizers change it when they are not told what to change.
        collections: Where it is listed; among the global Variables if not given.
        validate_shape: Accepted; the shape is always that of the initial value.
        caching_device: Accepted, and of no effect.
        name: Unique in its graph; ``Variable`` if not given.
        variable_def: Accepted, and of no effect.
        dtype: Of the initial value, if that is no tensor.
        expected_shape: Accepted, and of no effect.
        import_scope: Accepted, and of no effect.
        constraint: Accepted, and of no effect.
        use_resource: Accepted, and of no effect.

    Raises:
        ValueError: There is no initial value, or its shape is not known.
    """

    __slots__ = ("__weakref__", "initial_value", "initializer", "tensor", "trainable")

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool = True,
        collections: Sequence[str] | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: Any = None,
        constraint: Any = None,
        use_resource: Any = None,
    ) -> None:
        if initial_value is None:
            raise ValueError("initial_value must be specified.")
        graph = graph_of(initial_value)
        with graph.as_default(), graph.control_dependencies(None), graph.name_scope(name or "Variable") as scope:
            given = initial_value() if callable(initial_value) else initial_value
            self.initial_value = as_tensor(given, dtype, "initial_value")
            shape = self.initial_value.shape
            if not shape.is_fully_defined():
                fail(ValueError, f"initial_value must have a shape specified: {self.initial_value}")
            spec = (shape, self.initial_value.dtype)
            self.tensor: Tensor = graph.add("VariableV2", None, (), [spec], scope, variable=self).outputs[0]
            self.trainable = trainable
            self.initializer: Operation = self._update("Assign", self.initial_value, _replaced, f"{scope}Assign/").op
        kept = list(collections or [GraphKeys.GLOBAL_VARIABLES])
        if trainable and GraphKeys.TRAINABLE_VARIABLES not in kept:
            kept.append(GraphKeys.TRAINABLE_VARIABLES)
        for collection in kept:
            graph.add_to_collection(collection, self)

    @property
    def graph_element(self) -> Tensor:
        return self.tensor

    @property
    def graph(self) -> Graph:
        return self.tensor.graph

    @property
    def op(self) -> Operation:
        return self.tensor.op

    @property
    def name(self) -> str:
        return self.tensor.name

    @property
    def dtype(self) -> DType:
        return self.tensor.dtype

    @property
    def shape(self) -> TensorShape:
        return self.tensor.shape

    @property
    def device(self) -> str:
        return self.tensor.device

    def get_shape(self) -> TensorShape:
        return self.tensor.shape

    def set_shape(self, shape: Any) -> None:
        self.tensor.set_shape(shape)

    def eval(self, session: Any = None, feed_dict: Any = None) -> Any:
        """The value in ``session``, the default one if not given."""
        return self.tensor.eval(feed_dict, session)

    def load(self, value: Any, session: Any = None) -> None:
        """Give it a value in ``session``, the default one if not given; no operation is made."""
        array = np.asarray(value, self.dtype.numpy)
        if array.shape != tuple(self.shape.as_list()):
            fail(ValueError, f"Cannot feed value of shape {array.shape} for Variable {self.name!r}, which has shape {self.shape}")
        session_for(self.graph, session, "evaluate tensor using `load()`", "load").load({self: array})

    def value(self) -> Tensor:
        """The value as a tensor."""
        return self.read_value()

    def read_value(self) -> Tensor:
        """The value as a tensor of its own: after the assignments that it waits for by ``control_dependencies``."""
        graph = self.graph
        with graph.as_default(), graph.name_scope(f"{self.op.name}/"):
            return make("Identity", lambda node: node, [self.tensor], "read")

    def initialized_value(self) -> Tensor:
        """The initial value, for the initial values of other Variables."""
        return self.initial_value

    def assign(self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Tensor:
        """An operation that gives it a value, and its new value."""
        return self.updated("Assign", value, _replaced, name)

    def assign_add(self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Tensor:
        """An operation that adds ``delta`` to it, and its new value."""
        return self.updated("AssignAdd", delta, lambda run, now, nodes: ops.add(now, *nodes), name)

    def assign_sub(self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Tensor:
        """An operation that subtracts ``delta`` from it, and its new value."""
        return self.updated("AssignSub", delta, lambda run, now, nodes: ops.subtract(now, *nodes), name)

    def updated(self, type: str, value: Any, update: Update, name: str | None = None) -> Tensor:
        """An operation that gives it what ``update`` makes of the present value and of ``value``, of its dtype and shape."""
        graph = self.graph
        with graph.as_default(), graph.name_scope(name or type) as scope:
            given = as_tensor(value, None, "value", self.dtype, type)
            if not given.shape.is_compatible_with(self.shape):
                fail(
                    ValueError,
                    f"Cannot assign value to variable '{self.name}': Shape mismatch. The variable shape {self.shape}, and the "
                    f"assigned value shape {given.shape} are incompatible.",
                )
            return self._update(type, given, update, scope)

    def _update(self, type: str, value: Tensor, update: Update, name: str) -> Tensor:
        return self.changed(type, [value], update, name)

    def changed(self, type: str, inputs: Sequence[Tensor], update: Update, name: str) -> Tensor:
        """An operation that gives it the value that ``update`` makes of the present one and of the nodes of ``inputs``."""

        def compute(*nodes: Node) -> Node:
            run = current_run()
            return run.store(self, update(run, run.present(self), nodes))

        return make(type, compute, inputs, name, specs=[(self.shape, self.dtype)], variable=self)

    def __repr__(self) -> str:
        return f"<tf.Variable '{self.name}' shape={self.shape} dtype={self.dtype.name}>"


def _replaced(run: Run, now: Node, nodes: tuple[Node, ...]) -> Node:
    return nodes[0]


def global_variables(scope: str | None = None) -> list[Variable]:
    """The Variables of the default graph, those whose name begins with ``scope`` if it is given."""
    return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def local_variables(scope: str | None = None) -> list[Variable]:
    """The Variables of the default graph that are in its collection of local ones."""
    return get_default_graph().get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Variable]:
    """The Variables of the default graph that optimizers change."""
    return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def global_variables_initializer() -> Operation:
    """An operation that initializes the Variables that there are when it is made."""
    return variables_initializer(global_variables())


def local_variables_initializer() -> Operation:
    """An operation that initializes the local Variables."""
    return variables_initializer(local_variables())


def variables_initializer(var_list: Sequence[Variable], name: str = "init") -> Operation:
    """An operation that initializes these Variables."""
    graph = graph_of(list(var_list))
    controls = [v.initializer for v in var_list]
    return graph.add("NoOp", None, (), [], name, controls, initializes=frozenset(var_list))
