"""What the hardware gives: memory streams and bare matrix products, for questions to import and bars to name."""

from functools import partial

import numpy as np


def triad(x, *_):
    """``a = b + s*c`` over arrays of the size and dtype of ``x``: two arrays read, one written."""
    from numba import njit, prange

    @njit(parallel=True, fastmath=True, cache=True)
    def run(a, b, c, s):
        for i in prange(a.size):
            a[i] = b[i] + s * c[i]

    b = x.ravel()
    return partial(run, np.zeros_like(b), b, b.copy(), b.dtype.type(3))


def products(*pairs):
    """``np.matmul`` of each pair of matrices into a buffer of its own: the products of a program and nothing else."""
    jobs = [(a, b, np.empty((a.shape[0], b.shape[1]), a.dtype)) for a, b in pairs]

    def call():
        for a, b, out in jobs:
            np.matmul(a, b, out=out)

    return call
