"""Formulas that a loop calls until it runs in vectors.

A formula whose scalar form says little about its vectors, such as one that takes its coefficients from a table, is a function of
the module. It names its vector forms in an attribute, where LLVM's vectorizer looks for them; they are written from the same
formula, over kinds of several lanes, and are put in the place of their calls after the vectorizer has run.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir

from tracejit.backends.llvm.value import F32, Kind, Value, select

LANES = {32: (4, 8, 16), 64: (2, 4, 8)}  # of vectors of 128, 256 and 512 bits
PURE = ("nounwind", "willreturn", "memory(none)")
ENTRIES = 16  # of a table: as many floats as a register of 512 bits holds
BYTES, LANE, REGISTER = ir.IntType(8).as_pointer(), ir.IntType(32), ir.VectorType(ir.FloatType(), ENTRIES)
GETMANT = 0b1111  # from 3/4 to 3/2, NaN below 0, the sign of -0 dropped
WHOLE, ROUNDING = ir.IntType(16)(-1), 4  # no lane masked; rounding as set
INFINITY, NAN = float("inf"), float("nan")


@functools.cache
def has_wide_vectors() -> bool:
    """Whether this machine has the instructions below."""
    return bool(binding.get_host_cpu_features().get("avx512f"))


@functools.cache
def has_shuffles() -> bool:
    """Whether this machine picks the words of a vector by other vectors."""
    return bool(binding.get_host_cpu_features().get("avx2"))


def function_of(module: Any, symbol: str, formula: Callable[..., Value], kind: Kind, arity: int) -> Any:
    """Write a formula over values of one kind as a function of the module, with its vector forms."""
    scalar = _form(module, symbol, formula, kind, arity)
    mark(scalar, "noinline", *PURE)
    forms = {}
    for lanes in LANES[kind.bits]:
        forms[lanes] = _form(module, f"{symbol}.{lanes}", formula, kind.of(lanes), arity)
        mark(forms[lanes], "alwaysinline", *PURE)
    announce(module, scalar, forms)
    return scalar


def _form(module: Any, symbol: str, formula: Callable[..., Value], kind: Kind, arity: int) -> Any:
    function = ir.Function(module, ir.FunctionType(kind.type, [kind.type] * arity), symbol)
    function.linkage = "internal"
    build = ir.IRBuilder(function.append_basic_block())
    build.ret(formula(*(Value(build, operand, kind) for operand in function.args)).raw)
    return function


def announce(module: Any, scalar: Any, forms: dict[int, Any]) -> None:
    """Tell the vectorizer the forms of a function, by their lanes, and hold these until it has run."""
    arity = len(scalar.args)
    names = (f"_ZGV_LLVM_N{lanes}{'v' * arity}_{scalar.name}({form.name})" for lanes, form in forms.items())
    mark(scalar, f'"vector-function-abi-variant"="{",".join(names)}"')
    for form in forms.values():
        _keep(module, form)


def mark(function: Any, *attributes: str) -> None:
    """Add attributes, also those that llvmlite's list of names does not have."""
    for attribute in attributes:
        set.add(function.attributes, attribute)


def _keep(module: Any, function: Any) -> None:
    """Hold a function that nothing calls yet, through LLVM's own list of such functions."""
    used = module.globals.get("llvm.compiler.used")
    if used is None:
        used = ir.GlobalVariable(module, ir.ArrayType(BYTES, 0), "llvm.compiler.used")
        used.linkage, used.section, used.initializer = "appending", "llvm.metadata", ir.Constant(ir.ArrayType(BYTES, 0), [])
    entries = [*used.initializer.constant, function.bitcast(BYTES)]
    used.value_type = ir.ArrayType(BYTES, len(entries))
    used.type = used.value_type.as_pointer()
    used.initializer = ir.Constant(used.value_type, entries)


# -- what a register of sixteen f32 does in one instruction -------------------------------------------------------------


def entry(table: tuple[float, ...], index: Value) -> Value:
    """The entry of a table of 16 f32 at an index, of which only the last four bits count."""
    build = index.builder
    if index.kind.lanes == 1:
        return Value(build, build.load(build.gep(_memory(build.module, table), [LANE(0), (index & (ENTRIES - 1)).raw])), F32)
    numbers = Value(build, ir.Constant(REGISTER, list(table)), F32.of(ENTRIES))
    return _narrow(_wide_call("permvar.sf", numbers, _wide(index)), index.kind.lanes)


def parts(x: Value) -> tuple[Value, Value]:
    """``(k, m)`` with ``x = 2**k * m`` and ``3/4 <= m < 3/2``, for f32.

    What has no such parts has those that lead to its logarithm: ``(-inf, 1)`` for 0, ``(inf, 1)`` for inf, and a NaN elsewhere.
    """
    if x.kind.lanes == 1:
        return _scalar_parts(x)
    wide = _wide(x)
    m = _wide_call("mask.getmant.ps", wide, LANE(GETMANT), wide, WHOLE, LANE(ROUNDING))
    k, more = (_wide_call("mask.getexp.ps", number, number, WHOLE, LANE(ROUNDING)) for number in (wide, m))
    return _narrow(k - more, x.kind.lanes), _narrow(m, x.kind.lanes)


def _scalar_parts(x: Value) -> tuple[Value, Value]:
    small = x < 2.0**-126
    bits = select(small, x * 2.0**25, x).as_bits()
    n = (bits - x.constant(0.75).as_bits()) >> 23
    m = (bits - (n << 23)).as_float()
    k = select(small, n - 25, n).to(F32)
    edge = select(x == 0, x.constant(-INFINITY), select(x > 0, x, x.constant(NAN)))
    return select((x > 0) & (x < INFINITY), k, edge), m


def _memory(module: Any, table: tuple[float, ...]) -> Any:
    name = f"tracejit.table.{struct.pack(f'{ENTRIES}f', *table).hex()}"
    if name not in module.globals:
        memory = ir.GlobalVariable(module, ir.ArrayType(ir.FloatType(), ENTRIES), name)
        memory.linkage, memory.global_constant = "internal", True
        memory.initializer = ir.Constant(memory.value_type, list(table))
    return module.globals[name]


def _wide_call(name: str, x: Value, *others: Any) -> Value:
    """Call an instruction of AVX-512 by LLVM's name; it gives f32."""
    build, name = x.builder, f"llvm.x86.avx512.{name}.512"
    raws = [x.raw, *(other.raw if isinstance(other, Value) else other for other in others)]
    function = build.module.globals.get(name)
    if function is None:
        function = ir.Function(build.module, ir.FunctionType(REGISTER, [raw.type for raw in raws]), name)
    return Value(build, build.call(function, raws), F32.of(ENTRIES))


def _wide(x: Value) -> Value:
    """A vector of sixteen that begins with the lanes of ``x``."""
    return Value(x.builder, _resized(x.builder, x.raw, x.kind.lanes, ENTRIES), x.kind.of(ENTRIES))


def _narrow(x: Value, lanes: int) -> Value:
    """The first lanes of a vector."""
    return Value(x.builder, _resized(x.builder, x.raw, x.kind.lanes, lanes), x.kind.of(lanes))


def _resized(build: Any, raw: Any, lanes: int, wanted: int) -> Any:
    if lanes == wanted:
        return raw
    places = ir.Constant(ir.VectorType(LANE, wanted), [min(place, lanes) for place in range(wanted)])
    return build.shuffle_vector(raw, ir.Constant(raw.type, ir.Undefined), places)
