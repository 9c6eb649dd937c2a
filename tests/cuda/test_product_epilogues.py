"""Products that end in a bias or an activation: which do, what is written for them, and what they give."""

import re
from pathlib import Path

import numpy as np
import pytest
from cuda_tools import Machine, cuda_source, random_program, run_emulated
from program_tools import assert_agree

from tracejit.backends.cuda.compile import compile_kernels
from tracejit.ir.parse import parse_graph
from tracejit.ir.spec import dtype_of
from tracejit.ops import TABLE
from tracejit.schedule import Gemm, plan
from tracejit.schedule.reasons import apart
from tracejit.transforms.passes import optimize

FAST = ("bias", "relu", "gelu")
FOLDER = Path(__file__).parent / "golden"
END = """
    y: f32[n, d] = matmul(last, v)
    return (y,), {}
"""
HEAD = """
def dense(x: f32[n, k], w: f32[k, m], b: f32[m], v: f32[m, d]):
    p: f32[n, m] = matmul(x, w)
    c: f32[n, m] = broadcast(b, shape=(n, m), axes=(1,))
    z: f32[n, m] = add(p, c)
"""
ZERO = """
    o: f32 = constant(value=0.0, dtype=f32)
    o0: f32[n, m] = broadcast(o, shape=(n, m), axes=())
"""
RELU = f"""{ZERO}
    m0: b1[n, m] = less_equal(z, o0)
    h: f32[n, m] = where(m0, o0, z)
"""
MAXIMUM = f"""{ZERO}
    h: f32[n, m] = maximum(z, o0)
"""
GELU = """
    a0: f32 = constant(value=0.5, dtype=f32)
    a1: f32[n, m] = broadcast(a0, shape=(n, m), axes=())
    a2: f32[n, m] = multiply(a1, z)
    a3: f32 = constant(value=1.0, dtype=f32)
    a4: f32[n, m] = broadcast(a3, shape=(n, m), axes=())
    a5: f32 = constant(value=0.7978845608028654, dtype=f32)
    a6: f32[n, m] = broadcast(a5, shape=(n, m), axes=())
    a7: f32 = constant(value=CUBE, dtype=f32)
    a8: f32[n, m] = broadcast(a7, shape=(n, m), axes=())
    a9: f32[n, m] = multiply(z, z)
    b0: f32[n, m] = multiply(a9, z)
    b1_: f32[n, m] = multiply(a8, b0)
    b2: f32[n, m] = add(z, b1_)
    b3: f32[n, m] = multiply(a6, b2)
    b4: f32[n, m] = tanh(b3)
    b5: f32[n, m] = add(a4, b4)
    h: f32[n, m] = multiply(a2, b5)
"""
GRAPHS = {
    "bias": HEAD + END.replace("last", "z"),
    "relu": HEAD + RELU + END.replace("last", "h"),
    "maximum": HEAD + MAXIMUM + END.replace("last", "h"),
    "gelu": HEAD + GELU.replace("CUBE", "0.044715") + END.replace("last", "h"),
    "relu_alone": HEAD.replace("add(p, c)", "copy(p, key=7)").replace("z: ", "p0: ").replace("p: ", "z: ").replace("(p,", "(z,")
    + RELU
    + END.replace("last", "h"),
}
KINDS = {"bias": "bias", "relu": "bias_relu", "maximum": "bias_relu", "gelu": "bias_gelu", "relu_alone": "relu"}
DIGITS = {"f16": 4e-3, "bf16": 3e-2}
SIZES = [{"n": 5, "k": 4, "m": 7, "d": 2}, {"n": 1, "k": 1, "m": 1, "d": 1}, {"n": 33, "k": 3, "m": 70, "d": 5}]


def parsed(text, dtype="f32"):
    """The graph, its constants as a trace makes them."""

    def rounded(value):
        return f"value={np.asarray(float(value[1])).astype(dtype_of(dtype)).item()}"

    return parse_graph(re.sub(r"value=([\d.]+)", rounded, text).replace("f32", dtype), TABLE)


def assert_close(program, found, text, dtype):
    """That results of halves, rounded where the library does it, are what float64 gives for the same operands."""
    if dtype not in DIGITS:
        assert_agree(found, program.evaluated(), program)
        return
    wide = type(program)(parsed(text, "f64"), tuple(x.astype("f8") for x in program.arrays), program.sizes)
    for x, y in zip(found, wide.evaluated(), strict=True):
        np.testing.assert_allclose(x.astype("f8"), y, rtol=DIGITS[dtype], atol=DIGITS[dtype] * max(1, abs(y).max()))


