"""Gradients as operations of a graph: a run differentiates what it has traced of the graph so far."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracejit.compat.tensorflow.errors import InvalidArgumentError, fail
from tracejit.compat.tensorflow.v1.construct import as_tensor, building, graph_of
from tracejit.compat.tensorflow.v1.graph import Graph
from tracejit.compat.tensorflow.v1.operation import Operation, Tensor
from tracejit.compat.tensorflow.v1.programs import needed
from tracejit.compat.tensorflow.v1.run import Abstract, Run, UnfedError, current_run
from tracejit.errors import ShapeError, TraceError
from tracejit.ir import Node, current, using
from tracejit.ir.dtype import family
from tracejit.ops.row import full_like


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: Any = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: Any = None,
) -> list[Tensor | None]:
    """The derivatives of the sum of all elements of ``ys`` by each of ``xs``.

    Args:
        ys: A float tensor, or a list of them.
        xs: A tensor or Variable, or a list of them.
        grad_ys: Weights of the elements of each of ``ys``, or None for ones.
        name: Of the scope of the operations.
        colocate_gradients_with_ops: Accepted, and of no effect.
        gate_gradients: Accepted, and of no effect.
        aggregation_method: Accepted, and of no effect.
        stop_gradients: Tensors to take as constants.
        unconnected_gradients: ``"zero"`` for zeros in place of None.

    Returns:
        A list as long as ``xs``; None where no ``y`` depends on the ``x``.
    """
    targets, sources, stops = (_listed(t) for t in (ys, xs, stop_gradients))
    weights = [None] * len(targets) if grad_ys is None else _listed(grad_ys)
    if len(weights) != len(targets):
        fail(ValueError, f"Passed {len(weights)} grad_ys for {len(targets)} ys")
    graph = graph_of(targets, sources, stops, weights)
    with building(name, "gradients", targets, sources):
        outputs = [_target(t) for t in targets]
        by = [as_tensor(x) for x in sources]
        stopped = [as_tensor(x) for x in stops]
        given = [
            None if w is None else as_tensor(w, name="grad_ys", like=y.dtype, op="gradients")
            for w, y in zip(weights, outputs, strict=True)
        ]
        places = [i for i, w in enumerate(given) if w is not None]
        inputs = [*outputs, *by, *stopped, *(w for w in given if w is not None)]
        connected = _connected(graph, outputs, by, stopped) if not _zeros(unconnected_gradients) else [True] * len(by)
        chosen = [i for i, there in enumerate(connected) if there]
        found: list[Tensor | None] = [None] * len(by)
        if chosen:
            compute = _compute(len(outputs), len(by), len(stopped), places, chosen)
            specs = [(by[i].shape, by[i].dtype) for i in chosen]
            op = graph.add("Gradients", compute, inputs, specs, f"{outputs[0].op.name.rsplit('/', 1)[-1]}_grad")
            for i, tensor in zip(chosen, op.outputs, strict=True):
                found[i] = tensor
        return found


def _zeros(unconnected: Any) -> bool:
    return str(getattr(unconnected, "value", unconnected)).lower() == "zero"


def _listed(things: Any) -> list[Any]:
    return [] if things is None else list(things) if isinstance(things, list | tuple) else [things]


def _target(y: Any) -> Tensor:
    tensor = as_tensor(y)
    if family(tensor.dtype.numpy) not in "fc":
        fail(TypeError, f"gradients: the target {tensor!r} is of integers or truths; only floats have derivatives")
    return tensor


def _compute(count: int, by: int, stopped: int, places: Sequence[int], chosen: Sequence[int]) -> Any:
    """What gives the derivatives by the chosen ones of the xs."""

    def compute(*nodes: Node) -> list[Node]:
        ys, xs = nodes[:count], nodes[count : count + by]
        stops, given = nodes[count + by : count + by + stopped], nodes[count + by + stopped :]
        found = derivatives(current_run(), ys, xs, stops, dict(zip(places, given, strict=True)))
        return [found[i] or full_like(current(), xs[i], 0) for i in chosen]

    return compute


def derivatives(
    run: Run, ys: Sequence[Node], xs: Sequence[Node], stops: Sequence[Node], weights: dict[int, Node]
) -> list[Node | None]:
    """The derivatives by ``xs``, each of a node of its own."""
    cotangents = [weights.get(i) or full_like(run, y, 1) for i, y in enumerate(ys)]
    return run.backward(ys, cotangents, xs, stops)


def _connected(graph: Graph, ys: Sequence[Tensor], xs: Sequence[Tensor], stops: Sequence[Tensor]) -> list[bool]:
    """Whether some y depends on each x, by tracing the graph; by its edges where that is not possible before a run."""
    live = needed([y.op for y in ys], ())
    run = Abstract("gradients")
    try:
        with using(run):
            run.trace(live)
            nodes = [run.value(x) for x in xs]
            found = derivatives(run, [run.value(y) for y in ys], nodes, [run.value(s) for s in stops], {})
        return [node is not None for node in found]
    except (ShapeError, TraceError, InvalidArgumentError, UnfedError):
        return [_reaches(x, live) for x in xs]
    finally:
        run.ended = True


def _reaches(x: Tensor, live: set[Operation]) -> bool:
    return any(x in op.inputs for op in live)
