"""Executable: a program bound to the memory it works on; what one call of a traced function runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tracejit.errors import CompileError, IndexOutOfBoundsError
from tracejit.ir.size import Size, evaluate, symbols
from tracejit.runtime import blas, builtin, enter, layout
from tracejit.runtime.entrance import Entrance
from tracejit.runtime.footprint import laid_out, largest
from tracejit.runtime.pool import Arena, OutputPool
from tracejit.runtime.program import Program
from tracejit.runtime.route import (
    ALIGNED,
    C_CONTIGUOUS,
    CLOSED,
    LETS_IN,
    NUMBER,
    OPEN,
    RAISED,
    WRITEABLE,
    Binding,
    Bound,
    Kind,
    Op,
    Output,
    Route,
    Step,
)

MISS: Final = None
"""What a call returns when its arguments are not what the program was made for; results are tuples, never None."""

_MOST_BINDINGS = 64
_LONG = 50_000_000  # picoseconds
_INT64 = -(2**63), 2**63 - 1
_NUMBERS = {
    float: (Op.FLOAT, np.dtype(np.float64)),
    int: (Op.INT, np.dtype(np.int64)),
    bool: (Op.BOOL, np.dtype(np.bool_)),
}


class _Bound(Bound):
    """A program with its bindings, and what its statuses mean."""

    __slots__ = ("_program",)

    def __init__(self, program: Program) -> None:
        self.bindings = ()
        self._program = program

    def failed(self, status: int) -> None:
        if status == RAISED:
            raise CompileError(f"{self._program.path}: the compiled program raised an exception, which generated code never does")
        check = self._program.source.checks[status - 1]
        at = f"\n  at {check.where}: {check.where.text}" if check.where else ""
        rule = f"an axis with size {check.size} (negative indices count from the end)"
        error = IndexOutOfBoundsError(f"index out of bounds for {rule}{at}")
        error.scope = check.where.scope if check.where else ""
        raise error


class Executable(Entrance):
    """Callable machine code.

    ``executable(*leaves)`` takes the values of the inputs that are no buffers, in order: C-contiguous arrays, or the Python
    numbers of the trace. It gives the outputs, arrays and NumPy scalars; MISS when a leaf does not fit.
    IndexOutOfBoundsError: an index was out of bounds; no input was updated.

    Args:
        program: What to run.
        buffers: The arrays behind graph inputs that do not change from call to call, by position; C-contiguous.
        guards: Asked whenever the sizes change, with the number of each symbol: whether the program is made for them.
    """

    def __init__(
        self, program: Program, buffers: Mapping[int, NDArray[Any]], guards: Callable[[Mapping[str, int]], bool]
    ) -> None:
        super().__init__()
        self.program = program
        self.bound = _Bound(program)
        self._buffers = dict(buffers)
        self._guards = guards
        self._leaves = [(i, node) for i, node in enumerate(program.traced.inputs) if i not in buffers]
        self._updated = {target for target, _ in program.traced.updates}
        self._ways: dict[tuple[type, ...], Route] = {}
        self._arena = Arena()
        self._lock = threading.Lock()

    def missed(self, *leaves: Any) -> tuple[Any, ...] | None:
        """A call for sizes that were not seen before, or with what the program does not take."""
        sizes = self.fitting(leaves)
        if sizes is None:
            return MISS
        with self._lock:
            self._prepare(leaves, sizes)
        out = enter.enter(self.routes, leaves, {})
        return MISS if out is enter.MISS else out

    def equip(self) -> None:
        """Make what calls need beside the program, so that the cache has it for later processes."""
        if not layout.fault():
            builtin.address()
        if "gemm_" in self.program.source.text:
            blas.gemm_addresses()

    def fits(self, *leaves: Any) -> bool:
        """Whether the program is made for these leaves."""
        return self.fitting(leaves) is not None

    def fitting(self, leaves: Sequence[Any]) -> dict[str, int] | None:
        """The number of each symbol; None where the program is not made for these leaves."""
        sizes = self._sizes(leaves)
        return sizes if sizes is not None and self._guards(sizes) else None

    def steps(self, kinds: Sequence[type], registers: Sequence[int], limits: Mapping[int, tuple[int, int]]) -> list[Step]:
        """The steps that take the values of leaves.

        Args:
            kinds: Class of each leaf: ndarray, or of a Python number.
            registers: Where the leaves are.
            limits: Least and largest value of ints, by leaf, where there are others than those of int64.
        """
        steps: list[Step] = []
        for value, ((_, node), kind, register) in enumerate(zip(self._leaves, kinds, registers, strict=True)):
            if kind is np.ndarray:
                flags = C_CONTIGUOUS | ALIGNED | (WRITEABLE if node in self._updated else 0)
                steps.append((Op.ARRAY, register, value, node.dtype, node.spec.rank, flags))
            else:
                steps.append((_NUMBERS[kind][0], register, value, *(limits.get(value, _INT64) if kind is int else ())))
        return steps

    def debug(self, *leaves: Any, runner: Callable[..., Any] = lambda step, table: step(table)) -> tuple[Any, ...] | None:
        """Run the generated file under CPython, updates included; ``runner`` may be ``pdb.runcall``."""
        from tracejit.backends.python.run import load_source  # the words in Python, which only this needs

        sizes = self.fitting(leaves)
        if sizes is None:
            return MISS
        binding = self._bind(leaves, sizes, Arena())  # memory of its own: other calls may run in between
        out = [output.pool.take() for output in binding.outputs]
        table = binding.table
        for word, leaf in zip([*binding.places, *(o.place for o in binding.outputs)], [*leaves, *out], strict=True):
            table[word] = _word(leaf)
        table[:2] = 0, 1
        runner(load_source(self.program.source.text, str(self.program.path)), table)
        if table[0]:
            self.bound.failed(int(table[0]))
        return tuple([x[()] if x.shape == () else x for x in out])

    def _prepare(self, leaves: tuple[Any, ...], sizes: dict[str, int]) -> None:
        """Make the binding for these sizes and the route for leaves of these classes, where there are none."""
        kinds = tuple(map(type, leaves))
        if kinds not in self._ways:
            outputs = self.program.traced.outputs
            count, results = len(leaves), range(len(leaves), len(leaves) + len(outputs))
            steps = self.steps(kinds, range(count), {})
            run = (Op.RUN, count, self.bound, tuple([Kind.SCALAR if node.shape == () else Kind.ARRAY for node in outputs]))
            out = results.stop
            self._ways[kinds] = Route(count, (), [*steps, run, (Op.MAKE_TUPLE, out, tuple(results))], out + 1, out)
            self.lead(tuple(self._ways.values()))
        if all(binding.key != _key(leaves) for binding in self.bound.bindings):
            binding = self._bind(leaves, sizes)
            if not layout.fault():
                builtin.write_binding(binding)
            for output in (o for b in self.bound.bindings for o in b.outputs):
                output.pool.spares.clear()  # programs whose sizes keep changing hold memory for the last ones only
            self.bound.bindings = (binding, *self.bound.bindings[: _MOST_BINDINGS - 1])

    def _sizes(self, leaves: Sequence[Any]) -> dict[str, int] | None:
        """The number of each symbol; None where the leaves do not fit the inputs."""
        sizes: dict[str, int] = {}
        if len(leaves) != len(self._leaves):
            return None
        for (_, node), leaf in zip(self._leaves, leaves, strict=True):
            if type(leaf) in _NUMBERS:
                if node.shape != () or _NUMBERS[type(leaf)][1] != node.dtype:
                    return None
                continue
            plain = type(leaf) is np.ndarray and leaf.dtype == node.dtype and leaf.flags.c_contiguous
            if not plain or leaf.ndim != node.spec.rank:
                return None
            for dim, length in zip(node.shape, leaf.shape, strict=True):
                if isinstance(dim, Size) and len(dim.terms) == 1 and str(dim).isidentifier():
                    sizes.setdefault(str(dim), length)
        known = sizes.keys()
        for (_, node), leaf in zip(self._leaves, leaves, strict=True):
            for dim, length in zip(node.shape, np.shape(leaf), strict=True):
                if not symbols(dim) <= known or evaluate(dim, sizes) != length:
                    return None
        return sizes

    def _bind(self, leaves: tuple[Any, ...], sizes: dict[str, int], arena: Arena | None = None) -> Binding:
        layout = self.program.source.layout
        numbers = [i for i, leaf in enumerate(leaves) if type(leaf) in _NUMBERS]
        table = np.zeros(layout.length + len(numbers), np.int64)
        calls_python = "gemm_" in self.program.source.text and blas.source() == "matmul"
        if "gemm_" in self.program.source.text:
            table[2:4] = blas.gemm_addresses()
        for name, word in layout.sizes.items():
            table[word] = sizes[name]
        for i, array in self._buffers.items():
            table[layout.inputs[i]] = array.ctypes.data
        places = [layout.inputs[i] for i, _ in self._leaves]
        for word, i in enumerate(numbers, layout.length):
            table[places[i]], places[i] = table.ctypes.data + 8 * word, word
        outputs = []
        for node, word in zip(self.program.traced.outputs, layout.outputs, strict=True):
            spec = node.spec.concrete(sizes)
            outputs.append(Output(word, OutputPool(spec.shape, spec.dtype)))  # type: ignore[arg-type]
        arena = self._place(table, sizes, arena)
        kept = (arena, self.program.code, *self._buffers.values())
        mode = LETS_IN if calls_python else OPEN if self._is_long(sizes) else CLOSED
        return Binding(self.program.code.address, table, mode, _key(leaves), tuple(places), tuple(outputs), kept)

    def _is_long(self, sizes: Mapping[str, int]) -> bool:
        """Whether a call takes so long that other threads of Python should run meanwhile, by the rates of a typical core."""
        return evaluate(self.program.source.picoseconds, sizes) > _LONG

    def _place(self, table: NDArray[np.int64], sizes: Mapping[str, int], arena: Arena | None) -> Arena:
        """Lay out an arena, that of all calls if None, for these sizes."""
        source, layout = self.program.source, self.program.source.layout
        starts, begin = laid_out(source, sizes)
        total = begin + largest(source.workspace, sizes)
        if arena is None:
            if total + Arena.ALIGNMENT > self._arena.nbytes:
                self._arena = Arena()  # bindings of smaller sizes keep the old one, which may be in use
            arena = self._arena
        base = arena.address(total)
        for word, start in zip(layout.slots, starts, strict=True):
            table[word] = base + start
        table[layout.workspace] = base + begin
        return arena


def _key(leaves: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple([size for leaf in leaves for size in (leaf.shape if type(leaf) is np.ndarray else (NUMBER,))])


def _word(leaf: Any) -> int:
    """What an argument's word of the table holds: an address, or the bits of a number."""
    if isinstance(leaf, np.ndarray):
        return leaf.ctypes.data
    return int(np.float64(leaf).view(np.int64)) if isinstance(leaf, float) else int(leaf)
