"""Device memory: pieces of it, an account of who holds how much, and what is said when there is none left."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from tracejit.errors import DeviceMemoryError
from tracejit.runtime.device import DeviceArray

if TYPE_CHECKING:
    from tracejit.runtime.cuda.driver import Driver


class Ledger:
    """What the programs of this process hold on a device, and what they copied to and from it.

    Attributes:
        held: Bytes by purpose.
        counts: How often, by ``launches``, ``products``, ``replays``, ``captures``, ``uploads`` and ``downloads``.
        copied: Bytes, by ``uploads`` and ``downloads``.
    """

    def __init__(self) -> None:
        self.held: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.copied: Counter[str] = Counter()

    def note_copy(self, direction: str, nbytes: int) -> None:
        self.counts[direction] += 1
        self.copied[direction] += nbytes

    def refused(self, nbytes: int, purpose: str, free: int, total: int) -> DeviceMemoryError:
        """What to raise when the device does not give ``nbytes``."""
        holders = [f"    {size_text(n):>10}  {name}" for name, n in self.held.most_common(8) if n]
        asked, left, every, mine = map(size_text, (nbytes, free, total, sum(self.held.values())))
        lines = [
            f"out of memory on cuda: {asked} were asked for {purpose}; {left} of {every} are free",
            f"  tracejit holds {mine}" + (":" if holders else ""),
            *holders,
            "  nothing was changed: Variables and arguments are as before the call",
            "  cure: smaller batches, or drop results and Variables that are not needed",
        ]
        return DeviceMemoryError("\n".join(lines))


class Memory(ABC):
    """A piece of device memory.

    Args:
        driver: Where it is.
        owner: What holds it; the memory is given back when the last reference to it goes.
        address: Of its first byte.
        nbytes: How much it is.
    """

    __slots__ = ("__weakref__", "address", "driver", "nbytes", "owner", "stream")

    def __init__(self, driver: Driver, owner: Any, address: int, nbytes: int) -> None:
        self.driver, self.owner, self.address, self.nbytes = driver, owner, address, nbytes
        self.stream: int | None = None

    def download(self, target: np.ndarray, address: int, stream: int | None) -> None:
        self.driver.stream(stream).download(target, address)

    def upload(self, address: int, source: np.ndarray, stream: int | None) -> int:
        at = self.driver.stream(stream)
        at.upload(address, source)
        return at.handle

    def move(self, target: int, source: int, nbytes: int, stream: int | None, after: int | None) -> int:
        at = self.driver.stream(stream)
        if after is not None and after != at.handle:
            at.after(after)
        at.move(target, source, nbytes)
        return at.handle

    def order(self, before: int, after: int) -> None:
        if before != after:
            self.driver.stream(after).after(before)

    def copied(self, address: int, nbytes: int, stream: int | None) -> tuple[Block, int]:
        block = self.driver.allocate(nbytes, "copies", stream)
        return block, self.move(block.address, address, nbytes, stream, None)

    @abstractmethod
    def exported(self, array: DeviceArray) -> Any:
        """The array as an object of the library that the memory is from."""


class Block(Memory):
    """Memory of ours.

    It goes back to the stream that it was taken for, which first waits for the one that used it last.

    Args:
        driver, owner, address, nbytes: As of all memory.
        purpose: For the ledger.
        home: Handle of the stream that it was taken for.

    Attributes:
        shown: Whether another library has seen it, and may still.
    """

    __slots__ = ("home", "purpose", "shown")

    def __init__(self, driver: Driver, owner: Any, address: int, nbytes: int, purpose: str, home: int) -> None:
        super().__init__(driver, owner, address, nbytes)
        self.purpose, self.home = purpose, home
        self.shown = False
        driver.ledger.held[purpose] += nbytes

    def __del__(self) -> None:
        self.driver.ledger.held[self.purpose] -= self.nbytes
        if self.stream is not None and self.stream != self.home and not sys.is_finalizing():
            self.driver.stream(self.home).after(self.stream)

    def exported(self, array: DeviceArray) -> Any:
        self.shown = True
        return self.owner.view(array)


class Borrowed(Memory):
    """Memory of another library, whose array is the owner."""

    __slots__ = ()

    def exported(self, array: DeviceArray) -> Any:
        return self.owner


def size_text(nbytes: int) -> str:
    """A number of bytes for people."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if nbytes < 1024 or unit == "GiB":
            return f"{nbytes} bytes" if unit == "bytes" else f"{nbytes:.4g} {unit}"
        nbytes = nbytes / 1024  # type: ignore[assignment]
    raise AssertionError


def placed(driver: Driver, source: np.ndarray, purpose: str, stream: int | None = None) -> DeviceArray:
    """A host array's content on the device."""
    plain = np.asarray(source, dtype=source.dtype.newbyteorder("="), order="C")
    block = driver.allocate(plain.nbytes, purpose, stream)
    return DeviceArray(block, plain.shape, plain.dtype, stream=block.upload(block.address, plain, stream))
