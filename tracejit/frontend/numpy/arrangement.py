"""Arrays side by side and in parts: joins, splits, tiles, padding, diagonals, triangles."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import ShapeError, UnsupportedError
from tracejit.frontend.eager import trace as current_trace
from tracejit.frontend.lift import cast, has_tensor, lift
from tracejit.frontend.numpy.movement import atleast_1d, atleast_2d, atleast_3d, expand_dims, moveaxis
from tracejit.frontend.public import hand_out, lifted, opened, registered, write_out
from tracejit.frontend.shapes import as_shape, normal_axis, reshape_node, same
from tracejit.frontend.symbolic import SymbolicInt, as_dim
from tracejit.ir import Dim, Node
from tracejit.ir.dtype import promoted
from tracejit.ir.size import quotient
from tracejit.ops import composite

__all__ = [
    "array_split",
    "column_stack",
    "concat",
    "concatenate",
    "diag",
    "diagonal",
    "dstack",
    "hsplit",
    "hstack",
    "pad",
    "repeat",
    "roll",
    "split",
    "stack",
    "tile",
    "trace",
    "tril",
    "triu",
    "unstack",
    "vsplit",
    "vstack",
]


@lifted()
def roll(a: Node, shift: Any, axis: Any = None) -> Node:
    """Elements moved on by ``shift`` along ``axis``; those that leave at the end come in at the start."""
    if axis is None:
        flat = composite.roll(reshape_node(a, -1), operator.index(shift), 0)
        return reshape_node(flat, a.shape)
    axes = axis if isinstance(axis, list | tuple) else (axis,)
    shifts = shift if isinstance(shift, list | tuple) else (shift,) * len(axes)
    for by, place in zip(shifts, axes if len(axes) > 1 else axes * len(shifts), strict=True):
        a = composite.roll(a, operator.index(by), normal_axis(place, a.spec.rank, "roll"))
    return a


@registered
def concatenate(arrays: Any, /, axis: int | None = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Arrays joined along ``axis``; flattened first if it is None."""
    with opened(*_parts(arrays), out):
        nodes = _in_one_dtype(arrays, "concatenate", dtype)
        if axis is None:
            nodes, axis = [reshape_node(n, -1) for n in nodes], 0
        if any(n.spec.rank == 0 for n in nodes):
            raise ShapeError("concatenate: an operand has no axes; use stack, or reshape it to (1,)")
        place = normal_axis(axis, nodes[0].spec.rank, "concatenate")
        for n in nodes[1:]:
            fault = f"concatenate: shapes differ: {nodes[0].spec} and {n.spec}\n  rule: they are equal but along axis {place}"
            if n.spec.rank != nodes[0].spec.rank:
                raise ShapeError(fault)
            for i in range(n.spec.rank):
                if i != place:
                    same(nodes[0].shape[i], n.shape[i], fault)
        node = ops.concatenate(*nodes, axis=place) if len(nodes) > 1 else nodes[0]
        return hand_out(node) if out is None else write_out(out, node, "concatenate")


def _parts(arrays: Any) -> list[Any]:
    return list(arrays)


def _in_one_dtype(arrays: Any, name: str, dtype: Any = None) -> list[Node]:
    nodes = [lift(x, name).node() for x in _parts(arrays)]
    if not nodes:
        raise ValueError(f"{name}: need at least one array")
    wide = promoted(*(n.dtype for n in nodes)) if dtype is None else np.dtype(dtype)
    return [cast(n, wide) for n in nodes]


@registered
def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Arrays of one shape side by side along a new axis."""
    with opened(*_parts(arrays), out):
        nodes = _in_one_dtype(arrays, "stack", dtype)
        place = normal_axis(axis, nodes[0].spec.rank + 1, "stack")
        for n in nodes[1:]:
            fault = f"stack: shapes differ: {nodes[0].spec} and {n.spec}"
            if n.spec.rank != nodes[0].spec.rank:
                raise ShapeError(fault)
            for a, b in zip(nodes[0].shape, n.shape, strict=True):
                same(a, b, fault)
        node = composite.stack(nodes, place)
        return hand_out(node) if out is None else write_out(out, node, "stack")


@registered
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Rows below each other."""
    return concatenate([atleast_2d(x) for x in _parts(tup)], 0, dtype=dtype)


