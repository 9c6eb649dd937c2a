"""``torch.autograd``: Variable, and gradients without ``.grad``."""

from __future__ import annotations

from typing import Any

from tracejit.compat.torch import backward as _reverse
from tracejit.compat.torch.mode import enable_grad, no_grad, set_grad_enabled
from tracejit.compat.torch.tensor import Tensor, Variable

__all__ = ["Variable", "backward", "enable_grad", "grad", "no_grad", "set_grad_enabled"]


def _tuple(x: Any) -> tuple[Any, ...]:
    return (x,) if isinstance(x, Tensor) or x is None else tuple(x)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool = False,
) -> tuple[Any, ...]:
    """The gradients of ``outputs`` by ``inputs``, without touching ``.grad``.

    Args:
        outputs: A tensor or several, whose gradients are added.
        inputs: A tensor or several, leaves or not.
        grad_outputs: Weights of the elements of each output; may be left out for tensors of one element.
        retain_graph: Keep the graph for another backward(); as ``create_graph`` if None.
        create_graph: Record the gradients, so that they can be differentiated.
        only_inputs: True.
        allow_unused: Give None for an input that no output depends on, which is an error otherwise.

    Returns:
        A tensor for each input.
    """
    targets = _tuple(outputs)
    weights = _tuple(grad_outputs) if grad_outputs is not None else (None,) * len(targets)
    return _reverse.gradients(targets, _tuple(inputs), weights, retain_graph, create_graph, allow_unused)


def backward(tensors: Any, grad_tensors: Any = None, retain_graph: bool | None = None, create_graph: bool = False) -> None:
    """Add the gradients of ``tensors`` to ``.grad`` of the leaves that they were computed from."""
    targets = _tuple(tensors)
    weights = _tuple(grad_tensors) if grad_tensors is not None else (None,) * len(targets)
    _reverse.backward(targets, weights, retain_graph, create_graph)
