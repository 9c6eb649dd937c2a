"""Words about memory: typed pointers from addresses, bits and conversions of scalars, matrix products through the table."""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import PointerModel
from numba.extending import intrinsic, lower_builtin, register_model

from tracejit.backends.cpu.intrinsics import KIND_OF, TYPES, complex_parts, complex_value, named_intrinsic
from tracejit.backends.cpu.value import B1, F64, I64, Kind, Value

TABLE = types.CPointer(types.int64)
C_INT = ir.IntType(32)
ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112


class BoolPointer(types.CPointer):  # type: ignore[misc]  # Numba has no types
    """A pointer to bools of one byte each; through its own pointers Numba would store them as single bits."""

    def __init__(self) -> None:
        super().__init__(types.boolean)


register_model(BoolPointer)(PointerModel)


def _load_bool(context: Any, builder: Any, signature: Any, raws: list[Any]) -> Any:
    pointer, index = raws
    return context.unpack_value(builder, types.boolean, builder.gep(pointer, [index]))


def _store_bool(context: Any, builder: Any, signature: Any, raws: list[Any]) -> None:
    pointer, index, value = raws
    context.pack_value(builder, types.boolean, value, builder.gep(pointer, [index]))


lower_builtin(operator.getitem, BoolPointer, types.Integer)(_load_bool)
lower_builtin(operator.setitem, BoolPointer, types.Integer, types.Boolean)(_store_bool)


def pointer_word(name: str, element: Any) -> Any:
    """``<dtype>_at(address, size)``: the elements from ``address`` on; the size is the twin's, a pointer has none."""

    def generate(context: Any, builder: Any, signature: Any, raws: list[Any]) -> Any:
        return builder.inttoptr(raws[0], context.get_value_type(signature.return_type))

    pointer = BoolPointer() if element == types.boolean else types.CPointer(element)
    return named_intrinsic(name, lambda address, size: (pointer(types.int64, types.int64), generate), 2)


def as_f64_word() -> Any:
    """``as_f64(bits)``: the f64 with the bits of an i64."""

    def generate(context: Any, builder: Any, signature: Any, raws: list[Any]) -> Any:
        return builder.bitcast(raws[0], F64.type)

    return named_intrinsic("as_f64", lambda bits: (types.float64(types.int64), generate), 1)


def cast_word(kind: Kind) -> Any:
    """``<dtype>(x)``: the scalar converted as by NumPy's ``astype``; of a complex number, its real part."""

    def typing(x: Any) -> Any:
        part = getattr(x, "underlying_float", x)
        if part not in KIND_OF:
            return None

        def generate(context: Any, builder: Any, signature: Any, raws: list[Any]) -> Any:
            if part is x:
                return Value(builder, raws[0], KIND_OF[x]).to(kind).raw
            real, imag = complex_parts(context, builder, x, raws[0])
            return ((real != 0) | (imag != 0) if kind == B1 else real.to(kind)).raw

        return TYPES[kind](x), generate

    return named_intrinsic(kind.name, typing, 1)


def complex_cast_word(name: str, to: Any) -> Any:
    """``c64(x)`` or ``c128(x)``: the real or complex scalar as a complex one."""
    kind = KIND_OF[to.underlying_float]

    def typing(x: Any) -> Any:
        part = getattr(x, "underlying_float", x)
        if part not in KIND_OF:
            return None

        def generate(context: Any, builder: Any, signature: Any, raws: list[Any]) -> Any:
            if part is x:
                real = Value(builder, raws[0], KIND_OF[x]).to(kind)
                return complex_value(context, builder, to, (real, real.constant(0)))
            real, imag = complex_parts(context, builder, x, raws[0])
            return complex_value(context, builder, to, (real.to(kind), imag.to(kind)))

        return to(x), generate

    return named_intrinsic(name, typing, 1)


def gemm_word(name: str, transpose_a: bool, transpose_b: bool) -> Any:
    """``gemm_..(cblas, c, a, b, m, k, n, lda, ldb, ldc, alpha, beta)``: ``c = alpha * op(a) @ op(b) + beta * c``, row-major.

    ``cblas`` is the address of the function for this dtype, as the table holds it.
    """

    def gemm(typingctx: Any, cblas: Any, c: Any, a: Any, b: Any, m: Any, k: Any, n: Any, lda: Any, ldb: Any, ldc: Any,
             alpha: Any, beta: Any) -> Any:  # fmt: skip  # one line a matrix
        element = getattr(c, "dtype", None)
        if element not in (types.float32, types.float64) or a != c or b != c:
            return None

        def generate(context: Any, builder: Any, signature: Any, raws: list[Any]) -> Any:
            _emit_gemm(builder, KIND_OF[element], raws, transpose_a, transpose_b)
            return context.get_dummy_value()

        return types.void(types.int64, c, a, b, *[types.int64] * 6, element, element), generate

    gemm.__name__ = gemm.__qualname__ = name
    return intrinsic(gemm)


def _emit_gemm(builder: Any, kind: Kind, raws: list[Any], transpose_a: bool, transpose_b: bool) -> None:
    """Call cblas where there is something to multiply; it takes no empty product for ``beta * c``, so that is a loop here."""
    _, c, _, _, m, k, n, _, _, ldc, _, beta = raws
    with builder.if_else(builder.icmp_signed(">", k, ir.Constant(I64.type, 0))) as (product, empty):
        with product:
            nothing = builder.or_(*(builder.icmp_signed("<=", size, ir.Constant(I64.type, 0)) for size in (m, n)))
            with builder.if_then(builder.not_(nothing)):
                _call_cblas(builder, kind, raws, transpose_a, transpose_b)
        with empty, cgutils.for_range(builder, m) as rows, cgutils.for_range(builder, n) as columns:
            place = builder.gep(c, [builder.add(builder.mul(rows.index, ldc), columns.index)])
            zero = Value(builder, ir.Constant(kind.type, 0.0), kind)
            with builder.if_else((Value(builder, beta, kind) == 0).raw) as (forget, scale):
                with forget:
                    builder.store(zero.raw, place)
                with scale:
                    builder.store((Value(builder, builder.load(place), kind) * Value(builder, beta, kind)).raw, place)


def _call_cblas(builder: Any, kind: Kind, raws: list[Any], transpose_a: bool, transpose_b: bool) -> None:
    address, c, a, b, m, k, n, lda, ldb, ldc, alpha, beta = raws
    pointer, size = c.type, I64.type
    signature = [*[C_INT] * 3, *[size] * 3, kind.type, pointer, size, pointer, size, kind.type, pointer, size]
    function = builder.inttoptr(address, ir.FunctionType(ir.VoidType(), signature).as_pointer())
    flags = (ROW_MAJOR, TRANSPOSED if transpose_a else PLAIN, TRANSPOSED if transpose_b else PLAIN)
    builder.call(function, [*(ir.Constant(C_INT, flag) for flag in flags), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc])
