"""Graphs as CUDA files: run as machine code of the host, or by the emulator of their source."""

import functools

import numpy as np
import source_emulator
from program_tools import Program

from tracejit.backends.loading import load
from tracejit.codegen.cuda import Cuda
from tracejit.codegen.emit import emit
from tracejit.ir.size import evaluate
from tracejit.runtime.cuda import emulator
from tracejit.schedule import plan
from tracejit.transforms.passes import optimize

POISON = 0xFF  # NaN and -1: what is read before it was written shows
EPILOGUES = ("bias",)


@functools.lru_cache(64)
def kernels(text, path):
    """The kernels of a file; they are the same for every machine."""
    return emulator.Machine(source_emulator.GEOMETRY).kernels(text, path)


class Machine(emulator.Machine):
    """The product's machine, with ``load`` as that of the source has it."""

    def __init__(self, geometry=source_emulator.GEOMETRY, backwards=False, epilogues=True):
        super().__init__(geometry, backwards)
        self.host = source_emulator.Machine(geometry, epilogues=epilogues)

    def load(self, text, path):
        found = kernels(text, path)

        def launch(kernel, table, first, blocks, threads, *numbers):
            self.launch(kernel, blocks, threads, table[first:].ctypes.data, *map(int, numbers))

        words = {"region": lambda function: found[function.__name__], "launch": launch}
        return load(text, path, self.host.words | words)["step"]


MACHINES = {"source": source_emulator.Machine, "native": Machine}


def cuda_source(graph, atomic=False, epilogues=EPILOGUES):
    """The optimized graph, and its file."""
    optimized = optimize(graph)
    schedule = plan(optimized, moments=False, half_products=True, sorts_values=False, epilogues=epilogues)
    return optimized, emit(schedule, target=Cuda(atomic))


def run_emulated(program, machine=None, atomic=False, epilogues=EPILOGUES):
    """Outputs, then new values of updated inputs, of a program's CUDA file; the status of a check that failed."""
    graph, source = cuda_source(program.graph, atomic, epilogues)
    layout, sizes = source.layout, program.sizes
    table = np.zeros(layout.length, np.int64)
    inputs = [np.array(a, order="C") for a in program.arrays]
    outputs = [_array(node.spec.concrete(sizes)) for node in graph.outputs]
    slots = [_memory(evaluate(slot.nbytes, sizes)) for slot in source.slots]
    workspace = _memory(max((evaluate(b, sizes) for b in source.workspace), default=0))
    for name, word in layout.sizes.items():
        table[word] = sizes[name]
    pairs = [(layout.inputs, inputs), (layout.outputs, outputs), (layout.slots, slots), ((layout.workspace,), [workspace])]
    for words, arrays in pairs:
        for word, array in zip(words, arrays, strict=True):
            table[word] = array.ctypes.data
    for word, dim in source.counted:
        table[word] = evaluate(dim, sizes)
    for word, of in source.copied:
        table[word] = table[of]
    (machine or Machine()).load(source.text, "generated.py")(table)
    if table[0]:
        return int(table[0])
    position = {node: i for i, node in enumerate(graph.inputs)}
    return tuple(outputs) + tuple(inputs[position[target]] for target, _ in graph.updates)


def random_program(graph, sizes, seed=0):
    """A graph with arrays for its inputs: integers are indices from 0 to 4."""
    rng = np.random.default_rng(seed)
    arrays = []
    for node in graph.inputs:
        spec = node.spec.concrete(sizes)
        values = rng.normal(size=spec.shape) if spec.dtype.kind == "f" else rng.integers(0, 5, spec.shape)
        arrays.append(np.asarray(values).astype(spec.dtype))
    return Program(graph, tuple(arrays), {symbol: sizes[symbol] for symbol in graph.symbols()})


def _memory(nbytes):
    return np.full(max(nbytes, 1), POISON, np.uint8)


def _array(spec):
    nbytes = int(np.prod(spec.shape)) * spec.dtype.itemsize
    return _memory(nbytes)[:nbytes].view(spec.dtype).reshape(spec.shape)
