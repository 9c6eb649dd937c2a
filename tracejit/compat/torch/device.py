"""Devices: the CPU, and a GPU where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracejit import errors as core
from tracejit.compat.torch.errors import DeviceError
from tracejit.errors import MissingExtraError
from tracejit.frontend.device import default_device, moved, require, unset_default
from tracejit.frontend.device import device as core_device
from tracejit.runtime.device import Device, DeviceArray


class device:
    """A device by name, as ``device("cuda")`` or ``device("cuda:0")``; within ``with device(...)`` new tensors are there.

    Args:
        name: ``"cpu"`` or ``"cuda"``, with a number or without; another device; or the number of a GPU.
        index: The number.
    """

    __slots__ = ("index", "type")

    def __init__(self, name: Any, index: int | None = None) -> None:
        kind, _, number = (f"cuda:{name}" if type(name) is int else str(name)).partition(":")
        if kind not in ("cpu", "cuda") or (number and not number.isdecimal()):
            raise RuntimeError(f"Expected one of cpu, cuda device type at start of device string: {name}")
        self.type: str = kind
        self.index = int(number) if number else index

    def __enter__(self) -> device:
        _maker(self).__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        core_device("auto").__exit__()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self) -> int:
        return hash((self.type, self.index))

    def __repr__(self) -> str:
        return f"device(type={self.type!r}{'' if self.index is None else f', index={self.index}'})"

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"


CPU, CUDA = device("cpu"), device("cuda", 0)


def set_default_device(name: Any) -> None:
    """Make new tensors on a device, in this thread from now on; None for where they are made otherwise."""
    if name is None:
        unset_default()
    else:
        _maker(name).set_default()


def _maker(name: Any) -> core_device:
    """What puts new tensors on a device; what is computed from tensors that are elsewhere stays there."""
    return core_device("cuda" if place(name, "set_default_device") == "cuda" else "auto")


def get_default_device() -> device:
    """The device of new tensors."""
    return CUDA if place(None) == "cuda" else CPU


def place(name: Any, asked: str = "device") -> Device:
    """The device of tracejit's that is asked for; the default one where ``name`` is None.

    Raises:
        DeviceError: A GPU is asked for, and something is missing that it needs.
    """
    if name is None:
        return "cuda" if default_device() == "cuda" else "cpu"
    asked_for = device(name)
    if asked_for.index:
        raise RuntimeError(f"{asked}: {asked_for} was asked for; there is one of each, cpu and cuda:0")
    if asked_for.type == "cpu":
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
    """A new tensor ``x`` with its memory on a device; a traced one is where its program runs, which is there."""
    where = place(name)
    if x._tracer is None:
        x._array = moved(x._array, where)
    elif where == "cuda":
        x._tracer.owner.placed = True
    return x


def check_together(tensors: Sequence[Any]) -> None:
    """DeviceError where tensors are on different devices; those without dimensions go along."""
    found = {place_of(x._array) for x in tensors if x._tracer is None and x._array.ndim}
    if len(found) > 1:
        raise not_together()


def not_together() -> DeviceError:
    """The error of tensors on different devices."""
    return DeviceError(
        "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
        "\n  cure: x.cuda() on the one that is on the CPU"
    )
