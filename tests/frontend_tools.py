"""A function run in each of the ways that tracejit has, without a compiler: the interpreter of graphs runs what is traced."""

import numpy as np

import tracejit as tj
from tracejit.frontend.sizes import Origin
from tracejit.frontend.tensor import Tracer
from tracejit.frontend.trace import GraphTrace
from tracejit.frontend.tree import flatten, map_tree
from tracejit.ir import Size, TensorSpec, using
from tracejit.ir.evaluation import evaluate_graph
from tracejit.ir.graph import verify
from tracejit.ops import TABLE

NUMBERS = {bool: np.dtype(bool), int: np.dtype(np.int64), float: np.dtype(np.float64)}


def traced(function, *args):
    """What ``function`` gives when it is traced and its graph is interpreted; sizes of at least 2 are symbolic."""
    trace = GraphTrace("f", TABLE)
    values = {}
    try:
        with using(trace):
            tracers = [argument(trace, f"x{i}", x, values) for i, x in enumerate(args)]
            leaves, structure = flatten(function(*tracers))
            outputs = {i: x.node_in(trace) for i, x in enumerate(leaves) if isinstance(x, tj.Tensor)}
            finished = trace.finish(list(outputs.values()), [])
    finally:
        trace.ended = True
    values.update((held.input, held.buffer) for held in trace.held.values())
    verify(finished.graph)
    arrays = [values[node] for node in finished.inputs]
    found = dict(zip(outputs, evaluate_graph(finished.graph, arrays, sizes_of(finished.graph, arrays))[0], strict=True))
    return structure.unflatten(found.get(i, x) for i, x in enumerate(leaves))


def argument(trace, name, x, values):
    """The tracer of an argument; its value goes to ``values``."""
    number = type(x) in NUMBERS
    array = np.asarray(x, NUMBERS.get(type(x)))
    shape = [n if n < 2 else trace.new_size(n, Origin(f"{name}.shape[{axis}]")) for axis, n in enumerate(array.shape)]
    node = trace.argument(name, TensorSpec(shape, array.dtype), x if number else None)
    values[node] = array
    return Tracer(trace, node, weak=number, scalar=not isinstance(x, np.ndarray))


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
