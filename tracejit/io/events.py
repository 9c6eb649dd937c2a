"""Event files for TensorBoard: scalars, histograms, images, and programs with their name scopes and fused kernels.

::

    with tj.io.EventWriter("runs/a") as events:
        events.graph(train_step)
        for step in range(1000):
            events.scalar("loss", train_step(x, y), step)

``tensorboard --logdir runs`` shows it.
"""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
import weakref
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tracejit.errors import ArgumentError, DTypeError, ShapeError
from tracejit.io.extras import extra
from tracejit.io.picture import Item, Scopes, cleaned, picture
from tracejit.io.png import pixels, png, values_of

_FLUSH_SECONDS = 5.0
_numbers = itertools.count()


class EventWriter:
    """An event file that grows.

    Events are on the disk after :meth:`flush`, after :meth:`close`, and otherwise a few seconds after they were written. Any
    number of threads may write.

    Args:
        logdir: Folder of the run; made where it is missing. Each writer makes a file of its own in it.

    Raises:
        MissingExtraError: The package tensorboardX is not installed.
    """

    def __init__(self, logdir: str | os.PathLike[str]) -> None:
        record_writer = extra("tensorboardX.record_writer", "tensorboard")
        self._event = extra("tensorboardX.proto.event_pb2", "tensorboard").Event
        self._summary = extra("tensorboardX.proto.summary_pb2", "tensorboard")
        self.logdir = Path(logdir)
        self.logdir.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        self.path = self.logdir / name
        self._records = record_writer.RecordWriter(str(self.path.absolute()))
        self._lock = threading.Lock()
        self._flushed = time.monotonic()
        self._close = weakref.finalize(self, self._records.close)
        self._write(file_version="brain.Event:2")
        self.flush()

    def scalar(self, tag: str, value: Any, step: int) -> None:
        """Write one number: a Python number, a tensor or array of one element, a Variable."""
        array = values_of(value)
        if array.size != 1:
            raise ShapeError(f"scalar {tag}: its shape is {array.shape}; it must have one element")
        if array.dtype.kind not in "biuf":
            raise DTypeError(f"scalar {tag}: its dtype is {array.dtype}; it must be real")
        self._value(step, tag=tag, simple_value=float(array.item()))

    def histogram(self, tag: str, values: Any, step: int, bins: int = 30) -> None:
        """Write how values are distributed.

        Args:
            tag: Its name.
            values: Any array; every element counts.
            step: Of training.
            bins: Of equal width, from the least value to the greatest.

        Raises:
            ValueError: There are no values, or some are NaN or infinite.
        """
        array = values_of(values)
        if array.dtype.kind not in "biuf":
            raise DTypeError(f"histogram {tag}: its dtype is {array.dtype}; it must be real")
        x = array.astype(np.float64).ravel()
        strange = x.size - np.count_nonzero(np.isfinite(x))
        if strange or not x.size:
            fault = f"{strange} of {x.size} values are NaN or infinite" if x.size else "there are no values"
            raise ValueError(f"histogram {tag}: {fault}")
        counts, edges = np.histogram(x, bins=bins)
        shown = self._summary.HistogramProto(
            min=x.min(), max=x.max(), num=x.size, sum=x.sum(), sum_squares=x @ x, bucket_limit=edges[1:], bucket=counts
        )
        self._value(step, tag=tag, histo=shown)

    def image(self, tag: str, image: Any, step: int) -> None:
        """Write an image: [height, width] or [height, width, 1, 3 or 4], of uint8, bool, or floats from 0 to 1."""
        x = pixels(image)
        height, width, channels = x.shape
        shown = self._summary.Summary.Image(height=height, width=width, colorspace=channels, encoded_image_string=png(x))
        self._value(step, tag=tag, image=shown)

    def graph(self, x: Any, scopes: Scopes | None = None) -> None:
        """Write a program, which the tab "Graphs" shows.

        Args:
            x: A graph, a program, or a traced function, whose youngest program is written.
            scopes: As in :func:`tracejit.io.graph_dot`: name scopes and fused kernels are boxes that open and close.
        """
        shown = picture(x, scopes)
        names = cleaned((item.path for item in shown.items), r"A-Za-z0-9_.\-")
        graph = extra("tensorboardX.proto.graph_pb2", "tensorboard").GraphDef()
        graph.versions.producer = 22
        for item in shown.items:
            _add_node(graph.node.add(), item, names)
        self._write(graph_def=graph.SerializeToString())
        self.flush()

    def flush(self) -> None:
        """Bring what was written to the disk."""
        with self._lock:
            self._check_open()
            self._records.flush()
            self._flushed = time.monotonic()

    def close(self) -> None:
        """Flush and end the file; closing twice is nothing."""
        if self._close.alive:
            self.flush()
            self._close()

    def __enter__(self) -> EventWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _value(self, step: int, tag: str, **value: Any) -> None:
        if not isinstance(tag, str) or not tag:
            raise ArgumentError(f"EventWriter: the tag is {tag!r}; it must be text")
        summary = self._summary.Summary(value=[self._summary.Summary.Value(tag=tag, **value)])
        self._write(step=step.__index__(), summary=summary)

    def _write(self, **event: Any) -> None:
        data = self._event(wall_time=time.time(), **event).SerializeToString()
        with self._lock:
            self._check_open()
            self._records.write(data)
        if time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()

    def _check_open(self) -> None:
        if not self._close.alive:
            raise ValueError(f"EventWriter: {self.path} was closed")


def _add_node(node: Any, item: Item, names: dict[tuple[str, ...], str]) -> None:
    """Fill in a node of TensorBoard's graph."""
    node.name = names[item.path]
    node.op = item.op
    node.device = item.kernel  # nodes of one kernel get one colour, whatever box they are in
    node.input.extend(names[x] for x in item.inputs)
    if item.shape is not None:
        shape = node.attr["_output_shapes"].list.shape.add()
        for size in item.shape:
            shape.dim.add(size=-1 if size is None else size)
    node.attr["label"].s = item.label.encode(errors="replace")
    for name, text in zip(("spec", "line"), item.note.split("\n", 1), strict=False):
        node.attr[name].s = text.encode(errors="replace")
