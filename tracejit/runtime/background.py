"""Compiling in a process beside this one, while calls are evaluated by NumPy.

The worker is a fresh process that fills the cache with the object of one generated file. A call that comes before the object is
there evaluates the graph; the first one after that loads it. A worker that fails costs a warning, and its program is compiled
here.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tracejit.config import config
from tracejit.ir.evaluation import evaluate_graph
from tracejit.runtime import cache, native
from tracejit.runtime.executable import MISS, Executable
from tracejit.runtime.program import Code, Program, code_of

COMMAND = (sys.executable, "-m", "tracejit.runtime.worker")
_HOME = str(Path(__file__).parents[2])  # where a fresh process finds tracejit
_running: set[Worker] = set()
_lock = threading.RLock()


class Worker:
    """A process that compiles one file, once there is room for it.

    Attributes:
        failure: What went wrong; empty while nothing has.
    """

    def __init__(self, path: str, key: str) -> None:
        self.failure = ""
        self._arguments = (path, key)
        self._process: subprocess.Popen[str] | None = None
        self._owner = os.getpid()

    def ended(self) -> bool:
        """Whether the process has ended; starts it where it has not run and fewer than there are cores do."""
        with _lock:
            if self._owner != os.getpid():  # a forked child cannot wait for a process of its parent
                self.failure = self.failure or "it belongs to the parent of this process"
                return True
            if self._process is None and not self.failure:
                for other in [*_running]:
                    other._look()
                if len(_running) < config().num_threads:
                    self._start()
            self._look()
            return bool(self.failure) or (self._process is not None and self not in _running)

    def wait(self) -> None:
        """Block until the process has ended."""
        while not self.ended():
            process = self._process
            if process is None:  # others run before it
                with _lock:
                    process = next(iter(_running))._process
            assert process is not None
            process.wait()

    def stop(self) -> None:
        """End the process, whose work nobody needs."""
        if self._process is not None and self._owner == os.getpid():
            self._process.kill()
            self._process.communicate()
        _running.discard(self)

    def _start(self) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([_HOME, *filter(None, [os.environ.get("PYTHONPATH")])])}
        try:
            self._process = subprocess.Popen(
                [*COMMAND, *self._arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                text=True, env=environment,
            )  # fmt: skip
        except OSError as error:
            self.failure = f"it cannot be started: {error}"
            return
        _running.add(self)

    def _look(self) -> None:
        if self in _running and self._process is not None and self._process.poll() is not None:
            _running.discard(self)
            _, said = self._process.communicate()
            if self._process.returncode:
                last = said.strip().splitlines()[-1:] or ["it said nothing"]
                self.failure = f"it ended with status {self._process.returncode}: {last[0]}"


@atexit.register
def _stop_all() -> None:
    for worker in [*_running]:
        worker.stop()


@dataclass(frozen=True, eq=False)
class Pending:
    """The code of a program that a worker compiles; ``address`` is of use to nobody before it is there."""

    worker: Worker
    key: str
    address: int = 0


def code_later(text: str, path: str, key: str) -> tuple[Code, bool]:
    """The machine code of a file, pending where the cache does not hold it; as ``program.code_of``."""
    if cache.holds(key):
        return code_of(text, path, key)
    worker = Worker(path, key)
    worker.ended()  # which starts it
    return Pending(worker, key), True


class Waiting:
    """What stands in for an executable until its code is there: the same calls, evaluated by NumPy.

    Args:
        executable: Of a program whose code is pending.
        buffers: The arrays behind graph inputs that do not change from call to call, by position.
        pending: The code.
    """

    def __init__(self, executable: Executable, buffers: Mapping[int, Any], pending: Pending) -> None:
        self._executable = executable
        self._buffers = dict(buffers)
        self._pending = pending
        self._evaluating = threading.Lock()  # a program's calls do not overlap: an update sees the one before
        self.fits = executable.fits
        self.debug = executable.debug

    def ready(self, block: bool = False) -> Executable | None:
        """The executable, once its code is there; with ``block``, now."""
        worker = self._pending.worker
        if block:
            worker.wait()
        if not worker.ended():
            return None
        with _lock:
            program = self._executable.program
            if isinstance(program.code, Pending):
                self._executable.program = _with_code(program, worker, self._pending.key)
        return self._executable

    def __call__(self, *leaves: Any) -> tuple[Any, ...] | None:
        """As the executable."""
        sizes = self._executable.fitting(leaves)
        if sizes is None:
            return MISS
        graph = self._executable.program.graph
        given = iter(leaves)
        arrays = [self._buffers[i] if i in self._buffers else np.asarray(next(given)) for i in range(len(graph.inputs))]
        places = dict(zip(graph.inputs, arrays, strict=True))
        with self._evaluating:
            outputs, updates = evaluate_graph(graph, arrays, sizes)
            out = tuple([np.array(x)[()] for x in outputs])  # before an update writes to what they may be views of
            new = [np.array(x) for x in updates]
            for (target, _), value in zip(graph.updates, new, strict=True):
                np.copyto(places[target], value)
        return out


def waiting(executable: Executable, buffers: Mapping[int, Any]) -> Waiting | None:
    """What stands in for an executable; None where its code is there."""
    code = executable.program.code
    return Waiting(executable, buffers, code) if isinstance(code, Pending) else None


def _with_code(program: Program, worker: Worker, key: str) -> Program:
    """A program with the code that the worker has left in the cache, or else with code that is made here."""
    found = None if worker.failure else cache.load_object(key)
    if found is not None:
        return replace(program, code=native.load(found.object_code, found.symbol))
    reason = worker.failure or f"the cache, {cache.cache_dir()}, does not hold what it made"
    warnings.warn(f"tracejit: the process that compiles {program.graph.name} failed, so it is compiled here: {reason}",
                  RuntimeWarning, stacklevel=2)  # fmt: skip
    return replace(program, code=code_of(program.source.text, str(program.path), key)[0])
