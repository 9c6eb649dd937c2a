"""The words of kernels about threads: who one is, and how lanes exchange values, wait for each other and share memory."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from tracejit.backends.llvm.intrinsics import Word
from tracejit.backends.llvm.operands import Operand, Pointer, as_value, described, index_value, is_pair, memory_type, typed
from tracejit.backends.llvm.value import I64, Kind, Value, select

WORD, BIT, BYTE = ir.IntType(32), ir.IntType(1), ir.IntType(8)
WARP = 32
GLOBAL_SPACE, SHARED_SPACE = 1, 3
SHARED = "tracejit_shared"
PLACE = 2048  # bytes: a value of 16 of every warp; two of them, one of every thread of a block of columns
PLACES = 2
TILE = 32 * 33  # elements
XOR = 3  # the mode of ``shfl.sync`` in which lanes whose numbers differ by one bit exchange


def declared(module: Any, name: str, result: Any, *operands: Any) -> Any:
    """The external function ``name`` in a module."""
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, operands), name)


def _register(build: Any, name: str) -> Any:
    """A special register, 32 bits."""
    return build.call(declared(build.module, f"llvm.nvvm.read.ptx.sreg.{name}", WORD), [])


def _number(*registers: str) -> Word:
    """A word without operands: one register, ``a * b`` of two, ``a * b + c`` of three."""

    def write(build: Any) -> Value:
        values = [_register64(build, r) for r in registers]
        product = values[0] * values[1] if len(values) > 1 else values[0]
        return product + values[2] if len(values) > 2 else product

    return write


thread, threads = _number("ctaid.x", "ntid.x", "tid.x"), _number("nctaid.x", "ntid.x")
block, blocks = _number("ctaid.x"), _number("nctaid.x")
group, groups = _number("ctaid.x", "ntid.y", "tid.y"), _number("nctaid.x", "ntid.y")
lane, lanes = _number("tid.x"), _number("ntid.x")
level, levels = _number("tid.y"), _number("ntid.y")


def _tiles(build: Any, columns: Operand) -> Value:
    """How many tiles of columns the blocks have: one at least."""
    width, count = lanes(build), index_value(build, columns)
    assert isinstance(width, Value)
    tiles = (count + width - 1).quotient(width)
    return select(tiles > 1, tiles, tiles.constant(1))


def _register64(build: Any, name: str) -> Value:
    return Value(build, build.zext(_register(build, name), I64.type), I64)


def column(build: Any, columns: Operand) -> Value:
    """``column(columns)``: the column of a thread, which may lie behind the last one."""
    block, tiles = _register64(build, "ctaid.x"), _tiles(build, columns)
    return (block - block.quotient(tiles) * tiles) * _register64(build, "ntid.x") + _register64(build, "tid.x")


def band(build: Any, columns: Operand) -> Value:
    """``band(columns)``: the band of rows of a block."""
    return _register64(build, "ctaid.x").quotient(_tiles(build, columns))


def bands(build: Any, columns: Operand) -> Value:
    """``bands(columns)``: how many bands there are."""
    return _register64(build, "nctaid.x").quotient(_tiles(build, columns))


def _mask(build: Any) -> Any:
    """The bits of a group's lanes among those of its warp; a group is a power of two of lanes, or whole warps."""
    width, row = _register(build, "ntid.x"), _register(build, "tid.y")
    whole = build.icmp_unsigned(">=", width, WORD(WARP))
    bits = build.sub(build.shl(WORD(1), build.select(whole, WORD(1), width)), WORD(1))
    first = build.and_(build.mul(row, width), WORD(WARP - 1))
    return build.select(whole, WORD(-1), build.shl(bits, build.select(whole, WORD(0), first)))


def shuffle(build: Any, x: Operand, step: Operand) -> Operand:
    """``shuffle(x, step)``: what the lane holds whose number differs by the bit ``step``."""
    x, distance = typed(build, x), build.trunc(index_value(build, step).raw, WORD)
    if is_pair(x):
        return _shuffled(x[0], distance), _shuffled(x[1], distance)
    assert isinstance(x, Value)
    return _shuffled(x, distance)


