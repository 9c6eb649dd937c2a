"""float16 in programs: kept in two bytes, computed in float32, rounded where it is kept."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from backend_tools import run_cpu, run_python
from hypothesis import HealthCheck, given, settings
from native import native, table_of, undefined_symbols
from op_tools import cases, gradients, graph_of
from program_tools import Program, assert_agree, programs

import tracejit as tj
from tracejit.backends.cpu.compile import compile_source
from tracejit.backends.llvm import halves
from tracejit.errors import CompileError
from tracejit.ir import Builder, Graph
from tracejit.ir.dtype import bfloat16, is_half
from tracejit.ir.graph import verify
from tracejit.ir.parse import parse_graph
from tracejit.ir.spec import dtype_code, dtype_of
from tracejit.ops import TABLE
from tracejit.schedule.halves import widen_halves
from tracejit.transforms.passes import optimize

F16 = np.dtype(np.float16)
BF16 = bfloat16()
HALVES = [F16, BF16]
UNIT = {F16: 2.0**-10, BF16: 2.0**-7}  # between neighbours, relative to the smaller
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
each_half = pytest.mark.parametrize("half", HALVES, ids=str)


@pytest.fixture(params=["instructions", "bits"])
def conversion(request, monkeypatch):
    """Conversions by the processor's instructions, where it has them, and put together from bits."""
    if request.param == "bits":
        monkeypatch.setattr(halves, "_host_has_instructions", lambda: False)
    return request.param


def cast_program(source, target):
    return f"""from prelude import program, {source}_at, {target}, {target}_at

@program
def step(table):
    n = table[8]
    x = {source}_at(table[9], n)
    out = {target}_at(table[10], n)
    for i in range(n):
        out[i] = {target}(x[i])
"""


def cast_by_machine(x, source, target):
    out = np.empty(x.shape, dtype_of(target))
    assert not native(cast_program(source, target))(table_of(x.size, x, out))
    return out


def assert_same(got, want):
    """Equal dtypes and elements, NaN equal to NaN, zeros of equal signs."""
    assert got.dtype == want.dtype
    np.testing.assert_array_equal(got.astype("f8"), want.astype("f8"))
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


def numbers_between(half):
    """float32 numbers: all halves, what lies between neighbours, a little to both sides of that, and far beyond."""
    every = np.arange(1 << 16, dtype=np.uint16).view(half)
    finite = np.sort(every[np.isfinite(every)].astype(np.float32))
    middle = finite[1:] / 2 + finite[:-1] / 2  # exact: float32 has the bits
    beyond = np.float32([65519.996, 65520, 65536, 1e30, np.inf, 1e-30, 2.0**-149, np.nan, 0.0, -0.0])
    near = [np.nextafter(middle, np.float32(side)) for side in (np.inf, -np.inf)]
    return np.concatenate([every.astype(np.float32), middle, *near, beyond, -beyond])


@each_half
def test_machine_code_widens_every_half(half, conversion):
    every = np.arange(1 << 16, dtype=np.uint16).view(half)
    for target in ("f32", "f64", "i32", "b1"):
        with np.errstate(all="ignore"):
            want = every.astype(dtype_of(target))
        np.testing.assert_array_equal(cast_by_machine(every, dtype_code(half), target), want, strict=True)


@each_half
@pytest.mark.parametrize("source", ["f32", "f64"])
def test_machine_code_rounds_as_numpy(half, source, conversion):
    with np.errstate(invalid="ignore"):  # signalling NaN
        x = numbers_between(half).astype(dtype_of(source))
    if source == "f64":
        x = np.concatenate([x, *(np.nextafter(x, side) for side in (np.inf, -np.inf)), [1e300, -1e-300]])
    with np.errstate(all="ignore"):
        want = x.astype(half)
    got = cast_by_machine(x, source, dtype_code(half))
    assert_same(got, want)


@each_half
def test_integers_and_bools_become_halves_as_in_numpy(half, conversion):
    for source, x in {"i64": np.arange(-70000, 70000), "u8": np.arange(256), "b1": np.array([True, False])}.items():
        x = x.astype(dtype_of(source))
        with np.errstate(all="ignore"):
            want = x.astype(half)
        np.testing.assert_array_equal(cast_by_machine(x, source, dtype_code(half)), want, strict=True)


