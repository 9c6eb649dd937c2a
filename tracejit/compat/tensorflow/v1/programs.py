"""Programs of a graph: one for each set of fetches and feeds, compiled once for all sessions and all sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracejit.compat.tensorflow.errors import InvalidArgumentError
from tracejit.compat.tensorflow.v1.graph import Graph
from tracejit.compat.tensorflow.v1.operation import Operation, Tensor
from tracejit.compat.tensorflow.v1.run import Input, Run, UnfedError
from tracejit.config import config
from tracejit.errors import ShapeError, TraceError
from tracejit.frontend.on_device import NumpyResults
from tracejit.frontend.specialize import guard_of_sizes
from tracejit.frontend.where import at_line
from tracejit.ir import Graph as TracedGraph
from tracejit.ir import using
from tracejit.ir.graph import topological
from tracejit.runtime.device import Device
from tracejit.runtime.executable import Executable
from tracejit.runtime.program import Options, compile_program


@dataclass(frozen=True, eq=False)
class Prepared:
    """A program that any session of the graph can bind to its own memory.

    Attributes:
        program: What was compiled.
        inputs: What each of its inputs is.
        reads: Variables that must have a value.
        writes: Variables that have one afterwards.
        guard: Whether it is made for these sizes.
    """

    program: Any
    inputs: tuple[Input, ...]
    reads: tuple[Any, ...]
    writes: tuple[Any, ...]
    guard: Callable[[Mapping[str, int]], bool]


@dataclass(frozen=True)
class Request:
    """What is asked of a graph.

    Attributes:
        graph: The graph.
        targets: Tensors whose values are wanted.
        operations: What is to be run besides.
        feeds: Tensors that the caller gives.
    """

    graph: Graph
    targets: tuple[Tensor, ...]
    operations: tuple[Operation, ...]
    feeds: tuple[Tensor, ...]


def prepare(request: Request, shapes: Sequence[Sequence[int]], device: Device = "cpu") -> Prepared:
    """Make a program for feeds of these shapes, and for as many others as it can serve, on a device.

    Raises:
        InvalidArgumentError: A placeholder that is needed is not fed, or values do not fit one another.
    """
    try:
        try:
            return _prepare(request, shapes, device, exact=False)
        except _Misfit:
            return _prepare(request, shapes, device, exact=True)
    except UnfedError as error:
        raise InvalidArgumentError(str(error)) from None


class _Misfit(Exception):
    """No program for all sizes can be made: some are 1 and broadcast, or numbers are asked for."""


def _prepare(request: Request, shapes: Sequence[Sequence[int]], device: Device, exact: bool) -> Prepared:
    run = Run(_name(request), exact)
    try:
        with using(run):
            graph, inputs, names = _traced(run, request, shapes)
    except UnfedError:
        raise
    except (ShapeError, TraceError, InvalidArgumentError) as error:
        if exact:
            raise located(error, run.op) from None
        raise _Misfit from None
    finally:
        run.ended = True
    if not exact and not run.fits():
        raise _Misfit
    used, targets = set(topological(graph.roots)), {target for target, _ in graph.updates}
    pairs = zip(graph.inputs, inputs, strict=True)
    kept = [(node, what) for node, what in pairs if what.kind == "feed" or node in used or node in targets]
    for _, what in kept:
        if what.kind == "missing":
            raise UnfedError(what.owner)
    whole = TracedGraph(graph.name, tuple(node for node, _ in kept), graph.outputs, graph.updates)
    program = compiled_on(device, whole)
    reads = tuple(what.owner for node, what in kept if what.kind == "variable" and node in used)
    writes = tuple(what.owner for node, what in kept if what.kind == "variable" and node in targets)
    return Prepared(program, tuple(what for _, what in kept), reads, writes, guard_of_sizes(run.sizes, names))


def compiled_on(device: Device, graph: TracedGraph) -> Any:
    """A graph as a program of a device."""
    if device == "cuda":
        from tracejit.runtime.cuda.program import compile_program as compile_for_cuda

        return compile_for_cuda(graph, Options(config().math))
    return compile_program(graph, Options(config().math))


def executable_on(device: Device, program: Any, buffers: Mapping[int, Any], guard: Callable[[Mapping[str, int]], bool]) -> Any:
    """A program of a device on its memory; results are NumPy's."""
    kind = NumpyResults if device == "cuda" else Executable
    return kind(program, buffers, guard)


def _traced(run: Run, request: Request, shapes: Sequence[Sequence[int]]) -> tuple[TracedGraph, list[Input], Mapping[str, str]]:
    """The graph of a request, what its inputs are, and the final names of its sizes."""
    for tensor, shape in zip(request.feeds, shapes, strict=True):
        run.feed(tensor, shape)
    roots = [t.op for t in request.targets if t not in request.feeds]
    live = needed((*roots, *request.operations), request.feeds)
    aside: set[Operation] = set()
    inner = [t for t in request.feeds if t.op.compute is not None]
    if inner and any(op.type == "Gradients" for op in live):
        aside = needed(live, [t for t in request.feeds if t.op.compute is None])
    run.trace(live, aside - live)
    outputs = [run.value(t) for t in request.targets]
    finished = run.finish(outputs, list(run.updates.items()))
    arrays = {held.input: Input("array", held.buffer) for held in run.held.values()}
    return finished.graph, [run.inputs.get(node) or arrays[node] for node in finished.inputs], finished.names


def needed(roots: Iterable[Operation], fed: Iterable[Tensor]) -> set[Operation]:
    """The operations that ``roots`` need, when the tensors ``fed`` are given."""
    known, found, stack = set(fed), set[Operation](), list(roots)
    while stack:
        op = stack.pop()
        if op not in found:
            found.add(op)
            stack.extend(x.op for x in op.inputs if x not in known)
            stack.extend(op.control_inputs)
    return found


def located(error: object, op: Operation | None) -> InvalidArgumentError:
    """An error of a running program, with the operation and the user's line that made it."""
    text = str(error).split("\n  at ")[0]
    node = f"\n\t [[{{{{node {op.name}}}}}]]{at_line(op.where)}" if op is not None else ""
    return InvalidArgumentError(f"{text}{node}")


def _name(request: Request) -> str:
    names = [x.op.name for x in request.targets] + [op.name for op in request.operations]
    return names[0].rsplit("/", 1)[-1] if names else "run"
