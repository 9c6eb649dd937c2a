"""``tf.nn``: activations, losses, and what networks are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracejit import ops
from tracejit.compat.tensorflow import nn as eager
from tracejit.compat.tensorflow.convert import aligned
from tracejit.compat.tensorflow.errors import fail
from tracejit.compat.tensorflow.v1.arrays import embedding_lookup, shape
from tracejit.compat.tensorflow.v1.construct import as_tensor, building, make, make_op, through
from tracejit.compat.tensorflow.v1.elementwise import REAL_FLOATS, REALS, check_kinds, named, pair, sigmoid, tanh, unary
from tracejit.compat.tensorflow.v1.linear import matmul
from tracejit.compat.tensorflow.v1.operation import Tensor
from tracejit.compat.tensorflow.v1.random import random_uniform
from tracejit.compat.tensorflow.v1.reductions import in_top_k, top_k
from tracejit.ir import Node

relu = unary("Relu", through(eager.relu), REALS, eager.relu.__doc__)
relu6 = unary("Relu6", through(eager.relu6), REAL_FLOATS, eager.relu6.__doc__)
elu = unary("Elu", through(eager.elu), REAL_FLOATS, eager.elu.__doc__)
selu = unary("Selu", through(eager.selu), REAL_FLOATS, eager.selu.__doc__)
softplus = unary("Softplus", through(eager.softplus), REAL_FLOATS, eager.softplus.__doc__)
softsign = unary("Softsign", through(eager.softsign), REAL_FLOATS, eager.softsign.__doc__)
l2_loss = unary("L2Loss", through(eager.l2_loss), REAL_FLOATS, eager.l2_loss.__doc__)


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Tensor:
    """``x`` where it is positive, ``alpha * x`` elsewhere."""
    return unary("LeakyRelu", through(eager.leaky_relu, alpha=alpha), REAL_FLOATS)(features, name)  # type: ignore[no-any-return]


def _along(type: str, function: Callable[..., Any]) -> Callable[..., Tensor]:
    def public(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
        place = -1 if axis is None and dim is None else dim if axis is None else axis
        return unary(type, through(function, axis=place), REAL_FLOATS)(logits, name)  # type: ignore[no-any-return]

    out: Callable[..., Tensor] = named(public, type, function.__doc__)
    return out


softmax = _along("Softmax", eager.softmax)
log_softmax = _along("LogSoftmax", eager.log_softmax)


def _sentinel(type: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None or labels is None or logits is None:
        fail(ValueError, f"Only call `{type}` with named arguments (labels=..., logits=..., ...)")
    return None


def sparse_softmax_cross_entropy_with_logits(
    _sentinel_: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """``log(sum(exp(logits))) - logits[label]`` of each example; labels are the numbers of classes."""
    type = "SparseSoftmaxCrossEntropyWithLogits"
    _sentinel("sparse_softmax_cross_entropy_with_logits", _sentinel_, labels, logits)
    with building(name, type, labels, logits) as scope:
        scores, classes = as_tensor(logits, name="logits"), as_tensor(labels, name="labels")
        check_kinds(scores, REAL_FLOATS, type)
        check_kinds(classes, "iu", type)
        compute = through(lambda z, x: eager.sparse_softmax_cross_entropy_with_logits(labels=z, logits=x))
        return make(type, compute, [classes, scores], scope, scores.dtype)


def softmax_cross_entropy_with_logits(
    _sentinel_: Any = None,
    labels: Any = None,
    logits: Any = None,
    dim: int = -1,
    name: str | None = None,
    axis: int | None = None,
) -> Tensor:
    """``-sum(labels * log_softmax(logits))``: labels are probabilities, taken as constants."""
    _sentinel("softmax_cross_entropy_with_logits", _sentinel_, labels, logits)
    return _softmax_cross_entropy(labels, logits, dim if axis is None else axis, name, constant=True)


def softmax_cross_entropy_with_logits_v2(
    _sentinel_: Any = None,
    labels: Any = None,
    logits: Any = None,
    dim: int = -1,
    name: str | None = None,
    axis: int | None = None,
) -> Tensor:
    """``-sum(labels * log_softmax(logits))``: labels are probabilities, with derivatives."""
    _sentinel("softmax_cross_entropy_with_logits_v2", _sentinel_, labels, logits)
    return _softmax_cross_entropy(labels, logits, dim if axis is None else axis, name, constant=False)


def _softmax_cross_entropy(labels: Any, logits: Any, axis: int, name: str | None, constant: bool) -> Tensor:
    def compute(z: Node, x: Node) -> Any:
        known = ops.stop_gradient(z) if constant else z
        return through(lambda a, b: eager.softmax_cross_entropy_with_logits(labels=a, logits=b, axis=axis))(known, x)

    with building(name, "softmax_cross_entropy_with_logits", labels, logits) as scope:
        x, z = pair(logits, labels, "SoftmaxCrossEntropyWithLogits")
        check_kinds(x, REAL_FLOATS, "SoftmaxCrossEntropyWithLogits")
        return make("SoftmaxCrossEntropyWithLogits", compute, [z, x], scope)


def sigmoid_cross_entropy_with_logits(
    _sentinel_: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Tensor:
    """``max(x, 0) - x * z + log(1 + exp(-|x|))`` of logits ``x`` and labels ``z``."""
    _sentinel("sigmoid_cross_entropy_with_logits", _sentinel_, labels, logits)
    with building(name, "logistic_loss", labels, logits) as scope:
        x, z = pair(logits, labels, "SigmoidCrossEntropyWithLogits")
        if not x.shape.is_compatible_with(z.shape):
            fail(ValueError, f"logits and labels must have the same shape ({x.shape} vs {z.shape})")
        check_kinds(x, REAL_FLOATS, "SigmoidCrossEntropyWithLogits")
        compute = through(lambda a, b: eager.sigmoid_cross_entropy_with_logits(labels=a, logits=b))
        return make("SigmoidCrossEntropyWithLogits", compute, [z, x], scope)


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Tensor:
    """``value + bias`` along the last axis."""
    with building(name, "BiasAdd", value, bias) as scope:
        x, b = pair(value, bias, "BiasAdd")
        return make("BiasAdd", through(eager.bias_add), [x, b], scope)


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """``matmul(x, weights) + biases``."""
    with building(name, "xw_plus_b", x, weights, biases) as scope:
        return bias_add(matmul(x, weights), biases, name=scope)


def moments(
    x: Any, axes: Any, shift: Any = None, name: str | None = None, keep_dims: bool = False, keepdims: bool | None = None
) -> tuple[Tensor, Tensor]:
    """The mean and the variance over ``axes``."""
    kept = keep_dims if keepdims is None else keepdims
    with building(name, "moments", x) as scope:
        op = make_op("Moments", through(eager.moments, axes=axes, keepdims=kept), [as_tensor(x, name="x")], scope)
        return op.outputs[0], op.outputs[1]


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None) -> Tensor:
    """``x / sqrt(max(sum(x**2), epsilon))`` over ``axis``."""
    place = dim if axis is None else axis
    return unary("l2_normalize", through(eager.l2_normalize, axis=place, epsilon=epsilon), REAL_FLOATS)(x, name)  # type: ignore[no-any-return]


def dropout(
    x: Any, keep_prob: Any = None, noise_shape: Any = None, seed: int | None = None, name: str | None = None, rate: Any = None
) -> Tensor:
    """Zeros in place of a share of the elements, drawn anew in every run; the others are scaled up by as much.

    Args:
        x: Floats.
        keep_prob: The share that is kept, a number or a tensor.
        noise_shape: Accepted only as None.
        seed: Of the draws.
        name: ``dropout`` if not given.
        rate: The share that goes, in place of ``keep_prob``.
    """
    if noise_shape is not None:
        fail(ValueError, "dropout: noise_shape is not supported; multiply by a mask of your own")
    if (keep_prob is None) == (rate is None):
        fail(ValueError, "You must provide a value for either keep_prob or rate.")
    with building(name, "dropout", x, keep_prob, rate) as scope:
        tensor = as_tensor(x, name="x")
        check_kinds(tensor, REAL_FLOATS, "dropout")
        kept = keep_prob if rate is None else 1.0 - rate
        if isinstance(kept, int | float) and not 0 < kept <= 1:
            fail(ValueError, f"keep_prob must be a scalar tensor or a float in the range (0, 1], got {kept:g}")
        share = as_tensor(kept, name="keep_prob", like=tensor.dtype, op="dropout")
        sizes = tensor.shape.sizes
        drawn = random_uniform(shape(tensor) if sizes is None or None in sizes else sizes, dtype=tensor.dtype, seed=seed)

        def compute(value: Node, draw: Node, probability: Node) -> Node:
            p = ops.broadcast(probability, shape=value.shape, axes=()) if value.shape else probability
            return ops.where(*aligned(ops.less(*aligned(draw, p, "dropout")), value / p, "dropout"), 0.0)

        return make("Dropout", compute, [tensor, drawn, share], scope, tensor.dtype)


__all__ = [
    "bias_add",
    "dropout",
    "elu",
    "embedding_lookup",
    "in_top_k",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "log_softmax",
    "moments",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softmax_cross_entropy_with_logits_v2",
    "softplus",
    "softsign",
    "sparse_softmax_cross_entropy_with_logits",
    "tanh",
    "top_k",
    "xw_plus_b",
]
