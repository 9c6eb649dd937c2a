"""The seam to the device: what a program needs of it, and which driver there is.

Three drivers fit: :mod:`.hardware`, which talks to a GPU; :mod:`.emulated`, which runs the same generated files on the CPU;
and the one of the tests, which checks every call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from tracejit.backends.cuda.geometry import Geometry, Threads
from tracejit.config import config
from tracejit.errors import MissingExtraError
from tracejit.runtime.cuda.memory import Block, Ledger
from tracejit.schedule.roofline import Rates


class Product(NamedTuple):
    """``c = alpha * a @ b + beta * c`` on row-major matrices by their addresses, for each of a batch.

    Attributes:
        dtype: Of all three.
        transposed: Whether a and b are stored transposed.
        c, a, b: Byte addresses.
        m, k, n: a is [m, k], b is [k, n].
        lda, ldb, ldc: Elements from one stored row to the next.
        alpha: A number, or ``At`` where it is in device memory.
        beta: 0 or 1.
        batch: How many products.
        step_c, step_a, step_b: Elements from one matrix of the batch to the next.
        epilogue: What is done to each element of c before it is stored: nothing, or see ``schedule.Epilogue``.
        bias: The byte address of the n elements that it adds to each row.
    """

    dtype: np.dtype
    transposed: tuple[bool, bool]
    c: int
    a: int
    b: int
    m: int
    k: int
    n: int
    lda: int
    ldb: int
    ldc: int
    alpha: Any
    beta: int
    batch: int = 1
    step_c: int = 0
    step_a: int = 0
    step_b: int = 0
    epilogue: str = ""
    bias: int = 0


class At(NamedTuple):
    """A number that lies in device memory."""

    address: int


@dataclass(frozen=True)
class Module:
    """What is loaded of a program: the file, and the machine code of each region, by name.

    Attributes:
        text: The generated file.
        path: Where it is.
        cubin: The machine code of its kernels; empty for a driver that runs the file itself.
        entries: The name of each kernel there, by its name in the file.
        compiled: Whether it was not found in the cache.
    """

    text: str
    path: Path
    cubin: bytes = b""
    entries: Mapping[str, str] = field(default_factory=dict)
    compiled: bool = True


class Handle(int):
    """The number of a stream, which lives as long as this does: its owner is another library's object."""

    owner: object = None

    @classmethod
    def of(cls, owner: Any) -> Handle:
        """The handle of CuPy's stream."""
        made = cls(owner.ptr)
        made.owner = owner
        return made

    def __cuda_stream__(self) -> tuple[int, int]:
        """As CUDA's stream protocol has it: version, and number."""
        return 0, int(self)


class Stream(Protocol):
    """Work that a device does in order. Addresses are the device's; no call but ``wait`` and ``download`` waits."""

    handle: int

    def reserve(self) -> None:
        """Have the memory that products work in, so that none of them fails for want of it.

        Raises:
            DeviceMemoryError: There is none left.
        """

    def launch(self, kernel: Any, blocks: int, threads: Threads, arguments: int, *numbers: int) -> None: ...

    def multiply(self, product: Product) -> None:
        """A product; one with an epilogue is one that the driver offers."""

    def move(self, target: int, source: int, nbytes: int) -> None: ...

    def upload(self, target: int, source: np.ndarray) -> None:
        """From a host array, which may change as soon as this returns."""

    def download(self, target: np.ndarray, source: int) -> None:
        """To a host array; waits."""

    def mark(self) -> Any:
        """The moment at which the work so far is done, for ``between``."""

    def after(self, handle: int) -> None:
        """Go on only when what another stream has been given so far is done."""

    def wait(self) -> None: ...


class Driver(Protocol):
    """A device."""

    ledger: Ledger
    geometry: Geometry
    """How it likes its grids."""
    needs_code: bool
    """Whether kernels are run as machine code."""

    @property
    def rates(self) -> Rates:
        """What it does at most, as its maker says."""

    @property
    def compute_capability(self) -> tuple[int, int]: ...

    def allocate(self, nbytes: int, purpose: str, stream: int | None = None) -> Block:
        """Memory for work on a stream, aligned to 256 bytes. DeviceMemoryError where there is none left."""

    def between(self, earlier: Any, later: Any) -> float:
        """Nanoseconds from one mark to another one; both have been waited for."""

    def offers(self, product: Product) -> bool:
        """Whether a product with an epilogue is computed as one. Asked when it is first seen, before anything is captured."""

    def load(self, module: Module) -> Mapping[str, Any]:
        """The kernels of a program, by region, as ``launch`` takes them."""

    def stream(self, handle: int | None = None) -> Stream:
        """The stream of a handle; the caller's current one if not given, which lives as long as the handle does."""

    def capture(self, record: Callable[[Stream], None]) -> Callable[[Stream], None]:
        """What ``record`` does to a stream, as one graph: not done now, but by each call of what is returned."""


WITHOUT = 'device="cpu" runs it without one, and TRACEJIT_CUDA=emulate shows what a GPU would do'


def missing_extra(what: str) -> MissingExtraError:
    """The error for a part of the extra that is not there."""
    return MissingExtraError(
        f'cuda: {what}\n  rule: programs on a GPU need the extra "cuda"\n  cure: pip install "tracejit[cuda]"; {WITHOUT}'
    )


@functools.cache
def _driver(kind: str) -> Driver:
    if kind == "emulate":
        from tracejit.runtime.cuda.emulated import EmulatedDriver

        return EmulatedDriver()
    from tracejit.runtime.cuda.hardware import HardwareDriver, missing

    fault = missing()
    if fault is not None:
        raise fault
    return HardwareDriver()


def driver() -> Driver:
    """The driver that ``TRACEJIT_CUDA`` names, made once.

    Raises:
        MissingExtraError: A package of ``tracejit[cuda]`` is not installed.
        DeviceError: The NVIDIA driver or a GPU is missing, or the GPU is too old.
    """
    return _driver(config().cuda)
