"""From what a user passes to nodes, by TensorFlow's rules: no tensor is cast unasked, everything else takes the dtype of one.

Python's floats are float32 and its integers int32 where no tensor stands beside them; arrays of NumPy keep their dtype.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.dtypes import as_dtype
from tracejit.compat.tensorflow.errors import DTypeMismatchError, InvalidArgumentError, fail, mismatch
from tracejit.compat.tensorflow.shape import TensorShape, shape_text
from tracejit.compat.tensorflow.slices import IndexedSlices
from tracejit.errors import ShapeError
from tracejit.frontend.base import Tensor as Core
from tracejit.frontend.eager import trace
from tracejit.frontend.indexing import checked_places
from tracejit.frontend.lift import cast
from tracejit.frontend.shapes import as_shape, broadcast_nodes, filled, same
from tracejit.frontend.symbolic import SymbolicInt
from tracejit.ir import Node, current
from tracejit.ir.dtype import family

FLOAT, INT, LONG, COMPLEX, BOOL = (np.dtype(d) for d in (np.float32, np.int32, np.int64, np.complex128, np.bool_))
_RANKS: Final = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}  # a number fits a dtype of its own kind or of a later one


def strong(x: Any) -> bool:
    """Whether ``x`` is a tensor or variable, whose dtype stands; a Python number in a traced function is none."""
    return isinstance(x, Held) and not x.core.weak


def node_of(x: Any, like: np.dtype | None = None, op: str = "", place: int = 0) -> Node:
    """``x`` as a node of the current builder.

    Args:
        x: A tensor, variable, array, number, or a list of these.
        like: The dtype that what is no tensor is brought to, if it can be.
        op: TensorFlow's name of the operation, for errors.
        place: Which operand of it this is.

    Raises:
        DTypeMismatchError: A number does not fit ``like``.
        ValueError: It is nothing that a tensor can be made of.
    """
    if isinstance(x, Held):
        node = x.core.node_in(current())
        return _fitted(node, like, op, place) if x.core.weak else node
    if isinstance(x, np.generic):  # before Python's numbers: np.float64 is a float, too
        value = current().constant(x.item(), as_dtype(x.dtype).numpy)
        return value if like is None else _cast(value, like, op, place)
    if isinstance(x, bool | int | float | complex):
        return _number(x, like, op, place)
    if isinstance(x, list | tuple | TensorShape):
        return _list(x, like, op, place)
    if isinstance(x, SymbolicInt):
        return _fitted(x.node(), like, op, place)
    if isinstance(x, Core):
        node = x.node_in(current())
        return _fitted(node, like, op, place) if x.weak else node if like is None else _cast(node, like, op, place)
    if isinstance(x, IndexedSlices):
        return _dense(x, like, op, place)
    return _array(x, like, op, place)


def _dense(x: IndexedSlices, like: np.dtype | None, op: str, place: int) -> Node:
    """Rows added up in a tensor of zeros."""
    if x.dense_shape is None:
        fail(ValueError, "Tensor conversion requested for IndexedSlices without dense_shape")
    values, places = node_of(x.values, like, op, place), cast(node_of(x.indices), LONG)
    shape = as_shape(list(x.dense_shape), "IndexedSlices")
    empty = filled(current().constant(0, values.dtype), shape)
    return ops.scatter_add(empty, checked_places(places, shape[0]), values, axis=0)


def _array(x: Any, like: np.dtype | None, op: str, place: int) -> Node:
    if isinstance(x, str | bytes):
        fail(TypeError, f"Cannot convert {x!r} to a tensor of dtype {as_dtype(like or FLOAT).short}; tracejit has no strings")
    if x is None or not (isinstance(x, np.ndarray) or hasattr(x, "__array__")):
        fail(ValueError, f"Attempt to convert a value ({x!r}) with an unsupported type ({type(x)}) to a Tensor.")
    array = np.asarray(x)
    as_dtype(array.dtype)
    node: Node = trace().captured(array)
    return node if like is None else _cast(node, like, op, place)


def _cast(node: Node, like: np.dtype, op: str, place: int) -> Node:
    """An array in another dtype; NumPy's arrays are cast freely, but not from complex to real, nor to bool."""
    if _RANKS[family(node.dtype)] > _RANKS[family(like)] and (node.dtype.kind == "c" or like.kind == "b"):
        mismatch(op, place, like, node.dtype)
    return cast(node, like)


def _number(x: complex, like: np.dtype | None, op: str, place: int) -> Node:
    if like is None:
        like = default_dtype(x)
    elif _RANKS[family(like)] < _rank_of(x) or (like.kind == "b" and not isinstance(x, bool)):
        mismatch(op, place, like, default_dtype(x))
    if like.kind in "iu":
        np.array(x, like)  # OverflowError where it does not fit, with NumPy's words
    return current().constant(x, like)


def _rank_of(x: complex) -> int:
    return 0 if isinstance(x, bool) else 1 if isinstance(x, int) else 2 if isinstance(x, float) else 3


def default_dtype(x: complex) -> np.dtype:
    """The dtype of a Python number by itself."""
    if isinstance(x, bool):
        return BOOL
    if isinstance(x, int):
        return INT if -(2**31) <= x < 2**31 else LONG
    return FLOAT if isinstance(x, float) else COMPLEX


