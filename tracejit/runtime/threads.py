"""The threads of parallel regions: one pool for all programs of the process, made when the first one that needs it is loaded.

Programs call ``tracejit_parallel_for(run, args, dims, steps, data, inner, arrays, threads)``, where ``run`` does the chunks
``args[0] .. args[0] + dims[0]`` of a region. Here is what stands behind that name, in machine code of ours:

* Chunks are tickets that the caller and the workers draw one by one. The caller draws, too, and waits only for chunks that a
  worker has begun: a worker that the system has not woken in time, or not at all, costs nothing. So a busy neighbour, or a
  virtual machine that wakes its processors slowly, makes a program slower by what it takes away and no more.
* A worker without a ticket looks for the next one during ``SPIN``, then sleeps until it is woken. Programs launch one
  region after the other; in between nobody has to be woken.
* Workers are woken on other processors than the caller's. Left alone, a system may put a worker behind the caller and leave
  another processor idle for milliseconds; virtual machines do, whose idle processors look taken.
* Who comes while the pool is at work for another caller does its chunks itself.

What a chunk is depends on sizes alone, and chunks do not see who runs them: the results do not depend on any of this.

The state is an array of 64-bit words. ``TICKET`` holds a generation (high half) and the next chunk (low half): it changes
in one step, so that a worker that is late for a generation can draw nothing from it. The fields of a job are written while the
ticket is closed (its low half all ones), and stay as they are until ``DONE`` has counted all its chunks.
"""

from __future__ import annotations

import _thread
import ctypes
import functools
import os
import platform
import threading
import time
from contextlib import suppress

from tracejit.backends.clock import COUNTER
from tracejit.config import config
from tracejit.runtime import native, waiting

SPIN = 100e-6  # seconds
TICKET, DONE, BUSY, EPOCH, SLEEPERS, RUN, DATA, CHUNKS, HELPERS, WORKERS = 0, 16, 32, 48, 64, 80, 81, 82, 83, 96
"""Words of the state; what different threads write is two lines of the cache apart."""
WORDS = WORKERS + waiting.PLACED

# The guard copies this cell into table[1] on every call: a change reaches every program, and a fork can undo it.
_threads = (ctypes.c_int64 * 1)()
_alone = (ctypes.c_int64 * 1)(1)


class _Pool:
    """The workers that have started, and what they share."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.process = 0
        self.workers = 0
        self.memory = (ctypes.c_int64 * (WORDS + 16))()
        self.code: native.NativeCode | None = None

    def state(self) -> int:
        return -(-ctypes.addressof(self.memory) // 128) * 128

    def launcher(self) -> int:
        """Address of the function that programs call; workers are there afterwards."""
        with self.lock:
            if self.code is None:
                self.code = _assembled(_text(self.state(), max(int(SPIN * ticks_per_second()), 1)), "parallel_for")
                self.process = os.getpid()
                for kept in (self.code, self.memory):  # the workers run until the process ends
                    ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
            self.grow(num_threads() - 1)
            return self.code.address

    def grow(self, workers: int) -> None:
        """Start workers until there are as many as that; in a forked child there are none."""
        with self.lock:
            if self.code is None or self.process != os.getpid():
                return
            work = ctypes.CFUNCTYPE(None, ctypes.c_int64)(self.code.function("worker"))
            with suppress(RuntimeError):  # the system has no more threads: the caller does their share
                while self.workers < workers:
                    _thread.start_new_thread(work, (self.workers,))
                    self.workers += 1


_pool = _Pool()


def num_threads() -> int:
    """Threads that parallel regions run on; 1 in a forked child.

    Source: ``TRACEJIT_NUM_THREADS``, else ``NUMBA_NUM_THREADS``, else the cores this process may use.
    """
    if not _threads[0]:
        _threads[0] = _configured_threads()
    return _threads[0]


def set_num_threads(n: int) -> None:
    """Set the number of threads for all programs, from their next call on.

    Raises:
        ValueError: ``n`` is not positive, or beyond reason.
        RuntimeError: More than one thread in a forked child; the pool stayed in the parent.
    """
    if not 1 <= n <= 1024:
        raise ValueError(f"set_num_threads: is {n}; it must be an integer from 1 to 1024")
    if n > 1 and _pool.process not in (0, os.getpid()):
        raise RuntimeError(f"set_num_threads: is {n} in a forked child, which runs on 1. Start processes by spawn instead")
    _threads[0] = n
    _pool.grow(n - 1)


def address(alone: bool = False) -> int:
    """Address of the int64 that holds the number of threads; with ``alone`` it is always 1, for what needs Python's lock."""
    num_threads()
    return ctypes.addressof(_alone if alone else _threads)


