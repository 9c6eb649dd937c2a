"""Kernels of networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.compat.torch.kernels.kernel import kernel
from tracejit.ir import Node
from tracejit.ops import composite


@kernel("OneHot")
def one_hot(x: Node, axis: int, size: Any, dtype: np.dtype) -> Node:
    """1 at the label's place along a new axis, 0 elsewhere."""
    return composite.one_hot(x, size, axis, dtype)
