"""Devices: the CPU, and a GPU where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracejit import errors as core
from tracejit.compat.torch.errors import DeviceError
from tracejit.errors import MissingExtraError
from tracejit.frontend.device import Device, default_device, moved, require
from tracejit.runtime.device import DeviceArray


class device:
    """A device by name: ``device("cpu")``."""

    __slots__ = ("index", "type")

    def __init__(self, name: Any, index: int | None = None) -> None:
        kind, _, number = str(name).partition(":")
        if kind not in ("cpu", "cuda"):
            raise RuntimeError(f"Expected one of cpu, cuda device type at start of device string: {kind}")
        self.type: str = kind
        self.index = int(number) if number else index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __repr__(self) -> str:
        return f"device(type={self.type!r}{'' if self.index is None else f', index={self.index}'})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"


CPU, CUDA = device("cpu"), device("cuda", 0)


def place(name: Any, asked: str = "device") -> Device:
    """The device of tracejit's that is asked for; the default one where ``name`` is None.

    Raises:
        DeviceError: A GPU is asked for, and something is missing that it needs.
    """
    if name is None:
        return "cuda" if default_device() == "cuda" else "cpu"
    if device(name).type == "cpu":
        return "cpu"
    try:
        require()
    except (MissingExtraError, core.DeviceError) as error:
        raise DeviceError(f"{asked}: {name} was asked for; {error}") from None
    return "cuda"


def place_of(array: Any) -> device:
    """The device that an array is on, as PyTorch has it."""
    return CUDA if isinstance(array, DeviceArray) else CPU


def put(x: Any, name: Any = None) -> Any:
    """A new tensor ``x`` with its memory on a device; a traced one stays where its program runs."""
    if x._tracer is None:
        x._array = moved(x._array, place(name))
    return x


def check_together(tensors: Sequence[Any]) -> None:
    """DeviceError where tensors are on different devices; those without dimensions go along."""
    found = {place_of(x._array) for x in tensors if x._tracer is None and x._array.ndim}
    if len(found) > 1:
        raise DeviceError(
            "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
            "\n  cure: x.cuda() on the one that is on the CPU"
        )
