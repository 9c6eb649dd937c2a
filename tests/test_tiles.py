"""Large products in tiles: right, the same bits for any number of threads, and the library left with the threads it had."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from test_blas import matrix

import tracejit as tj
from tracejit.runtime import blas, threads, tiles
from tracejit.schedule.cost import LEAST_TILED

DTYPES = [np.dtype("f4"), np.dtype("f8")]
SHAPES = [(64, 1000, 100), (1000, 64, 100), (1, 2100, 2001), (2001, 2100, 1), (301, 302, 303), (5, 999999, 3), (640, 650, 660)]


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = threads.num_threads()
    yield
    threads.set_num_threads(before)


def product(a, b, c, alpha, beta, transpose_a, transpose_b):
    m, n = c.shape
    call = blas.gemm(blas.gemm_addresses()[c.dtype == np.float64], c.dtype)
    flags = [blas.TRANSPOSE if t else blas.NO_TRANSPOSE for t in (transpose_a, transpose_b)]
    k = a.shape[0] if transpose_a else a.shape[1]
    strides = [x.strides[0] // x.itemsize for x in (a, b, c)]
    places = [x.ctypes.data for x in (a, b, c)]
    call(blas.ROW_MAJOR, *flags, m, n, k, alpha, places[0], strides[0], places[1], strides[1], beta, places[2], strides[2])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("transpose_a", "transpose_b"), [(False, False), (False, True), (True, False), (True, True)])
def test_a_product_in_tiles_is_the_product_and_its_bits_do_not_depend_on_the_threads(dtype, transpose_a, transpose_b):
    generator = np.random.default_rng(0)
    for m, k, n in SHAPES:
        assert m * k * n >= LEAST_TILED
        a = matrix(generator, *((k, m) if transpose_a else (m, k)), dtype, 3)
        b = matrix(generator, *((n, k) if transpose_b else (k, n)), dtype, 2)
        old = matrix(generator, m, n + 5, dtype, 0)
        found = set()
        for count in (1, 2, 5):
            threads.set_num_threads(count)
            c = old.copy()
            product(a, b, c[:, :n], -0.5, 1.0, transpose_a, transpose_b)
            found.add(c.tobytes())
        assert len(found) == 1
        expect = -0.5 * ((a.T if transpose_a else a) @ (b.T if transpose_b else b)) + old[:, :n]
        np.testing.assert_allclose(c[:, :n], expect, rtol=1e-3, atol=2e-3 * k**0.5 if dtype == np.float32 else 1e-9)
        np.testing.assert_array_equal(c[:, n:], old[:, n:])


def test_the_library_has_its_threads_back_after_products_from_many_callers():
    before = blas.blas_threads()
    if before is None:
        pytest.fail("the library of this machine does not tell its threads")
    generator = np.random.default_rng(0)
    a, b = generator.standard_normal((2, 200, 200)).astype("f4")
    right: list[bool] = []

    def caller() -> None:
        for _ in range(40):
            c = np.empty((200, 200), "f4")
            product(a, b, c, 1.0, 0.0, False, False)
            right.append(np.allclose(c, expect, rtol=1e-3, atol=1e-3))

    blas.set_blas_threads(2)
    expect = a @ b
    try:
        callers = [threading.Thread(target=caller) for _ in range(5)]
        for thread in callers:
            thread.start()
        for thread in callers:
            thread.join()
        assert blas.blas_threads() == 2
    finally:
        blas.set_blas_threads(before)
    assert len(right) == 200 and all(right)


def test_the_library_multiplies_on_one_thread_while_a_program_runs():
    before = blas.blas_threads()
    seen = set()
    controls = blas._thread_controls()
    assert controls is not None and before is not None
    get, _ = controls
    product_type = type(blas.gemm(1, np.dtype("f4")))

    def spy(*arguments):
        seen.add(get())

    watched = product_type(spy)
    address = tiles._address(watched)
    code = tiles.tiled(address, address, controls)
    call = blas.gemm(code.address, np.dtype("f4"))
    blas.set_blas_threads(2)
    try:
        call(101, 111, 111, 300, 300, 300, 1.0, 0, 300, 0, 300, 0.0, 0, 300)
        assert seen == {1} and blas.blas_threads() == 2
    finally:
        blas.set_blas_threads(before)


def test_products_of_python_stay_on_the_thread_that_calls(monkeypatch):
    monkeypatch.setattr(blas, "_chosen", lambda: ("matmul", blas.from_source("matmul")))
    blas._in_tiles.cache_clear()
    try:
        assert blas.gemm_addresses() == blas.from_source("matmul")[:2]
    finally:
        blas._in_tiles.cache_clear()


BATCHES = """
import numpy as np, tracejit as tj
from tracejit.runtime import blas
f = tj.function(lambda q, k: q @ k.swapaxes(-1, -2))
for shape in [(64, 40, 70), (2, 5, 30, 40), (3, 170, 160), (2, 300, 260), (2, 3, 1, 9, 8)]:
    q, k = np.random.default_rng(0).standard_normal((2, *shape)).astype("f4")
    found = set()
    for threads in (1, 2, 5):
        tj.set_num_threads(threads)
        out = f(q, k)
        assert np.allclose(out, q @ k.swapaxes(-1, -2), rtol=1e-3, atol=1e-3)
        found.add(out.tobytes())
    assert len(found) == 1, shape
print(blas.source())
"""


@pytest.mark.parametrize("source", ["auto", "matmul"])
def test_batches_of_products_are_right_and_their_bits_do_not_depend_on_the_threads(source):
    env = {**os.environ, "TRACEJIT_BLAS": source, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run([sys.executable, "-c", BATCHES], env=env, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert source in ("auto", ended.stdout.strip())


def test_a_training_step_gives_the_same_bits_for_any_number_of_threads():
    generator = np.random.default_rng(0)
    x, y = generator.standard_normal((96, 700)).astype("f4"), generator.standard_normal((96, 8)).astype("f4")
    found = set()
    for count in (1, 2, 3):
        threads.set_num_threads(count)
        start = np.random.default_rng(1)
        w1 = tj.Variable(start.standard_normal((700, 200)).astype("f4") * 0.01)
        w2 = tj.Variable(start.standard_normal((200, 8)).astype("f4") * 0.01)

        @tj.function
        def step(x, y, w1=w1, w2=w2):
            with tj.GradientTape() as tape:
                loss = np.sum((np.tanh(x @ w1) @ w2 - y) ** 2)
            for w, g in zip((w1, w2), tape.gradient(loss, [w1, w2]), strict=True):
                w.assign_sub(np.float32(1e-4) * g / np.sqrt(np.sum(g * g)))
            return loss

        losses = [np.asarray(step(x, y)) for _ in range(3)]
        found.add((w1.numpy().tobytes(), w2.numpy().tobytes(), *(loss.tobytes() for loss in losses)))
    assert len(found) == 1
