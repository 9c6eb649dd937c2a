"""Matrix products, through the functions of cblas that the table has."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tracejit.backends.llvm.control import counting
from tracejit.backends.llvm.intrinsics import Word
from tracejit.backends.llvm.operands import Operand, Pointer, as_value, described, index_value
from tracejit.backends.llvm.value import F32, F64, I64, Kind, Value

C_INT = ir.IntType(32)
ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112
SIZES, SCALES = slice(4, 10), slice(10, 12)


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
