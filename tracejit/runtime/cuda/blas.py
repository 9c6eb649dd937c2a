"""Products on a GPU, through cuBLAS.

The matrices are row-major and cuBLAS is column-major: ``C = A B`` is asked for as ``C' = B' A'``, which needs no copy.
float32 is computed in float32; ``TRACEJIT_TF32=1`` lets cuBLAS round the operands to TF32.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tracejit.config import config
from tracejit.errors import UnsupportedError
from tracejit.runtime.cuda.driver import At, Product

WORKSPACE = 32 << 20  # bytes: what NVIDIA advises for Hopper
HOST, DEVICE = 0, 1  # where cuBLAS finds alpha and beta
_FAST_TF32 = 77
_ANY = -1  # cuBLAS chooses the algorithm


class _Type(NamedTuple):
    """cuBLAS's numbers of a dtype and of the arithmetic on it."""

    data: int
    compute: int


_TYPES = {
    np.dtype(np.float32): _Type(0, 68),
    np.dtype(np.float64): _Type(1, 70),
    np.dtype(np.complex64): _Type(4, 68),
    np.dtype(np.complex128): _Type(5, 70),
}


class Blas:
    """A handle of cuBLAS with memory of its own, so that products can be captured in graphs.

    Args:
        allocate: Gives device memory; an object with its address as ``ptr``.
    """

    def __init__(self, allocate: Callable[[int], Any]) -> None:
        self._cublas = importlib.import_module("nvmath.bindings.cublas")
        self._handle = self._cublas.create()
        self._allocate = allocate
        self._tf32 = config().tf32
        self._workspaces: dict[int, Any] = {}  # by stream, since products of two streams may run at once
        self._factors: dict[tuple[np.dtype, bytes], np.ndarray] = {}  # alive as long as the handle, as graphs refer to them
        self._zeros_and_ones: dict[tuple[np.dtype, int], Any] = {}

    def multiply(self, product: Product, stream: int) -> None:
        """Ask for a product on a stream."""
        p = product
        kind = _TYPES.get(p.dtype)
        if kind is None:
            raise UnsupportedError(
                f"matmul on cuda: dtype {p.dtype}\n  rule: cuBLAS multiplies float32, float64, complex64 and complex128\n"
                "  cure: cast with astype, or run this function on the CPU"
            )
        if min(p.m, p.n, p.batch) == 0:
            return
        if stream not in self._workspaces:
            self._workspaces[stream] = self._allocate(WORKSPACE)
        self._cublas.set_stream(self._handle, stream)
        self._cublas.set_workspace(self._handle, self._workspaces[stream].ptr, WORKSPACE)
        on_device = isinstance(p.alpha, At)
        self._cublas.set_pointer_mode(self._handle, DEVICE if on_device else HOST)
        alpha = p.alpha.address if on_device else self._number(p.dtype, p.alpha)
        beta = self._on_device(p.dtype, p.beta) if on_device else self._number(p.dtype, p.beta)
        compute = _FAST_TF32 if p.dtype.char in "fF" and self._tf32 else kind.compute
        head = (self._handle, int(p.transposed[1]), int(p.transposed[0]), p.n, p.m, p.k, alpha)
        b, a, c = ((address, kind.data, ld) for address, ld in ((p.b, p.ldb), (p.a, p.lda), (p.c, p.ldc)))
        if p.batch == 1:
            self._cublas.gemm_ex(*head, *b, *a, beta, *c, compute, _ANY)
        else:
            steps = (*b, p.step_b, *a, p.step_a, beta, *c, p.step_c)
            self._cublas.gemm_strided_batched_ex(*head, *steps, p.batch, compute, _ANY)

    def _number(self, dtype: np.dtype, value: complex) -> int:
        """Host address of a number."""
        number = np.full(1, value, dtype)
        kept = self._factors.setdefault((dtype, number.tobytes()), number)
        return int(kept.ctypes.data)

    def _on_device(self, dtype: np.dtype, value: int) -> int:
        """Device address of 0 or 1."""
        if (dtype, value) not in self._zeros_and_ones:
            memory = self._allocate(dtype.itemsize)
            memory.copy_from_host(np.full(1, value, dtype).ctypes.data, dtype.itemsize)  # when it first runs, not in a capture
            self._zeros_and_ones[dtype, value] = memory
        return int(self._zeros_and_ones[dtype, value].ptr)
