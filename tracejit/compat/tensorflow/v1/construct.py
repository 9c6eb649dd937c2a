"""Making operations: values become tensors of the graph, dtypes are compared, and static shapes follow from what is computed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from tracejit.compat.tensorflow.dtypes import DType, as_dtype
from tracejit.compat.tensorflow.errors import DTypeMismatchError, fail
from tracejit.compat.tensorflow.tensor import Tensor as Eager
from tracejit.compat.tensorflow.v1.graph import Graph, get_default_graph
from tracejit.compat.tensorflow.v1.operation import Operation, Stands, Tensor
from tracejit.compat.tensorflow.v1.run import current_run, infer
from tracejit.compat.tensorflow.v1.shape import Dimension, TensorShape
from tracejit.frontend.tensor import Tracer
from tracejit.ir import Node
from tracejit.ir.dtype import family
from tracejit.ops import composite

_ORDER = "biufc"
_DEFAULTS = {"b": np.dtype(bool), "i": np.dtype(np.int32), "f": np.dtype(np.float32), "c": np.dtype(np.complex128)}


def graph_of(*things: Any) -> Graph:
    """The graph that tensors among ``things`` are of; the default graph where there are none.

    Raises:
        ValueError: They are of several graphs.
    """
    first: Any = None
    for thing in tensors_in(things):
        if first is None:
            first = thing
        elif thing.graph is not first.graph:
            fail(ValueError, f"{thing!r} must be from the same graph as {first!r}.")
    return get_default_graph() if first is None else first.graph


def tensors_in(thing: Any) -> list[Any]:
    """The tensors and Variables in a structure of lists and tuples."""
    if isinstance(thing, list | tuple):
        return [t for part in thing for t in tensors_in(part)]
    return [thing] if isinstance(thing, Tensor | Stands) else []


def as_tensor(
    value: Any, dtype: Any = None, name: str = "Const", like: DType | None = None, op: str = "", place: int = 1
) -> Tensor:
    """``value`` as a tensor of the graph that is the default.

    Args:
        value: A tensor, a Variable, an array, a number, or a list of these.
        dtype: What it must be.
        name: Of the constant that is made.
        like: The dtype of another operand, which what is no tensor is brought to.
        op: The operation, for errors; ``place`` is the operand.

    Raises:
        TypeError: The dtype is another one.
        ValueError: Nothing can be made of it.
    """
    if isinstance(value, Stands):
        element = value.graph_element
        if isinstance(element, Operation):
            fail(TypeError, f"Can't convert Operation '{element.name}' to Tensor")
        value = element
    if isinstance(value, Operation):
        fail(TypeError, f"Can't convert Operation '{value.name}' to Tensor")
    wanted = None if dtype is None else as_dtype(dtype)
    if isinstance(value, Tensor):
        if wanted is not None and value.dtype != wanted:
            fail(
                ValueError, f"Tensor conversion requested dtype {wanted.name} for Tensor with dtype {value.dtype.name}: {value!r}"
            )
        if like is not None and value.dtype != like:
            dtype_mismatch(op, place, value.dtype, like)
        return value
    if isinstance(value, list | tuple) and tensors_in(value):
        return _packed(value, wanted or like)
    array = array_of(value, wanted or like, op if like is not None and wanted is None else "", place)
    return constant_tensor(array, name)


def dtype_mismatch(op: str, place: int, got: DType, asked: DType, what: Any = None) -> NoReturn:
    """Raise what TensorFlow raises for operands of two dtypes."""
    name = ("x", "y")[place] if place < 2 else f"input {place}"
    expected = "" if what is None else f"Expected {asked.name}, got {_short(what)} of type '{type(what).__name__}' instead. "
    other = ("y", "x")[place] if place < 2 else "x"
    fail(
        DTypeMismatchError,
        f"{expected}Input '{name}' of '{op}' Op has type {got.name} that does not match type {asked.name} of argument '{other}'."
        f"\n  cure: tf.cast(value, tf.{asked.name})",
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def array_of(value: Any, dtype: DType | None = None, op: str = "", place: int = 1) -> np.ndarray:
    """``value`` as an array: Python's floats in float32 and its integers in int32, arrays as they are, unless a dtype is given.

    Arrays go to any dtype of their own or a later kind; Python's numbers likewise.
    """
    given = _plain(value)
    try:
        array = np.asarray(given)
    except ValueError:
        fail(ValueError, f"Argument must be a dense tensor: {_short(value)} has rows of several lengths")
    if family(array.dtype) not in _ORDER or array.dtype.itemsize > 16:
        kind = "; tracejit has no tensors of strings" if array.dtype.kind in "US" else ""
        fail(ValueError, f"Failed to convert {_short(value)}, of type {type(value).__name__}, to a Tensor{kind}")
    if not _has_arrays(given):
        array = _narrow(array, value)
    own = as_dtype(array.dtype)
    if dtype is None or array.dtype == dtype.numpy:
        return array.astype(own.numpy, copy=False)
    wanted = dtype.numpy
    kinds = family(array.dtype), family(wanted)
    if array.size and (_ORDER.index(kinds[0]) > _ORDER.index(kinds[1]) or "b" in kinds):
        if op:
            dtype_mismatch(op, place, own, dtype, value)
        fail(TypeError, f"Expected {dtype.name}, got {_short(value)} of type '{type(value).__name__}' instead.")
    return array.astype(wanted)


def _plain(value: Any) -> Any:
    """``value`` with numbers in place of known dimensions."""
    if isinstance(value, TensorShape | list | tuple):
        return [_plain(part) for part in value]
    return int(value) if isinstance(value, Dimension) else value


def _narrow(array: np.ndarray, value: Any) -> np.ndarray:
    """Python numbers in TensorFlow's dtypes."""
    if array.dtype.kind == "i" and array.size and not -(2**31) <= array.min() <= array.max() < 2**31:
        return array
    return (
        array.astype(_DEFAULTS.get(family(array.dtype), array.dtype))
        if array.size or family(array.dtype) != "f"
        else array.astype(np.float32)
    )