@registered
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Columns beside each other; vectors behind each other."""
    parts = [atleast_1d(x) for x in _parts(tup)]
    return concatenate(parts, 0 if parts[0].ndim == 1 else 1, dtype=dtype)


@registered
def dstack(tup: Any) -> Any:
    """Planes behind each other."""
    return concatenate([atleast_3d(x) for x in _parts(tup)], 2)


@registered
def column_stack(tup: Any) -> Any:
    """Vectors as the columns of a matrix; matrices beside each other."""
    return concatenate([expand_dims(atleast_1d(x), 1) if atleast_1d(x).ndim == 1 else x for x in _parts(tup)], 1)


@lifted(view=True)
def split(ary: Node, indices_or_sections: Any, axis: int = 0) -> list[Node]:
    """Equal parts along ``axis``, or the parts between indices."""
    place = normal_axis(axis, ary.spec.rank, "split")
    size = ary.shape[place]
    if isinstance(indices_or_sections, int | np.integer | SymbolicInt):
        count = operator.index(indices_or_sections)
        each = quotient(size, count)
        same(each * count, size, f"split: an axis of size {size} has no {count} equal parts\n  cure: array_split")
        return composite.split(ary, [each * i for i in range(count + 1)], place)
    return _between(ary, indices_or_sections, place)


@lifted(view=True)
def array_split(ary: Node, indices_or_sections: Any, axis: int = 0) -> list[Node]:
    """Parts along ``axis`` whose sizes differ by at most one, or the parts between indices."""
    place = normal_axis(axis, ary.spec.rank, "array_split")
    if not isinstance(indices_or_sections, int | np.integer):
        return _between(ary, indices_or_sections, place)
    size, count = known(ary.shape[place], "array_split"), int(indices_or_sections)
    each, more = divmod(size, count)
    return composite.split(ary, [each * i + min(i, more) for i in range(count + 1)], place)


def known(dim: Dim, name: str) -> int:
    number: int = dim if isinstance(dim, int) else current_trace().size_of(dim, f"needed by {name}")
    return number


def _between(x: Node, indices: Any, axis: int) -> list[Node]:
    size = known(x.shape[axis], "split") if any(operator.index(i) < 0 for i in indices) else x.shape[axis]
    bounds = [as_dim(i) for i in indices]
    if isinstance(size, int):
        edges = [min(max(b + size if b < 0 else b, 0), size) for b in bounds if isinstance(b, int)]
        starts, ends = [0, *edges], [*edges, size]
        return [p for a, b in zip(starts, ends, strict=True) for p in composite.split(x, [a, max(a, b)], axis)]
    return composite.split(x, [0, *bounds, size], axis)


@registered
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Parts along the first axis."""
    return split(ary, indices_or_sections, 0)


@registered
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    """Parts along the second axis; of a vector, along its only one."""
    return split(ary, indices_or_sections, 0 if np.ndim(ary) == 1 else 1)


@registered
def unstack(x: Any, /, *, axis: int = 0) -> Any:
    """The parts along ``axis``, without that axis."""
    return tuple(moveaxis(x, axis, 0))


@lifted()
def tile(A: Node, reps: Any) -> Node:
    """``A`` laid side by side, ``reps`` times along each axis."""
    return composite.tile(A, as_shape(reps, "tile"))


@lifted()
def repeat(a: Node, repeats: Any, axis: int | None = None) -> Node:
    """Each element ``repeats`` times in a row."""
    x = reshape_node(a, -1) if axis is None else a
    place = 0 if axis is None else normal_axis(axis, x.spec.rank, "repeat")
    if has_tensor(repeats) and not isinstance(repeats, SymbolicInt):
        raise UnsupportedError("repeat: repeats is a tensor, so the size of the result depends on data; pass numbers")
    times = np.asarray(repeats).tolist()
    if isinstance(times, list):
        same(x.shape[place], len(times), f"repeat: {len(times)} numbers of repeats do not fit {x.spec} along axis {place}")
        keep = [i for i, n in enumerate(times) for _ in range(n)]
        indices = lift(keep or np.zeros(0, np.int64), "repeat").node()
        return ops.gather(x, indices, axis=place)
    return composite.repeat(x, times, place)


