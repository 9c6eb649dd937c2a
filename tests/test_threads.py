"""The pool of threads: every chunk is done once, by whoever is there, and nobody waits for who is not."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tracejit.runtime import threads

INT, POINTER = ctypes.c_int64, ctypes.c_void_p
RUN = ctypes.CFUNCTYPE(None, ctypes.POINTER(INT), ctypes.POINTER(INT), POINTER, POINTER)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = threads.num_threads()
    yield
    threads.set_num_threads(before)


def launch(work: Callable[[int], None], chunks: int, count: int) -> None:
    """Have ``work(chunk)`` called for every chunk, as a program would."""

    def run(args, dims, steps, data):
        for chunk in range(args[0], args[0] + dims[0]):
            work(chunk)

    count_of, first = (ctypes.c_int64 * 1)(chunks), (ctypes.c_int64 * 1)(0)
    start = ctypes.CFUNCTYPE(None, RUN, *[ctypes.c_void_p] * 4, ctypes.c_int64, ctypes.c_int64, ctypes.c_int32)(
        threads.launcher()
    )
    start(RUN(run), ctypes.addressof(first), ctypes.addressof(count_of), None, None, 0, 1, count)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_chunk_is_done_once_in_each_of_many_launches(count: int) -> None:
    threads.set_num_threads(count)
    for chunks in [*range(65), *[3] * 300]:
        done: list[int] = []
        launch(done.append, chunks, count)
        assert sorted(done) == list(range(chunks))


def test_workers_that_start_later_take_part() -> None:
    def who(chunk: int) -> None:
        found.add(threading.get_ident())
        time.sleep(0.01)

    threads.set_num_threads(4)
    for count, least, most in ((1, 1, 1), (2, 1, 2), (4, 2, 4)):
        found: set[int] = set()
        launch(who, 40, count)
        assert least <= len(found) <= most


def test_a_launch_inside_a_launch_does_its_chunks_itself() -> None:
    done: list[tuple[int, int]] = []
    threads.set_num_threads(3)
    launch(lambda outer: launch(lambda inner: done.append((outer, inner)), 5, 3), 7, 3)
    assert sorted(done) == [(i, j) for i in range(7) for j in range(5)]


def test_callers_may_come_at_once() -> None:
    def caller(number: int) -> None:
        for _ in range(50):
            done: list[int] = []
            launch(done.append, 9, 3)
            right.append(sorted(done) == list(range(9)))

    right: list[bool] = []
    threads.set_num_threads(3)
    callers = [threading.Thread(target=caller, args=(number,)) for number in range(6)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    assert len(right) == 300 and all(right)


def test_a_worker_without_work_sleeps() -> None:
    threads.set_num_threads(4)
    launch(lambda chunk: None, 64, 4)
    time.sleep(0.05)
    before = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - before < 0.05


if sys.platform == "linux":

    def test_workers_wake_on_other_processors_than_the_callers() -> None:
        def where(chunk: int) -> None:
            if threading.get_ident() != caller:
                masks.append(os.sched_getaffinity(0))
            time.sleep(0.005)

        allowed, caller, masks = os.sched_getaffinity(0), threading.get_ident(), list[set[int]]()
        threads.set_num_threads(2)
        launch(lambda chunk: None, 2, 2)
        time.sleep(0.05)  # the worker sleeps now
        launch(where, 40, 2)
        assert masks
        assert all(mask < allowed and len(mask) == len(allowed) - 1 for mask in masks) or len(allowed) == 1


def test_a_process_ends_while_workers_wait() -> None:
    program = "import test_threads as t; t.threads.set_num_threads(8); t.launch(lambda chunk: None, 64, 8); print('done')"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(3):
        ended = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=60)
        assert (ended.returncode, ended.stdout.strip()) == (0, "done"), ended.stderr


def test_a_system_without_more_threads_has_the_caller_do_it_all(monkeypatch) -> None:
    def refused(*arguments: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threads._thread, "start_new_thread", refused)
    threads.set_num_threads(1000)
    done: list[int] = []
    launch(done.append, 20, 1000)
    assert sorted(done) == list(range(20))