_DEFAULTS: Final = {"b": BOOL, "i": INT, "f": FLOAT, "c": COMPLEX}


def _fitted(node: Node, like: np.dtype | None, op: str, place: int) -> Node:
    """A Python number of the trace in ``like``."""
    own = _DEFAULTS[family(node.dtype)]
    if like is not None and (_RANKS[family(like)] < _RANKS[family(own)] or (like.kind == "b") != (own.kind == "b")):
        mismatch(op, place, like, own)
    return cast(node, own if like is None else like)


def _list(x: Any, like: np.dtype | None, op: str, place: int) -> Node:
    leaves = _leaves(x)
    tensors = [leaf for leaf in leaves if isinstance(leaf, Held | Core | SymbolicInt)]
    if tensors:
        known = [leaf for leaf in tensors if strong(leaf)]
        return _stacked(x, node_of(known[0]).dtype if known else like, op, place)
    try:
        array = np.asarray(x)
    except ValueError:
        fail(ValueError, "Can't convert non-rectangular Python sequence to Tensor.")
    if family(array.dtype) not in _RANKS:
        return _array(next((leaf for leaf in leaves if not isinstance(leaf, complex | float | int)), None), like, op, place)
    if not any(isinstance(leaf, np.ndarray | np.generic) for leaf in leaves):
        own = _own_dtype(array)
        if (
            like is not None
            and array.size
            and (_RANKS[family(own)] > _RANKS[family(like)] or (like.kind == "b") != (own.kind == "b"))
        ):
            mismatch(op, place, like, own)
        array = array.astype(own if like is None else like)
    node: Node = trace().captured(array)
    return node if like is None else _cast(node, like, op, place)


def _own_dtype(array: np.ndarray) -> np.dtype:
    if array.dtype.kind == "i" and array.size and not (array.min() >= -(2**31) and array.max() < 2**31):
        return LONG
    return _DEFAULTS.get(family(array.dtype), array.dtype)


def _leaves(x: Any) -> list[Any]:
    return [leaf for item in x for leaf in _leaves(item)] if isinstance(x, list | tuple | TensorShape) else [x]


def _stacked(x: Any, like: np.dtype | None, op: str, place: int) -> Node:
    """A list with tensors in it, all of one shape and dtype."""
    parts = [_stacked(item, like, op, place) if isinstance(item, list | tuple) else node_of(item, like, op, place) for item in x]
    first = parts[0]
    for part in parts[1:]:
        if part.dtype != first.dtype:
            mismatch("Pack", parts.index(part), first.dtype, part.dtype)
        fault = (
            f"Shapes of all inputs must match: values[0].shape = {shape_text(first.shape)} != {shape_text(part.shape)} [Op:Pack]"
        )
        if part.spec.rank != first.spec.rank:
            fail(InvalidArgumentError, fault)
        for a, b in zip(first.shape, part.shape, strict=True):
            same(a, b, fault)
    return ops.concatenate(*(ops.reshape(part, shape=(1, *part.shape)) for part in parts), axis=0)


def pair(x: Any, y: Any, op: str) -> tuple[Node, Node]:
    """Two operands in one dtype: that of the tensor among them, of the array where there is none, or else of the first."""
    if strong(x):
        a = node_of(x)
        b = node_of(y, a.dtype, op, 1)
    elif strong(y) or (_is_array(y) and not _is_array(x)):
        b = node_of(y)
        a = node_of(x, b.dtype, op, 0)
    else:
        a = node_of(x)
        b = node_of(y, a.dtype, op, 1)
    if a.dtype != b.dtype:
        mismatch(op, 1, a.dtype, b.dtype)
    return a, b


def _is_array(x: Any) -> bool:
    return not isinstance(x, Held | bool | int | float | complex | list | tuple | SymbolicInt) or isinstance(x, np.generic)


def aligned(a: Node, b: Node, op: str) -> tuple[Node, Node]:
    """Two nodes brought to one shape by broadcasting."""
    if a.shape == b.shape:
        return a, b
    try:
        x, y = broadcast_nodes((a, b), op)
    except ShapeError:
        fail(InvalidArgumentError, f"Incompatible shapes: {shape_text(a.shape)} vs. {shape_text(b.shape)} [Op:{op}]")
    return x, y


def tensor_in(x: Any, dtype: Any, op: str = "") -> Node:
    """``x`` in a dtype that was asked for; a tensor must have it already.

    Raises:
        ValueError: A tensor has another one.
        TypeError: A number or list does not fit it.
    """
    if dtype is None:
        return node_of(x)
    wanted = as_dtype(dtype).numpy
    if strong(x):
        node = node_of(x)
        if node.dtype != wanted:
            fail(ValueError, f"Tensor conversion requested dtype {wanted.name} for Tensor with dtype {node.dtype.name}: {x!r}")
        return node
    try:
        return node_of(x, wanted, op)
    except DTypeMismatchError:
        fail(TypeError, f"Cannot convert {x!r} to EagerTensor of dtype {as_dtype(wanted).short}")
