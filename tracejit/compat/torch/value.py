"""Value: the fields of a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tracejit.compat.torch.graph import Recorded
from tracejit.frontend.tensor import EagerTensor
from tracejit.runtime.device import DeviceArray

if TYPE_CHECKING:
    from tracejit.frontend.tensor import Tracer

Kind = TypeVar("Kind", bound="Value")


class _Gone:
    """What stands in place of the memory of a traced tensor: its value is known when the program runs."""

    def __get__(self, x: Any, kind: Any = None) -> Any:
        if x is None:
            return self
        return x._tracer.__array__()  # raises, with the user's line


class Value:
    """What a tensor holds. Its memory is either an array, or, in a trace, the array that a Tracer stands for.

    Attributes:
        _array: The memory, which views and ``.data`` share.
        _tracer: The memory in a trace.
        _requires: Whether gradients by it are asked for.
        _made: The name of the operation that recorded it; None for a leaf.
        _node: Its node in the eager graph, of a leaf once it has taken part in one.
        _grad: The gradient collected so far, of a leaf.
        _versions: The count of writes to the memory, once somebody wants to know; shared by views.
        _view: Whether the memory is a part of another tensor's.
        _origin: Of what it is a view, where its memory is a copy.
        _handle: What stands for it among the arguments of traced functions.
    """

    _array: Any = _Gone()
    _tracer: Tracer | None = None
    _requires: bool = False
    _made: str | None = None
    _node: Recorded | None = None
    _grad: Any = None
    _versions: list[int] | None = None
    _view: bool = False
    _origin: Any = None
    _handle: Handle | None = None


class Handle:
    """Stands for a tensor among the arguments of a traced function: one tensor is one handle, which is equal to itself only."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor


def wrap(kind: type[Kind], array: Any) -> Kind:
    """A tensor over an array."""
    out = object.__new__(kind)
    out._array = array
    return out


def as_memory(value: Any) -> Any:
    """What a program gave as the memory of a tensor: an array, on the host or on a device."""
    if isinstance(value, EagerTensor):
        value = value.value
    return value if isinstance(value, DeviceArray) else np.asarray(value)


def versions(x: Value) -> list[int]:
    """The count of writes to the memory of ``x``, from now on kept."""
    count = x._versions
    if count is None:
        count = x._versions = [0]
    return count
