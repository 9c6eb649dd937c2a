"""The C library for the few arguments that a formula does not cover, without a branch in the loop.

A call of an ordinary function keeps LLVM from turning a loop to vectors. Here the call goes to a function of the module that has
vector forms, announced by an attribute; the vectorizer uses them, and each asks once for its whole vector whether any lane needs
the library.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tracejit.backends.cpu.value import F32, Kind, Value

LANES = {32: (4, 8, 16), 64: (2, 4, 8)}  # of vectors of 128, 256 and 512 bits
PURE = ("nounwind", "noinline", "willreturn", "memory(none)")
BOOL, LANE, BYTES = ir.IntType(1), ir.IntType(32), ir.IntType(8).as_pointer()


def beyond(name: str, x: Value, limit: float, usual: Value) -> Value:
    """``usual`` where ``|x| < limit`` or ``x`` is NaN, else what the C library's function ``name`` says of ``x``."""
    module, symbol = x.builder.module, f"tracejit.{name}.beyond.{x.kind.name}"
    function = module.globals.get(symbol)
    if function is None:
        function = _function(module, symbol, name, x.kind, limit)
    return Value(x.builder, x.builder.call(function, [x.raw, usual.raw]), x.kind)


def _function(module: Any, symbol: str, name: str, kind: Kind, limit: float) -> Any:
    """Write the scalar form and the vector forms, and name these in the attribute where the vectorizer looks for them."""
    library_name = name + "f" if kind == F32 else name
    library = module.globals.get(library_name) or ir.Function(module, ir.FunctionType(kind.type, [kind.type]), library_name)
    scalar = _form(module, symbol, library, kind, limit, 1)
    names = []
    for lanes in LANES[kind.bits]:
        form = _form(module, f"{symbol}.{lanes}", library, kind, limit, lanes)
        _keep(module, form)
        names.append(f"_ZGV_LLVM_N{lanes}vv_{symbol}({form.name})")
    _mark(scalar, f'"vector-function-abi-variant"="{",".join(names)}"')
    return scalar


def _form(module: Any, symbol: str, library: Any, kind: Kind, limit: float, lanes: int) -> Any:
    """One form: return ``usual`` at once unless a lane is beyond the limit."""
    vector = kind.type if lanes == 1 else ir.VectorType(kind.type, lanes)
    function = ir.Function(module, ir.FunctionType(vector, [vector, vector]), symbol)
    function.linkage = "internal"
    _mark(function, *PURE)
    x, usual = function.args
    build = ir.IRBuilder(function.append_basic_block())
    suffix = f"f{kind.bits}" if lanes == 1 else f"v{lanes}f{kind.bits}"
    size = build.call(_declared(module, f"llvm.fabs.{suffix}", vector, vector), [x])
    bound = ir.Constant(kind.type, limit) if lanes == 1 else ir.Constant(vector, [ir.Constant(kind.type, limit)] * lanes)
    outside = any_outside = build.fcmp_ordered(">=", size, bound)
    if lanes > 1:
        reduce_name = f"llvm.vector.reduce.or.v{lanes}i1"
        any_outside = build.call(_declared(module, reduce_name, BOOL, ir.VectorType(BOOL, lanes)), [outside])
    with build.if_then(any_outside, likely=False):
        build.ret(_by_lane(build, library, x, usual, outside, lanes))
    build.ret(usual)
    return function


def _by_lane(build: Any, library: Any, x: Any, usual: Any, outside: Any, lanes: int) -> Any:
    """Call the library for every lane, and keep its results where it was needed."""
    if lanes == 1:
        return build.call(library, [x])
    out = usual
    for lane in (ir.Constant(LANE, index) for index in range(lanes)):
        out = build.insert_element(out, build.call(library, [build.extract_element(x, lane)]), lane)
    return build.select(outside, out, usual)


def _declared(module: Any, name: str, result: Any, operand: Any) -> Any:
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, [operand]), name)


def _mark(function: Any, *attributes: str) -> None:
    """Add attributes, also those that llvmlite's list of names does not have."""
    for attribute in attributes:
        set.add(function.attributes, attribute)


def _keep(module: Any, function: Any) -> None:
    """Hold a function that nothing calls yet until the vectorizer has run, through LLVM's own list of such functions."""
    used = module.globals.get("llvm.compiler.used")
    if used is None:
        used = ir.GlobalVariable(module, ir.ArrayType(BYTES, 0), "llvm.compiler.used")
        used.linkage, used.section, used.initializer = "appending", "llvm.metadata", ir.Constant(ir.ArrayType(BYTES, 0), [])
    entries = [*used.initializer.constant, function.bitcast(BYTES)]
    used.value_type = ir.ArrayType(BYTES, len(entries))
    used.type = used.value_type.as_pointer()
    used.initializer = ir.Constant(used.value_type, entries)
