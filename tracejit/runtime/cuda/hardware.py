"""The driver of a GPU: cuda.core launches and captures, CuPy gives memory, cuBLAS multiplies.

Written against cuda.core 1, CuPy 14 and nvmath-python 1; no GPU has run it yet.
"""

from __future__ import annotations

import functools
import importlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any

import numpy as np

from tracejit.backends.cuda.geometry import Geometry, Threads
from tracejit.errors import DeviceError, DeviceFaultError, TracejitError
from tracejit.runtime.cuda.driver import WITHOUT, Handle, Module, Product, Stream, missing_extra
from tracejit.runtime.cuda.memory import Block, Ledger
from tracejit.runtime.cuda.staging import LARGEST, SIZE, Staging
from tracejit.runtime.device import DeviceArray
from tracejit.schedule.roofline import Rates

_PACKAGES = (
    "cuda.core",
    "cuda.bindings.driver",
    "cuda.bindings.nvvm",
    "cuda.bindings.nvjitlink",
    "cupy",
    "nvmath.bindings.cublas",
    "nvmath.bindings.cublasLt",
)
_CUDA = 13000  # as the driver numbers versions
_LEAST = (7, 5)  # what CUDA 13 can still compile for
_MOST_STREAMS = 64


def missing(load: Callable[[str], Any] = importlib.import_module) -> Exception | None:
    """What keeps this process from using a GPU, as the error to raise; None where nothing does."""
    for name in _PACKAGES:
        try:
            load(name)
        except ImportError as error:
            return missing_extra(f"{name} cannot be imported ({error})")
    if not hasattr(load("cuda.core"), "launch"):
        return missing_extra("cuda.core is older than version 1")
    cuda = load("cuda.bindings.driver")
    try:
        (status,) = cuda.cuInit(0)
    except RuntimeError as error:  # the loader's, which cannot find it
        first = str(error).splitlines()[0]
        return DeviceError(f"cuda: the NVIDIA driver is not installed ({first})\n  cure: install it; {WITHOUT}")
    if status == cuda.CUresult.CUDA_ERROR_NO_DEVICE:
        return DeviceError(
            f"cuda: the NVIDIA driver finds no GPU\n  cure: look at CUDA_VISIBLE_DEVICES and nvidia-smi; {WITHOUT}"
        )
    if status != cuda.CUresult.CUDA_SUCCESS:
        return DeviceError(f"cuda: the NVIDIA driver does not start ({status.name})\n  cure: nvidia-smi says more; {WITHOUT}")
    status, version = cuda.cuDriverGetVersion()
    if version < _CUDA:
        return DeviceError(
            f"cuda: the NVIDIA driver is one of CUDA {version // 1000}.{version % 1000 // 10}; the extra needs one of CUDA 13\n"
            f"  cure: install driver 580 or a later one; {WITHOUT}"
        )
    found = tuple(load("cuda.core").Device().compute_capability)
    if found < _LEAST:
        least = ".".join(map(str, _LEAST))
        return DeviceError(
            f"cuda: the GPU has compute capability {found[0]}.{found[1]}; CUDA 13 needs {least} or more\n  cure: {WITHOUT}"
        )
    return None


class _Owner:
    """Memory from CuPy's pool."""

    def __init__(self, pointer: Any) -> None:
        self._pointer = pointer

    def view(self, array: DeviceArray) -> Any:
        cupy = importlib.import_module("cupy")
        return cupy.ndarray(array.shape, array.dtype, self._pointer + (array.address - self._pointer.ptr))


