"""Matrix products on the threads of parallel regions: large ones in tiles, each a product of the library on one thread.

A program has one pool of threads. Two pools that take turns take each other's cores: the threads of the library look for work
while ours have some, and the other way round. And a library that splits a product by the number of its threads gives other bits
for another number. Here the tiles follow from the sizes alone, by ``schedule.cost.tiles_of``, so any number of threads
gives the same bits. A tile is halved along its longer side, which repeats the least reading of the operands.

While a product runs, the library is held at one thread, and then gets back as many as it had. Where it does not say how
many it has, it is left as it is.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

from tracejit.runtime import cache, native, threads
from tracejit.schedule.cost import LEAST_TILED

ALONE = 1 << 16
"""Up to here no library takes more than one thread, and need not be held."""

# Words that all threads share: a lock, the products under way, and the library's threads before the first of them.
_held = (ctypes.c_int64 * 3)()


def tiled(sgemm: int, dgemm: int, controls: tuple[Any, Any] | None) -> native.NativeCode:
    """Functions ``sgemm`` and ``dgemm`` like those at the addresses, which run in tiles.

    Args:
        sgemm: Address of the product of float32, with the arguments of ``cblas_sgemm`` and 64-bit sizes.
        dgemm: The same for float64.
        controls: The library's functions that give and set the number of its threads.
    """
    get, put = (_address(f) for f in controls) if controls else (0, 0)
    held = {name: ctypes.addressof(_held) + 8 * i for i, name in enumerate(("lock", "count", "saved"))}
    named = {name: native.place(name, address) for name, address in (held | {"get": get, "put": put}).items()}
    text = (_HOLD if controls else _LEAVE).format(**named)
    launcher, count = native.place("parallel_for", threads.launcher()), native.place("number", threads.address())
    shared = {"parallel_for": launcher, "threads": count, "least": LEAST_TILED, "alone": ALONE}
    for name, scalar, address in (("sgemm", "float", sgemm), ("dgemm", "double", dgemm)):
        types = {field: kind.format(scalar=scalar) for field, kind in _JOB.items()}
        job = {"types": ", ".join(types.values()), "stores": _stores(name, types), "loads": _loads(name, types)}
        text += _TILES.format(name=name, scalar=scalar, library=native.place(name, address), **shared, **job)
    return cache.assembled(text + "declare i64 @llvm.ctlz.i64(i64, i1)\n", "sgemm")


def _stores(name: str, types: dict[str, str]) -> str:
    places = [f"  %{f}_to = getelementptr %{name}_job, ptr %job, i32 0, i32 {i}" for i, f in enumerate(types)]
    return "\n".join([*places, *(f"  store {kind} %{field}, ptr %{field}_to" for field, kind in types.items())])


def _loads(name: str, types: dict[str, str]) -> str:
    places = [f"  %{f}_from = getelementptr %{name}_job, ptr %job, i32 0, i32 {i}" for i, f in enumerate(types)]
    return "\n".join([*places, *(f"  %{field} = load {kind}, ptr %{field}_from" for field, kind in types.items())])


def _address(function: Callable[..., Any]) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
    assert address is not None
    return address


def _released() -> None:
    _held[0] = _held[1] = 0  # another thread of the parent may have held them


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_released)

_LEAVE = """
define internal void @hold() {{
  ret void
}}
define internal void @release() {{
  ret void
}}
"""

_HOLD = """
define internal void @lock() {{
entry:
  br label %try
try:
  %exchanged = cmpxchg ptr inttoptr (i64 {lock} to ptr), i64 0, i64 1 acquire monotonic
  %taken = extractvalue {{ i64, i1 }} %exchanged, 1
  br i1 %taken, label %done, label %try
done:
  ret void
}}
define internal void @hold() {{
entry:
  call void @lock()
  %count = load i64, ptr inttoptr (i64 {count} to ptr)
  %more = add i64 %count, 1
  store i64 %more, ptr inttoptr (i64 {count} to ptr)
  %first = icmp eq i64 %count, 0
  br i1 %first, label %restrict, label %done
restrict:
  %before = call i32 inttoptr (i64 {get} to ptr)()
  store i32 %before, ptr inttoptr (i64 {saved} to ptr)
  call void inttoptr (i64 {put} to ptr)(i32 1)
  br label %done
done:
  store atomic i64 0, ptr inttoptr (i64 {lock} to ptr) release, align 8
  ret void
}}
define internal void @release() {{
entry:
  call void @lock()
  %count = load i64, ptr inttoptr (i64 {count} to ptr)
  %less = sub i64 %count, 1
  store i64 %less, ptr inttoptr (i64 {count} to ptr)
  %last = icmp eq i64 %less, 0
  br i1 %last, label %restore, label %done
restore:
  %before = load i32, ptr inttoptr (i64 {saved} to ptr)
  call void inttoptr (i64 {put} to ptr)(i32 %before)
  br label %done
done:
  store atomic i64 0, ptr inttoptr (i64 {lock} to ptr) release, align 8
  ret void
}}
"""

_JOB = {
    "order": "i32", "ta": "i32", "tb": "i32", "m": "i64", "n": "i64", "k": "i64", "alpha": "{scalar}", "a": "ptr", "lda": "i64",
    "b": "ptr", "ldb": "i64", "beta": "{scalar}", "c": "ptr", "ldc": "i64", "height": "i64", "width": "i64", "across": "i64",
}  # fmt: skip
"""What the tiles of one product share: the arguments, the size of a tile, and how many lie side by side."""

_TILES = """
%{name}_job = type {{ {types} }}

