"""Objects load without Numba and give their memory back; their threads may be shared and survive forks."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys

import numpy as np
import pytest
from guard_tools import on_arrays, run_threads

from tracejit.backends.cpu.compile import compile_source
from tracejit.errors import CompileError
from tracejit.runtime import blas, cache, native, threads
from tracejit.runtime.route import LETS_IN

PROGRAM = '''
"""Squares, and their sum by chunks."""
from prelude import f32, f32_at, grain_of, parallel_for, plus, program, region

@region
def region_0(chunk, begin, end, table):
    x = f32_at(table[9] + 4 * begin, end - begin)
    out = f32_at(table[10] + 4 * begin, end - begin)
    part = f32_at(table[11] + 4 * chunk, 1)
    total = f32(0)
    for i in range(end - begin):
        v0 = x[i] * x[i]
        out[i] = v0
        total = plus(total, v0)
    part[0] = total

@program
def step(table):
    n = table[8]
    parallel_for(region_0, table, 0, n, grain_of(n, 10), 10)
'''


class Squares:
    """The program above, loaded, bound to arrays of one size."""

    def __init__(self, made, size):
        self.code = native.load(made.object_code, made.symbol)
        self.table = np.zeros(16, np.int64)
        self.table[8] = size
        self.part = np.zeros(64, np.float32)
        arrays = (np.empty(size, "f4"), np.empty(size, "f4"), self.part)
        self.enter = on_arrays(self.code.address, self.table, (9, 10, 11), *arrays)

    def __call__(self, x):
        out = np.empty_like(x)
        part = np.zeros(64, np.float32)
        assert self.enter(x, out, part) is x
        return out, part


@pytest.fixture(scope="module")
def made():
    return compile_source(PROGRAM, "squares.py")


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).standard_normal(300_000).astype("f4")


def test_a_compiled_object_runs(made, x):
    out, part = Squares(made, x.size)(x)
    assert np.array_equal(out, x * x)
    np.testing.assert_allclose(part.sum(), (x * x).sum(), rtol=1e-5)


def test_any_number_of_threads_gives_the_same_bits(made, x):
    program, before = Squares(made, x.size), threads.num_threads()
    try:
        parts = []
        for n in (1, 2, 3, 7):
            threads.set_num_threads(n)
            parts.append(program(x)[1])
    finally:
        threads.set_num_threads(before)
    assert len({part.tobytes() for part in parts}) == 1


def test_dropped_objects_give_their_memory_back(made):
    def resident():
        gc.collect()
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    for _ in range(20):
        native.load(made.object_code, made.symbol)
    before = resident()
    for _ in range(200):
        native.load(made.object_code, made.symbol)
    assert resident() - before < 1 << 20


@pytest.mark.parametrize("content", [b"", b"garbage", bytes(1000)])
def test_what_is_no_object_is_an_error_and_not_the_end(content):
    with pytest.raises(CompileError, match="no object"):
        native.load(content, "step")


def test_an_object_without_the_entry_is_an_error(made):
    with pytest.raises(CompileError, match="no function other"):
        native.load(made.object_code, "other")


TGAMMA = """
declare double @tgamma(double)
define double @step(double %x) {
  %y = call double @tgamma(double %x)
  ret double %y
}
"""


def test_functions_of_the_c_library_are_found():
    code = load_ir(TGAMMA)
    assert ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(code.address)(5.0) == 24.0


def test_an_object_with_an_unknown_name_is_an_error_and_not_the_end():
    with pytest.raises(CompileError, match="no_such_function"):
        load_ir(TGAMMA.replace("tgamma", "no_such_function"))


def load_ir(text):
    llvm = native.binding()
    machine = llvm.Target.from_default_triple().create_target_machine(codemodel="large")
    return native.load(machine.emit_object(llvm.parse_assembly(text)), "step")


PRODUCT = """
from prelude import f32, f32_at, gemm_nn, program

@program
def step(table):
    n = table[8]
    x = f32_at(table[9], n * n)
    out = f32_at(table[10], n * n)
    gemm_nn(table[2], out, x, x, n, n, n, n, n, n, f32(1), f32(0))
