"""Stand-ins for the packages of ``tracejit[cuda]``: they note each call, refuse what NVIDIA's do, and compute on the host."""

import ctypes
import sys
import weakref
from types import ModuleType, SimpleNamespace

import numpy as np
from fake_cublas_lt import Lt

import tracejit as tj

DTYPES = {0: np.float32, 1: np.float64, 2: np.float16, 4: np.complex64, 5: np.complex128, 14: tj.bfloat16}
PROPERTIES = {
    "multiprocessor_count": 132, "clock_rate": 1_980_000, "memory_clock_rate": 3_201_000, "global_memory_bus_width": 6144,
    "l2_cache_size": 60 << 20,
}  # fmt: skip
MOST_THREADS, MOST_BLOCKS = 1024, 2**31 - 1


class Refused(Exception):
    """What cuda.core, CuPy or cuBLAS would raise."""


class CUDARuntimeError(RuntimeError):
    """As CuPy names it."""


class Packages:
    """The modules, and what was asked of them: ``(name, *arguments)``.

    Attributes:
        lt: The stand-in for cuBLASLt.
        current: CuPy's current stream.
        capturing: The stream whose work is captured; None while none is.
        destroyed: Streams that are no more.
        memory: Bytes of each piece that is in use, by its address.
        pinned: Address and bytes of page-locked memory.
    """

    def __init__(self, monkeypatch, total=1 << 20):
        self.calls, self.memory, self.total, self.pointer_mode = [], {}, total, 0
        self.version = 13000  # of CUDA, as the driver says
        self.capturing, self.destroyed, self.pinned = None, set(), []
        self.blas_stream = self.workspace = None
        self.current = 11
        self.lt = Lt(self)
        for name, module in self._modules().items():
            monkeypatch.setitem(sys.modules, name, module)

    def names(self, *chosen):
        return [c for c in self.calls if c[0] in chosen]

    def _modules(self):
        def module(name, **content):
            made = ModuleType(name)
            vars(made).update(content)
            return made

        answers = ("SUCCESS", "ERROR_NO_DEVICE", "ERROR_ILLEGAL_ADDRESS", "ERROR_INVALID_VALUE", "ERROR_INVALID_HANDLE")
        names = [f"CUDA_{name}" for name in (*answers, "ERROR_STREAM_CAPTURE_UNSUPPORTED", "ERROR_OUT_OF_MEMORY")]
        self.results = results = SimpleNamespace(**{name: SimpleNamespace(name=name) for name in names})
        self.answer = results.CUDA_SUCCESS
        cuda = module("cuda")
        core = module("cuda.core", Device=self._device, Stream=SimpleNamespace(from_handle=self._stream))
        core.LaunchConfig, core.launch = self._config, self._launch
        core.ObjectCode = SimpleNamespace(from_cubin=lambda cubin: SimpleNamespace(get_kernel=lambda entry: (cubin, entry)))
        driver = module("cuda.bindings.driver", CUresult=results, cuInit=lambda flags: (self.answer,))
        driver.cuDriverGetVersion = lambda: (results.CUDA_SUCCESS, self.version)
        driver.cuMemcpyHtoDAsync = self._copy("to device", to_device=True)
        driver.cuMemcpyDtoHAsync = self._copy("to host", from_device=True)
        driver.cuMemcpyDtoDAsync = self._copy("move", to_device=True, from_device=True)
        driver.cuMemsetD8Async = self._set
        driver.cuStreamSynchronize = lambda handle: self._answered("wait", handle, waits=True)
        cupy = module("cupy", ndarray=lambda shape, dtype, pointer: ("cupy array", shape, dtype, pointer.ptr))
        memory = SimpleNamespace(OutOfMemoryError=MemoryError)
        cupy.cuda = SimpleNamespace(alloc=self._alloc, alloc_pinned_memory=self._alloc_pinned, memory=memory)
        cupy.cuda.Stream = SimpleNamespace(from_external=self._external)
        cupy.cuda.Event, cupy.cuda.get_elapsed_time = self._event, lambda earlier, later: later.at - earlier.at
        cupy.cuda.get_current_stream = lambda: SimpleNamespace(ptr=self.current)
        cupy.cuda.runtime = SimpleNamespace(getDevice=lambda: 0, memGetInfo=lambda: (self.total, self.total))
        cupy.cuda.runtime.CUDARuntimeError = CUDARuntimeError
        cupy.get_default_memory_pool = lambda: SimpleNamespace(free_bytes=lambda: 0)
        cublas = module("nvmath.bindings.cublas", create=lambda: 5, gemm_ex_64=self._gemm)
        cublas.gemm_strided_batched_ex_64 = self._batched
        cublas.set_stream, cublas.set_workspace = self._set_stream, self._set_workspace
        cublas.set_pointer_mode = lambda handle, mode: setattr(self, "pointer_mode", mode)
        bindings, lt = module("cuda.bindings", driver=driver), self.lt.module()
        modules = [cuda, core, bindings, driver, cupy, module("nvmath"), module("nvmath.bindings", cublas=cublas), cublas, lt]
        return {m.__name__: m for m in [*modules, module("cuda.bindings.nvvm"), module("cuda.bindings.nvjitlink")]}

    # cuda.core

    def _device(self, number=None):
        return SimpleNamespace(
            compute_capability=(9, 0),
            name="NVIDIA H200",
            properties=SimpleNamespace(**PROPERTIES),
            set_current=lambda: self.calls.append(("set_current",)),
            create_stream=lambda: self._stream(77),
        )

    def _stream(self, handle):
        if type(handle) is not int:
            raise TypeError(f"a handle is an int, not {type(handle).__name__}")
        self._living(handle)
        return SimpleNamespace(
            name=f"stream {handle}",
            handle=handle,
            wait=lambda other: self._after(handle, other.handle),
            create_graph_builder=lambda: self._builder(handle),
        )

    def _after(self, handle, other):
        self._living(handle, other)
        if self.capturing in (handle, other):
            raise Refused("CUDA_ERROR_STREAM_CAPTURE_ISOLATION")
        self.calls.append(("after", handle, other))

    def _living(self, *handles):
        if self.destroyed.intersection(handles):
            raise Refused("CUDA_ERROR_INVALID_HANDLE")

    def _config(self, grid, block):
        lanes, rows = (block, 1) if isinstance(block, int) else block
        if not (1 <= lanes * rows <= MOST_THREADS and 1 <= grid <= MOST_BLOCKS):
            raise Refused(f"CUDA_ERROR_INVALID_VALUE: {grid} blocks of {block} threads")
        return grid, block

    def _launch(self, target, config, kernel, *args):
        if type(args[0]) is not int or any(type(number) is not np.int64 for number in args[1:]):
            raise TypeError("a kernel takes one address and numbers of 64 bits")
        if target.name == "builder" and self.capturing is None:
            raise Refused("CUDA_ERROR_ILLEGAL_STATE: nothing is captured")
        self._living(target.handle)
        self.calls.append(("launch", target.name, config, kernel, *args))

    def _builder(self, handle):
        builder = SimpleNamespace(name="builder", handle=handle, stream=self._stream(handle))
        graph = SimpleNamespace(launch=lambda stream: (self._living(stream.handle), self.calls.append(("replay", stream.handle))))

        def begin():
            if self.capturing is not None or handle == 0:
                raise Refused("CUDA_ERROR_ILLEGAL_STATE")
            self.calls.append(("begin",))
            self.capturing = handle

        def end():
            self.calls.append(("end",))
            self.capturing = None
            return builder

        def complete():
            if self.capturing is not None:
                raise Refused("CUDA_ERROR_ILLEGAL_STATE")
            return graph

        builder.begin_building, builder.end_building, builder.complete = begin, end, complete
        return builder

    # The driver

    def _copy(self, name, to_device=False, from_device=False):
        def call(target, source, nbytes, stream):
            for address, is_there in ((target, to_device), (source, from_device)):
                if is_there and not self._inside(address, nbytes):
                    return (self.results.CUDA_ERROR_INVALID_VALUE,)
            pinned = any(start <= source and source + nbytes <= start + n for start, n in self.pinned)
            answer = self._answered(name, nbytes, stream, waits=to_device != from_device and not pinned)
            if answer[0] is self.results.CUDA_SUCCESS:
                ctypes.memmove(target, source, nbytes)
            return answer

        return call

    def _set(self, target, value, nbytes, stream):
        if not self._inside(target, nbytes):
            return (self.results.CUDA_ERROR_INVALID_VALUE,)
        ctypes.memset(target, value, nbytes)
        return self._answered("set", nbytes, stream)

    def _inside(self, address, nbytes):
        return nbytes > 0 and any(start <= address and address + nbytes <= start + n for start, n in self.memory.items())

    def _answered(self, *call, waits=False):
        self.calls.append(call)
        if call[-1] in self.destroyed:
            return (self.results.CUDA_ERROR_INVALID_HANDLE,)
        if waits and call[-1] == self.capturing:
            return (self.results.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,)
        return (self.answer,)

    # CuPy

    def _alloc(self, nbytes):
        if nbytes > self.total:
            raise MemoryError
        if self.answer is not self.results.CUDA_SUCCESS:
            raise CUDARuntimeError(self.answer.name.replace("CUDA_ERROR_", "cudaError"))
        if self.capturing is not None:
            raise CUDARuntimeError("cudaErrorStreamCaptureUnsupported: memory may be taken before a capture, not in it")
        self.calls.append(("alloc", nbytes, self.current))
        if not nbytes:
            return Pointer(0)
        raw = np.zeros(nbytes + 256, np.uint8)
        address = -(-raw.ctypes.data // 256) * 256
        self.memory[address] = nbytes
        weakref.finalize(raw, self.memory.pop, address)
        return Pointer(address, raw)

    def _external(self, stream):
        packages = self
        version, handle = stream.__cuda_stream__()
        if version != 0 or type(handle) is not int:
            raise TypeError("__cuda_stream__ is to give 0 and the number of a stream")
        self._living(handle)

        class Entered:
            ptr = handle

            def __enter__(self):
                self.before, packages.current = packages.current, handle

            def __exit__(self, *exception):
                packages.current = self.before

        return Entered()

    def _alloc_pinned(self, nbytes):
        raw = (ctypes.c_uint8 * nbytes)()
        self.pinned.append((ctypes.addressof(raw), nbytes))
        return raw

    def _event(self):
        event = SimpleNamespace(at=None, synchronize=lambda: self.calls.append(("waited", event.at)))

        def record(stream):
            self._living(stream.ptr)
            self.calls.append(("event", stream.ptr))
            event.at = 0.25 * len(self.names("event"))  # milliseconds

        event.record = record
        return event

    # cuBLAS, column-major

    def _set_stream(self, handle, stream):
        self._living(stream)
        self.blas_stream, self.workspace = stream, None  # as cuBLAS does
        self.calls.append(("set_stream", handle, stream))

    def _set_workspace(self, handle, address, nbytes):
        if not self._inside(address, nbytes) or address % 256:
            raise Refused("CUBLAS_STATUS_INVALID_VALUE")
        self.workspace = address
        self.calls.append(("set_workspace", handle, nbytes))

    def _gemm(self, handle, ta, tb, m, n, k, alpha, a, at, lda, b, bt, ldb, beta, c, ct, ldc, compute, algorithm):
        self._batched(handle, ta, tb, m, n, k, alpha, a, at, lda, 0, b, bt, ldb, 0, beta, c, ct, ldc, 0, 1, compute, algorithm)

    def _batched(
        self, handle, ta, tb, m, n, k, alpha, a, at, lda, sa, b, bt, ldb, sb, beta, c, ct, ldc, sc, count, compute, algorithm
    ):
        assert at == bt == ct
        if self.workspace is None:
            raise Refused("the workspace is cuBLAS's own, which no graph may use")
        if self.pointer_mode and not (self._inside(alpha, 1) and self._inside(beta, 1)):
            raise Refused("CUDA_ERROR_ILLEGAL_ADDRESS: alpha and beta are on the host")
        self.calls.append(("gemm", compute, self.pointer_mode, count))
        dtype = np.dtype(DTYPES[at])
        summed = np.dtype(np.float32) if compute == 68 and dtype.itemsize == 2 else dtype
        alpha, beta = (_array(p, (1,), (summed.itemsize,), summed)[0] for p in (alpha, beta))
        for i in range(count):
            x = self.matrix(a + i * sa * dtype.itemsize, (k, m) if ta else (m, k), lda, dtype)
            y = self.matrix(b + i * sb * dtype.itemsize, (n, k) if tb else (k, n), ldb, dtype)
            z = self.matrix(c + i * sc * dtype.itemsize, (m, n), ldc, dtype)
            x, y = (x.T if ta else x).astype(summed), (y.T if tb else y).astype(summed)
            z[...] = alpha * (x @ y) + (beta * z if beta else 0)

    def matrix(self, address, shape, ld, dtype):
        if ld < max(1, shape[0]):
            raise Refused("CUBLAS_STATUS_INVALID_VALUE")
        strides = dtype.itemsize, ld * dtype.itemsize
        if not self._inside(address, sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + dtype.itemsize):
            raise Refused("CUDA_ERROR_ILLEGAL_ADDRESS")
        return _array(address, shape, strides, dtype)


class Pointer:
    def __init__(self, address, raw=None):
        self.ptr, self._raw = address, raw

    def __add__(self, offset):
        return Pointer(self.ptr + offset, self._raw)


def _array(address, shape, strides, dtype):
    extent = sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + dtype.itemsize
    return np.ndarray(shape, dtype, (ctypes.c_uint8 * extent).from_address(address), strides=strides)
