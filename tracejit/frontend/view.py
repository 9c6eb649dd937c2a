"""Views: tensors that show a part of another one, as NumPy's slices and transposes do.

A view is a sequence of steps from its base. Reading applies the steps to the base's present value; writing takes them back
and gives the base a new value. So programs stay free of mutation, and names that alias in NumPy alias here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np

from tracejit.ir import Dim, Node, Size, current, evaluate
from tracejit.ir.size import symbols
from tracejit.ops.row import TABLE

STEPS = frozenset({"broadcast", "reshape", "slice", "transpose"})


@dataclass(frozen=True, slots=True)
class Step:
    """One op of ``STEPS`` with its attributes, and the shape that it is applied to."""

    op: str
    attrs: Mapping[str, Any]
    shape: tuple[Dim, ...]


Steps = tuple[Step, ...]


def steps_between(base: Node, node: Node) -> Steps | None:
    """The steps that lead from ``base`` to ``node``; None where there are other ops on the way."""
    steps: list[Step] = []
    while node is not base:
        if node.op.name not in STEPS:
            return None
        (operand,) = node.inputs
        steps.append(Step(node.op.name, node.attrs, operand.shape))
        node = operand
    return tuple(reversed(steps))


def settled(steps: Steps) -> Steps:
    """Steps in the sizes of the current trace, which may have learnt that some are equal since the steps were taken."""
    trace: Any = current()

    def spelled(value: Any) -> Any:
        return (
            tuple(map(spelled, value))
            if isinstance(value, tuple)
            else trace.canonical(value)
            if isinstance(value, Size)
            else value
        )

    return tuple(Step(s.op, {k: spelled(v) for k, v in s.attrs.items()}, spelled(s.shape)) for s in steps)


def apply_steps(base: Node, steps: Steps) -> Node:
    """The view of ``base``."""
    for step in settled(steps):
        base = TABLE[step.op](base, **step.attrs)
    return base


def write_back(base: Node, steps: Steps, new: Node) -> Node:
    """The value of ``base`` after its view has been given the value ``new``."""
    return _written(base, settled(steps), new)


def _written(base: Node, steps: Steps, new: Node) -> Node:
    if not steps:
        return new
    step, rest = steps[0], steps[1:]
    part = _written(TABLE[step.op](base, **step.attrs), rest, new) if rest else new
    match step.op:
        case "transpose":
            return TABLE["transpose"](part, perm=tuple(np.argsort(step.attrs["perm"]).tolist()))
        case "reshape":
            return TABLE["reshape"](part, shape=step.shape)
        case "slice":
            return TABLE["slice_update"](base, part, starts=step.attrs["starts"], steps=step.attrs["steps"])
    raise ValueError("assignment destination is read-only: it is a broadcast of a smaller array. Take a copy first: x = x.copy()")


def is_view(shape: Sequence[Dim], steps: Steps) -> bool:
    """Whether NumPy makes these steps from a C-contiguous array of ``shape`` without a copy."""
    numbers: defaultdict[str, int] = defaultdict(cycle((1009, 1013, 1019, 1021, 1031, 1033, 1039)).__next__)
    sizes = [_number(d, numbers) for d in shape]
    strides = [int(np.prod(sizes[i + 1 :], dtype=np.int64)) for i in range(len(sizes))]
    for step in settled(steps):
        match step.op:
            case "transpose":
                sizes, strides = [sizes[i] for i in step.attrs["perm"]], [strides[i] for i in step.attrs["perm"]]
            case "slice":
                sizes = [_number(d, numbers) for d in step.attrs["sizes"]]
                strides = [s * k for s, k in zip(strides, step.attrs["steps"], strict=True)]
            case "broadcast":
                wide = [_number(d, numbers) for d in step.attrs["shape"]]
                strides = [strides[step.attrs["axes"].index(i)] if i in step.attrs["axes"] else 0 for i in range(len(wide))]
                sizes = wide
            case "reshape":
                new = [_number(d, numbers) for d in step.attrs["shape"]]
                found = _reshaped_strides(sizes, strides, new)
                if found is None:
                    return False
                sizes, strides = new, found
    return True


def _number(dim: Dim, numbers: defaultdict[str, int]) -> int:
    return evaluate(dim, {name: numbers[name] for name in sorted(symbols(dim))})


def _reshaped_strides(sizes: list[int], strides: list[int], new: list[int]) -> list[int] | None:
    """Strides of the same memory seen with sizes ``new``; None where no strides do that."""
    if 0 in sizes:
        return [0] * len(new)
    blocks: list[tuple[int, int]] = []  # maximal runs of axes that are one axis in memory, innermost first
    for size, stride in zip(reversed(sizes), reversed(strides), strict=True):
        if size != 1 and blocks and stride == blocks[-1][0] * blocks[-1][1]:
            blocks[-1] = (blocks[-1][0] * size, blocks[-1][1])
        elif size != 1:
            blocks.append((size, stride))
    blocks.reverse()
    left, step, out = 1, 0, []
    for size in reversed(new):
        if size != 1 and left == 1:
            left, step = blocks.pop() if blocks else (0, 0)
        if left % size:
            return None
        out.append(step)
        left, step = left // size, step * size
    return out[::-1]
