"""explain() and profile(): each step with what it costs, each line with its steps, and everything left as it was."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

import tracejit as tj
from tracejit.codegen.emit import emit
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE
from tracejit.runtime import machine, tiles
from tracejit.schedule import plan
from tracejit.schedule.cost import LEAST_TILED, LOAD, MOST_TILES, PARALLEL_FROM, PLAIN, tiles_of
from tracejit.schedule.reasons import apart
from tracejit.schedule.roofline import Rates, Work, predicted, work_of
from tracejit.transforms.passes import optimize

RATES = Rates(plain=0.01, function=0.1, long=5.0, multiplications=50.0, cached=100.0, memory=20.0, memory_all=40.0, threads=2)


def planned(*lines: str):
    return plan(optimize(parse_graph("\n".join(lines) + "\n", TABLE)))


LAYER = (
    "def layer(x: f32[n, 30], w: f32[30, 40], b: f32[40]):",
    "    t0: f32[n, 40] = matmul(x, w)",
    "    t1: f32[n, 40] = broadcast(b, shape=(n, 40), axes=(1,))",
    "    t2: f32[n, 40] = add(t0, t1)",
    "    t3: f32[n, 40] = tanh(t2)",
    "    t4: f32[40] = reduce_sum(t3, axes=(0,))",
    "    t5: f32[40] = multiply(t4, b)",
    "    return (t3, t5), {}",
)


@pytest.fixture
def step():
    w, b = tj.Variable(np.ones((30, 40), "f4")), tj.Variable(np.zeros(40, "f4"))

    @tj.function
    def step(x, out):
        h = np.tanh(x @ w + b)
        w.assign_sub(0.1 * w)
        out[:] = h.sum(axis=0)
        return h

    step.variables = w, b
    return step


def test_the_work_of_a_step_is_its_operations_and_each_buffer_once():
    product, loop, last = planned(*LAYER).steps
    assert work_of(product, {"n": 5}) == Work(4 * (5 * 30 + 30 * 40), 4 * 5 * 40, multiplications=5 * 30 * 40)
    work = work_of(loop, {"n": 5})
    assert (work.read, work.written) == (4 * (5 * 40 + 40), 4 * (5 * 40 + 40))
    assert (work.plain, work.functions) == (3 * 200, 200) and work.flops == 3 * 200 + 8 * 200
    assert work_of(last, {"n": 5}) == Work(2 * 160, 160, plain=40, price=40 * (PLAIN + 2 * LOAD))


def test_predictions_are_the_larger_of_arithmetic_and_traffic():
    assert predicted(Work(read=1000), RATES).bound == "cache"
    assert predicted(Work(read=1000), RATES).time == pytest.approx(10.0)
    small = predicted(Work(read=10, functions=10_000), RATES)
    assert (small.bound, small.time) == ("arithmetic", pytest.approx(1000.0))
    large = predicted(Work(read=1 << 30, price=PARALLEL_FROM + 1), RATES)
    assert (large.bound, large.time) == ("memory", pytest.approx((1 << 30) / 40.0 + RATES.launch))
    assert predicted(Work(read=1 << 30, price=PARALLEL_FROM), RATES).time == pytest.approx((1 << 30) / RATES.memory)
    product = predicted(Work(multiplications=LEAST_TILED), RATES)
    assert product.time == pytest.approx(LEAST_TILED / 50.0 / 2 + RATES.launch)


def test_tiles_double_with_each_factor_of_four_up_to_the_most():
    found = [tiles_of(1 << power) for power in range(18, 40)]
    assert found[:3] == [1, 1, 2] and max(found) == MOST_TILES == found[-1]
    assert all(later in (earlier, 2 * earlier) for earlier, later in itertools.pairwise(found))


def test_machine_code_cuts_products_as_the_cost_model_says():
    seen: list[int] = []
    kind = type(machine.blas.gemm(1, np.dtype("f4")))
    spy = kind(lambda *arguments: seen.append(arguments[3]))
    address = tiles._address(spy)
    code = tiles.tiled(address, address, None)
    for size in (100, 102, 150, 256, 400, 700, 1300):
        seen.clear()
        machine.blas.gemm(code.address, np.dtype("f4"))(101, 111, 111, size, size, size, 1.0, 0, size, 0, size, 0.0, 0, size)
        assert len(seen) == tiles_of(size**3)


def test_the_reason_why_a_value_is_stored_is_given():
    schedule = planned(*LAYER)
    reasons = [(a.maker, a.reader, a.reason) for a in apart(schedule)]
    assert reasons == [
        (0, 1, "products are computed by the library, whole"),
        (1, 2, "a reduction over rows is known only when its loop has ended"),
    ]
    turned = planned(
        "def f(x: f32[n, n], y: f32[n, n]):",
        "    t0: f32[n, n] = exp(x)",
        "    t1: f32[n, n] = transpose(t0, perm=(1, 0))",
        "    t2: f32[n, n] = multiply(t1, y)",
        "    return (t0, t2), {}",
    )
    (only,) = apart(turned)
    assert only.reason == "it is read elsewhere than where it is made: moved, turned or reshaped"


def test_profile_times_every_step_and_leaves_everything_as_it_was(step):
    x, out = np.full((7, 30), 0.01, "f4"), np.full(40, 5.0, "f4")
    profile = step.profile(x, out)
    w, b = step.variables
    assert np.all(w.numpy() == 1) and np.all(b.numpy() == 0) and np.all(out == 5)
    assert profile.sizes == {"n": 7}
    assert all(s.measured is not None and s.measured > 0 and s.predicted > 0 for s in profile.steps)
    assert profile.total is not None and profile.total >= max(s.measured for s in profile.steps)
    assert [s.kind for s in profile.steps].count("product") == 1
    step(x, out)
    assert np.allclose(w.numpy(), 0.9) and not np.all(out == 5)


def test_explain_lists_lines_steps_and_reasons(step):
    x, out = np.full((7, 30), 0.01, "f4"), np.zeros(40, "f4")
    explained = step.explain(x, out)
    text = str(explained)
    assert "np.tanh(x @ w + b)" in text and "products are computed by the library, whole" in text
    numbers = {line.text: line.forward for line in explained.lines}
    product = next(s.number for s in explained.steps if s.kind == "product")
    assert product in numbers["h = np.tanh(x @ w + b)"] and product not in numbers["w.assign_sub(0.1 * w)"]
    data = json.loads(explained.json())["data"]
    assert len(data["steps"]) == len(explained.steps) and data["stored"] and data["machine"]["name"] == machine.processor()
    page = explained._repr_html_()
    assert page.count("<table>") == 3 and "x @ w + b" in page


def test_explain_without_arguments_runs_nothing(step):
    with pytest.raises(ValueError, match="no program yet"):
        step.explain()
    step(np.ones((3, 30), "f4"), np.zeros(40, "f4"))
    before = step.variables[0].numpy().copy()
    explained = step.explain()
    assert explained.sizes == {"n": 3} and explained.total is None and all(s.measured is None for s in explained.steps)
    assert "measured, " not in str(explained) and np.array_equal(step.variables[0].numpy(), before)


def test_profile_of_an_index_out_of_bounds_says_so_and_changes_nothing():
    table = tj.Variable(np.zeros(1, "f4"))

    @tj.function
    def f(i):
        table.assign_add(1.0 + tj.asarray(np.arange(5.0, dtype="f4"))[i])

    with pytest.raises(IndexError, match="out of bounds"):
        f.profile(np.array([7]))
    assert np.all(table.numpy() == 0)


def test_no_source_depends_on_the_machine(monkeypatch):
    before = emit(planned(*LAYER)).text
    monkeypatch.setattr(machine, "rates", lambda: Rates(plain=100.0, cached=0.001, threads=64))
    assert emit(planned(*LAYER)).text == before


def test_rates_are_measured_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACEJIT_CACHE_DIR", str(tmp_path / "cache"))
    calls = []
    monkeypatch.setattr(machine, "measure", lambda count: calls.append(count) or Rates(threads=count, name="x"))
    for _ in range(2):
        machine._rates.cache_clear()
        assert machine._rates(3) == Rates(threads=3, name="x")
    assert calls == [3]
    (path,) = (tmp_path / "cache").glob("machine-*.json")
    for damage in ("{", "[]", '{"plain": -1}', '{"plain": "a"}', '{"other": 1}'):
        path.write_text(damage)
        machine._rates.cache_clear()
        assert machine._rates(3).name == "x"
    assert len(calls) == 6
    machine._rates.cache_clear()


def test_every_rate_is_measured():
    found, default = machine.measure(2), Rates()
    for name in ("plain", "function", "long", "multiplications", "cached", "memory", "memory_all"):
        assert 0 < getattr(found, name) != getattr(default, name)
    assert found.threads == 2 and found.name == machine.processor() and found.memory <= found.memory_all
