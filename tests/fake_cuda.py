"""A driver that checks what is asked of it: order, streams, capture, memory in use, copies. Kernels are Python functions."""

import ctypes

import numpy as np

from tracejit.runtime.cuda.driver import Product
from tracejit.runtime.cuda.emulated import EmulatedDriver, EmulatedStream
from tracejit.runtime.device import DeviceArray


class Misuse(AssertionError):
    """What a real driver would answer with a fault, or with wrong numbers."""


class FakeStream(EmulatedStream):
    def __init__(self, driver, handle, capturing=False):
        super().__init__(driver, handle)
        self.capturing = capturing

    def _note(self, kind, *what, touched=()):
        driver = self._driver
        if not driver.connected:
            raise Misuse(f"{kind} outside of a context")
        if self.handle != driver.capture_stream and driver.capturing and kind != "wait":
            raise Misuse(f"{kind} on stream {self.handle} while another one is captured")
        for address in touched:
            driver.order(address, self.handle)
        driver.events.append((kind, self.handle, *what))

    def reserve(self):
        if self.capturing:
            raise Misuse("memory was asked for while capturing")
        self._driver.reserved |= {self.handle, self._driver.capture_stream}

    def launch(self, kernel, blocks, threads, arguments, *numbers):
        self._driver.pieces.check(arguments, 8, "launch")
        name, function = kernel
        if self.capturing:
            self._note("launch", name, blocks, threads, *numbers)
            return
        self._note("launch", name, blocks, threads, *numbers, touched=[arguments])
        self._driver.ledger.counts["launches"] += 1
        function(self._driver, arguments, blocks, threads, *numbers)

    def multiply(self, product: Product):
        if not self._driver.replaying and self.handle not in self._driver.reserved:
            raise Misuse("a product without the memory that it works in")
        if self.capturing:
            self._note("product", product.m, product.k, product.n)
            return
        self._note(
            "product", product.m, product.k, product.n, touched=[p for p in (product.c, product.a, product.b, product.bias) if p]
        )
        super().multiply(product)

    def move(self, target, source, nbytes):
        self._note("move", nbytes, touched=() if self.capturing else [target, source])
        if not self.capturing:
            super().move(target, source, nbytes)

    def upload(self, target, source):
        if self.capturing:
            raise Misuse("a copy from the host was captured: it would read the host's array at each replay")
        if self._driver.capturing or not source.flags.c_contiguous:
            raise Misuse("a copy from the host that is captured, or not contiguous")
        self._note("upload", source.nbytes, touched=[target])
        super().upload(target, source)

    def download(self, target, source):
        if self.capturing:
            raise Misuse("a copy to the host, which waits, was captured")
        self._note("download", target.nbytes, touched=[source])
        super().download(target, source)

    def after(self, handle):
        self._note("after", handle)
        ordered = self._driver.ordered
        ordered[self.handle] = ordered.get(self.handle, set()) | ordered.get(handle, set()) | {handle}

    def wait(self):
        if self.capturing:
            raise Misuse("waited while capturing")
        self._note("wait")


class FakeDriver(EmulatedDriver):
    """The device.

    Args:
        kernels: What each region does, by its name: ``f(driver, address of its arguments, blocks, threads, *numbers)``.
    """

    capture_stream = 99

    def __init__(self, kernels=()):
        super().__init__()
        self.kernels = dict(kernels)
        self.events = []
        self.connected = True
        self.capturing = False
        self.current = 7
        self.ordered = {}  # stream -> streams whose work it has waited for
        self.users = {}  # block -> stream that used it last
        self.limit = None
        self.replaying = False
        self.reserved = set()  # streams with memory for products

    def order(self, address, handle):
        """Fault where a stream touches what another stream works on and has not been told to wait."""
        self.pieces.check(address, 1, "use")
        block = max(start for start in self.pieces._starts if start <= address)
        before = self.users.get(block)
        if before not in (None, handle) and before not in self.ordered.get(handle, ()):
            raise Misuse(f"stream {handle} touches what stream {before} works on")
        self.users[block] = handle

    def allocate(self, nbytes, purpose, stream=None):
        if self.limit is not None and self.pieces.used + nbytes > self.limit:
            raise self.ledger.refused(nbytes, purpose, self.limit - self.pieces.used, self.limit)
        block = super().allocate(nbytes, purpose, stream)
        self.users.pop(block.address, None)
        return block

    def load(self, module):
        return {name: (name, function) for name, function in self.kernels.items()}

    def stream(self, handle=None):
        return FakeStream(self, self.current if handle is None else handle)

    def capture(self, record):
        if self.capturing:
            raise Misuse("a capture within a capture")
        self.ledger.counts["captures"] += 1
        self.capturing = True
        try:
            self.events.append(("begin capture", self.capture_stream))
            record(FakeStream(self, self.capture_stream, capturing=True))
            self.events.append(("end capture", self.capture_stream))
        finally:
            self.capturing = False

        def replay(stream):
            self.ledger.counts["replays"] += 1
            self.events.append(("replay", stream.handle))
            self.replaying = True  # in the memory that the capture had
            record(stream)
            self.replaying = False

        return replay

    def words(self, address: int, count: int) -> list[int]:
        return np.ctypeslib.as_array((ctypes.c_int64 * count).from_address(address)).tolist()

    def array(self, address: int, count: int, dtype=np.float32) -> np.ndarray:
        """What lies at an address, to be read and written."""
        self.pieces.check(address, count * np.dtype(dtype).itemsize, "kernel")
        raw = (ctypes.c_uint8 * (count * np.dtype(dtype).itemsize)).from_address(address)
        return np.frombuffer(raw, dtype)

    def names(self, *kinds: str) -> list:
        """The events of some kinds, without their streams."""
        return [(kind, *what) for kind, _, *what in self.events if kind in kinds]

    def placed(self, array, stream=None) -> DeviceArray:
        block = self.allocate(array.nbytes, "test", stream)
        ctypes.memmove(block.address, array.ctypes.data, array.nbytes)
        return DeviceArray(block, array.shape, array.dtype, stream=stream)
