"""Words that make functions of a generated file: ``program``, ``region``, and the launch of a region over chunks of rows."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import OpaqueModel
from numba.core.imputils import lower_constant
from numba.extending import intrinsic, register_model, typeof_impl

from tracejit.backends.clock import COUNTER
from tracejit.backends.cpu.detached import ObjectLibrary, PartLibrary, compile_detached
from tracejit.backends.cpu.intrinsics import named_intrinsic
from tracejit.backends.cpu.memory import TABLE
from tracejit.backends.cpu.value import F64, I64, Value, select

LAUNCHER = "tracejit_parallel_for"  # void(function, args, dims, steps, data, inner dimensions, array count, threads)
THREADS_SLOT = 1
PARALLEL_FROM = 600_000  # tenths of ns of sequential work that pay for waking the threads
MOST_CHUNKS = 64
LEAST_CHUNK = 163_840  # tenths of ns
SIZE, BYTES = I64.type, ir.IntType(8).as_pointer()
SIZES = SIZE.as_pointer()
REGION_OPERANDS = (types.int64, types.int64, types.int64, TABLE)


class Region:
    """A compiled function of rows, a global of its file."""

    def __init__(self, compiled: Any) -> None:
        self.compiled = compiled


class RegionType(types.Opaque):  # type: ignore[misc]  # Numba has no types
    """Numba's type of one region. Numba keeps types for ever, and regions only as long as their file."""

    def __init__(self, region: Region) -> None:
        super().__init__(f"Region({region.compiled.fndesc.llvm_func_name})")
        self.region = weakref.ref(region)


register_model(RegionType)(OpaqueModel)
typeof_impl.register(Region)(lambda region, context: RegionType(region))
lower_constant(RegionType)(lambda context, builder, numba_type, region: context.get_dummy_value())


def program(function: Callable[..., None]) -> Any:
    """Compile ``function(table)``, the entry of a file."""
    return compile_detached(function, (TABLE,), ObjectLibrary)


def region(function: Callable[..., None]) -> Region:
    """Compile ``function(chunk, begin, end, args)``, the work on the rows ``begin..end``."""
    return Region(compile_detached(function, REGION_OPERANDS, PartLibrary))


def grain_of_word() -> Any:
    """``grain_of(total, work)``: rows of a chunk, from sizes alone, so that results do not depend on the threads."""

    def generate(context: Any, builder: Any, signature: Any, raws: list[Any]) -> Any:
        total, work = (Value(builder, raw, I64) for raw in raws)
        work = select(work > 1, work, work.constant(1))
        even = (total + (MOST_CHUNKS - 1)).quotient(total.constant(MOST_CHUNKS))
        least = (work + (LEAST_CHUNK - 1)).quotient(work)
        grain = select(even > least, even, least)
        return select(grain > 1, grain, grain.constant(1)).raw

    return named_intrinsic("grain_of", lambda total, work: (types.int64(types.int64, types.int64), generate), 2)


def _stamp(typingctx: Any, table: Any, word: Any) -> Any:
    """Store the time in a word of the table, in ticks of the processor's counter."""

    def generate(context: Any, builder: Any, signature: Any, raws: list[Any]) -> Any:
        counter = cgutils.get_or_insert_function(builder.module, ir.FunctionType(SIZE, []), COUNTER)
        builder.store(builder.call(counter, []), builder.gep(raws[0], [raws[1]]))
        return context.get_dummy_value()

    return types.void(TABLE, types.int64), generate


stamp = intrinsic(_stamp)


