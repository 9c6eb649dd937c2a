"""How an operation makes a tensor of others: at once, at once and recorded for backward(), or in a trace."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.compat.torch import mode
from tracejit.compat.torch.errors import broadcast_error
from tracejit.compat.torch.graph import RECORDER, Leaf, Recorded, evaluate, known, quiet
from tracejit.compat.torch.kernels.kernel import Kernel
from tracejit.compat.torch.session import Session, session_of
from tracejit.compat.torch.value import Value, versions
from tracejit.frontend.eager import EagerTrace
from tracejit.ir import using
from tracejit.ir.ambient import active


def trace() -> Session | None:
    """The state of the running trace; None where operations run at once."""
    builder = active()
    return None if builder is None or isinstance(builder, EagerTrace) else session_of(builder)


def node_of(x: Value) -> Recorded:
    """The node of a tensor in the eager graph."""
    node = x._node
    if not x._requires:
        return known(x._array, versions(x))
    if x._made is None and (node is None or node.versions is None or node.versions[0] != node.version):
        node = x._node = Leaf(x, x._array)  # written to since it took part in a graph, or never did
        node.hold(x._array, versions(x))
    assert node is not None, "what was made by a recorded operation has a node"
    return node


def apply(kernel: Kernel, *operands: Any, **attrs: Any) -> Any:
    """The tensor that ``kernel`` makes of tensors, numbers and, in a trace, nodes; one operand at least is a tensor."""
    builder = active()
    if builder is not None and not isinstance(builder, EagerTrace):
        return session_of(builder).apply(kernel, operands, attrs)
    recorded, kind = False, None
    for x in operands:
        if isinstance(x, Value):
            kind = type(x)
            recorded = recorded or x._requires
    recorded = recorded and mode.is_grad_enabled()
    direct = kernel.direct
    if direct is not None:
        arrays = [x._array if isinstance(x, Value) else x for x in operands]
        try:
            value = quiet.run(direct, *arrays, **attrs)
        except ValueError:
            _refuse(arrays)
            raise
        if type(value) is not np.ndarray:
            value = np.asarray(value)
        out = object.__new__(kind)  # type: ignore[call-overload]
        out._array = value
        if recorded and value.dtype.kind in "fc":
            _record(kernel, operands, attrs, out)
    else:
        with using(RECORDER):
            node: Any = kernel.body(*[_node(x, recorded) for x in operands], **attrs)
        if node.value is None:
            evaluate([node])
        out = object.__new__(kind)  # type: ignore[call-overload]
        out._array = node.value
        if recorded and node.value.dtype.kind in "fc":
            _attach(out, node, kernel)
    if kernel.view:
        first = operands[0]
        out._versions, out._view = versions(first), True
    return out


def _node(x: Any, recorded: bool) -> Any:
    if not isinstance(x, Value):
        return x
    return node_of(x) if recorded else known(x._array)


def _record(kernel: Kernel, operands: tuple[Any, ...], attrs: dict[str, Any], out: Value) -> None:
    """Make ``out`` part of the graph."""
    nodes = [node_of(x) if isinstance(x, Value) else x for x in operands]
    if kernel.view:
        out._versions = versions(operands[0])
    with using(RECORDER):
        node: Any = kernel.body(*nodes, **attrs)
    _attach(out, node, kernel)


def _attach(out: Value, node: Any, kernel: Kernel) -> None:
    out._requires, out._made, out._node = True, kernel.name, node
    if node.versions is None and type(node) is Recorded:  # otherwise it is the node of an operand, which has its own value
        node.hold(out._array, versions(out))


def _refuse(arrays: list[Any]) -> None:
    """Raise PyTorch's error where two arrays do not broadcast."""
    shapes = [x.shape for x in arrays if isinstance(x, np.ndarray)]
    if len(shapes) == 2:
        try:
            np.broadcast_shapes(*shapes)
        except ValueError:
            raise broadcast_error(*shapes) from None
