"""How threads sleep until they are woken, and where they wake, in the words of each system: LLVM IR for ``threads``.

| function | what it does |
|---|---|
| ``wait(i32 seen)`` | sleeps while the epoch is the one seen |
| ``wake()`` | wakes all that sleep |
| ``give_way()`` | lets another thread have the processor |
| ``arrive(i64 me)`` | a worker says who it is |
| ``spread(i64 helpers)`` | so many workers may run wherever the caller may, but not on the processor that it runs on now |
"""

from __future__ import annotations

import ctypes
import platform
import sys
from typing import Any

from tracejit.errors import CompileError

PLACED = 8
"""Workers that are kept away from the caller. Who has more processors than that has a free one for each, or nearly."""


def text(epoch: str, workers: str) -> str:
    """LLVM IR of the functions for this system.

    Args:
        epoch: Where the number lies that changes whenever somebody is woken.
        workers: Where the system's numbers of the first ``PLACED`` workers are kept.

    Raises:
        CompileError: The system is none of those known.
    """
    system: str = sys.platform
    if system == "linux":
        futex, gettid = (202, 186) if platform.machine() == "x86_64" else (98, 178)
        return _LINUX.format(epoch=epoch, workers=workers, placed=PLACED, futex=futex, gettid=gettid)
    if system == "darwin":
        return _DARWIN.format(epoch=epoch) + _ANYWHERE
    if system == "win32":
        return _WINDOWS.format(epoch=epoch, **_windows_functions()) + _ANYWHERE
    raise CompileError(f"threads: no way to wait is known on {system}; set TRACEJIT_NUM_THREADS=1")


def _windows_functions() -> dict[str, int | None]:
    kernel: Any = ctypes.CDLL("kernelbase.dll")
    names = {"wait": "WaitOnAddress", "wake": "WakeByAddressAll", "switch": "SwitchToThread"}
    return {word: ctypes.cast(getattr(kernel, name), ctypes.c_void_p).value for word, name in names.items()}


_LINUX = """
declare i64 @syscall(i64, ...)
declare i32 @sched_yield()
declare i32 @sched_getcpu()
declare i32 @sched_getaffinity(i32, i64, ptr)
declare i32 @sched_setaffinity(i32, i64, ptr)
define internal void @wait(i32 %seen) {{
  %out = call i64 (i64, ...) @syscall(i64 {futex}, ptr {epoch}, i64 128, i32 %seen, ptr null, ptr null, i32 0)
  ret void
}}
define internal void @wake() {{
  %out = call i64 (i64, ...) @syscall(i64 {futex}, ptr {epoch}, i64 129, i32 2147483647, ptr null, ptr null, i32 0)
  ret void
}}
define internal void @give_way() {{
  %out = call i32 @sched_yield()
  ret void
}}
define internal void @arrive(i64 %me) {{
entry:
  %listed = icmp ult i64 %me, {placed}
  br i1 %listed, label %list, label %done
list:
  %number = call i64 (i64, ...) @syscall(i64 {gettid})
  %place = getelementptr i64, ptr {workers}, i64 %me
  store atomic i64 %number, ptr %place monotonic, align 8
  br label %done
done:
  ret void
}}
define internal void @spread(i64 %helpers) {{
entry:
  %allowed = alloca [16 x i64]
  %few = icmp ule i64 %helpers, {placed}
  br i1 %few, label %ask, label %done
ask:
  %refused = call i32 @sched_getaffinity(i32 0, i64 128, ptr %allowed)
  %processor = call i32 @sched_getcpu()
  %known = icmp ult i32 %processor, 1024
  %told = icmp eq i32 %refused, 0
  %both = and i1 %known, %told
  br i1 %both, label %exclude, label %done
exclude:
  %wide = zext i32 %processor to i64
  %word = lshr i64 %wide, 6
  %bit = and i64 %wide, 63
  %mine = shl i64 1, %bit
  %others = xor i64 %mine, -1
  %place = getelementptr i64, ptr %allowed, i64 %word
  %all = load i64, ptr %place
  %left = and i64 %all, %others
  store i64 %left, ptr %place
  br label %next
next:
  %worker = phi i64 [ 0, %exclude ], [ %following, %moved ]
  %more = icmp ult i64 %worker, %helpers
  br i1 %more, label %look, label %done
look:
  %number_at = getelementptr i64, ptr {workers}, i64 %worker
  %number = load atomic i64, ptr %number_at monotonic, align 8
  %started = icmp ne i64 %number, 0
  br i1 %started, label %move, label %moved
move:
  %thread = trunc i64 %number to i32
  %out = call i32 @sched_setaffinity(i32 %thread, i64 128, ptr %allowed)
  br label %moved
moved:
  %following = add i64 %worker, 1
  br label %next
done:
  ret void
}}
"""

_ANYWHERE = """
define internal void @arrive(i64 %me) {
  ret void
}
define internal void @spread(i64 %helpers) {
  ret void
}
"""

_DARWIN = """
declare i32 @__ulock_wait(i32, ptr, i64, i32)
declare i32 @__ulock_wake(i32, ptr, i64)
declare i32 @sched_yield()
define internal void @wait(i32 %seen) {{
  %value = zext i32 %seen to i64
  %out = call i32 @__ulock_wait(i32 1, ptr {epoch}, i64 %value, i32 0)
  ret void
}}
define internal void @wake() {{
  %out = call i32 @__ulock_wake(i32 257, ptr {epoch}, i64 0)
  ret void
}}
define internal void @give_way() {{
  %out = call i32 @sched_yield()
  ret void
}}
"""

_WINDOWS = """
define internal void @wait(i32 %seen) {{
  %value = alloca i32
  store i32 %seen, ptr %value
  %out = call i32 inttoptr (i64 {wait} to ptr)(ptr {epoch}, ptr %value, i64 4, i32 -1)
  ret void
}}
define internal void @wake() {{
  call void inttoptr (i64 {wake} to ptr)(ptr {epoch})
  ret void
}}
define internal void @give_way() {{
  %out = call i32 inttoptr (i64 {switch} to ptr)()
  ret void
}}
"""