def _has_arrays(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_arrays, value))
    return not isinstance(value, bool | int | float | complex | str | bytes) or isinstance(value, np.generic)


def constant_tensor(array: np.ndarray, name: str = "Const", shape: Sequence[int] | None = None) -> Tensor:
    """A constant of the default graph; with a shape, the one element of ``array`` repeated."""
    held = np.array(array, order="C")
    held.flags.writeable = False
    whole = held.shape if shape is None else tuple(shape)

    def compute() -> Node:
        run = current_run()
        if held.size <= 1:
            return composite.full(whole, held.item() if held.size else 0, held.dtype)
        return run.bind("array", held, name.rsplit("/", 1)[-1] or "const", held.shape, held.dtype)

    spec = (TensorShape(whole), as_dtype(held.dtype))
    return get_default_graph().add("Const", compute, (), [spec], name, value=held).outputs[0]


def _packed(parts: Sequence[Any], dtype: DType | None) -> Tensor:
    """A list with tensors in it as one tensor."""
    first = next(t for t in tensors_in(parts))
    like = dtype or first.dtype
    tensors = [as_tensor(p, like=like, name="packed", op="Pack", place=i) for i, p in enumerate(parts)]
    return make("Pack", stacked, tensors, "stack")


@contextmanager
def building(name: str | None, default: str, *operands: Any) -> Iterator[str]:
    """Within, operations go to the graph of the operands, and to a scope of the name that is made for the main one."""
    graph = graph_of(*operands)
    with graph.as_default(), graph.name_scope(name or default) as scope:
        yield scope


def stacked(*nodes: Node, axis: int = 0) -> Node:
    """Nodes of one shape side by side along a new axis."""
    return composite.stack(nodes, axis)


def make(
    type: str,
    compute: Callable[..., Any],
    inputs: Sequence[Tensor],
    name: str | None = None,
    dtype: DType | None = None,
    specs: Any = None,
    **attrs: Any,
) -> Tensor:
    """The tensor that a new operation gives; see :func:`make_op`."""
    return make_op(type, compute, inputs, name, dtype, specs, **attrs).outputs[0]


def make_op(
    type: str,
    compute: Callable[..., Any],
    inputs: Sequence[Tensor],
    name: str | None = None,
    dtype: DType | None = None,
    specs: Any = None,
    **attrs: Any,
) -> Operation:
    """A new operation of the graph of its inputs.

    Args:
        type: TensorFlow's name of what it does.
        compute: From nodes to nodes.
        inputs: What it works on.
        name: Its name; the type if not given.
        dtype: Of the result where the shape of an input is not known.
        specs: Shapes and dtypes of the results, where they do not follow from tracing ``compute``.
        attrs: What else is known of it.
    """
    graph = graph_of(*inputs)
    return graph.add(type, compute, inputs, infer(compute, inputs, dtype) if specs is None else specs, name, **attrs)


def eager(node: Node) -> Eager:
    """A node of the current run as a tensor of the eager dialect, whose functions trace it."""
    return Eager(Tracer(current_run(), node))


def through(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """What an operation computes, by a function of the eager dialect, or one of its functions that give nodes."""

    def compute(*nodes: Node) -> Any:
        return nodes_in(function(*map(eager, nodes), **options))

    return compute


def nodes_in(result: Any) -> Any:
    """The nodes behind tensors of the eager dialect."""
    if isinstance(result, list | tuple):
        return tuple(map(nodes_in, result))
    if isinstance(result, Eager):
        return result.core.node_in(current_run())
    assert isinstance(result, Node), f"an operation gives tensors, not a {type(result).__name__}"
    return result
