"""How the threads of the CPU go through a nest: the rows are cut into chunks, one thread a chunk, in order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tracejit.codegen import steps
from tracejit.codegen.axes import Nest
from tracejit.codegen.scalars import combined
from tracejit.codegen.scope import Scope, indent
from tracejit.codegen.target import Partial
from tracejit.codegen.text import comment
from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.ir.spec import dtype_code
from tracejit.schedule.access import Linear
from tracejit.schedule.cost import MOST_CHUNKS


@dataclass(frozen=True)
class ChunkWalk:
    """One thread goes through the rows of a chunk, one after the other."""

    nest: Nest
    width: int = 1  # rows that are one in the count of rows of a chunk

    @property
    def by_columns(self) -> bool:
        return False

    def chunk(self, scope: Scope) -> str:
        return ""

    def read(self, scope: Scope, dtype: np.dtype, access: Linear, element: str) -> str:
        return element

    def sweep(self, scope: Scope, lines: list[str]) -> list[str]:
        if self.nest.flat:
            return ["for i in range(end - begin):", *indent(lines)]
        for axis in reversed(self.nest.inner):
            lines = [f"for {axis.var} in range({scope.dim(axis.size)}):", *indent(lines)]
        return lines

    def rows(self, scope: Scope, lines: list[str]) -> list[str]:
        if self.nest.flat:
            return lines
        row = ["row = begin + r"] if self.nest.rows else []
        return ["for r in range(end - begin):", *indent([*row, *lines])]

    def joined(self, node: Node, accumulator: str, index: str = "") -> list[str]:
        return []

    def once(self, scope: Scope, lines: list[str], behind_reads: bool = False) -> list[str]:
        return lines

    def fill(self, scope: Scope, pointer: str, elements: Dim, value: str) -> list[str]:
        return [f"for j in range({scope.dim(elements)}):", f"    {pointer}[j] = {value}"]

    def room(self, elements: Dim) -> Dim:
        return elements * MOST_CHUNKS

    def launch(self, step: Scope, name: str, scope: Scope, rows: Dim, work: Dim, partials: list[Partial]) -> list[str]:
        lines, grain = steps.launch_lines(step, name, scope, rows, work)
        if partials:
            count = step.dim(rows)
            chunks = step.name("chunks")
            lines.append(f"{chunks} = ({count} + {grain} - 1) // {grain}")
            for partial in partials:
                if partial.node.op.name == "moments":
                    lines += _merge_moments(step, partial, chunks, f"{grain} * {self.width}" if self.width > 1 else grain)
                else:
                    lines += _combine(step, partial, chunks)
        return lines


def _combine(step: Scope, partial: Partial, chunks: str) -> list[str]:
    """The chunks' partial results, in order."""
    node = partial.node
    out = step.pointer(step.file.home(node), node.dtype, node.spec.size)
    part = step.name("w")
    opened = f"{part} = {step.chunk_memory(node.dtype, partial.offset, partial.elements)}"
    if node.shape == ():
        return [
            f"{out}[0] = {partial.start}",
            f"for chunk in range({chunks}):",
            f"    {opened}",
            f"    {out}[0] = {combined(node, f'{out}[0]', f'{part}[0]')}{comment(node)}",
        ]
    size = step.dim(partial.elements)
    return [
        f"for j in range({size}):",
        f"    {out}[j] = {partial.start}",
        f"for chunk in range({chunks}):",
        f"    {opened}",
        f"    for j in range({size}):",
        f"        {out}[j] = {combined(node, f'{out}[j]', f'{part}[j]')}{comment(node)}",
    ]


def _merge_moments(step: Scope, partial: Partial, chunks: str, rows: str) -> list[str]:
    """The chunks' means and sums of squared differences from them made one, by the numbers of their ``rows``."""
    node, code = partial.node, dtype_code(partial.node.dtype)
    out = step.pointer(step.file.home(node), node.dtype, node.spec.size)
    part, before, count, share, off = (step.name(stem) for stem in ("w", "before", "count", "share", "off"))
    size = step.dim(product(node.shape[1:]))
    every = step.dim(product(node.inputs[0].shape[a] for a in node.attrs["axes"]))
    return [
        f"for j in range({size}):",
        f"    {out}[j] = select({chunks} > 0, {code}(0.0), {code}(nan))",
        f"    {out}[{size} + j] = {code}(0.0)",
        f"for chunk in range({chunks}):",
        f"    {part} = {step.chunk_memory(node.dtype, partial.offset, partial.elements)}",
        f"    {before} = chunk * ({rows})",
        f"    {count} = minimum({every} - {before}, {rows})",
        f"    {share} = {code}({count}) / {code}({before} + {count})",
        f"    for j in range({size}):",
        f"        {off} = {part}[j] - {out}[j]{comment(node)}",
        f"        {out}[j] = {out}[j] + {off} * {share}",
        f"        {out}[{size} + j] = {out}[{size} + j] + ({part}[{size} + j] + {off} * ({off} * ({code}({before}) * {share})))",
    ]
