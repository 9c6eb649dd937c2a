"""Rows that move elements: views (``transpose``, ``slice``), ``reshape``, and writes (``slice_update``, ``concatenate``)."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracejit.errors import ShapeError
from tracejit.ir import Node, TensorSpec
from tracejit.ir.size import Dim, product
from tracejit.ops.elementwise import COMPLEX, Cotangents
from tracejit.ops.index_map import Index
from tracejit.ops.row import Sample, filled, row

Dims = tuple[Dim, ...]


def _transpose_shape(x: TensorSpec, *, perm: tuple[int, ...]) -> Dims:
    if sorted(perm) != list(range(x.rank)):
        raise ShapeError(f"transpose: {perm} is no order of the {x.rank} dimensions of {x}")
    return tuple(x.shape[p] for p in perm)


def inverse(perm: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes ``perm``."""
    return tuple(sorted(range(len(perm)), key=perm.__getitem__))


def _transpose_index(index: tuple[Index, ...], *, perm: tuple[int, ...]) -> tuple[Index, ...]:
    return tuple(index[i] for i in inverse(perm))


@row("view", _transpose_shape, Sample(((2, 3, 4),), {"perm": (2, 0, 1)}, (COMPLEX,)), index_map=_transpose_index)
def transpose(x: Any, *, perm: tuple[int, ...]) -> Any:
    """Dimensions in another order; dimension ``i`` of the result is dimension ``perm[i]`` of ``x``."""
    return np.transpose(x, perm)


@transpose.defvjp
def _transpose_vjp(ct: Node, out: Node, x: Node, *, perm: tuple[int, ...]) -> Cotangents:
    return (transpose(ct, perm=inverse(perm)),)


def swapped(x: Node) -> Node:
    """The last two dimensions exchanged."""
    lead = range(x.spec.rank - 2)
    return transpose(x, perm=(*lead, x.spec.rank - 1, x.spec.rank - 2))


def moved(x: Node, source: int, target: int) -> Node:
    """``x`` with dimension ``source`` at place ``target``, the others in order."""
    if source == target:
        return x
    perm = [i for i in range(x.spec.rank) if i != source]
    perm.insert(target, source)
    return transpose(x, perm=tuple(perm))


def _reshape_shape(x: TensorSpec, *, shape: Dims) -> Dims:
    difference = product(shape) - x.size
    if isinstance(difference, int) and difference:  # an unequal symbolic product is for the caller's guards to answer
        raise ShapeError(f"reshape: {x} has {x.size} elements and {shape} has {product(shape)}; they must be as many")
    return shape


@row("reshape", _reshape_shape, Sample(((3, 4),), {"shape": (2, 6)}, (COMPLEX,)), Sample(((1, 1),), {"shape": ()}, (COMPLEX,)))
def reshape(x: Any, *, shape: tuple[int, ...]) -> Any:
    """The same elements in row-major order under another shape."""
    return np.reshape(x, shape)


@reshape.defvjp
def _reshape_vjp(ct: Node, out: Node, x: Node, *, shape: Dims) -> Cotangents:
    return (reshape(ct, shape=x.shape),)


def _check_window(name: str, x: TensorSpec, starts: Dims, sizes: Dims, steps: Dims) -> None:
    if not len(starts) == len(sizes) == len(steps) == x.rank:
        raise ShapeError(f"{name}: {x} has {x.rank} dimensions; got starts {starts}, sizes {sizes} and steps {steps}")
    for i, (dim, start, size, step) in enumerate(zip(x.shape, starts, sizes, steps, strict=True)):
        last = start + step * (size - 1)
        match dim, start, size, last:
            case int(), int(), int(), int() if size < 0 or (size > 0 and not (0 <= start < dim and 0 <= last < dim)):
                raise ShapeError(f"{name}: {size} elements from {start} in steps of {step} leave dimension {i} of {x}")


def _slice_shape(x: TensorSpec, *, starts: Dims, sizes: Dims, steps: Dims) -> Dims:
    _check_window("slice", x, starts, sizes, steps)
    return sizes


def _slice_index(index: tuple[Index, ...], *, starts: Dims, sizes: Dims, steps: Dims) -> tuple[Index, ...]:
    return tuple(i.then(step, start) for i, start, step in zip(index, starts, steps, strict=True))


def _window(starts: Sequence[int], sizes: Sequence[int], steps: Sequence[int]) -> tuple[Any, ...]:
    """The NumPy index of a window; a stop below 0 is None, since -1 would mean the last element."""
    stops = [start + step * size for start, size, step in zip(starts, sizes, steps, strict=True)]
    return tuple(
        builtins.slice(start, stop if stop >= 0 else None, step) if size else builtins.slice(0, 0)
        for start, stop, size, step in zip(starts, stops, sizes, steps, strict=True)
    )


SLICES = (
    {"starts": (1, 0), "sizes": (2, 4), "steps": (1, 1)},
    {"starts": (4, 3), "sizes": (3, 2), "steps": (-2, -3)},
    {"starts": (0, 1), "sizes": (2, 2), "steps": (3, 2)},
    {"starts": (0, 0), "sizes": (0, 4), "steps": (1, 1)},
)


