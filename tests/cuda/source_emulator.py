"""Running a generated CUDA file without a GPU: kernels thread by thread, under CPython and NumPy, on memory of the host.

A kernel whose threads work together is rewritten so that every thread is a generator, which stops where it exchanges a value or
waits. What a GPU would leave to chance is an error here: lanes that meet at different lines, a barrier that some thread never
reaches, an index outside its buffer. Shared memory begins as NaN and -1, so that what is read too early shows.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import linecache
import operator
from collections.abc import Callable, Generator
from functools import partial
from types import GeneratorType, SimpleNamespace
from typing import Any, TypeAlias

import numpy as np

from tracejit.backends.cuda import collective
from tracejit.backends.cuda.epilogues import finished
from tracejit.backends.cuda.geometry import Geometry, Threads, tiles_of
from tracejit.backends.loading import load
from tracejit.backends.python import prelude
from tracejit.ir.dtype import is_half
from tracejit.runtime.cuda.emulator import EmulationError
from tracejit.schedule.schedule import EPILOGUES

WARP, PLACE, TILE = 32, 2048, 32 * 33  # lanes; bytes to the next place of shared memory; elements of a tile
GEOMETRY = Geometry(block=64, most_lanes=64, most_blocks=8, least_piece=256)
REDUCTIONS = ("sum", "prod", "max", "min", "any", "all", "argmax", "argmin")
WORDS_OF_ALL = ("meet", "sort_run", "steps_before", "then", "place_of", "left_of", "first_above")
WAITING = {"shuffle", "sync", "warp_sync", "meet", "sort_run", "merge_runs", "across_before", "steps_before"} | {
    f"{direction}_{name}" for direction in ("across", "down") for name in REDUCTIONS
}
POINTERS = ("b1", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f16", "bf16", "f32", "f64", "c64", "c128")
Step = Callable[[Any], None]
Wait = tuple[Any, ...]  # what a thread stops for, and what it gives the others
Thread: TypeAlias = "GeneratorType[Any, Any, None]"


class Stopped(Exception):
    """A check failed; the program ends here."""


class Memory:
    """A pointer that knows its size."""

    __slots__ = ("array",)

    def __init__(self, array: Any) -> None:
        self.array = array

    def _inside(self, index: Any) -> int:
        if not 0 <= index < len(self.array):
            raise EmulationError(f"index {index} of {len(self.array)} elements of {self.array.dtype}")
        return int(index)

    def __getitem__(self, index: Any) -> Any:
        return self.array[self._inside(index)]

    def __setitem__(self, index: Any, value: Any) -> None:
        self.array[self._inside(index)] = value


class _Waits(ast.NodeTransformer):
    """Calls of what waits for other threads become ``yield from`` them."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        waits = isinstance(node.func, ast.Name) and node.func.id in WAITING
        return ast.YieldFrom(node) if waits else node


