"""The words of kernels for four neighbouring elements at once, by accesses of 128 bits where addresses allow.

The four lie in memory of a thread's own, which the compiler turns to registers. A complex element is two numbers.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tracejit.backends.cpu.operands import Operand, Pointer, described, index_value, memory_type
from tracejit.backends.cpu.value import B1, I64, Value

NUMBER = ir.IntType(32)
WIDEST = 16  # bytes of one access


def four(build: Any, pointer: Operand, first: Operand, end: Operand) -> Pointer:
    """``four(p, first, end)``: a copy of the four elements from ``first`` on; 0 for those from ``end`` on."""
    here, at, stop = _pointer(pointer), index_value(build, first), index_value(build, end)
    held, numbers = four_of(build, here), range(4 * _parts(here))
    with build.if_else(_is_whole(here, at, stop).raw) as (wide, narrow):
        with wide:
            vector = build.load(_vector(here, at), align=_alignment(here))
            for k in numbers:
                build.store(build.extract_element(vector, NUMBER(k)), build.gep(held.raw, [I64.type(k)]))
        with narrow:
            for k in numbers:
                place = build.gep(held.raw, [I64.type(k)])
                build.store(ir.Constant(memory_type(here.kind), 0), place)
                with build.if_then((at + k // _parts(here) < stop).raw):
                    build.store(build.load(_address(here, at, k)), place)
    return held


def four_of(build: Any, pointer: Operand) -> Pointer:
    """``four_of(p)``: room for four elements like those of ``p``."""
    here = _pointer(pointer)
    with build.goto_entry_block():
        room = build.alloca(ir.ArrayType(memory_type(here.kind), 4 * _parts(here)))
    return Pointer(build.gep(room, [I64.type(0), I64.type(0)]), here.kind, here.is_complex)


def put_four(build: Any, pointer: Operand, first: Operand, end: Operand, four: Operand) -> None:
    """``put_four(p, first, end, four)``: store four elements from ``first`` on, but none from ``end`` on."""
    here, held, at, stop = _pointer(pointer), _pointer(four), index_value(build, first), index_value(build, end)
    numbers = [build.load(build.gep(held.raw, [I64.type(k)])) for k in range(4 * _parts(here))]
    with build.if_else(_is_whole(here, at, stop).raw) as (wide, narrow):
        with wide:
            vector = ir.Constant(ir.VectorType(memory_type(here.kind), len(numbers)), ir.Undefined)
            for k, number in enumerate(numbers):
                vector = build.insert_element(vector, number, NUMBER(k))
            build.store(vector, _vector(here, at), align=_alignment(here))
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


def _alignment(pointer: Pointer) -> int:
    """Bytes: of all four, or of the widest access."""
    width = 1 if pointer.kind == B1 else pointer.kind.bits // 8
    return min(WIDEST, 4 * _parts(pointer) * width)


def _address(pointer: Pointer, at: Value, number: int) -> Any:
    """The place of a number behind the element ``at``."""
    return at.builder.gep(pointer.raw, [(at * _parts(pointer) + number).raw])


def _vector(pointer: Pointer, at: Value) -> Any:
    vector = ir.VectorType(memory_type(pointer.kind), 4 * _parts(pointer))
    return at.builder.bitcast(_address(pointer, at, 0), vector.as_pointer())


def _is_whole(pointer: Pointer, at: Value, end: Value) -> Value:
    """Whether all four elements are there, at an address for wide accesses."""
    address = Value(at.builder, at.builder.ptrtoint(_address(pointer, at, 0), I64.type), I64)
    return ((address & (_alignment(pointer) - 1)) == 0) & (at + 4 <= end)
