"""The row of matrix products; every contraction is brought to it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.errors import ShapeError
from tracejit.ir import Node, TensorSpec
from tracejit.ir.size import Dim
from tracejit.ops.elementwise import COMPLEX, Cotangents
from tracejit.ops.movement import swapped
from tracejit.ops.row import Sample, row, ufunc_resolver


def _matmul_shape(x: TensorSpec, y: TensorSpec) -> tuple[Dim, ...]:
    fault = ""
    if x.rank < 2 or x.rank != y.rank:
        fault, got = "ranks differ or are below 2", f"the ranks are {x.rank} and {y.rank}"
    elif x.shape[:-2] != y.shape[:-2]:
        fault, got = "batch dimensions differ", f"they are {x.shape[:-2]} and {y.shape[:-2]}"
    elif x.shape[-1] != y.shape[-2]:
        fault, got = "inner dimensions differ", f"k is {x.shape[-1]} and {y.shape[-2]}"
    if fault:
        raise ShapeError(f"matmul: {fault}\n  x: {x}\n  y: {y}\n  rule: x is [..., m, k] and y is [..., k, n]; here {got}")
    return (*x.shape[:-1], y.shape[-1])


@row(
    "contract",
    _matmul_shape,
    Sample(((3, 4), (4, 2)), {}, (COMPLEX, COMPLEX)),
    Sample(((2, 3, 4), (2, 4, 5)), {}, (COMPLEX, COMPLEX)),
    Sample(((3, 0), (0, 2)), {}, (COMPLEX, COMPLEX)),
    resolve=ufunc_resolver(np.matmul),
)
def matmul(x: Any, y: Any) -> Any:
    """Matrix products ``out[..., i, j] = sum_k x[..., i, k] * y[..., k, j]`` of equal batch dimensions."""
    return np.matmul(x, y)


@matmul.defvjp
def _matmul_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    return matmul(ct, swapped(y)), matmul(swapped(x), ct)