class Machine:
    """A GPU of one block at a time, whose threads run in order, or ``backwards`` to show that their order does not matter.

    Args:
        geometry: Of its grids.
        backwards: Whether the last thread comes first.
        epilogues: Whether its library has products with epilogues.
    """

    def __init__(self, geometry: Geometry = GEOMETRY, backwards: bool = False, epilogues: bool = True) -> None:
        self.geometry, self.backwards, self.epilogues = geometry, backwards, epilogues
        self.at = SimpleNamespace(block=0, blocks=1, lane=0, lanes=1, row=0, rows=1)  # the thread that runs
        self.shared: dict[object, Any] = {}
        self.words = self._words()

    # Words

    def _words(self) -> dict[str, Any]:
        at = self.at
        found: dict[str, Any] = dict(vars(prelude))
        found |= {f"{code}_at": _pointer_word(found[f"{code}_at"]) for code in POINTERS}
        found |= {f"{code}_tile": partial(self._tile, found[f"{code}_at"]) for code in POINTERS}
        found |= {
            "thread": lambda: at.block * at.lanes + at.lane,
            "threads": lambda: at.blocks * at.lanes,
            "block": lambda: at.block,
            "blocks": lambda: at.blocks,
            "group": lambda: at.block * at.rows + at.row,
            "groups": lambda: at.blocks * at.rows,
            "lane": lambda: at.lane,
            "lanes": lambda: at.lanes,
            "level": lambda: at.row,
            "levels": lambda: at.rows,
            "column": lambda columns: at.block % tiles_of(columns, at.lanes) * at.lanes + at.lane,
            "band": lambda columns: at.block // tiles_of(columns, at.lanes),
            "bands": lambda columns: at.blocks // tiles_of(columns, at.lanes),
            **_neighbours("four", 4),
            **_neighbours("eight", 8),
            "add_to": _add_to,
            "shuffle": _shuffle,
            "sync": _sync,
            "warp_sync": _warp_sync,
            "shared": self._shared,
        }
        found |= _collective_words(found)
        found |= self.geometry.words() | {"launch": self.launch, "check": _check}
        for kind in ("nn", "nt", "tn", "tt"):
            found |= _gemm_words(f"gemm_{kind}", found[f"gemm_{kind}"], self.epilogues)
        return found | {"region": lambda function: function, "program": _program}

    def _shared(self, like: Any, place: int) -> Memory:
        raw = self.shared.setdefault("places", np.full(2 * PLACE, 0xFF, np.uint8))[place * PLACE :]
        return Memory(raw.view(np.asarray(like).dtype))

    def _tile(self, opened: Callable[[int, int], Memory], number: int) -> Memory:
        raw = self.shared.setdefault(("tile", number), np.full(TILE * 16, 0xFF, np.uint8))
        return opened(raw.ctypes.data, TILE)

    # Kernels

    def launch(self, kernel: Callable[..., Any], table: Any, first: int, blocks: int, threads: Threads, *numbers: int) -> None:
        """Run ``kernel`` on the words of ``table`` from ``first`` on."""
        self.at.lanes, self.at.rows = (threads, 1) if isinstance(threads, int) else threads
        self.at.blocks = blocks
        args = [int(word) for word in table[first:]]
        run = self._run_together if inspect.isgeneratorfunction(kernel) else self._run_apart
        for block in range(blocks):
            self.at.block, self.shared = block, {}
            run(lambda: kernel(args, *map(int, numbers)))

    def _order(self) -> list[int]:
        numbers = list(range(self.at.lanes * self.at.rows))
        return numbers[::-1] if self.backwards else numbers

    def _become(self, number: int) -> None:
        self.at.row, self.at.lane = divmod(number, self.at.lanes)

    def _run_apart(self, start: Callable[[], Any]) -> None:
        for number in self._order():
            self._become(number)
            start()

    def _run_together(self, start: Callable[[], Thread]) -> None:
        """Run a block: each warp as far as it can go alone, then all of them over the barrier."""
        order = self._order()
        running = {number: start() for number in order}
        waiting: dict[int, Wait] = {}
        released = set(order)
        while running:
            for first in dict.fromkeys(number // WARP * WARP for number in order):
                self._run_warp([n for n in order if first <= n < first + WARP], running, waiting, released)
            released = set(running)
            if running and len(running) < len(order):
                raise EmulationError("a thread has ended while others of its block wait for it at a barrier")
            if len({_line(thread) for thread in running.values()}) > 1:
                raise EmulationError("threads of one block wait at different barriers")

    def _run_warp(self, warp: list[int], running: dict[int, Thread], waiting: dict[int, Wait], released: set[int]) -> None:
        answers: dict[int, Any] = {number: None for number in warp if number in released}
        while answers:
            for number, answer in answers.items():
                self._become(number)
                try:
                    waiting[number] = running[number].send(answer)
                except StopIteration:
                    del running[number]
                    waiting.pop(number, None)
            width = min(self.at.lanes, WARP)
            answers = {}
            for first in sorted({number // width * width for number in warp}):
                answers |= self._answers(range(first, first + width), running, waiting)

    def _answers(self, lanes: range, running: dict[int, Thread], waiting: dict[int, Wait]) -> dict[int, Any]:
        """What the lanes of a group receive, where they wait for each other."""
        here = [n for n in lanes if n in waiting and waiting[n][0] != "sync"]
        if not here:
            return {}
        places = {f"{waiting[n][0]} in line {_line(running[n])}" if n in waiting else "the end" for n in lanes}
        if len(places) > 1:
            raise EmulationError(f"lanes of one group are at different places: {', '.join(sorted(places))}")
        if waiting[lanes[0]][0] == "warp_sync":
            return dict.fromkeys(lanes)
        return {n: waiting[lanes[0] + ((n - lanes[0]) ^ waiting[n][2])][1] for n in lanes}

    def load(self, text: str, path: str) -> Step:
        """The ``step`` of a generated CUDA file; ``Source.copied`` words of the table that it takes must be filled."""
        step: Step = self.kernels(text, path)["step"]
        return step

    def kernels(self, text: str, path: str) -> dict[str, Any]:
        """The functions of a generated CUDA file, by name, as ``launch`` takes them."""
        linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
        tree: Any = ast.parse(text, path)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                _Waits().visit(node)
        return load(ast.fix_missing_locations(tree), path, self.words)


def _line(thread: Thread) -> int:
    return int(thread.gi_frame.f_lineno) if thread.gi_frame else 0


def _pointer_word(opened: Callable[[int, int], Any]) -> Callable[[int, int], Memory]:
    def word(address: int, size: int) -> Memory:
        memory = Memory(opened(address, size))
        width = memory.array.dtype.itemsize // (2 if memory.array.dtype.kind == "c" else 1)
        if address % width:
            raise EmulationError(f"address {address:#x} is none of a {memory.array.dtype}")
        return memory

    return word


def _neighbours(name: str, count: int) -> dict[str, Callable[..., Any]]:
    """The words for ``count`` neighbours at once."""

    def take(pointer: Memory, first: int, end: int) -> Memory:
        held = np.zeros(count, pointer.array.dtype)
        for k in range(min(count, end - first)):
            held[k] = pointer[first + k]
        return Memory(held)

    def room(pointer: Memory) -> Memory:
        return Memory(np.full(count, -1).astype(pointer.array.dtype))

    def put(pointer: Memory, first: int, end: int, held: Memory) -> None:
        for k in range(min(count, end - first)):
            pointer[first + k] = held[k]

    return {name: take, f"{name}_of": room, f"put_{name}": put}


def _add_to(pointer: Memory, index: int, x: Any) -> None:
    pointer[index] = pointer[index] + x


def _shuffle(x: Any, step: int) -> Generator[Any, Any, Any]:
    return (yield "shuffle", x, step)


def _sync() -> Generator[Any, Any, None]:
    yield ("sync",)


def _warp_sync() -> Generator[Any, Any, None]:
    yield ("warp_sync",)


def _before(x: Any, y: Any) -> bool:
    """Whether ``x`` comes strictly before ``y`` in NumPy's order, which has NaN last."""
    return bool(x < y or (y != y and x == x))


def _collective_words(words: dict[str, Any]) -> dict[str, Any]:
    """The words of ``collective``, its text rewritten to wait."""
    tree = ast.fix_missing_locations(_Waits().visit(ast.parse(inspect.getsource(collective))))
    code = compile(tree, collective.__file__, "exec")

    def over(**own: Any) -> dict[str, Any]:
        namespace: dict[str, Any] = {"__name__": collective.__name__}
        exec(code, namespace)
        known = {**words, "least": min, "before": _before, **own}
        missing = [name for name, value in namespace.items() if value is namespace["_word"] and name in known]
        namespace.update({name: known[name] for name in missing})
        return namespace

    combined = {"sum": words["plus"], "prod": words["times"], "max": words["max_of"], "min": words["min_of"]}
    combined |= {"any": np.logical_or, "all": np.logical_and}
    found: dict[str, Any] = {}
    for name, combine in combined.items():
        namespace = over(combine=combine)
        found |= {f"across_{name}": namespace["across"], f"down_{name}": namespace["down"]}
    for name, is_better in {"argmax": operator.gt, "argmin": operator.lt}.items():
        found[f"across_{name}"] = over(better=_better(is_better))["choose_across"]
    found["across_before"] = over(combine=words["plus"])["across_before"]
    together = over()
    return found | {name: together[name] for name in WORDS_OF_ALL}


def _better(is_better: Callable[[Any, Any], Any]) -> Callable[[Any, Any], bool]:
    """Whether a value takes the place of the best one; NaN does, unless there is one already."""
    return lambda x, best: bool(is_better(x, best) or (x != x and best == best))


def _gemm_words(name: str, gemm: Callable[..., None], epilogues: bool) -> dict[str, Any]:
    def plain(table: Any, c: Memory, a: Memory, b: Memory, *rest: Any) -> None:
        gemm(table, c.array, a.array, b.array, *rest)

    def scaled(table: Any, c: Memory, a: Memory, b: Memory, *rest: Any) -> None:
        *sizes, scale = rest
        gemm(table, c.array, a.array, b.array, *sizes, scale[0], type(scale[0])(1))

    def batch(table: Any, c: Memory, a: Memory, b: Memory, *rest: Any) -> None:
        *sizes, count, step_c, step_a, step_b = rest
        for i in range(count):
            gemm(table, c.array[i * step_c :], a.array[i * step_a :], b.array[i * step_b :], *sizes)

    def with_epilogue(epilogue: str, table: Any, c: Memory, a: Memory, b: Memory, *rest: Any) -> bool:
        if epilogues:
            bias, sizes = (rest[0].array, rest[1:]) if epilogue.startswith("bias") else (None, rest)
            m, k, n, lda, ldb, ldc, count, step_c, step_a, step_b = (*sizes, 1, 0, 0, 0)[:10]
            wide = np.dtype(np.float32) if is_half(c.array.dtype) else c.array.dtype
            for i in range(count):
                total, one = np.zeros(m * n, wide), wide.type(1)
                gemm(table, total, a.array[i * step_a :], b.array[i * step_b :], m, k, n, lda, ldb, n, one, one)
                out = np.lib.stride_tricks.as_strided(c.array[i * step_c :], (m, n), (ldc * c.array.itemsize, c.array.itemsize))
                out[...] = finished(epilogue, total.reshape(m, n), bias)
        return epilogues

    found: dict[str, Any] = {name: plain, f"{name}_scaled": scaled, f"{name}_batch": batch}
    for epilogue in EPILOGUES:
        found |= {f"{name}_{epilogue}{ending}": partial(with_epilogue, epilogue) for ending in ("", "_batch")}
    return found


def _check(table: Any, flag: Memory, status: int) -> None:
    if flag[0]:
        table[0] = status
        raise Stopped


def _program(function: Step) -> Step:
    def step(table: Any) -> None:
        with np.errstate(all="ignore"), contextlib.suppress(Stopped):
            function(table)

    return step
