"""The words of kernels for four or eight neighbouring elements at once, by accesses of 128 bits where addresses allow.

They lie in memory of a thread's own, which the compiler turns to registers. A complex element is two numbers.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tracejit.backends.llvm.intrinsics import Word
from tracejit.backends.llvm.operands import Operand, Pointer, described, index_value, memory_type
from tracejit.backends.llvm.value import B1, I64, Value

NUMBER = ir.IntType(32)
WIDEST = 16  # bytes of one access


def words(name: str, count: int) -> dict[str, Word]:
    """The words for ``count`` neighbours, by their names.

    ``four(p, first, end)``: a copy of the four elements from ``first`` on; 0 for those from ``end`` on.
    ``four_of(p)``: room for four elements like those of ``p``.
    ``put_four(p, first, end, four)``: store four elements from ``first`` on, but none from ``end`` on.
    """

    def take(build: Any, pointer: Operand, first: Operand, end: Operand) -> Pointer:
        here, at, stop = _pointer(pointer), index_value(build, first), index_value(build, end)
        held = _room(build, here, count)
        _read(build, here, held, at, stop, count)
        return held

    def put(build: Any, pointer: Operand, first: Operand, end: Operand, held: Operand) -> None:
        _write(build, _pointer(pointer), _pointer(held), index_value(build, first), index_value(build, end), count)

    return {name: take, f"{name}_of": lambda build, pointer: _room(build, _pointer(pointer), count), f"put_{name}": put}


def _room(build: Any, like: Pointer, count: int) -> Pointer:
    with build.goto_entry_block():
        room = build.alloca(ir.ArrayType(memory_type(like.kind), count * _parts(like)))
    return Pointer(build.gep(room, [I64.type(0), I64.type(0)]), like.kind, like.is_complex)


def _read(build: Any, here: Pointer, held: Pointer, at: Value, stop: Value, count: int) -> None:
    numbers = range(count * _parts(here))
    with build.if_else(_is_whole(here, at, stop, count).raw) as (wide, narrow):
        with wide:
            for k, number in enumerate(_loaded(build, here, at, count)):
                build.store(number, build.gep(held.raw, [I64.type(k)]))
        with narrow:
            for k in numbers:
                place = build.gep(held.raw, [I64.type(k)])
                build.store(ir.Constant(memory_type(here.kind), 0), place)
                with build.if_then((at + k // _parts(here) < stop).raw):
                    build.store(build.load(_address(here, at, k)), place)


def _write(build: Any, here: Pointer, held: Pointer, at: Value, stop: Value, count: int) -> None:
    numbers = [build.load(build.gep(held.raw, [I64.type(k)])) for k in range(count * _parts(here))]
    with build.if_else(_is_whole(here, at, stop, count).raw) as (wide, narrow):
        with wide:
            parts = _in_pairs(build, numbers) if _is_paired(here, count) else numbers
            vector = ir.Constant(ir.VectorType(parts[0].type, len(parts)), ir.Undefined)
            for k, part in enumerate(parts):
                vector = build.insert_element(vector, part, NUMBER(k))
            build.store(vector, _vector(here, at, parts[0].type, len(parts)), align=_alignment(here, count))
        with narrow:
            for k, number in enumerate(numbers):
                with build.if_then((at + k // _parts(here) < stop).raw):
                    build.store(number, _address(here, at, k))


def _pointer(x: Operand) -> Pointer:
    if not isinstance(x, Pointer):
        raise TypeError(f"this is {described(x)}, and must be a pointer")
    return x


def _parts(pointer: Pointer) -> int:
    return 2 if pointer.is_complex else 1


def _alignment(pointer: Pointer, count: int) -> int:
    """Bytes: of all of them, or of the widest access."""
    width = 1 if pointer.kind == B1 else pointer.kind.bits // 8
    return min(WIDEST, count * _parts(pointer) * width)


def _address(pointer: Pointer, at: Value, number: int) -> Any:
    """The place of a number behind the element ``at``."""
    return at.builder.gep(pointer.raw, [(at * _parts(pointer) + number).raw])


def _loaded(build: Any, here: Pointer, at: Value, count: int) -> list[Any]:
    """All numbers of the elements from ``at`` on, by wide accesses."""
    number, length = memory_type(here.kind), count * _parts(here)
    paired = _is_paired(here, count)
    part, parts = (NUMBER, length // 2) if paired else (number, length)
    vector = build.load(_vector(here, at, part, parts), align=_alignment(here, count))
    found = [build.extract_element(vector, NUMBER(k)) for k in range(parts)]
    if not paired:
        return found
    return [build.trunc(half, number) for pair in found for half in (pair, build.lshr(pair, NUMBER(number.width)))]


def _is_paired(pointer: Pointer, count: int) -> bool:
    """Whether two elements travel as one number: of eight halves the compiler would make two accesses."""
    return count == 8 and pointer.kind.bits == 16


def _in_pairs(build: Any, numbers: list[Any]) -> list[Any]:
    wide = [build.zext(number, NUMBER) for number in numbers]
    return [build.or_(low, build.shl(high, NUMBER(16))) for low, high in zip(wide[::2], wide[1::2], strict=True)]


def _vector(pointer: Pointer, at: Value, part: Any, parts: int) -> Any:
    return at.builder.bitcast(_address(pointer, at, 0), ir.VectorType(part, parts).as_pointer())


def _is_whole(pointer: Pointer, at: Value, end: Value, count: int) -> Value:
    """Whether all elements are there, at an address for wide accesses."""
    address = Value(at.builder, at.builder.ptrtoint(_address(pointer, at, 0), I64.type), I64)
    return ((address & (_alignment(pointer, count) - 1)) == 0) & (at + count <= end)