@each_half
def test_conversions_call_no_library(half, conversion):
    for source, target in ((dtype_code(half), "f32"), ("f32", dtype_code(half)), ("f64", dtype_code(half))):
        symbols = undefined_symbols(compile_source(cast_program(source, target), "generated.py").object_code)
        assert not {name for name in symbols if "hf" in name or "bf" in name}


def test_nothing_is_computed_in_a_half():
    text = cast_program("f16", "f16").replace("f16(x[i])", "x[i] + x[i]")
    with pytest.raises(CompileError, match=r"line 9: f16 is how a number is kept; compute with f32\(f16\)"):
        compile_source(text, "generated.py")


def drawn(half, *shape, seed=0, scale=1.0):
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype(half)


def assert_rounded_once(got, exact, half, units=0.51, least=2.0**-24):
    """``got`` is within ``units`` of the last place of ``exact``, float64; half a unit is what rounding alone takes."""
    assert got.dtype == half
    size = np.maximum(np.abs(exact), float(np.finfo(half).tiny) if half == F16 else 1e-30)
    spacing = 2.0 ** np.floor(np.log2(size)) * UNIT[half]
    assert np.all(np.abs(got.astype(np.float64) - exact) <= units * spacing + least * 1e-3)


@each_half
def test_a_chain_is_computed_in_float32_and_rounded_once(half):
    def chain(x, y):
        return np.exp(np.sin(x) * y) / (1 + x * x) - np.tanh(y)

    x, y = drawn(half, 5000), drawn(half, 5000, seed=1)
    got = tj.function(chain)(x, y)
    assert_rounded_once(got, chain(x.astype("f8"), y.astype("f8")), half, least=2e-7 / 1e-3)
    np.testing.assert_array_equal(tj.function(chain).debug(x, y).dtype, half)


@each_half
def test_generated_python_gives_what_machine_code_gives(half):
    f = tj.function(lambda x: (np.sqrt(np.abs(x)) * 3 - x).sum(axis=0))
    x = drawn(half, 40, 30)
    np.testing.assert_allclose(f(x).astype("f8"), f.debug(x).astype("f8"), rtol=UNIT[half])


@each_half
def test_values_between_ops_do_not_overflow_or_lose_digits(half):
    x = np.array([300.0, -500.0], half)
    np.testing.assert_array_equal(tj.function(lambda x: np.sqrt(x * x))(x), abs(x), strict=True)
    one, little = np.ones(1, half), np.array([UNIT[half] / 4], half)
    assert tj.function(lambda x, y: (x + y) - x)(one, little) == little


@each_half
def test_what_the_program_casts_is_rounded(half):
    x = np.float32([1.0001, 2.0001])
    f = tj.function(lambda x: x.astype(half).astype(np.float32) * 1000)
    np.testing.assert_array_equal(f(x), np.float32([1000, 2000]))


@each_half
def test_reductions_accumulate_in_float32(half):
    ones = np.ones((5000, 3), half)
    f = tj.function(lambda x: (x.sum(axis=0), x.sum(), np.mean(x), np.cumsum(x, axis=0)[-1], np.max(x, axis=1)))
    column, total, mean, running, largest = f(ones)
    assert (column == np.float32(5000).astype(half)).all() and total == np.float32(15000).astype(half)
    assert mean == 1 and (running == np.float32(5000).astype(half)).all() and (largest == 1).all()
    assert {column.dtype, total.dtype, mean.dtype, running.dtype, largest.dtype} == {np.dtype(half)}


@each_half
def test_means_of_more_elements_than_float16_counts(half):
    x = drawn(half, 70_000) + half.type(1)
    wide = x.astype("f8")
    for f, want in ((np.mean, wide.mean()), (np.var, wide.var()), (np.std, wide.std())):
        assert_rounded_once(np.asarray(tj.function(lambda x, f=f: f(x))(x)), want, half, least=1e-3)
        assert_rounded_once(f(tj.tensor(x)).numpy(), want, half, least=1e-3)  # eager


