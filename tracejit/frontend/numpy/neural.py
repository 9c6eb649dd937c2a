"""What networks are made of beside products: activations, softmax and its kin, normalisation, losses, norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import ArgumentError, DTypeError, ShapeError, UnsupportedError
from tracejit.frontend.indexing import checked_places
from tracejit.frontend.lift import cast, lift
from tracejit.frontend.numpy.reductions import reduced
from tracejit.frontend.public import lifted
from tracejit.frontend.shapes import normal_axes, normal_axis, same
from tracejit.ir import Node
from tracejit.ops import composite

__all__ = [
    "cross_entropy",
    "gelu",
    "layer_norm",
    "log_softmax",
    "norm",
    "relu",
    "rsqrt",
    "silu",
    "softmax",
    "softplus",
]


@lifted()
def relu(x: Node) -> Node:
    """``max(x, 0)``. Derivative: 0 at 0."""
    return composite.relu(composite.floating(x))


@lifted()
def gelu(x: Node, approximate: bool = False) -> Node:
    """``x`` times the normal distribution function of ``x``; ``approximate`` takes its form with tanh."""
    return composite.gelu(composite.floating(x), approximate)


@lifted()
def silu(x: Node) -> Node:
    """``x * sigmoid(x)``."""
    return composite.silu(composite.floating(x))


@lifted()
def softplus(x: Node) -> Node:
    """``log(1 + exp(x))`` without overflow."""
    return ops.softplus(composite.floating(x))


@lifted()
def rsqrt(x: Node) -> Node:
    """``1 / sqrt(x)``."""
    return composite.rsqrt(composite.floating(x))


@lifted()
def softmax(x: Node, axis: Any = -1) -> Node:
    """``exp(x) / sum(exp(x))`` over ``axis`` without overflow."""
    return composite.softmax(composite.floating(x), normal_axes(axis, x.spec.rank, "softmax"))


@lifted()
def log_softmax(x: Node, axis: Any = -1) -> Node:
    """``x - log(sum(exp(x)))`` over ``axis`` without overflow."""
    return composite.log_softmax(composite.floating(x), normal_axes(axis, x.spec.rank, "log_softmax"))


@lifted(2)
def cross_entropy(logits: Node, labels: Node, axis: int = -1, reduction: str = "mean") -> Node:
    """The mean of ``log(sum(exp(logits))) - logits[label]`` over the examples.

    Args:
        logits: float[..., classes]. Scores; the classes are along ``axis``.
        labels: int[...]. The class of each example.
        axis: Of the classes.
        reduction: "mean", "sum", or "none" for the loss of each example.

    Derivative: in ``logits``, any order.
    """
    place = normal_axis(axis, logits.spec.rank, "cross_entropy")
    if labels.dtype.kind not in "iu":
        raise DTypeError(f"cross_entropy: labels are {labels.spec}; they must be integers, the class of each example")
    rest = tuple(d for i, d in enumerate(logits.shape) if i != place)
    fault = f"cross_entropy: shapes differ\n  logits: {logits.spec}\n  labels: {labels.spec}"
    rule = "\n  rule: labels have the shape of logits without the axis of the classes"
    if labels.spec.rank != len(rest):
        raise ShapeError(f"{fault}{rule}")
    for a, b in zip(rest, labels.shape, strict=True):
        same(a, b, f"{fault}{rule}")
    losses = composite.cross_entropy(composite.floating(logits), checked_places(labels, logits.shape[place]), place)
    axes = tuple(range(losses.spec.rank))
    match reduction:
        case "none":
            return losses
        case "sum":
            return ops.reduce_sum(losses, axes=axes)
        case "mean":
            return composite.mean(losses, axes)
    raise ArgumentError(f'cross_entropy: reduction is {reduction!r}; it is "mean", "sum" or "none"')


@lifted()
def layer_norm(x: Node, weight: Any = None, bias: Any = None, axis: Any = -1, epsilon: float = 1e-5) -> Node:
    """``(x - mean) / sqrt(var + epsilon) * weight + bias`` over ``axis``; weight and bias have the shape of these axes."""
    x = composite.floating(x)
    axes = normal_axes(axis, x.spec.rank, "layer_norm")
    scale, shift = (None if p is None else cast(lift(p, "layer_norm").node(), x.dtype) for p in (weight, bias))
    for given in (scale, shift):
        if given is not None:
            specs = f"\n  x: {x.spec}\n  weight or bias: {given.spec}"
            fault = f"layer_norm: weight and bias have the shape of the normalised axes {axes}{specs}"
            if given.spec.rank != len(axes):
                raise ShapeError(fault)
            for i, dim in zip(axes, given.shape, strict=True):
                same(x.shape[i], dim, fault)
    return composite.layer_norm(x, axes, scale, shift, epsilon)


@lifted()
def norm(x: Node, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Node:
    """The norm of order ``ord`` over ``axis``, 2 if not given.

    Over two axes it is that of matrices: "fro" of their elements, 1 and -1 the greatest and least sum of absolute values down a
    column, inf and -inf along a row.
    """
    axes = normal_axes(axis, x.spec.rank, "norm")
    if ord in (1, -1, np.inf, -np.inf) and len(axes) == 2:
        body: Callable[[Node, tuple[int, ...]], Node]
        down, along = (0, 1) if axis is None else (normal_axis(i, x.spec.rank, "norm") for i in axis)
        summed, compared = (down, along) if abs(ord) == 1 else (along, down)
        body = lambda n, a: _extreme(ops.reduce_sum(ops.absolute(n), axes=(summed,)), compared - (summed < compared), ord > 0)  # noqa: E731
        return reduced(x, axis, keepdims, "norm", True, body)
    if ord not in (None, "fro") and (isinstance(ord, str) or len(axes) > 1):
        raise UnsupportedError(
            f'norm: order {ord!r} of a matrix is not supported; "fro", 1, -1, inf and -inf are, and one axis for norms of vectors'
        )
    body = lambda n, a: composite.norm(n, a, 2 if ord in (None, "fro") else ord)  # noqa: E731
    return reduced(x, axis, keepdims, "norm", True, body)


def _extreme(x: Node, axis: int, greatest: bool) -> Node:
    return ops.reduce_max(x, axes=(axis,)) if greatest else ops.reduce_min(x, axes=(axis,))
