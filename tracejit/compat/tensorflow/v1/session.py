"""Sessions: they hold the values of a graph's Variables, and run its programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import numpy as np
from numpy import ndarray

from tracejit.compat.tensorflow.errors import FailedPreconditionError, InvalidArgumentError
from tracejit.compat.tensorflow.v1 import stacks
from tracejit.compat.tensorflow.v1.fetches import Fetches, frozen
from tracejit.compat.tensorflow.v1.graph import Graph, get_default_graph
from tracejit.compat.tensorflow.v1.operation import Operation, Tensor
from tracejit.compat.tensorflow.v1.operators import Operators
from tracejit.compat.tensorflow.v1.placement import ConfigProto, asked_device
from tracejit.compat.tensorflow.v1.programs import Prepared, Request, executable_on, located, prepare
from tracejit.compat.tensorflow.v1.shape import shape_text
from tracejit.errors import IndexOutOfBoundsError
from tracejit.frontend.device import assign, default_device, moved
from tracejit.frontend.where import at_line
from tracejit.runtime.device import Array, Device, on_host
from tracejit.runtime.pool import OutputPool

_MOST_POOLS = 16
_SMALL = 4096  # elements; below, new memory costs less than finding the old


class Cell:
    """What a Variable holds in one session.

    Attributes:
        buffer: Its memory, which programs read and write.
        ready: Whether it has a value.
    """

    __slots__ = ("buffer", "ready")

    def __init__(self, shape: Sequence[int], dtype: np.dtype, device: Device) -> None:
        self.buffer = moved(np.zeros(shape, dtype), device, "Variables")
        self.ready = False


class Feed:
    """A tensor that is fed, and the way of values to it."""

    __slots__ = ("_pools", "dtype", "tensor")

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.dtype = tensor.dtype.numpy
        self._pools: dict[tuple[int, ...], OutputPool] = {}

    def cast(self, value: Any) -> ndarray:
        """The value as an array of the tensor's dtype; large arrays of other dtypes go to memory that is used again."""
        if type(value) is not ndarray:
            return self._array(value)
        if value.dtype == self.dtype:
            return value
        if value.size < _SMALL:
            return value.astype(self.dtype, order="C")
        pool = self._pools.get(value.shape)
        if pool is None:
            if len(self._pools) >= _MOST_POOLS:
                self._pools.clear()
            pool = self._pools[value.shape] = OutputPool(value.shape, self.dtype)
        out = pool.take()
        np.copyto(out, value, casting="unsafe")
        return out

    def _array(self, value: Any) -> ndarray:
        if isinstance(value, Operators):
            raise TypeError(
                "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include Python scalars, strings, lists,"
                f" numpy ndarrays, or TensorHandles. For reference, the tensor object was {value!r} which was passed to the feed "
                f"with key {self.tensor!r}."
            )
        if value is None:
            raise TypeError(f"The value of a feed cannot be None; it was passed to the feed with key {self.tensor!r}.")
        if isinstance(value, int) and self.dtype.kind in "iu":
            limits = np.iinfo(self.dtype)
            if not limits.min <= value <= limits.max:
                raise TypeError(
                    f"Type of feed value {value} with type {type(value)} is not compatible with Tensor type {self.dtype}. Try "
                    "explicitly setting the type of the feed tensor to a larger type (e.g. int64)."
                )
        try:
            return np.asarray(value, self.dtype)
        except ValueError as error:
            raise ValueError(f"Cannot feed {value!r} for Tensor {self.tensor!r}: {error}") from None

    def checked(self, value: ndarray) -> ndarray:
        """The value, contiguous; ValueError where it does not fit the static shape."""
        if not self.tensor.shape.is_compatible_with(value.shape):
            raise ValueError(
                f"Cannot feed value of shape {value.shape} for Tensor {self.tensor.name!r}, which has shape "
                f"{shape_text(self.tensor.shape.sizes)}{at_line(self.tensor.op.where)}"
            )
        native = value if value.dtype == self.dtype and value.dtype.isnative else value.astype(self.dtype)
        return native if native.flags.c_contiguous and native.flags.aligned else np.array(native, order="C")