def _shuffled(x: Value, distance: Any) -> Value:
    build, kind = x.builder, x.kind
    bits = x.as_bits().raw if kind.is_float else x.raw
    if kind.bits == 64:
        low = _exchanged(build, build.trunc(bits, WORD), distance)
        high = _exchanged(build, build.trunc(build.lshr(bits, I64.type(32)), WORD), distance)
        bits = build.or_(build.zext(low, I64.type), build.shl(build.zext(high, I64.type), I64.type(32)))
    elif kind.bits == 32:
        bits = _exchanged(build, bits, distance)
    else:
        bits = build.trunc(_exchanged(build, build.zext(bits, WORD), distance), kind.type)
    return Value(build, build.bitcast(bits, kind.type) if kind.is_float else bits, kind)


def _exchanged(build: Any, bits: Any, distance: Any) -> Any:
    exchange = declared(build.module, "llvm.nvvm.shfl.sync.i32", ir.LiteralStructType([WORD, BIT]), *[WORD] * 5)
    return build.extract_value(build.call(exchange, [_mask(build), WORD(XOR), bits, distance, WORD(WARP - 1)]), 0)


def pointer_word(kind: Kind, is_complex: bool = False) -> Word:
    """``<dtype>_at(address, size)``: the elements from ``address`` on, which is one of the GPU's own memory."""
    element = memory_type(kind)

    def write(build: Any, address: Operand, size: Operand) -> Pointer:
        index_value(build, size)
        own = build.inttoptr(index_value(build, address).raw, ir.PointerType(element, GLOBAL_SPACE))
        return Pointer(build.addrspacecast(own, element.as_pointer()), kind, is_complex)

    return write


def add_to(build: Any, pointer: Operand, index: Operand, x: Operand) -> None:
    """``add_to(p, i, x)``: ``p[i] += x`` in one operation, however many threads do so."""
    if not isinstance(pointer, Pointer) or pointer.kind.bits < 32 or pointer.is_complex:
        raise TypeError(f"{described(pointer)} is not for numbers of 32 or 64 bits")
    place = build.gep(pointer.raw, [index_value(build, index).raw])
    value = as_value(build, x, pointer.kind).raw
    if not pointer.kind.is_float:
        build.atomic_rmw("add", place, value, "monotonic")
        return
    kind = f"f{pointer.kind.bits}"
    build.call(
        declared(build.module, f"llvm.nvvm.atomic.load.add.{kind}.p0{kind}", value.type, place.type, value.type), [place, value]
    )


def sync(build: Any) -> None:
    """``sync()``: wait for all threads of the block; then what they wrote can be read."""
    build.call(declared(build.module, "llvm.nvvm.barrier0", ir.VoidType()), [])


def warp_sync(build: Any) -> None:
    """``warp_sync()``: wait for the lanes of a group that is no larger than a warp."""
    build.call(declared(build.module, "llvm.nvvm.bar.warp.sync", ir.VoidType(), WORD), [_mask(build)])


def shared(build: Any, like: Operand, place: Operand) -> Pointer:
    """``shared(x, place)``: memory of the block for values like ``x``; places 0 and 1 hold those of all warps each.

    Where place 1 is not in use, place 0 holds one of each of 256 threads.
    """
    like = typed(build, like)
    kind = like[0].kind if isinstance(like, tuple) else like.kind
    memory = _memory(build, SHARED, PLACES * PLACE)
    at = build.gep(memory, [I64.type(0), (index_value(build, place) * PLACE).raw])
    return _opened(build, at, kind, is_pair(like))


def tile_word(kind: Kind, is_complex: bool = False) -> Word:
    """``<dtype>_tile(number)``: memory of the block for 32 lines of 33 elements; each number stands for memory of its own."""
    nbytes = TILE * ((kind.bits + 7) // 8) * (2 if is_complex else 1)

    def write(build: Any, number: Operand) -> Pointer:
        memory = _memory(build, f"{SHARED}_{number}_{nbytes}", nbytes)
        return _opened(build, build.gep(memory, [I64.type(0), I64.type(0)]), kind, is_complex)

    return write


def _memory(build: Any, name: str, nbytes: int) -> Any:
    """Shared memory of the module under a name; kernels have what they use of it."""
    memory = build.module.globals.get(name)
    if memory is None:
        space = ir.ArrayType(BYTE, nbytes)
        memory = ir.GlobalVariable(build.module, space, name, addrspace=SHARED_SPACE)
        memory.linkage, memory.align, memory.initializer = "internal", 16, ir.Constant(space, ir.Undefined)
    return memory


def _opened(build: Any, place: Any, kind: Kind, is_complex: bool) -> Pointer:
    generic = build.addrspacecast(place, BYTE.as_pointer())
    return Pointer(build.bitcast(generic, memory_type(kind).as_pointer()), kind, is_complex)
