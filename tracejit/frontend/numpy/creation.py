"""New arrays: constants, ranges, grids; and what makes tensors of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import ArgumentError, UnsupportedError
from tracejit.frontend.base import Tensor
from tracejit.frontend.eager import EagerTrace, active, beside
from tracejit.frontend.eager import trace as current_trace
from tracejit.frontend.lift import cast, lift
from tracejit.frontend.public import hand_out, lifted, opened, registered
from tracejit.frontend.shapes import as_shape, broadcast_node, filled
from tracejit.frontend.symbolic import SymbolicInt, as_dim
from tracejit.ir import Dim, Node, current, using
from tracejit.ir.dtype import promoted
from tracejit.ir.size import quotient
from tracejit.ops import composite

__all__ = [
    "arange",
    "array",
    "asarray",
    "astype",
    "copy",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "identity",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "stop_gradient",
    "tensor",
    "tri",
    "zeros",
    "zeros_like",
]


@registered
def asarray(a: Any, dtype: Any = None, *, copy: bool | None = None) -> Any:
    """``a`` as a tensor: itself if it is one of that dtype, otherwise a copy as an EagerTensor, or a traced value in a trace."""
    if isinstance(a, Tensor) and not copy and (dtype is None or a.dtype == dtype):
        return a
    with using(active() or EagerTrace()):
        operand = lift(a, "asarray")
        node = operand.node() if dtype is None else cast(operand.node(), np.dtype(dtype))
        return hand_out(node, scalar=False)


@registered
def tensor(value: Any, dtype: Any = None) -> Any:
    """A new tensor that holds a copy of ``value``."""
    return asarray(value, dtype, copy=True)


@registered
def array(object: Any, dtype: Any = None, *, copy: bool = True, ndmin: int = 0) -> Any:
    """A new array of what may be nested lists of numbers, arrays and tensors."""
    with opened(object):
        operand = lift(object, "array")
        node = operand.node() if dtype is None else cast(operand.node(), np.dtype(dtype))
        if node.spec.rank < ndmin:
            node = ops.reshape(node, shape=(1,) * (ndmin - node.spec.rank) + node.shape)
        return hand_out(node, scalar=False)


@registered
def zeros(shape: Any, dtype: Any = float) -> Any:
    """An array of zeros."""
    return full(shape, 0, dtype)


@registered
def ones(shape: Any, dtype: Any = float) -> Any:
    """An array of ones."""
    return full(shape, 1, dtype)


@registered
def empty(shape: Any, dtype: Any = float) -> Any:
    """An array of zeros: programs have no undefined values."""
    return full(shape, 0, dtype)


@registered
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """An array that holds ``fill_value`` everywhere."""
    with opened(shape, fill_value):
        value = lift(fill_value, "full")
        node = value.node() if dtype is None else value.to(np.dtype(dtype))
        return hand_out(broadcast_node(node, as_shape(shape, "full"), "full"), scalar=False)


@lifted(scalar=False)
def zeros_like(a: Node, dtype: Any = None, shape: Any = None) -> Node:
    """Zeros of the shape and dtype of ``a``."""
    return _like(a, 0, dtype, shape)


@lifted(scalar=False)
def ones_like(a: Node, dtype: Any = None, shape: Any = None) -> Node:
    """Ones of the shape and dtype of ``a``."""
    return _like(a, 1, dtype, shape)


@lifted(scalar=False)
def empty_like(prototype: Node, dtype: Any = None, shape: Any = None) -> Node:
    """Zeros of the shape and dtype of ``prototype``."""
    return _like(prototype, 0, dtype, shape)


@lifted(scalar=False)
def full_like(a: Node, fill_value: Any, dtype: Any = None, shape: Any = None) -> Node:
    """``fill_value`` everywhere, in the shape and dtype of ``a``."""
    return _like(a, fill_value, dtype, shape)


def _like(a: Node, value: Any, dtype: Any, shape: Any) -> Node:
    node = lift(value, "full_like").to(np.dtype(a.dtype if dtype is None else dtype))
    return beside(broadcast_node(node, a.shape if shape is None else as_shape(shape, "full_like"), "full_like"), a)


@registered
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """Numbers from ``start``, 0 if only one is given, up to but without ``stop``, ``step`` apart."""
    first, last = (0, start) if stop is None else (start, stop)
    with opened(first, last, step):
        if any(isinstance(x, SymbolicInt) for x in (first, last, step)):
            return hand_out(_symbolic_arange(first, last, step, dtype))
        first, last, step = (x.item() if isinstance(x, Tensor | np.generic | np.ndarray) else x for x in (first, last, step))
        like = np.arange(first, last, step, dtype=dtype)
        size = len(like)
        if like.dtype.kind in "iu" and isinstance(first, int) and isinstance(step, int):
            return hand_out(composite.arange(size, first, step, like.dtype))
        return hand_out(_float_arange(size, like))


def _float_arange(size: int, like: np.ndarray) -> Node:
    """NumPy's floating-point range: its second element less its first is the distance."""
    first = like[0].item() if size else 0.0
    distance = (like[1] - like[0]).item() if size > 1 else 0.0
    return composite.arange(size, first, distance, like.dtype)


