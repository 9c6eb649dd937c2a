"""``tf.nn``: activations, losses, and what networks are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow.arithmetic import REAL_FLOATS, REALS, checked
from tracejit.compat.tensorflow.arrays import gather
from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.convert import aligned, node_of, pair
from tracejit.compat.tensorflow.creation import shape
from tracejit.compat.tensorflow.elementwise import clipped, log_sigmoid, sigmoid, softplus, tanh
from tracejit.compat.tensorflow.errors import InvalidArgumentError, fail
from tracejit.compat.tensorflow.random import uniform
from tracejit.compat.tensorflow.reductions import in_top_k, mean, top_k
from tracejit.compat.tensorflow.shape import shape_text
from tracejit.compat.tensorflow.sizes import axes_of, axis_of
from tracejit.compat.tensorflow.tensor import op, run
from tracejit.frontend.eager import EagerTrace, trace, value_of
from tracejit.frontend.lift import cast
from tracejit.frontend.numpy.reductions import kept
from tracejit.frontend.shapes import same
from tracejit.ir import Node
from tracejit.ir.dtype import family
from tracejit.ops import composite
from tracejit.runtime.device import on_host

__all__ = [
    "bias_add", "dropout", "elu", "embedding_lookup", "gelu", "in_top_k", "l2_loss", "l2_normalize", "leaky_relu", "log_sigmoid",
    "log_softmax",    "moments", "relu", "relu6", "selu", "sigmoid", "sigmoid_cross_entropy_with_logits", "silu", "softmax",
    "softmax_cross_entropy_with_logits", "softplus", "softsign", "sparse_softmax_cross_entropy_with_logits", "swish", "tanh",
    "top_k",    "zero_fraction",
]  # fmt: skip


def _floats(x: Any, name: str) -> Node:
    return checked(node_of(x), REAL_FLOATS, name)


@op
def relu(features: Any) -> Node:
    """``max(x, 0)``. Derivative: 0 at 0."""
    x = checked(node_of(features), REALS, "Relu")
    return composite.relu(x) if family(x.dtype) == "f" else ops.maximum(x, 0)


@op
def relu6(features: Any) -> Node:
    """``min(max(x, 0), 6)``. Derivative: 0 at 0 and at 6."""
    x = _floats(features, "Relu6")
    inside = ops.logical_and(ops.greater(x, 0.0), ops.less(x, 6.0))
    return ops.where(inside, x, ops.stop_gradient(clipped(x, 0.0, 6.0)))


@op
def leaky_relu(features: Any, alpha: float = 0.2) -> Node:
    """``x`` where it is positive, ``alpha * x`` elsewhere. Derivative: ``alpha`` at 0."""
    x = _floats(features, "LeakyRelu")
    return ops.where(ops.greater(x, 0.0), x, alpha * x)


@op
def elu(features: Any) -> Node:
    """``x`` where it is positive, ``exp(x) - 1`` elsewhere."""
    return _elu(_floats(features, "Elu"))


def _elu(x: Node) -> Node:
    positive = ops.greater(x, 0.0)
    return ops.where(positive, x, ops.expm1(ops.where(positive, 0.0, x)))


@op
def selu(features: Any) -> Node:
    """``scale * (x where it is positive, alpha * (exp(x) - 1) elsewhere)``.

    Source: Klambauer et al., arXiv:1706.02515, section 2.
    """
    x = _floats(features, "Selu")
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    positive = ops.greater(x, 0.0)
    return scale * ops.where(positive, x, alpha * ops.expm1(ops.where(positive, 0.0, x)))


@op
def gelu(features: Any, approximate: bool = False) -> Node:
    """``x`` times the normal distribution function of ``x``; ``approximate`` takes its form with tanh."""
    return composite.gelu(_floats(features, "Gelu"), approximate)


@op
def silu(features: Any, beta: float = 1.0) -> Node:
    """``x * sigmoid(beta * x)``."""
    x = _floats(features, "Silu")
    return x * ops.sigmoid(beta * x)


swish = silu


@op
def softsign(features: Any) -> Node:
    """``x / (1 + |x|)``."""
    x = _floats(features, "Softsign")
    return x / (1.0 + ops.absolute(x))


@op
def softmax(logits: Any, axis: Any = -1) -> Node:
    """``exp(x) / sum(exp(x))`` over ``axis`` without overflow."""
    x = _floats(logits, "Softmax")
    return composite.softmax(x, axes_of(axis, x.spec.rank, "Softmax"))


@op
def log_softmax(logits: Any, axis: Any = -1) -> Node:
    """``x - log(sum(exp(x)))`` over ``axis`` without overflow."""
    x = _floats(logits, "LogSoftmax")
    return composite.log_softmax(x, axes_of(axis, x.spec.rank, "LogSoftmax"))


@op
def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any) -> Node:
    """``log(sum(exp(logits))) - logits[label]`` of each example.

    Args:
        labels: int[...]. The class of each example.
        logits: float[..., classes]. Scores.

    Raises:
        InvalidArgumentError: A label is no class.
    """
    name = "SparseSoftmaxCrossEntropyWithLogits"
    x, classes = _floats(logits, name), checked(node_of(labels), "iu", name)
    both = f"labels.shape={shape_text(classes.shape)} and logits.shape={shape_text(x.shape)}"
    fault = f"`labels.shape` must equal `logits.shape` except for the last dimension. Received: {both}"
    if classes.spec.rank != x.spec.rank - 1:
        fail(ValueError, fault)
    for a, b in zip(classes.shape, x.shape, strict=False):
        same(a, b, fault)
    places = cast(classes, np.int64)
    _check_labels(places, x.shape[-1], name)
    return composite.cross_entropy(x, ops.checked_index(places, size=x.shape[-1]), x.spec.rank - 1)


def _check_labels(labels: Node, size: Any, op: str) -> None:
    """Refuse labels that are known to be no class; others are checked when the program runs."""
    if isinstance(trace(), EagerTrace):
        found = on_host(value_of(labels))
        wrong = found[(found < 0) | (found >= size)]
        if wrong.size:
            fail(
                InvalidArgumentError,
                f"Received a label value of {wrong[0]} which is outside the valid range of [0, {size}).  Label values:"
                f" {' '.join(map(str, found.ravel()[:20]))} [Op:{op}]",
            )


@op
def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: Any = -1) -> Node:
    """``-sum(labels * log_softmax(logits))`` over ``axis``: labels are probabilities."""
    name = "SoftmaxCrossEntropyWithLogits"
    x, y = aligned(*pair(logits, labels, name), name)
    place = axis_of(axis, checked(x, REAL_FLOATS, name).spec.rank, name)
    return -ops.reduce_sum(y * composite.log_softmax(x, (place,)), axes=(place,))


@op
def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None) -> Node:
    """``max(x, 0) - x * z + log(1 + exp(-|x|))`` of logits ``x`` and labels ``z``."""
    if labels is None or logits is None:
        raise ValueError("Both `labels` and `logits` must be provided.")
    x, z = pair(logits, labels, "SigmoidCrossEntropyWithLogits")
    if x.shape != z.shape and x.spec.rank != z.spec.rank:
        fail(
            ValueError,
            f"`logits` and `labels` must have the same shape, received ({shape_text(x.shape)} vs {shape_text(z.shape)}).",
        )
    x, z = aligned(x, z, "SigmoidCrossEntropyWithLogits")
    return ops.softplus(x) - x * z


@op
def l2_loss(t: Any) -> Node:
    """Half the sum of squares."""
    x = _floats(t, "L2Loss")
    return 0.5 * ops.reduce_sum(x * x, axes=tuple(range(x.spec.rank)))


@op
def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12) -> Node:
    """``x / sqrt(max(sum(x**2), epsilon))`` over ``axis``."""
    node = _floats(x, "L2Normalize")
    axes = axes_of(axis, node.spec.rank, "L2Normalize")
    total = kept(ops.reduce_sum(node * node, axes=axes), node.shape, axes)
    norm = ops.sqrt(ops.maximum(total, epsilon))
    a, b = aligned(node, norm, "L2Normalize")
    return a / b


@op
def bias_add(value: Any, bias: Any, data_format: str | None = None) -> Node:
    """``value + bias`` along the last axis."""
    x, b = pair(value, bias, "BiasAdd")
    if b.spec.rank != 1:
        fail(InvalidArgumentError, f"Biases must be 1D: {shape_text(b.shape)} [Op:BiasAdd]")
    return ops.add(*aligned(x, b, "BiasAdd"))


@op
def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False) -> tuple[Node, Node]:
    """The mean and the variance over ``axes``."""
    node = _floats(x, "Moments")
    places = axes_of(axes, node.spec.rank, "Moments")
    both = mean(node, places), composite.var(node, places)
    out = tuple(kept(n, node.shape, places) if keepdims else n for n in both)
    return out[0], out[1]


def dropout(x: Any, rate: float, noise_shape: Any = None, seed: Any = None, name: str | None = None) -> Any:
    """Elements set to 0 with the probability ``rate``, the others divided by ``1 - rate``; a new draw in each call."""
    if isinstance(rate, float | int) and not 0 <= rate < 1:
        raise ValueError(f"`rate` must be a scalar tensor or a float in the range [0, 1). Received: rate={rate}")
    draw = uniform(
        shape(x) if noise_shape is None else noise_shape, dtype=x.dtype if isinstance(x, Held) else "float32", seed=seed
    )
    return run(_dropped, x, draw, rate)


def _dropped(x: Any, draw: Any, rate: float) -> Node:
    node = _floats(x, "Dropout")
    kept_back = ops.greater_equal(node_of(draw), rate)
    return ops.where(aligned(kept_back, node, "Dropout")[0], node / (1.0 - rate), 0.0)


@op
def zero_fraction(value: Any) -> Node:
    """The share of elements that are 0."""
    x = node_of(value)
    return composite.mean(cast(ops.equal(x, 0), np.float32), tuple(range(x.spec.rank)))


def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, name: str | None = None) -> Any:
    """The rows of a table at ``ids``; the gradient by a variable is IndexedSlices."""
    return gather(params, ids)
