"""Errors in PyTorch's words; each is also the error of tracejit that it is, and the RuntimeError that PyTorch raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracejit import errors as core
from tracejit.errors import ArgumentError, DTypeError, ShapeError


class SizeError(ShapeError, RuntimeError):
    """Shapes that do not fit together."""


class DimensionError(ShapeError, IndexError):
    """A dimension that a tensor does not have."""


class TypeMismatchError(DTypeError, RuntimeError):
    """Dtypes that an operation does not take."""


class DeviceError(core.DeviceError):
    """A device that is not there, or tensors on different devices."""


class OperandError(ArgumentError):
    """An operand that is no tensor and no number."""


def broadcast_error(x: Sequence[Any], y: Sequence[Any]) -> SizeError:
    """Two shapes that do not broadcast."""
    rank = max(len(x), len(y))
    a, b = ((1,) * (rank - len(s)) + tuple(s) for s in (x, y))
    place = next(i for i in reversed(range(rank)) if a[i] != b[i] and 1 not in (a[i], b[i]))
    return SizeError(
        f"The size of tensor a ({a[place]}) must match the size of tensor b ({b[place]}) at non-singleton dimension {place}"
        f"\n  a: {list(x)}\n  b: {list(y)}"
    )


def product_error(x: Sequence[Any], y: Sequence[Any]) -> SizeError:
    """Two matrices whose inner sizes differ."""
    shapes = " and ".join("x".join(map(str, s)) for s in (x, y))
    return SizeError(f"mat1 and mat2 shapes cannot be multiplied ({shapes})")


def rank_error(name: str, number: int, asked: str, rank: int) -> SizeError:
    """An operand with too many or too few dimensions."""
    return SizeError(f"{name}: expected argument {number} to be {asked}, but it has {rank} dimensions")


def operand_error(name: str, position: int, value: Any) -> OperandError:
    """An operand of a type that has no meaning."""
    return OperandError(f"{name}(): argument 'other' (position {position}) must be Tensor or Number, not {type(value).__name__}")


def normal_dim(dim: Any, rank: int) -> int:
    """A dimension counted from the front; of a number, 0 and -1 are let pass, as in PyTorch."""
    wide = max(rank, 1)
    if not isinstance(dim, int):
        raise OperandError(f"dim must be int, not {type(dim).__name__}")
    if not -wide <= dim < wide:
        raise DimensionError(f"Dimension out of range (expected to be in range of [{-wide}, {wide - 1}], but got {dim})")
    return dim % wide


def normal_dims(dim: Any, rank: int) -> tuple[int, ...]:
    """``dim`` of a reduction: None or () for all, one, or several; sorted and counted from the front."""
    if dim is None or (isinstance(dim, list | tuple) and not dim):
        return tuple(range(rank))
    dims = [normal_dim(d, rank) for d in (dim if isinstance(dim, list | tuple) else (dim,))]
    if len(set(dims)) < len(dims):
        raise SizeError(f"dim {dims[-1]} appears multiple times in the list of dims")
    return tuple(sorted(dims)) if rank else ()
