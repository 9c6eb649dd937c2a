"""Programs on a device, for traced functions and for single operations on tensors that are there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tracejit.config import config
from tracejit.errors import DeviceError, DeviceMemoryError
from tracejit.frontend.device import default_device, host_variables
from tracejit.frontend.eager import BROADCAST, EagerNode
from tracejit.frontend.where import at_line, user_where
from tracejit.ir import Builder, Graph, Node, TensorSpec
from tracejit.ir.builder import CONSTANT, INPUT
from tracejit.ir.graph import topological
from tracejit.ops import TABLE
from tracejit.runtime.device import Array, DeviceArray
from tracejit.runtime.executable import Executable as HostExecutable
from tracejit.runtime.program import Options
from tracejit.runtime.program import compile_program as compile_for_host

Guards = Callable[[Mapping[str, int]], bool]


def device_program(
    traced: Any, name: str, options: Any, guards: Guards, observe: Callable[[str, object], None]
) -> tuple[Any, Any]:
    """The executable of a traced function on the device, and its program.

    Raises:
        DeviceError: A Variable of more than a few elements is on the host.
        PinError: The pinned file is for another program.
    """
    from tracejit.runtime.cuda.executable import Executable
    from tracejit.runtime.cuda.program import compile_program

    first = len(traced.passed)
    buffers = {first + i: held.buffer for i, held in enumerate(traced.held)}
    here = _computed_here(traced, name)
    updates = tuple((target, value) for target, value in traced.graph.updates if target not in here)
    graph = Graph(traced.graph.name, traced.graph.inputs, traced.graph.outputs, updates)
    program = compile_program(graph, options, observe)
    executable: Any = Executable(program, buffers, guards)
    if any(new is not None for _, new in here.values()):
        executable = HostUpdates(executable, here, options.math)
    return executable, program


class HostUpdates:
    """A device program with Variables on the host that need nothing from the device: counters, and states of generators.

    Args:
        executable: The rest of the program, which reads them.
        variables: Buffer and new value of each, by its input; None where it is only read.
        math: The vector math of the new values.
    """

    def __init__(self, executable: Any, variables: Mapping[Node, tuple[np.ndarray, Node | None]], math: str) -> None:
        self._executable = executable
        updates = tuple((node, new) for node, (_, new) in variables.items() if new is not None)
        program = compile_for_host(Graph("host_updates", tuple(variables), (), updates), Options(math))
        buffers = {i: buffer for i, (buffer, _) in enumerate(variables.values())}
        self._update = HostExecutable(program, buffers, lambda sizes: True)
        self._lock = threading.Lock()
        self.debug = executable.debug

    def __call__(self, *leaves: Any) -> Any:
        """Run the program, then give the Variables their new values."""
        with self._lock:  # each call has values of its own
            out = self._executable(*leaves)
            if out is not None:
                self._update()
        return out


class NumpyResults:
    """A device program whose callers want NumPy's arrays and numbers: results are copied to the host.

    Args:
        program: What to run.
        buffers: The arrays behind inputs that do not change from call to call, by position.
        guards: Whether it is made for some sizes.
    """

    def __init__(self, program: Any, buffers: Mapping[int, Array], guards: Guards) -> None:
        from tracejit.runtime.cuda.executable import Executable

        self.program = program
        self._executable = Executable(program, buffers, guards)
        self.fits = self._executable.fits

    def __call__(self, *leaves: Any) -> tuple[Any, ...] | None:
        """Run the program, and wait for its results."""
        out = self._executable(*leaves)
        return None if out is None else tuple([x.numpy()[()] for x in out])


class DeviceGraph:
    """A graph without updates, its sizes known, as a function of device arrays.

    Args:
        graph: The graph.
    """

    def __init__(self, graph: Graph) -> None:
        from tracejit.runtime.cuda.executable import Executable
        from tracejit.runtime.cuda.program import compile_program

        self._executable = Executable(compile_program(graph, Options(config().math)), {}, lambda sizes: True)

    def __call__(self, values: Sequence[Array]) -> list[DeviceArray]:
        """The outputs for values of the inputs; NumPy arrays are copied to the device."""
        ready = [v if isinstance(v, DeviceArray) else np.ascontiguousarray(v).reshape(v.shape) for v in values]
        out = self._executable(*ready)
        assert out is not None, "the values have the specs that the program was made for"
        return list(out)


def _computed_here(traced: Any, name: str) -> dict[Node, tuple[np.ndarray, Node | None]]:
    """The inputs of Variables on the host, each with its buffer and its new value."""
    inputs = dict(zip((id(h) for h in traced.held), traced.graph.inputs[len(traced.passed) :], strict=True))
    updates = dict(traced.graph.updates)
    host = {inputs[id(h)] for h in traced.held if h.is_variable and not isinstance(h.source, DeviceArray)}

    def computed_here(held: Any) -> bool:
        order = topological((updates[inputs[id(held)]],))
        return all(n.op is not INPUT or n in host for n in order) and all(isinstance(d, int) for n in order for d in n.shape)

    found = host_variables(traced.held, name, computed_here)
    return {inputs[id(h)]: (h.buffer, updates.get(inputs[id(h)])) for h in found}


# ---------------------------------------------------------------------------------------------------- single operations


def evaluated(op: Any, inputs: Sequence[Node], attrs: Mapping[str, Any], spec: TensorSpec, travels: bool = False) -> DeviceArray:
    """The value of an operation on the device: a program of one node, kept for its specs and attributes.

    Numbers, also where they are broadcast, go along; NumPy arrays are copied to the device, and counted.

    Args:
        op: The operation.
        inputs: Its operands.
        attrs: Its attributes.
        spec: Of the value.
        travels: Whether tensors on the CPU are copied, too.

    Raises:
        DeviceError: An operand is a tensor on the CPU.
    """
    values: list[Array] = []
    shapes: list[tuple[int, ...] | None] = []
    for node in inputs:
        assert isinstance(node, EagerNode)
        number = _number(node)
        if number is None and not travels and not isinstance(node.value, DeviceArray):
            _refuse_tensor(op, node)
        values.append(node.value if number is None else number)
        shapes.append(None if number is None else node.spec.shape)  # type: ignore[arg-type]  # eager sizes are numbers
    specs = tuple(TensorSpec.of(v.shape, v.dtype) for v in values)
    asked = op, specs, tuple(shapes), _Attrs(attrs)
    try:
        (value,) = _single(*asked)(values)
    except DeviceMemoryError:
        _single.cache_clear()  # with the temporaries of all programs that are kept
        (value,) = _single(*asked)(values)
    assert (value.shape, value.dtype) == (spec.shape, spec.dtype)
    return value


def _number(node: Node) -> Array | None:
    """The number that a node is at every element, if it is one that everybody knows; a NumPy array of no dimensions."""
    while node.op is BROADCAST:
        (node,) = node.inputs
    return node.value if node.op is CONSTANT and isinstance(node, EagerNode) else None


def _refuse_tensor(op: Any, node: Node) -> None:
    if default_device() == "cuda":  # there, tensors go along as in a function with device="cuda"
        return
    for leaf in topological((node,)):
        if leaf.op is INPUT and leaf.attrs["name"] == "tensor" and leaf.shape != ():
            raise DeviceError(
                f"{op.name}: one operand is on cuda, and another, the tensor {leaf.spec}, on the CPU\n"
                f'  cure: x.to("cuda") on that one{at_line(user_where())}'
            )


class _Attrs:
    """Attributes as a key: equal when they print alike, so that 0.0 and -0.0 differ."""

    def __init__(self, attrs: Mapping[str, Any]) -> None:
        self.attrs = attrs
        self._text = repr(sorted(attrs.items(), key=lambda item: item[0]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Attrs) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


@lru_cache(maxsize=512)
def _single(op: Any, specs: tuple[TensorSpec, ...], shapes: tuple[tuple[int, ...] | None, ...], attrs: _Attrs) -> DeviceGraph:
    builder = Builder(TABLE)
    inputs = tuple(builder.input(f"x{i}", spec) for i, spec in enumerate(specs))
    operands = [
        x if shape is None or shape == () else builder.emit(BROADCAST, (x,), shape=shape, axes=())
        for x, shape in zip(inputs, shapes, strict=True)
    ]
    out = builder.emit(op, tuple(operands), **attrs.attrs)
    return DeviceGraph(Graph(op.name, inputs, (out,), ()))