@row("view", _slice_shape, *(Sample(((5, 4),), dict(s), (COMPLEX,)) for s in SLICES), index_map=_slice_index)
def slice(x: Any, *, starts: tuple[int, ...], sizes: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    """A window: element ``i`` is element ``starts + steps * i`` of ``x``; steps may be negative."""
    return np.asarray(x)[_window(starts, sizes, steps)]


@slice.defvjp
def _slice_vjp(ct: Node, out: Node, x: Node, *, starts: Dims, sizes: Dims, steps: Dims) -> Cotangents:
    return (slice_update(filled(x, 0.0), ct, starts=starts, steps=steps),)


def _slice_update_shape(x: TensorSpec, v: TensorSpec, *, starts: Dims, steps: Dims) -> Dims:
    _check_window("slice_update", x, starts, v.shape, steps)
    return x.shape


def _slice_update_parts(x: TensorSpec, v: TensorSpec, *, starts: Dims, steps: Dims) -> tuple[tuple[Dims, Dims], ...]:
    return ((0,) * x.rank, (1,) * x.rank), (starts, steps)


@row(
    "write",
    _slice_update_shape,
    *(Sample(((5, 4), s["sizes"]), {"starts": s["starts"], "steps": s["steps"]}, (COMPLEX, COMPLEX)) for s in SLICES),
    parts=_slice_update_parts,
    in_place=True,
)
def slice_update(x: Any, v: Any, *, starts: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    """``x`` with ``v`` stored at a window: element ``starts + steps * i`` of the result is element ``i`` of ``v``."""
    out = np.array(x)
    out[_window(starts, np.shape(v), steps)] = v
    return out


@slice_update.defvjp
def _slice_update_vjp(ct: Node, out: Node, x: Node, v: Node, *, starts: Dims, steps: Dims) -> Cotangents:
    by_x = slice_update(ct, filled(v, 0.0), starts=starts, steps=steps)
    return by_x, slice(ct, starts=starts, sizes=v.shape, steps=steps)


def _concatenate_shape(*xs: TensorSpec, axis: int) -> Dims:
    first = xs[0]
    if not 0 <= axis < first.rank or any(_without(x.shape, axis) != _without(first.shape, axis) for x in xs):
        raise ShapeError(f"concatenate: {', '.join(map(str, xs))} must have equal shapes but for dimension {axis}")
    total: Dim = 0
    for x in xs:
        total = total + x.shape[axis]
    return (*first.shape[:axis], total, *first.shape[axis + 1 :])


def _without(shape: Dims, axis: int) -> Dims:
    return shape[:axis] + shape[axis + 1 :]


def _concatenate_parts(*xs: TensorSpec, axis: int) -> tuple[tuple[Dims, Dims], ...]:
    begin: Dim = 0
    parts: list[tuple[Dims, Dims]] = []
    for x in xs:
        parts.append((tuple(begin if i == axis else 0 for i in range(x.rank)), (1,) * x.rank))
        begin = begin + x.shape[axis]
    return tuple(parts)


@row(
    "write",
    _concatenate_shape,
    Sample(((2, 3), (2, 1), (2, 4)), {"axis": 1}, (COMPLEX,) * 3),
    Sample(((2, 3), (0, 3)), {"axis": 0}, (COMPLEX,) * 2),
    parts=_concatenate_parts,
)
def concatenate(*xs: Any, axis: int) -> Any:
    """The operands one after the other along ``axis``."""
    return np.concatenate(xs, axis=axis)


@concatenate.defvjp
def _concatenate_vjp(ct: Node, out: Node, *xs: Node, axis: int) -> Cotangents:
    pieces: list[Node] = []
    start: Dim = 0
    for x in xs:
        pieces.append(window(ct, axis, start, x.shape[axis]))
        start = start + x.shape[axis]
    return tuple(pieces)


def window(x: Node, axis: int, start: Dim, size: Dim, step: Dim = 1) -> Node:
    """A window along one axis, everything along the others."""
    if start == 0 and step == 1 and size == x.shape[axis]:
        return x
    before, after = axis, x.spec.rank - axis - 1
    sizes = (*x.shape[:axis], size, *x.shape[axis + 1 :])
    return slice(x, starts=(0,) * before + (start,) + (0,) * after, sizes=sizes, steps=(1,) * before + (step,) + (1,) * after)


def reverse(x: Node, axis: int) -> Node:
    """``x`` backwards along ``axis``."""
    size = x.shape[axis]
    return x if size == 0 else window(x, axis, size - 1, size, -1)


def shifted(x: Node, axis: int, by: int) -> Node:
    """Element ``i`` is element ``i - by`` of ``x`` along ``axis``, 0 where there is none; ``by`` is 1 or -1."""
    size = x.shape[axis]
    if size == 0:
        return x
    kept = window(x, axis, 0 if by > 0 else 1, size - 1)
    starts = tuple(1 if i == axis and by > 0 else 0 for i in range(x.spec.rank))
    return slice_update(filled(x, 0.0), kept, starts=starts, steps=(1,) * x.spec.rank)
