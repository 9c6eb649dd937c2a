"""New tensors: constants, ranges, and what is made like another tensor."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.convert import BOOL, FLOAT, INT, node_of, pair, tensor_in
from tracejit.compat.tensorflow.dtypes import as_dtype, float32, int32
from tracejit.compat.tensorflow.errors import InvalidArgumentError, fail
from tracejit.compat.tensorflow.sizes import dims_of, integers, is_open, number_of
from tracejit.compat.tensorflow.slices import IndexedSlices
from tracejit.compat.tensorflow.tensor import op
from tracejit.frontend.eager import beside, trace
from tracejit.frontend.lift import cast as cast_node
from tracejit.frontend.shapes import filled, reshape_node
from tracejit.frontend.tensor import Tracer
from tracejit.ir import Dim, Node, current
from tracejit.ir.dtype import family
from tracejit.ir.size import product, quotient
from tracejit.ops import composite

__all__ = [
    "cast",
    "constant",
    "convert_to_tensor",
    "eye",
    "fill",
    "identity",
    "is_tensor",
    "linspace",
    "meshgrid",
    "one_hot",
    "ones",
    "ones_like",
    "range",
    "rank",
    "shape",
    "size",
    "stop_gradient",
    "zeros",
    "zeros_like",
]


@op
def constant(value: Any, dtype: Any = None, shape: Any = None) -> Node:
    """A tensor of a number, an array, or a list; ``shape`` repeats one element, or arranges as many as there are.

    Python's floats become float32 and its integers int32; arrays keep their dtype.
    """
    node = tensor_in(value, dtype)
    if shape is None:
        return node
    dims = dims_of(shape, "Const")
    if node.spec.size == 1:
        return filled(reshape_node(node, ()), dims)
    if node.spec.size != product(dims):
        fail(
            TypeError, f"Eager execution of tf.constant with unsupported shape. Tensor {value!r} does not have the shape {dims}."
        )
    return reshape_node(node, dims)


@op
def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None) -> Node:
    """``value`` as a tensor; a tensor must have the dtype that is asked for."""
    return tensor_in(value, dtype)


def is_tensor(x: Any) -> bool:
    """Whether ``x`` is a tensor, a variable, or IndexedSlices."""
    return isinstance(x, Held | IndexedSlices)


@op
def cast(x: Any, dtype: Any) -> Node:
    """``x`` in another dtype. Derivative: between floats; none from or to integers."""
    return cast_node(node_of(x), as_dtype(dtype).numpy)


@op
def zeros(shape: Any, dtype: Any = float32) -> Node:
    """Zeros."""
    return _full(shape, 0, dtype, "Zeros")


@op
def ones(shape: Any, dtype: Any = float32) -> Node:
    """Ones."""
    return _full(shape, 1, dtype, "Ones")


def _full(shape: Any, value: int, dtype: Any, name: str) -> Node:
    return filled(current().constant(value, as_dtype(dtype).numpy), dims_of(shape, name))


@op
def fill(dims: Any, value: Any) -> Node:
    """``value`` everywhere."""
    return filled(node_of(value), dims_of(dims, "Fill"))


@op
def zeros_like(input: Any, dtype: Any = None) -> Node:
    """Zeros of the shape of a tensor."""
    return _like(input, 0, dtype)


@op
def ones_like(input: Any, dtype: Any = None) -> Node:
    """Ones of the shape of a tensor."""
    return _like(input, 1, dtype)


def _like(x: Any, value: int, dtype: Any) -> Node:
    node = node_of(x)
    return beside(filled(current().constant(value, node.dtype if dtype is None else as_dtype(dtype).numpy), node.shape), node)


@op
def identity(input: Any) -> Node:
    """A tensor of the same value."""
    return node_of(input)


@op
def stop_gradient(input: Any) -> Node:
    """A tensor of the same value, which derivatives take for a constant."""
    return ops.stop_gradient(node_of(input))


@op
def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None) -> Node:
    """Numbers from ``start``, 0 if only one is given, up to but without ``limit``, ``delta`` apart."""
    given = (0, start, delta) if limit is None else (start, limit, delta)
    if any(is_open(d) or (isinstance(d, Held) and isinstance(d.core, Tracer)) for d in given):
        first, last, step = (number_of(d, "Range") for d in given)
        return _open_range(first, last, step, INT if dtype is None else as_dtype(dtype).numpy)
    numbers = [x.numpy() if isinstance(x, Held) else x for x in given]
    own = _common(numbers) if dtype is None else as_dtype(dtype).numpy
    if numbers[2] == 0:
        fail(InvalidArgumentError, "Requires delta != 0: 0 [Op:Range]")
    first, last, step = (np.asarray(x, own).item() for x in numbers)
    return _array(np.arange(first, last, step, dtype=own))


def _open_range(first: Dim, last: Dim, step: Dim, dtype: np.dtype) -> Node:
    """A range whose length is a symbolic size."""
    if not isinstance(first, int) or not isinstance(step, int):
        fail(InvalidArgumentError, "tf.range: start and delta are numbers in a function; use tf.range(n) * delta + start")
    distance = last - first if step > 0 else first - last
    size: Dim = 0 if trace().decide(distance, "<=", 0) else quotient(distance + (abs(step) - 1), abs(step))
    return composite.arange(size, first, step, dtype)


def _common(numbers: list[Any]) -> np.dtype:
    """The dtype of a range: that of the arrays and tensors among its bounds, or else float32 or int32."""
    known = [np.dtype(x.dtype) for x in numbers if isinstance(x, np.generic | np.ndarray)]
    floats = FLOAT if any(isinstance(x, float) and not isinstance(x, np.generic) for x in numbers) else INT
    if not known:
        return floats
    own = np.result_type(*known)
    return FLOAT if family(own) != "f" and floats is FLOAT else own


def _array(values: np.ndarray) -> Node:
    node: Node = node_of(values)
    return node


@op
def linspace(start: Any, stop: Any, num: Any) -> Node:
    """``num`` numbers from ``start`` to ``stop`` at equal distances; of integers in float64."""
    first, last = pair(start, stop, "LinSpace")
    if first.dtype.kind in "iu":
        first, last = (cast_node(n, np.dtype(np.float64)) for n in (first, last))
    return composite.linspace(first, last, dims_of(num, "LinSpace")[0], True)


@op
def eye(num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = float32) -> Node:
    """A matrix with ones on the diagonal and zeros elsewhere, or a batch of them."""
    rows, columns = dims_of([num_rows, num_rows if num_columns is None else num_columns], "Eye")
    out = composite.eye(rows, columns, 0, as_dtype(dtype).numpy)
    if batch_shape is None:
        return out
    lead = dims_of(batch_shape, "Eye")
    return ops.broadcast(out, shape=(*lead, rows, columns), axes=(len(lead), len(lead) + 1))


@op
def meshgrid(*args: Any, indexing: str = "xy") -> list[Node]:
    """Coordinates of the points of a grid over vectors."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Argument `indexing` parameter must be either 'xy' or 'ij'.")
    nodes = [reshape_node(node_of(x), (-1,)) for x in args]
    places = [1, 0, *builtins.range(2, len(nodes))] if indexing == "xy" and len(nodes) > 1 else list(builtins.range(len(nodes)))
    grid = tuple(nodes[places.index(i)].shape[0] for i in builtins.range(len(nodes)))
    return [ops.broadcast(n, shape=grid, axes=(p,)) if len(grid) > 1 else n for n, p in zip(nodes, places, strict=True)]


