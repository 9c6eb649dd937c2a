"""Operations with effects and orders: assignments, groups, control dependencies."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow.dtypes import as_dtype
from tracejit.compat.tensorflow.errors import fail
from tracejit.compat.tensorflow.v1.construct import array_of, as_tensor, building, constant_tensor, graph_of, make
from tracejit.compat.tensorflow.v1.graph import get_default_graph
from tracejit.compat.tensorflow.v1.operation import Operation, Tensor
from tracejit.compat.tensorflow.v1.run import Run
from tracejit.compat.tensorflow.v1.shape import TensorShape
from tracejit.compat.tensorflow.v1.variables import Variable
from tracejit.frontend.indexing import checked_places, setitem
from tracejit.frontend.shapes import broadcast_node
from tracejit.frontend.tensor import Tracer
from tracejit.ir import Node

__all__ = [
    "assign",
    "assign_add",
    "assign_sub",
    "constant",
    "control_dependencies",
    "group",
    "identity",
    "no_op",
    "placeholder",
    "placeholder_with_default",
    "scatter_add",
    "scatter_sub",
    "scatter_update",
]


def _variable(ref: Any, function: str) -> Variable:
    if not isinstance(ref, Variable):
        fail(ValueError, f"{function}: the reference is {ref!r}; only a tf.Variable can be assigned")
    return ref


def assign(ref: Any, value: Any, validate_shape: Any = None, use_locking: Any = None, name: str | None = None) -> Tensor:
    """An operation that gives a Variable a value, and its new value. Nothing happens until a session runs it."""
    return _variable(ref, "assign").assign(value, name=name)


def assign_add(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Tensor:
    """An operation that adds to a Variable, and its new value."""
    return _variable(ref, "assign_add").assign_add(value, name=name)


def assign_sub(ref: Any, value: Any, use_locking: Any = None, name: str | None = None) -> Tensor:
    """An operation that subtracts from a Variable, and its new value."""
    return _variable(ref, "assign_sub").assign_sub(value, name=name)


def scatter_update(ref: Any, indices: Any, updates: Any, use_locking: Any = None, name: str | None = None) -> Tensor:
    """An operation that gives rows of a Variable new values: ``ref[indices] = updates``; of equal indices the last one counts."""

    def update(run: Run, now: Node, nodes: tuple[Node, ...]) -> Node:
        target = Tracer(run, now)
        setitem(target, Tracer(run, nodes[0]), Tracer(run, nodes[1]))
        return target.node

    return _scattered("ScatterUpdate", ref, indices, updates, name, update)


def scatter_add(ref: Any, indices: Any, updates: Any, use_locking: Any = None, name: str | None = None) -> Tensor:
    """An operation that adds to rows of a Variable, again for equal indices."""
    return _scattered("ScatterAdd", ref, indices, updates, name, _added(1))


def scatter_sub(ref: Any, indices: Any, updates: Any, use_locking: Any = None, name: str | None = None) -> Tensor:
    """An operation that subtracts from rows of a Variable, again for equal indices."""
    return _scattered("ScatterSub", ref, indices, updates, name, _added(-1))


def _added(sign: int) -> Any:
    def update(run: Run, now: Node, nodes: tuple[Node, ...]) -> Node:
        places, updates = nodes
        shape = (*places.shape, *now.shape[1:])
        whole = broadcast_node(updates if sign > 0 else -updates, shape, "scatter")
        return ops.scatter_add(now, checked_places(places, now.shape[0]), whole, axis=0)

    return update


def _scattered(type: str, ref: Any, indices: Any, updates: Any, name: str | None, update: Any) -> Tensor:
    variable = _variable(ref, type)
    if not variable.shape:
        fail(ValueError, f"{type}: {variable!r} has no rows")
    with building(name, type, variable) as scope:
        places = as_tensor(indices, None, "indices")
        if not places.dtype.is_integer:
            fail(TypeError, f"{type}: indices are {places.dtype.name}; they must be integers")
        rows = as_tensor(updates, None, "updates", variable.dtype, type, 2)
        expected = places.shape.concatenate(variable.shape[1:])
        if not rows.shape.is_compatible_with(expected) and rows.shape.ndims != 0:
            fail(
                ValueError,
                f"{type}: updates have shape {rows.shape}; for {places.shape} indices of {variable!r} they have {expected}",
            )
        return variable.changed(type, [places, rows], update, scope)


def group(*inputs: Any, name: str | None = None) -> Operation:
    """An operation that runs all of these."""
    things = [x for part in inputs for x in (part if isinstance(part, list | tuple) else [part])]
    graph = graph_of(*[t.outputs[0] if isinstance(t, Operation) and t.outputs else t for t in things])
    graph = next((t.graph for t in things if isinstance(t, Operation)), graph)
    return graph.add("NoOp", None, (), [], name or "group_deps", [graph.operation_of(t) for t in things])


def tuple_(tensors: Sequence[Any], name: str | None = None, control_inputs: Sequence[Any] | None = None) -> list[Any]:
    """The same tensors, none of which has a value before all are computed."""
    with building(name, "tuple", *tensors):
        graph = get_default_graph()
        with graph.control_dependencies([t for t in (*tensors, *(control_inputs or ())) if t is not None]):
            return [None if t is None else identity(t) for t in tensors]


def no_op(name: str | None = None) -> Operation:
    """An operation that does nothing, but waits for what ``control_dependencies`` say."""
    return get_default_graph().add("NoOp", None, (), [], name or "NoOp")


def identity(input: Any, name: str | None = None) -> Tensor:
    """The same value as a tensor of its own."""
    with building(name, "Identity", input) as scope:
        return make("Identity", lambda node: node, [as_tensor(input, None, "input")], scope)


def control_dependencies(control_inputs: Any) -> AbstractContextManager[None]:
    """Let new operations run after these operations and tensors: reads of Variables see the assignments among them."""
    return get_default_graph().control_dependencies(control_inputs)


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor that every run must be given; sizes that are None may be any.

    Args:
        dtype: What is fed is cast to it.
        shape: None where nothing is known of it.
        name: ``Placeholder`` if not given.
    """
    spec = (TensorShape(shape), as_dtype(dtype))
    return get_default_graph().add("Placeholder", None, (), [spec], name).outputs[0]


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """A tensor that a run may be given; otherwise its value is ``input``."""
    with building(name, "PlaceholderWithDefault", input) as scope:
        value = as_tensor(input, None, "input")
        static = TensorShape(shape)
        if not static.is_compatible_with(value.shape):
            fail(ValueError, f"placeholder_with_default: the shape {static} does not fit the default, {value!r}")
        return make("PlaceholderWithDefault", lambda node: node, [value], scope, specs=[(static, value.dtype)])


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str = "Const", verify_shape: bool = False) -> Tensor:
    """A tensor that is always ``value``.

    Args:
        value: An array, a number, or a list of these.
        dtype: Of the value if not given; Python's floats are float32, its integers int32.
        shape: What it is reshaped to; one number is repeated, and the last one of too few.
        name: ``Const`` if not given.
        verify_shape: Whether the value must have the shape already.
    """
    array = array_of(value, None if dtype is None else as_dtype(dtype))
    if shape is None:
        return constant_tensor(array, name)
    sizes = TensorShape(shape).as_list()
    count = int(np.prod(sizes))  # type: ignore[arg-type]
    if verify_shape and list(array.shape) != sizes:
        fail(TypeError, f"Expected Tensor's shape: {tuple(sizes)}, got {array.shape}.")
    if array.size > count:
        fail(ValueError, f"Too many elements provided. Needed at most {count}, but received {array.size}")
    if array.size == 1:
        return constant_tensor(array, name, sizes)  # type: ignore[arg-type]
    filled = (
        np.concatenate([array.ravel(), np.repeat(array.ravel()[-1:], count - array.size)])
        if array.size
        else np.zeros(count, array.dtype)
    )
    return constant_tensor(filled.reshape(sizes), name)  # type: ignore[arg-type]