class Plan:
    """How a session answers one combination of fetches and feeds.

    Attributes:
        feeds: In the order of the dict.
        finish: From the program's results to the user's.
        call: The way into the program that ran last; none has run yet where it gives None.
    """

    def __init__(self, session: BaseSession, fetches: Fetches, feeds: Sequence[Any]) -> None:
        self.feeds = tuple(Feed(_feed_key(session.graph, key)) for key in feeds)
        self.finish = fetches.finish
        self.call: Callable[..., Any] = lambda *leaves: None
        self._session = session
        self._request = Request(session.graph, fetches.targets, fetches.operations, tuple(f.tensor for f in self.feeds))
        self._bound: list[tuple[Prepared, Any]] = []

    def run(self, leaves: Sequence[ndarray]) -> Any:
        """Run the program for these feeds, which is made now where there is none."""
        ready = [feed.checked(leaf) for feed, leaf in zip(self.feeds, leaves, strict=True)]
        prepared, executable = self.program(ready)
        self._session.check_ready(prepared.reads)
        out = executable(*ready)
        assert out is not None, "a program takes the feeds that it was made for"
        self._session.mark_ready(prepared)
        self.call = executable
        return out

    def program(self, leaves: Sequence[ndarray]) -> tuple[Prepared, Any]:
        """The program for these feeds, on the memory of the session."""
        for prepared, executable in reversed(self._bound):
            if executable.fits(*leaves):
                return prepared, executable
        graph, known = self._session.graph, [prepared for prepared, _ in self._bound]
        with graph.lock:
            made = graph.programs.setdefault((self._request, self._session.device), [])
            for prepared in made:
                if prepared not in known and (executable := self._session.bind(prepared)).fits(*leaves):
                    break
            else:
                prepared = prepare(self._request, [leaf.shape for leaf in leaves], self._session.device)
                made.append(prepared)
                executable = self._session.bind(prepared)
            self._bound.append((prepared, executable))
        return prepared, executable


