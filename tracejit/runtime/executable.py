"""Executable: a program bound to the memory it works on; what one call of a traced function runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tracejit.backends.python.run import load_source
from tracejit.errors import CompileError, IndexOutOfBoundsError
from tracejit.ir import Node
from tracejit.ir.size import Size, evaluate, symbols
from tracejit.runtime import blas, enter
from tracejit.runtime.enter import Argument
from tracejit.runtime.pool import Arena, OutputPool
from tracejit.runtime.program import Program

MISS: Final = None
"""What a call returns when its arguments are not what the program was made for; results are tuples, never None."""

Quick = Callable[..., tuple[Any, ...] | None]
"""A call that gives up, with None, where anything but success happens."""

_MOST_BINDINGS = 16
_KINDS = {
    float: (enter.FLOAT, np.dtype(np.float64)),
    int: (enter.INT, np.dtype(np.int64)),
    bool: (enter.BOOL, np.dtype(np.bool_)),
}


@dataclass(frozen=True, slots=True)
class Binding:
    """A program bound to one choice of sizes: its table is filled but for the addresses of arguments and results."""

    table: NDArray[np.int64]
    descriptor: NDArray[np.int64]
    enter: Callable[..., int]
    quick: Quick
    pools: tuple[OutputPool, ...]
    scalar: tuple[bool, ...]
    kept: tuple[object, ...]  # what the addresses in the table and the descriptor refer to


class Executable:
    """Callable machine code.

    Args:
        program: What to run.
        buffers: The arrays behind graph inputs that do not change from call to call, by position; C-contiguous.
        guards: Asked whenever the sizes change, with the number of each symbol: whether the program is made for them.
    """

    def __init__(
        self, program: Program, buffers: Mapping[int, NDArray[Any]], guards: Callable[[Mapping[str, int]], bool]
    ) -> None:
        self.program = program
        self._buffers = dict(buffers)
        self._guards = guards
        self._leaves = [(i, node) for i, node in enumerate(program.graph.inputs) if i not in buffers]
        self._updated = {target for target, _ in program.graph.updates}
        self._quick: Quick = lambda *leaves: None
        self._bindings: dict[object, Binding] = {}
        self._arena = Arena()
        self._lock = threading.Lock()

    def call(self, *leaves: Any) -> tuple[Any, ...] | None:
        """Run the program.

        Args:
            leaves: Values of the inputs that are no buffers, in order: C-contiguous arrays, or the Python numbers of the trace.

        Returns:
            The outputs, arrays and NumPy scalars; MISS when a leaf does not fit.

        Raises:
            IndexOutOfBoundsError: An index was out of bounds; no input was updated.
        """
        try:
            out = self._quick(*leaves)
        except MemoryError:  # for results of the sizes before these
            out = None
        return self._call_bound(leaves) if out is None else out

    def fits(self, *leaves: Any) -> bool:
        """Whether the program is made for these leaves."""
        sizes = self._sizes(leaves)
        return sizes is not None and self._guards(sizes)

    def debug(self, *leaves: Any, runner: Callable[..., Any] = lambda step, table: step(table)) -> tuple[Any, ...] | None:
        """Run the generated file under CPython, updates included; ``runner`` may be ``pdb.runcall``."""
        sizes = self._sizes(leaves)
        if sizes is None or not self._guards(sizes):
            return MISS
        binding, words = self._bind(leaves, sizes, Arena())  # memory of its own: other calls may run in between
        out = [pool.take() for pool in binding.pools]
        table = binding.table
        for (_, word), leaf in zip(words, [*leaves, *out], strict=True):
            table[word] = _word(leaf)
        table[:2] = 0, 1
        runner(load_source(self.program.source.text, str(self.program.path)), table)
        self._raise_for(int(table[0]))
        return tuple(x[()] if scalar else x for x, scalar in zip(out, binding.scalar, strict=True))

    def _call_bound(self, leaves: tuple[Any, ...]) -> tuple[Any, ...] | None:
        key = tuple([(type(x), x.shape) if isinstance(x, np.ndarray) else type(x) for x in leaves])
        binding = self._bindings.get(key)
        if binding is None:
            sizes = self._sizes(leaves)
            if sizes is None or not self._guards(sizes):
                return MISS
            with self._lock:
                binding, _ = self._bind(leaves, sizes)
                if len(self._bindings) >= _MOST_BINDINGS:
                    self._bindings.pop(next(iter(self._bindings)), None)
                self._bindings[key] = binding
        out = [pool.take() for pool in binding.pools]
        self._quick = binding.quick
        status = binding.enter(*leaves, *out)
        while status == enter.BUSY:  # a product by np.matmul let this thread in
            time.sleep(0)
            status = binding.enter(*leaves, *out)
        if status == enter.MISS:
            return MISS
        self._raise_for(status)
        return tuple([x[()] if scalar else x for x, scalar in zip(out, binding.scalar, strict=True)])

    def _raise_for(self, status: int) -> None:
        if status == enter.RAISED:
            raise CompileError(f"{self.program.path}: the compiled program raised an exception, which generated code never does")
        if status > 0:
            check = self.program.source.checks[status - 1]
            at = f"\n  at {check.where}: {check.where.text}" if check.where else ""
            rule = f"an axis with size {check.size} (negative indices count from the end)"
            error = IndexOutOfBoundsError(f"index out of bounds for {rule}{at}")
            error.scope = check.where.scope if check.where else ""
            raise error

    def _sizes(self, leaves: tuple[Any, ...]) -> dict[str, int] | None:
        """The number of each symbol; None where the leaves do not fit the inputs."""
        sizes: dict[str, int] = {}
        if len(leaves) != len(self._leaves):
            return None
        for (_, node), leaf in zip(self._leaves, leaves, strict=True):
            if type(leaf) in _KINDS:
                if node.shape != () or _KINDS[type(leaf)][1] != node.dtype:
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

    def _bind(
        self, leaves: tuple[Any, ...], sizes: dict[str, int], arena: Arena | None = None
    ) -> tuple[Binding, list[tuple[Argument, int]]]:
        layout = self.program.source.layout
        numbers = [i for i, leaf in enumerate(leaves) if type(leaf) in _KINDS]
        table = np.zeros(layout.length + len(numbers), np.int64)
        if "gemm_" in self.program.source.text:
            table[2:4] = blas.gemm_addresses()
        for name, word in layout.sizes.items():
            table[word] = sizes[name]
        for i, array in self._buffers.items():
            table[layout.inputs[i]] = array.ctypes.data
        words: list[tuple[Argument, int]] = []
        free = layout.length
        for (i, node), leaf in zip(self._leaves, leaves, strict=True):
            if type(leaf) in _KINDS:
                table[layout.inputs[i]] = table.ctypes.data + 8 * free
                words.append((Argument(_KINDS[type(leaf)][0], free), free))
                free += 1
            else:
                words.append((self._array(node, layout.inputs[i], leaf.shape), layout.inputs[i]))
        pools = []
        for node, word in zip(self.program.graph.outputs, layout.outputs, strict=True):
            spec = node.spec.concrete(sizes)
            pools.append(OutputPool(spec.shape, spec.dtype))  # type: ignore[arg-type]
            words.append((Argument(enter.ARRAY, word, spec.dtype, spec.shape), word))  # type: ignore[arg-type]
        arena = self._place(table, sizes, arena)
        descriptor = enter.describe(self.program.code.address, table, [a for a, _ in words])
        scalar = tuple(node.shape == () for node in self.program.graph.outputs)
        kept = (arena, self.program.code, *self._buffers.values(), *(a.expected for a, _ in words))
        entry = enter.make_enter(descriptor)
        return Binding(table, descriptor, entry, _quick(entry, pools, scalar), tuple(pools), scalar, kept), words

    def _array(self, node: Node, word: int, shape: tuple[int, ...]) -> Argument:
        flags = enter.C_CONTIGUOUS | enter.ALIGNED | (enter.WRITEABLE if node in self._updated else 0)
        return Argument(enter.ARRAY, word, node.dtype, shape, flags)

    def _place(self, table: NDArray[np.int64], sizes: Mapping[str, int], arena: Arena | None) -> Arena:
        """Lay out an arena, that of all calls if None, for these sizes."""
        source, layout = self.program.source, self.program.source.layout
        begin, starts = 0, []
        for nbytes in source.slots:
            starts.append(begin)
            begin += -(-evaluate(nbytes, sizes) // Arena.ALIGNMENT) * Arena.ALIGNMENT
        total = begin + max((evaluate(b, sizes) for b in source.workspace), default=0)
        if arena is None:
            if total + Arena.ALIGNMENT > self._arena.nbytes or blas.source() == "matmul":
                self._arena = Arena()  # bindings of smaller sizes keep the old one, which may be in use
            arena = self._arena
        base = arena.address(total)
        for word, start in zip(layout.slots, starts, strict=True):
            table[word] = base + start
        table[layout.workspace] = base + begin
        return arena


def _quick(entry: Callable[..., int], pools: list[OutputPool], scalar: tuple[bool, ...]) -> Quick:
    """The quick call of a binding, in the form that its results allow: every step of it is paid in each call."""
    takes = tuple(pool.take for pool in pools)
    if scalar == (True,):
        shape, dtype, empty = (), pools[0].dtype, np.empty

        def one_number(*leaves: Any) -> tuple[Any, ...] | None:
            out = empty(shape, dtype)
            return (out[()],) if entry(*leaves, out) == 0 else None

        return one_number
    if scalar == (False,):
        (take,) = takes

        def one_array(*leaves: Any) -> tuple[Any, ...] | None:
            out = take()
            return (out,) if entry(*leaves, out) == 0 else None

        return one_array

    def several(*leaves: Any) -> tuple[Any, ...] | None:
        out = [take() for take in takes]
        if entry(*leaves, *out) != 0:
            return None
        return tuple([x[()] if x.ndim == 0 else x for x in out])

    return several


def _word(leaf: Any) -> int:
    """What an argument's word of the table holds: an address, or the bits of a number."""
    if isinstance(leaf, np.ndarray):
        return leaf.ctypes.data
    return int(np.float64(leaf).view(np.int64)) if isinstance(leaf, float) else int(leaf)
