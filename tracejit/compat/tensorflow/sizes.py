"""Shapes and axes as users of TensorFlow write them: numbers, lists, shapes, and tensors of integers."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.errors import InvalidArgumentError, fail
from tracejit.compat.tensorflow.shape import TensorShape
from tracejit.frontend.eager import trace
from tracejit.frontend.shapes import as_shape, normal_axis
from tracejit.frontend.symbolic import SymbolicInt
from tracejit.frontend.tensor import Tracer
from tracejit.ir import Dim, Node, Size
from tracejit.ir.builder import CONSTANT


def dims_of(shape: Any, op: str) -> tuple[Dim, ...]:
    """The sizes that ``shape`` holds; those of a traced tensor stay symbolic where it was made of shapes, as by ``tf.shape``."""
    return as_shape(listed(shape, op), op)


def listed(shape: Any, op: str) -> list[Any]:
    """A shape, or other list of integers, as numbers and symbolic sizes."""
    if isinstance(shape, Held):
        found = _known(shape) if isinstance(shape.core, Tracer) else np.ravel(shape.core).tolist()
        if found is None:
            fail(
                InvalidArgumentError,
                f"{op}: sizes are computed when the program runs\n  cure: take them from tf.shape(x), or make them numbers",
            )
        return list(found)
    if isinstance(shape, np.ndarray):
        return np.ravel(shape).tolist()
    if isinstance(shape, list | tuple | TensorShape):
        return [d for part in shape for d in listed(part, op)]
    return [shape.dim if isinstance(shape, SymbolicInt) else shape]


def _known(tensor: Held) -> list[Any] | None:
    core: Any = tensor.core
    if core.weak:
        return [int(core)]
    return _sizes(core.node)


def _sizes(node: Node) -> list[Any] | None:
    """The sizes that a vector or scalar of the trace is made of; None where it is made of anything else."""
    if node.op is CONSTANT:
        return [int(node.attrs["value"])]
    parts = [_sizes(x) for x in node.inputs]
    if any(p is None for p in parts):
        return None
    known = [p for p in parts if p is not None]
    match node.op.name:
        case "dim":
            return [node.attrs["size"]]
        case "cast" | "reshape":
            return known[0]
        case "concatenate":
            return [d for part in known for d in part]
        case "slice" if node.spec.rank == 1:
            (start,), (size,), (step,) = (node.attrs[k] for k in ("starts", "sizes", "steps"))
            return [known[0][start + step * i] for i in range(size)]
        case "add":
            return [a + b for a, b in zip(*known, strict=True)]
        case "multiply":
            return [a * b for a, b in zip(*known, strict=True)]
    return None


def number_of(x: Any, op: str) -> Any:
    """One integer: a number, or a symbolic size."""
    found = listed(x, op)
    if len(found) != 1:
        fail(InvalidArgumentError, f"{op}: {x!r} is not one integer")
    return found[0]


def axes_of(axis: Any, rank: int, op: str) -> tuple[int, ...]:
    """The axes of a reduction, sorted and counted from the front; all where None."""
    if axis is None:
        return tuple(range(rank))
    return tuple(sorted({axis_of(a, rank, op) for a in listed(axis, op)}))


def axis_of(axis: Any, rank: int, op: str) -> int:
    """One axis, counted from the front."""
    number = _known_number(number_of(axis, op), op)
    if not -rank <= number < rank:
        fail(InvalidArgumentError, f"Invalid reduction dimension ({number} for input with {rank} dimension(s)) [Op:{op}]")
    return normal_axis(number, rank, op)


def integers(x: Any, op: str) -> list[int]:
    """A list of numbers that Python knows; symbolic sizes are fixed by that."""
    return [_known_number(i, op) for i in listed(x, op)]


def _known_number(x: Any, op: str) -> int:
    return trace().size_of(x, op) if isinstance(x, Size) else operator.index(x)


def is_open(dim: Any) -> bool:
    """Whether a size is not a number yet."""
    return isinstance(dim, Size | SymbolicInt)
