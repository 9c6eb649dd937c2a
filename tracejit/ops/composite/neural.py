"""What networks are made of beside products: softmax and its kin, normalisation, losses."""

from __future__ import annotations

import numpy as np

from tracejit.ir import Node
from tracejit.ir.size import Dim
from tracejit.ops.comparison import equal
from tracejit.ops.composite.elementary import in_single
from tracejit.ops.composite.statistics import Axes, finite_max, mean
from tracejit.ops.elementwise import cast, stop_gradient, where
from tracejit.ops.indexing import INDEX, iota, positions
from tracejit.ops.reduction import broadcast, expand, reduce_max, reduce_sum
from tracejit.ops.transcendental import exp, log, sqrt

NARROW = np.dtype(np.int32)  # of labels known to be in range: as wide as an element, so that comparing keeps the vector's width


@in_single
def softmax(x: Node, axes: Axes) -> Node:
    """``exp(x) / sum(exp(x))`` without overflow; NaN where all are -inf."""
    top = stop_gradient(reduce_max(x, axes=axes))
    powers = exp(x - expand(top, x.shape, axes))
    return powers / expand(reduce_sum(powers, axes=axes), x.shape, axes)


@in_single
def log_softmax(x: Node, axes: Axes) -> Node:
    """``x - log(sum(exp(x)))`` without overflow."""
    distance = x - expand(finite_max(x, axes), x.shape, axes)
    return distance - expand(log(reduce_sum(exp(distance), axes=axes)), x.shape, axes)


@in_single
def cross_entropy(logits: Node, labels: Node, axis: int) -> Node:
    """``log(sum(exp(logits))) - logits[label]`` along ``axis``: the loss of each example, not their mean.

    ``labels`` are integers of the shape of ``logits`` without ``axis``, in range. Derivative: ``softmax - one_hot``.
    """
    distance = logits - expand(finite_max(logits, (axis,)), logits.shape, (axis,))
    chosen = where(_is_label(distance, labels, axis), distance, 0.0)
    return log(reduce_sum(exp(distance), axes=(axis,))) - reduce_sum(chosen, axes=(axis,))


def _is_label(like: Node, labels: Node, axis: int) -> Node:
    place = iota(size=like.shape[axis], dtype=NARROW)
    return equal(broadcast(place, shape=like.shape, axes=(axis,)), expand(cast(labels, dtype=NARROW), like.shape, (axis,)))


def one_hot(labels: Node, size: Dim, axis: int, dtype: np.dtype) -> Node:
    """1 at the label's place along a new axis of ``size``, 0 elsewhere; all 0 for labels out of range."""
    shape = (*labels.shape[:axis], size, *labels.shape[axis:])
    spread = broadcast(labels, shape=shape, axes=tuple(i for i in range(len(shape)) if i != axis))
    return cast(equal(positions(spread, axis), cast(spread, dtype=INDEX)), dtype=dtype)


@in_single
def layer_norm(x: Node, axes: Axes, weight: Node | None = None, bias: Node | None = None, epsilon: float = 1e-5) -> Node:
    """``(x - mean) / sqrt(var + epsilon) * weight + bias``; weight and bias have the shape of the normalised axes.

    Source: Ba, Kiros and Hinton, arXiv:1607.06450, equation 4.
    """
    distance = x - expand(mean(x, axes), x.shape, axes)
    scale = 1.0 / sqrt(mean(distance * distance, axes) + epsilon)
    out = distance * expand(scale, x.shape, axes)
    if weight is not None:
        out = out * broadcast(weight, shape=x.shape, axes=axes)
    return out if bias is None else out + broadcast(bias, shape=x.shape, axes=axes)
