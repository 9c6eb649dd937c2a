"""The GPU: regions are kernels; the step is host Python that launches them in order, once for each choice of sizes.

A row of a loop belongs to a group of threads: part of a warp, a warp or a whole block, ``lanes()`` threads wide, as the host
chooses by the row's length. Lanes share the points of a row; what each has accumulated is joined behind a sweep
(``across_sum`` and its like), so that every lane knows it. A kernel finds addresses, sizes and scalars through ``args``, its
words of the device's copy of the table: one launch, captured once, serves any address. Nothing is summed by atomics: groups
leave partial results, which a second kernel combines in their order, so that the bits do not change from run to run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracejit.codegen import cuda_scans, cuda_scatters, cuda_sorts, cuda_steps, cuda_together, cuda_ways
from tracejit.codegen.axes import nest
from tracejit.codegen.cuda_text import kernel
from tracejit.codegen.cuda_tiles import tile_walk
from tracejit.codegen.cuda_walks import walk_of
from tracejit.codegen.scope import Scope, indent
from tracejit.codegen.target import Walk
from tracejit.codegen.text import comment
from tracejit.ir import Node
from tracejit.ir.size import Dim
from tracejit.schedule import Gemm, Loop, Scan, Scatter, Sort, Step
from tracejit.schedule.access import Linear


@dataclass(frozen=True)
class Cuda:
    """Kernels on a GPU, launched by host Python.

    Attributes:
        atomic: Updates at equal indices are added in any order, which is faster, and not the same bits in every run.
    """

    atomic: bool = False

    @property
    def keeps_elements(self) -> bool:
        return False  # to compute an element again costs a GPU less than memory to keep it in

    def region(self, name: str, lines: list[str], numbers: tuple[str, ...] = ()) -> list[str]:
        return ["@region", f"def {name}({', '.join(['args', *numbers])}):", *indent(lines)]

    def arguments(self, first: int, words: list[int]) -> list[str]:
        return []  # the runtime copies them, as Source.copied says

    def walk(self, space: tuple[Dim, ...], accesses: list[Linear], loop: Loop | None = None) -> Walk:
        loops = nest(space, loop.rows if loop else None, accesses, rebased=False)
        tiles = tile_walk(loops, accesses) if loop is None else None
        return tiles or walk_of(loops, accesses, loop)

    def loop(self, step: Scope, item: Loop, name: str) -> list[str]:
        return cuda_ways.loop(step, item, name)

    def loops(self, step: Scope, items: list[tuple[Loop, str]]) -> list[str]:
        return cuda_together.loops(self, step, items)

    def alone(self, step: Scope, name: str, write: Callable[[Scope], list[str]]) -> list[str]:
        scope = Scope(step.file)
        return kernel(step, name, scope, write(scope), "1, 1")

    def other(self, step: Scope, item: Step, name: str) -> list[str]:
        match item:
            case Gemm():
                return cuda_steps.gemm(step, item, name)
            case Scatter(node) if self.atomic and node.dtype in cuda_scatters.ATOMIC:
                return cuda_scatters.scatter_at_once(step, item, name)
            case Scatter():
                return cuda_scatters.scatter(step, item, name)
            case Scan(node) if node.dtype.kind != "b":
                return cuda_scans.recurrence(step, node, name, lambda: cuda_steps.scan(step, item, f"{name}_columns"))
            case Scan():
                return cuda_steps.scan(step, item, name)
            case Sort():
                return cuda_sorts.sort(step, item, name)
            case _:
                raise AssertionError(f"{type(item).__name__} steps are made of loops")

    def check(self, step: Scope, flag: Node, status: int) -> list[str]:
        return [f"check(table, {step.pointer(step.file.home(flag), flag.dtype, 1)}, {status}){comment(flag)}"]
