"""Parallel regions of generated files, and how a file is compiled and run."""

from __future__ import annotations

import re
import sys
import threading
import traceback

import numpy as np
import pytest
from native import native, table_of, undefined_symbols

from tracejit.backends.cpu.compile import compile_source
from tracejit.backends.python.run import load_source
from tracejit.codegen.emit import emit
from tracejit.errors import CompileError
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE
from tracejit.runtime.blas import gemm_addresses
from tracejit.schedule import plan

REGION = """from prelude import exp, f32, f32_at, grain_of, parallel_for, plus, program, region

@region
def region_0(chunk, begin, end, table):
    x = f32_at(table[9] + 4 * begin, end - begin)
    part = f32_at(table[10] + 4 * chunk, 1)
    total = f32(0)
    for i in range(end - begin):
        total = plus(total, exp(x[i]))
    part[0] = total

@region
def region_1(chunk, begin, end, table):
    out = f32_at(table[11] + 4 * begin, end - begin)
    for i in range(end - begin):
        out[i] = f32(chunk)

@program
def step(table):
    n = table[8]
    parallel_for(region_0, table, 0, n, grain_of(n, table[12]), table[12])
    parallel_for(region_1, table, 0, n, grain_of(n, 1), 1)
"""


@pytest.mark.parametrize("size", [0, 1, 1638, 1639, 5000, 200_000])
def test_threads_give_the_bits_of_one_chunk_after_another(size: int) -> None:
    run = native(REGION)
    x = np.random.default_rng(0).normal(size=size).astype(np.float32)
    outs = []
    for threads in (1, 2, 3):
        part, chunks = np.full(64, -1, np.float32), np.full(size, -1, np.float32)
        run(table_of(size, x, part, chunks, 10, threads=threads))
        outs.append((part, chunks))
    for part, chunks in outs[1:]:
        np.testing.assert_array_equal(part, outs[0][0])
        np.testing.assert_array_equal(chunks, outs[0][1])
    part, chunks = np.full(64, -1, np.float32), np.full(size, -1, np.float32)
    load_source(REGION, "generated.py")(table_of(size, x, part, chunks, 10))
    np.testing.assert_allclose(outs[0][0], part, rtol=1e-4)
    np.testing.assert_array_equal(outs[0][1], chunks)


def test_regions_share_words_that_may_call_the_library() -> None:
    region = """
@region
def region_{0}(chunk, begin, end, table):
    x = f64_at(table[9 + {0}] + 8 * begin, end - begin)
    for i in range(end - begin):
        x[i] = fmod(sin(x[i]), cos(x[i])) + f64({0})
"""
    launches = "".join(f"    parallel_for(region_{index}, table, 0, table[8], table[8], 1)\n" for index in range(2))
    words = "from prelude import cos, f64, f64_at, fmod, parallel_for, program, region, sin\n"
    text = words + region.format(0) + region.format(1) + "\n@program\ndef step(table):\n" + launches
    x = np.array([*np.linspace(-9, 9, 41), 1e300, -1e19, np.inf])
    y = x.copy()
    native(text)(table_of(len(x), x, y))
    with np.errstate(invalid="ignore"):
        z = np.linspace(-9, 9, 41)
        np.testing.assert_allclose(x[:41], np.fmod(np.sin(z), np.cos(z)), rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(y, x + 1)


def test_chunks_depend_on_sizes_alone_and_are_at_most_64() -> None:
    text = """from prelude import grain_of, i64_at, program

@program
def step(table):
    sizes = i64_at(table[9], table[8])
    works = i64_at(table[10], table[8])
    out = i64_at(table[11], table[8])
    for i in range(table[8]):
        out[i] = grain_of(sizes[i], works[i])
"""
    sizes, works = (part.ravel() for part in np.meshgrid([0, 1, 63, 64, 65, 10**6, 2**40], [0, 1, 7, 16_384, 10**9]))
    outs = [np.zeros_like(sizes), np.zeros_like(sizes)]
    for run, out in zip((native(text), load_source(text, "generated.py")), outs, strict=True):
        run(table_of(len(sizes), sizes, works, out))
        assert (-(-sizes // out) <= 64).all() and (out >= 1).all()
    np.testing.assert_array_equal(*outs)


def test_regions_need_the_launcher_only() -> None:
    assert undefined_symbols(compile_source(REGION, "generated.py").object_code) <= {"", "tracejit_parallel_for"}


BROKEN = ["def step(table:\n", "from prelude import nothing\n", "x = 1\n", "from prelude import exp\n\nexp + 1\n"]
MISTYPED = "from prelude import exp, program\n\n@program\ndef step(table):\n    exp(table)\n"


@pytest.mark.parametrize("text", [*BROKEN, MISTYPED])
def test_a_file_that_does_not_compile_is_named(text: str) -> None:
    with pytest.raises(CompileError, match=re.escape("some/file.py")):
        compile_source(text, "some/file.py")


def test_words_do_not_reach_other_modules() -> None:
    native(REGION)
    load_source(REGION, "generated.py")
    assert "prelude" not in sys.modules


def test_tracebacks_show_the_lines_of_the_generated_file() -> None:
    text = "from prelude import program\n\n@program\ndef step(table):\n    table[99] = 1  # the culprit\n"
    with pytest.raises(IndexError) as caught:
        load_source(text, "not/a/file.py")(table_of())
    frames = traceback.extract_tb(caught.tb)
    assert any(frame.filename == "not/a/file.py" and "the culprit" in (frame.line or "") for frame in frames)


def test_threads_may_compile_at_once() -> None:
    results: list[str] = []

    def work(index: int) -> None:
        results.append(compile_source(REGION.replace("f32(0)", f"f32({index})"), "generated.py").symbol)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3


def test_stamps_tell_when_each_step_began_and_the_last_one_ended() -> None:
    x = np.random.default_rng(0).normal(size=(40, 30)).astype(np.float32)
    graph = parse_graph(
        "def f(x: f32[n, 30]):\n"
        "    t0: f32[30, n] = transpose(x, perm=(1, 0))\n"
        "    t1: f32[n, n] = matmul(x, t0)\n"
        "    t2: f32[n, n] = exp(t1)\n"
        "    return (t2,), {}\n",
        TABLE,
    )
    source = emit(plan(graph), stamps=True)
    assert len(source.layout.stamps) == 3
    for run in (native(source.text), load_source(source.text, "generated.py")):
        out, product = np.empty((40, 40), np.float32), np.empty((40, 40), np.float32)
        table = np.zeros(source.layout.length, np.int64)
        table[1:4] = 1, *gemm_addresses()
        table[source.layout.sizes["n"]] = 40
        for word, array in zip(
            (*source.layout.inputs, *source.layout.outputs, *source.layout.slots), (x, out, product), strict=False
        ):
            table[word] = array.ctypes.data
        run(table)
        first, second, last = (int(table[word]) for word in source.layout.stamps)
        assert 0 < first < second < last
        np.testing.assert_allclose(out, np.exp(x @ x.T), rtol=1e-4)