@op
def one_hot(
    indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: int | None = None, dtype: Any = None
) -> Node:
    """``on_value`` at the place of each index along a new axis of size ``depth``, ``off_value`` elsewhere."""
    labels = node_of(indices)
    place = labels.spec.rank if axis in (None, -1) else integers(axis, "OneHot")[0]
    (size,) = dims_of(depth, "OneHot")
    given = next((v for v in (on_value, off_value) if v is not None), None)
    own = as_dtype(dtype).numpy if dtype is not None else np.dtype(np.float32) if given is None else node_of(given).dtype
    hit = composite.one_hot(labels, size, place, BOOL)
    on, off = (
        filled(node_of(v, own, "OneHot"), hit.shape)
        for v in (1 if on_value is None else on_value, 0 if off_value is None else off_value)
    )
    return ops.where(hit, on, off)


@op
def shape(input: Any, out_type: Any = int32) -> Node:
    """The shape as a vector of integers; in a function, one that shapes and sizes can be made of."""
    node = node_of(input)
    dtype = as_dtype(out_type).numpy
    if not node.shape:
        return _array(np.zeros(0, dtype))
    parts = [reshape_node(_scalar(d, dtype), (1,)) for d in node.shape]
    return parts[0] if len(parts) == 1 else ops.concatenate(*parts, axis=0)


@op
def size(input: Any, out_type: Any = int32) -> Node:
    """The number of elements."""
    return _scalar(node_of(input).spec.size, as_dtype(out_type).numpy)


def _scalar(dim: Dim, dtype: np.dtype) -> Node:
    return current().constant(dim, dtype) if isinstance(dim, int) else cast_node(ops.dim(size=dim), dtype)


@op
def rank(input: Any) -> Node:
    """The number of axes."""
    return current().constant(node_of(input).spec.rank, INT)
