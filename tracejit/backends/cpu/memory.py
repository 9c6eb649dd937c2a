"""Words about memory: typed pointers from addresses, bits and conversions of scalars, matrix products through the table."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tracejit.backends.cpu import halves
from tracejit.backends.cpu.control import counting
from tracejit.backends.cpu.intrinsics import Word
from tracejit.backends.cpu.operands import (
    Operand,
    Pointer,
    as_pair,
    as_value,
    constant,
    described,
    index_value,
    is_number,
    is_pair,
    memory_type,
    typed,
)
from tracejit.backends.cpu.value import B1, F32, F64, I64, Kind, Value

C_INT = ir.IntType(32)
ROOM_ALIGNMENT = 64  # bytes: of the widest vectors
ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112
SIZES, SCALES = slice(4, 10), slice(10, 12)


def pointer_word(kind: Kind, is_complex: bool = False) -> Word:
    """``<dtype>_at(address, size)``: the elements from ``address`` on; the size is the twin's, a pointer has none."""
    to = memory_type(kind).as_pointer()

    def write(build: Any, address: Operand, size: Operand) -> Pointer:
        index_value(build, size)
        return Pointer(build.inttoptr(index_value(build, address).raw, to), kind, is_complex)

    return write


def room_word(kind: Kind, is_complex: bool = False) -> Word:
    """``<dtype>_room(count)``: memory for ``count`` elements, a number that is written out, while the function runs."""

    def write(build: Any, count: Operand) -> Pointer:
        if type(count) is not int or count <= 0:
            raise TypeError("the number of elements must be written out")
        with build.goto_entry_block():
            raw = build.alloca(memory_type(kind), size=count * (2 if is_complex else 1))
        raw.align = ROOM_ALIGNMENT
        return Pointer(raw, kind, is_complex)

    return write


def as_f64(build: Any, bits: Operand) -> Value:
    """``as_f64(bits)``: the f64 with the bits of an i64."""
    return as_value(build, bits, I64).as_float()


def cast_word(kind: Kind) -> Word:
    """``<dtype>(x)``: the scalar converted as by NumPy's ``astype``; of a complex number, its real part."""

    def write(build: Any, x: Operand) -> Value:
        if is_number(x):
            return constant(build, x.real if isinstance(x, complex) and kind != B1 else x, kind)
        x = typed(build, x)
        if isinstance(x, Value):
            return halves.convert(x, kind)
        return (x[0] != 0) | (x[1] != 0) if kind == B1 else halves.convert(x[0], kind)

    return write


def complex_cast_word(kind: Kind) -> Word:
    """``c64(x)`` or ``c128(x)``: the real or complex scalar as a complex one with parts of ``kind``."""

    def write(build: Any, x: Operand) -> Operand:
        x = x if is_number(x) else typed(build, x)
        if is_pair(x):
            return x[0].to(kind), x[1].to(kind)
        return as_pair(build, halves.convert(x, kind) if isinstance(x, Value) else x, kind)

    return write


def complex_number(build: Any, real: Operand, imag: Operand) -> complex:
    """``complex(real, imag)`` of numbers that are written out."""
    if not isinstance(real, int | float) or not isinstance(imag, int | float):
        raise TypeError("complex numbers are written out, or made by c64 and c128")
    return complex(real, imag)


def least_word(build: Any, x: Operand, y: Operand) -> Value:
    """``min(x, y)`` of sizes."""
    a, b = index_value(build, x), index_value(build, y)
    return Value(build, build.select((a < b).raw, a.raw, b.raw), I64)


def gemm_word(transpose_a: bool, transpose_b: bool) -> Word:
    """``gemm_..(cblas, c, a, b, m, k, n, lda, ldb, ldc, alpha, beta)``: ``c = alpha * op(a) @ op(b) + beta * c``, row-major.

    ``cblas`` is the address of the function for this dtype, as the table holds it.
    """
    flags = (ROW_MAJOR, TRANSPOSED if transpose_a else PLAIN, TRANSPOSED if transpose_b else PLAIN)

    def write(build: Any, *operands: Operand) -> None:
        matrices = [x for x in operands[1:4] if isinstance(x, Pointer)]
        kinds = {x.kind for x in matrices}
        if len(operands) != 12 or len(matrices) != 3 or len(kinds) != 1 or not kinds <= {F32, F64}:
            raise TypeError("a product takes an address, three matrices of one kind of float, six sizes and two scales")
        (kind,) = kinds
        address, *sizes = (index_value(build, x).raw for x in (operands[0], *operands[SIZES]))
        scales = [as_value(build, x, kind).raw for x in operands[SCALES]]
        build.call(_products(build.module, kind, flags), [address, *(x.raw for x in matrices), *sizes, *scales])

    return write


def _products(module: Any, kind: Kind, flags: tuple[int, ...]) -> Any:
    """The function of the module that multiplies: one for all products of a kind, since its text costs compile time."""
    name = f"tracejit.gemm.{kind.name}.{flags[1]}.{flags[2]}"
    if name in module.globals:
        return module.globals[name]
    pointer, size = kind.type.as_pointer(), I64.type
    signature = [size, *[pointer] * 3, *[size] * 6, kind.type, kind.type]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), signature), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    function.attributes.add("nounwind")
    build = ir.IRBuilder(function.append_basic_block("entry"))
    _emit_gemm(build, kind, list(function.args), flags)
    build.ret_void()
    return function


def _emit_gemm(build: Any, kind: Kind, raws: list[Any], flags: tuple[int, ...]) -> None:
    """Call cblas where there is something to multiply; it takes no empty product for ``beta * c``, so that is a loop here."""
    _, c, _, _, m, k, n, _, _, ldc, _, beta = raws
    m, k, n, ldc = (Value(build, raw, I64) for raw in (m, k, n, ldc))
    with build.if_else((k > 0).raw) as (product, empty):
        with product, build.if_then(((m > 0) & (n > 0)).raw):
            _call_cblas(build, kind, raws, flags)
        with empty, counting(build, m.constant(0), m) as row, counting(build, n.constant(0), n) as column:
            out, scale = Pointer(c, kind), Value(build, beta, kind)
            place = row * ldc + column
            with build.if_else((scale == 0).raw) as (forget, scaled):
                with forget:
                    out.store(build, place, scale.constant(0))
                with scaled:
                    out.store(build, place, _real(out.load(build, place)) * scale)


def _real(x: Operand) -> Value:
    assert isinstance(x, Value), described(x)
    return x


def _call_cblas(build: Any, kind: Kind, raws: list[Any], flags: tuple[int, ...]) -> None:
    address, c, a, b, m, k, n, lda, ldb, ldc, alpha, beta = raws
    pointer, size = c.type, I64.type
    signature = [*[C_INT] * 3, *[size] * 3, kind.type, pointer, size, pointer, size, kind.type, pointer, size]
    function = build.inttoptr(address, ir.FunctionType(ir.VoidType(), signature).as_pointer())
    build.call(function, [*(ir.Constant(C_INT, flag) for flag in flags), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc])
