"""The C library for the few operands that a formula does not cover, without a branch in the loop.

A call of an ordinary function keeps LLVM from turning a loop to vectors. Here the call goes to a function of the module that has
vector forms, announced by an attribute; the vectorizer uses them, and each asks once for its whole vector whether any lane needs
the library.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tracejit.backends.llvm.value import F32, SPELLINGS, Kind, Value, call, select
from tracejit.backends.llvm.vectors import LANES, PURE, announce, mark

BOOL, LANE = ir.IntType(1), ir.IntType(32)


def library_where(outside: Value, name: str, usual: Value, *operands: Value) -> Value:
    """``usual``, but what the C library's function ``name`` says of the operands where ``outside`` holds."""
    build, kind = usual.builder, usual.kind
    if build.module.triple in SPELLINGS:  # a target without vectors, whose library function does not branch
        return select(outside, call(name + ("f" if kind == F32 else ""), *operands), usual)
    symbol = f"tracejit.library.{name}.{kind.name}"
    function = build.module.globals.get(symbol) or _function(build.module, symbol, name, kind, len(operands))
    raws = [outside.raw, usual.raw, *(operand.raw for operand in operands)]
    return Value(build, build.call(function, raws), kind)


def _function(module: Any, symbol: str, name: str, kind: Kind, arity: int) -> Any:
    """Write the scalar form and the vector forms, and name these in the attribute where the vectorizer looks for them."""
    library_name = name + "f" if kind == F32 else name
    signature = ir.FunctionType(kind.type, [kind.type] * arity)
    library = module.globals.get(library_name) or ir.Function(module, signature, library_name)
    scalar = _form(module, symbol, library, kind, arity, 1)
    announce(
        module, scalar, {lanes: _form(module, f"{symbol}.{lanes}", library, kind, arity, lanes) for lanes in LANES[kind.bits]}
    )
    return scalar


def _form(module: Any, symbol: str, library: Any, kind: Kind, arity: int, lanes: int) -> Any:
    """One form: return ``usual`` at once unless a lane is outside."""
    flag, vector = (BOOL, kind.type) if lanes == 1 else (ir.VectorType(BOOL, lanes), ir.VectorType(kind.type, lanes))
    function = ir.Function(module, ir.FunctionType(vector, [flag, vector, *[vector] * arity]), symbol)
    function.linkage = "linkonce_odr"  # the parts of a program share one
    mark(function, "noinline", *PURE)
    outside, usual, *operands = function.args
    build = ir.IRBuilder(function.append_basic_block())
    any_outside = outside
    if lanes > 1:
        name = f"llvm.vector.reduce.or.v{lanes}i1"
        any_lane = module.globals.get(name) or ir.Function(module, ir.FunctionType(BOOL, [flag]), name)
        any_outside = build.call(any_lane, [outside])
    with build.if_then(any_outside, likely=False):
        build.ret(_by_lane(build, library, outside, usual, operands, lanes))
    build.ret(usual)
    return function


def _by_lane(build: Any, library: Any, outside: Any, usual: Any, operands: list[Any], lanes: int) -> Any:
    """Call the library for every lane, and keep its results where they were needed."""
    if lanes == 1:
        return build.call(library, operands)
    out = usual
    for lane in (ir.Constant(LANE, index) for index in range(lanes)):
        result = build.call(library, [build.extract_element(operand, lane) for operand in operands])
        out = build.insert_element(out, result, lane)
    return build.select(outside, out, usual)
