"""Few long rows: cut into pieces, which groups of threads take, sweep by sweep."""

import re

import numpy as np
import pytest
from cuda_tools import MACHINES, Machine, cuda_source, random_program, run_emulated
from program_tools import Program, assert_agree
from test_golden import GRAPHS

import tracejit as tj
from tracejit.backends.cuda.compile import compile_kernels, compile_ptx
from tracejit.backends.cuda.geometry import Geometry
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE

REDUCTION = """
def reduction(x: f32[n, c]):
    t0: f32[n] = reduce_sum(x, axes=(1,))
    return (t0,), {}
"""
LAYER_NORM = """
def layer_norm(x: f32[n, c], g: f32[c], b: f32[c]):
    t0: f32[n] = reduce_sum(x, axes=(1,))
    t1: i64 = dim(size=c)
    t2: f32 = cast(t1, dtype=f32)
    t3: f32[n] = broadcast(t2, shape=(n,), axes=())
    t4: f32[n] = divide(t0, t3)
    t5: f32[n, c] = broadcast(t4, shape=(n, c), axes=(0,))
    t6: f32[n, c] = subtract(x, t5)
    t7: f32[n, c] = multiply(t6, t6)
    t8: f32[n] = reduce_sum(t7, axes=(1,))
    t9: f32[n] = divide(t8, t3)
    t10: f32[n] = sqrt(t9)
    t11: f32[n, c] = broadcast(t10, shape=(n, c), axes=(0,))
    t12: f32[n, c] = divide(t6, t11)
    t13: f32[n, c] = broadcast(g, shape=(n, c), axes=(1,))
    t14: f32[n, c] = multiply(t12, t13)
    t15: f32[n, c] = broadcast(b, shape=(n, c), axes=(1,))
    t16: f32[n, c] = add(t14, t15)
    return (t16, t4, t10), {}
"""
REVERSE = """
def reverse_of_softmax(y: f32[n, c], g: f32[n, c]):
    t0: f32[n, c] = multiply(y, g)
    t1: f32[n] = reduce_sum(t0, axes=(1,))
    t2: f32[n, c] = broadcast(t1, shape=(n, c), axes=(0,))
    t3: f32[n, c] = subtract(g, t2)
    t4: f32[n, c] = multiply(y, t3)
    t5: f32 = reduce_sum(t4, axes=(0, 1))
    return (t5,), {g: t4}
"""
LOG_SUM_EXP = """
def log_sum_exp(x: f32[n, c], m: f32[n]):
    t0: f32[n] = reduce_max(x, axes=(1,))
    t1: f32[n, c] = broadcast(t0, shape=(n, c), axes=(0,))
    t2: f32[n, c] = subtract(x, t1)
    t3: f32[n, c] = exp(t2)
    t4: f32[n] = reduce_sum(t3, axes=(1,))
    t5: f32[n] = log(t4)
    t6: f32[n] = add(t5, t0)
    t7: f32[n] = add(m, t6)
    t8: f32 = reduce_max(t6, axes=(0,))
    return (t8,), {m: t7}
"""
COLUMNS = """
def columns(x: f64[n, c], y: f64[n, c], g: f64[c]):
    t0: f64[n, c] = multiply(x, y)
    t1: f64[n] = reduce_sum(t0, axes=(1,))
    t2: f64[n, c] = broadcast(t1, shape=(n, c), axes=(0,))
    t3: f64[n, c] = subtract(x, t2)
    t4: f64[n, c] = broadcast(g, shape=(n, c), axes=(1,))
    t5: f64[n, c] = multiply(t3, t4)
    t6: f64[c] = reduce_sum(t5, axes=(0,))
    t7: f32[n, c] = cast(t3, dtype=f32)
    t8: f32[c] = reduce_max(t7, axes=(0,))
    t9: f64 = reduce_sum(t5, axes=(0, 1))
    t10: f64[c] = subtract(g, t6)
    t11: f64[c] = reduce_max(x, axes=(0,))
    return (t5, t8, t9, t11, t1), {g: t10}
"""
PLANES = """
def planes(x: f32[n, c, m], b: f32[m]):
    t0: f32[n, c, m] = broadcast(b, shape=(n, c, m), axes=(2,))
    t1: f32[n, c, m] = multiply(x, t0)
    t2: f32[n] = reduce_max(t1, axes=(1, 2))
    t3: f32[n, c, m] = broadcast(t2, shape=(n, c, m), axes=(0,))
    t4: f32[n, c, m] = subtract(t1, t3)
    return (t4,), {}
"""
BOTH_INDICES = """
def both_indices(x: f32[n, c]):
    t0: i64[n] = reduce_argmax(x, axes=(1,))
    t1: i64[n] = reduce_argmin(x, axes=(1,))
    t2: i64[n] = subtract(t0, t1)
    return (t0, t1, t2), {}
"""
ONE_ROW = """
def one_row(x: f32[c]):
    t0: i64 = reduce_argmax(x, axes=(0,))
    return (t0,), {}
"""
PROGRAMS = {name: text for name, text in globals().items() if isinstance(text, str) and text.startswith("\ndef")}
PROGRAMS |= {name: GRAPHS[name] for name in ("softmax", "half_softmax", "middle")}
SMALL = Geometry(block=64, most_lanes=128, most_blocks=9, least_piece=20)
SIZES = [(3, 333), (1, 2000), (2, 41), (5, 40), (7, 1), (0, 50), (3, 0)]
REDUCTIONS = [
    ("reduce_sum", "f32"), ("reduce_sum", "i64"), ("reduce_sum", "c128"), ("reduce_sum", "f64"), ("reduce_prod", "f64"),
    ("reduce_max", "f32"), ("reduce_min", "i64"), ("reduce_max", "u8"), ("reduce_any", "b1"), ("reduce_all", "b1"),
]  # fmt: skip


