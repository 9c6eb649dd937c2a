"""Routes over a bare step, for tests of the guards: no graph, no compiler."""

from __future__ import annotations

import threading

from tracejit.runtime import builtin
from tracejit.runtime.entrance import Entrance
from tracejit.runtime.route import ALIGNED, C_CONTIGUOUS, CLOSED, Binding, Bound, Op, Output, Route

MISS = "missed"
FLAGS = C_CONTIGUOUS | ALIGNED


class StatusError(Exception):
    """The step came back with a status."""


class Bare(Bound):
    """A program without a source."""

    __slots__ = ()

    def __init__(self, *bindings):
        for binding in bindings:
            builtin.write_binding(binding)
        self.bindings = bindings

    def failed(self, status):
        raise StatusError(status)


class Guarded(Entrance):
    """Something to call by one route."""

    def __init__(self, steps, count=1, registers=None, result=0, names=()):
        super().__init__()
        self.lead((Route(count, names, steps, registers or count + len(names), result),))

    def missed(self, *args, **kwargs):
        return MISS


def array_step(array, register=0, value=0, flags=FLAGS):
    return (Op.ARRAY, register, value, array.dtype, array.ndim, flags)


def bind(step, table, key=(), places=(), outputs=(), mode=CLOSED):
    return Binding(step, table, mode, tuple(key), tuple(places), tuple(Output(*output) for output in outputs), ())


def on_arrays(step, table, places, *arrays, mode=CLOSED):
    """What calls a step on arrays of these headers, their addresses in these words of its table; it gives the first one."""
    key = [size for array in arrays for size in array.shape]
    program = Bare(bind(step, table, key, places, mode=mode))
    steps = [array_step(array, i, i) for i, array in enumerate(arrays)]
    return Guarded([*steps, (Op.RUN, len(arrays), program, ())], len(arrays))


def run_threads(work, numbers):
    threads = [threading.Thread(target=work, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