@each_half
def test_eager_sums_accumulate_in_float32(half):
    ones = tj.tensor(np.ones((5000, 3), half))
    assert (np.sum(ones, axis=0).numpy() == np.float32(5000).astype(half)).all()


@each_half
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp", "layer_norm"])
def test_functions_of_rows_agree_with_float64(half, name):
    x = drawn(half, 20, 300, scale=3)
    function = getattr(tj, name)
    got = np.asarray(tj.function(lambda x: function(x, axis=1))(x))
    want = np.asarray(function(tj.tensor(x.astype("f8")), axis=1).numpy())
    assert_rounded_once(got, want, half, least=2e-3)


@each_half
@pytest.mark.parametrize("shapes", [((40, 30), (30, 20)), ((3, 9, 8), (3, 8, 7)), ((30,), (30,)), ((5, 4), (4,))])
def test_products_are_summed_in_float32_and_rounded(half, shapes):
    x, y = (drawn(half, *shape, seed=i) for i, shape in enumerate(shapes))
    want = x.astype("f8") @ y.astype("f8")
    got = np.asarray(tj.function(lambda x, y: x @ y)(x, y))
    assert got.dtype == half
    np.testing.assert_allclose(got.astype("f8"), want, rtol=UNIT[half], atol=1e-4)
    np.testing.assert_array_equal((tj.tensor(x) @ tj.tensor(y)).numpy(), got)


def test_a_product_reads_transposed_halves_without_moving_them():
    f = tj.function(lambda x, y: x.T @ y)
    f(np.ones((4, 3), "f2"), np.ones((4, 2), "f2"))
    assert "gemm_tn(" in str(f.source())


@each_half
def test_gradients_have_the_dtype_of_their_primals(half):
    x, w = drawn(half, 8, 5), {"w": drawn(half, 5, 3, seed=1), "b": drawn(np.dtype("f4"), 3, seed=2)}

    def loss(p, x):
        return np.mean(np.tanh(x @ p["w"] + p["b"]) ** 2)

    wide = {name: a.astype("f8") for name, a in w.items()}
    got, want = tj.function(tj.grad(loss))(w, x), tj.grad(loss)(wide, x.astype("f8"))
    assert got["w"].dtype == half and got["b"].dtype == np.float32
    for name in w:
        np.testing.assert_allclose(
            got[name].astype("f8"), want[name], rtol=8 * UNIT[half], atol=4 * UNIT[half] * np.abs(want[name]).max()
        )


def test_scaling_a_loss_keeps_gradients_that_float16_has_not():
    w, x, scale = np.ones(4, "f2"), np.full(4, 1e-4, "f2"), 2.0**12
    plain = tj.function(tj.grad(lambda w: np.sum(w * x) * np.float16(1e-4)))(w)
    scaled = tj.function(tj.grad(lambda w: np.sum(w * x) * np.float16(1e-4) * scale))(w)
    exact = float(x[0].astype("f8") * np.float16(1e-4).astype("f8"))
    assert scaled.dtype == np.float16
    assert abs(scaled.astype("f8") / scale / exact - 1).max() < 1e-3 < abs(plain.astype("f8") / exact - 1).max()


@each_half
def test_variables_and_optimizers_keep_their_dtype(half):
    w = tj.Variable(np.zeros((2, 1), half))
    optimizer = tj.optim.Adam(0.05)

    @tj.function
    def step(x, y):
        with tj.GradientTape() as tape:
            loss = np.mean((x @ w - y) ** 2)
        optimizer.apply(tape.gradient(loss, [w]), [w])
        return loss

    x = drawn(half, 64, 2)
    for _ in range(150):
        loss = step(x, (x @ np.array([[2], [-1]], half)).astype(half))
    assert loss.dtype == half and loss < 0.05
    assert {v.dtype for v in (w, *optimizer.variables()) if v.dtype.kind not in "iu"} == {half}


@each_half
def test_an_update_in_place_reads_what_it_replaces(half):
    w = tj.Variable(drawn(half, 100))
    before = w.numpy().astype("f8")

    @tj.function
    def step(x):
        w.assign(w * 0.5 + x)
        return w + 0

    x = drawn(half, 100, seed=1)
    assert_rounded_once(step(x), before * 0.5 + x.astype("f8"), half)
    assert_rounded_once(w.numpy(), before * 0.5 + x.astype("f8"), half)