class HardwareStream:
    """A stream of CUDA's.

    Args:
        driver: Of its GPU.
        core: As ``cuda.core`` has it.
        handle: Its number.
        target: What kernels are launched on: ``core``, or the builder of a graph that captures it.
    """

    def __init__(self, driver: HardwareDriver, core: Any, handle: int, target: Any = None) -> None:
        self._driver, self._core, self.handle = driver, core, handle
        self._target = core if target is None else target

    def reserve(self) -> None:
        self._driver.reserve(self.handle)

    def launch(self, kernel: Any, blocks: int, threads: Threads, arguments: int, *numbers: int) -> None:
        driver = self._driver
        driver.ledger.counts["launches"] += 1
        with driver.faults():
            driver.core.launch(self._target, driver.grid(blocks, threads), kernel, arguments, *map(np.int64, numbers))

    def replay(self, graph: Any) -> None:
        try:  # quicker than ``faults``
            graph.launch(self._core)
        except Exception as error:
            raise self._driver.fault(str(error)) from error

    def multiply(self, product: Product) -> None:
        self._driver.ledger.counts["products"] += 1
        if product.k == 0 and not product.beta:
            self._clear(product)
            return
        with self._driver.faults():
            self._driver.blas.multiply(product, self.handle)

    def _clear(self, product: Product) -> None:
        """A product over no elements: zeros, which cuBLAS is not asked for, since its operands have no addresses."""
        nbytes = product.m * product.n * product.dtype.itemsize
        for i in range(product.batch if nbytes else 0):
            place = product.c + i * product.step_c * product.dtype.itemsize
            self._driver.check(self._driver.cuda.cuMemsetD8Async(place, 0, nbytes, self.handle))

    def move(self, target: int, source: int, nbytes: int) -> None:
        if nbytes:  # without elements there is no memory, and no address
            self._driver.check(self._driver.cuda.cuMemcpyDtoDAsync(target, source, nbytes, self.handle))

    def upload(self, target: int, source: np.ndarray) -> None:
        if not source.nbytes:
            return
        self._driver.ledger.note_copy("uploads", source.nbytes)
        if source.nbytes <= LARGEST:
            self._staging.send(target, source)
        else:
            self._copy(target, source.ctypes.data, source.nbytes)
            self.wait()  # it may still be read

    @functools.cached_property
    def _staging(self) -> Staging:
        return self._driver.staging(self._copy, self.handle)

    def _copy(self, target: int, source: int, nbytes: int) -> None:
        """From the host, by its address."""
        self._driver.check(self._driver.cuda.cuMemcpyHtoDAsync(target, source, nbytes, self.handle))

    def download(self, target: np.ndarray, source: int) -> None:
        if not target.nbytes:
            return
        self._driver.ledger.note_copy("downloads", target.nbytes)
        self._driver.check(self._driver.cuda.cuMemcpyDtoHAsync(target.ctypes.data, source, target.nbytes, self.handle))
        self.wait()

    def mark(self) -> Any:
        return self._driver.marked(self.handle)

    def after(self, handle: int) -> None:
        with self._driver.faults():
            self._core.wait(self._driver.known(int(handle)))

    def wait(self) -> None:
        self._driver.check(self._driver.cuda.cuStreamSynchronize(self.handle))


