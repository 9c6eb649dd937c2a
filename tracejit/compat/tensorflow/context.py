"""Where and when operations run. Here they run at once or in a function's program, in the order that they are written in."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tracejit.errors import DeviceError, MissingExtraError
from tracejit.frontend.device import device as core_device
from tracejit.frontend.device import require
from tracejit.frontend.eager import EagerTrace, active
from tracejit.frontend.trace import GraphTrace
from tracejit.runtime.device import Device


def executing_eagerly() -> bool:
    """Whether operations run at once; not while a function is traced."""
    builder = active()
    return builder is None or isinstance(builder, EagerTrace)


def group(*inputs: Any, name: str | None = None) -> None:
    """Nothing: what is written is done."""


def no_op(name: str | None = None) -> None:
    """Nothing."""


@contextmanager
def control_dependencies(control_inputs: Any) -> Iterator[None]:
    """Nothing: what is written before is done before."""
    yield


@contextmanager
def device(device_name: Any) -> Iterator[None]:
    """Operations that are written within run there, and what they make, variables and functions included, is there.

    Operands are copied to it. As in TensorFlow, a GPU that is not there is no error: what it needs is said, once for each line
    of yours, and everything runs on the CPU.

    Args:
        device_name: Such as ``"/CPU:0"`` or ``"/GPU:0"``; None changes nothing.

    Raises:
        ValueError: There is no such device.
    """
    place = place_named(device_name)
    if place is None:
        yield
        return
    if place == "cuda" and (fault := missing()) is not None:
        warnings.warn(f"tf.device: {fault}\n  until then, {device_name!r} is the CPU", RuntimeWarning, stacklevel=3)
        place = "cpu"
    builder = active()
    if place == "cuda" and isinstance(builder, GraphTrace):
        builder.placed = True
    with core_device(place):
        yield


def place_named(name: Any) -> Device | None:
    """The device that TensorFlow calls so; None for None.

    Raises:
        ValueError: There is no such device.
    """
    if name is None:
        return None
    found = re.search(r"(?:^|[/:])(CPU|GPU)(?::0)?$", str(name).upper())
    if found is None:
        raise ValueError(f"tf.device: got {name!r}; there are '/CPU:0' and '/GPU:0'")
    return "cuda" if found[1] == "GPU" else "cpu"


def missing() -> MissingExtraError | DeviceError | None:
    """What keeps this process from using a GPU."""
    try:
        require()
    except (MissingExtraError, DeviceError) as error:
        return error
    return None
