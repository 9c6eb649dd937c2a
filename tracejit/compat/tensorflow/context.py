"""Where and when operations run. Here they run at once or in a function's program, in the order that they are written in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
    """Nothing for a CPU.

    Raises:
        ValueError: It names another device.
    """
    if device_name is not None and "CPU" not in str(device_name).upper():
        raise ValueError(
            f"tf.device: got {device_name!r}; this machine's programs run on the CPU, so say '/CPU:0' or leave it out"
        )
    yield