class BaseSession:
    """The values of Variables, and the programs that work on them; what all sessions are.

    Args:
        target: Accepted; there is one process.
        graph: What is run; the default graph if not given.
        config: A ConfigProto.
    """

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        if graph is not None and not isinstance(graph, Graph):
            raise TypeError(f"Argument `graph` must be a tf.Graph, but got {graph!r}")
        self._graph = graph or get_default_graph()
        self._plans: dict[Any, Plan] = {}
        self._cells: dict[Any, Cell] = {}
        self._draws: dict[Operation, Array] = {}
        self._config = config or ConfigProto()
        self._device: Device | None = "cuda" if default_device() == "cuda" else None
        self._closed = False

    @property
    def graph(self) -> Graph:
        return self._graph

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """Run what ``fetches`` need, once, and give their values.

        Reads of Variables show what they held before, also where an assignment is fetched beside them.

        Args:
            fetches: A tensor, an operation (whose value is None), a Variable, a name; or nested lists, tuples and dicts.
            feed_dict: Values by tensor; any tensor of the graph may be given, Variables too.
            options: Accepted, and of no effect.
            run_metadata: Accepted, and of no effect.

        Returns:
            The same structure with arrays of NumPy, and its scalars where there are no dimensions.

        Raises:
            InvalidArgumentError: A placeholder has no value, or values do not fit one another.
            FailedPreconditionError: A Variable has no value yet.
            RuntimeError: The session is closed.
            ValueError: A fetch is of another graph, or a value does not fit the tensor that it is fed to.
            TypeError: A fetch or feed is no element of a graph, or what is fed is a tensor.
        """
        kind = type(fetches)
        try:
            key = (kind, *fetches) if kind is list or kind is tuple else (kind, fetches)
            plan = self._plans.get((key, tuple(feed_dict)) if feed_dict else key)
        except TypeError:  # what cannot be a key is taken apart
            plan = None
        if plan is None or self._closed:
            plan = self._plan(fetches, feed_dict)
        leaves = []
        if feed_dict:
            for value, feed in zip(feed_dict.values(), plan.feeds, strict=True):
                leaves.append(value if type(value) is ndarray and value.dtype is feed.dtype else feed.cast(value))
        try:
            out = plan.call(*leaves)
            return plan.finish(plan.run(leaves) if out is None else out)
        except IndexOutOfBoundsError as error:
            raise self._out_of_bounds(error) from None

    def _plan(self, fetches: Any, feed_dict: Any) -> Plan:
        self._check_open()
        if feed_dict is not None and not isinstance(feed_dict, Mapping):
            raise TypeError(f"feed_dict is a {type(feed_dict).__name__}; it must be a dict from tensors to values")
        feeds = tuple(feed_dict or ())
        made = Fetches(self._graph, fetches)
        key = (frozen(fetches), feeds) if feeds else frozen(fetches)
        with self._graph.lock:
            plan = self._plans.get(key)
            if plan is None:
                plan = self._plans[key] = Plan(self, made, feeds)
        return plan

    def make_callable(self, fetches: Any, feed_list: Sequence[Any] | None = None) -> Callable[..., Any]:
        """A function of the values of ``feed_list`` that gives the values of ``fetches``."""
        feeds = list(feed_list or ())
        return lambda *values: self.run(fetches, dict(zip(feeds, values, strict=True)))

    def program(self, fetches: Any, feed_dict: Any = None) -> Any:
        """The program that ``run`` would run, to be looked at: its graph, schedule and source."""
        plan = self._plan(fetches, feed_dict)
        leaves = [f.checked(f.cast(v)) for f, v in zip(plan.feeds, (feed_dict or {}).values(), strict=True)]
        return plan.program(leaves)[0].program

    # state

    @property
    def device(self) -> Device:
        """Where everything runs: as ``tj.device`` or ``TRACEJIT_DEVICE`` said before, else as the graph asks at the first run.

        Raises:
            InvalidArgumentError: It asks for a GPU that is not there.
        """
        if self._device is None:
            self._device = asked_device(self._graph, self._config)
        return self._device

    def cell(self, variable: Any) -> Cell:
        """What a Variable holds here."""
        cell = self._cells.get(variable)
        if cell is None:
            cell = self._cells.setdefault(variable, Cell(variable.tensor.shape.known(), variable.dtype.numpy, self.device))
        return cell

    def bind(self, prepared: Prepared) -> Any:
        """A program of the graph, on the memory of one Session."""
        buffers = {i: self._memory(x.kind, x.owner) for i, x in enumerate(prepared.inputs) if x.kind != "feed"}
        return executable_on(self.device, prepared.program, buffers, prepared.guard)

    def _memory(self, kind: str, owner: Any) -> Array:
        if kind == "array":
            array: ndarray = owner
            return array
        if kind == "variable":
            return self.cell(owner).buffer
        draws = self._draws.get(owner)
        if draws is None:
            seed = owner.attrs["seed"]
            number = int.from_bytes(os.urandom(8), "little", signed=True) if seed is None else seed
            draws = self._draws.setdefault(owner, moved(np.array([number, 0], np.int64), self.device, "generators"))
        return draws

    def values(self, variables: Iterable[Any]) -> list[ndarray]:
        """Copies of what Variables hold."""
        known = list(variables)
        self._check_open()
        self.check_ready(known)
        return [np.array(on_host(self.cell(v).buffer)) for v in known]

    def load(self, values: Mapping[Any, ndarray]) -> None:
        """Give Variables values of their shapes and dtypes, all or none."""
        self._check_open()
        pairs = [(self.cell(v), np.broadcast_to(value, v.shape.known())) for v, value in values.items()]
        try:
            _store(pairs)
        except BaseException:  # Ctrl-C in the middle: no Variable stays behind the others
            _store(pairs)
            raise

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")

    def check_ready(self, variables: Iterable[Any]) -> None:
        """FailedPreconditionError where a Variable has no value."""
        for variable in variables:
            if not self.cell(variable).ready:
                raise FailedPreconditionError(
                    f"Attempting to use uninitialized value {variable.op.name}\n\t [[{{{{node {variable.op.name}}}}}]]"
                    f"{_cure(variable)}{at_line(variable.op.where)}"
                )

    def mark_ready(self, prepared: Prepared) -> None:
        for variable in prepared.writes:
            self.cell(variable).ready = True

    def _out_of_bounds(self, error: IndexOutOfBoundsError) -> InvalidArgumentError:
        """What TensorFlow says of an index that is found out of range in a run."""
        op = next((op for op in self._graph.operations if op.name == error.scope), None)
        if op is not None and op.type == "MatrixInverse":
            return located("Input is not invertible.", op)
        return located(str(error), op) if op is not None else InvalidArgumentError(str(error))

    def close(self) -> None:
        """Let go of all values; the session cannot be used any more."""
        self._closed = True
        self._plans, self._cells, self._draws = {}, {}, {}

    def as_default(self) -> AbstractContextManager[BaseSession]:
        """Make this the session that ``eval`` and ``run`` use, within a ``with`` block, and do not close it."""
        return stacks.default_session(self)


