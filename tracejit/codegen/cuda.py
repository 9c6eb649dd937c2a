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

from tracejit.codegen import cuda_steps
from tracejit.codegen.axes import Nest, nest
from tracejit.codegen.cuda_text import kernel, strided
from tracejit.codegen.loop import LoopEmitter
from tracejit.codegen.scalars import combined, joining_word
from tracejit.codegen.scope import Scope, indent
from tracejit.codegen.target import Partial
from tracejit.codegen.text import comment, times
from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.schedule import Gemm, Loop, Scan, Scatter, Sort, Step
from tracejit.schedule.access import Linear


@dataclass(frozen=True)
class GroupWalk:
    """A flat nest: every thread takes points of its own. Else a group of threads takes rows, and its lanes share their points."""

    nest: Nest

    def sweep(self, scope: Scope, lines: list[str]) -> list[str]:
        *outer, last = self.nest.inner
        start, step = ("thread()", "threads()") if self.nest.flat else ("lane()", "lanes()")
        lines = strided(last.var, start, step, scope.dim(last.size), lines)
        for axis in reversed(outer):
            lines = [f"for {axis.var} in range({scope.dim(axis.size)}):", *indent(lines)]
        return lines

    def rows(self, scope: Scope, lines: list[str]) -> list[str]:
        if self.nest.flat:
            return lines
        return strided("row", "group()", "groups()", scope.dim(product(a.size for a in self.nest.rows)), lines)

    def joined(self, node: Node, accumulator: str, index: str = "") -> list[str]:
        if index:
            return [f"{index} = {joining_word(node)}({accumulator}, {index})"]
        return [f"{accumulator} = {joining_word(node)}({accumulator})"]

    def once(self, lines: list[str], behind_reads: bool = False) -> list[str]:
        return [*(["meet()"] if behind_reads else []), "if lane() == 0:", *indent(lines)]

    def fill(self, scope: Scope, pointer: str, elements: Dim, value: str) -> list[str]:
        return [*strided("j", "lane()", "lanes()", scope.dim(elements), [f"{pointer}[j] = {value}"]), "meet()"]

    def room(self, elements: Dim) -> Dim:
        return elements * cuda_steps.MOST_CHUNKS + cuda_steps.ROOM

    def launch(self, step: Scope, name: str, scope: Scope, rows: Dim, work: Dim, partials: list[Partial]) -> list[str]:
        lines, first = step.file.arguments(scope)
        grid = step.name("grid")
        if self.nest.flat:
            lines.append(f"{grid} = flat_grid({step.dim(rows)})")
        else:
            kept = [p.elements for p in partials]
            most = next((e for e in kept if e != 1), 1 if kept else 0)
            lines.append(f"{grid} = row_grid({step.dim(rows)}, {step.dim(self.nest.inner[-1].size)}, {step.dim(most)})")
        lines.append(f"launch({name}, table, {first}, *{grid})")
        for number, partial in enumerate(partials):
            lines += _combine(step, f"{name}_{number}", partial, f"chunks_of(*{grid})")
        return lines


def _combine(step: Scope, name: str, partial: Partial, chunks: str) -> list[str]:
    """The partial results of all chunks, in order: a kernel that has a group for each column, and its launch."""
    node, file = partial.node, step.file
    scope = Scope(file)
    out = scope.pointer(file.home(node), node.dtype, node.spec.size)
    part, acc = scope.name("w"), scope.name("a")
    columns = scope.dim(partial.elements)
    scope.head.append(f"{part} = {scope.workspace(node.dtype, partial.offset, times(partial.elements, columns, 'chunks'))}")
    place = f"{part}[{times(partial.elements, columns, 'chunk')}{'' if partial.elements == 1 else ' + row'}]"
    body = [
        f"{acc} = {partial.start}",
        *strided("chunk", "lane()", "lanes()", "chunks", [f"{acc} = {combined(node, acc, place)}{comment(node)}"]),
        f"{acc} = {joining_word(node)}({acc})",
        "if lane() == 0:",
        f"    {out}[row] = {acc}",
    ]
    body = strided("row", "group()", "groups()", columns, body)
    return kernel(step, name, scope, body, f"*row_grid({step.dim(partial.elements)}, {chunks}, 0)", chunks=chunks)


class Cuda:
    """Kernels on a GPU, launched by host Python."""

    chunk = "chunk = group()"
    keeps_elements = False  # to compute an element again costs a GPU less than memory to keep it in

    def region(self, name: str, lines: list[str], numbers: tuple[str, ...] = ()) -> list[str]:
        return ["@region", f"def {name}({', '.join(['args', *numbers])}):", *indent(lines)]

    def arguments(self, first: int, words: list[int]) -> list[str]:
        return []  # the runtime copies them, as Source.copied says

    def walk(self, space: tuple[Dim, ...], accesses: list[Linear], loop: Loop | None = None) -> GroupWalk:
        return GroupWalk(nest(space, loop.rows if loop else None, accesses, rebased=False))

    def loop(self, step: Scope, item: Loop, name: str) -> list[str]:
        return LoopEmitter(step.file, item, name).launch(step)

    def alone(self, step: Scope, name: str, write: Callable[[Scope], list[str]]) -> list[str]:
        scope = Scope(step.file)
        return kernel(step, name, scope, write(scope), "1, 1")

    def other(self, step: Scope, item: Step, name: str) -> list[str]:
        match item:
            case Gemm():
                return cuda_steps.gemm(step, item, name)
            case Scatter():
                return cuda_steps.scatter(step, item, name)
            case Scan():
                return cuda_steps.scan(step, item, name)
            case Sort():
                return cuda_steps.sort(step, item, name)
            case _:
                raise AssertionError(f"{type(item).__name__} steps are made of loops")

    def check(self, step: Scope, flag: Node, status: int) -> list[str]:
        return [f"check(table, {step.pointer(step.file.home(flag), flag.dtype, 1)}, {status}){comment(flag)}"]


CUDA = Cuda()