def scheduled(graph, epilogues=FAST):
    return plan(optimize(graph), moments=False, half_products=True, epilogues=epilogues)


def kinds(schedule):
    """What each product ends in; ``loop`` for what is no product."""
    return [(s.epilogue.name if s.epilogue else "") if isinstance(s, Gemm) else "loop" for s in schedule.steps]


@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32", "f64"])
@pytest.mark.parametrize("name", GRAPHS)
def test_a_loop_that_only_follows_a_product_is_its_epilogue(name, dtype):
    graph = parsed(GRAPHS[name], dtype)
    assert kinds(plan(optimize(graph), moments=False, half_products=True)) == ["", "loop", ""]
    assert kinds(scheduled(graph)) == [KINDS[name], ""]
    assert kinds(scheduled(graph, ("bias",))) == (["bias", ""] if name == "bias" else ["", "loop", ""])


def test_schedules_say_what_a_product_ends_in():
    text = str(scheduled(parsed(GRAPHS["relu"])))
    assert text == (
        "schedule of dense: 2 steps, arena 4*m*n bytes\n"
        "0: Gemm, then bias_relu\n"
        "    t0: f32[n, m] = matmul(x, w)\n"
        "    t2: f32[n, m] = add(t0, t1)\n"
        "    t5: b1[n, m] = less_equal(t2, t4)\n"
        "    t6: f32[n, m] = where(t5, t4, t2) -> slot 0\n"
        "1: Gemm\n"
        "    t7: f32[n, d] = matmul(t6, v) -> output 0\n"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("b: f32[m]", "b: f32[n]"),  # along the other axis
        ("b: f32[m]", "b: f32"),  # a number
        ("b: f32[m]", "b: f32[n, m]"),  # a matrix
        ("(y,)", "(y, p)"),  # the product itself is a result
        ("add(p, c)", "multiply(p, c)"),
        ("add(p, c)", "subtract(c, p)"),
        ("c: f32[n, m] = broadcast(b, shape=(n, m), axes=(1,))", "c: f32[n, m] = add(p, p)"),  # the product in both places
    ],
)
def test_what_is_no_bias_stays_a_loop(old, new):
    text = GRAPHS["bias"].replace(old, new)
    axes = {"b: f32[n]": "axes=(0,)", "b: f32": "axes=()", "b: f32[n, m]": "axes=(0, 1)"}.get(new)
    text = text.replace("axes=(1,)", axes) if axes else text
    assert kinds(scheduled(parsed(text))) == ["", "loop", ""]


def test_a_bias_made_of_the_product_stays_a_loop():
    text = GRAPHS["bias"].replace(
        "c: f32[n, m] = broadcast(b,", "s: f32[m] = reduce_sum(p, axes=(0,))\n    c: f32[n, m] = broadcast(s,"
    )
    assert set(kinds(scheduled(parsed(text)))) == {"", "loop"}


def test_a_bias_that_is_computed_is_computed_before_the_product():
    text = (
        GRAPHS["bias"].replace("b: f32[m]", "q: f32[r, m]").replace("    c:", "    b: f32[m] = reduce_sum(q, axes=(0,))\n    c:")
    )
    assert kinds(scheduled(parsed(text))) == ["loop", "bias", ""]
    program = random_program(parsed(text), {"n": 5, "k": 4, "m": 7, "d": 2, "r": 6})
    assert_agree(run_emulated(program), program.evaluated(), program)


def test_who_makes_the_bias_shares_no_loop_with_who_reads_the_result():
    text = """
def shared(x: f32[n, k], w: f32[k, m], q: f32[n, m], v: f32[m, d]):
    p: f32[n, m] = matmul(x, w)
    b: f32[m] = reduce_sum(q, axes=(0,))
    c: f32[n, m] = broadcast(b, shape=(n, m), axes=(1,))
    z: f32[n, m] = add(p, c)
    y: f32[n, d] = matmul(z, v)
    u: f32[n, m] = multiply(z, q)
    return (y, u), {}
"""
    assert sorted(kinds(scheduled(parsed(text)))) == ["", "bias", "loop", "loop"]
    program = random_program(parsed(text), SIZES[0])
    assert_agree(run_emulated(program), program.evaluated(), program)


def test_a_vector_along_the_other_axis_of_a_square_is_no_bias():
    text = GRAPHS["bias"].replace("n, ", "m, ").replace("axes=(1,)", "axes=(0,)")
    assert kinds(scheduled(parsed(text))) == ["", "loop", ""]


