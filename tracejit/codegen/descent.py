"""Expressions are written from results down to operands, by recursion: how this stays shallow however long they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tracejit.ir import Node

DEEPEST = 50


def landings(goals: Iterable[Node], operands: Callable[[Node], Iterable[Node]]) -> list[Node]:
    """The nodes behind ``goals`` to be written before them, in this order, so that no descent goes beyond ``DEEPEST`` nodes."""
    height: dict[Node, int] = {}
    stack = list(goals)
    while stack:
        node = stack[-1]
        if missing := [x for x in operands(node) if x not in height]:
            stack += missing
            continue
        stack.pop()
        height.setdefault(node, 1 + max((height[x] for x in operands(node)), default=0))
    return [node for node, h in height.items() if h % DEEPEST == 0]
