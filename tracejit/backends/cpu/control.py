"""Loops in LLVM IR."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from tracejit.backends.cpu.value import I64, Value


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
        build.branch(head)
    build.position_at_end(after)


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
