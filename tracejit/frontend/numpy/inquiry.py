"""Questions about arrays: their shapes, dtypes and equality."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.frontend.base import Tensor
from tracejit.frontend.lift import lift
from tracejit.frontend.numpy.reductions import all as all_true
from tracejit.frontend.numpy.ufuncs import equal, isclose
from tracejit.frontend.public import opened, registered
from tracejit.ir.dtype import promoted

__all__ = [
    "allclose",
    "array_equal",
    "iscomplexobj",
    "isrealobj",
    "ndim",
    "result_type",
    "shape",
    "size",
]


@registered
def shape(a: Any) -> tuple[Any, ...]:
    """The sizes of the axes."""
    return a.shape if isinstance(a, Tensor) else np.shape(a)


@registered
def ndim(a: Any) -> int:
    """The number of axes."""
    return a.ndim if isinstance(a, Tensor) else np.ndim(a)


@registered
def size(a: Any, axis: int | None = None) -> Any:
    """The number of elements, or the size of one axis."""
    if axis is None:
        return a.size if isinstance(a, Tensor) else np.size(a)
    return shape(a)[axis]


@registered
def result_type(*arrays_and_dtypes: Any) -> np.dtype:
    """The dtype that NumPy brings operands to."""
    with opened(*arrays_and_dtypes):
        return promoted(*(_kind(x) for x in arrays_and_dtypes))


def _kind(x: Any) -> Any:
    if isinstance(x, str | np.dtype | type):
        return x
    operand = lift(x, "result_type")
    return operand.kind(0) if isinstance(operand.kind, type) else operand.kind


@registered
def iscomplexobj(x: Any) -> bool:
    """Whether the dtype is complex, whatever the values."""
    return bool(getattr(x, "dtype", np.dtype(type(x))).kind == "c")


@registered
def isrealobj(x: Any) -> bool:
    """Whether the dtype is not complex."""
    return not iscomplexobj(x)


@registered
def allclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Whether all elements are close, as ``isclose`` has it."""
    return all_true(isclose(a, b, rtol, atol, equal_nan))


@registered
def array_equal(a1: Any, a2: Any) -> Any:
    """Whether two arrays have one shape and equal elements."""
    if tuple(shape(a1)) != tuple(shape(a2)):
        return False
    return all_true(equal(a1, a2))