@lifted()
def pad(array: Node, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Node:
    """``array`` with elements around it: a value, or its own by the modes "edge", "wrap", "reflect" and "symmetric"."""
    rank = array.spec.rank
    given = pad_width.tolist() if isinstance(pad_width, np.ndarray) else pad_width
    if isinstance(given, dict):
        pairs = {normal_axis(k, rank, "pad"): v for k, v in given.items()}
        given = [pairs.get(i, 0) for i in range(rank)]
    elif not isinstance(given, list | tuple):
        given = [given] * rank
    elif len(given) in (1, 2) and not isinstance(given[0], list | tuple):
        given = [tuple(given) * (3 - len(given))] * rank
    elif len(given) == 1:
        given = list(given) * rank
    widths = [(as_dim(w), as_dim(w)) if not isinstance(w, list | tuple) else (as_dim(w[0]), as_dim(w[-1])) for w in given]
    if len(widths) != rank or any(isinstance(d, int) and d < 0 for w in widths for d in w):
        raise ShapeError(f"pad: widths {pad_width} do not fit {array.spec}: one pair of sizes for each axis, none negative")
    if mode != "constant":
        return composite.pad_by(array, widths, mode)
    if isinstance(constant_values, list | tuple):
        raise UnsupportedError("pad: several constant_values are not supported; pad one side after the other")
    return composite.pad(array, widths, lift(constant_values, "pad").to(array.dtype))


@lifted(view=True)
def diagonal(a: Node, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    """The elements ``a[i, i + offset]`` of two axes, along a new last axis."""
    return composite.diagonal(a, offset, *_plane(a, offset, axis1, axis2, "diagonal"))


def _plane(a: Node, offset: int, axis1: int, axis2: int, name: str) -> tuple[int, int]:
    """The axes of a diagonal whose length is settled: sizes are equal, or numbers."""
    i, j = (normal_axis(axis, a.spec.rank, name) for axis in (axis1, axis2))
    if i == j:
        raise ShapeError(f"{name}: axis1 and axis2 are the same axis, {i}")
    sizes = a.shape[i], a.shape[j]
    if not all(isinstance(d, int) for d in sizes) and (offset or not current_trace().decide(sizes[0], "==", sizes[1])):
        for d in sizes:
            known(d, name)
    return i, j


@lifted()
def trace(a: Node, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Node:
    """The sum along a diagonal."""
    line = composite.diagonal(a, offset, *_plane(a, offset, axis1, axis2, "trace"))
    return ops.reduce_sum(line if dtype is None else cast(line, dtype), axes=(line.spec.rank - 1,))


@lifted()
def diag(v: Node, k: int = 0) -> Node:
    """A matrix with the vector ``v`` on diagonal ``k``; of a matrix, its diagonal."""
    if v.spec.rank not in (1, 2):
        raise ShapeError(f"diag: {v.spec} is neither a vector nor a matrix")
    if v.spec.rank == 2:
        _plane(v, k, 0, 1, "diag")
    return composite.diag(v, k)


@lifted()
def tril(m: Node, k: int = 0) -> Node:
    """What lies on and below diagonal ``k``, zeros above."""
    return composite.tril(_matrix(m), k)


@lifted()
def triu(m: Node, k: int = 0) -> Node:
    """What lies on and above diagonal ``k``, zeros below."""
    return composite.triu(_matrix(m), k)


def _matrix(m: Node) -> Node:
    if m.spec.rank == 1:  # NumPy repeats a vector as the rows of a square
        return ops.broadcast(m, shape=(m.shape[0], m.shape[0]), axes=(1,))
    if m.spec.rank == 0:
        raise ShapeError(f"tril, triu: {m.spec} has no axes")
    return m


concat = concatenate
