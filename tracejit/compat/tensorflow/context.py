"""Where and when operations run. Here they run at once or in a function's program, in the order that they are written in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tracejit.frontend.device import device as core_device
from tracejit.frontend.eager import EagerTrace, active


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
    """Variables and functions that are made within live and run there; operations run where their operands are.

    Args:
        device_name: Such as ``"/CPU:0"`` or ``"/GPU:0"``; None changes nothing.

    Raises:
        ValueError: There is no such device.
        DeviceError, MissingExtraError: A GPU is named, and something is missing that it needs.
    """
    if device_name is None:
        yield
        return
    found = re.search(r"(?:^|[/:])(CPU|GPU)(?::0)?$", str(device_name).upper())
    if found is None:
        raise ValueError(f"tf.device: got {device_name!r}; there are '/CPU:0' and '/GPU:0'")
    with core_device("cuda" if found[1] == "GPU" else "cpu"):
        yield