@each_half
def test_elements_are_moved_as_they_are(half):
    x = np.arange(1 << 16, dtype=np.uint16).view(half).reshape(256, 256)
    f = tj.function(lambda x: (x.T, np.concatenate([x, x[:, ::-1]], axis=1), x[[3, 1]], np.where(x > 0, x, x)))
    for got, want in zip(f(x), (x.T, np.concatenate([x, x[:, ::-1]], axis=1), x[[3, 1]], x), strict=True):
        assert got.dtype == half
        np.testing.assert_array_equal(got.view(np.uint16), want.view(np.uint16), strict=True)


def test_dtypes_meet_as_in_numpy():
    x = tj.tensor(np.ones(2, "f2"))
    assert [(x + y).dtype for y in (2, 2.0, np.ones(2, "i1"), np.float32(1), np.ones(2, "i4"))] == ["f2", "f2", "f2", "f4", "f8"]
    assert np.sin(tj.tensor(np.ones(2, "i1"))).dtype == np.float16


def test_bfloat16_is_promoted_as_float16_and_meets_it_in_float32():
    x = tj.tensor(np.ones(2, BF16))
    assert [(x + y).dtype for y in (2, 2.0, np.ones(2, "i1"), True)] == [BF16] * 4
    assert [(x + y).dtype for y in (np.float16(1), np.float32(1), np.ones(2, "i4"))] == ["f4", "f4", "f8"]
    assert np.concatenate([x, np.ones(1, "f2")]).dtype == np.float32 and np.where(x > 0, x, 1.0).dtype == BF16
    assert tj.result_type(BF16, np.float16) == np.float32 and tj.stack([x, x]).dtype == BF16


def test_bfloat16_needs_a_package_and_says_which(monkeypatch):
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(tj.MissingExtraError, match=r'ml_dtypes is not installed\n  cure: pip install "tracejit\[bfloat16\]"'):
        tj.bfloat16  # noqa: B018
    with pytest.raises(tj.MissingExtraError):
        parse_graph("def f(x: bf16[n]):\n    return (x,), {}\n", TABLE)


def test_its_package_is_loaded_when_bfloat16_is_named():
    code = "import sys, tracejit, numpy; tracejit.function(lambda x: x + 1)(numpy.ones(3, 'f2')); "
    subprocess.run([sys.executable, "-c", code + "assert 'ml_dtypes' not in sys.modules"], check=True)


@each_half
def test_constants_and_text_keep_halves(half):
    graph = optimize(graph_of(lambda x: TABLE["multiply"](x, 0.1), [np.ones(3, half)]))
    assert str(parse_graph(str(graph), TABLE)) == str(graph)
    assert f"value={float(half.type(0.1))}" in str(graph)


@each_half
def test_checkpoints_hold_halves(half, tmp_path):
    w = tj.Variable(drawn(half, 7))
    kept = w.numpy()
    checkpoint = tj.io.Checkpoint(tmp_path, [w])
    checkpoint.save(0)
    w.assign(np.zeros(7, half))
    checkpoint.restore()
    assert_same(w.numpy(), kept)


def test_the_next_float16_is_asked_for_in_vain():
    with pytest.raises(tj.DTypeError, match=r"nextafter: no meaning for float16.*cast the operands to float32"):
        np.nextafter(tj.tensor(np.ones(2, "f2")), 2)


