"""``tf.summary``: what is shown in TensorBoard, as operations whose values a ``FileWriter`` takes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from tracejit import io
from tracejit.compat.tensorflow.errors import fail
from tracejit.compat.tensorflow.v1.construct import as_tensor, building, graph_of
from tracejit.compat.tensorflow.v1.drawing import picture_of
from tracejit.compat.tensorflow.v1.graph import Graph, GraphKeys, get_default_graph
from tracejit.compat.tensorflow.v1.operation import Tensor
from tracejit.compat.tensorflow.v1.shape import TensorShape
from tracejit.compat.tensorflow.v1.strings import string


class Value(NamedTuple):
    """One entry of a summary."""

    kind: Literal["scalar", "histogram", "image"]
    tag: str
    value: Any


@dataclass(frozen=True)
class Summary:
    """What a summary operation gives: values under tags, without a step."""

    value: tuple[Value, ...]


def _summary(kind: Any, type: str, name: str, tensor: Any, collections: Sequence[str] | None, family: str | None) -> Tensor:
    with building(name, type, tensor) as scope:
        x = as_tensor(tensor, name="values")
        if x.dtype.numpy.kind not in "biuf":
            fail(TypeError, f"summary {name!r}: {x!r} is {x.dtype.name}; it must be real")
        if kind == "scalar" and x.shape.num_elements() not in (1, None):
            fail(ValueError, f"summary {name!r}: {x!r} has shape {x.shape}; a scalar has one element")
        tag = f"{family}/{scope[:-1]}" if family else scope[:-1]

        def host(value: Any) -> Summary:
            return Summary((Value(kind, tag, value),))

        return _host(type, host, [x], scope, collections or [GraphKeys.SUMMARIES])


def _host(type: str, host: Callable[..., Summary], inputs: Sequence[Tensor], name: str, collections: Sequence[str]) -> Tensor:
    """An operation that runs in Python, on the values that a program gave."""
    graph = graph_of(list(inputs))
    out = graph.add(type, None, inputs, [(TensorShape(()), string)], name, host=host).outputs[0]
    for collection in collections:
        graph.add_to_collection(collection, out)
    return out


def scalar(name: str, tensor: Any, collections: Sequence[str] | None = None, family: str | None = None) -> Tensor:
    """A summary of one number."""
    return _summary("scalar", "ScalarSummary", name, tensor, collections, family)


def histogram(name: str, values: Any, collections: Sequence[str] | None = None, family: str | None = None) -> Tensor:
    """A summary of how values are distributed."""
    return _summary("histogram", "HistogramSummary", name, values, collections, family)


def image(
    name: str, tensor: Any, max_outputs: int = 3, collections: Sequence[str] | None = None, family: str | None = None
) -> Tensor:
    """A summary of the first images of a batch, ``[batch, height, width, channels]``."""
    with building(name, "ImageSummary", tensor) as scope:
        x = as_tensor(tensor, name="images")
        tag = f"{family}/{scope[:-1]}" if family else scope[:-1]

        def host(value: Any) -> Summary:
            images = [value[i] for i in range(min(max_outputs, len(value)))]
            return Summary(
                tuple(Value("image", f"{tag}/image/{i}" if max_outputs > 1 else f"{tag}/image", x) for i, x in enumerate(images))
            )

        return _host("ImageSummary", host, [x], scope, collections or [GraphKeys.SUMMARIES])


def merge(inputs: Sequence[Tensor], collections: Sequence[str] | None = None, name: str | None = None) -> Tensor:
    """Several summaries as one."""

    def host(*parts: Summary) -> Summary:
        return Summary(tuple(v for part in parts for v in part.value))

    with building(name, "Merge/MergeSummary", list(inputs)) as scope:
        return _host("MergeSummary", host, list(inputs), scope, collections or ())


def merge_all(key: str = GraphKeys.SUMMARIES, scope: str | None = None, name: str | None = None) -> Tensor | None:
    """All summaries of the default graph as one; None where there are none."""
    found = get_default_graph().get_collection(key, scope)
    return merge(found, name=name) if found else None


class FileWriter:
    """Writes summaries, and the graph, to an event file for TensorBoard.

    Args:
        logdir: Folder of the run.
        graph: What to show under "Graphs": its operations, in their name scopes.
        max_queue: Accepted, and of no effect.
        flush_secs: Accepted; events are on the disk a few seconds after they were written, or when ``flush`` is called.
        graph_def: Accepted only as None.
        filename_suffix: Accepted, and of no effect.

    Raises:
        MissingExtraError: The package tensorboardX is not installed.
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        graph: Graph | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        graph_def: Any = None,
        filename_suffix: str | None = None,
    ) -> None:
        self._logdir = os.fspath(logdir)
        self._events = io.EventWriter(logdir)
        if graph is not None:
            self.add_graph(graph)

    def get_logdir(self) -> str:
        return self._logdir

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Write what a summary operation gave in a run.

        Args:
            summary: The value of ``tf.summary.scalar`` and its kin, or of ``merge_all``.
            global_step: The step that it belongs to; 0 if not given.
        """
        if not isinstance(summary, Summary):
            raise TypeError(f"add_summary: got a {type(summary).__name__}; it takes what sess.run gives for a summary operation")
        step = 0 if global_step is None else int(np.asarray(global_step))
        for kind, tag, value in summary.value:
            getattr(self._events, kind)(tag, value, step)

    def add_graph(self, graph: Graph, global_step: Any = None, graph_def: Any = None) -> None:
        """Write the operations of a graph."""
        if not isinstance(graph, Graph):
            raise TypeError("The passed graph must be an instance of `Graph` or the deprecated `GraphDef`")
        self._events.graph(picture_of(graph))

    def add_event(self, event: Any) -> None:
        self.add_summary(event)

    def flush(self) -> None:
        self._events.flush()

    def close(self) -> None:
        self._events.close()

    def reopen(self) -> None:
        """Begin another file in the same folder."""
        self._events.close()
        self._events = io.EventWriter(self._logdir)

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()
