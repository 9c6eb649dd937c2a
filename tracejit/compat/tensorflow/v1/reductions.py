"""Reductions and order, as operations of a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tracejit.compat.tensorflow import reductions as eager
from tracejit.compat.tensorflow.dtypes import bool as boolean
from tracejit.compat.tensorflow.dtypes import int32
from tracejit.compat.tensorflow.errors import fail
from tracejit.compat.tensorflow.v1.construct import as_tensor, building, make, make_op, through
from tracejit.compat.tensorflow.v1.elementwise import FLOATS, NUMBERS, REAL_FLOATS, REALS, TRUTHS, check_kinds, named
from tracejit.compat.tensorflow.v1.operation import Tensor
from tracejit.ir import Node

__all__ = [
    "argmax",
    "argmin",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "norm",
    "reduce_all",
    "reduce_any",
    "reduce_logsumexp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_sum",
]


def _static(axis: Any, function: str) -> Any:
    """An axis, or several, as numbers; a constant of the graph gives its own."""
    if isinstance(axis, Tensor):
        value = axis.op.attrs.get("value")
        if value is None:
            fail(ValueError, f"{function}: the axis {axis!r} is computed; it must be a number or a constant")
        return np.asarray(value).tolist()
    return axis


def _reduction(type: str, function: Callable[..., Any], kinds: str) -> Callable[..., Tensor]:
    def reduce(
        input_tensor: Any,
        axis: Any = None,
        keepdims: bool | None = None,
        name: str | None = None,
        reduction_indices: Any = None,
        keep_dims: bool | None = None,
    ) -> Tensor:
        kept = bool(keep_dims if keepdims is None else keepdims)
        over = _static(reduction_indices if axis is None else axis, type)
        with building(name, type, input_tensor) as scope:
            x = as_tensor(input_tensor, name="input")
            check_kinds(x, kinds, type)
            return make(type, through(function, axis=over, keepdims=kept), [x], scope)

    out: Callable[..., Tensor] = named(reduce, type, function.__doc__)
    return out


reduce_sum = _reduction("Sum", eager.reduce_sum, NUMBERS)
reduce_mean = _reduction("Mean", eager.reduce_mean, NUMBERS)
reduce_prod = _reduction("Prod", eager.reduce_prod, NUMBERS)
reduce_max = _reduction("Max", eager.reduce_max, REALS)
reduce_min = _reduction("Min", eager.reduce_min, REALS)
reduce_all = _reduction("All", eager.reduce_all, TRUTHS)
reduce_any = _reduction("Any", eager.reduce_any, TRUTHS)
reduce_logsumexp = _reduction("ReduceLogSumExp", eager.reduce_logsumexp, FLOATS)


def _place(type: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    def arg(input: Any, axis: Any = None, name: str | None = None, dimension: Any = None, output_type: Any = np.int64) -> Tensor:
        along = _static(dimension if axis is None else axis, type)
        with building(name, type, input) as scope:
            x = as_tensor(input, name="input")
            check_kinds(x, REALS, type)
            return make(type, through(function, axis=along, output_type=output_type), [x], scope)

    out: Callable[..., Tensor] = named(arg, type, function.__doc__)
    return out


argmax = _place("ArgMax", eager.argmax)
argmin = _place("ArgMin", eager.argmin)


def count_nonzero(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, dtype: Any = np.int64, name: str | None = None
) -> Tensor:
    """How many elements over ``axis`` are not zero."""
    with building(name, "count_nonzero", input_tensor) as scope:
        x = as_tensor(input_tensor, name="input")
        return make("CountNonzero", through(eager.count_nonzero, axis=axis, keepdims=keepdims, dtype=dtype), [x], scope)


def _running(type: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    def run(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Tensor:
        with building(name, type, x) as scope:
            tensor = as_tensor(x, name="x")
            check_kinds(tensor, NUMBERS, type)
            return make(type, through(function, axis=_static(axis, type), exclusive=exclusive, reverse=reverse), [tensor], scope)

    out: Callable[..., Tensor] = named(run, type, function.__doc__)
    return out


cumsum = _running("Cumsum", eager.cumsum)
cumprod = _running("Cumprod", eager.cumprod)


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The norm of vectors over ``axis``: "euclidean", or of order 1, 2, ..., or ``np.inf``. Derivative: 0 at the zero vector."""
    kept = bool(keep_dims if keepdims is None else keepdims)
    with building(name, "norm", tensor) as scope:
        x = as_tensor(tensor, name="input")
        check_kinds(x, FLOATS, "Norm")
        return make("Norm", through(eager.norm, ord=ord, axis=axis, keepdims=kept), [x], scope)


class TopKV2(NamedTuple):
    """What :func:`top_k` gives."""

    values: Tensor
    indices: Tensor


def top_k(input: Any, k: int = 1, sorted: bool = True, name: str | None = None) -> TopKV2:
    """The ``k`` largest along the last axis, the largest first, and their places."""

    def compute(node: Node) -> Any:
        return through(eager.top_k, k=k)(node)

    with building(name, "TopKV2", input) as scope:
        x = as_tensor(input, name="input")
        check_kinds(x, REALS, "TopKV2")
        op = make_op("TopKV2", compute, [x], scope)
        return TopKV2(*op.outputs)


def in_top_k(predictions: Any, targets: Any, k: int, name: str | None = None) -> Tensor:
    """Whether the prediction for the target is among the ``k`` largest of its row; ties count."""

    def compute(scores: Node, labels: Node) -> Any:
        return through(lambda p, t: eager.in_top_k(t, p, k))(scores, labels)

    with building(name, "in_top_k", predictions, targets) as scope:
        scores, labels = as_tensor(predictions, name="predictions"), as_tensor(targets, name="targets")
        check_kinds(scores, REAL_FLOATS, "InTopKV2")
        if not labels.dtype.is_integer:
            fail(TypeError, f"in_top_k: targets are {labels.dtype.name}; they must be {int32.name} or int64")
        return make("InTopKV2", compute, [scores, labels], scope, boolean)
