"""Where an operand really lies: views walked back to the value they look at, as affine indices or as a linear offset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.ops.index_map import ZERO, Index, identity
from tracejit.ops.row import Op


@dataclass(frozen=True, slots=True)
class Linear:
    """An element offset ``offset + sum(strides[a] * i[a])`` into a contiguous buffer, ``a`` over the loop axes."""

    offset: Dim
    strides: tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class Read:
    """An operand: element ``index`` of ``source``, where ``index`` is affine in the loop axes.

    ``index`` is None where a reshape lies between, so that only the linear offset is affine; such a source must be stored.
    """

    source: Node
    index: tuple[Index, ...] | None
    linear: Linear


def row_major(shape: Sequence[Dim]) -> tuple[Dim, ...]:
    """Element strides of a contiguous buffer."""
    return tuple(product(shape[i + 1 :]) for i in range(len(shape)))


def kind(node: Node) -> str:
    """How the scheduler treats a node; ``input`` and ``constant`` for the IR's own."""
    return node.op.kind if isinstance(node.op, Op) else node.op.name


def op_of(node: Node) -> Op:
    """The row of a node that is neither an input nor a constant."""
    assert isinstance(node.op, Op)
    return node.op


def read(node: Node, index: tuple[Index, ...], rank: int) -> Read:
    """The element ``index`` of ``node`` inside loops over ``rank`` axes, traced back through views and reshapes."""
    while kind(node) == "view" or is_unit_reshape(node):
        if kind(node) == "view":
            assert isinstance(node.op, Op) and node.op.index_map is not None
            index = node.op.index_map(index, **node.attrs)
        else:
            kept = iter(i for i, d in zip(index, node.shape, strict=True) if d != 1)
            index = tuple(ZERO if d == 1 else next(kept) for d in node.inputs[0].shape)
        node = node.inputs[0]
    linear = _linear(index, row_major(node.shape), rank)
    if kind(node) != "reshape":
        return Read(node, index, linear)
    return Read(contiguous_source(node), None, linear)


def is_unit_reshape(node: Node) -> bool:
    """Whether a node only inserts or removes dimensions of 1: a map of indices, like a view."""
    return kind(node) == "reshape" and [d for d in node.shape if d != 1] == [d for d in node.inputs[0].shape if d != 1]


def operand(node: Node) -> Read:
    """``node`` read element by element by loops over its own axes."""
    return read(node, identity(node.spec.rank), node.spec.rank)


def contiguous_source(node: Node) -> Node:
    """What a chain of reshapes looks at; the scheduler has made sure that it is stored."""
    while kind(node) == "reshape":
        node = node.inputs[0]
    return node


def is_elementwise(r: Read, space: tuple[Dim, ...]) -> bool:
    """Whether loops over ``space`` read the buffer of ``r.source`` element by element from first to last."""
    return r.linear == Linear(0, row_major(space)) and r.source.spec.size == product(space)


def is_negative(dim: Dim) -> bool:
    """Whether a stride goes down; strides are products, so all their terms have one sign."""
    return dim < 0 if isinstance(dim, int) else all(c < 0 for _, c in dim.terms)


def _linear(index: tuple[Index, ...], strides: tuple[Dim, ...], rank: int) -> Linear:
    offset: Dim = 0
    out: list[Dim] = [0] * rank
    for i, stride in zip(index, strides, strict=True):
        offset = offset + i.offset * stride
        if i.axis is not None:
            out[i.axis] = out[i.axis] + i.scale * stride
    return Linear(offset, tuple(out))
