"""Matrix products by address: every source computes alpha * op(a) @ op(b) + beta * c, through the same C interface."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tracejit.runtime import blas

DTYPES = [np.dtype("f4"), np.dtype("f8")]
SHAPES = [(1, 1, 1), (3, 4, 5), (7, 1, 3), (64, 33, 17), (2, 3, 0), (0, 3, 2), (3, 0, 2)]  # m, n, k


@pytest.fixture(params=list(blas.SOURCES))
def source(request):
    found = blas.from_source(request.param)
    if found is None and request.param == "numpy":  # right only where NumPy was built with another library
        assert not list(Path(np.__file__).parents[1].glob("numpy.libs/*openblas*")), "NumPy's OpenBLAS is there, but not used"
        found = blas.from_source("matmul")
    assert found is not None
    return found


def product(found, a, b, c, alpha, beta, transpose_a, transpose_b):
    """Call a source's product on arrays whose rows may be wider than the matrices."""
    m, n = c.shape
    k = a.shape[0] if transpose_a else a.shape[1]
    call = blas.gemm(found.sgemm if c.dtype == np.float32 else found.dgemm, c.dtype)
    a_ld, b_ld, c_ld = (max((x if x.base is None else x.base).shape[1], 1) for x in (a, b, c))
    flags = [blas.TRANSPOSE if t else blas.NO_TRANSPOSE for t in (transpose_a, transpose_b)]
    call(blas.ROW_MAJOR, *flags, m, n, k, alpha, a.ctypes.data, a_ld, b.ctypes.data, b_ld, beta, c.ctypes.data, c_ld)


def matrix(generator, rows, columns, dtype, extra):
    return generator.standard_normal((rows, columns + extra)).astype(dtype)[:, :columns]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("transpose_a", "transpose_b"), [(False, False), (False, True), (True, False), (True, True)])
@pytest.mark.parametrize("extra", [0, 3])
def test_products_equal_numpy(source, dtype, transpose_a, transpose_b, extra):
    generator = np.random.default_rng(0)
    for m, n, k in SHAPES:
        a = matrix(generator, *((k, m) if transpose_a else (m, k)), dtype, extra)
        b = matrix(generator, *((n, k) if transpose_b else (k, n)), dtype, extra)
        for alpha, beta in ((1.0, 0.0), (-0.5, 1.0), (2.0, 0.25), (0.0, 2.0)):
            c = matrix(generator, m, n, dtype, extra)
            around = c.base.copy() if extra else None
            expect = alpha * ((a.T if transpose_a else a) @ (b.T if transpose_b else b)) + beta * c
            product(source, a, b, c, alpha, beta, transpose_a, transpose_b)
            np.testing.assert_allclose(c, expect, rtol=1e-4 if dtype == np.float32 else 1e-12, atol=1e-5)
            if extra:
                assert np.array_equal(c.base[:, n:], around[:, n:])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("k", [0, 3])
def test_beta_zero_does_not_read_c(source, dtype, k):
    a, b = np.ones((4, k), dtype), np.ones((k, 5), dtype)
    c = np.full((4, 5), np.nan, dtype)
    product(source, a, b, c, 1.0, 0.0, False, False)
    assert np.array_equal(c, np.full((4, 5), k))


def test_an_update_in_place_reads_the_old_values(source):
    x, g, w = (np.random.default_rng(i).standard_normal((6, 6)).astype("f4") for i in range(3))
    expect = w - np.float32(0.1) * (x.T @ g)
    product(source, x, g, w, -0.1, 1.0, True, False)
    np.testing.assert_allclose(w, expect, rtol=1e-5)


def test_sizes_beyond_32_bits_do_not_reach_the_fortran_function():
    scipy = blas.from_source("scipy")
    a, b, c = np.ones((1, 3), "f4"), np.ones((3, 2), "f4"), np.zeros((1, 2), "f4")
    wide = (1 << 32) + 1  # a row length that would read as 1; there is one row, so none is ever skipped
    places = [x.ctypes.data for x in (a, b, c)]
    flags = (blas.ROW_MAJOR, blas.NO_TRANSPOSE, blas.NO_TRANSPOSE)
    blas.gemm(scipy.sgemm, c.dtype)(*flags, 1, 2, 3, 1.0, places[0], wide, places[1], 2, 0.0, places[2], wide)
    assert np.array_equal(c, [[3, 3]])


def test_the_first_source_that_works_is_taken():
    name = next(name for name in blas.SOURCES if blas.from_source(name))
    assert blas.source() == name
    assert blas.gemm_addresses() == blas.gemm_addresses()


def test_a_wrong_product_is_not_taken(monkeypatch):
    prototype = ctypes.CFUNCTYPE(None, *blas._arguments(ctypes.c_float))
    nothing = prototype(lambda *_: None)
    wrong = blas.Blas(blas._address(nothing), blas._address(nothing), nothing)
    monkeypatch.setitem(blas.SOURCES, "wrong", lambda: wrong)
    monkeypatch.setitem(blas.SOURCES, "missing", lambda: blas._openblas("numpy", "no such name"))
    assert blas.from_source("wrong") is None and blas.from_source("missing") is None


@pytest.mark.parametrize("name", ["scipy", "matmul"])
def test_the_environment_forces_a_source(name):
    program = "from tracejit.runtime import blas; print(blas.source(), all(blas.gemm_addresses()))"
    done = subprocess.run(
        [sys.executable, "-c", program], env={**blas.os.environ, "TRACEJIT_BLAS": name}, capture_output=True, text=True
    )
    assert done.stdout.split() == [name, "True"], done.stderr


def test_the_number_of_threads_can_be_set_and_read():
    before = blas.blas_threads()
    if blas.set_blas_threads(1):
        assert blas.blas_threads() == 1
        assert blas.set_blas_threads(before) and blas.blas_threads() == before
    else:
        assert before is None
    with pytest.raises(ValueError, match="at least 1"):
        blas.set_blas_threads(0)
