"""Operations of a graph, and the tensors that they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tracejit.compat.tensorflow.dtypes import DType
from tracejit.compat.tensorflow.v1 import stacks
from tracejit.compat.tensorflow.v1.operators import Operators
from tracejit.compat.tensorflow.v1.shape import TensorShape
from tracejit.ir import Where

if TYPE_CHECKING:
    from tracejit.compat.tensorflow.v1.graph import Graph

Compute = Callable[..., Any]
"""From the nodes of an operation's inputs to the node, or nodes, that it gives; called while a program is traced."""


class Operation:
    """A named operation of a graph, made by ``Graph.add``.

    Attributes:
        graph: Its graph.
        name: Unique in the graph, such as ``loss/mse``.
        type: What it does, as TensorFlow calls it: ``MatMul``.
        inputs: The tensors that it works on.
        control_inputs: Operations that run before it.
        outputs: The tensors that it gives.
        compute: See there; None for what has no value of its own, such as a placeholder.
        order: Its number; inputs have smaller ones.
        where: The user's line.
        attrs: What else is known of it.
        device: That was asked for, such as ``/device:GPU:0``; empty where none was.
    """

    __slots__ = ("attrs", "compute", "control_inputs", "device", "graph", "inputs", "name", "order", "outputs", "type", "where")

    def __init__(
        self,
        graph: Graph,
        name: str,
        type: str,
        inputs: tuple[Tensor, ...],
        control_inputs: tuple[Operation, ...],
        specs: Sequence[tuple[TensorShape, DType]],
        compute: Compute | None,
        order: int,
        where: Where | None,
        attrs: dict[str, Any],
    ) -> None:
        self.graph = graph
        self.name = name
        self.type = type
        self.inputs = inputs
        self.control_inputs = control_inputs
        self.outputs = tuple(Tensor(self, i, shape, dtype) for i, (shape, dtype) in enumerate(specs))
        self.compute = compute
        self.order = order
        self.where = where
        self.attrs = attrs
        self.device = ""

    def get_attr(self, name: str) -> Any:
        return self.attrs[name]

    def values(self) -> tuple[Tensor, ...]:
        return self.outputs

    def run(self, feed_dict: Any = None, session: Any = None) -> None:
        """Run the operation in ``session``, the default one if not given."""
        session_for(self.graph, session, "execute operation using `run()`", "run").run(self, feed_dict)

    def __str__(self) -> str:
        inputs = "".join(f'\ninput: "{x.name}"' for x in self.inputs) + "".join(
            f'\ninput: "^{x.name}"' for x in self.control_inputs
        )
        return f'name: "{self.name}"\nop: "{self.type}"{inputs}'

    def __repr__(self) -> str:
        return f"<tf.Operation '{self.name}' type={self.type}>"


class Tensor(Operators):
    """What an operation gives when a session runs it.

    Attributes:
        op: The operation.
        value_index: Which of its outputs.
        dtype: Of the elements.
        shape: As far as it is known while the graph is built.
    """

    __slots__ = ("__weakref__", "dtype", "op", "shape", "value_index")

    def __init__(self, op: Operation, value_index: int, shape: TensorShape, dtype: DType) -> None:
        self.op = op
        self.value_index = value_index
        self.shape = shape
        self.dtype = dtype

    @property
    def graph(self) -> Graph:
        return self.op.graph

    @property
    def name(self) -> str:
        return f"{self.op.name}:{self.value_index}"

    @property
    def device(self) -> str:
        return self.op.device

    def get_shape(self) -> TensorShape:
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Say more about the shape than is known.

        Raises:
            ValueError: It contradicts what is known.
        """
        self.shape = self.shape.merge_with(shape)

    def consumers(self) -> list[Operation]:
        """The operations that work on it."""
        return [op for op in self.graph.operations if self in op.inputs]

    def eval(self, feed_dict: Any = None, session: Any = None) -> Any:
        """The value in ``session``, the default one if not given."""
        return session_for(self.graph, session, "evaluate tensor using `eval()`", "eval").run(self, feed_dict)

    def __str__(self) -> str:
        return f'Tensor("{self.name}", shape={self.shape}, dtype={self.dtype.name})'

    def __repr__(self) -> str:
        return f"<tf.Tensor '{self.name}' shape={self.shape} dtype={self.dtype.name}>"


def session_for(graph: Graph, session: Any, deed: str, method: str) -> Any:
    """``session``, or the default session, for an operation of ``graph``.

    Raises:
        ValueError: There is none, or it runs another graph.
    """
    if session is not None:
        if session.graph is not graph:
            raise ValueError(f"Cannot use the given session to {deed}: the tensor's graph is different from the session's graph.")
        return session
    default = stacks.get_default_session()
    if default is None:
        raise ValueError(
            f"Cannot {deed}: No default session is registered. Use `with sess.as_default()` or pass an explicit session to "
            f"`{method}(session=sess)`"
        )
    if default.graph is not graph:
        raise ValueError(
            f"Cannot use the default session to {deed}: the tensor's graph is different from the session's graph. Pass an "
            f"explicit session to `{method}(session=sess)`."
        )
    return default


class Stands:
    """What stands for a tensor or an operation of a graph, as a Variable does."""

    __slots__ = ()

    @property
    def graph_element(self) -> Tensor | Operation:
        raise AssertionError("every class says what it stands for")
