"""Arrays with elements more or fewer, copies into arrays, and membership."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import ArgumentError, UnsupportedError
from tracejit.frontend.lift import has_tensor, lift
from tracejit.frontend.public import opened, registered, write_out
from tracejit.frontend.registry import call
from tracejit.frontend.shapes import broadcast_node, normal_axis
from tracejit.frontend.tensor import Tensor

__all__ = ["append", "copyto", "delete", "insert", "isin"]


@registered
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """``values`` behind ``arr`` along ``axis``; both flattened if None."""
    return call("concatenate", _parts(axis, arr, values), axis or 0)


@registered
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """``values`` before place ``obj``, a number, along ``axis``; ``arr`` is flattened if None.

    Raises:
        UnsupportedError: Several places are given.
    """
    place, whole = _place(obj, "insert"), _parts(axis, arr)[0]
    along = 0 if axis is None else normal_axis(axis, whole.ndim, "insert")
    size = whole.shape[along]
    before = slice(None, place) if place >= 0 else slice(None, size + place)
    behind = slice(place, None) if place >= 0 else slice(size + place, None)
    inside = call("asarray", values, whole.dtype)
    if axis is None or whole.ndim == 1:
        inside = call("ravel", inside)
    else:
        shape = tuple(1 if i == along else d for i, d in enumerate(whole.shape))
        inside = call("broadcast_to", inside if inside.ndim == 0 else call("expand_dims", inside, along), shape)
    return call("concatenate", [_along(whole, before, along), inside, _along(whole, behind, along)], along)


@registered
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """``arr`` without the places ``obj``: a number, a slice, or a list of numbers that is known; flattened if ``axis`` is None.

    Raises:
        UnsupportedError: The places are computed, so that the size of the result depends on data.
    """
    if has_tensor(obj):
        raise UnsupportedError("delete: the places are tensors, so the size of the result depends on data; pass numbers")
    whole = _parts(axis, arr)[0]
    along = 0 if axis is None else normal_axis(axis, whole.ndim, "delete")
    if isinstance(obj, int | np.integer) and obj >= 0:
        place = int(obj)
        return call("concatenate", [_along(whole, slice(place), along), _along(whole, slice(place + 1, None), along)], along)
    left = np.delete(np.arange(int(whole.shape[along])), obj)  # which asks for the size
    return call("take", whole, left, along)


@registered
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    """``dst[...] = src`` where ``where`` is true."""
    if casting != "same_kind":
        raise UnsupportedError(f"copyto: casting={casting!r} is not supported; cast with astype first")
    if not isinstance(dst, Tensor | np.ndarray):
        raise ArgumentError(f"copyto: dst is a {type(dst).__name__}; it must be an array")
    with opened(dst, src, where):
        new = lift(src, "copyto").node()
        if where is not True:
            old = lift(dst, "copyto").node()
            chosen, given = (broadcast_node(x, old.shape, "copyto") for x in (lift(where, "copyto").node(), new))
            new = ops.where(chosen, ops.cast(given, dtype=old.dtype) if given.dtype != old.dtype else given, old)
        write_out(dst, new, "copyto")


@registered
def isin(element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Whether each element is one of ``test_elements``; with ``invert`` whether it is none."""
    found = call("any", call("equal", call("expand_dims", element, -1), call("ravel", test_elements)), -1)
    return call("logical_not", found) if invert else found


def _parts(axis: int | None, *arrays: Any) -> list[Any]:
    return [call("asarray", x) if axis is not None else call("ravel", call("asarray", x)) for x in arrays]


def _place(obj: Any, name: str) -> int:
    if isinstance(obj, slice | list | tuple) or getattr(obj, "ndim", None):
        raise UnsupportedError(f"{name}: several places are not supported; insert at one after the other")
    return operator.index(obj)


def _along(x: Any, part: slice, axis: int) -> Any:
    return x[(slice(None),) * axis + (part,)]
