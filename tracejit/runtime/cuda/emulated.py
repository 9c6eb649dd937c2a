"""The driver without a GPU: device memory is host memory, and kernels run block by block on the CPU, thread by thread.

It is for tests, and for looking at programs. Every address that it is given is checked.
"""

from __future__ import annotations

import bisect
import ctypes
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tracejit.backends.cuda.epilogues import finished
from tracejit.backends.cuda.geometry import Geometry, Threads
from tracejit.errors import DeviceError, DeviceFaultError
from tracejit.ir.dtype import FLOAT32, is_half
from tracejit.runtime.cuda.driver import At, Module, Product, Stream
from tracejit.runtime.cuda.emulator import Machine
from tracejit.runtime.cuda.memory import Block, Ledger
from tracejit.runtime.device import DeviceArray
from tracejit.schedule.roofline import Rates

_ALIGNMENT = 256
_POISON = 0xFF  # NaN in every float: memory that nobody wrote shows
TOTAL = 1 << 30


class _Owner:
    """Host memory that stands for device memory."""

    def __init__(self, nbytes: int) -> None:
        self._bytes = np.full(nbytes + _ALIGNMENT, _POISON, np.uint8)
        self.address = -(-self._bytes.ctypes.data // _ALIGNMENT) * _ALIGNMENT

    def view(self, array: DeviceArray) -> np.ndarray:
        """What lies at a device array, as NumPy has it."""
        start = array.address - self._bytes.ctypes.data
        return self._bytes[start : start + array.nbytes].view(array.dtype).reshape(array.shape)


class Pieces:
    """The memory that is in use, by address."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._sizes: dict[int, int] = {}

    @property
    def used(self) -> int:
        return sum(self._sizes.values())

    def add(self, address: int, nbytes: int) -> None:
        bisect.insort(self._starts, address)
        self._sizes[address] = nbytes

    def remove(self, address: int) -> None:
        self._starts.remove(address)
        del self._sizes[address]

    def left(self, address: int, what: str) -> int:
        """Bytes from an address to the end of the piece that it lies in; DeviceFaultError where it lies in none."""
        at = bisect.bisect_right(self._starts, address) - 1
        end = self._starts[at] + self._sizes[self._starts[at]] if at >= 0 else 0
        if address > end:
            raise DeviceFaultError(f"{what}: there is no memory in use at {address:#x}")
        return end - address

    def check(self, address: int, nbytes: int, what: str) -> None:
        """DeviceFaultError where ``nbytes`` from an address are not within one piece."""
        if nbytes > self.left(address, what):
            raise DeviceFaultError(f"{what}: {nbytes} bytes at {address:#x} reach beyond the memory in use there")


class EmulatedStream:
    """A stream that does everything at once.

    Args:
        driver: Of the device.
        handle: Its number.
        replays: Whether it does the work of a graph, which is counted as a whole.
    """

    def __init__(self, driver: EmulatedDriver, handle: int, replays: bool = False) -> None:
        self._driver, self.handle = driver, handle
        self._each = 0 if replays else 1

    def reserve(self) -> None:
        """Nothing: products need no more memory than their operands."""

    def launch(self, kernel: Any, blocks: int, threads: Threads, arguments: int, *numbers: int) -> None:
        self._driver.pieces.check(arguments, 8, "launch")
        self._driver.ledger.counts["launches"] += self._each
        self._driver.machine.launch(kernel, blocks, threads, arguments, *numbers)

    def multiply(self, product: Product) -> None:
        self._driver.ledger.counts["products"] += self._each
        multiply(product, self._driver.pieces)

    def move(self, target: int, source: int, nbytes: int) -> None:
        self._driver.pieces.check(target, nbytes, "copy, target")
        self._driver.pieces.check(source, nbytes, "copy, source")
        ctypes.memmove(target, source, nbytes)

    def upload(self, target: int, source: np.ndarray) -> None:
        self._driver.pieces.check(target, source.nbytes, "upload")
        self._driver.ledger.note_copy("uploads", source.nbytes)
        ctypes.memmove(target, source.ctypes.data, source.nbytes)

    def download(self, target: np.ndarray, source: int) -> None:
        self._driver.pieces.check(source, target.nbytes, "download")
        self._driver.ledger.note_copy("downloads", target.nbytes)
        ctypes.memmove(target.ctypes.data, source, target.nbytes)

    def mark(self) -> int:
        return time.perf_counter_ns()

    def after(self, handle: int) -> None:
        """Nothing: what another stream was given is done."""

    def wait(self) -> None:
        """Nothing: all work is done."""


class EmulatedDriver:
    """The device that is not there."""

    geometry = Geometry()
    needs_code = False
    compute_capability = (9, 0)
    rates = Rates(name="an emulated GPU")

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.pieces = Pieces()
        self.machine = Machine(self.geometry)

    def allocate(self, nbytes: int, purpose: str, stream: int | None = None) -> Block:
        free = TOTAL - self.pieces.used
        if nbytes > free:
            raise self.ledger.refused(nbytes, purpose, free, TOTAL)
        owner = _Owner(nbytes)
        self.pieces.add(owner.address, nbytes)
        block = Block(self, owner, owner.address, nbytes, purpose, self.stream(stream).handle)
        weakref.finalize(block, self.pieces.remove, owner.address)
        return block

    def between(self, earlier: int, later: int) -> float:
        return float(later - earlier)

    def offers(self, product: Product) -> bool:
        return min(product.m, product.k, product.n, product.batch) > 0

    def load(self, module: Module) -> Mapping[str, Any]:
        return self.machine.kernels(module.text, str(module.path))

    def stream(self, handle: int | None = None) -> Stream:
        return EmulatedStream(self, handle or 0)

    def capture(self, record: Callable[[Stream], None]) -> Callable[[Stream], None]:
        self.ledger.counts["captures"] += 1

        def replay(stream: Stream) -> None:
            self.ledger.counts["replays"] += 1
            record(EmulatedStream(self, stream.handle, replays=True))

        return replay


def multiply(product: Product, pieces: Pieces) -> None:
    """A product as NumPy has it; c is written element by element of its own type, as cuBLAS does."""
    p = product
    if min(p.m, p.n, p.batch) == 0:
        return
    c = _matrix(p, p.c, p.m, p.n, p.ldc, False, p.step_c, pieces)
    a = _matrix(p, p.a, p.m, p.k, p.lda, p.transposed[0], p.step_a, pieces)
    b = _matrix(p, p.b, p.k, p.n, p.ldb, p.transposed[1], p.step_b, pieces)
    alpha = p.alpha
    if isinstance(alpha, At):
        pieces.check(alpha.address, p.dtype.itemsize, "alpha of a product")
        alpha = _array(alpha.address, (1,), (p.dtype.itemsize,), p.dtype)[0]
    summed = FLOAT32 if is_half(p.dtype) else p.dtype
    out = summed.type(alpha) * (a.astype(summed, copy=False) @ b.astype(summed, copy=False))
    if p.epilogue:
        bias = None
        if p.bias:
            pieces.check(p.bias, p.n * p.dtype.itemsize, "bias of a product")
            bias = _array(p.bias, (p.n,), (p.dtype.itemsize,), p.dtype)
        out = finished(p.epilogue, out, bias)
    c[...] = out + c if p.beta else out


def _matrix(p: Product, address: int, rows: int, columns: int, ld: int, flip: bool, step: int, pieces: Pieces) -> np.ndarray:
    item = p.dtype.itemsize
    if flip:
        rows, columns = columns, rows
    reach = (p.batch - 1) * step + (rows - 1) * ld + columns
    if rows * columns:
        pieces.check(address, reach * item, "operand of a product")
    if ld < columns:
        raise DeviceError(f"product: rows of {columns} elements do not fit into a leading size of {ld}")
    stored = _array(address, (p.batch, rows, columns), (step * item, ld * item, item), p.dtype)
    return stored.swapaxes(1, 2) if flip else stored


def _array(address: int, shape: tuple[int, ...], strides: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    extent = sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + dtype.itemsize if 0 not in shape else 0
    raw: Any = (ctypes.c_uint8 * extent).from_address(address)
    return np.ndarray(shape, dtype, raw, strides=strides) if extent else np.empty(shape, dtype)
