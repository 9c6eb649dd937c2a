"""Updates of many parameters in one launch: the results of many."""

import re

import pytest
from cuda_tools import Machine, cuda_source, random_program, run_emulated
from program_tools import assert_agree
from test_emulated_schedules import GRAPHS, WARPS

from tracejit.backends.cuda.compile import compile_kernels
from tracejit.codegen import cuda_walks
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE

SIZES = (1200, 40, 7, 3, 515)


def momentum(sizes):
    """The same update of parameters of these sizes."""
    lines, updates, arguments = [], [], []
    for i, size in enumerate(sizes):
        arguments += [f"w{i}: f32[{size}]", f"v{i}: f32[{size}]", f"g{i}: f32[{size}]"]
        lines += [
            f"r{i}: f32[{size}] = broadcast(rate, shape=({size},), axes=())",
            f"a{i}: f32[{size}] = multiply(r{i}, v{i})",
            f"b{i}: f32[{size}] = add(a{i}, g{i})",
            f"c{i}: f32[{size}] = subtract(w{i}, b{i})",
        ]
        updates += [f"w{i}: c{i}", f"v{i}: b{i}"]
    text = "\n    ".join(lines)
    return f"def momentum({', '.join([*arguments, 'rate: f32'])}):\n    {text}\n    return (), {{{', '.join(updates)}}}\n"


def launches(source):
    return re.findall(r"launch\((\w+), table", source.text.partition("@program")[2])


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("light", [64, 0])
@pytest.mark.parametrize("sizes", [SIZES, (9, 9, 9), (4, 4096, 2)], ids=str)
def test_updates_of_all_parameters_are_one_launch(sizes, light, backwards, monkeypatch):
    monkeypatch.setattr(cuda_walks, "LIGHT", light)
    program = random_program(parse_graph(momentum(sizes), TABLE), {})
    _, source = cuda_source(program.graph)
    assert len(launches(source)) == 1 and ("_four" in source.text) == bool(light)
    assert_agree(run_emulated(program, Machine(WARPS, backwards)), program.evaluated(), program)


def test_sizes_that_calls_bring_are_told_by_the_table():
    text = momentum(("n", 40, "2*n + 1"))
    program = random_program(parse_graph(text, TABLE), {"n": 77})
    _, source = cuda_source(program.graph)
    assert len(launches(source)) == 1 and {str(dim) for _, dim in source.counted} == {"n", "40", "2*n + 1"}
    for n in (0, 1, 77, 2100):
        program = random_program(parse_graph(text, TABLE), {"n": n})
        assert_agree(run_emulated(program), program.evaluated(), program)


def test_the_layers_of_a_network_are_one_launch():
    _, source = cuda_source(parse_graph(GRAPHS["updates"], TABLE))
    assert launches(source)[-1] == "region_2" and "region_3" not in source.text


def test_one_kernel_for_all_parameters_needs_no_more_registers_and_reads_by_128_bits():
    _, source = cuda_source(parse_graph(momentum(SIZES), TABLE))
    (kernel,) = compile_kernels(source.text, "generated.py", (9, 0)).values()
    assert kernel.spills == kernel.stack == 0 and kernel.registers <= 48
