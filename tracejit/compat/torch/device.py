"""Devices: there is the CPU."""

from __future__ import annotations

from typing import Any

from tracejit.compat.torch.errors import DeviceError


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


CPU = device("cpu")


def check_device(name: Any, asked: str = "device") -> None:
    """DeviceError for anything but the CPU."""
    if name is not None and device(name).type != "cpu":
        raise DeviceError(
            f"{asked}: {name} was asked for, and tracejit has no CUDA backend yet: it runs on the CPU, compiled"
            "\n  cure: torch.FloatTensor in place of torch.cuda.FloatTensor, and no .cuda() or .to('cuda')"
        )
