"""The CPU: regions work on the rows ``begin..end`` of a chunk, one thread a chunk; the step itself computes what is small."""

from __future__ import annotations

from collections.abc import Callable

from tracejit.codegen import steps, together, ways
from tracejit.codegen.axes import nest
from tracejit.codegen.chunks import ChunkWalk
from tracejit.codegen.scope import Scope, indent
from tracejit.codegen.text import comment
from tracejit.ir import Node
from tracejit.ir.size import Dim
from tracejit.schedule import Gemm, Loop, Scan, Scatter, Sort, Step
from tracejit.schedule.access import Linear


class Cpu:
    """Regions run by the threads of this process."""

    keeps_elements = True

    def region(self, name: str, lines: list[str], numbers: tuple[str, ...] = ()) -> list[str]:
        return ["@region", f"def {name}(chunk, begin, end, args):", *indent(lines)]

    def arguments(self, first: int, words: list[int]) -> list[str]:
        places = ", ".join(f"table[{first + i}]" for i in range(len(words)))
        return [f"{places} = {', '.join(f'table[{w}]' for w in words)}"]

    def walk(self, space: tuple[Dim, ...], accesses: list[Linear], loop: Loop | None = None) -> ChunkWalk:
        return ChunkWalk(nest(space, loop.rows if loop else None, accesses, rebased=True))

    def loop(self, step: Scope, item: Loop, name: str) -> list[str]:
        return ways.loop(step, item, name)

    def loops(self, step: Scope, items: list[tuple[Loop, str]]) -> list[str]:
        return together.loops(step, items)

    def alone(self, step: Scope, name: str, write: Callable[[Scope], list[str]]) -> list[str]:
        return write(step)

    def other(self, step: Scope, item: Step, name: str) -> list[str]:
        match item:
            case Gemm():
                return steps.gemm(step.file, step, item, name)
            case Scatter():
                return steps.scatter(step.file, step, item, name)
            case Scan():
                return steps.scan(step.file, step, item, name)
            case Sort():
                return steps.sort(step.file, step, item, name)
            case _:
                raise AssertionError(f"{type(item).__name__} steps are made of loops")

    def check(self, step: Scope, flag: Node, status: int) -> list[str]:
        pointer = step.pointer(step.file.home(flag), flag.dtype, 1)
        return [f"if {pointer}[0]:", f"    table[0] = {status}{comment(flag)}", "    return"]


CPU = Cpu()