def launcher() -> int:
    """Address of ``tracejit_parallel_for``, with its threads; the same for the life of the process."""
    return _pool.launcher()


def _configured_threads() -> int:
    text = os.environ.get("NUMBA_NUM_THREADS", "").strip()
    if text.isdigit() and int(text) and not os.environ.get("TRACEJIT_NUM_THREADS", "").strip():
        return int(text)
    return config().num_threads


def _sequential_child() -> None:
    _pool.lock = threading.RLock()  # another thread of the parent may have held it
    _threads[0] = 1  # the workers stayed in the parent


native.PROVIDERS[native.LAUNCHER] = launcher

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_sequential_child)


@functools.cache
def ticks_per_second() -> float:
    """The rate of the processor's counter, to a few percent."""
    text = f"declare i64 @{COUNTER}()\ndefine i64 @now() {{\n  %ticks = call i64 @{COUNTER}()\n  ret i64 %ticks\n}}"
    code = _assembled(text, "now")
    now = ctypes.CFUNCTYPE(ctypes.c_int64)(code.address)
    ticks, begin = now(), time.perf_counter()
    while time.perf_counter() - begin < 2e-4:
        pass
    return float(now() - ticks) / (time.perf_counter() - begin)


# ------------------------------------------------------------------------------------------------------- machine code


def _assembled(text: str, symbol: str) -> native.NativeCode:
    from tracejit.runtime import cache  # which those who only import the library never need

    return cache.assembled(text, symbol)


def _text(state: int, spin: int) -> str:
    """LLVM IR of ``parallel_for`` and ``worker`` over the state at this address; the same text in every process."""
    begin = native.place("threads", state)
    words = {name: f"inttoptr (i64 add (i64 {begin}, i64 {8 * word}) to ptr)" for name, word in _WORD.items()}
    relax = _RELAX.get(platform.machine(), "")
    text = _TEXT.format(counter=COUNTER, spin=native.place("spin", spin), relax=relax and f"call void @llvm.{relax}", **words)
    text += waiting.text(words["epoch"], words["workers"])
    return text + (relax and f"declare void @llvm.{relax.replace('i32 1', 'i32')}\n")


_WORD = {
    "ticket": TICKET, "done": DONE, "busy": BUSY, "epoch": EPOCH, "sleepers": SLEEPERS,
    "run": RUN, "data": DATA, "chunks": CHUNKS, "helpers": HELPERS, "workers": WORKERS,
}  # fmt: skip


_RELAX = {
    "x86_64": "x86.sse2.pause()",
    "AMD64": "x86.sse2.pause()",
    "aarch64": "aarch64.hint(i32 1)",
    "arm64": "aarch64.hint(i32 1)",
}
"""The instruction that makes room while a thread looks for work."""