class Session(BaseSession):
    """A session; in a ``with`` block it, and its graph, are the default, and it is closed at the end.

    Args:
        target: Accepted; there is one process.
        graph: What is run; the default graph if not given.
        config: A ConfigProto.
    """

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        self._blocks: list[ExitStack] = []

    def __enter__(self) -> Session:
        self._check_open()
        block = ExitStack()
        block.enter_context(self.graph.as_default())
        block.enter_context(self.as_default())
        self._blocks.append(block)
        return self

    def __exit__(self, *exception: Any) -> None:
        self._blocks.pop().close()
        self.close()


class InteractiveSession(BaseSession):
    """A session that is the default from its creation until it is closed.

    Args:
        target: Accepted; there is one process.
        graph: What is run; the default graph if not given.
        config: A ConfigProto.
    """

    def __init__(self, target: str = "", graph: Graph | None = None, config: Any = None) -> None:
        super().__init__(target, graph, config)
        self._given = graph
        if graph is not None:
            stacks.enter_graph(graph)
        stacks.enter_session(self)

    def close(self) -> None:
        super().close()
        stacks.leave_session(self)
        if self._given is not None:
            stacks.leave_graph(self._given)


def _store(pairs: Iterable[tuple[Cell, ndarray]]) -> None:
    for cell, value in pairs:
        assign(cell.buffer, value, "a Variable")
        cell.ready = True


def _feed_key(graph: Graph, key: Any) -> Tensor:
    try:
        tensor: Tensor = graph.as_graph_element(key, allow_operation=False)
    except (TypeError, ValueError, KeyError) as error:
        raise TypeError(f"Cannot interpret feed_dict key as Tensor: {error.args[0]}") from None
    if tensor.op.attrs.get("host") is not None:
        raise ValueError(f"Tensor {tensor!r} may not be fed.")
    return tensor


def _cure(variable: Any) -> str:
    """What to do about a Variable without a value."""
    covering = [op for op in variable.graph.operations if op.attrs.get("initializes") is not None]
    early = [op for op in covering if variable not in op.attrs["initializes"] and op.order < variable.op.order]
    if early and not any(variable in op.attrs["initializes"] for op in covering):
        return f"\n  cure: build tf.global_variables_initializer() after the Variable; '{early[-1].name}' was built before it"
    return "\n  cure: run its initializer, or tf.global_variables_initializer(), in the same Session first"
