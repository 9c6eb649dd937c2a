"""Words on vectors of unsigned keys in memory: what sorting in ``sorting.py`` is made of.

Sources: K. E. Batcher, "Sorting networks and their applications", AFIPS 1968, for the networks; the partition that compresses
vectors is that of M. Blacher et al., "Vectorized and performance-portable Quicksort", arXiv:2205.05982.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from llvmlite import ir

from tracejit.backends.llvm.operands import Operand, Pointer, as_value, described, index_value
from tracejit.backends.llvm.value import I64, Kind, Value, llvm
from tracejit.backends.llvm.vectors import has_shuffles, has_wide_vectors

WORDS = 8  # of 32 bits, in a vector of AVX2
ROWS = 16
"""Vectors, at most, that are sorted at once: so many, and what is computed with them, are kept in registers."""


def lanes(build: Any, keys: Operand) -> int:
    """``lanes(keys)``: the keys in a vector."""
    return lanes_of(_pointer(keys).kind)


def lanes_of(kind: Kind) -> int:
    return (512 if has_wide_vectors() else 256) // kind.bits


def _pointer(x: Operand) -> Pointer:
    if not isinstance(x, Pointer):
        raise TypeError(f"this is {described(x)}, and must be a pointer")
    return x


# -- vectors in memory -----------------------------------------------------------------------------------------------


def _vector(build: Any, keys: Operand, at: Operand) -> Any:
    """The address of the vector that begins at an element, and the bytes that it is aligned by."""
    pointer = _pointer(keys)
    kind = pointer.kind.of(lanes_of(pointer.kind))
    place = build.gep(pointer.raw, [index_value(build, at).raw])
    return build.bitcast(place, kind.type.as_pointer()), kind


def _load(build: Any, keys: Operand, at: Operand) -> Value:
    place, kind = _vector(build, keys, at)
    return Value(build, build.load(place, align=kind.bits // 8), kind)


def _store(build: Any, keys: Operand, at: Operand, value: Value) -> None:
    place, kind = _vector(build, keys, at)
    build.store(value.raw, place, align=kind.bits // 8)


def _masked(build: Any, name: str, place: Any, kind: Kind, result: Any, operands: list[Any]) -> Any:
    """Call ``llvm.masked.load`` or ``llvm.masked.store`` for a vector in memory."""
    symbol = f"llvm.masked.{name}.v{kind.lanes}i{kind.bits}.p0"
    function = build.module.globals.get(symbol)
    if function is None:
        function = ir.Function(build.module, ir.FunctionType(result, [x.type for x in operands]), symbol)
    return build.call(function, operands)


def _first(build: Any, count: Value, kind: Kind) -> Any:
    """The lanes below ``count``."""
    numbers = ir.Constant(ir.VectorType(I64.type, kind.lanes), list(range(kind.lanes)))
    return build.icmp_signed("<", numbers, _spread(count, I64.of(kind.lanes)))


def _spread(x: Value, kind: Kind) -> Any:
    build = x.builder
    one = build.insert_element(ir.Constant(kind.type, ir.Undefined), x.raw, ir.Constant(ir.IntType(32), 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), kind.lanes), [0] * kind.lanes)
    return build.shuffle_vector(one, ir.Constant(kind.type, ir.Undefined), places)


def _load_first(build: Any, keys: Operand, at: Operand, count: Value, rest: int) -> tuple[Value, Any]:
    """A vector of which only the first ``count`` are read; ``rest`` in the other lanes. And its lanes that were read."""
    place, kind = _vector(build, keys, at)
    mask = _first(build, count, kind)
    others = ir.Constant(kind.type, [rest] * kind.lanes)
    align = ir.Constant(ir.IntType(32), kind.bits // 8)
    return Value(build, _masked(build, "load", place, kind, kind.type, [place, align, mask, others]), kind), mask


def _store_first(build: Any, keys: Operand, at: Operand, count: Value, value: Value) -> None:
    """Write the first ``count`` lanes."""
    place, kind = _vector(build, keys, at)
    align = ir.Constant(ir.IntType(32), kind.bits // 8)
    _masked(build, "store", place, kind, ir.VoidType(), [value.raw, place, align, _first(build, count, kind)])


# -- networks --------------------------------------------------------------------------------------------------------


def sort_grid(build: Any, keys: Operand, begin: Operand, size: Operand, rows: Operand) -> None:
    """``sort_grid(keys, begin, size, rows)``: sort as many keys from ``begin`` on as there may be in so many vectors.

    The grid has a vector in each row. Its columns are sorted first, all at once; then neighbouring columns are merged, and ever
    longer runs of them; then columns become rows.
    """
    if not isinstance(rows, int):
        raise TypeError("the number of rows must be written out")
    width = lanes(build, keys)
    places = [(index_value(build, begin) + row * width, index_value(build, size) - row * width) for row in range(rows)]
    grid = [_load_first(build, keys, at, count, -1)[0] for at, count in places]
    for v, w in _odd_even(0, rows):
        grid[v], grid[w] = _least(grid[v], grid[w]), _greatest(grid[v], grid[w])
    columns = 2
    while columns <= width:
        _merge_columns(grid, columns)
        columns *= 2
    for (at, count), x in zip(places, _turned(grid), strict=True):
        _store_first(build, keys, at, count, x)


def _odd_even(first: int, count: int) -> Iterator[tuple[int, int]]:
    """Batcher's network for ``count`` numbers, a power of two: what to exchange, in order."""
    if count > 1:
        for half in (first, first + count // 2):
            yield from _odd_even(half, count // 2)
        yield from _odd_even_merge(first, count, 1)


def _odd_even_merge(first: int, count: int, step: int) -> Iterator[tuple[int, int]]:
    if 2 * step >= count:
        yield first, first + step
        return
    yield from _odd_even_merge(first, count, 2 * step)
    yield from _odd_even_merge(first + step, count, 2 * step)
    for i in range(first + step, first + count - step, 2 * step):
        yield i, i + step


def _merge_columns(grid: list[Value], columns: int) -> None:
    """Merge runs of half as many columns in pairs: each key with its mirror image, then halves of halves (bitonic)."""
    rows = len(grid)
    for v in range((rows + 1) // 2):
        w = rows - 1 - v
        grid[v], grid[w] = _mirrored(grid[v], grid[w], columns)
    distance = columns // 4
    while distance:
        for v in range(rows):
            grid[v] = _exchanged(grid[v], distance, distance)
        distance //= 2
    distance = rows // 2
    while distance:
        for v in range(rows):
            if not v & distance:
                w = v + distance
                grid[v], grid[w] = _least(grid[v], grid[w]), _greatest(grid[v], grid[w])
        distance //= 2


def _mirrored(x: Value, y: Value, columns: int) -> tuple[Value, Value]:
    """Two rows, each lane against its mirror image in the other row; the upper half of the columns gets the greater key."""
    flip, upper = columns - 1, columns // 2
    if x is y:
        both = _exchanged(x, flip, upper)
        return both, both
    other = _shuffled(y, flip)
    low, high = _least(x, other), _greatest(x, other)
    return _blended(low, high, upper), _shuffled(_blended(high, low, upper), flip)


def _exchanged(x: Value, flip: int, upper: int) -> Value:
    """Each lane against lane ``lane ^ flip``; those with the bit ``upper`` get the greater key."""
    other = _shuffled(x, flip)
    return _blended(_least(x, other), _greatest(x, other), upper)


def _turned(grid: list[Value]) -> list[Value]:
    """Columns, one after the other, in rows: riffle the rows as a pack of cards, until a column's keys are neighbours."""
    width, half, done = grid[0].kind.lanes, len(grid) // 2, 1
    low, high = ([lane // 2 + half + lane % 2 * width for lane in range(width)] for half in (0, width // 2))
    while done < len(grid):
        pairs = [(grid[v], grid[v + half]) for v in range(half)]
        grid = [_picked(x, y, places) for x, y in pairs for places in (low, high)]
        done *= 2
    return grid


def _least(x: Value, y: Value) -> Value:
    return llvm("umin", x, y)


def _greatest(x: Value, y: Value) -> Value:
    return llvm("umax", x, y)


def _blended(x: Value, y: Value, bit: int) -> Value:
    """The lanes of ``x``, but those of ``y`` whose number has a bit."""
    width = x.kind.lanes
    return _picked(x, y, [lane + (width if lane & bit else 0) for lane in range(width)])


def _shuffled(x: Value, flip: int) -> Value:
    return _picked(x, x, [lane ^ flip for lane in range(x.kind.lanes)])


def _picked(x: Value, y: Value, places: list[int]) -> Value:
    """Lanes of two vectors, those of ``y`` counted on from those of ``x``."""
    return Value(x.builder, x.builder.shuffle_vector(x.raw, y.raw, _numbers(tuple(places))), x.kind)


@functools.cache
def _numbers(places: tuple[int, ...]) -> Any:
    """A vector of numbers: one for each use, as its text takes long to write."""
    return ir.Constant(ir.VectorType(ir.IntType(32), len(places)), list(places))


# -- partition -------------------------------------------------------------------------------------------------------


def divide(build: Any, keys: Operand, at: Operand, pivot: Operand, left: Operand, spill: Operand, right: Operand) -> Value:
    """``divide(keys, at, pivot, left, spill, right)``: of a vector, the keys below the pivot to ``left``, others to ``spill``.

    Gives how many are below. ``left`` is at most ``at``; a whole vector is written to both.
    """
    x = _load(build, keys, at)
    below = build.icmp_unsigned("<", x.raw, _pivot(build, pivot, x.kind))
    _store(build, keys, left, _compressed(x, below))
    _store(build, spill, right, _compressed(x, build.not_(below)))
    return _count(build, below)


def divide_rest(
    build: Any, keys: Operand, at: Operand, count: Operand, pivot: Operand, left: Operand, spill: Operand, right: Operand
) -> Value:
    """As ``divide``, of the last ``count`` keys, fewer than a vector; nothing is written behind them."""
    x, known = _load_first(build, keys, at, index_value(build, count), 0)
    less = build.icmp_unsigned("<", x.raw, _pivot(build, pivot, x.kind))
    below, others = build.and_(less, known), build.and_(build.not_(less), known)
    total = _count(build, below)
    _store_first(build, keys, left, total, _compressed(x, below))
    _store(build, spill, right, _compressed(x, others))
    return total


def _pivot(build: Any, pivot: Operand, kind: Kind) -> Any:
    if not isinstance(pivot, Value):
        raise TypeError(f"the pivot is {described(pivot)}, and must be a value")
    return _spread(as_value(build, pivot, pivot.kind).to(kind.of(1)), kind)


def _compressed(x: Value, mask: Any) -> Value:
    """The lanes of a mask side by side, from the first one on."""
    build, kind = x.builder, x.kind
    if not has_wide_vectors() and has_shuffles():
        return _compressed_by_table(x, mask)
    symbol = f"llvm.experimental.vector.compress.v{kind.lanes}i{kind.bits}"
    function = build.module.globals.get(symbol)
    if function is None:
        function = ir.Function(build.module, ir.FunctionType(kind.type, [kind.type, mask.type, kind.type]), symbol)
    return Value(build, build.call(function, [x.raw, mask, ir.Constant(kind.type, ir.Undefined)]), kind)


def _compressed_by_table(x: Value, mask: Any) -> Value:
    """The same with AVX2, which picks any eight words of a vector: which ones, a table says for each mask."""
    build, words, each = x.builder, ir.VectorType(ir.IntType(32), WORDS), x.kind.bits // 32
    module, name, symbol = build.module, f"tracejit.compress.{x.kind.lanes}", "llvm.x86.avx2.permd"
    if name not in module.globals:
        table = ir.GlobalVariable(module, ir.ArrayType(words, 1 << x.kind.lanes), name)
        table.linkage, table.global_constant = "internal", True
        table.initializer = ir.Constant(table.value_type, [_numbers(_kept(bits, each)) for bits in range(1 << x.kind.lanes)])
    function = module.globals.get(symbol) or ir.Function(module, ir.FunctionType(words, [words, words]), symbol)
    number = build.zext(build.bitcast(mask, ir.IntType(x.kind.lanes)), I64.type)
    places = build.load(build.gep(module.globals[name], [ir.Constant(I64.type, 0), number]))
    picked = build.call(function, [build.bitcast(x.raw, words), places])
    return Value(build, build.bitcast(picked, x.kind.type), x.kind)


def _kept(bits: int, each: int) -> tuple[int, ...]:
    """The words of the keys whose bit is set, from the first one on, then any others; a key has ``each`` words."""
    lanes = sorted(range(WORDS // each), key=lambda lane: not bits >> lane & 1)
    return tuple(lane * each + word for lane in lanes for word in range(each))


def _count(build: Any, mask: Any) -> Value:
    bits = Value(build, build.bitcast(mask, ir.IntType(mask.type.count)), Kind("mask", mask.type.count, "u"))
    return llvm("ctpop", bits).to(I64)


__all__ = ["ROWS", "divide", "divide_rest", "lanes", "sort_grid"]
