"""backward() and autograd.grad(): the reverse pass of what was recorded, eagerly or in a trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracejit.compat.torch import mode, reverse
from tracejit.compat.torch.apply import node_of, trace
from tracejit.compat.torch.errors import SizeError, TypeMismatchError
from tracejit.compat.torch.graph import Leaf, Recorded, free, history, made
from tracejit.compat.torch.promote import dims_of, dtype_of
from tracejit.compat.torch.reverse import Gradient
from tracejit.compat.torch.session import Session
from tracejit.compat.torch.size import Size
from tracejit.compat.torch.value import versions, wrap
from tracejit.frontend.shapes import filled
from tracejit.ir import Node
from tracejit.ops import row
from tracejit.runtime.device import DeviceArray
from tracejit.transforms import autodiff


def backward(outputs: Sequence[Any], weights: Sequence[Any], retain_graph: bool | None, create_graph: bool) -> None:
    """Collect the gradients of ``sum(weight * output)`` in the leaves that the outputs were computed from.

    Args:
        outputs: Tensors.
        weights: A tensor of the shape of each, or None for one of a single element.
        retain_graph: Whether the graph may be gone through again; as ``create_graph`` if None.
        create_graph: Whether the gradients are recorded, so that they have gradients themselves.

    Raises:
        RuntimeError: An output has no gradient, or a graph was used up.
    """
    _check(outputs, weights)
    keep = create_graph if retain_graph is None else retain_graph
    session = trace()
    if session is not None:
        _backward_in_trace(session, outputs, weights, keep)
        return
    nodes = [node_of(x) for x in outputs]
    order = history(nodes)
    wrt = [n for n in order if type(n) is Leaf or n.collects is not None]
    for node, found in zip(wrt, reverse.gradients(order, nodes, _nodes(weights), wrt), strict=True):
        tensor = node.tensor() if type(node) is Leaf else node.collects()
        if found is not None and tensor is not None:
            _collect(tensor, found, create_graph)
    if not keep:
        free(order)


def gradients(
    outputs: Sequence[Any],
    inputs: Sequence[Any],
    weights: Sequence[Any],
    retain_graph: bool | None,
    create_graph: bool,
    allow_unused: bool,
) -> tuple[Any, ...]:
    """The gradients of ``sum(weight * output)`` by each of ``inputs``; see :func:`backward`."""
    _check(outputs, weights)
    for x in inputs:
        if not x._requires:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    keep = create_graph if retain_graph is None else retain_graph
    session = trace()
    found: list[Any]
    if session is not None:
        found = _gradients_in_trace(session, outputs, weights, [session.node(x, True) for x in inputs], keep, create_graph)
    else:
        nodes = [node_of(x) for x in outputs]
        order = history(nodes)
        slopes = reverse.gradients(order, nodes, _nodes(weights), [node_of(x) for x in inputs])
        found = [None if g is None else _tensor(type(outputs[0]), g, create_graph) for g in slopes]
        if not keep:
            free(order)
    if None in [x if x is None else 0 for x in found] and not allow_unused:
        raise RuntimeError(
            "One of the differentiated Tensors appears to not have been used in the graph."
            " Set allow_unused=True if this is the desired behavior."
        )
    return tuple(found)


def _check(outputs: Sequence[Any], weights: Sequence[Any]) -> None:
    for i, (x, weight) in enumerate(zip(outputs, weights, strict=True)):
        if not x._requires:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
        if weight is None:
            if any(d != 1 for d in dims_of(x)):
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
        elif any(a != b for a, b in zip(dims_of(weight), dims_of(x), strict=False)) or len(dims_of(weight)) != len(dims_of(x)):
            raise SizeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {Size(dims_of(weight))}"
                f" and output[{i}] has a shape of {Size(dims_of(x))}."
            )
        elif dtype_of(weight) != dtype_of(x):
            raise TypeMismatchError(f"grad_output[{i}] is {dtype_of(weight)}, and output[{i}] is {dtype_of(x)}")


def _nodes(weights: Sequence[Any]) -> list[Recorded | None]:
    return [None if w is None else node_of(w) for w in weights]


def _collect(tensor: Any, gradient: Gradient, recorded: bool) -> None:
    """Add to the gradient of a tensor."""
    before = tensor._grad
    if before is None:
        tensor._grad = _tensor(type(tensor), gradient, recorded)
    elif recorded:
        tensor._grad = before + _tensor(type(tensor), gradient, recorded)
    else:
        if isinstance(before._array, DeviceArray):
            before._array.take((before + wrap(type(before), gradient.value))._array)
        else:
            np.add(before._array, gradient.value, before._array)
        if before._versions is not None:
            before._versions[0] += 1


def _tensor(kind: type[Any], gradient: Gradient, recorded: bool) -> Any:
    """A gradient as a tensor with memory of its own."""
    value = gradient.value
    fresh = value if gradient.fresh else value.copy() if isinstance(value, DeviceArray) else np.array(value, order="C")
    out = wrap(kind, fresh)
    if recorded and mode.is_grad_enabled():
        kernel, operands = gradient.made_by()
        if any(type(n) is Leaf for n in history(operands)):
            out._requires, out._made, out._node = True, "Gradient", made(kernel, operands, {}, out._array, versions(out))
    return out


# in a trace


def _backward_in_trace(session: Session, outputs: Sequence[Any], weights: Sequence[Any], keep: bool) -> None:
    roots = [session.node(x, True) for x in outputs]
    order = session.history(roots)
    wanted = session.leaves | session.retained
    wrt = [n for n in order if n in wanted]
    for node, found in zip(wrt, _reverse(session, order, roots, outputs, weights, wrt), strict=True):
        tensor = wanted[node]
        if tensor._made is not None and node in session.leaves:
            raise RuntimeError(
                "backward() reached a tensor that was computed outside of the compiled function and requires a gradient;"
                " compute it inside, or pass its .detach()"
            )
        if found is not None:
            session.collect(tensor, found)
    if not keep:
        session.free(order)


def _gradients_in_trace(
    session: Session, outputs: Sequence[Any], weights: Sequence[Any], wrt: Sequence[Node], keep: bool, create: bool
) -> list[Any]:
    roots = [session.node(x, True) for x in outputs]
    order = session.history(roots)
    found = _reverse(session, order, roots, outputs, weights, wrt)
    if not keep:
        session.free(order)
    return [None if n is None else session.derived(type(outputs[0]), n, create) for n in found]


def _reverse(
    session: Session,
    order: list[Node],
    roots: Sequence[Node],
    outputs: Sequence[Any],
    weights: Sequence[Any],
    wrt: Sequence[Node],
) -> list[Node | None]:
    seeds = [
        filled(session.trace.constant(1, dtype_of(x)), root.shape) if weight is None else session.node(weight, False)
        for x, root, weight in zip(outputs, roots, weights, strict=True)
    ]
    found = autodiff.backward(session.trace, roots, seeds, wrt)
    return [row.filled(x, 0.0) if gradient is None and x in order else gradient for x, gradient in zip(wrt, found, strict=True)]