def test_a_vector_that_is_added_to_each_part_of_a_row_is_no_bias():
    text = """
def parts(x: f32[n, k], w: f32[k, 2*h], b: f32[h], v: f32[2*h, d]):
    p: f32[n, 2*h] = matmul(x, w)
    q: f32[n, 2, h] = reshape(p, shape=(n, 2, h))
    c: f32[n, 2, h] = broadcast(b, shape=(n, 2, h), axes=(2,))
    r: f32[n, 2, h] = add(q, c)
    z: f32[n, 2*h] = reshape(r, shape=(n, 2*h))
    y: f32[n, d] = matmul(z, v)
    return (y,), {}
"""
    assert kinds(scheduled(parsed(text))) == ["", "loop", ""]


def test_a_bias_that_waits_for_the_product_stays_a_loop():
    text = """
def late(x: f32[n, k], w: f32[k, m], v: f32[m, d]):
    p: f32[n, m] = matmul(x, w)
    g: f32[k, m] = exp(w)
    b: f32[m] = reduce_sum(g, axes=(0,))
    c: f32[n, m] = broadcast(b, shape=(n, m), axes=(1,))
    z: f32[n, m] = add(p, c)
    y: f32[n, d] = matmul(z, v)
    return (y,), {w: g}
"""
    program = random_program(parsed(text), {"n": 5, "k": 4, "m": 7, "d": 2})
    assert_agree(run_emulated(program), program.evaluated(), program)


def test_a_result_may_not_replace_what_its_product_reads():
    text = """
def again(x: f32[n, n], b: f32[n]):
    p: f32[n, n] = matmul(x, x)
    c: f32[n, n] = broadcast(b, shape=(n, n), axes=(1,))
    z: f32[n, n] = add(p, c)
    return (), {x: z}
"""
    assert kinds(scheduled(parsed(text))) == ["", "loop"]
    program = random_program(parsed(text), {"n": 9})
    assert_agree(run_emulated(program), program.evaluated(), program)


def test_a_loop_that_reads_it_adds_the_bias_on_the_way():
    text = GRAPHS["bias"].replace("y: f32[n, d] = matmul(z, v)", "y: f32[n] = reduce_max(z, axes=(1,))")
    schedule = scheduled(parsed(text))
    assert kinds(schedule) == ["", "loop"]
    assert [a.reason for a in apart(schedule)] == ["the loop that reads it adds the bias on the way"]


def test_what_is_left_to_a_loop_says_how_to_have_it_taken():
    schedule = scheduled(parsed(GRAPHS["relu"]), ("bias",))
    assert "relu is left to a loop" in next(apart(schedule)).reason and "TRACEJIT_EPILOGUES=fast" in next(apart(schedule)).reason


def test_an_activation_whose_operand_others_read_says_so():
    text = GRAPHS["gelu"].replace(
        "return (y,)", "e: f32[n, m] = exp(z)\n    s: f32[n] = reduce_sum(e, axes=(1,))\n    return (y, s)"
    )
    schedule = scheduled(parsed(text))
    assert kinds(schedule)[:2] == ["", "loop"]
    assert next(apart(schedule)).reason == "what gelu is computed from is read by others, too"


def test_a_gelu_with_other_numbers_is_none():
    text = HEAD + GELU.replace("CUBE", "0.0447") + END.replace("last", "h")
    assert kinds(scheduled(parsed(text))) == ["", "loop", ""]


def test_an_activation_whose_operand_is_a_result_stays_a_loop():
    assert kinds(scheduled(parsed(GRAPHS["gelu"].replace("(y,)", "(y, z)")))) == ["bias", "loop", ""]


def test_the_mask_of_a_derivative_is_read_from_the_result():
    text = (
        GRAPHS["relu"]
        .replace("b: f32[m],", "b: f32[m], ct: f32[n, m],")
        .replace("return (y,)", "g: f32[n, m] = where(m0, o0, ct)\n    return (y, g)")
    )
    assert kinds(scheduled(parsed(text), ("bias",)))[:2] == ["", "loop"]
    assert kinds(scheduled(parsed(text)))[0] == "bias_relu"
    program = random_program(parsed(text), SIZES[0])
    assert_agree(run_emulated(program, epilogues=FAST), program.evaluated(), program)


@pytest.mark.parametrize("name", ["bias", "relu"])
def test_generated_source_is_the_one_that_was_read(name, request):
    graph = parsed(GRAPHS[name], "f16" if name == "relu" else "f32")
    _, source = cuda_source(graph, epilogues=FAST)
    path = FOLDER / f"product_with_{name}.py"
    if request.config.getoption("--update-golden"):
        path.write_text(source.text)
    assert source.text == path.read_text(), "read the difference, then run pytest --update-golden"


