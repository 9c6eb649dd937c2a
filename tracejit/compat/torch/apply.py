"""How an operation makes a tensor of others: at once, at once and recorded for backward(), or in a trace."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from tracejit.compat.torch import mode
from tracejit.compat.torch.device import check_together
from tracejit.compat.torch.errors import broadcast_error
from tracejit.compat.torch.expand import computed
from tracejit.compat.torch.graph import Leaf, Recorded, made
from tracejit.compat.torch.kernels.kernel import Kernel
from tracejit.compat.torch.program import quiet
from tracejit.compat.torch.session import Session, session_of
from tracejit.compat.torch.shown import note_origin, refresh, view
from tracejit.compat.torch.value import Value, versions
from tracejit.frontend.eager import EagerTrace
from tracejit.ir.ambient import active
from tracejit.ir.dtype import family, is_half
from tracejit.runtime.device import DeviceArray


def trace() -> Session | None:
    """The state of the running trace; None where operations run at once."""
    builder = active()
    return None if builder is None or isinstance(builder, EagerTrace) else session_of(builder)


def node_of(x: Any) -> Recorded:
    """What stands for a tensor, or an array of places, in the eager graph."""
    if not isinstance(x, Value):
        return Recorded(x, [0])
    if not x._requires:
        return Recorded(x._array, versions(x))
    node = x._node
    if x._made is None and (node is None or node.versions[0] != node.version):
        node = x._node = Leaf(x, x._array, versions(x))  # written to since it took part in a graph, or never did
    assert node is not None, "what a recorded operation made has a node"
    if node.value is None:  # a backward() let go of it, and it is needed again
        node.value, node.versions = x._array, versions(x)
        node.version = node.versions[0]
    return node


def apply(kernel: Kernel, *operands: Any, **attrs: Any) -> Any:
    """The tensor that ``kernel`` makes of tensors, numbers, arrays of places and, in a trace, nodes; one at least is a tensor."""
    builder = active()
    if builder is not None and not isinstance(builder, EagerTrace):
        return session_of(builder).apply(kernel, operands, attrs)
    recorded = there = short = False
    kind: type[Any] = Value
    arrays: list[Any] = []
    for x in operands:
        if isinstance(x, Value):
            kind = type(x)
            recorded = recorded or x._requires
            array = x._array
            there = there or type(array) is DeviceArray
            short = short or array.dtype.itemsize == 2
            arrays.append(array)
        else:
            arrays.append(x)
    if there:
        tensors = [x for x in operands if isinstance(x, Value)]
        check_together(tensors)
        for x in tensors:
            refresh(x)
    direct = kernel.direct
    if short and not kernel.view and any(isinstance(x, np.ndarray) and is_half(x.dtype) for x in arrays):
        direct = None  # NumPy adds halves up in halves, and does not know all of bfloat16
    if direct is not None and not there:
        try:
            value = quiet.run(direct, *arrays, **attrs)
        except ValueError:
            _refuse(arrays)
            raise
        if type(value) is not np.ndarray:
            value = np.asarray(value)
    else:
        try:
            value = view(kernel, arrays[0], attrs) if there and kernel.view else computed(kernel, arrays, attrs)
        except ValueError:
            _refuse(arrays)
            raise
    out: Any = object.__new__(kind)
    out._array = value
    if kernel.view:
        out._versions, out._view = versions(operands[0]), True
        if there:
            note_origin(out, operands[0], kernel, attrs)
    if recorded and mode.is_grad_enabled() and family(value.dtype) in "fc":
        nodes = tuple([node_of(x) if isinstance(x, Value | np.ndarray) else x for x in operands])
        out._requires, out._made, out._node = True, kernel.name, made(kernel, nodes, attrs, value, versions(out))
    return out


def pair(kernel: Kernel, x: Any, y: Any) -> Any:
    """``apply(kernel, x, y)`` of two tensors, outside of any trace."""
    a, b = x._array, y._array
    direct: Any = kernel.direct
    try:
        value = quiet.run(direct, a, b)
    except ValueError:
        _refuse([a, b])
        raise
    except TypeError:
        if DeviceArray not in (type(a), type(b)):
            raise
        return apply(kernel, x, y)
    if type(value) is not np.ndarray:
        value = np.asarray(value)
    out: Any = object.__new__(type(x))
    out._array = value
    if (x._requires or y._requires) and mode.is_grad_enabled() and family(value.dtype) in "fc":
        nodes = node_of(x), node_of(y)
        out._requires, out._made, out._node = True, kernel.name, made(kernel, nodes, NOTHING, value, versions(out))
    return out


NOTHING: Mapping[str, Any] = MappingProxyType({})


def _refuse(arrays: list[Any]) -> None:
    """Raise PyTorch's error where two arrays do not broadcast."""
    shapes = [x.shape for x in arrays if isinstance(x, np.ndarray | DeviceArray)]
    if len(shapes) == 2:
        try:
            np.broadcast_shapes(*shapes)
        except ValueError:
            raise broadcast_error(*shapes) from None
