"""New tensors: filled ones, ranges, and what is made like another tensor, as operations of a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracejit.compat.tensorflow import creation as eagerly
from tracejit.compat.tensorflow.dtypes import as_dtype
from tracejit.compat.tensorflow.v1.arrays import sizes_of
from tracejit.compat.tensorflow.v1.construct import (
    array_of,
    as_tensor,
    building,
    constant_tensor,
    eager,
    make,
    nodes_in,
    tensors_in,
    through,
)
from tracejit.compat.tensorflow.v1.elementwise import pair
from tracejit.compat.tensorflow.v1.operation import Tensor
from tracejit.compat.tensorflow.v1.run import current_run
from tracejit.frontend.numpy import movement
from tracejit.frontend.tensor import Tracer
from tracejit.ir import Node
from tracejit.ops import composite

__all__ = [
    "eye",
    "fill",
    "linspace",
    "one_hot",
    "ones",
    "ones_like",
    "range",
    "zeros",
    "zeros_like",
]


def filled(value: Any, dims: Any, dtype: Any, name: str, default: str) -> Tensor:
    """One number everywhere in a shape, which may be computed of other shapes."""
    own = as_dtype(dtype)
    with building(name, default, dims) as scope:
        given, sizes = sizes_of(dims)
        if not given:
            return constant_tensor(np.asarray(value, own.numpy), scope, sizes([]))
        return make("Fill", lambda node: composite.full(tuple(_dims(node)), value, own.numpy), given, scope, own)


def _dims(node: Node) -> list[Any]:
    return current_run().dims(node)


def zeros(shape: Any, dtype: Any = np.float32, name: str | None = None) -> Tensor:
    """Zeros."""
    return filled(0, shape, dtype, name or "zeros", "zeros")


def ones(shape: Any, dtype: Any = np.float32, name: str | None = None) -> Tensor:
    """Ones."""
    return filled(1, shape, dtype, name or "ones", "ones")


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """``value`` everywhere."""
    with building(name, "Fill", dims, value) as scope:
        x = as_tensor(value, name="value")
        given, sizes = sizes_of(dims)

        def compute(*nodes: Node) -> Node:
            run = current_run()
            out: Node = movement.broadcast_to(Tracer(run, nodes[0]), sizes(nodes)).node
            return out

        return make("Fill", compute, [x, *given], scope, x.dtype)


def _like(type: str, value: int) -> Callable[..., Tensor]:
    def like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
        with building(name, type, tensor) as scope:
            x = as_tensor(tensor, name="tensor")
            own = x.dtype if dtype is None else as_dtype(dtype)
            return make(type, lambda node: composite.full(node.shape, value, own.numpy), [x], scope, own)

    return like


zeros_like = _like("zeros_like", 0)
ones_like = _like("ones_like", 1)


def eye(
    num_rows: int, num_columns: int | None = None, batch_shape: Any = None, dtype: Any = np.float32, name: str | None = None
) -> Tensor:
    """A matrix with ones on the diagonal and zeros elsewhere."""

    def compute() -> Any:
        return nodes_in(eagerly.eye(int(num_rows), num_columns, batch_shape, dtype=dtype))

    with building(name, "eye") as scope:
        return make("Eye", compute, [], scope)


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range") -> Tensor:
    """Numbers from ``start``, 0 if only one is given, up to but without ``limit``, ``delta`` apart."""
    with building(name, "range", start, limit, delta) as scope:
        bounds = [start] if limit is None else [start, limit]
        given = [as_tensor(b) for b in (*bounds, delta) if tensors_in(b)]
        if not given:
            numbers: Any = np.arange(*bounds, step=delta)  # type: ignore[call-overload]
            return constant_tensor(array_of(numbers.tolist(), None if dtype is None else as_dtype(dtype)), scope)

        def compute(*nodes: Node) -> Any:
            left = iter(nodes)
            return nodes_in(
                eagerly.range(
                    *(eager(next(left)) if tensors_in(b) else b for b in (*bounds, *([] if limit is None else [delta])))
                )
            )

        return make("Range", compute, given, scope, given[0].dtype)


def linspace(start: Any, stop: Any, num: int, name: str | None = None) -> Tensor:
    """``num`` numbers from ``start`` to ``stop`` at equal distances."""
    with building(name, "LinSpace", start, stop) as scope:
        first, last = pair(start, stop, "LinSpace")
        return make("LinSpace", through(lambda a, b: eagerly.linspace(a, b, int(num))), [first, last], scope)


def one_hot(
    indices: Any,
    depth: int,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """``on_value`` at the place of each index along a new axis of size ``depth``, ``off_value`` elsewhere."""
    options = {"depth": int(depth), "on_value": on_value, "off_value": off_value, "axis": axis, "dtype": dtype}
    with building(name, "one_hot", indices) as scope:
        return make("OneHot", through(eagerly.one_hot, **options), [as_tensor(indices, name="indices")], scope)
