"""The generated source of each shape of program, to be read in a diff: ``pytest --update-golden`` writes it anew."""

from pathlib import Path

import pytest

from tracejit.codegen.emit import emit
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE
from tracejit.schedule import plan
from tracejit.transforms.passes import optimize

FOLDER = Path(__file__).parent / "golden"

GRAPHS = {
    "chain": """
def chain(x: f32[n, c], b: f32[c]):
    t0: f32[n, c] = broadcast(b, shape=(n, c), axes=(1,))
    t1: f32[n, c] = add(x, t0)
    t2: f32[n, c] = tanh(t1)
    return (t2,), {}
""",
    "flat_chain_and_sum": """
def flat_chain_and_sum(x: f64[n, m], y: f64[n, m]):
    t0: f64[n, m] = multiply(x, y)
    t1: f64[n, m] = exp(t0)
    t2: f64 = reduce_sum(t1, axes=(0, 1))
    return (t1, t2), {}
""",
    "softmax": """
def softmax(x: f32[n, c]):
    t0: f32[n] = reduce_max(x, axes=(1,))
    t1: f32[n, c] = broadcast(t0, shape=(n, c), axes=(0,))
    t2: f32[n, c] = subtract(x, t1)
    t3: f32[n, c] = exp(t2)
    t4: f32[n] = reduce_sum(t3, axes=(1,))
    t5: f32[n, c] = broadcast(t4, shape=(n, c), axes=(0,))
    t6: f32[n, c] = divide(t3, t5)
    return (t6,), {}
""",
    "columns": """
def columns(x: f32[n, c]):
    t0: f32[c] = reduce_max(x, axes=(0,))
    t1: f32[c] = reduce_sum(x, axes=(0,))
    return (t0, t1), {}
""",
    "variance": """
def variance(x: f32[n, c]):
    t0: f32[c] = reduce_sum(x, axes=(0,))
    t1: i64 = dim(size=n)
    t2: f32 = cast(t1, dtype=f32)
    t3: f32[c] = broadcast(t2, shape=(c,), axes=())
    t4: f32[c] = divide(t0, t3)
    t5: f32[n, c] = broadcast(t4, shape=(n, c), axes=(1,))
    t6: f32[n, c] = subtract(x, t5)
    t7: f32[n, c] = multiply(t6, t6)
    t8: f32[c] = reduce_sum(t7, axes=(0,))
    return (t8,), {}
""",
    "crossed": """
def crossed(x: f32[n, n]):
    t0: f32[n, n] = transpose(x, perm=(1, 0))
    t1: f32[n, n] = add(x, t0)
    return (t1,), {}
""",
    "middle": """
def middle(x: f32[n, m, c]):
    t0: f32[n, c] = reduce_sum(x, axes=(1,))
    return (t0,), {}
""",
    "forces": """
def forces(p: f32[n, 2]):
    t0: f32[n, n, 2] = broadcast(p, shape=(n, n, 2), axes=(0, 2))
    t1: f32[n, n, 2] = broadcast(p, shape=(n, n, 2), axes=(1, 2))
    t2: f32[n, n, 2] = subtract(t0, t1)
    t3: f32[n, n, 2] = multiply(t2, t2)
    t4: f32[n, n] = reduce_sum(t3, axes=(2,))
    t5: f32[n, n, 2] = broadcast(t4, shape=(n, n, 2), axes=(0, 1))
    t6: f32[n, n, 2] = multiply(t2, t5)
    t7: f32[n, 2] = reduce_sum(t6, axes=(1,))
    return (t7,), {}
""",
    "argmax": """
def argmax(x: f32[n, c]):
    t0: i64[n] = reduce_argmax(x, axes=(1,))
    return (t0,), {}
""",
    "updates": """
def updates(w: f32[30, 40], v: f32[30, 40], b: f32[40], u: f32[40], x: f32[n, 30], g: f32[n, 40]):
    t0: f32[30, n] = transpose(x, perm=(1, 0))
    t1: f32[30, 40] = matmul(t0, g)
    t2: f32[40] = reduce_sum(g, axes=(0,))
    t3: f32 = constant(value=0.9, dtype=f32)
    t4: f32[30, 40] = broadcast(t3, shape=(30, 40), axes=())
    t5: f32[30, 40] = multiply(t4, v)
    t6: f32[30, 40] = add(t5, t1)
    t7: f32[30, 40] = subtract(w, t6)
    t8: f32[40] = broadcast(t3, shape=(40,), axes=())
    t9: f32[40] = multiply(t8, u)
    t10: f32[40] = add(t9, t2)
    t11: f32[40] = subtract(b, t10)
    return (), {w: t7, v: t6, b: t11, u: t10}
""",
    "stencil": """
def stencil(x: f64[n]):
    t0: f64[n - 2] = slice(x, starts=(0,), sizes=(n - 2,), steps=(1,))
    t1: f64[n - 2] = slice(x, starts=(2,), sizes=(n - 2,), steps=(1,))
    t2: f64[n - 2] = add(t0, t1)
    t3: f64[n] = slice_update(x, t2, starts=(1,), steps=(1,))
    return (), {x: t3}
""",
    "reversed_gather": """
def reversed_gather(x: f32[n, c], i: i64[m]):
    t0: f32[m, c] = gather(x, i, axis=0)
    t1: f32[m, c] = slice(t0, starts=(0, c - 1), sizes=(m, c), steps=(1, -1))
    return (t1,), {}
""",
    "scatter": """
def scatter(x: f32[n, c], i: i64[m], v: f32[m, c]):
    t0: f32[n, c] = scatter_add(x, i, v, axis=0)
    return (t0,), {}
""",
    "scan_and_join": """
def scan_and_join(x: f64[n, c]):
    t0: f64 = constant(value=1.0, dtype=f64)
    t1: f64[n, c] = broadcast(t0, shape=(n, c), axes=())
    t2: f64[n, c] = linear_scan(t1, x, axis=1, reverse=False)
    t3: f64[n, 2*c] = concatenate(x, t2, axis=1)
    return (t3,), {}
""",
    "sort_of_one_row": """
def sort(x: f32[n]):
    t0: f32[n] = sort(x)
    return (t0,), {}
""",
    "sort": """
def sort(x: f32[n, c]):
    t0: i64[n, c] = argsort(x)
    return (t0,), {}
""",
    "batched_product": """
def batched_product(x: f32[b, n, k], y: f32[b, m, k]):
    t0: f32[b, k, m] = transpose(y, perm=(0, 2, 1))
    t1: f32[b, n, m] = matmul(x, t0)
    return (t1,), {}
""",
    "sgd": """
def sgd(x: f32[n, 100], g: f32[n, 10], w: f32[100, 10], lr: f64):
    t0: f32[100, n] = transpose(x, perm=(1, 0))
    t1: f32[100, 10] = matmul(t0, g)
    t2: f32 = cast(lr, dtype=f32)
    t3: f32[100, 10] = broadcast(t2, shape=(100, 10), axes=())
    t4: f32[100, 10] = multiply(t3, t1)
    t5: f32[100, 10] = subtract(w, t4)
    return (), {w: t5}
""",
    "swap": """
def swap(a: f64[n], b: f64[n]):
    return (), {a: b, b: a}
""",
    "half_chain": """
def half_chain(x: f16[n, c], b: f16[c]):
    t0: f16[n, c] = broadcast(b, shape=(n, c), axes=(1,))
    t1: f16[n, c] = multiply(x, t0)
    t2: f16[n, c] = add(t1, x)
    return (t2,), {}
""",
    "bfloat16_chain": """
def bfloat16_chain(x: bf16[n], y: f16[n], i: i32[n]):
    t0: f32[n] = cast(x, dtype=f32)
    t1: f32[n] = cast(y, dtype=f32)
    t2: f32[n] = add(t0, t1)
    t3: bf16[n] = cast(t2, dtype=bf16)
    t4: bf16[n] = cast(i, dtype=bf16)
    t5: bf16[n] = multiply(t3, t4)
    return (t5,), {}
""",
    "half_softmax": """
def half_softmax(x: f16[n, c]):
    t0: f16[n] = reduce_max(x, axes=(1,))
    t1: f16[n, c] = broadcast(t0, shape=(n, c), axes=(0,))
    t2: f16[n, c] = subtract(x, t1)
    t3: f16[n, c] = exp(t2)
    t4: f16[n] = reduce_sum(t3, axes=(1,))
    t5: f16[n, c] = broadcast(t4, shape=(n, c), axes=(0,))
    t6: f16[n, c] = divide(t3, t5)
    return (t6,), {}
""",
    "half_product": """
def half_product(x: f16[n, k], w: f16[m, k]):
    t0: f16[k, m] = transpose(w, perm=(1, 0))
    t1: f16[n, m] = matmul(x, t0)
    t2: f16[n, m] = tanh(t1)
    return (t2,), {}
""",
    "checked_index": """
def checked_index(x: f32[n], i: i64[m], w: f32[m]):
    t0: i64[m] = checked_index(i, size=n)
    t1: f32[m] = gather(x, t0, axis=0)
    return (), {w: t1}
""",
}


@pytest.mark.parametrize("name", GRAPHS)
def test_generated_source_is_the_one_that_was_read(name, request):
    source = emit(plan(optimize(parse_graph(GRAPHS[name], TABLE)))).text
    path = FOLDER / f"{name}.py"
    if request.config.getoption("--update-golden"):
        path.write_text(source)
    assert source == path.read_text(), "read the difference, then run pytest --update-golden"