def graph_of(text):
    return parse_graph(text, TABLE)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(("n", "c"), SIZES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_they_mean_what_numpy_says(name, n, c, backwards):
    if name in ("BOTH_INDICES", "ONE_ROW") and c == 0:
        c = 400
    sizes = {"n": n, "c": c, "m": c if name == "middle" else 3}
    sizes |= {"c": 2} if name == "middle" else {}
    program = random_program(graph_of(PROGRAMS[name]), sizes)
    assert_agree(run_emulated(program, Machine(SMALL, backwards)), program.evaluated(), program)


@pytest.mark.parametrize(("op", "dtype"), REDUCTIONS)
def test_every_reduction_joins_its_pieces(op, dtype):
    program = random_program(graph_of(REDUCTION.replace("reduce_sum", op).replace("f32", dtype)), {"n": 2, "c": 500})
    assert_agree(run_emulated(program, Machine(SMALL)), program.evaluated(), program)


def test_special_values_and_equal_ones_are_found_where_numpy_finds_them():
    graph, rows = graph_of(BOTH_INDICES), 7
    x = np.zeros((rows, 300), np.float32)
    x[1, [20, 270]] = 1
    x[2, [130, 290]] = np.nan
    x[3] = -np.inf
    x[4, 299], x[4, 5] = np.inf, np.nan
    x[5] = np.inf
    x[6, 140:] = -1
    program = Program(graph, (x,), {"n": rows, "c": 300})
    for found, expected in zip(run_emulated(program, Machine(SMALL)), program.evaluated(), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_bits_hang_on_sizes_alone():
    program = random_program(graph_of(LAYER_NORM), {"n": 3, "c": 700})
    first, second = (run_emulated(program, Machine(SMALL, b)) for b in (False, True))
    for x, y in zip(first, second, strict=True):
        np.testing.assert_array_equal(x, y)


def test_few_long_rows_are_cut_and_no_others():
    geometry = Geometry()
    assert geometry.pieces_of(8, 1_000_000) == 122 and geometry.pieces_of(1, 10_000_000) == 1024
    assert geometry.pieces_of(256, 100_000) == 4 and geometry.pieces_of(257, 100_000) == 1
    assert geometry.pieces_of(4096, 8192) == geometry.pieces_of(8, 16_000) == 1

    def text(rows, columns):
        return cuda_source(graph_of(REDUCTION.replace("n, c", f"{rows}, {columns}").replace("[n]", f"[{rows}]")))[1].text

    assert "pieces" in text("n", "c") and "pieces" in text(8, "c") and "pieces" in text("n", 20_000)
    assert "pieces" not in text("n", 1000) and "pieces" not in text(500, "c")


def test_columns_beside_rows_are_for_groups_that_take_pieces_of_all_rows():
    text = cuda_source(graph_of(PROGRAMS["COLUMNS"]))[1].text
    assert "pieces0 = pieces_of(4, n1)\n    if pieces0 > n:" in text and "while share < pieces:" in text
    program = random_program(graph_of(PROGRAMS["COLUMNS"]), {"n": 3, "c": 97})  # what is kept behind 97 numbers is aligned
    assert_agree(run_emulated(program, MACHINES["source"](SMALL)), program.evaluated(), program)


def test_what_pieces_leave_has_room():
    _, source = cuda_source(graph_of(BOTH_INDICES))
    assert max(source.workspace) == 2 * 1024 * (4 + 8)
    program = random_program(graph_of(BOTH_INDICES), {"n": 250, "c": 84})
    crowded = Geometry(block=64, most_lanes=128, least_piece=20)
    assert crowded.pieces_of(250, 84) == 4
    assert_agree(run_emulated(program, Machine(crowded)), program.evaluated(), program)


@pytest.mark.parametrize("name", PROGRAMS)
def test_they_compile_without_spills(name):
    _, source = cuda_source(graph_of(PROGRAMS[name]))
    assert "sweep_0" in source.text
    for cc in ((8, 0), (9, 0)):
        for kernel in compile_kernels(source.text, "generated.py", cc).values():
            assert kernel.spills == kernel.stack == 0 and kernel.registers * 512 <= 65536, kernel.entry


def test_neighbours_in_a_piece_are_accessed_by_128_bits():
    ptx = compile_ptx(cuda_source(graph_of(GRAPHS["softmax"]))[1].text, "generated.py", (9, 0))
    sweeps = re.findall(r"\.entry (\w+_sweep_\d)\(.*?\n}", ptx, re.DOTALL)
    assert len(sweeps) == 3 and ptx.count("ld.global.v4.f32") == 12 and ptx.count("st.global.v4.f32") == 4


def norm_and_entropy(x, g):
    centred = x - x.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt((centred * centred).mean(axis=1, keepdims=True) + 1e-5) * g
    weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return -(np.log(weights / weights.sum(axis=1, keepdims=True))[:, 3]).sum()


def test_forward_and_reverse_are_those_of_the_cpu(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")
    rng = np.random.default_rng(5)
    x, g = rng.normal(size=(2, 1500)), rng.normal(size=1500)
    f = tj.function(tj.value_and_grad(norm_and_entropy, (0, 1)), device="cuda")
    value, slopes = f(x, g)
    expected, right = tj.function(tj.value_and_grad(norm_and_entropy, (0, 1)))(x, g)
    np.testing.assert_allclose(float(value), expected, rtol=1e-12)
    for found, slope in zip(slopes, right, strict=True):
        np.testing.assert_allclose(found.numpy(), slope, rtol=1e-10, atol=1e-12)
    assert "share" in str(f.source())


def test_explain_says_why_rows_are_not_cut(monkeypatch):
    monkeypatch.setenv("TRACEJIT_CUDA", "emulate")
    f = tj.function(lambda x: (x[:, :40] * 2).sum(axis=1), device="cuda")
    x = np.ones((3, 80))
    f(x)
    found = f.explain(x)
    assert found.notes == (("region_0", "each row is for one group of threads: rows of 40 points are short"),)
    assert "ways on the device\n  region_0: each row is for one group" in str(found)
    whole = tj.function(lambda x: x.max(axis=1), device="cuda")
    whole(x)
    assert whole.explain().notes == () and "ways on the device" not in str(whole.explain())