"""


@pytest.mark.parametrize("source", ["numpy", "matmul"])
@pytest.mark.parametrize("guard", ["native", "python"])
def test_threads_may_share_a_program_whose_products_let_others_in(source, guard, monkeypatch):
    found = blas.from_source(source) or blas.from_source("scipy")
    monkeypatch.setenv("TRACEJIT_GUARD", guard)
    made = compile_source(PRODUCT, "product.py")
    code, table, n = native.load(made.object_code, made.symbol), np.zeros(11, np.int64), 30
    table[2], table[8] = found.sgemm, n
    square = np.zeros((n, n), "f4")
    enter, right = on_arrays(code.address, table, (9, 10), square, square, mode=LETS_IN), []

    def work(number):
        x, out = np.random.default_rng(number).standard_normal((2, n, n)).astype("f4")
        right.extend(enter(x, out) is x and np.allclose(out, x @ x, atol=1e-4) for _ in range(100))

    run_threads(work, range(6))
    assert len(right) == 600 and all(right)


@pytest.mark.parametrize("n", [0, -1, 1025])
def test_an_impossible_number_of_threads_is_an_error(n):
    with pytest.raises(ValueError, match="from 1 to 1024"):
        threads.set_num_threads(n)


WARM = """
import os, sys, threading
import numpy as np
import test_native_load as t
from tracejit.runtime import blas, cache, native, threads
made = cache.load_object("squares")
x = np.arange(300_000, dtype="f4")
program = t.Squares(made, x.size)
assert np.array_equal(program(x)[0], x * x)
assert not [name for name in sys.modules if name.split(".")[0] in ("numba", "scipy")]
"""
CALLERS = """
def work(number):
    for _ in range(50):
        assert np.array_equal(program(x + number)[0], (x + number) ** 2)
    done.append(number)
done = []
t.run_threads(work, range(8))
assert len(done) == 8
"""
FORK = """
child = os.fork()
if not child:
    right = threads.num_threads() == 1 and np.array_equal(program(x)[0], x * x)
    try:
        threads.set_num_threads(2)
    except RuntimeError:
        os._exit(0 if right else 1)
assert os.waitpid(child, 0)[1] == 0
assert threads.num_threads() == 2 and np.array_equal(program(x)[0], x * x)
"""
NUMBA = """
import numba
@numba.njit(parallel=True)
def f(x):
    total = 0.0
    for i in numba.prange(x.size):
        total += x[i]
    return total
assert f(np.ones(1000)) == 1000 and np.array_equal(program(x)[0], x * x)
"""


def run(program, folder, **environment):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TRACEJIT_CACHE_DIR": str(folder), "TRACEJIT_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", program], env={**env, **environment}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache", numbered=True)
    before = os.environ.get("TRACEJIT_CACHE_DIR")
    os.environ["TRACEJIT_CACHE_DIR"] = str(folder)
    try:
        cache.store_object("squares", made.object_code, made.symbol)
    finally:
        os.environ.pop("TRACEJIT_CACHE_DIR") if before is None else os.environ.update(TRACEJIT_CACHE_DIR=before)
    return folder


def test_a_warm_process_runs_in_threads_and_forks_without_numba(folder):
    run(WARM + CALLERS + FORK, folder)


def test_numba_works_beside_our_threads(folder):
    run(WARM + NUMBA + NUMBA.replace("import numba", ""), folder)


def test_the_environment_is_left_as_it_was(folder):
    policy = "import os; before = dict(os.environ)\n" + WARM + "assert dict(os.environ) == before"
    run(policy, folder)


def test_numbas_number_of_threads_is_taken_where_ours_is_not_set(folder):
    count = "from tracejit.runtime import threads; print(threads.num_threads())"
    assert run(count, folder, TRACEJIT_NUM_THREADS="", NUMBA_NUM_THREADS="5") == "5"
    assert run(count, folder, TRACEJIT_NUM_THREADS="3", NUMBA_NUM_THREADS="5") == "3"
    assert int(run(count, folder, TRACEJIT_NUM_THREADS="", NUMBA_NUM_THREADS="")) >= 1
