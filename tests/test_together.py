"""Loops that do the same to many buffers: one launch, the results of many."""

from __future__ import annotations

import numpy as np
import pytest
from native import native, table_of

import tracejit as tj
from tracejit.backends.python.run import load_source
from tracejit.codegen.emit import emit
from tracejit.codegen.together import Run, runs
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE
from tracejit.runtime import threads
from tracejit.schedule import plan

SCALED = """from prelude import f32, f32_at, parallel_for_each, program, region

@region
def region_0(chunk, begin, end, args):
    x = f32_at(args[0] + 4 * begin, end - begin)
    for i in range(end - begin):
        x[i] = x[i] * f32(2) + f32(chunk)

@program
def step(table):
    parallel_for_each(region_0, table, 8, 4, 5)
"""


@pytest.mark.parametrize("sizes", [(3, 0, 5, 0), (0, 0, 0, 0), (100_000, 1, 70_000, 9)])
def test_records_are_worked_on_as_if_each_were_launched_alone(sizes: tuple[int, ...]) -> None:
    found = []
    for run, count in ((load_source(SCALED, "generated.py"), 1), (native(SCALED), 1), (native(SCALED), 2), (native(SCALED), 5)):
        arrays = [np.arange(size, dtype=np.float32) for size in sizes]
        records = [word for array in arrays for word in (array.size, 40, 0, 0, array)]
        run(table_of(*records, threads=count))
        found.append([array.tobytes() for array in arrays])
    assert all(other == found[0] for other in found[1:])
    assert found[0][0] != np.arange(sizes[0], dtype=np.float32).tobytes() or not sizes[0]


def network(layers: int):
    """A step of Adam over so many layers, and its parameters."""
    rng = np.random.default_rng(0)
    shapes = [shape for _ in range(layers) for shape in ((20, 20), (20,))]
    parameters = [tj.Variable(rng.standard_normal(shape).astype("f4") * 0.2) for shape in shapes]
    first, second = ([tj.Variable(np.zeros(shape, "f4")) for shape in shapes] for _ in range(2))

    @tj.function
    def step(x):
        with tj.GradientTape() as tape:
            h = x
            for w, b in zip(parameters[::2], parameters[1::2], strict=True):
                h = np.tanh(h @ w + b)
            loss = np.sum(h * h)
        for p, d, m, v in zip(parameters, tape.gradient(loss, parameters), first, second, strict=True):
            m.assign(0.9 * m + 0.1 * d)
            v.assign(0.99 * v + 0.01 * d * d)
            p.assign_sub(0.01 * m / (np.sqrt(v) + 1e-8))
        return loss

    return step, parameters


def test_the_updates_of_all_parameters_are_one_launch_however_many_there_are() -> None:
    x = np.ones((8, 20), "f4")
    for layers in (2, 5):
        step, _ = network(layers)
        step(x)
        text = str(step.source())
        assert text.count("parallel_for_each(region_") == 1 and f", {2 * layers}, " in text.split("parallel_for_each(region_")[1]
        assert text.count(" = sqrt(") == 1


def test_updates_in_one_launch_equal_updates_by_the_python_twin_for_any_number_of_threads() -> None:
    x, before = np.ones((8, 20), "f4"), threads.num_threads()
    found = []
    try:
        for count in (1, 2, 4):
            threads.set_num_threads(count)
            step, parameters = network(3)
            for _ in range(3):
                step(x)
            found.append(b"".join(p.numpy().tobytes() for p in parameters))
    finally:
        threads.set_num_threads(before)
    assert len(set(found)) == 1
    step, twins = network(3)
    for _ in range(3):
        step.debug(x)
    for p, twin in zip(parameters, twins, strict=True):
        np.testing.assert_allclose(p.numpy(), twin.numpy(), rtol=1e-4, atol=1e-5)


def test_a_loop_that_reads_what_another_makes_is_launched_after_it() -> None:
    graph = """
def f(x: f32[6, 4]):
    t0: f32[6, 4] = multiply(x, x)
    t1: f32[4, 6] = reshape(t0, shape=(4, 6))
    t2: f32[4, 6] = multiply(t1, t1)
    return (t0, t2), {}
"""
    schedule = plan(parse_graph(graph, TABLE))
    assert list(runs(schedule)) == [Run([0], False), Run([1], False)]
    text = emit(schedule).text
    assert text.count("@region") == 1 and text.count("    parallel_for(region_0") == 2


def test_loops_on_buffers_of_their_own_run_in_any_order() -> None:
    graph = """
def f(x: f32[6, 4], y: f32[9]):
    t0: f32[6, 4] = multiply(x, x)
    t1: f32[9] = multiply(y, y)
    return (t0, t1), {}
"""
    schedule = plan(parse_graph(graph, TABLE))
    assert list(runs(schedule)) == [Run([0, 1], False)] and "parallel_for_each(region_0" in emit(schedule).text
