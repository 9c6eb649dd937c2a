"""``torch.nn``: functions of networks, and Parameter."""

from __future__ import annotations

from tracejit.compat.torch.nn import functional
from tracejit.compat.torch.tensor import Tensor

__all__ = ["Parameter", "functional"]


def Parameter(data: Tensor, requires_grad: bool = True) -> Tensor:
    """A tensor over the memory of ``data`` that collects gradients."""
    return Tensor(data, requires_grad=requires_grad)
