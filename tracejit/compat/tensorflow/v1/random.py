"""Random tensors: drawn anew in every run, and in one run once. With a seed, every session draws the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracejit.compat.tensorflow.dtypes import DType, as_dtype, float32
from tracejit.compat.tensorflow.errors import fail
from tracejit.compat.tensorflow.v1.arrays import sizes_of
from tracejit.compat.tensorflow.v1.construct import as_tensor, building, tensors_in
from tracejit.compat.tensorflow.v1.graph import get_default_graph
from tracejit.compat.tensorflow.v1.operation import Tensor
from tracejit.compat.tensorflow.v1.run import Abstract, current_run
from tracejit.compat.tensorflow.v1.shape import TensorShape
from tracejit.errors import TraceError
from tracejit.frontend import random as core
from tracejit.frontend.tensor import Tracer
from tracejit.ir import Node, using

_MIX = 0x9E3779B97F4A7C15  # spreads the bits of the graph's seed, as in Philox's key schedule


def set_random_seed(seed: int) -> None:
    """Let what random operations of the default graph draw follow from ``seed``, and from their places in the graph."""
    get_default_graph().seed = int(seed)


def _seed(op_seed: int | None) -> int | None:
    """The seed of the operation that is made next; None for another one in each session."""
    graph = get_default_graph()
    if graph.seed is None and op_seed is None:
        return None
    own = len(graph.operations) if op_seed is None else int(op_seed)
    mixed = ((87654321 if graph.seed is None else graph.seed) * _MIX + own) % 2**64
    return mixed - 2**64 if mixed >= 2**63 else mixed


def _drawn(
    default: str,
    shape: Any,
    parameters: list[Any],
    dtype: DType,
    seed: int | None,
    name: str | None,
    draw: Callable[..., Any],
) -> Tensor:
    """A random operation; ``draw(*parameters, size, generator)`` draws."""
    with building(name, default, shape, *parameters) as scope:
        number = _seed(seed)
        operands = [as_tensor(p, name="parameter", like=dtype, op=default) for p in parameters if tensors_in(p)]
        given, sizes = sizes_of(shape)

        def compute(*nodes: Node) -> Node:
            run = current_run()
            tensors = iter([Tracer(run, n) for n in nodes[: len(operands)]])
            own = [next(tensors) if tensors_in(p) else p for p in parameters]
            out: Node = draw(*own, size=tuple(sizes(nodes)), generator=run.draw()).node
            return out

        static = _static_shape(given[0]) if given else TensorShape(sizes([]))
        return get_default_graph().add("Random", compute, [*operands, *given], [(static, dtype)], scope, seed=number).outputs[0]


def _static_shape(shape: Tensor) -> TensorShape:
    """What is known of a shape that is computed."""
    run = Abstract("shape")
    try:
        with using(run):
            return TensorShape(d if isinstance(d, int) else None for d in run.dims(run.stand_in(shape)))
    except TraceError:
        return TensorShape([None] * (shape.shape.sizes or (0,))[0] if shape.shape.is_fully_defined() else None)  # type: ignore[operator]
    finally:
        run.ended = True


def _float(dtype: Any, function: str) -> DType:
    found = as_dtype(dtype)
    if not found.is_floating:
        fail(ValueError, f"{function}: dtype is {found.name}; it must be float32 or float64")
    return found


def random_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Numbers of the normal distribution, drawn anew in every run."""
    own = _float(dtype, "random_normal")

    def draw(mean: Any, std: Any, size: Any, generator: Any) -> Any:
        return core.normal(mean, std, size, own.numpy, generator=generator)

    return _drawn("random_normal", shape, [mean, stddev], own, seed, name, draw)


def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = float32, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Numbers of the normal distribution no further than two deviations from the mean, drawn anew in every run."""
    own = _float(dtype, "truncated_normal")

    def draw(mean: Any, std: Any, size: Any, generator: Any) -> Any:
        return core.truncated_normal(mean, std, size, own.numpy, generator=generator)

    return _drawn("truncated_normal", shape, [mean, stddev], own, seed, name, draw)


def random_uniform(
    shape: Any, minval: Any = 0, maxval: Any = None, dtype: Any = float32, seed: int | None = None, name: str | None = None
) -> Tensor:
    """Numbers from ``minval`` up to but without ``maxval``, 1 for floats if not given, drawn anew in every run."""
    own = as_dtype(dtype)
    if maxval is None:
        if own.is_integer:
            fail(ValueError, f"Must specify maxval for integer dtype {own!r}")
        maxval = 1

    def draw(low: Any, high: Any, size: Any, generator: Any) -> Any:
        if own.is_integer:
            return core.integers(low, high, size, own.numpy, generator=generator)
        return core.uniform(low, high, size, own.numpy, generator=generator)

    return _drawn("random_uniform", shape, [minval, maxval], own, seed, name, draw)
