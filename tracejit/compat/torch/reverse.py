"""The reverse pass of an eager graph: made once for each form that a graph has, then run by NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tracejit.compat.torch.expand import Cache, Expansion, cut, expanded, frozen, needed, simplified
from tracejit.compat.torch.graph import Leaf, Recorded, used_up
from tracejit.compat.torch.kernels.kernel import Kernel
from tracejit.compat.torch.program import CompiledProgram, DeviceProgram, NumpyProgram, Program
from tracejit.frontend.shapes import filled
from tracejit.ir import Graph, Node, current, using
from tracejit.ops import row
from tracejit.runtime.device import DeviceArray
from tracejit.transforms import autodiff


class Reverse:
    """A reverse pass.

    Args:
        graph: From the values of the history, and weights after them, to gradients.
        outputs: For each value to differentiate by the place of its gradient among the outputs; -1 where there is none.
        compiled: Whether it is worth compiling.
        there: Whether it runs on the device.

    Attributes:
        program: From saved values to gradients.
        uses: The places of the saved values among the inputs of the graph.
    """

    def __init__(self, graph: Graph, outputs: Sequence[int], compiled: bool, there: bool) -> None:
        self.graph = graph
        self.outputs = tuple(outputs)
        plain, self.uses = needed(simplified(graph))
        kind = DeviceProgram if there else CompiledProgram if compiled else NumpyProgram
        self.program: Program = kind(plain)
        self._kernels: dict[int, tuple[Kernel, list[int]]] = {}

    def kernel(self, output: int) -> tuple[Kernel, list[int]]:
        """What makes an output, and of which inputs of the graph, so that a gradient can be recorded."""
        if output not in self._kernels:
            part, uses = needed(Graph(self.graph.name, self.graph.inputs, (self.graph.outputs[output],)))
            self._kernels[output] = _kernel(part), uses
        return self._kernels[output]


class Gradient(NamedTuple):
    """A gradient: its array, whether the memory belongs to nobody else, and how to record it."""

    value: Any
    fresh: bool
    reverse: Reverse
    place: int
    saved: Sequence[Recorded]

    def made_by(self) -> tuple[Kernel, tuple[Recorded, ...]]:
        """What made it of what."""
        kernel, uses = self.reverse.kernel(self.place)
        return kernel, tuple([self.saved[i] for i in uses])


_reverses = Cache(most=100_000)  # operations


def gradients(
    order: list[Recorded], roots: Sequence[Recorded], weights: Sequence[Recorded | None], wrt: Sequence[Recorded]
) -> list[Gradient | None]:
    """The gradients of ``sum(weight * root)`` by ``wrt``.

    Args:
        order: The history of the roots.
        roots: What is differentiated.
        weights: For each root; ones where None.
        wrt: What to differentiate by.
    """
    place: dict[Any, int] = {}
    form: list[Any] = []
    add = form.append
    there = False  # a program on the device takes what is on the host along
    for i, node in enumerate(order):
        place[node] = i
        kernel = node.kernel
        there = there or type(node.value) is DeviceArray
        if kernel is None:
            form.extend(node.shape_and_dtype())
            add(type(node) is Leaf)
        else:
            add(kernel)
            for x in node.operands:
                add(place[x] if type(x) is Recorded or type(x) is Leaf else frozen(x))
            if node.attrs:
                form.extend(node.attrs.items())
    ends = tuple([place[x] for x in roots])
    by = tuple([place.get(x, -1) for x in wrt])
    weighted = tuple([w is not None for w in weights])
    key = (*form, ends, by, weighted, there)
    reverse: Reverse = _reverses.get(key, lambda: _made(order, place, ends, by, weighted, there), len(order))
    if any(node.freed and _saves(node) for node in order):
        raise used_up()
    saved = [*order, *(w for w in weights if w is not None)]
    values = reverse.program([saved[i].saved() for i in reverse.uses])
    fresh = reverse.program.fresh
    found = zip(reverse.outputs, wrt, strict=True)
    return [None if i < 0 else Gradient(_beside(x, values[i]), fresh[i], reverse, i, saved) for i, x in found]


def _beside(x: Recorded, gradient: Any) -> Any:
    """A gradient where the value is that it is by."""
    return gradient.numpy() if type(gradient) is DeviceArray and type(x.value) is np.ndarray else gradient


def _made(
    order: Sequence[Recorded],
    place: dict[Recorded, int],
    ends: Sequence[int],
    by: Sequence[int],
    weighted: Sequence[bool],
    there: bool,
) -> Reverse:
    """The reverse pass of graphs of this form."""
    builder = Expansion()
    nodes: list[Node] = []
    for i, x in enumerate(order):
        if x.kernel is None:
            nodes.append(builder.input(f"x{i}", x.spec))
        else:
            operands = [nodes[place[o]] if isinstance(o, Recorded) else o for o in x.operands]
            nodes.append(expanded(builder, x.kernel, operands, x.attrs))
    roots = [nodes[i] for i in ends]
    with using(builder):
        given = [builder.input("weight", root.spec) if w else None for root, w in zip(roots, weighted, strict=True)]
        seeds = [
            filled(builder.constant(1, root.dtype), root.shape) if w is None else w for root, w in zip(roots, given, strict=True)
        ]
        wrt = [nodes[i] for i in by if i >= 0]
        found = dict(zip(wrt, autodiff.backward(builder, roots, seeds, wrt), strict=True))
    outputs: list[Node] = []
    places = []
    for i in by:
        places.append(len(outputs) if i >= 0 else -1)
        if i >= 0:
            gradient = found[nodes[i]]
            with using(builder):  # what an output depends on by steps only, such as floor, has the gradient 0
                outputs.append(row.filled(nodes[i], 0.0) if gradient is None else gradient)
    whole = cut(outputs, [*nodes, *(w for w in given if w is not None)], "reverse")
    return Reverse(whole, places, any(x.kernel is not None and x.kernel.compiled for x in order), there)


def _saves(node: Recorded) -> bool:
    """Whether the derivative of an operation needs a value: graphs of others may be gone through again."""
    assert node.kernel is not None, "what was freed was made by something"
    builder = Expansion()
    operands = [builder.input("x", o.spec) if isinstance(o, Recorded) else o for o in node.operands]
    inputs = [x for x in operands if isinstance(x, Node)]
    constant = [isinstance(o, Recorded) and o.kernel is None and type(o) is not Leaf for o in node.operands]
    wrt = [x for x, c in zip(operands, constant, strict=True) if isinstance(x, Node) and not c]
    out = expanded(builder, node.kernel, operands, node.attrs)
    weight = builder.input("weight", out.spec)
    found = [n for n in autodiff.backward(builder, [out], [weight], wrt) if n is not None]
    _, uses = needed(simplified(cut(found, [weight, *inputs, out], "saves")))
    return any(uses)


def _kernel(graph: Graph) -> Kernel:
    """What makes the output of ``graph`` from its inputs."""

    def body(*nodes: Node) -> Node:
        builder = current()
        made = dict(zip(graph.inputs, nodes, strict=True))
        for node in graph.nodes():
            if node not in made:
                made[node] = builder.emit(node.op, tuple([made[x] for x in node.inputs]), **node.attrs)
        return made[graph.outputs[0]]

    return Kernel("Gradient", body)
