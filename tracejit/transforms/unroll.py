"""Short last axes written out: each component is a value of its own. See :func:`unroll`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tracejit.ir import Builder, Graph, Node
from tracejit.ir.graph import replay_node, topological
from tracejit.ir.size import Dim
from tracejit.ops.row import TABLE
from tracejit.transforms.patterns import emit, kind, reshape

SHORT = (2, 3, 4)
COMBINE = {
    "reduce_sum": "add",
    "reduce_prod": "multiply",
    "reduce_max": "maximum",
    "reduce_min": "minimum",
    "reduce_any": "logical_or",
    "reduce_all": "logical_and",
}
"""The op of two components that stands for a reduction along the axis."""


def unroll(graph: Graph) -> Graph:
    """Compute on the components of values whose last axis has 2, 3 or 4 elements, where that axis is in the way of a loop.

    - a reduction along it, and along others, but not along all: ``sum_j x[i, j]`` -> ``x[i, 0] + x[i, 1] + ...``
    - a reduction of rank 3 or more along an axis in the middle: ``sum_j x[i, j, c]`` -> ``sum_j x_c[i, j]`` for each ``c``
    - elementwise work on a value that is broadcast: ``x[i, c] * y[i]`` -> ``x_c[i] * y[i]`` for each ``c``

    What is computed element by element around these is computed on components, too, so that forces between all pairs of
    points are three sums over a plane and not passes over a cube.

    Assumes: no dimension is literally 1 (see ``squeeze``). Promises: equal values; sums along the axis go from left to right.
    """
    hindered = {node for node in graph.nodes() if _is_hindered(node)}
    return _Unrolling(graph, hindered).result() if hindered else graph


def short_axes(roots: tuple[Node, ...]) -> Iterator[Dim]:
    """The sizes of a graph as it was traced for which it would pay to be known, where they are short.

    These are the last axes, reduced alone or with others, of values that only a meeting of smaller ones made large, such as
    the differences between all pairs of points.
    """
    for node in topological(roots):
        if node.op.name in COMBINE:
            (x,), axes = node.inputs, node.attrs["axes"]
            large = sum(d != 1 for d in x.shape) > 2
            if large and x.spec.rank - 1 in axes and len(axes) < x.spec.rank and _is_meeting(x):
                yield x.shape[-1]


def _is_meeting(x: Node) -> bool:
    """Whether all that ``x`` is computed from, element by element, is smaller, and something of it runs along the last axis."""
    last, found = x.spec.rank - 1, False
    stack, seen = [x], {x}
    while stack:
        node = stack.pop()
        if kind(node) == "elementwise":
            stack.extend(y for y in node.inputs if y not in seen)
            seen.update(node.inputs)
        elif node.op.name == "broadcast" and len(node.attrs["axes"]) < node.spec.rank:
            found = found or last in node.attrs["axes"]
        else:
            return False
    return found


def _is_hindered(node: Node) -> bool:
    """Whether a node has a short axis inside the loops that it needs."""
    if kind(node) == "elementwise" and node.shape and node.shape[-1] in SHORT:
        return any(x.op.name == "broadcast" and 0 < len(x.attrs["axes"]) < node.spec.rank for x in node.inputs)
    if node.op.name not in COMBINE:
        return False
    (x,), axes = node.inputs, node.attrs["axes"]
    rank = x.spec.rank
    if not axes or len(axes) == rank or x.shape[-1] not in SHORT:
        return False
    return rank - 1 in axes or axes != tuple(range(len(axes)))


class _Unrolling:
    """The graph made again, with nodes that are ``hindered`` and all that is computed element by element around them split."""

    def __init__(self, graph: Graph, hindered: set[Node]) -> None:
        self.graph = graph
        self.builder = Builder(TABLE)
        self.reductions = {node for node in hindered if kind(node) == "reduce"}
        self.split = _connected(graph.nodes(), hindered | {node.inputs[0] for node in self.reductions})
        self.made: dict[Node, Node] = {node: node for node in graph.inputs}
        self.parts: dict[Node, list[Node]] = {}

    def result(self) -> Graph:
        for node in self.graph.nodes():
            with self.builder.at(node.where):
                self._add(node)
        updates = tuple((target, self._whole(value)) for target, value in self.graph.updates)
        return Graph(self.graph.name, self.graph.inputs, tuple(map(self._whole, self.graph.outputs)), updates)

    def _add(self, node: Node) -> None:
        if node in self.made:
            return
        if node in self.split:
            parts = [[self._part(x, k) for x in node.inputs] for k in range(_count(node))]
            self.parts[node] = [self.builder.emit(node.op, tuple(p), **node.attrs) for p in parts]
        elif node in self.reductions:
            self._reduce(node)
        elif not _is_view(node) or node.inputs[0] not in self.split:
            args = tuple(map(self._whole, node.inputs))
            self.made[node] = replay_node(self.builder, node, args, lambda builder, node, args: None)

    def _reduce(self, node: Node) -> None:
        (x,), axes = node.inputs, node.attrs["axes"]
        parts = [self._part(x, k) for k in range(_count(x))]
        last = x.spec.rank - 1
        if last not in axes:
            self.parts[node] = [self.builder.emit(node.op, (part,), axes=axes) for part in parts]
            return
        if x.dtype != node.dtype:
            parts = [emit(self.builder, "cast", part, dtype=node.dtype) for part in parts]
        total = parts[0]
        for part in parts[1:]:
            total = emit(self.builder, COMBINE[node.op.name], total, part)
        rest = tuple(axis for axis in axes if axis != last)
        self.made[node] = self.builder.emit(node.op, (total,), axes=rest) if rest else total

    def _part(self, x: Node, k: int) -> Node:
        """Component ``k`` of a value, which has the shape of it without its last axis."""
        if x in self.parts:
            return self.parts[x][k]
        shape, last = x.shape[:-1], x.spec.rank - 1
        if x.op.name == "broadcast":
            (y,), axes = x.inputs, x.attrs["axes"]
            y, axes = (self._part(y, k), axes[:-1]) if last in axes else (self._whole(y), axes)
            if y.shape == shape:
                return y
            if last in x.attrs["axes"] and axes:  # read many times: side by side rather than in steps of the axis
                y = emit(self.builder, "copy", y)
            return emit(self.builder, "broadcast", y, shape=shape, axes=axes)
        if x.op.name == "transpose" and x.attrs["perm"][-1] == last:
            return emit(self.builder, "transpose", self._part(x.inputs[0], k), perm=x.attrs["perm"][:-1])
        whole = self._whole(x)
        starts, steps = (0,) * last + (k,), (1,) * x.spec.rank
        piece = emit(self.builder, "slice", whole, starts=starts, sizes=(*shape, 1), steps=steps)
        return reshape(self.builder, piece, shape)

    def _whole(self, x: Node) -> Node:
        if x not in self.made:
            if x in self.parts:
                pieces = tuple(reshape(self.builder, part, (*part.shape, 1)) for part in self.parts[x])
                self.made[x] = emit(self.builder, "concatenate", *pieces, axis=x.spec.rank - 1)
            else:  # a view of what is split
                self.made[x] = self.builder.emit(x.op, tuple(map(self._whole, x.inputs)), **x.attrs)
        return self.made[x]


def _connected(nodes: Iterable[Node], seeds: set[Node]) -> set[Node]:
    """The elementwise nodes among ``nodes`` that hang together with ``seeds`` by operands of one shape."""
    neighbours: dict[Node, list[Node]] = {}
    for node in nodes:
        for x in node.inputs if kind(node) == "elementwise" else ():
            if kind(x) == "elementwise" and x.shape == node.shape:
                neighbours.setdefault(node, []).append(x)
                neighbours.setdefault(x, []).append(node)
    found: set[Node] = set()
    stack = [x for x in seeds if kind(x) == "elementwise"]
    while stack:
        node = stack.pop()
        if node not in found:
            found.add(node)
            stack.extend(neighbours.get(node, ()))
    return found


def _is_view(node: Node) -> bool:
    return kind(node) == "view"


def _count(node: Node) -> int:
    count = node.shape[-1]
    assert isinstance(count, int)
    return count
