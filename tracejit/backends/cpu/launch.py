"""Words that make functions of a generated file: ``program``, ``region``, and the launch of a region over chunks of rows."""

from __future__ import annotations

import ast
from typing import Any

from llvmlite import ir

from tracejit.backends.clock import COUNTER
from tracejit.backends.llvm.control import counting, repeating
from tracejit.backends.llvm.operands import Operand, Pointer, Region, described, index_value
from tracejit.backends.llvm.translate import WriteBody
from tracejit.backends.llvm.value import F64, I64, Value, select
from tracejit.schedule.cost import LEAST_CHUNK, MOST_CHUNKS, PARALLEL_FROM

LAUNCHER = "tracejit_parallel_for"  # void(function, args, dims, steps, data, inner dimensions, array count, threads)
ENTRY = "tracejit_step"
THREADS_SLOT = 1
SIZE, BYTES, STATUS = I64.type, ir.IntType(8).as_pointer(), ir.IntType(32)
SIZES = SIZE.as_pointer()
SHARED = ir.LiteralStructType([SIZES, SIZE, SIZE])  # what every chunk of a region gets: args, rows, rows of a chunk


def program(module: Any, definition: ast.FunctionDef, write_body: WriteBody) -> None:
    """Write ``function(table)``, the entry of a file: ``int32 entry(void *, void **, int64 *table)``, which gives 0."""
    function = ir.Function(module, ir.FunctionType(STATUS, [BYTES, BYTES.as_pointer(), SIZES]), ENTRY)
    function.attributes.add("nounwind")
    build = ir.IRBuilder(function.append_basic_block("entry"))
    write_body(build, [Pointer(function.args[2], I64)], lambda nothing: build.ret(ir.Constant(STATUS, 0)))


def region(module: Any, definition: ast.FunctionDef, write_body: WriteBody) -> Region:
    """Write ``function(chunk, begin, end, args)``, the work on the rows ``begin..end``."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [SIZE, SIZE, SIZE, SIZES]), f"tracejit.{definition.name}")
    function.linkage = "internal"
    function.attributes.add("nounwind")
    build = ir.IRBuilder(function.append_basic_block("entry"))
    *rows, args = function.args
    operands: list[Operand] = [*(Value(build, raw, I64) for raw in rows), Pointer(args, I64)]
    write_body(build, operands, lambda nothing: build.ret_void())
    return Region(function, _trampoline(module, function))


def grain_of(build: Any, total: Operand, work: Operand) -> Value:
    """``grain_of(total, work)``: rows of a chunk, from sizes alone, so that results do not depend on the threads."""
    rows, price = index_value(build, total), index_value(build, work)
    price = select(price > 1, price, price.constant(1))
    even = (rows + (MOST_CHUNKS - 1)).quotient(rows.constant(MOST_CHUNKS))
    least = (price + (LEAST_CHUNK - 1)).quotient(price)
    grain = select(even > least, even, least)
    return select(grain > 1, grain, grain.constant(1))


def stamp(build: Any, table: Operand, word: Operand) -> None:
    """Store the time in a word of the table, in ticks of the processor's counter."""
    if not isinstance(table, Pointer):
        raise TypeError(f"a stamp goes to the table, not to {described(table)}")
    counter = build.module.globals.get(COUNTER) or ir.Function(build.module, ir.FunctionType(SIZE, []), COUNTER)
    table.store(build, index_value(build, word), Value(build, build.call(counter, []), I64))


def parallel_for(
    build: Any, region: Operand, table: Operand, first: Operand, total: Operand, grain: Operand, work: Operand
) -> None:
    """Call ``region(chunk, begin, end, args)`` for every chunk of ``grain`` rows, on threads where that pays.

    ``args`` is the table from its word ``first`` on.

    No address is known at compile time: a trampoline in the module unpacks ``{args, total, grain}`` and calls the region.
    """
    if not isinstance(region, Region) or not isinstance(table, Pointer):
        raise TypeError(f"{described(region)} is launched with {described(table)}; it must be a region, with the table")
    sizes = [index_value(build, x) for x in (first, total, grain, work)]
    build.call(_launch(build.module), [region.trampoline.bitcast(BYTES), table.raw, *(x.raw for x in sizes)])


