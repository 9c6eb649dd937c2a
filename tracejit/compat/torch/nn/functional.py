"""``torch.nn.functional``: activations, losses, dropout."""

from __future__ import annotations

from typing import Any

from tracejit.compat.torch import creation
from tracejit.compat.torch.apply import apply
from tracejit.compat.torch.errors import SizeError, TypeMismatchError
from tracejit.compat.torch.kernels import elementwise as _E
from tracejit.compat.torch.kernels import neural as _K
from tracejit.compat.torch.promote import dims_of, dtype_of, rank_of
from tracejit.compat.torch.tensor import Tensor
from tracejit.ir.dtype import family

tanh, sigmoid = Tensor.tanh, Tensor.sigmoid


def relu(input: Tensor, inplace: bool = False) -> Any:
    """``max(x, 0)``. Derivative: 0 at 0."""
    return input.relu_() if inplace else input.relu()


def leaky_relu(input: Tensor, negative_slope: float = 0.01) -> Any:
    """``x``, and ``negative_slope * x`` below 0."""
    return input.where(input > 0, input * negative_slope)


def elu(input: Tensor, alpha: float = 1.0) -> Any:
    """``x``, and ``alpha * (exp(x) - 1)`` below 0."""
    return input.where(input > 0, alpha * input.clamp(max=0).expm1())


def gelu(input: Tensor, approximate: str = "none") -> Any:
    """``x`` times the normal distribution function of ``x``; "tanh" for its form with tanh."""
    return apply(_E.gelu, input, approximate=approximate == "tanh")


def silu(input: Tensor) -> Any:
    """``x * sigmoid(x)``."""
    return apply(_E.silu, input)


def softplus(input: Tensor) -> Any:
    """``log(1 + exp(x))``, without overflow."""
    return apply(_E.softplus, input)


def logsigmoid(input: Tensor) -> Any:
    """``log(sigmoid(x))``, without overflow."""
    return -softplus(-input)


def softmax(input: Tensor, dim: int = -1, dtype: Any = None) -> Any:
    """``exp(x) / sum(exp(x))`` over ``dim``, without overflow."""
    return input.softmax(dim, dtype)


def log_softmax(input: Tensor, dim: int = -1, dtype: Any = None) -> Any:
    """The logarithm of ``softmax``, without overflow."""
    return input.log_softmax(dim, dtype)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    """``x @ weight.T + bias``."""
    out = input.matmul(weight.t())
    return out if bias is None else out + bias


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """0 with the probability ``p``, else ``x / (1 - p)``; ``x`` when not training."""
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return input
    if p == 1:
        return input * 0.0
    kept = creation.rand(*dims_of(input)) >= p
    out = (input / (1 - p)).where(kept, 0.0)
    return input.copy_(out) if inplace else out


def _reduced(losses: Tensor, reduction: str) -> Any:
    match reduction:
        case "mean":
            return losses.mean()
        case "sum":
            return losses.sum()
        case "none":
            return losses
    raise ValueError(f"{reduction} is not a valid value for reduction")


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Any:
    """``(x - y)**2``."""
    return _reduced((input - target).square(), reduction)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Any:
    """``|x - y|``."""
    return _reduced((input - target).abs(), reduction)


def binary_cross_entropy(input: Tensor, target: Tensor, reduction: str = "mean") -> Any:
    """``-(y * log(x) + (1 - y) * log(1 - x))``, logarithms not below -100."""
    return _reduced(-(target * input.log().clamp(min=-100) + (1 - target) * (-input).log1p().clamp(min=-100)), reduction)


def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, reduction: str = "mean") -> Any:
    """The binary cross-entropy of ``sigmoid(x)``, without overflow."""
    return _reduced(softplus(input) - input * target, reduction)


def _check_classes(name: str, scores: Tensor, target: Tensor) -> int:
    """The dimension of the classes; errors where the target does not fit the scores."""
    if dtype_of(target).kind not in "iu":
        raise TypeMismatchError(f"{name}: expected scalar type Long but found {dtype_of(target).name.capitalize()}")
    axis = 1 if rank_of(scores) > 1 else 0
    rest = tuple(d for i, d in enumerate(dims_of(scores)) if i != axis)
    if len(rest) != rank_of(target) or any(a != b for a, b in zip(rest, dims_of(target), strict=True)):
        raise SizeError(
            f"{name}: Expected target size {list(rest)}, got {list(dims_of(target))} (input is {list(dims_of(scores))})"
        )
    return axis


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """``log(sum(exp(x))) - x[target]`` along the classes.

    Args:
        input: Scores; the classes are along dimension 1, or 0 of a vector.
        target: The class of each example, or the probability of each class.
        weight: Of each class.
        ignore_index: Examples of this class count nothing.
        reduction: "mean", "sum" or "none".
        label_smoothing: The part of the probability that all classes share.
    """
    axis = 1 if rank_of(input) > 1 else 0
    if family(dtype_of(target)) == "f" or label_smoothing:
        return _soft_cross_entropy(input, target, axis, weight, reduction, label_smoothing)
    return nll_loss(input.log_softmax(axis), target, weight, ignore_index, reduction)


def _soft_cross_entropy(input: Tensor, target: Tensor, axis: int, weight: Tensor | None, reduction: str, smoothing: float) -> Any:
    """The loss where each example has a probability of each class."""
    if family(dtype_of(target)) != "f":
        target = apply(_K.one_hot, target, axis=axis, size=dims_of(input)[axis], dtype=dtype_of(input))
    share = target * (1 - smoothing) + smoothing / int(dims_of(input)[axis])
    logs = input.log_softmax(axis)
    if weight is not None:
        logs = logs * weight.view(*(-1 if i == axis else 1 for i in range(rank_of(input))))
    losses: Tensor = -(share * logs).sum(axis)
    if reduction == "mean" and rank_of(losses):
        return losses.sum() / losses.numel()
    return losses if reduction == "mean" else _reduced(losses, reduction)


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> Any:
    """``-x[target]`` along the classes, of logarithms of probabilities.

    Args:
        input: The logarithms; the classes are along dimension 1, or 0 of a vector.
        target: The class of each example.
        weight: Of each class; the mean is divided by their sum.
        ignore_index: Examples of this class count nothing, not even in the mean.
        reduction: "mean", "sum" or "none".
    """
    axis = _check_classes("nll_loss", input, target)
    counted = target != ignore_index
    safe = target.where(counted, 0)
    losses = -input.gather(axis, safe.unsqueeze(axis)).squeeze(axis)
    scale = counted.to(dtype=input.dtype) if weight is None else weight[safe] * counted.to(dtype=input.dtype)
    losses = losses * scale
    return losses.sum() / scale.sum() if reduction == "mean" else _reduced(losses, reduction)


def one_hot(tensor: Tensor, num_classes: int) -> Any:
    """1 at the place of each class along a new last dimension, 0 elsewhere."""
    return apply(_K.one_hot, tensor, axis=rank_of(tensor), size=num_classes, dtype=dtype_of(tensor))


def layer_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Any:
    """``(x - mean) / sqrt(var + eps) * weight + bias`` over the last dimensions."""
    shape = [normalized_shape] if isinstance(normalized_shape, int) else list(normalized_shape)
    dims = tuple(range(-len(shape), 0))
    distance = input - input.mean(dims, keepdim=True)
    out = distance * (distance.square().mean(dims, keepdim=True) + eps).rsqrt()
    out = out if weight is None else out * weight
    return out if bias is None else out + bias
