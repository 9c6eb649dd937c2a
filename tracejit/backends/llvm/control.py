"""Loops in LLVM IR."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from tracejit.backends.llvm.value import I64, Value

INTERLEAVED = 4
"""So many vectors of a long loop are computed side by side: the instructions for one wait most of the time for each other."""
LONG, LONG_IN_ROWS = 30, 80
"""Instructions of a long loop, and of one in another loop, which often ends before four vectors side by side pay."""
FULL = 1000
"""In a loop of so many, formulas wait side by side as it is: more vectors fill no gap, and take registers and compile time."""


@contextmanager
def counting(
    build: Any, start: Value, stop: Value, step: int = 1, last: Callable[[Value, int], None] | None = None
) -> Iterator[Value]:
    """Write the body of a loop over ``range(start, stop, step)``; yields the index.

    ``last`` is for a loop in no other one: it adds to the body, and is told the index and how many instructions there are.
    """
    before = build.block
    head, body, after = (build.append_basic_block(name) for name in ("head", "body", "after"))
    build.branch(head)
    build.position_at_end(head)
    index = build.phi(I64.type)
    index.add_incoming(start.raw, before)
    build.cbranch(build.icmp_signed("<" if step > 0 else ">", index, stop.raw), body, after)
    build.position_at_end(body)
    yield Value(build, index, I64)
    if not build.block.is_terminated:
        blocks = build.function.blocks[build.function.blocks.index(body) :]
        instructions = _length(blocks)
        if last is not None:
            last(Value(build, index, I64), instructions)
        index.add_incoming(build.add(index, ir.Constant(I64.type, step), flags=("nsw",)), build.block)
        back = build.branch(head)
        told = _advice(build.module, blocks, instructions, LONG_IN_ROWS if last is None else LONG)
        if told:
            back.set_metadata("llvm.loop", _told(build.module, told))
    build.position_at_end(after)


def _advice(module: Any, blocks: list[Any], instructions: int, least: int) -> list[Any]:
    """What LLVM does not know of a loop whose body are these blocks, long from ``least`` instructions; may be nothing."""
    if any(block.name.startswith("head") for block in blocks):  # the loops in it are the fast ones; copies of them only take time
        return [ir.MetaDataString(module, "llvm.loop.unroll.disable")]
    if least <= instructions < FULL:
        return [ir.MetaDataString(module, "llvm.loop.interleave.count"), ir.Constant(ir.IntType(32), INTERLEAVED)]
    return []


def _length(blocks: list[Any]) -> int:
    """The instructions of blocks, those of formulas that are called included."""
    return sum(_instructions(instruction) for block in blocks for instruction in block.instructions)


def _instructions(instruction: Any) -> int:
    """1, or those of a formula that is called: it will be inlined, or its vector form will be."""
    blocks = instruction.callee.blocks if isinstance(instruction, ir.CallInstr) else ()
    return sum(len(block.instructions) for block in blocks) or 1


def _told(module: Any, advice: list[Any]) -> Any:
    """What a loop's last branch says to LLVM, which asks that it name itself first, so that no two loops share it."""
    hint = module.add_metadata(advice)
    loop = ir.values.MDValue(module, [hint], str(len(module.metadata)))
    loop.operands = (loop, hint)
    return loop


@contextmanager
def repeating(build: Any) -> Iterator[Any]:
    """Write the body of an endless loop, which leaves by a branch to the block that is yielded."""
    body, after = build.append_basic_block("body"), build.append_basic_block("after")
    build.branch(body)
    build.position_at_end(body)
    yield after
    if not build.block.is_terminated:
        build.branch(body)
    build.position_at_end(after)
