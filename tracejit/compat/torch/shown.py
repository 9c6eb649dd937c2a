"""Views on a device. Where the elements lie side by side, a view is the memory itself; any other is a copy that follows it.

Such a copy is brought up to date when it is used after its source was written to, and what is written to it goes to the
source, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tracejit.compat.torch.expand import computed
from tracejit.compat.torch.kernels.kernel import Kernel
from tracejit.compat.torch.value import Value, versions
from tracejit.runtime.device import DeviceArray


class Origin(NamedTuple):
    """Of what a copy is a view.

    Attributes:
        source: The tensor.
        kernel, attrs: How it is shown.
        version: The count of writes to the memory when the copy was made.
    """

    source: Any
    kernel: Kernel
    attrs: Mapping[str, Any]
    version: int


def view(kernel: Kernel, x: DeviceArray, attrs: Mapping[str, Any]) -> DeviceArray:
    """What a kernel shows of an array: a part of its memory, or a copy."""
    place = attrs.get("place")
    whole = as_strided(np.zeros(1, x.dtype), x.shape, _strides(x))  # only its strides are looked at
    direct: Any = kernel.direct
    part = direct(whole, **(attrs if place is None else {"place": place.opened()}))
    if part.flags.c_contiguous:
        address = x.address + part.ctypes.data - whole.ctypes.data
        return DeviceArray(x.memory, part.shape, x.dtype, address, x.stream, x.caller, x.flags.writeable)
    out: DeviceArray = computed(kernel, [x], attrs)
    out.flags = out.flags._replace(writeable=False)  # programs would write to the copy alone
    return out


def _strides(x: DeviceArray) -> tuple[int, ...]:
    steps = [x.dtype.itemsize]
    for length in reversed(x.shape[1:]):
        steps.append(steps[-1] * max(length, 1))
    return tuple(reversed(steps))[: x.ndim] if x.ndim else ()


def note_origin(out: Value, source: Value, kernel: Kernel, attrs: Mapping[str, Any]) -> None:
    """Remember of what a view is a view, where it is a copy or a part of one."""
    if source._origin is not None or out._array.memory is not source._array.memory:
        out._origin = Origin(source, kernel, attrs, versions(source)[0])


def refresh(x: Value) -> None:
    """Bring a copy up to date."""
    origin: Origin | None = x._origin
    if origin is not None and origin.version != versions(x)[0]:
        refresh(origin.source)
        x._array.take(view(origin.kernel, origin.source._array, origin.attrs))
        x._origin = origin._replace(version=versions(x)[0])