class HardwareDriver:
    """The current GPU of this process."""

    geometry = Geometry()
    needs_code = True

    def __init__(self) -> None:
        self.core = importlib.import_module("cuda.core")
        self.cuda = importlib.import_module("cuda.bindings.driver")
        self._cupy = importlib.import_module("cupy")
        from tracejit.runtime.cuda.blas import Blas

        self._device = self.core.Device(self._cupy.cuda.runtime.getDevice())
        self._process, self._threads = os.getpid(), threading.local()
        self._enter_context()
        self.ledger = Ledger()
        self._capturing = self._device.create_stream()  # the caller's may be the default stream, which cannot be captured
        self._graphs = threading.RLock()  # one capture at a time, and one replay is told of at a time
        self._replayed: int | None = None  # the stream of the last replay
        self.grid = lru_cache(maxsize=4096)(self._grid)
        self.known = lru_cache(maxsize=_MOST_STREAMS)(self.core.Stream.from_handle)
        self._stagings: dict[int, Staging] = {}  # by stream; they live on, since copies from them may be under way
        with self.faults():
            self.blas = Blas(self, int(self._capturing.handle))

    def _grid(self, blocks: int, threads: Threads) -> Any:
        return self.core.LaunchConfig(grid=blocks, block=threads)

    @property
    def rates(self) -> Rates:
        p, (major, minor) = self._device.properties, self.compute_capability
        lanes = 64 if (major, minor) in ((7, 5), (8, 0)) else 128
        each = p.multiprocessor_count * lanes * p.clock_rate / 1e6  # operations a nanosecond
        memory = max(2 * p.memory_clock_rate * p.global_memory_bus_width / 8e6, 1.0)  # some shared GPUs do not tell
        return Rates(
            plain=1 / each,
            function=10 / each,
            long=60 / each,
            multiplications=each,
            cached=2.5 * memory,
            memory=memory,
            memory_all=memory,
            cache=p.l2_cache_size,
            name=self._device.name,
        )

    @property
    def compute_capability(self) -> tuple[int, int]:
        major, minor = self._device.compute_capability
        return major, minor

    def allocate(self, nbytes: int, purpose: str, stream: int | None = None) -> Block:
        try:  # CuPy's pool gives memory back to the stream that it was taken on, so nothing under way there is overwritten
            cuda = self._cupy.cuda
            is_current = stream is None or cuda.get_current_stream().ptr == stream
            with nullcontext() if is_current else self._of_cupy(stream):  # type: ignore[arg-type]
                pointer = cuda.alloc(nbytes)
        except self._cupy.cuda.memory.OutOfMemoryError:
            free, total = self._cupy.cuda.runtime.memGetInfo()
            free += self._cupy.get_default_memory_pool().free_bytes()
            raise self.ledger.refused(nbytes, purpose, free, total) from None
        except self._cupy.cuda.runtime.CUDARuntimeError as error:
            raise self.fault(str(error)) from error
        return Block(self, _Owner(pointer), pointer.ptr, nbytes, purpose, self.stream(stream).handle)

    def reserve(self, stream: int) -> None:
        """Have the memory that cuBLAS works in, on a stream and in graphs."""
        self.blas.reserve(stream)
        self.blas.reserve(int(self._capturing.handle))

    def staging(self, copy: Callable[[int, int, int], None], handle: int) -> Staging:
        """The page-locked memory for copies to the device on a stream."""
        found = self._stagings.get(int(handle))
        if found is None:
            memory = np.frombuffer(self._cupy.cuda.alloc_pinned_memory(SIZE), np.uint8, SIZE)
            made = Staging(memory, copy, lambda: self.marked(handle).synchronize)
            found = self._stagings.setdefault(int(handle), made)
        return found

    def marked(self, handle: int) -> Any:
        """An event of CuPy's, which takes the time when a stream comes to it."""
        event = self._cupy.cuda.Event()
        event.record(self._of_cupy(handle))
        return event

    def _of_cupy(self, handle: int) -> Any:
        """A stream as CuPy's."""
        return self._cupy.cuda.Stream.from_external(Handle(handle))

    def between(self, earlier: Any, later: Any) -> float:
        return float(self._cupy.cuda.get_elapsed_time(earlier, later)) * 1e6  # from milliseconds

    def offers(self, product: Product) -> bool:
        with self.faults():
            return self.blas.offers(product)

    def load(self, module: Module) -> Mapping[str, Any]:
        if not module.entries:
            return {}
        self._enter_context()
        with self.faults():
            code = self.core.ObjectCode.from_cubin(module.cubin)
            return {name: code.get_kernel(entry) for name, entry in module.entries.items()}

    def _enter_context(self) -> None:
        """Make the GPU's context that of this thread, which the driver asks of each thread once."""
        if not getattr(self._threads, "entered", False):
            self._device.set_current()
            self._threads.entered, self._threads.last = True, None

    def stream(self, handle: int | None = None) -> Stream:
        self._enter_context()
        if handle is not None:
            return HardwareStream(self, self.known(int(handle)), handle)
        try:
            current, last = self._cupy.cuda.get_current_stream(), self._threads.last
        except self._cupy.cuda.runtime.CUDARuntimeError as error:
            raise self.fault(str(error)) from error
        if last is None or last.handle.owner is not current:
            made = Handle.of(current)
            last = self._threads.last = HardwareStream(self, self.known(int(made)), made)
        stream: HardwareStream = last
        return stream

    def capture(self, record: Callable[[Stream], None]) -> Callable[[Any], None]:
        self.ledger.counts["captures"] += 1
        with self._graphs:
            graph = self._captured(record)

        def replay(stream: HardwareStream) -> None:
            self.ledger.counts["replays"] += 1
            with self._graphs:
                if self._replayed not in (None, stream.handle):
                    stream.after(self._replayed)  # all graphs share cuBLAS's workspace of the stream that they were captured on
                stream.replay(graph)
                self._replayed = stream.handle

        return replay

    def _captured(self, record: Callable[[Stream], None]) -> Any:
        """What ``record`` does as a graph; a capture that fails leaves the stream as it was."""
        with self.faults():
            builder = self._capturing.create_graph_builder()
            builder.begin_building()
            try:
                record(HardwareStream(self, builder.stream, int(self._capturing.handle), builder))
            finally:
                builder.end_building()
            return builder.complete()

    def check(self, answer: tuple[Any, ...]) -> None:
        """Raise what a call of the driver answered, if it is no success."""
        status = answer[0]
        if status != self.cuda.CUresult.CUDA_SUCCESS:
            raise self.fault(status.name)

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Raise what NVIDIA's packages raise within as a fault of the device."""
        try:
            yield
        except TracejitError:
            raise
        except Exception as error:  # their classes for these are not all public
            raise self.fault(str(error)) from error

    def fault(self, what: str) -> DeviceFaultError:
        """The error for what the driver, or one of NVIDIA's packages, answered."""
        if os.getpid() != self._process:
            return DeviceFaultError(
                f"cuda: {what}: a forked process cannot use the GPU that its parent uses\n"
                '  cure: multiprocessing.get_context("spawn")'
            )
        return DeviceFaultError(
            f"cuda: {what}, of this call or of a kernel before it\n"
            "  cure: TRACEJIT_CHECK=1 waits for each kernel and names the line of the one that failed"
        )
