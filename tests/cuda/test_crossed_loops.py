"""Loops with operands that lie across their rows: in tiles of shared memory, whole and at the edges."""

import re

import numpy as np
import pytest
from cuda_tools import Machine, cuda_source, random_program, run_emulated
from program_tools import assert_agree

from tracejit.backends.cuda.compile import compile_kernels, compile_ptx
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE
from tracejit.runtime.cuda.emulator import EmulationError

TURNED = """
def turned(x: f32[n, m]):
    t0: f32[m, n] = transpose(x, perm=(1, 0))
    t1: f32[m, n] = copy(t0)
    return (t1,), {}
"""
IN_A_BATCH = """
def in_a_batch(x: f32[b, n, m], y: f32[b, m, n], z: f32[m], w: f32[b]):
    t0: f32[b, m, n] = transpose(x, perm=(0, 2, 1))
    t1: f32[b, m, n] = add(t0, y)
    t2: f32[b, m, n] = broadcast(z, shape=(b, m, n), axes=(1,))
    t3: f32[b, m, n] = multiply(t1, t2)
    t4: f32[b, m, n] = broadcast(w, shape=(b, m, n), axes=(0,))
    t5: f32[b, m, n] = subtract(t3, t4)
    return (t5,), {}
"""
OUTERMOST = """
def outermost(x: f32[n, b, m]):
    t0: f32[m, b, n] = transpose(x, perm=(2, 1, 0))
    t1: f32[m, b, n] = exp(t0)
    return (t1,), {}
"""
SEVERAL = """
def several(x: f32[n, m], y: f32[n, m], z: f32[m, n]):
    t0: f32[m, n] = transpose(x, perm=(1, 0))
    t1: f32[m, n] = transpose(y, perm=(1, 0))
    t2: f32[m, n] = multiply(t0, t1)
    t3: f32[m, n] = add(t2, z)
    t4: f32[m, n] = maximum(t3, t0)
    return (t3, t4), {}
"""
SUMMED = """
def summed(x: f32[n, m], y: f32[m, n]):
    t0: f32[m, n] = transpose(x, perm=(1, 0))
    t1: f32[m, n] = multiply(t0, y)
    t2: f32 = reduce_sum(t1, axes=(0, 1))
    t3: f32 = reduce_max(t1, axes=(0, 1))
    return (t1, t2, t3), {}
"""
JOINED = """
def joined(x: f32[n, m], y: f32[m, n]):
    t0: f32[m, n] = transpose(x, perm=(1, 0))
    t1: f32[2*m, n] = concatenate(t0, y, axis=0)
    return (t1,), {}
"""
REVERSED = """
def reversed(x: f32[n, m], y: f32[m, n]):
    t0: f32[m, n] = transpose(x, perm=(1, 0))
    t1: f32[m, n] = slice(t0, starts=(m - 1, 0), sizes=(m, n), steps=(-1, 1))
    t2: f32[m, n] = add(t1, y)
    return (t2,), {}
"""
UPDATED = """
def updated(x: f32[n, m], y: f32[m, n]):
    t0: f32[m, n] = transpose(x, perm=(1, 0))
    t1: f32[m, n] = add(y, t0)
    return (), {y: t1}
"""
PROGRAMS = {name: text for name, text in globals().items() if isinstance(text, str) and text.startswith("\ndef")}
DTYPES = ("f16", "bf16", "f64", "c64", "c128", "i8", "u16", "i64", "b1")
SIZES = [(40, 70), (32, 64), (1, 50), (33, 16), (17, 15), (0, 40), (40, 0)]


def text_of(name, dtype="f32"):
    return PROGRAMS[name].replace("f32", dtype)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_they_mean_what_numpy_says(name, n, m, backwards):
    program = random_program(parse_graph(PROGRAMS[name], TABLE), {"n": n, "m": m, "b": 3})
    assert_agree(run_emulated(program, Machine(backwards=backwards)), program.evaluated(), program)


@pytest.mark.parametrize("dtype", DTYPES)
def test_tiles_hold_every_dtype(dtype):
    text = text_of("TURNED", dtype)
    program = random_program(parse_graph(text, TABLE), {"n": 35, "m": 40})
    assert_agree(run_emulated(program), program.evaluated(), program)
    assert f"{dtype}_tile(0)" in cuda_source(program.graph)[1].text


@pytest.mark.parametrize("name", PROGRAMS)
def test_operands_that_lie_across_are_read_along_memory(name):
    _, source = cuda_source(parse_graph(PROGRAMS[name], TABLE))
    tiles = {"SEVERAL": 2}.get(name, 1)
    assert len(re.findall(r"_tile\(\d\)$", source.text, re.MULTILINE)) == tiles
    for cc in ((8, 0), (9, 0)):
        for kernel in compile_kernels(source.text, "generated.py", cc).values():
            assert kernel.spills == kernel.stack == 0 and kernel.registers <= 64, kernel.entry
            assert kernel.shared <= 1024 + 4224 * tiles + (4096 if name == "SUMMED" else 0), kernel.entry
    ptx = compile_ptx(source.text, "generated.py", (9, 0))
    assert "st.shared" in ptx and "ld.shared" in ptx and "local" not in ptx


def test_more_operands_than_shared_memory_is_for_are_read_as_they_lie():
    text = PROGRAMS["SEVERAL"].replace("f32", "c128").replace("maximum", "subtract")
    _, source = cuda_source(parse_graph(text, TABLE))
    assert len(re.findall(r"_tile\(\d\)$", source.text, re.MULTILINE)) == 1
    program = random_program(parse_graph(text, TABLE), {"n": 40, "m": 35})
    assert_agree(run_emulated(program), program.evaluated(), program)


def test_a_narrow_side_takes_no_tiles():
    def regions(shapes):
        text = TURNED.replace("[n, m]", shapes[0]).replace("[m, n]", shapes[1])
        return cuda_source(parse_graph(text, TABLE))[1].text

    either = regions(("[n, m]", "[m, n]"))
    assert "    if n1 < 16 or n < 16:" in either and "_narrow" in either
    assert "_tile(" not in regions(("[n, 3]", "[3, n]"))
    square = regions(("[n, n]", "[n, n]"))
    assert "_tile(" in square and "narrow" not in square
    known = regions(("[64, 32]", "[32, 64]"))
    assert "_tile(" in known and "narrow" not in known


def test_a_tile_that_is_read_too_early_shows():
    program = random_program(parse_graph(PROGRAMS["TURNED"], TABLE), {"n": 40, "m": 40})

    class Hasty(Machine):
        def load(self, text, path):
            return super().load(text.replace("        sync()\n", "", 1), path)

    with pytest.raises((AssertionError, EmulationError)):
        assert_agree(run_emulated(program, Hasty()), program.evaluated(), program)


def test_the_order_of_sums_is_that_of_the_sizes():
    program = random_program(parse_graph(SUMMED, TABLE), {"n": 100, "m": 70})
    first, second = (run_emulated(program, Machine(backwards=b)) for b in (False, True))
    for x, y in zip(first, second, strict=True):
        np.testing.assert_array_equal(x, y)
