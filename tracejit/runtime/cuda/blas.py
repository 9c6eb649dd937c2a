"""Products on a GPU, through cuBLAS; those that end in an epilogue through cuBLASLt.

The matrices are row-major and cuBLAS is column-major: ``C = A B`` is asked for as ``C' = B' A'``, which needs no copy.
float32 is computed in float32; ``TRACEJIT_TF32=1`` lets cuBLAS round the operands to TF32. Products of halves are added up in
float32 and rounded once.
"""

from __future__ import annotations

import importlib
import threading
from collections import OrderedDict
from typing import NamedTuple

import numpy as np

from tracejit.config import config
from tracejit.errors import UnsupportedError
from tracejit.ir.dtype import FLOAT32, is_bfloat16, is_half
from tracejit.runtime.cuda.blas_lt import BlasLt
from tracejit.runtime.cuda.driver import At, Driver, Product, missing_extra
from tracejit.runtime.cuda.memory import Block

WORKSPACE = 32 << 20  # bytes: what NVIDIA advises for Hopper
HOST, DEVICE = 0, 1  # where cuBLAS finds alpha and beta
_MOST_WORKSPACES = 8
_FAST_TF32 = 77
_ANY = -1  # cuBLAS chooses the algorithm


class _Type(NamedTuple):
    """cuBLAS's numbers of a dtype and of the arithmetic on it."""

    data: int
    compute: int


_TYPES = {
    np.dtype(np.float16): _Type(2, 68),
    np.dtype(np.float32): _Type(0, 68),
    np.dtype(np.float64): _Type(1, 70),
    np.dtype(np.complex64): _Type(4, 68),
    np.dtype(np.complex128): _Type(5, 70),
}
_BFLOAT16 = _Type(14, 68)


class Blas:
    """A handle of cuBLAS with memory of its own, so that products can be captured in graphs. Any number of threads may use it.

    Args:
        driver: Gives memory.
        capturing: The stream that graphs are captured on; they keep its workspace.

    Raises:
        MissingExtraError: The library is not installed.
    """

    def __init__(self, driver: Driver, capturing: int) -> None:
        self._cublas = importlib.import_module("nvmath.bindings.cublas")
        try:
            self._handle = self._cublas.create()
            self._lt = BlasLt(WORKSPACE, config().tf32)
        except RuntimeError as error:  # the loader's, which cannot find it
            raise missing_extra(f"cuBLAS does not start ({str(error).splitlines()[0]})") from None
        self._driver, self._capturing = driver, capturing
        self._tf32 = config().tf32
        self._lock = threading.RLock()  # the handle's stream, workspace and mode belong to one product at a time
        self._workspaces: OrderedDict[int, Block] = OrderedDict()  # by stream, since products of two streams may run at once
        self._factors: dict[tuple[np.dtype, bytes], np.ndarray] = {}  # alive as long as the handle, as graphs refer to them
        self._zeros_and_ones: dict[tuple[np.dtype, int], Block] = {}

    def reserve(self, stream: int) -> Block:
        """The memory for products on a stream; that of graphs, and of the streams that were used last, is kept."""
        with self._lock:
            if stream not in self._workspaces:
                self._workspaces[stream] = self._driver.allocate(WORKSPACE, "products", stream)
                if len(self._workspaces) > _MOST_WORKSPACES:
                    del self._workspaces[next(s for s in self._workspaces if s != self._capturing)]
            self._workspaces.move_to_end(stream)
            return self._workspaces[stream]

    def offers(self, product: Product) -> bool:
        """Whether a product with an epilogue is computed as one."""
        return self._lt.offers(product)

    def multiply(self, product: Product, stream: int) -> None:
        """Ask for a product on a stream."""
        p = product
        if p.epilogue:
            self._lt.multiply(p, stream, self.reserve(stream).address)
            return
        kind = _BFLOAT16 if is_bfloat16(p.dtype) else _TYPES.get(p.dtype)
        if kind is None:
            raise UnsupportedError(
                f"matmul on cuda: dtype {p.dtype}\n  rule: cuBLAS multiplies floats, complex64 and complex128\n"
                "  cure: cast with astype, or run this function on the CPU"
            )
        if min(p.m, p.n, p.batch) == 0:
            return
        with self._lock:
            self._cublas.set_stream(self._handle, int(stream))  # first: it takes the workspace away
            self._cublas.set_workspace(self._handle, self.reserve(stream).address, WORKSPACE)
            on_device = isinstance(p.alpha, At)
            self._cublas.set_pointer_mode(self._handle, DEVICE if on_device else HOST)
            summed = FLOAT32 if is_half(p.dtype) else p.dtype
            alpha = p.alpha.address if on_device else self._number(summed, p.alpha)
            beta = self._on_device(summed, p.beta, stream) if on_device else self._number(summed, p.beta)
            compute = _FAST_TF32 if p.dtype.char in "fF" and self._tf32 else kind.compute
            head = (self._handle, int(p.transposed[1]), int(p.transposed[0]), p.n, p.m, p.k, alpha)
            b, a, c = ((address, kind.data, max(ld, 1)) for address, ld in ((p.b, p.ldb), (p.a, p.lda), (p.c, p.ldc)))
            if p.batch == 1:
                self._cublas.gemm_ex_64(*head, *b, *a, beta, *c, compute, _ANY)
            else:
                steps = (*b, p.step_b, *a, p.step_a, beta, *c, p.step_c)
                self._cublas.gemm_strided_batched_ex_64(*head, *steps, p.batch, compute, _ANY)

    def _number(self, dtype: np.dtype, value: complex) -> int:
        """Host address of a number."""
        number = np.full(1, value, dtype)
        kept = self._factors.setdefault((dtype, number.tobytes()), number)
        return int(kept.ctypes.data)

    def _on_device(self, dtype: np.dtype, value: int, stream: int) -> int:
        """Device address of 0 or 1."""
        if (dtype, value) not in self._zeros_and_ones:  # when a product first runs, which is not in a capture
            block = self._driver.allocate(dtype.itemsize, "products", stream)
            own = self._driver.stream(stream)
            own.upload(block.address, np.full(1, value, dtype))
            own.wait()  # other streams read it
            self._zeros_and_ones[dtype, value] = block
        return self._zeros_and_ones[dtype, value].address
