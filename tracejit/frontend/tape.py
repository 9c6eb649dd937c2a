"""GradientTape: derivatives of what was computed while the tape was on."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any

import numpy as np

from tracejit.errors import ArgumentError, GradientError, ShapeError, TapeError
from tracejit.frontend.base import Tensor
from tracejit.frontend.eager import EagerTrace, active, beside
from tracejit.frontend.leading import leading
from tracejit.frontend.lift import cast, distinct, lift
from tracejit.frontend.public import hand_out, opened
from tracejit.frontend.recorder import Recorder
from tracejit.frontend.shapes import broadcast_node, filled
from tracejit.frontend.tensor import EagerTensor, Tracer
from tracejit.frontend.tree import LEAF, flatten
from tracejit.frontend.variable import Variable
from tracejit.ir import Builder, Node, current, using
from tracejit.ir.dtype import family
from tracejit.transforms.autodiff import backward


class GradientTape(Recorder):
    """Record operations, then differentiate them; eagerly and in traced functions.

    ::

        with tj.GradientTape() as tape:
            loss = np.sum((x @ w - y) ** 2)
        gradient = tape.gradient(loss, w)

    What is recorded are the operations, while the tape is on, on what it watches: trainable Variables from the first time that
    they are read, and tensors given to :meth:`watch`.

    Args:
        persistent: Allow more than one call of :meth:`gradient`.
        watch_accessed_variables: Watch Variables that are read without being asked to.
    """

    leads = True
    """Whether ``np.zeros`` and its kin give tensors while the tape is on; real arrays lose what is written to them."""

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        self._watches_variables = watch_accessed_variables
        self._builder: Builder | None = None
        self._using: ExitStack | None = None
        self._watched: dict[Node, None] = {}
        self._recorded: dict[Node, None] = {}
        self._nodes: dict[int, tuple[Any, list[Node]]] = {}  # by id of tensor or Variable: it, and the nodes watched for it
        self._reads: dict[Node, Node] = {}  # of Variables: the node that stands for a value under this tape
        self._used = False

    def __enter__(self) -> GradientTape:
        if self._using is not None:
            raise TapeError("GradientTape: this tape is on already")
        builder = active() or (self._builder if isinstance(self._builder, EagerTrace) else EagerTrace(recording=True))
        if self._builder is not None and builder is not self._builder:
            raise TapeError("GradientTape: this tape was used in another trace; make a new one")
        self._builder = builder
        self._using = ExitStack()
        self._using.enter_context(using(builder))
        if self.leads:
            self._using.enter_context(leading())
        builder.listeners.append(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._using is not None and self._builder is not None, "a tape is left only after it was entered"
        self._builder.listeners.remove(self)
        context, self._using = self._using, None
        context.__exit__(kind, error, trace)

    def __call__(self, node: Node) -> None:
        if any(x in self._watched or x in self._recorded for x in node.inputs):
            self._recorded[node] = None

    def read(self, variable: Variable, node: Node) -> Node:
        known = self._nodes.get(id(variable))
        if known is None and variable.trainable and self._watches_variables:
            known = self._nodes[id(variable)] = (variable, [])
        if known is None or family(node.dtype) not in "fc":
            return node
        own = self._reads.get(node)
        if own is None:
            own = self._reads[node] = self._own(node)
            known[1].append(own)
            self._watched[own] = None
            self._recorded.pop(own, None)  # the Variable is watched, and not what was assigned to it
        return own

    def _own(self, node: Node) -> Node:
        """The value of ``node`` as a node that nothing but what is recorded from now on has to do with."""
        assert self._builder is not None, "a tape that is on has a builder"
        if isinstance(self._builder, EagerTrace):  # there, no two values share a node
            return node
        with using(self._builder):
            return distinct(node)

    def watch(self, tensor: Any) -> None:
        """Take part in derivatives by ``tensor``: a tensor, a Variable, or a tree of these.

        Raises:
            GradientError: Its dtype has no derivatives.
            ArgumentError: It is a plain NumPy array or a number, whose operations are not seen.
        """
        if self._using is None:
            raise TapeError("GradientTape: watch needs the tape to be on; call it inside the with block")
        assert self._builder is not None, "a tape that is on has a builder"
        for x in flatten(tensor)[0]:
            if not isinstance(x, Tensor):
                raise ArgumentError(
                    f"GradientTape.watch: got a {type(x).__name__}; operations on it are not seen\n"
                    "  cure: x = tj.tensor(x), before the computation"
                )
            _check_differentiable(x, "GradientTape.watch")
            self._watch(x, self._builder)

    def _watch(self, x: Tensor, builder: Builder) -> None:
        _, nodes = self._nodes.setdefault(id(x), (x, []))
        node = x.node_in(builder)  # a Variable is watched by this
        if node in self._watched:
            return
        if isinstance(x, Tracer) or isinstance(builder, EagerTrace):
            with using(builder):
                node = distinct(node)
            _set_node(x, node, builder)
        nodes.append(node)
        self._watched[node] = None

    def watched_variables(self) -> tuple[Variable, ...]:
        """The Variables that were read or given to :meth:`watch`."""
        return tuple(x for x, _ in self._nodes.values() if isinstance(x, Variable))

    def gathered(self, variable: Variable) -> list[Node] | None:
        """The recorded nodes that gather rows of a Variable; None where anything else was done with it, or nothing."""
        watched = set(self._nodes.get(id(variable), (None, []))[1])
        users = [n for n in self._recorded if not watched.isdisjoint(n.inputs)]
        alike = all(n.op.name == "gather" and n.attrs["axis"] == 0 and n.inputs[0] in watched for n in users)
        return users if users and alike else None

    def tensor(self, node: Node) -> Any:
        """A node that was recorded, as a tensor."""
        assert self._builder is not None, "a tape that has recorded has a builder"
        with using(self._builder):
            return hand_out(node)

    def gradient(self, target: Any, sources: Any, output_gradients: Any = None, unconnected: str | None = None) -> Any:
        """The derivative of ``target``, or of the sum of its elements, by each of ``sources``.

        Args:
            target: A tensor, or a tree of tensors whose sums are added.
            sources: A tensor, a Variable, a node of :meth:`gathered`, or a tree of them.
            output_gradients: Weights of the elements of the target, shaped as it; ones if not given.
            unconnected: What stands for a source that the target does not depend on: None, or ``"zero"`` for zeros.

        Returns:
            A tree like ``sources``.

        Raises:
            TapeError: The tape was used before and is not persistent.
            GradientError: A target or source is not a float.
        """
        if self._builder is None:
            raise TapeError("GradientTape: gradient before the tape was on; compute the target inside its with block")
        if self._used and not self._persistent:
            raise TapeError(
                "GradientTape: gradient was called before, and a tape that is not persistent can be used once\n"
                "  cure: GradientTape(persistent=True), or one call with a list of sources"
            )
        if unconnected not in (None, "zero"):
            raise ArgumentError(f'GradientTape.gradient: unconnected is {unconnected!r}; it is None or "zero"')
        self._used = True
        builder, (leaves, structure) = self._builder, flatten(sources)
        with using(builder), opened():
            outputs, weights = self._targets(target, output_gradients, builder)
            groups = [self._sources(x, builder) for x in leaves]
            found = backward(builder, outputs, weights, [n for group in groups for n in group], self._recorded)
            cotangents = iter(found)
            gradients = [_total([next(cotangents) for _ in group]) for group in groups]
            out = [_handed(g, x, unconnected, builder) for g, x in zip(gradients, leaves, strict=True)]
        if not self._persistent and self._using is None:
            self._release()
        return structure.unflatten(out)

    def _release(self) -> None:
        """Let go of everything that was recorded."""
        self._watched, self._recorded, self._reads = {}, {}, {}
        self._nodes = {key: (x, []) for key, (x, _) in self._nodes.items() if isinstance(x, Variable)}

    def _targets(self, target: Any, output_gradients: Any, builder: Builder) -> tuple[list[Node], list[Node]]:
        """Nodes of the targets with a cotangent for each."""
        leaves, structure = flatten(target)
        given: list[Any] = [None] * len(leaves)
        if output_gradients is not None:
            given, its = ([output_gradients], LEAF) if structure == LEAF else flatten(output_gradients)
            if its != structure:
                raise ArgumentError(
                    f"GradientTape.gradient: output_gradients is {its}, and target is {structure}; they must be alike"
                )
        outputs, weights = [], []
        for x, weight in zip(leaves, given, strict=True):
            if not isinstance(x, Tensor):
                raise GradientError(
                    f"GradientTape.gradient: the target is a {type(x).__name__}; it must be a tensor computed under the tape"
                )
            check_target(x, "GradientTape.gradient")
            node = x.node_in(builder)
            outputs.append(node)
            weights.append(cotangent_like(node, weight, "output_gradients"))
        return outputs, weights

    def _sources(self, x: Any, builder: Builder) -> list[Node]:
        """The nodes that stand for a source."""
        if isinstance(x, Node):
            return [x]
        if not isinstance(x, Tensor):
            raise ArgumentError(
                f"GradientTape.gradient: a source is a {type(x).__name__}; it must be a tensor or a Variable"
                "\n  cure: x = tj.tensor(x) and tape.watch(x), before the computation"
            )
        _check_differentiable(x, "GradientTape.gradient")
        if id(x) in self._nodes:
            return self._nodes[id(x)][1]
        if isinstance(x, Variable):
            return []
        node = builder.find(x.key) if isinstance(x, EagerTensor) and isinstance(builder, EagerTrace) else None
        node = x.node_in(builder) if isinstance(x, Tracer) else node
        return [node] if node is not None and node in self._recorded else []


def _set_node(x: Tensor, node: Node, builder: Builder) -> None:
    """Make ``node``, which has the value of ``x``, the node of ``x``."""
    if isinstance(x, EagerTensor) and isinstance(builder, EagerTrace):
        builder.remember(x.key, node)
    elif isinstance(x, Tracer):
        x.watch(node)


def _check_differentiable(x: Tensor, name: str) -> None:
    if family(x.dtype) not in "fc":
        raise GradientError(
            f"{name}: a derivative by {x.spec} was asked for; only floats have one\n  cure: x.astype('float64'), or 3.0 for 3"
        )


def check_target(x: Tensor, name: str) -> None:
    """GradientError for what has no derivative."""
    if family(x.dtype) != "f":
        cure = "np.abs, or the real part, of it" if x.dtype.kind == "c" else "a float"
        raise GradientError(f"{name}: the target is {x.spec}; only floats have gradients\n  cure: differentiate {cure}")


def cotangent_like(node: Node, weight: Any, name: str) -> Node:
    """Ones of the spec of ``node``, or ``weight`` brought to it."""
    if weight is None:
        return filled(current().constant(1, node.dtype), node.shape)
    given = lift(weight, name).to(node.dtype) if not isinstance(weight, np.ndarray | Tensor) else lift(weight, name).node()
    if given.spec.rank > node.spec.rank:
        raise ShapeError(f"{name}: {given.spec} does not fit {node.spec}")
    return broadcast_node(cast(given, node.dtype), node.shape, name)


def _total(nodes: list[Node | None]) -> Node | None:
    total: Node | None = None
    for node in nodes:
        total = node if total is None else total if node is None else total + node
    return total


def _handed(gradient: Node | None, source: Tensor, unconnected: str | None, builder: Builder) -> Any:
    if gradient is None and unconnected == "zero":
        gradient = filled(current().constant(0, source.dtype), source.node_in(builder).shape)
    return None if gradient is None else hand_out(gradient if isinstance(source, Tracer) else beside(gradient, source))
