"""Derivatives: the reverse pass from the rules of the op table, the forward pass by transposing these rules.

A rule ``vjp(ct, out, *inputs, **attrs)`` is linear in ``ct``. Its transpose with respect to ``ct`` is the op's forward
derivative, so no other rules are written. Both passes emit nodes, and so can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tracejit.errors import GradientError
from tracejit.ir import Builder, Graph, Node, using
from tracejit.ir.dtype import family
from tracejit.ops.row import TABLE, Op, full_like


def backward(
    builder: Builder,
    outputs: Sequence[Node],
    cotangents: Sequence[Node],
    wrt: Sequence[Node],
    within: Collection[Node] | None = None,
) -> list[Node | None]:
    """Emit the reverse pass of nodes that stand in ``builder``.

    ``result[i] = sum_j cotangents[j] . d outputs[j] / d wrt[i]``

    Args:
        builder: Where the nodes of the reverse pass go.
        outputs: What is differentiated; integers and bools among them have no derivative and are passed over.
        cotangents: Of the spec of each output.
        wrt: Nodes to differentiate by, inputs or intermediate. The derivative is total: what reaches one of them flows on
            to the others. Leave the nodes between two of them out of ``within`` for a partial derivative.
        within: Where given, only these nodes are differentiated through; others are constants.

    Returns:
        The cotangent of each of ``wrt``, None where no output depends on it.

    Raises:
        GradientError: An op on the way has no derivative.
    """
    flow: dict[Node, Node] = {}
    for output, ct in zip(outputs, cotangents, strict=True):
        assert ct.spec == output.spec, f"the cotangent of {output} is {ct.spec}"
        _accumulate(builder, flow, output, ct)
    order = _order(outputs, within)
    through = _dependents(order, wrt)
    known = {*through, *wrt}
    for node in reversed(order):
        if node in through and node in flow:
            for x, part in zip(node.inputs, _pull(builder, node, flow[node]), strict=True):
                if part is not None and x in known and _differentiable(x):
                    assert part.spec == x.spec, f"the derivative of {node.op.name} gives {part.spec} for {x}"
                    _accumulate(builder, flow, x, part)
    return [flow.get(node) for node in wrt]


def forward(
    builder: Builder,
    outputs: Sequence[Node],
    wrt: Sequence[Node],
    tangents: Sequence[Node],
    within: Collection[Node] | None = None,
) -> list[Node | None]:
    """Emit the forward pass of nodes that stand in ``builder``.

    ``result[j] = sum_i d outputs[j] / d wrt[i] . tangents[i]``

    Args:
        builder: Where the nodes of the forward pass go.
        outputs: What is differentiated.
        wrt: Nodes to differentiate by, taken as independent of each other.
        tangents: Of the spec of each of ``wrt``.
        within: As in :func:`backward`.

    Returns:
        The tangent of each output, None where it depends on none of ``wrt`` or has no derivative.

    Raises:
        GradientError: An op on the way has no derivative.
    """
    assert all(t.spec == x.spec for x, t in zip(wrt, tangents, strict=True)), "tangents have the specs of what they belong to"
    flow = dict(zip(wrt, tangents, strict=True))
    order = _order(outputs, within)
    through = _dependents(order, wrt)
    for node in order:
        if node in through and node not in flow:
            tangent = _push(builder, node, [flow.get(x) for x in node.inputs])
            if tangent is not None:
                flow[node] = tangent
    return [flow.get(node) for node in outputs]


def vjp(graph: Graph, wrt: Sequence[int]) -> Graph:
    """The vector-Jacobian product of ``graph`` as a graph.

    Args:
        graph: A function from inputs to outputs; its updates take no part.
        wrt: Positions of the inputs to differentiate by.

    Returns:
        Inputs ``(*graph.inputs, *cotangents)``, one cotangent for each output, ignored for integer outputs. Outputs: the
        cotangents of the inputs at ``wrt``, zeros where no output depends on them.

    Raises:
        GradientError: An input at ``wrt`` is an integer or a bool, or an op on the way has no derivative.
    """
    builder, outputs, leaves = _opened(graph, wrt)
    cotangents = [builder.input(f"ct{i}", node.spec) for i, node in enumerate(outputs)]
    found = backward(builder, outputs, cotangents, leaves)
    return Graph(f"{graph.name}_vjp", (*graph.inputs, *cotangents), _or_zeros(builder, found, leaves))


def jvp(graph: Graph, wrt: Sequence[int]) -> Graph:
    """The Jacobian-vector product of ``graph`` as a graph.

    Args:
        graph: A function from inputs to outputs; its updates take no part.
        wrt: Positions of the inputs to differentiate by.

    Returns:
        Inputs ``(*graph.inputs, *tangents)``, one tangent for each of ``wrt``. Outputs: the tangent of each output, zeros
        where it depends on none of ``wrt`` or is an integer or a bool.

    Raises:
        GradientError: As in :func:`vjp`.
    """
    builder, outputs, leaves = _opened(graph, wrt)
    tangents = [builder.input(f"t_{node.attrs['name']}", node.spec) for node in leaves]
    found = forward(builder, outputs, leaves, tangents)
    return Graph(f"{graph.name}_jvp", (*graph.inputs, *tangents), _or_zeros(builder, found, outputs))


def _opened(graph: Graph, wrt: Sequence[int]) -> tuple[Builder, tuple[Node, ...], list[Node]]:
    """A builder that holds the nodes of ``graph``, its outputs, and the inputs at ``wrt``."""
    leaves = [graph.inputs[i] for i in wrt]
    for leaf in leaves:
        if not _differentiable(leaf):
            raise GradientError(f"gradient by {leaf.attrs['name']}: it is {leaf.spec}; only floats and complex have derivatives")
    builder = Builder(TABLE)
    return builder, graph.replay(builder).outputs, leaves


def _or_zeros(builder: Builder, found: Sequence[Node | None], like: Sequence[Node]) -> tuple[Node, ...]:
    return tuple(full_like(builder, x, 0) if node is None else node for node, x in zip(found, like, strict=True))


def _differentiable(node: Node) -> bool:
    return family(node.dtype) in "fc"


def _order(roots: Sequence[Node], within: Collection[Node] | None) -> list[Node]:
    """The nodes of ``within`` (of all, if None) that ``roots`` need by way of such nodes, each after its inputs."""
    order: dict[Node, None] = {}
    stack = [x for x in roots if within is None or x in within]
    while stack:
        node = stack[-1]
        missing = [x for x in node.inputs if x not in order and (within is None or x in within)]
        if node in order or not missing:
            order[stack.pop()] = None
        else:
            stack.extend(missing)
    return list(order)


def _dependents(order: Sequence[Node], wrt: Sequence[Node]) -> set[Node]:
    """The differentiable nodes of ``order`` with an input that is, or depends on, one of ``wrt``."""
    known, through = {x for x in wrt if _differentiable(x)}, set[Node]()
    for node in order:
        if _differentiable(node) and not known.isdisjoint(node.inputs):
            known.add(node)
            through.add(node)
    return through


def _accumulate(builder: Builder, flow: dict[Node, Node], node: Node, ct: Node) -> None:
    before = flow.get(node)
    if before is None:
        flow[node] = ct
    else:
        with builder.at(node.where and node.where.reversed()):
            flow[node] = builder.apply("add", before, ct)


def _pull(builder: Builder, node: Node, ct: Node) -> tuple[Node | None, ...]:
    """The cotangents of the inputs of ``node`` by the rule of its op."""
    op = node.op
    assert isinstance(op, Op)
    if op.vjp is None:
        raise GradientError(
            f"{op.name}: has no derivative. Use stop_gradient where its operands are constants to you.{_line(node)}"
        )
    with builder.at(node.where and node.where.reversed()), using(builder):
        try:
            return op.vjp(ct, node, *node.inputs, **node.attrs)
        except GradientError as error:
            raise GradientError(f"{error}{_line(node)}") from None


def _line(node: Node) -> str:
    """The user's line, for errors."""
    return f"\n  at {node.where}: {node.where.text}" if node.where else ""


def _push(builder: Builder, node: Node, tangents: Sequence[Node | None]) -> Node | None:
    """The tangent of ``node``: its op's rule, transposed with respect to the cotangent.

    The rule is applied to a cotangent that does not exist, in a builder of its own; the transpose does not use it, and
    only what the transpose needs is made in ``builder``.
    """
    scratch, made = Builder(builder.ops), set[Node]()
    scratch.listeners.append(made.add)
    ct = scratch.input("ct", node.spec)
    pairs = [(y, t) for y, t in zip(_pull(scratch, node, ct), tangents, strict=True) if y is not None and t is not None]
    (tangent,) = backward(scratch, [y for y, _ in pairs], [t for _, t in pairs], [ct], within=made)
    if tangent is None:
        return None
    copies: dict[Node, Node] = {}
    with builder.at(node.where):
        for x in _order([tangent], made):
            inputs = tuple(copies.get(y, y) for y in x.inputs)
            assert ct not in inputs, f"the derivative of {node.op.name} is not linear in its cotangent"
            copies[x] = builder.emit(x.op, inputs, **x.attrs)
    return copies.get(tangent, tangent)
