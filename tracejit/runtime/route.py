"""Routes: what a call must be for a program, and what it gives, as steps over registers.

The registers hold the positional arguments, then the keyword arguments, then what the steps put there, each once. A step that
does not hold is a miss: the route is not for this call. So is an exception, until the program has run.

| step | operands | means |
|---|---|---|
| ``ARRAY`` | register, value, dtype, rank, flags | is such an ndarray; its address is a value, its shape goes to the key |
| ``FLOAT`` ``BOOL`` | register, value | is a Python number; its bits are a value, -1 goes to the key |
| ``INT`` | register, value, least, most | likewise, between these two |
| ``SAME`` | register, object | is that object |
| ``EQUAL`` | register, object, function | is that object; or an equal str or int; or ``function(register, object)`` is true |
| ``TYPE`` | register, class | is of that class exactly |
| ``LIVE`` | register, reference | is what a weak reference refers to |
| ``LIKE`` | register, dtype, shape | is an ndarray of that dtype and shape |
| ``APART`` | register, register, bytes, bytes | two contiguous arrays, of elements of so many bytes, share no memory |
| ``TUPLE`` | register, first, count, class | a tuple of that class and length; its elements go to registers from ``first`` |
| ``LIST`` | register, first, count | likewise of a list |
| ``DICT`` | register, first, keys | likewise the values of a dict with these keys in this order |
| ``UNTRACED`` | list, context variable | the list is empty; or the context variable holds None |
| ``CELL_IS`` | cell, object | a closure's cell holds that object |
| ``GLOBAL_IS`` | dict, name, object | that object is the element of a dict |
| ``CONSTANT`` | target, object | the object |
| ``GLOBAL`` | target, dict, name | the element of a dict |
| ``CELL`` | target, cell | the content of a closure's cell |
| ``SLOT`` | target, register, member | what an object has in a slot, which a member descriptor names |
| ``ATTRIBUTE`` | target, register, name | the attribute of an object |
| ``ITEM`` | target, register, key | the element of an object |
| ``CALL`` | target, function, registers | what the function returns for these |
| ``RUN`` | first, program, kinds | run the program on its binding for the key; results go to registers from ``first`` |
| ``STORE`` | object, member, value | fill the slot of an object |
| ``MAKE_TUPLE`` ``MAKE_LIST`` | target, registers | a new one of these |
| ``MAKE_DICT`` | target, keys, registers | likewise |
| ``QUEUE`` | first, function, registers | what it returns when a device has the work, a tuple, or None for a miss, to registers |

A *binding* is a program bound to one choice of sizes, the key, and of memory. Types are exact: a subclass of ndarray or float
is a miss. A dtype is the expected object or one of the same type number and byte order (an unpickled array has its own).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracejit.runtime.pool import OutputPool

# fmt: off
Op = IntEnum("Op", [
    "ARRAY", "FLOAT", "INT", "BOOL", "SAME", "EQUAL", "TYPE", "LIVE", "LIKE", "APART", "TUPLE", "LIST", "DICT", "UNTRACED",
    "CELL_IS", "GLOBAL_IS", "CONSTANT", "GLOBAL", "CELL", "SLOT", "ATTRIBUTE", "ITEM", "CALL", "RUN", "STORE",
    "MAKE_TUPLE", "MAKE_LIST", "MAKE_DICT", "QUEUE",
], start=0)
# fmt: on
Step = tuple[Any, ...]
Words = NDArray[np.int64]

C_CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400
NUMBER = -1  # in a key: a number, which has no shape
CLOSED, LETS_IN, OPEN = range(3)


class Kind(IntEnum):
    """What becomes of an output: a new array; where it has no dimensions, a NumPy scalar or an int."""

    ARRAY = 0
    SCALAR = 1
    INT = 2


@dataclass(eq=False, slots=True)
class Block:
    """What the builtin guard reads: ``words``, once ``builtin.py`` has made them."""

    words: Words | None = field(default=None, init=False)


@dataclass(eq=False, slots=True)
class Route(Block):
    """One way from a call to a result.

    Attributes:
        count: How many positional arguments there are.
        names: The names of keyword arguments, in order.
        steps: What to do.
        registers: How many there are, those of the arguments included.
        result: The register of the result.
    """

    count: int
    names: tuple[str, ...]
    steps: Sequence[Step]
    registers: int
    result: int


@dataclass(eq=False, slots=True)
class Output:
    """Where a result of a program goes.

    Attributes:
        place: Word of the table that gets the address.
        pool: Where arrays for it come from.
        scalar: Memory for a result that becomes a number.
        numbers: Scalars of NumPy that were results; the builtin guard lets the program write to one that nobody else refers
            to. None where there is but one object for each value, or more to an object than its value.
    """

    place: int
    pool: OutputPool
    scalar: NDArray[Any] = field(init=False)
    numbers: list[Any] | None = field(init=False)

    def __post_init__(self) -> None:
        self.scalar = np.zeros(1, self.pool.dtype)
        self.numbers = [] if self.pool.dtype.kind in "iufc" else None


@dataclass(eq=False, slots=True)
class Binding(Block):
    """A program bound to memory for one key.

    Attributes:
        step: Address of the code, in Numba's ABI: ``i32 step(void *result, void **exception, i64 *table)``.
        table: Filled but for the status, the number of threads, values and results.
        mode: ``CLOSED``: no other thread runs meanwhile. ``LETS_IN``: the step lets other threads of Python in, as it calls
            Python. ``OPEN``: it takes long enough that Python's lock is given up around it.
        key: Sizes of the arrays, -1 of a number.
        places: Word of the table for each value.
        outputs: Where results go.
        kept: What addresses in the table refer to.
    """

    step: int
    table: Words
    mode: int
    key: tuple[int, ...]
    places: tuple[int, ...]
    outputs: tuple[Output, ...]
    kept: tuple[object, ...]


class Bound:
    """A program with its bindings; the tuple of them is replaced, never changed."""

    __slots__ = ("bindings",)
    bindings: tuple[Binding, ...]

    def failed(self, status: int) -> None:
        """Raise the error that a status of the step means; ``RAISED`` where it came back with an exception."""
        raise AssertionError(status)


RAISED = -3
