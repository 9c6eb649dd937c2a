"""Gradients held to a length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracejit import ops
from tracejit.compat.tensorflow.arithmetic import smaller
from tracejit.compat.tensorflow.convert import aligned, node_of
from tracejit.compat.tensorflow.linalg import total_norm
from tracejit.compat.tensorflow.sizes import axes_of
from tracejit.compat.tensorflow.tensor import op
from tracejit.frontend.numpy.reductions import kept
from tracejit.ir import Node

__all__ = ["clip_by_global_norm", "clip_by_norm"]


@op
def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None) -> Node:
    """``t``, shortened to ``clip_norm`` where its norm over ``axes`` is larger."""
    node = node_of(t)
    places = axes_of(axes, node.spec.rank, "ClipByNorm")
    square = kept(ops.reduce_sum(node * node, axes=places), node.shape, places)
    positive = ops.greater(square, 0.0)
    norm = ops.where(positive, ops.sqrt(ops.where(positive, square, 1.0)), square)
    limit = node_of(clip_norm, node.dtype, "ClipByNorm", 1)
    longest = ops.maximum(*aligned(norm, limit, "ClipByNorm"))
    scaled = node * aligned(limit, node, "ClipByNorm")[0]
    return scaled / aligned(longest, node, "ClipByNorm")[0]


@op
def clip_by_global_norm(t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None) -> tuple[list[Node | None], Node]:
    """Tensors, shortened together to ``clip_norm`` where their norm is larger, and that norm; None stays None."""
    nodes = [None if t is None else node_of(t) for t in t_list]
    norm = total_norm([n for n in nodes if n is not None]) if use_norm is None else node_of(use_norm)
    limit = node_of(clip_norm, norm.dtype, "ClipByGlobalNorm", 1)
    factor = limit * smaller(1.0 / norm, 1.0 / limit)
    return [None if n is None else n * aligned(factor, n, "ClipByGlobalNorm")[0] for n in nodes], norm
