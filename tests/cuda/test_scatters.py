"""Scatters: updates in the order of their indices, the same bits in every run, many of one element by many threads."""

import numpy as np
import pytest
from cuda_tools import Machine, cuda_source, run_emulated
from op_tools import graph_of
from program_tools import Program, assert_agree

from tracejit.backends.cuda.compile import compile_kernels
from tracejit.backends.cuda.geometry import Geometry
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE, gather, reduce_sum, reshape
from tracejit.transforms import vjp

ADD = """
def add(x: f32[n, c], i: i64[m], v: f32[m, c]):
    t0: f32[n, c] = scatter_add(x, i, v, axis=0)
    return (t0,), {}
"""
COLUMNS = """
def columns(x: f32[c, n, b], i: i64[m], v: f32[c, m, b]):
    t0: f32[c, n, b] = scatter_add(x, i, v, axis=1)
    return (t0,), {}
"""
MACHINE = Geometry(block=64, most_lanes=64, most_blocks=5)


def add(dtype="f32"):
    return parse_graph(ADD.replace("f32", dtype), TABLE)


def arrays(n, m, c, dtype="f4"):
    rng = np.random.default_rng(0)
    x, v = (rng.normal(size=(rows, c)) * 10 for rows in (n, m))
    if np.dtype(dtype).kind == "c":
        x, v = x * (1 + 2j), v * (2 - 1j)
    return x.astype(dtype), rng.integers(0, max(n, 1), m).astype("i8"), v.astype(dtype)


def agree(graph, operands, sizes):
    program = Program(graph, operands, {symbol: sizes[symbol] for symbol in graph.symbols()})
    found, again = (run_emulated(program, Machine(MACHINE, backwards)) for backwards in (False, True))
    assert_agree(found, program.evaluated(), program)
    for one, other in zip(found, again, strict=True):
        np.testing.assert_array_equal(one, other)
    return found[0]


SIZES = [(5, 0, 3), (0, 0, 3), (3, 4, 0), (1, 1, 1), (7, 30, 4), (3, 256, 1), (2, 700, 2), (1, 257, 3), (40, 1300, 1)]


@pytest.mark.parametrize(("n", "m", "c"), SIZES)
def test_updates_add_up(n, m, c):
    agree(add(), arrays(n, m, c), {"n": n, "m": m, "c": c})


@pytest.mark.parametrize(("dtype", "code"), [("f8", "f64"), ("i1", "i8"), ("u8", "u64"), ("c8", "c64"), ("c16", "c128")])
def test_numbers_of_any_dtype_are_added(dtype, code):
    agree(add(code), arrays(4, 600, 2, dtype), {"n": 4, "m": 600, "c": 2})


def test_axes_before_and_after_are_columns():
    x, i, v = arrays(3, 300, 8)
    agree(parse_graph(COLUMNS, TABLE), (x.reshape(2, 3, 4), i, v.reshape(2, 300, 4)), {"c": 2, "n": 3, "m": 300, "b": 4})


def test_few_updates_of_an_element_are_added_in_their_order():
    x, i, v = np.zeros((1, 1), "f4"), np.zeros(3, "i8"), np.array([[1e8], [-1e8], [1.0]], "f4")
    assert agree(add(), (x, i, v), {"n": 1, "m": 3, "c": 1}) == 1
    assert agree(add(), (x, i, v[::-1].copy()), {"n": 1, "m": 3, "c": 1}) == 0


def test_second_derivatives_of_rows_taken_by_index():
    table, index = np.random.default_rng(1).normal(size=(6, 3)), np.random.default_rng(2).integers(0, 6, 300)

    def loss(table, index):
        rows = gather(table, index, axis=0)
        return [reshape(reduce_sum(rows * rows * rows, axes=(0, 1)), shape=(1,))]

    graph = vjp(vjp(graph_of(loss, [table, index]), [0]), [0])
    rng = np.random.default_rng(3)
    agree(graph, (table, index, rng.normal(size=1), rng.normal(size=table.shape)), {})


@pytest.mark.parametrize("dtype", ["f32", "f64", "c128", "i8"])
def test_they_compile_without_spills(dtype):
    _, source = cuda_source(add(dtype))
    for cc in ((8, 0), (9, 0)):
        for kernel in compile_kernels(source.text, "generated.py", cc).values():
            assert kernel.spills == kernel.stack == 0, kernel.entry
            assert kernel.registers * Geometry().block <= 65536, kernel.entry
