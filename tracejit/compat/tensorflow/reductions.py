"""Reductions, running totals, and order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow.arithmetic import BOOLS, FLOATS, NUMBERS, REALS, checked
from tracejit.compat.tensorflow.convert import BOOL, INT, node_of
from tracejit.compat.tensorflow.dtypes import as_dtype, int64
from tracejit.compat.tensorflow.errors import InvalidArgumentError, fail
from tracejit.compat.tensorflow.sizes import axes_of, axis_of, integers
from tracejit.compat.tensorflow.tensor import op
from tracejit.frontend.indexing import checked_places
from tracejit.frontend.lift import cast
from tracejit.frontend.numpy.reductions import kept
from tracejit.frontend.shapes import reshape_node, same
from tracejit.ir import Node
from tracejit.ir.dtype import family
from tracejit.ops import composite
from tracejit.ops.movement import window

__all__ = [
    "argmax", "argmin", "argsort", "count_nonzero", "cumprod", "cumsum", "in_top_k", "norm", "reduce_all", "reduce_any",
    "reduce_euclidean_norm", "reduce_logsumexp", "reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_std",
    "reduce_sum", "reduce_variance", "segment_sum", "sort", "top_k", "unsorted_segment_sum",
]  # fmt: skip

Axes = tuple[int, ...]


def _reduced(x: Any, axis: Any, keepdims: bool, name: str, kinds: str, body: Callable[[Node, Axes], Node]) -> Node:
    node = checked(node_of(x), kinds, name)
    axes = axes_of(axis, node.spec.rank, name)
    out = body(node, axes)
    return kept(out, node.shape, axes) if keepdims else out


def _narrow(row: Callable[..., Node]) -> Callable[[Node, Axes], Node]:
    """A reduction in the dtype of its operand, where NumPy would widen small integers."""
    return lambda x, axes: cast(row(x, axes=axes), x.dtype)


@op
def reduce_sum(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Node:
    """The sum over ``axis``, in the dtype of the tensor."""
    return _reduced(input_tensor, axis, keepdims, "Sum", NUMBERS, _narrow(ops.reduce_sum))


@op
def reduce_prod(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Node:
    """The product over ``axis``. Derivative: exact where elements are 0."""
    return _reduced(input_tensor, axis, keepdims, "Prod", NUMBERS, _narrow(ops.reduce_prod))


@op
def reduce_max(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Node:
    """The largest over ``axis``; NaN if one is. Derivative: equal shares at ties."""
    return _reduced(input_tensor, axis, keepdims, "Max", REALS, lambda x, axes: ops.reduce_max(x, axes=axes))


@op
def reduce_min(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Node:
    """The smallest over ``axis``; NaN if one is. Derivative: equal shares at ties."""
    return _reduced(input_tensor, axis, keepdims, "Min", REALS, lambda x, axes: ops.reduce_min(x, axes=axes))


@op
def reduce_mean(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Node:
    """The mean over ``axis``; of integers the whole part of it."""
    return _reduced(input_tensor, axis, keepdims, "Mean", NUMBERS, mean)


def mean(x: Node, axes: Axes) -> Node:
    """The mean in the dtype of ``x``."""
    out = composite.mean(x, axes)
    return out if family(x.dtype) in "fc" else cast(ops.trunc(out), x.dtype)


@op
def reduce_all(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Node:
    """Whether all are true over ``axis``."""
    return _reduced(input_tensor, axis, keepdims, "All", BOOLS, lambda x, axes: ops.reduce_all(x, axes=axes))


@op
def reduce_any(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Node:
    """Whether one is true over ``axis``."""
    return _reduced(input_tensor, axis, keepdims, "Any", BOOLS, lambda x, axes: ops.reduce_any(x, axes=axes))


@op
def reduce_logsumexp(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Node:
    """``log(sum(exp(x)))`` over ``axis`` without overflow."""
    return _reduced(input_tensor, axis, keepdims, "Logsumexp", FLOATS, composite.logsumexp)


@op
def reduce_variance(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Node:
    """The mean square distance from the mean over ``axis``."""
    return _reduced(_no_integers(input_tensor), axis, keepdims, "Variance", FLOATS, composite.var)


@op
def reduce_std(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Node:
    """The root of the variance over ``axis``. Derivative: 0 where all elements are equal."""
    return _reduced(_no_integers(input_tensor), axis, keepdims, "Std", FLOATS, composite.std)


def _no_integers(x: Any) -> Any:
    dtype = node_of(x).dtype
    if family(dtype) not in "fc":
        fail(TypeError, f"Input must be either real or complex. Received integer type {as_dtype(dtype)}.")
    return x


@op
def reduce_euclidean_norm(input_tensor: Any, axis: Any = None, keepdims: bool = False) -> Node:
    """The root of the sum of squares over ``axis``. Derivative: 0 at the zero vector."""
    return _reduced(input_tensor, axis, keepdims, "EuclideanNorm", FLOATS, composite.norm)


@op
def norm(tensor: Any, ord: Any = "euclidean", axis: Any = None, keepdims: bool = False) -> Node:
    """The norm of vectors over ``axis``: "euclidean", or of order 1, 2, ..., or ``np.inf``.

    Derivative: 0 at the zero vector.
    """
    order = 2.0 if ord in ("euclidean", "fro", 2) else ord
    if isinstance(order, str) or (isinstance(axis, list | tuple) and len(axis) > 1 and ord not in ("euclidean", "fro")):
        raise ValueError(f"norm: order {ord!r} of a matrix is not supported; 'euclidean' and 'fro' are, and norms of vectors")
    return _reduced(tensor, axis, keepdims, "Norm", FLOATS, lambda x, axes: composite.norm(x, axes, order))


@op
def count_nonzero(input: Any, axis: Any = None, keepdims: bool = False, dtype: Any = int64) -> Node:
    """How many elements over ``axis`` are not zero."""
    out = _reduced(input, axis, keepdims, "CountNonzero", NUMBERS + "b", composite.count_nonzero)
    return cast(out, as_dtype(dtype).numpy)


@op
def argmax(input: Any, axis: Any = None, output_type: Any = int64) -> Node:
    """The index of the first largest element along ``axis``, the first axis if not given."""
    return _place(input, axis, output_type, "ArgMax", ops.reduce_argmax)


@op
def argmin(input: Any, axis: Any = None, output_type: Any = int64) -> Node:
    """The index of the first smallest element along ``axis``, the first axis if not given."""
    return _place(input, axis, output_type, "ArgMin", ops.reduce_argmin)


def _place(x: Any, axis: Any, dtype: Any, name: str, row: Callable[..., Node]) -> Node:
    node = checked(node_of(x), REALS, name)
    out = row(node, axes=(axis_of(0 if axis is None else axis, node.spec.rank, name),))
    return cast(out, as_dtype(dtype).numpy)


@op
def cumsum(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False) -> Node:
    """Running sums along ``axis``, each with its element, or, ``exclusive``, before it; ``reverse`` from the end."""
    return _running(x, axis, exclusive, reverse, "Cumsum", composite.cumsum, 0)


@op
def cumprod(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False) -> Node:
    """Running products along ``axis``, as :func:`cumsum`. Derivative: exact where elements are 0."""
    return _running(x, axis, exclusive, reverse, "Cumprod", composite.cumprod, 1)


def _running(x: Any, axis: Any, exclusive: bool, reverse: bool, name: str, body: Callable[[Node, int], Node], first: int) -> Node:
    node = checked(node_of(x), NUMBERS, name)
    place = axis_of(axis, node.spec.rank, name)
    node = composite.flip(node, (place,)) if reverse else node
    out = cast(body(node, place), node.dtype)
    if exclusive:
        widths = [(1, 0) if i == place else (0, 0) for i in range(node.spec.rank)]
        out = window(composite.pad(out, widths, first), place, 0, node.shape[place])
    return composite.flip(out, (place,)) if reverse else out


@op
def sort(values: Any, axis: Any = -1, direction: str = "ASCENDING") -> Node:
    """In rising order along ``axis``, or falling."""
    node = checked(node_of(values), REALS, "Sort")
    place = axis_of(axis, node.spec.rank, "Sort")
    out = composite.sort(node, place)
    return composite.flip(out, (place,)) if _falls(direction) else out


@op
def argsort(values: Any, axis: Any = -1, direction: str = "ASCENDING", stable: bool = False) -> Node:
    """The indices that sort along ``axis``; equal elements keep their order."""
    node = checked(node_of(values), REALS, "ArgSort")
    falls = _falls(direction)
    return cast(composite.order(_negated(node) if falls else node, axis_of(axis, node.spec.rank, "ArgSort")), INT)


def _negated(x: Node) -> Node:
    """A tensor that sorts the other way round."""
    return -x if family(x.dtype) == "f" else ops.invert(x)


def _falls(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ValueError("Argument `direction` should be one of 'ASCENDING' or 'DESCENDING'.")
    return direction == "DESCENDING"


class TopKV2(NamedTuple):
    """What :func:`top_k` gives."""

    values: Any
    indices: Any


@op
def top_k(input: Any, k: Any = 1, sorted: bool = True) -> TopKV2:
    """The ``k`` largest along the last axis, the largest first, and their places."""
    node = checked(node_of(input), REALS, "TopKV2")
    (count,) = integers(k, "TopKV2")
    last = node.spec.rank - 1
    if isinstance(node.shape[last], int) and node.shape[last] < count:
        fail(InvalidArgumentError, f"input must have at least k columns. Had {node.shape[last]}, needed {count} [Op:TopKV2]")
    order = window(composite.order(_negated(node), last), last, 0, count)
    return TopKV2(composite.take_along_axis(node, order, last), cast(order, INT))


@op
def in_top_k(targets: Any, predictions: Any, k: Any) -> Node:
    """Whether the prediction for the target is among the ``k`` largest of its row; ties count."""
    labels, scores = node_of(targets), checked(node_of(predictions), "f", "InTopKV2")
    (count,) = integers(k, "InTopKV2")
    same(
        labels.shape[0],
        scores.shape[0],
        f"First dimension of predictions {scores.spec} must match length of targets {labels.spec}",
    )
    chosen = composite.one_hot(labels, scores.shape[1], 1, BOOL)
    own = ops.reduce_sum(ops.where(chosen, scores, 0.0), axes=(1,))
    larger = ops.greater(scores, ops.broadcast(own, shape=scores.shape, axes=(0,)))
    before = ops.reduce_sum(cast(larger, np.int64), axes=(1,))
    return ops.logical_and(ops.less(before, count), ops.isfinite(own))


@op
def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: Any) -> Node:
    """Row ``i`` is the sum of the elements whose segment is ``i``."""
    return _segments(node_of(data), node_of(segment_ids), integers(num_segments, "UnsortedSegmentSum")[0])


@op
def segment_sum(data: Any, segment_ids: Any) -> Node:
    """As :func:`unsorted_segment_sum` for segments in order, as many as the largest says."""
    places = node_of(segment_ids)
    last = np.ravel(np.asarray(segment_ids))[-1:]  # of a traced tensor an error that says so
    return _segments(node_of(data), places, int(last[0]) + 1 if last.size else 0)


def _segments(data: Node, places: Node, count: int) -> Node:
    rank = places.spec.rank
    for a, b in zip(places.shape, data.shape, strict=False):
        same(a, b, f"segment_ids {places.spec} must have the first sizes of data {data.spec}")
    rows = reshape_node(data, (-1, *data.shape[rank:]))
    empty = composite.full((count, *data.shape[rank:]), 0, data.dtype)
    return ops.scatter_add(empty, checked_places(reshape_node(places, (-1,)), count), rows, axis=0)