WIDENED = """
def f(x: f16[n], w: f16[n, 3], b: f16):
    t0: f16[n] = exp(x)
    t1: f16[1, n] = reshape(t0, shape=(1, n))
    t2: f16[1, 3] = matmul(t1, w)
    t3: f16[n] = broadcast(b, shape=(n,), axes=())
    t4: f16[n] = multiply(t0, t3)
    t5: f16 = reduce_sum(t4, axes=(0,))
    return (t2, t5), {}
"""
WIDE = """
def f(x: f16[n], w: f16[n, 3], b: f16):
    t0: f32[n] = cast(x, dtype=f32)
    t1: f32[n] = exp(t0)
    t2: f16[n] = cast(t1, dtype=f16)
    t3: f16[1, n] = reshape(t2, shape=(1, n))
    t4: f32[1, n] = cast(t3, dtype=f32)
    t5: f32[n, 3] = cast(w, dtype=f32)
    t6: f32[1, 3] = matmul(t4, t5)
    t7: f16[1, 3] = cast(t6, dtype=f16)
    t8: f32[n] = cast(t2, dtype=f32)
    t9: f16[n] = broadcast(b, shape=(n,), axes=())
    t10: f32[n] = cast(t9, dtype=f32)
    t11: f32[n] = multiply(t8, t10)
    t12: f32 = reduce_sum(t11, axes=(0,))
    t13: f16 = cast(t12, dtype=f16)
    return (t7, t13, ), {}
"""


def test_arithmetic_on_halves_is_put_between_casts():
    graph = widen_halves(parse_graph(WIDENED, TABLE))
    verify(graph)
    assert str(graph).strip() == WIDE.strip()


def test_a_graph_without_halves_stays_the_same_object():
    graph = parse_graph("def f(x: f32[n]):\n    t0: f32[n] = exp(x)\n    return (t0,), {}\n", TABLE)
    assert widen_halves(graph) is graph


def with_derivatives(case):
    """A case's graph, with the derivatives by its operands of halves."""
    floats = [i for i, d in enumerate(case.dtypes) if is_half(d)]

    def function(*xs):
        return case.op(*xs, **case.sample.attrs)

    return graph_of(lambda *xs: [function(*xs), *gradients(function, floats)(*xs)], case.arrays())


@pytest.mark.parametrize("case", [c for c in cases() if c.op.vjp and is_half(c.result)], ids=str)
def test_every_op_of_halves_is_computed_in_float32(case):
    graph = widen_halves(with_derivatives(case))
    verify(graph)
    for node in graph.nodes():
        moves = node.op.name in ("input", "constant", "cast", "copy") or node.op.kind in ("view", "reshape", "write", "gather")
        assert moves or not is_half(node.dtype), node


@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
@given(programs(dtypes=("f2", "f4", "i4")))
def test_generated_python_means_what_the_widened_graph_says(program):
    assert_agree(run_python(program), program.evaluated(widen_halves(optimize(program.graph))), program)


@settings(max_examples=6, deadline=None, suppress_health_check=SLOW)
@given(programs(steps=16, dtypes=("f2", "f2", "i8")))
def test_machine_code_means_what_the_widened_graph_says(program):
    assert_agree(run_cpu(program), program.evaluated(widen_halves(optimize(program.graph))), program)


@each_half
def test_machine_code_of_halves_equals_numpy(half):
    chosen = [c for c in cases() if c.dtypes and c.dtypes[-1] == half]
    builder = Builder(TABLE)
    graphs = [c.graph().replay(builder) for c in chosen]
    inputs, outputs = (tuple(n for g in graphs for n in getattr(g, part)) for part in ("inputs", "outputs"))
    program = Program(Graph("rows", inputs, outputs), tuple(a for c in chosen for a in c.arrays()), {})
    assert_agree(run_cpu(program), program.evaluated(), program)


@each_half
@pytest.mark.parametrize("compiled", [False, True])
def test_random_halves_are_those_of_one_stream(half, compiled):
    def draws():
        unit, moved = (tj.random.uniform(low, low + 1, 4000, half, generator=(3, 0)) for low in (0, 1))
        return unit, moved, tj.random.normal(size=4000, dtype=half, generator=(3, 1))

    unit, moved, normal = map(np.asarray, (tj.function(draws) if compiled else draws)())
    single = np.asarray(tj.random.uniform(size=4000, dtype="f4", generator=(3, 0)))
    digits = 11 if half == F16 else 8
    np.testing.assert_array_equal(unit.astype("f4"), np.floor(single * 2**digits) / 2**digits)
    assert unit.dtype == moved.dtype == normal.dtype == half
    assert unit.min() >= 0 and unit.max() < 1 and moved.min() >= 1 and moved.max() < 2
    assert abs(normal.astype("f8").mean()) < 0.06 and abs(normal.astype("f8").std() - 1) < 0.05