@pytest.mark.parametrize("offered", [True, False], ids=["offered", "apart"])
@pytest.mark.parametrize("dtype", ["f16", "bf16", "f32", "f64"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("name", GRAPHS)
def test_they_give_what_numpy_gives(name, sizes, dtype, offered):
    program = random_program(parsed(GRAPHS[name], dtype), sizes)
    assert_close(program, run_emulated(program, Machine(epilogues=offered), epilogues=FAST), GRAPHS[name], dtype)


@pytest.mark.parametrize("sizes", [{"n": 0, "k": 4, "m": 7, "d": 2}, {"n": 3, "k": 0, "m": 7, "d": 2}], ids=str)
def test_without_elements_the_bias_is_what_is_left(sizes):
    program = random_program(parsed(GRAPHS["bias"]), sizes)
    assert_agree(run_emulated(program), program.evaluated(), program)


@pytest.mark.parametrize("offered", [True, False], ids=["offered", "apart"])
@pytest.mark.parametrize("dtype", ["f16", "f32"])
def test_batches_and_transposed_operands(dtype, offered):
    text = """
def heads(x: f32[b, n, k], w: f32[b, m, k], c: f32[m]):
    u: f32[b, k, m] = transpose(w, perm=(0, 2, 1))
    p: f32[b, n, m] = matmul(x, u)
    d: f32[b, n, m] = broadcast(c, shape=(b, n, m), axes=(2,))
    z: f32[b, n, m] = add(p, d)
    return (z,), {}
"""
    graph = parsed(text, dtype)
    assert kinds(scheduled(graph)) == ["bias"]
    assert "gemm_nt_bias_batch(" in cuda_source(graph)[1].text
    program = random_program(graph, {"b": 3, "n": 5, "k": 4, "m": 7})
    assert_close(program, run_emulated(program, Machine(epilogues=offered)), text, dtype)


def test_a_product_of_rows_that_are_reshaped():
    text = """
def tokens(x: f32[b, n, k], w: f32[k, m], c: f32[m], v: f32[m, d]):
    r: f32[b*n, k] = reshape(x, shape=(b*n, k))
    p: f32[b*n, m] = matmul(r, w)
    q: f32[b, n, m] = reshape(p, shape=(b, n, m))
    e: f32[b, n, m] = broadcast(c, shape=(b, n, m), axes=(2,))
    z: f32[b, n, m] = add(q, e)
    s: f32[b*n, m] = reshape(z, shape=(b*n, m))
    y: f32[b*n, d] = matmul(s, v)
    return (y,), {}
"""
    assert kinds(scheduled(parsed(text))) == ["bias", ""]
    program = random_program(parsed(text), {"b": 3, "n": 5, "k": 4, "m": 7, "d": 2})
    assert_agree(run_emulated(program), program.evaluated(), program)


def test_the_library_makes_nan_zero_in_relu_and_a_loop_does_not():
    program = random_program(parsed(GRAPHS["relu"]), SIZES[0])
    program.arrays[2][1] = np.nan
    (kept, *_), (lost, *_) = run_emulated(program), run_emulated(program, epilogues=FAST)
    assert np.isnan(kept).all() and np.isfinite(lost).all()


@pytest.mark.parametrize("dtype", ["f16", "f32"])
def test_the_loops_beside_them_compile_without_spills(dtype):
    _, source = cuda_source(parsed(GRAPHS["gelu"], dtype), epilogues=FAST)
    for kernel in compile_kernels(source.text, "generated.py", (9, 0)).values():
        assert kernel.spills == kernel.stack == 0


def test_what_is_computed_again_begins_at_the_result_of_the_product():
    text = """
def normed(x: f32[n, k], w: f32[k, m], b: f32[m], v: f32[m, d]):
    p: f32[n, m] = matmul(x, w)
    c: f32[n, m] = broadcast(b, shape=(n, m), axes=(1,))
    z: f32[n, m] = add(p, c)
    y: f32[n, d] = matmul(z, v)
    t: f32[n, m] = multiply(z, z)
    s: f32 = reduce_sum(t, axes=(0, 1))
    s0: f32[n, m] = broadcast(s, shape=(n, m), axes=())
    u: f32[n, m] = divide(t, s0)
    return (y, u), {}
"""
    schedule = scheduled(parsed(text))
    assert sorted(kinds(schedule)) == ["", "bias", "loop", "loop"]
    assert all(n.op.name != "add" for s in schedule.steps if not isinstance(s, Gemm) for n in s.nodes)
    program = random_program(parsed(text), SIZES[0])
    assert_agree(run_emulated(program), program.evaluated(), program)
