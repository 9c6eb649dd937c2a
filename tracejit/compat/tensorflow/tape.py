"""GradientTape as TensorFlow's, over the front end's."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from types import TracebackType
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.errors import translated
from tracejit.compat.tensorflow.nest import flatten, map_structure
from tracejit.compat.tensorflow.shape import TensorShape
from tracejit.compat.tensorflow.slices import IndexedSlices
from tracejit.compat.tensorflow.tensor import Tensor, handed, run
from tracejit.compat.tensorflow.variable import Variable
from tracejit.errors import TracejitError
from tracejit.frontend.base import Tensor as Core
from tracejit.frontend.eager import EagerTrace
from tracejit.frontend.shapes import reshape_node
from tracejit.frontend.tape import GradientTape as CoreTape
from tracejit.ir import Node, current
from tracejit.ir.dtype import family
from tracejit.ops import composite


class UnconnectedGradients(Enum):
    """What stands for the gradient by something that the target does not depend on."""

    NONE = "none"
    ZERO = "zero"


class _Core(CoreTape):
    leads = False  # TensorFlow leaves NumPy's functions alone


class GradientTape:
    """Record operations, then differentiate them; eagerly and in functions.

    ::

        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(x) - y))
        dw, db = tape.gradient(loss, [w, b])

    Args:
        persistent: Allow more than one call of :meth:`gradient`.
        watch_accessed_variables: Watch trainable variables that are read without being asked to.

    Derivative: at ties ``maximum`` and ``minimum`` give all to the first operand, ``reduce_max`` and ``reduce_min`` equal
    shares; ``relu`` and ``abs`` 0 at 0; ``clip_by_value`` 1 at the bounds.
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self._persistent = persistent
        self._watches = watch_accessed_variables
        self._core = _Core(True, watch_accessed_variables)
        self._on = self._used = False

    def __enter__(self) -> GradientTape:
        if self._on:
            raise ValueError("Tape is still recording, This can happen if you try to re-enter an already-active tape.")
        self._core.__enter__()
        self._on = True
        if isinstance(builder := current(), EagerTrace):
            builder.travels = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._core.__exit__(kind, error, trace)
        self._on = False

    def watch(self, tensor: Any) -> None:
        """Take part in derivatives by a tensor or variable, or by a structure of them.

        Raises:
            ValueError: It is something else, such as an array of NumPy.
        """
        for x in flatten(tensor):
            if not isinstance(x, Held):
                raise ValueError(
                    f"Passed in object {x!r} of type {type(x).__name__!r}, not tf.Tensor or tf.Variable or ExtensionType.\n"
                    "  cure: x = tf.constant(x), before the computation"
                )
            if family(x.core.dtype) not in "fc":
                _warn(f"The dtype of the watched tensor must be floating (e.g. tf.float32), got {x.core.dtype.name}")
            else:
                self._core.watch(x.core)

    def watched_variables(self) -> tuple[Variable, ...]:
        """The variables that were read or given to :meth:`watch`."""
        return tuple(map(Variable.around, self._core.watched_variables()))

    @contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Within, nothing is recorded."""
        self.__exit__(None, None, None)
        try:
            yield
        finally:
            self.__enter__()

    def reset(self) -> None:
        """Forget everything that was recorded."""
        on = self._on
        if on:
            self.__exit__(None, None, None)
        self._core = _Core(True, self._watches)
        if on:
            self.__enter__()

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: UnconnectedGradients | str = UnconnectedGradients.NONE,
    ) -> Any:
        """The derivative of ``target``, or of the sum of its elements, by each of ``sources``.

        Args:
            target: A tensor, or a structure of tensors whose sums are added.
            sources: A tensor or variable, or a structure of them.
            output_gradients: Weights of the elements of the target; ones if not given.
            unconnected_gradients: What stands for a source that the target does not depend on: None, or zeros.

        Returns:
            A structure like ``sources``; IndexedSlices for a variable of which only rows were read by ``tf.gather``.

        Raises:
            RuntimeError: The tape was used before and is not persistent.
        """
        if self._used and not self._persistent:
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients (or jacobians)\n"
                "  cure: tf.GradientTape(persistent=True), or one call with a list of sources"
            )
        unconnected = UnconnectedGradients(unconnected_gradients)
        given = [self._checked(x, "source") for x in flatten(sources)]
        targets = [self._checked(x, "target") for x in flatten(target)]
        weights = [None] * len(targets) if output_gradients is None else flatten(output_gradients)
        self._used = True
        found = self._gradients(targets, given, weights, "zero" if unconnected is UnconnectedGradients.ZERO else None)
        if not self._persistent and not self._on:
            self._core = _Core(True, self._watches)  # lets go of everything that was recorded
        by_source = {id(x): gradient for x, gradient in zip(given, found, strict=True)}
        return map_structure(lambda x: by_source[id(x)], sources)

    def jacobian(self, target: Any, sources: Any) -> Any:
        """The derivative of each element of ``target`` by each of ``sources``: shapes of target and source in a row.

        Cost: one reverse pass for each element of the target.
        """
        persistent, self._persistent = self._persistent, True
        try:
            size, shape = target.core.size, target.core.shape
            rows = [self.gradient(target, sources, _unit(i, shape), UnconnectedGradients.ZERO) for i in range(size)]
        finally:
            self._persistent = persistent
        parts = [flatten(row) for row in rows]
        stacked = [run(_stacked, [row[k] for row in parts], shape) for k in range(len(flatten(sources)))]
        by_source = {id(x): j for x, j in zip(flatten(sources), stacked, strict=True)}
        return map_structure(lambda x: by_source[id(x)], sources)

    def _checked(self, x: Any, role: str) -> Held:
        if not isinstance(x, Held):
            raise TypeError(
                f"GradientTape.gradient: a {role} is a {type(x).__name__}; it must be a tf.Tensor or tf.Variable\n"
                "  cure: x = tf.constant(x) and tape.watch(x), before the computation"
            )
        return x

    def _gradients(self, targets: list[Held], sources: list[Held], weights: list[Any], unconnected: str | None) -> list[Any]:
        pairs = [(t.core, _bare(w)) for t, w in zip(targets, weights, strict=True) if family(t.core.dtype) == "f"]
        rows = [self._rows(x) if unconnected is None else None for x in sources]
        asked = [x.core if r is None else r for x, r in zip(sources, rows, strict=True) if family(x.core.dtype) in "fc"]
        try:
            found = self._core.gradient([t for t, _ in pairs], asked, [w for _, w in pairs], unconnected)
        except TracejitError as error:
            raise translated(error) from None
        given = iter(found)
        return [
            (_tensor(next(given)) if r is None else self._slices(x, r, next(given))) if family(x.core.dtype) in "fc" else None
            for x, r in zip(sources, rows, strict=True)
        ]

    def _rows(self, source: Held) -> list[Node] | None:
        """The nodes that read rows of a variable, where nothing else was done with it."""
        return self._core.gathered(source.core) if isinstance(source, Variable) else None

    def _slices(self, source: Held, reads: list[Node], gradients: list[Any]) -> Any:
        """The gradients by what was read of a variable as one gradient by its rows."""
        pairs = [(self._core.tensor(n.inputs[1]), g) for n, g in zip(reads, gradients, strict=True) if g is not None]
        if not pairs:
            return None
        shape = source.core.shape
        return run(_joined, pairs, shape)


def _joined(pairs: list[tuple[Core, Core]], shape: tuple[int, ...]) -> IndexedSlices:
    places = [reshape_node(i.node_in(current()), (-1,)) for i, _ in pairs]
    values = [reshape_node(g.node_in(current()), (-1, *shape[1:])) for _, g in pairs]
    return IndexedSlices(handed(_chained(values)), handed(_chained(places)), TensorShape(shape))


def _chained(parts: list[Node]) -> Node:
    return parts[0] if len(parts) == 1 else ops.concatenate(*parts, axis=0)


def _unit(place: int, shape: tuple[int, ...]) -> np.ndarray:
    out = np.zeros(shape, np.float32)
    out.flat[place] = 1.0
    return out


def _stacked(rows: list[Tensor], shape: tuple[int, ...]) -> Node:
    nodes = [row.core.node_in(current()) for row in rows]
    return reshape_node(composite.stack(nodes, 0), (*shape, *nodes[0].shape))


def _bare(x: Any) -> Any:
    return x.core if isinstance(x, Held) else x


def _tensor(core: Core | None) -> Tensor | None:
    return None if core is None else Tensor(core)


def _warn(text: str) -> None:
    warnings.warn(text, RuntimeWarning, stacklevel=3)
