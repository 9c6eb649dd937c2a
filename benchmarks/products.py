"""The five matrix products of the two-layer step and nothing else: what no program for it can do without."""

import ctypes
from pathlib import Path

import numpy as np
from problems import RATE

ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112  # cblas's words


def by_matmul(x, y, w1, w2):
    """The products through ``np.matmul(..., out=...)``, the gradients into buffers."""
    hidden, error = np.empty((len(x), w1.shape[1]), x.dtype), np.zeros_like(y)
    d1, d2 = np.empty_like(w1), np.empty_like(w2)

    def call():
        np.matmul(x, w1, out=hidden)
        np.matmul(hidden, w2, out=error)
        np.matmul(error, w2.T, out=hidden)
        np.matmul(hidden.T, error, out=d2)
        np.matmul(x.T, hidden, out=d1)

    return call


def by_address(x, y, w1, w2):
    """The same through NumPy's own OpenBLAS, the updates of the weights inside the last two; None where it is not found."""
    libraries = sorted(Path(np.__file__).parent.parent.glob("numpy.libs/libscipy_openblas64_*"))
    if not libraries:
        return None
    gemm = ctypes.CDLL(str(libraries[0])).scipy_cblas_sgemm64_
    gemm.restype = None
    gemm.argtypes = [*[ctypes.c_int] * 3, *[ctypes.c_int64] * 3, ctypes.c_float, *[ctypes.c_void_p, ctypes.c_int64] * 2]
    gemm.argtypes += [ctypes.c_float, ctypes.c_void_p, ctypes.c_int64]
    w1, w2 = w1.copy(), w2.copy()
    hidden, error = np.empty((len(x), w1.shape[1]), x.dtype), np.empty_like(y)
    xp, w1p, w2p, hp, ep = (a.ctypes.data_as(ctypes.c_void_p) for a in (x, w1, w2, hidden, error))
    (n, inputs), (wide, outputs) = x.shape, w2.shape

    def call():
        gemm(ROW_MAJOR, PLAIN, PLAIN, n, wide, inputs, 1, xp, inputs, w1p, wide, 0, hp, wide)
        gemm(ROW_MAJOR, PLAIN, PLAIN, n, outputs, wide, 1, hp, wide, w2p, outputs, 0, ep, outputs)
        gemm(ROW_MAJOR, PLAIN, TRANSPOSED, n, wide, outputs, 1, ep, outputs, w2p, outputs, 0, hp, wide)
        gemm(ROW_MAJOR, TRANSPOSED, PLAIN, wide, outputs, n, -RATE, hp, wide, ep, outputs, 1, w2p, outputs)
        gemm(ROW_MAJOR, TRANSPOSED, PLAIN, inputs, wide, n, -RATE, xp, inputs, hp, wide, 1, w1p, wide)

    return call
