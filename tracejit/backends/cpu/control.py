"""Loops in LLVM IR."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from tracejit.backends.cpu.value import I64, Value

INTERLEAVED = 4
"""So many vectors of a long loop are computed side by side: the instructions for one wait most of the time for each other."""
LONG = 80
"""In a loop of so many instructions, the processor sees no other vectors beside the one at hand."""
FULL = 1000
"""In a loop of so many, formulas wait side by side as it is: more vectors fill no gap, and take registers and compile time."""


@contextmanager
def counting(build: Any, start: Value, stop: Value, step: int = 1) -> Iterator[Value]:
    """Write the body of a loop over ``range(start, stop, step)``; yields the index."""
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
        index.add_incoming(build.add(index, ir.Constant(I64.type, step), flags=("nsw",)), build.block)
        back = build.branch(head)
        told = _advice(build.module, build.function.blocks[build.function.blocks.index(body) :])
        if told:
            back.set_metadata("llvm.loop", _told(build.module, told))
    build.position_at_end(after)


def _advice(module: Any, blocks: list[Any]) -> list[Any]:
    """What LLVM does not know of a loop whose body are these blocks; empty where that is nothing."""
    if any(block.name.startswith("head") for block in blocks):  # the loops in it are the fast ones; copies of them only take time
        return [ir.MetaDataString(module, "llvm.loop.unroll.disable")]
    if LONG <= length(blocks) < FULL:
        return [ir.MetaDataString(module, "llvm.loop.interleave.count"), ir.Constant(ir.IntType(32), INTERLEAVED)]
    return []


def length(blocks: list[Any]) -> int:
    """The instructions of a loop's body: of an element, or of a vector of them."""
    return sum(_length(instruction) for block in blocks for instruction in block.instructions)


def _length(instruction: Any) -> int:
    """1, or the instructions of a formula that is called and will be inlined, or whose vector form will be."""
    marks = instruction.callee.attributes if isinstance(instruction, ir.CallInstr) else ()
    blocks = instruction.callee.blocks if "alwaysinline" in marks or "noinline" in marks else ()
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
