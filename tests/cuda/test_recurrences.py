"""Recurrences: many threads a row, many groups a long row, states that are not finite where NumPy has them."""

import itertools

import numpy as np
import pytest
from cuda_tools import Machine, cuda_source, run_emulated
from op_tools import graph_of
from program_tools import Program, assert_agree

from tracejit.backends.cuda.compile import compile_kernels
from tracejit.backends.cuda.geometry import Geometry
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE, composite
from tracejit.transforms import vjp

STEPS = """
def steps(a: f32[m, n], b: f32[m, n]):
    t0: f32[m, n] = linear_scan(a, b, axis=1, reverse=False)
    return (t0,), {}
"""
MACHINE = Geometry(block=64, most_lanes=64, most_blocks=9, least_piece=100)
REGISTERS = 65536  # of a processor


def steps(dtype="f32", reverse=False, columns=False):
    text = STEPS.replace("f32", dtype).replace("reverse=False", f"reverse={reverse}")
    return parse_graph(text.replace("[m, n]", "[m, n, k]") if columns else text, TABLE)


def drawn(dtype, shape, seed=0):
    """Factors and terms; products of factors stay in range."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind in "iu":
        return tuple(rng.integers(0, 7, shape).astype(dtype) for _ in range(2))
    found = rng.uniform(-1.2, 1.2, (2, *shape))
    return tuple((found + (1j * rng.uniform(-0.5, 0.5, (2, *shape)) if np.dtype(dtype).kind == "c" else 0)).astype(dtype))


def agree(graph, arrays, sizes, backwards=False):
    program = Program(graph, arrays, {symbol: sizes[symbol] for symbol in graph.symbols()})
    found, expected = run_emulated(program, Machine(MACHINE, backwards)), program.evaluated()
    assert_agree(found, expected, program)
    return found[0]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "i4", "u8", "c8", "c16"])
@pytest.mark.parametrize(("m", "n"), [(1, 1500), (3, 333), (30, 5), (2, 1), (0, 4), (4, 0)])
def test_recurrences_mean_what_numpy_says(m, n, dtype, reverse, backwards):
    code = {"f": "f", "i": "i", "u": "u", "c": "c"}[dtype[0]] + str(8 * int(dtype[1:]))
    agree(steps(code, reverse), drawn(dtype, (m, n)), {"m": m, "n": n}, backwards)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("m", "n", "k"), [(1, 900, 3), (2, 450, 2), (3, 50, 4), (2, 0, 3)])
def test_columns_are_shared_where_there_are_few(m, n, k, reverse):
    agree(steps("f64", reverse, columns=True), drawn("f8", (m, n, k)), {"m": m, "n": n, "k": k})


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("number", ["0.75", "-1.01", "0.0", "-0.0", "1e400"])
def test_factors_or_terms_may_be_one_number(number, reverse):
    x = drawn("f8", (2, 450))[0]
    for operands in ("(t1, x)", "(x, t1)"):
        graph = parse_graph(
            f"""
def steady(x: f64[2, n]):
    t0: f64 = constant(value={number}, dtype=f64)
    t1: f64[2, n] = broadcast(t0, shape=(2, n), axes=())
    t2: f64[2, n] = linear_scan{operands[:-1]}, axis=1, reverse={reverse})
    return (t2,), {{}}
""",
            TABLE,
        )
        agree(graph, (x,), {"n": 450})


def products(n, dtype="f8"):
    """The running products of a vector, as a program of CUDA kernels."""
    return graph_of(lambda x: [composite.cumprod(x, 0)], [np.zeros(n, dtype)])


SPECIAL = {
    "zero, then growth that overflows": (np.r_[0.0, np.full(899, 1e3)]),
    "zero late, then infinity": (np.r_[np.full(500, 1.01), 0.0, np.full(50, 1.0), np.inf, np.ones(348)]),
    "overflow, then decay": np.r_[np.full(200, 1e3), np.full(700, 1e-3)],
    "overflow across pieces": np.full(900, 2.5),
    "overflow that alternates": np.where(np.arange(900) % 3, 3.0, -3.0),
    "infinity": np.r_[np.ones(10), np.inf, np.full(889, -0.5)],
    "infinity, then zero": np.r_[np.ones(10), np.inf, np.full(300, 0.5), 0.0, np.ones(588)],
    "first infinity": np.r_[np.inf, np.full(899, 0.5)],
    "NaN": np.r_[np.ones(333), np.nan, np.full(566, 0.5)],
    "underflow": np.full(900, 0.3),
    "negative after zero": np.r_[np.ones(100), 0.0, -np.ones(799)],
    "zeros of both signs": np.r_[1.0, -0.0, np.where(np.arange(898) % 2, -1.0, 2.0)],
}


@pytest.mark.parametrize("name", SPECIAL)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_running_products_keep_zeros_infinities_and_nan(name, dtype):
    x = SPECIAL[name].astype(dtype)
    found = agree(products(900, dtype), (x,), {})
    with np.errstate(all="ignore"):
        expected = np.cumprod(x)
    tiny = np.finfo(dtype).tiny
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=tiny)
    signs = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found)[signs], np.signbit(expected)[signs])


@pytest.mark.parametrize("place", [0, 1, 5, 63, 64, 130, 400, 899])
@pytest.mark.parametrize("special", [0.0, np.inf, -np.inf, np.nan])
def test_any_factor_and_any_term_may_be_special(place, special):
    for which, later in itertools.product((0, 1), (0.0, 0.5, np.inf)):
        a, b = drawn("f8", (1, 900), seed=place)
        (a, b)[which][0, place] = special
        a[0, min(place + 3, 899)] = later
        agree(steps("f64"), (a, b), {"m": 1, "n": 900})


@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_of_running_products_and_sums(order):
    x = np.random.default_rng(3).uniform(0.8, 1.2, (2, 450))
    x[1, 7] = 0
    for function in (composite.cumprod, composite.cumsum):
        graph = graph_of(lambda x, function=function: [function(x, 1)], [x])
        for _ in range(order):
            graph = vjp(graph, [0])
        cotangents = [np.random.default_rng(k).normal(size=x.shape) for k in range(order)]
        agree(graph, (x, *cotangents), {})


@pytest.mark.parametrize("dtype", ["f32", "f64", "c128", "i8", "i64"])
def test_they_compile_without_spills(dtype):
    for reverse in (False, True):
        _, source = cuda_source(steps(dtype, reverse))
        for cc in ((8, 0), (9, 0)):
            for kernel in compile_kernels(source.text, "generated.py", cc).values():
                assert kernel.spills == kernel.stack == 0, kernel.entry
                assert kernel.registers * Geometry().block <= REGISTERS, kernel.entry


def test_lanes_are_as_many_as_registers_are_for():
    geometry = Geometry()
    assert geometry.scan_grid(1000, 100_000)[1] == (geometry.block, 1)
    assert geometry.scan_grid(100_000, 7)[1] == (2, 128) and geometry.scan_grid(0, 0)[0] == 1


def test_whole_pieces_are_joined():
    _, source = cuda_source(steps())
    assert source.text.count("@region") == 3 and "if pieces0 > 1:" in source.text


def test_the_derivative_of_a_running_sum_is_a_running_sum():
    _, source = cuda_source(vjp(graph_of(lambda x: [composite.cumsum(x, 0)], [np.zeros(9)]), [0]))
    assert "across_before" in source.text and "steps_before" not in source.text