define void @{name}(i32 %order, i32 %ta, i32 %tb, i64 %m, i64 %n, i64 %k, {scalar} %alpha, ptr %a, i64 %lda, ptr %b, i64 %ldb,
                    {scalar} %beta, ptr %c, i64 %ldc) {{
entry:
  %job = alloca %{name}_job
  %first = alloca i64
  %dims = alloca i64
  %mn = mul i64 %m, %n
  %work = mul i64 %mn, %k
  %small = icmp ult i64 %work, {alone}
  br i1 %small, label %direct, label %held
direct:
  call void inttoptr (i64 {library} to ptr)(i32 %order, i32 %ta, i32 %tb, i64 %m, i64 %n, i64 %k, {scalar} %alpha,
                                            ptr %a, i64 %lda, ptr %b, i64 %ldb, {scalar} %beta, ptr %c, i64 %ldc)
  ret void
held:
  call void @hold()
  %large = icmp uge i64 %work, {least}
  br i1 %large, label %count, label %whole
whole:
  call void inttoptr (i64 {library} to ptr)(i32 %order, i32 %ta, i32 %tb, i64 %m, i64 %n, i64 %k, {scalar} %alpha,
                                            ptr %a, i64 %lda, ptr %b, i64 %ldb, {scalar} %beta, ptr %c, i64 %ldc)
  br label %end
count:
  %zeros = call i64 @llvm.ctlz.i64(i64 %work, i1 true)
  %above = sub i64 41, %zeros
  %half = ashr i64 %above, 1
  %some = icmp sgt i64 %half, 1
  %least = select i1 %some, i64 %half, i64 1
  %many = icmp ult i64 %least, 6
  %halvings = select i1 %many, i64 %least, i64 6
  br label %halve
halve:
  %left_over = phi i64 [ %halvings, %count ], [ %fewer, %halve ]
  %taller = phi i64 [ %m, %count ], [ %height, %halve ]
  %wider = phi i64 [ %n, %count ], [ %width, %halve ]
  %tall = icmp uge i64 %taller, %wider
  %longer = select i1 %tall, i64 %taller, i64 %wider
  %padded = add i64 %longer, 7
  %eighths = lshr i64 %padded, 3
  %part = shl i64 %eighths, 2
  %height = select i1 %tall, i64 %part, i64 %taller
  %width = select i1 %tall, i64 %wider, i64 %part
  %fewer = sub i64 %left_over, 1
  %again = icmp ugt i64 %fewer, 0
  br i1 %again, label %halve, label %split
split:
  %m_up = add i64 %m, %height
  %m_last = sub i64 %m_up, 1
  %down = udiv i64 %m_last, %height
  %n_up = add i64 %n, %width
  %n_last = sub i64 %n_up, 1
  %across = udiv i64 %n_last, %width
  %tiles = mul i64 %down, %across
{stores}
  store i64 0, ptr %first
  store i64 %tiles, ptr %dims
  %threads = load i64, ptr inttoptr (i64 {threads} to ptr)
  %parallel = icmp sgt i64 %threads, 1
  br i1 %parallel, label %launch, label %alone
launch:
  %narrow = trunc i64 %threads to i32
  call void inttoptr (i64 {parallel_for} to ptr)(ptr @{name}_tiles, ptr %first, ptr %dims, ptr %dims, ptr %job,
                                                 i64 0, i64 1, i32 %narrow)
  br label %end
alone:
  call void @{name}_tiles(ptr %first, ptr %dims, ptr %dims, ptr %job)
  br label %end
end:
  call void @release()
  ret void
}}

define internal void @{name}_tiles(ptr %args, ptr %dims, ptr %steps, ptr %job) {{
entry:
{loads}
  %first = load i64, ptr %args
  %count = load i64, ptr %dims
  %after = add i64 %first, %count
  %no_ta = icmp eq i32 %ta, 111
  %no_tb = icmp eq i32 %tb, 111
  %a_step = select i1 %no_ta, i64 %lda, i64 1
  %b_step = select i1 %no_tb, i64 1, i64 %ldb
  br label %next
next:
  %tile = phi i64 [ %first, %entry ], [ %following, %next ]
  %row = udiv i64 %tile, %across
  %column = urem i64 %tile, %across
  %top = mul i64 %row, %height
  %left = mul i64 %column, %width
  %rows_left = sub i64 %m, %top
  %columns_left = sub i64 %n, %left
  %lower = icmp ult i64 %rows_left, %height
  %rows = select i1 %lower, i64 %rows_left, i64 %height
  %narrower = icmp ult i64 %columns_left, %width
  %columns = select i1 %narrower, i64 %columns_left, i64 %width
  %a_offset = mul i64 %top, %a_step
  %b_offset = mul i64 %left, %b_step
  %c_row = mul i64 %top, %ldc
  %c_offset = add i64 %c_row, %left
  %a_at = getelementptr {scalar}, ptr %a, i64 %a_offset
  %b_at = getelementptr {scalar}, ptr %b, i64 %b_offset
  %c_at = getelementptr {scalar}, ptr %c, i64 %c_offset
  call void inttoptr (i64 {library} to ptr)(i32 %order, i32 %ta, i32 %tb, i64 %rows, i64 %columns, i64 %k, {scalar} %alpha,
                                            ptr %a_at, i64 %lda, ptr %b_at, i64 %ldb, {scalar} %beta, ptr %c_at, i64 %ldc)
  %following = add i64 %tile, 1
  %more = icmp ult i64 %following, %after
  br i1 %more, label %next, label %end
end:
  ret void
}}
"""
