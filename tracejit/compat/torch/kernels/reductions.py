"""Kernels that take dimensions together. ``axes`` are sorted and counted from the front."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.torch.errors import DimensionError
from tracejit.compat.torch.kernels.kernel import Kernel, kernel
from tracejit.ir import Dim, Node
from tracejit.ops import composite
from tracejit.ops.movement import window

Axes = tuple[int, ...]
Body = Callable[..., Node]
_add: Any = np.add.reduce


def kept(out: Node, shape: tuple[Dim, ...], axes: Axes) -> Node:
    """A result of reducing ``shape`` over ``axes`` with 1s in their places."""
    return ops.reshape(out, shape=tuple(1 if i in axes else d for i, d in enumerate(shape))) if axes else out


def _reduction(name: str, body: Body, direct: Callable[..., Any] | None = None) -> Kernel:
    """A kernel ``f(x, axes, keepdim, **attrs)`` from one without ``keepdim``."""

    def reduced(x: Node, axes: Axes, keepdim: bool, **attrs: Any) -> Node:
        out = body(x, axes=axes, **attrs)
        return kept(out, x.shape, axes) if keepdim else out

    return Kernel(name, reduced, direct)


def _sum(x: np.ndarray, axes: Axes, keepdim: bool) -> Any:
    return _add(x, axis=axes, keepdims=keepdim)


def _mean(x: np.ndarray, axes: Axes, keepdim: bool) -> Any:
    total = _add(x, axis=axes, keepdims=keepdim)
    count = 1
    for axis in axes:
        count *= x.shape[axis]
    return np.divide(total, total.dtype.type(count))


sum = _reduction("Sum", ops.reduce_sum, _sum)
mean = _reduction("Mean", composite.mean, _mean)
prod = _reduction("Prod", ops.reduce_prod)
amax = _reduction("Amax", ops.reduce_max, lambda x, axes, keepdim: np.maximum.reduce(x, axis=axes, keepdims=keepdim))
amin = _reduction("Amin", ops.reduce_min, lambda x, axes, keepdim: np.minimum.reduce(x, axis=axes, keepdims=keepdim))
any = _reduction("Any", composite.any_, lambda x, axes, keepdim: np.any(x, axis=axes, keepdims=keepdim))
all = _reduction("All", composite.all_, lambda x, axes, keepdim: np.all(x, axis=axes, keepdims=keepdim))
var = _reduction("Var", composite.var)
std = _reduction("Std", composite.std)
norm = _reduction("Norm", composite.norm)
logsumexp = _reduction("Logsumexp", composite.logsumexp)
argmax = _reduction("Argmax", ops.reduce_argmax, lambda x, axes, keepdim: np.argmax(x, axis=axes[0], keepdims=keepdim))
argmin = _reduction("Argmin", ops.reduce_argmin, lambda x, axes, keepdim: np.argmin(x, axis=axes[0], keepdims=keepdim))
cumsum = Kernel("Cumsum", composite.cumsum)
cumprod = Kernel("Cumprod", composite.cumprod)
softmax = Kernel("Softmax", composite.softmax)
log_softmax = Kernel("LogSoftmax", composite.log_softmax)
argsort = Kernel("Argsort", composite.order)
gather_along = Kernel("Gather", composite.take_along_axis, lambda x, places, axis: np.take_along_axis(x, places, axis))


def _gathered(x: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    size = x.shape[axis]
    if places.size and not (places.min() >= 0 and places.max() < size):
        wrong = int(places.max()) if places.max() >= size else int(places.min())
        raise DimensionError(f"index {wrong} is out of bounds for dimension {axis} with size {size}")
    shape = tuple(min(a, b) for a, b in zip(x.shape, places.shape, strict=True))
    if shape != x.shape:  # along the other dimensions the index may be shorter
        x = x[tuple(slice(None) if i == axis else slice(n) for i, n in enumerate(places.shape))]
    return np.take_along_axis(x, places, axis)


@kernel("Gather", _gathered)
def gather(x: Node, places: Node, axis: int) -> Node:
    """The elements at ``places`` along ``axis``, which are checked."""
    checked = ops.checked_index(places, size=x.shape[axis])
    for i, (whole, part) in enumerate(zip(x.shape, places.shape, strict=True)):
        if i != axis and whole != part:
            x = window(x, i, 0, part)
    return composite.take_along_axis(x, checked, axis)