def _launch(module: Any) -> Any:
    """The function of the module that launches a region: one for all of them, since its text costs compile time."""
    name = "tracejit.launch"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [BYTES, SIZES, *[SIZE] * 4]), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    function.attributes.add("nounwind")
    build = ir.IRBuilder(function.append_basic_block("entry"))
    target, table, *sizes = function.args
    first, rows, grain, work = (Value(build, raw, I64) for raw in sizes)
    chunks = (rows + grain - 1).quotient(grain)
    # The first "array" is the null pointer and its step is 1, so that args[0] is the number of a thread's first chunk.
    args, dims, steps = (_holding(build, raw) for raw in (ir.Constant(SIZE, 0), chunks.raw, ir.Constant(SIZE, 1)))
    data = build.alloca(SHARED)
    for index, raw in enumerate((build.gep(table, [first.raw]), rows.raw, grain.raw)):
        build.store(raw, _member(build, data, index))
    packed = [build.bitcast(args, BYTES.as_pointer()), dims, steps, build.bitcast(data, BYTES)]
    threads = Value(build, build.load(build.gep(table, [ir.Constant(SIZE, THREADS_SLOT)])), I64)
    pays = rows.to(F64) * work.to(F64) > PARALLEL_FROM  # in f64, which does not overflow
    with build.if_else(((chunks > 1) & (threads > 1) & pays).raw) as (parallel, sequential):
        with parallel:
            count = build.trunc(threads.raw, STATUS)
            build.call(_launcher(module), [target, *packed, ir.Constant(SIZE, 0), ir.Constant(SIZE, 1), count])
        with sequential:
            build.call(build.bitcast(target, CHUNKS.as_pointer()), packed)
    build.ret_void()
    return function


def parallel_for_each(build: Any, region: Operand, table: Operand, first: Operand, count: Operand, stride: Operand) -> None:
    """Launch one region over many buffers at once; each has a record of ``stride`` words in the table, from word ``first`` on.

    A record holds rows, work a row, two words that are filled here (rows of a chunk, its first chunk), and the region's ``args``.
    """
    if not isinstance(region, Region) or not isinstance(table, Pointer):
        raise TypeError(f"{described(region)} is launched with {described(table)}; it must be a region, with the table")
    sizes = [index_value(build, x) for x in (first, count, stride)]
    target = _record_trampoline(build.module, region.function)
    build.call(_launch_each(build.module), [target.bitcast(BYTES), table.raw, *(x.raw for x in sizes)])


def _launch_each(module: Any) -> Any:
    """The function of the module that launches a region over records."""
    name = "tracejit.launch_each"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [BYTES, SIZES, *[SIZE] * 3]), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    function.attributes.add("nounwind")
    build = ir.IRBuilder(function.append_basic_block("entry"))
    target, table, *sizes = function.args
    first, count, stride = (Value(build, raw, I64) for raw in sizes)
    chunks, work = _holding(build, ir.Constant(SIZE, 0)), _holding(build, ir.Constant(F64.type, 0.0))
    records = build.gep(table, [first.raw])
    with counting(build, first.constant(0), count) as number:
        record = Pointer(build.gep(records, [(number * stride).raw]), I64)
        rows, price = (Value(build, build.load(build.gep(record.raw, [ir.Constant(SIZE, i)])), I64) for i in (0, 1))
        grain = grain_of(build, rows, price)
        before = Value(build, build.load(chunks), I64)
        for place, value in ((2, grain), (3, before)):
            build.store(value.raw, build.gep(record.raw, [ir.Constant(SIZE, place)]))
        build.store((before + (rows + grain - 1).quotient(grain)).raw, chunks)
        build.store((Value(build, build.load(work), F64) + rows.to(F64) * price.to(F64)).raw, work)
    args, steps = (_holding(build, ir.Constant(SIZE, value)) for value in (0, 1))
    data = build.alloca(SHARED)
    for index, raw in enumerate((records, count.raw, stride.raw)):
        build.store(raw, _member(build, data, index))
    packed = [build.bitcast(args, BYTES.as_pointer()), chunks, steps, build.bitcast(data, BYTES)]
    threads = Value(build, build.load(build.gep(table, [ir.Constant(SIZE, THREADS_SLOT)])), I64)
    pays = Value(build, build.load(work), F64) > PARALLEL_FROM
    with build.if_else(((threads > 1) & pays).raw) as (parallel, sequential):
        with parallel:
            narrow = build.trunc(threads.raw, STATUS)
            build.call(_launcher(module), [target, *packed, ir.Constant(SIZE, 0), ir.Constant(SIZE, 1), narrow])
        with sequential:
            build.call(build.bitcast(target, CHUNKS.as_pointer()), packed)
    build.ret_void()
    return function


