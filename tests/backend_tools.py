"""Run a graph on a backend: outputs, then the new values of updated inputs."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from tracejit.codegen.emit import emit
from tracejit.ir import Builder, Graph, TensorSpec, symbol
from tracejit.ops import TABLE
from tracejit.runtime.executable import Executable
from tracejit.runtime.program import Options, Program, compile_program
from tracejit.schedule import plan
from tracejit.transforms.passes import optimize


def uncompiled(graph, math="accurate"):
    """The program of ``graph`` without machine code: only ``debug`` can run it."""
    optimized = optimize(graph)
    schedule = plan(optimized)
    source, code = emit(schedule, math), SimpleNamespace(address=0)
    return Program(graph, lambda: (optimized, schedule), source, Path("generated.py"), code, compiled=False)


def run_python(program):
    """A random program's generated file under CPython."""
    graph, arrays = _with_sizes(program)
    return _run(uncompiled(graph), arrays, "debug")


def run_cpu(program, math="accurate"):
    """A random program's generated file, compiled."""
    graph, arrays = _with_sizes(program)
    return _run(compile_program(graph, Options(math)), arrays, "__call__")


def _with_sizes(program):
    """The graph with one more input, whose shape tells every size, as the arguments of a traced function do."""
    graph, names = program.graph, tuple(program.sizes)
    extra = Builder(TABLE).input("sizes", TensorSpec([symbol(n) for n in names], bool))
    array = np.empty([program.sizes[n] for n in names], bool)
    return Graph(graph.name, (*graph.inputs, extra), graph.outputs, graph.updates), (*program.arrays, array)


def _run(program, arrays, how):
    leaves = [np.array(a, order="C") for a in arrays]
    out = getattr(Executable(program, {}, lambda sizes: True), how)(*leaves)
    assert out is not None, "the program refused its arguments"
    position = {node: i for i, node in enumerate(program.graph.inputs)}
    return out + tuple(leaves[position[target]] for target, _ in program.graph.updates)