_TEXT = """
declare i64 @{counter}()

define void @parallel_for(ptr %run, ptr %args, ptr %dims, ptr %steps, ptr %data, i64 %inner, i64 %arrays, i32 %threads) {{
entry:
  %chunks = load i64, ptr %dims
  %exchanged = cmpxchg ptr {busy}, i64 0, i64 1 acquire monotonic
  %free = extractvalue {{ i64, i1 }} %exchanged, 1
  br i1 %free, label %publish, label %alone
alone:
  call void %run(ptr %args, ptr %dims, ptr %steps, ptr %data)
  ret void
publish:
  %last = load atomic i64, ptr {ticket} monotonic, align 8
  %generation = lshr i64 %last, 32
  %next = add i64 %generation, 1
  %base = shl i64 %next, 32
  %closed = or i64 %base, 4294967295
  %before = atomicrmw xchg ptr {ticket}, i64 %closed seq_cst
  %wide = zext i32 %threads to i64
  %others = sub i64 %wide, 1
  %run_address = ptrtoint ptr %run to i64
  %data_address = ptrtoint ptr %data to i64
  store atomic i64 %run_address, ptr {run} monotonic, align 8
  store atomic i64 %data_address, ptr {data} monotonic, align 8
  store atomic i64 %chunks, ptr {chunks} monotonic, align 8
  store atomic i64 %others, ptr {helpers} monotonic, align 8
  store atomic i64 0, ptr {done} monotonic, align 8
  %opened = atomicrmw xchg ptr {ticket}, i64 %base seq_cst
  %sleeping = load atomic i64, ptr {sleepers} seq_cst, align 8
  %someone = icmp sgt i64 %sleeping, 0
  br i1 %someone, label %rouse, label %draw
rouse:
  call void @spread(i64 %others)
  %old = atomicrmw add ptr {epoch}, i32 1 seq_cst
  call void @wake()
  br label %draw
draw:
  %drawn = call i1 @draw(i64 -1)
  br i1 %drawn, label %draw, label %await
await:
  %begun = call i64 @{counter}()
  br label %check
check:
  %count = load atomic i64, ptr {done} acquire, align 8
  %complete = icmp eq i64 %count, %chunks
  br i1 %complete, label %leave, label %linger
linger:
  {relax}
  %now = call i64 @{counter}()
  %waited = sub i64 %now, %begun
  %long = icmp ugt i64 %waited, {spin}
  br i1 %long, label %yield, label %check
yield:
  call void @give_way()
  br label %check
leave:
  store atomic i64 0, ptr {busy} release, align 8
  ret void
}}

define internal i1 @draw(i64 %me) noinline {{
entry:
  %first = alloca ptr
  %one = alloca i64
  br label %look
look:
  %ticket = load atomic i64, ptr {ticket} acquire, align 8
  %chunk = and i64 %ticket, 4294967295
  %chunks = load atomic i64, ptr {chunks} monotonic, align 8
  %helpers = load atomic i64, ptr {helpers} monotonic, align 8
  %open = icmp ult i64 %chunk, %chunks
  %asked = icmp slt i64 %me, %helpers
  %mine = and i1 %open, %asked
  br i1 %mine, label %take, label %nothing
take:
  %after = add i64 %ticket, 1
  %exchanged = cmpxchg ptr {ticket}, i64 %ticket, i64 %after acq_rel monotonic
  %taken = extractvalue {{ i64, i1 }} %exchanged, 1
  br i1 %taken, label %work, label %look
work:
  store i64 1, ptr %one
  %run_address = load atomic i64, ptr {run} monotonic, align 8
  %data_address = load atomic i64, ptr {data} monotonic, align 8
  %run = inttoptr i64 %run_address to ptr
  %data = inttoptr i64 %data_address to ptr
  %place = inttoptr i64 %chunk to ptr
  store ptr %place, ptr %first
  call void %run(ptr %first, ptr %one, ptr %one, ptr %data)
  %count = atomicrmw add ptr {done}, i64 1 release
  ret i1 true
nothing:
  ret i1 false
}}

define void @worker(i64 %me) {{
entry:
  call void @arrive(i64 %me)
  br label %fresh
fresh:
  %begun = call i64 @{counter}()
  br label %look
look:
  %drawn = call i1 @draw(i64 %me)
  br i1 %drawn, label %fresh, label %idle
idle:
  {relax}
  %now = call i64 @{counter}()
  %waited = sub i64 %now, %begun
  %long = icmp ugt i64 %waited, {spin}
  br i1 %long, label %sleep, label %look
sleep:
  %more = atomicrmw add ptr {sleepers}, i64 1 seq_cst
  %seen = load atomic i32, ptr {epoch} seq_cst, align 4
  fence seq_cst
  %drawn_late = call i1 @draw(i64 %me)
  br i1 %drawn_late, label %awake, label %rest
rest:
  call void @wait(i32 %seen)
  br label %awake
awake:
  %less = atomicrmw sub ptr {sleepers}, i64 1 seq_cst
  br label %fresh
}}
"""