def _parallel_for(typingctx: Any, region: Any, table: Any, first: Any, total: Any, grain: Any, work: Any) -> Any:
    """Call ``region(chunk, begin, end, args)`` for every chunk of ``grain`` rows, on threads where that pays.

    ``args`` is the table from its word ``first`` on.

    No address is known at compile time: a trampoline in the module unpacks ``{table, total, grain}`` and calls the region.
    """
    if not isinstance(region, RegionType):
        return None

    def generate(context: Any, builder: Any, signature: Any, raws: list[Any]) -> Any:
        alive = region.region()
        assert alive is not None, "a region outlives the compilation of its file"
        _emit_launch(builder, _trampoline(context, builder, alive.compiled), *raws[1:])
        return context.get_dummy_value()

    return types.void(region, TABLE, *[types.int64] * 4), generate


parallel_for = intrinsic(_parallel_for)


def _emit_launch(builder: Any, trampoline: Any, table: Any, first: Any, total: Any, grain: Any, work: Any) -> None:
    rows, size, cost = (Value(builder, raw, I64) for raw in (total, grain, work))
    chunks = (rows + size - 1).quotient(size)
    # The first "array" is the null pointer and its step is 1, so that args[0] is the number of a thread's first chunk.
    starts = (ir.Constant(SIZE, 0), chunks.raw, ir.Constant(SIZE, 1))
    args, dims, steps = (cgutils.alloca_once_value(builder, raw) for raw in starts)
    data = cgutils.alloca_once(builder, ir.LiteralStructType([table.type, SIZE, SIZE]))
    for index, raw in enumerate((builder.gep(table, [first]), total, grain)):
        builder.store(raw, cgutils.gep_inbounds(builder, data, 0, index))
    packed = [builder.bitcast(args, BYTES.as_pointer()), dims, steps, builder.bitcast(data, BYTES)]
    slot = builder.gep(table, [ir.Constant(SIZE, THREADS_SLOT)])
    threads = Value(builder, builder.load(slot), I64)
    pays = rows.to(F64) * cost.to(F64) > PARALLEL_FROM  # in f64, which does not overflow
    with builder.if_else(((chunks > 1) & (threads > 1) & pays).raw) as (parallel, sequential):
        with parallel:
            count = builder.trunc(threads.raw, ir.IntType(32))
            function = builder.bitcast(trampoline, BYTES)
            builder.call(_launcher(builder.module), [function, *packed, ir.Constant(SIZE, 0), ir.Constant(SIZE, 1), count])
        with sequential:
            builder.call(trampoline, packed)


def _launcher(module: Any) -> Any:
    operands = [BYTES, BYTES.as_pointer(), SIZES, SIZES, BYTES, SIZE, SIZE, ir.IntType(32)]
    return cgutils.get_or_insert_function(module, ir.FunctionType(ir.VoidType(), operands), LAUNCHER)


def _trampoline(context: Any, builder: Any, compiled: Any) -> Any:
    """The function that the thread pool calls: the chunks ``args[0] .. args[0] + dims[0]`` of one region."""
    context.active_code_library.add_linking_library(compiled.library)
    module, name = builder.module, compiled.fndesc.llvm_func_name + ".chunks"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [BYTES.as_pointer(), SIZES, SIZES, BYTES]), name)
    function.linkage = "internal"
    function.attributes.add("noinline")  # one copy of the region serves both ways of calling it
    body = ir.IRBuilder(function.append_basic_block("entry"))
    args, dims, _, data = function.args
    packed = body.bitcast(data, ir.LiteralStructType([context.get_value_type(TABLE), SIZE, SIZE]).as_pointer())
    table, total, grain = (body.load(cgutils.gep_inbounds(body, packed, 0, index)) for index in range(3))
    first = body.load(body.bitcast(args, SIZES))
    target = context.declare_function(module, compiled.fndesc)
    with cgutils.for_range_slice(body, first, body.add(first, body.load(dims)), ir.Constant(SIZE, 1), SIZE) as (chunk, _):
        begin = body.mul(chunk, grain)
        after = body.add(begin, grain)
        end = body.select(body.icmp_signed("<", after, total), after, total)
        context.call_conv.call_function(body, target, types.void, REGION_OPERANDS, [chunk, begin, end, table])
    body.ret_void()
    return function