def _record_trampoline(module: Any, target: Any) -> Any:
    """As ``_trampoline``, where chunks are those of all records, one record after the other."""
    name = target.name + ".records"
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, CHUNKS, name)
    function.linkage = "internal"
    build = ir.IRBuilder(function.append_basic_block("entry"))
    args, dims, _, data = function.args
    packed = build.bitcast(data, SHARED.as_pointer())
    records, *sizes = (build.load(_member(build, packed, index)) for index in range(3))
    count, stride = (Value(build, raw, I64) for raw in sizes)
    first = Value(build, build.load(build.bitcast(args, SIZES)), I64)
    number = _holding(build, ir.Constant(SIZE, 0))

    def word(record: Value, place: int) -> Value:
        return Value(build, build.load(build.gep(records, [(record * stride + place).raw])), I64)

    with counting(build, first, first + Value(build, build.load(dims), I64)) as chunk:
        with repeating(build) as found:
            following = Value(build, build.load(number), I64) + 1
            with build.if_then((following >= count).raw):
                build.branch(found)
            with build.if_then((word(following, 3) > chunk).raw):
                build.branch(found)
            build.store(following.raw, number)
        record = Value(build, build.load(number), I64)
        rows, grain, before = (word(record, place) for place in (0, 2, 3))
        begin = (chunk - before) * grain
        after = begin + grain
        end = select(after < rows, after, rows)
        place = build.gep(records, [(record * stride + 4).raw])
        build.call(target, [(chunk - before).raw, begin.raw, end.raw, place])
    build.ret_void()
    return function


CHUNKS = ir.FunctionType(ir.VoidType(), [BYTES.as_pointer(), SIZES, SIZES, BYTES])


def _holding(build: Any, raw: Any) -> Any:
    place = build.alloca(raw.type)
    build.store(raw, place)
    return place


def _member(build: Any, structure: Any, index: int) -> Any:
    number = ir.IntType(32)
    return build.gep(structure, [ir.Constant(number, 0), ir.Constant(number, index)], inbounds=True)


def _launcher(module: Any) -> Any:
    found = module.globals.get(LAUNCHER)
    operands = [BYTES, BYTES.as_pointer(), SIZES, SIZES, BYTES, SIZE, SIZE, STATUS]
    return found or ir.Function(module, ir.FunctionType(ir.VoidType(), operands), LAUNCHER)


def _trampoline(module: Any, target: Any) -> Any:
    """The function that the thread pool calls: the chunks ``args[0] .. args[0] + dims[0]`` of one region."""
    function = ir.Function(module, CHUNKS, target.name + ".chunks")
    function.linkage = "internal"
    build = ir.IRBuilder(function.append_basic_block("entry"))
    args, dims, _, data = function.args
    packed = build.bitcast(data, SHARED.as_pointer())
    table, *sizes = (build.load(_member(build, packed, index)) for index in range(3))
    total, grain = (Value(build, raw, I64) for raw in sizes)
    first = Value(build, build.load(build.bitcast(args, SIZES)), I64)
    with counting(build, first, first + Value(build, build.load(dims), I64)) as chunk:
        begin = chunk * grain
        after = begin + grain
        end = select(after < total, after, total)
        build.call(target, [chunk.raw, begin.raw, end.raw, table])
    build.ret_void()
    return function
