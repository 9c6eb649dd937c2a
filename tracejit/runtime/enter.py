"""The guard: one builtin function per program that checks its arguments, fills the table and calls the step.

A program is bound to a *descriptor*, an int64 array that says what each argument must be and where its value goes:

| word | holds |
|---|---|
| 0 | number of arguments |
| 1 | address of ``step``, in Numba's ABI: ``i32 step(void *result, void **exception, i64 *table)`` |
| 2 | address of the table |
| 3 | address of the int64 that goes to ``table[1]``, the number of threads |
| 4 | 1 while the step runs |
| 5 + 6*i | kind of argument i: ``ARRAY``, ``FLOAT``, ``INT``, ``BOOL`` or ``SAME`` |
| +1 | table slot that gets the data address, the f64 bits, the i64, 0 or 1; slot 0 throws the value away; unused by ``SAME`` |
| +2 | ``id`` of the expected dtype (``ARRAY``) or object (``SAME``); who made the descriptor keeps it alive |
| +3 | number of dimensions |
| +4 | address of the expected dimensions, int64 |
| +5 | bits that the array's flags must have |

``enter(*arguments)`` returns the status that the step left in ``table[0]``, 0 or more, or

* ``MISS``: an argument is not what the descriptor says. Nothing was called.
* ``BUSY``: word 4 was set. Nothing was called; try again.
* ``RAISED``: the step came back with an exception, which generated code never does: a bug of ours.

Types are exact: a subclass of ndarray, float or int is a miss. A dtype is the expected object or one of the same type number
and byte order (an unpickled array has its own dtype object). One pass checks and fills; a miss leaves a half-filled table,
which does no harm, since nothing reads a table but a step, and each call fills all of it before.

The GIL is held from the first check to the status, so the table and the arena need no lock, with one exception: products that
go through ``np.matmul`` run Python within a step and let other threads in. Word 4 keeps them out. A binding is not edited once
others can see it: other sizes are another binding.

:func:`python_enter` is the definition. The builtin of ``builtin.py`` does the same at the cost of an empty Python call and is
used where one can be made and ``TRACEJIT_GUARD`` is not ``python``.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracejit.config import config
from tracejit.runtime import builtin, threads

MISS, BUSY, RAISED = -1, -2, -3
ARRAY, FLOAT, INT, BOOL, SAME = range(5)
C_CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400
HEAD, RECORD = 5, 6
_IN_USE = 4

Words = NDArray[np.int64]
Enter = Callable[..., int]


class Argument(NamedTuple):
    """What one argument must be: a record of the descriptor, with the shape in place of its address."""

    kind: int
    slot: int = 0
    expected: Any = None
    shape: tuple[int, ...] = ()
    flags: int = C_CONTIGUOUS | ALIGNED


def describe(step: int, table: Words, arguments: Sequence[Argument]) -> Words:
    """Make a descriptor, the expected dimensions in its tail; table and expected objects must outlive it.

    Args:
        step: Address of the program.
        table: Its table, contiguous.
        arguments: What each argument must be, in order.
    """
    tail = HEAD + RECORD * len(arguments)
    words = np.zeros(tail + sum(len(argument.shape) for argument in arguments), np.int64)
    words[:_IN_USE] = len(arguments), step, table.ctypes.data, threads.address()
    for i, (kind, slot, expected, shape, flags) in enumerate(arguments):
        place = words.ctypes.data + words.itemsize * tail
        thing = np.dtype(expected) if kind == ARRAY else expected  # dtypes of numbers live for ever
        words[HEAD + RECORD * i : HEAD + RECORD * (i + 1)] = kind, slot, id(thing), len(shape), place, flags
        words[tail : tail + len(shape)] = shape
        tail += len(shape)
    return words


def make_enter(descriptor: Words) -> Enter:
    """Make the guard of a binding; it keeps the descriptor alive."""
    if descriptor.dtype != np.int64 or not descriptor.flags.c_contiguous or type(descriptor) is not np.ndarray:
        raise TypeError(f"make_enter: descriptor is {descriptor.dtype}; it must be a contiguous int64 array")
    if config().guard == "python" or not builtin.supported():
        return python_enter(descriptor)
    return builtin.make(descriptor)


# ------------------------------------------------------------------------------------------------------ the definition

_claiming = threading.Lock()


def _claim(descriptor: Words) -> bool:
    with _claiming:
        free = not descriptor[_IN_USE]
        descriptor[_IN_USE] = 1
        return free


def python_enter(descriptor: Words) -> Enter:
    """The guard in Python: what :func:`make_enter` means, and what it returns where no builtin can be made."""

    def enter(*arguments: object) -> int:
        if len(arguments) != descriptor[0]:
            return MISS
        if not _claim(descriptor):
            return BUSY
        try:
            step, table, cell = (int(word) for word in descriptor[1:_IN_USE])
            for i, argument in enumerate(arguments):
                record = [int(word) for word in descriptor[HEAD + RECORD * i : HEAD + RECORD * (i + 1)]]
                if not _fill(table, argument, *record):
                    return MISS
            ctypes.memmove(table + 8, cell, 8)
            ctypes.memset(table, 0, 8)
            return _call(step, table)
        finally:
            descriptor[_IN_USE] = 0

    return enter


def _fill(table: int, argument: Any, kind: int, slot: int, expected: int, rank: int, place: int, flags: int) -> bool:
    """Check one argument and store its value in the table; False when it does not fit."""
    value: Any
    if kind == ARRAY:
        if type(argument) is not np.ndarray or not _same_dtype(argument.dtype, expected):
            return False
        if argument.ndim != rank or argument.flags.num & flags != flags:
            return False
        if argument.shape != tuple((ctypes.c_int64 * rank).from_address(place)):
            return False
        value = ctypes.c_int64(argument.__array_interface__["data"][0])
    elif kind == FLOAT and type(argument) is float:
        value = ctypes.c_double(argument)
    elif (kind, type(argument)) in ((INT, int), (BOOL, bool)) and -(2**63) <= argument < 2**63:
        value = ctypes.c_int64(argument)
    else:
        return kind == SAME and id(argument) == expected
    ctypes.memmove(table + 8 * slot, ctypes.byref(value), 8)
    return True


def _same_dtype(dtype: np.dtype[Any], expected: int) -> bool:
    if id(dtype) == expected:
        return True
    wanted = ctypes.cast(expected, ctypes.py_object).value
    return (dtype.num, dtype.byteorder, dtype.kind) == (wanted.num, wanted.byteorder, wanted.kind)


_STEP = ctypes.PYFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)  # keeps the GIL


def _call(step: int, table: int) -> int:
    result, exception = ctypes.c_int64(), ctypes.c_void_p()
    failed = _STEP(step)(ctypes.addressof(result), ctypes.addressof(exception), table)
    return RAISED if failed else ctypes.c_int64.from_address(table).value
