"""Stand-ins for the packages of ``tracejit[cuda]``: they note each call, and compute on the host what a GPU would."""

import ctypes
import sys
from types import ModuleType, SimpleNamespace

import numpy as np

DTYPES = {0: np.float32, 1: np.float64, 4: np.complex64, 5: np.complex128}


class Packages:
    """The modules, and what was asked of them: ``(name, *arguments)``."""

    def __init__(self, monkeypatch, total=1 << 20):
        self.calls, self.memory, self.total, self.status, self.pointer_mode = [], {}, total, 0, 0
        self.current = 11  # CuPy's current stream
        for name, module in self._modules().items():
            monkeypatch.setitem(sys.modules, name, module)

    def names(self, *chosen):
        return [c for c in self.calls if c[0] in chosen]

    def _modules(self):
        def module(name, **content):
            made = ModuleType(name)
            vars(made).update(content)
            return made

        results = SimpleNamespace(CUDA_SUCCESS=SimpleNamespace(name="CUDA_SUCCESS"))
        results.CUDA_ERROR_NO_DEVICE = SimpleNamespace(name="CUDA_ERROR_NO_DEVICE")
        results.CUDA_ERROR_ILLEGAL_ADDRESS = SimpleNamespace(name="CUDA_ERROR_ILLEGAL_ADDRESS")
        self.results, self.answer = results, results.CUDA_SUCCESS
        cuda = module("cuda")
        core = module("cuda.core", Device=self._device, Stream=SimpleNamespace(from_handle=self._stream))
        core.LaunchConfig = lambda grid, block: (grid, block)
        core.launch = lambda target, config, kernel, *args: self.calls.append(("launch", target.name, config, kernel, *args))
        core.ObjectCode = SimpleNamespace(from_cubin=lambda cubin: SimpleNamespace(get_kernel=lambda entry: (cubin, entry)))
        driver = module("cuda.bindings.driver", CUresult=results, cuInit=lambda flags: (self.answer,))
        driver.cuMemcpyHtoDAsync = self._copy("to device", lambda t, s, n: ctypes.memmove(t, s, n))
        driver.cuMemcpyDtoHAsync = self._copy("to host", lambda t, s, n: ctypes.memmove(t, s, n))
        driver.cuMemcpyDtoDAsync = self._copy("move", lambda t, s, n: ctypes.memmove(t, s, n))
        driver.cuStreamSynchronize = lambda handle: self._answered("wait", handle)
        cupy = module("cupy", ndarray=lambda shape, dtype, pointer: ("cupy array", shape, dtype, pointer.ptr))
        memory = SimpleNamespace(OutOfMemoryError=MemoryError)
        cupy.cuda = SimpleNamespace(alloc=self._alloc, memory=memory, ExternalStream=self._external)
        cupy.cuda.get_current_stream = lambda: SimpleNamespace(ptr=self.current)
        cupy.cuda.runtime = SimpleNamespace(getDevice=lambda: 0, memGetInfo=lambda: (self.total, self.total))
        cupy.get_default_memory_pool = lambda: SimpleNamespace(free_bytes=lambda: 0)
        cublas = module("nvmath.bindings.cublas", create=lambda: 5, gemm_ex=self._gemm)
        cublas.gemm_strided_batched_ex = self._batched
        cublas.set_stream = lambda handle, stream: self.calls.append(("set_stream", handle, stream))
        cublas.set_workspace = lambda handle, address, n: self.calls.append(("set_workspace", handle, n))
        cublas.set_pointer_mode = lambda handle, mode: setattr(self, "pointer_mode", mode)
        bindings = module("cuda.bindings", driver=driver)
        modules = [cuda, core, bindings, driver, cupy, module("nvmath"), module("nvmath.bindings", cublas=cublas), cublas]
        return {m.__name__: m for m in [*modules, module("cuda.bindings.nvvm"), module("cuda.bindings.nvjitlink")]}

    # cuda.core

    def _device(self, number=None):
        return SimpleNamespace(
            compute_capability=(9, 0),
            set_current=lambda: self.calls.append(("set_current",)),
            create_stream=lambda: self._stream(77),
        )

    def _stream(self, handle):
        return SimpleNamespace(
            name=f"stream {handle}",
            handle=handle,
            wait=lambda other: self.calls.append(("after", handle, other.handle)),
            create_graph_builder=lambda: self._builder(handle),
        )

    def _builder(self, handle):
        builder = SimpleNamespace(name="builder", stream=self._stream(handle))
        graph = SimpleNamespace(launch=lambda stream: self.calls.append(("replay", stream.handle)))
        builder.begin_building = lambda: self.calls.append(("begin",))
        builder.end_building = lambda: (self.calls.append(("end",)), SimpleNamespace(complete=lambda: graph))[1]
        return builder

    def _copy(self, name, do):
        def call(target, source, nbytes, stream):
            do(target, source, nbytes)
            return self._answered(name, nbytes, stream)

        return call

    def _answered(self, *call):
        self.calls.append(call)
        return (self.answer,)

    # CuPy

    def _alloc(self, nbytes):
        if nbytes > self.total:
            raise MemoryError
        self.calls.append(("alloc", nbytes, self.current))
        raw = np.zeros(nbytes + 256, np.uint8)
        address = -(-raw.ctypes.data // 256) * 256
        self.memory[address] = raw
        return Pointer(address)

    def _external(self, handle):
        packages = self

        class Entered:
            def __enter__(self):
                self.before, packages.current = packages.current, handle

            def __exit__(self, *exception):
                packages.current = self.before

        return Entered()

    # cuBLAS, column-major

    def _gemm(self, handle, ta, tb, m, n, k, alpha, a, at, lda, b, bt, ldb, beta, c, ct, ldc, compute, algorithm):
        self._batched(handle, ta, tb, m, n, k, alpha, a, at, lda, 0, b, bt, ldb, 0, beta, c, ct, ldc, 0, 1, compute, algorithm)

    def _batched(
        self, handle, ta, tb, m, n, k, alpha, a, at, lda, sa, b, bt, ldb, sb, beta, c, ct, ldc, sc, count, compute, algorithm
    ):
        assert at == bt == ct
        self.calls.append(("gemm", compute, self.pointer_mode, count))
        dtype = np.dtype(DTYPES[at])
        alpha, beta = (_array(p, (1,), (dtype.itemsize,), dtype)[0] for p in (alpha, beta))
        for i in range(count):
            x = _column_major(a + i * sa * dtype.itemsize, (k, m) if ta else (m, k), lda, dtype)
            y = _column_major(b + i * sb * dtype.itemsize, (n, k) if tb else (k, n), ldb, dtype)
            z = _column_major(c + i * sc * dtype.itemsize, (m, n), ldc, dtype)
            z[...] = alpha * ((x.T if ta else x) @ (y.T if tb else y)) + (beta * z if beta else 0)


class Pointer:
    def __init__(self, address):
        self.ptr = address

    def __add__(self, offset):
        return Pointer(self.ptr + offset)

    def copy_from_host(self, source, nbytes):
        ctypes.memmove(self.ptr, source, nbytes)


def _column_major(address, shape, ld, dtype):
    assert ld >= shape[0]
    return _array(address, shape, (dtype.itemsize, ld * dtype.itemsize), dtype)


def _array(address, shape, strides, dtype):
    extent = sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) + dtype.itemsize
    return np.ndarray(shape, dtype, (ctypes.c_uint8 * extent).from_address(address), strides=strides)