def _symbolic_arange(first: Any, last: Any, step: Any, dtype: Any) -> Node:
    if any(isinstance(x, float | np.floating) for x in (first, last, step)):
        raise UnsupportedError("arange: a symbolic size and a float together give a size that is not known; use arange(n) * step")
    start, stop, by = as_dim(first), as_dim(last), int(step)
    distance = stop - start if by > 0 else start - stop
    if current_trace().decide(distance, "<=", 0):
        distance = 0
    size: Dim = quotient(distance + (abs(by) - 1), abs(by))
    wide = np.dtype(np.int64 if dtype is None else dtype)
    out = composite.arange(size, 0, by, wide)
    return out if start == 0 else out + filled(cast(_dim_node(start), wide), out.shape)


def _dim_node(dim: Dim) -> Node:
    return current().constant(dim, np.dtype(np.int64)) if isinstance(dim, int) else ops.dim(size=dim)


@registered
def linspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None) -> Any:
    """``num`` numbers from ``start`` to ``stop`` at equal distances."""
    if retstep:
        raise UnsupportedError("linspace: retstep=True is not supported; the step is (stop - start) / (num - 1)")
    with opened(start, stop, num):
        first, last = (lift(x, "linspace") for x in (start, stop))
        if first.shape or last.shape:
            raise ArgumentError("linspace: start and stop are arrays; they must be numbers")
        own = promoted(first.node().dtype, last.node().dtype, np.float64)
        out = composite.linspace(first.to(own), last.to(own), as_shape(num, "linspace")[0], endpoint)
        return hand_out(out if dtype is None else cast(out, dtype))


@registered
def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = float) -> Any:
    """A matrix with ones on diagonal ``k`` and zeros elsewhere."""
    with opened(N, M):
        rows, columns = as_shape((N, N if M is None else M), "eye")
        return hand_out(composite.eye(rows, columns, k, np.dtype(dtype)))


@registered
def identity(n: Any, dtype: Any = float) -> Any:
    """The square matrix with ones on the diagonal."""
    return eye(n, dtype=dtype)


@registered
def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = float) -> Any:
    """A matrix with ones on and below diagonal ``k``."""
    with opened(N, M):
        rows, columns = as_shape((N, N if M is None else M), "tri")
        return hand_out(composite.tri(rows, columns, k, np.dtype(dtype)))


@registered
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """Coordinates of the points of a grid over vectors."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    with opened(*xi):
        nodes = [ops.reshape(n, shape=(n.spec.size,)) for n in (lift(x, "meshgrid").node() for x in xi)]
        places = [1, 0, *range(2, len(nodes))] if indexing == "xy" and len(nodes) > 1 else list(range(len(nodes)))
        shape = [nodes[places.index(i)].shape[0] for i in range(len(nodes))]
        out = []
        for node, place in zip(nodes, places, strict=True):
            if sparse:
                out.append(ops.reshape(node, shape=tuple(node.shape[0] if i == place else 1 for i in range(len(nodes)))))
            else:
                out.append(ops.broadcast(node, shape=tuple(shape), axes=(place,)))
        return tuple(hand_out(n) for n in out)


@lifted(scalar=False)
def copy(a: Node) -> Node:
    """An array of its own with the same elements."""
    return a


@registered
def astype(x: Any, dtype: Any, /, *, copy: bool = True) -> Any:
    """``x`` in another dtype."""
    if not copy and getattr(x, "dtype", None) == dtype:
        return x
    with opened(x):
        return hand_out(cast(lift(x, "astype").node(), np.dtype(dtype)), scalar=None if getattr(x, "scalar", True) else False)


@lifted()
def stop_gradient(x: Node) -> Node:
    """``x``, which derivatives take for a constant."""
    return ops.stop_gradient(x)
