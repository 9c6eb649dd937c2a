"""A function run in each of the ways that tracejit has, without a compiler: the interpreter of graphs runs what is traced."""

import numpy as np

import tracejit as tj
from tracejit.frontend.parameters import Parameters
from tracejit.frontend.specialize import trace_call
from tracejit.frontend.tree import map_tree
from tracejit.ir import Size
from tracejit.ir.evaluation import evaluate_graph


def traced(function, *args):
    """The leaves of what ``function`` gives when it is traced and its graph is interpreted."""
    parameters = Parameters(function, "f")
    call = parameters.read(args, {}, None)
    trace = trace_call(function, parameters, call, "f")
    graph = trace.graph
    leaves = [np.asarray(call.leaves[i].value) for i in trace.passed]
    arrays = [*leaves, *(held.buffer for held in trace.held)]
    outputs, _ = evaluate_graph(graph, arrays, sizes_of(graph, arrays))
    found = {"static": lambda r: r.value, "argument": lambda r: call.leaves[r.index].value}
    values = [found[r.kind](r) if r.kind in found else outputs[r.index] for r in trace.results]
    return trace.structure.unflatten(values)


def sizes_of(graph, arrays):
    """The numbers of the symbols of ``graph`` when its inputs are ``arrays``."""
    sizes = {}
    for node, array in zip(graph.inputs, arrays, strict=True):
        for dim, number in zip(node.shape, array.shape, strict=True):
            if isinstance(dim, Size):
                sizes[str(dim)] = number
    return sizes


def eager(function, *args):
    """What ``function`` gives for tensors, as NumPy arrays."""
    tensors = [tj.tensor(a) if isinstance(a, np.ndarray) else a for a in args]
    return map_tree(lambda x: x.numpy() if isinstance(x, tj.Tensor) else x, function(*tensors))


WAYS = {"eager": eager, "traced": traced}


def assert_same(ours, theirs, tolerance=1e-6):
    """Equal structure, dtypes, shapes and, up to rounding, values."""

    def check(x, y):
        x, y = np.asarray(x), np.asarray(y)
        assert x.dtype == y.dtype, f"dtype {x.dtype}, NumPy has {y.dtype}"
        assert x.shape == y.shape, f"shape {x.shape}, NumPy has {y.shape}"
        if x.dtype.kind in "fc":
            np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)
        else:
            np.testing.assert_array_equal(x, y)

    map_tree(check, ours, theirs)
