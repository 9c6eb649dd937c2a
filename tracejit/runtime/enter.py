"""The guard in Python: what following a route means. ``guard/*.ll`` does the same at the cost of an empty call.

It is used where the builtin guard cannot be, where ``TRACEJIT_GUARD`` is ``python``, and for the first call of each binding.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from tracejit.runtime import threads
from tracejit.runtime.route import LETS_IN, NUMBER, OPEN, RAISED, Binding, Bound, Kind, Op, Route

MISS: Final = object()
"""What a route gives when a call is not for it; no program has run then."""

_INT64 = range(-(2**63), 2**63)


class Turn:
    """The turn of the programs that let other threads in while they run: there is one in the process.

    Programs share Variables, arenas and threads, so one of them runs at a time. Those that hold Python's lock throughout see
    to that by themselves; the others take this lock, and ``running`` tells everybody to do so. A thread may take it again: a
    program may be called by an object that is freed while another one is about to run.
    """

    def __init__(self) -> None:
        self.running = (ctypes.c_int64 * 1)()
        self._lock = threading.RLock()

    def acquire(self) -> None:
        self._lock.acquire()

    def release(self) -> None:
        self._lock.release()

    def forget(self) -> None:
        """In a forked child, where whoever had the turn does not run."""
        self.running[0] = 0
        self._lock = threading.RLock()


TURN: Final = Turn()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=TURN.forget)


def enter(routes: Sequence[Route], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The result of a call by the first route that it fits; MISS where there is none."""
    for route in routes:
        out = _Call(route, args, kwargs).follow()
        if out is not MISS:
            return out
    return MISS


class _Call:
    """One call on one route."""

    def __init__(self, route: Route, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.route = route
        self.fits = len(args) == route.count and tuple(kwargs) == route.names
        self.registers: list[Any] = [*args, *kwargs.values(), *[None] * (route.registers - len(args) - len(kwargs))]
        self.values: dict[int, Any] = {}
        self.key: list[int] = []
        self.ran = False

    def follow(self) -> Any:
        if not self.fits:
            return MISS
        for op, *operands in self.route.steps:
            try:
                if _MEANING[op](self, *operands) is False:
                    return MISS
            except Exception:
                if self.ran:
                    raise
                return MISS
        return self.registers[self.route.result]

    # checks

    def do_array(self, register: int, value: int, dtype: np.dtype, rank: int, flags: int) -> bool:
        x = self.registers[register]
        if not _is_array(x, dtype, rank) or x.flags.num & flags != flags:
            return False
        self.values[value] = ctypes.c_int64(_address(x))
        self.key += x.shape
        return True

    def do_float(self, register: int, value: int) -> bool:
        return self._number(value, ctypes.c_double, self.registers[register], float)

    def do_int(self, register: int, value: int, least: int, most: int) -> bool:
        x = self.registers[register]
        return type(x) is int and x in _INT64 and least <= x <= most and self._number(value, ctypes.c_int64, x, int)

    def do_bool(self, register: int, value: int) -> bool:
        return self._number(value, ctypes.c_int64, self.registers[register], bool)

    def _number(self, value: int, kind: Any, x: Any, expected: type) -> bool:
        if type(x) is not expected:
            return False
        self.values[value] = kind(x)
        self.key.append(NUMBER)
        return True

    def do_same(self, register: int, expected: Any) -> bool:
        return self.registers[register] is expected

    def do_equal(self, register: int, expected: Any, function: Callable[[Any, Any], Any]) -> bool:
        x = self.registers[register]
        return _same_key(x, expected) or (not _comparable(x, expected) and bool(function(x, expected)))

    def do_type(self, register: int, kind: type) -> bool:
        return type(self.registers[register]) is kind

    def do_live(self, register: int, reference: Callable[[], Any]) -> bool:
        x = self.registers[register]
        return x is not None and x is reference()

    def do_like(self, register: int, dtype: np.dtype, shape: tuple[int, ...]) -> bool:
        x = self.registers[register]
        return _is_array(x, dtype, len(shape)) and x.shape == shape

    def do_apart(self, one: int, other: int, *bytes_of_elements: int) -> bool:
        return not np.may_share_memory(self.registers[one], self.registers[other])

    def do_untraced(self, going_on: list[None], variable: Any) -> bool:
        return not going_on or variable.get() is None

    def do_cell_is(self, cell: Any, expected: Any) -> bool:
        return cell.cell_contents is expected

    def do_global_is(self, namespace: dict[str, Any], name: str, expected: Any) -> bool:
        return namespace[name] is expected

    # loads

    def do_tuple(self, register: int, first: int, count: int, kind: type) -> bool:
        return self.do_type(register, kind) and self._spread(first, self.registers[register], count)

    def do_list(self, register: int, first: int, count: int) -> bool:
        return self.do_type(register, list) and self._spread(first, self.registers[register], count)

    def do_dict(self, register: int, first: int, keys: tuple[Any, ...]) -> bool:
        x = self.registers[register]
        return type(x) is dict and len(x) == len(keys) and all(map(_same_key, x, keys)) and self._spread(first, [*x.values()])

    def _spread(self, first: int, elements: Sequence[Any], count: int | None = None) -> bool:
        self.registers[first : first + len(elements)] = elements
        return count is None or len(elements) == count

    def do_constant(self, target: int, value: Any) -> None:
        self.registers[target] = value

    def do_global(self, target: int, namespace: dict[str, Any], name: str) -> None:
        self.registers[target] = namespace[name]

    def do_cell(self, target: int, cell: Any) -> None:
        self.registers[target] = cell.cell_contents

    def do_slot(self, target: int, register: int, member: Any) -> None:
        self.registers[target] = member.__get__(self.registers[register])

    def do_attribute(self, target: int, register: int, name: str) -> None:
        self.registers[target] = getattr(self.registers[register], name)

    def do_item(self, target: int, register: int, key: Any) -> None:
        self.registers[target] = self.registers[register][key]

    def do_call(self, target: int, function: Callable[..., Any], registers: tuple[int, ...]) -> None:
        self.registers[target] = function(*self._all(registers))

    # the program, and what comes of it

    def do_run(self, first: int, program: Bound, kinds: tuple[Kind, ...]) -> bool:
        binding = next((b for b in program.bindings if b.key == tuple(self.key)), None)
        if binding is None:
            return False
        self.ran = True
        outputs = [o.pool.take() if kind == Kind.ARRAY else o.scalar for o, kind in zip(binding.outputs, kinds, strict=True)]
        TURN.acquire()
        before = TURN.running[0]
        try:
            TURN.running[0] = 1  # Python may let other threads in between any two lines
            self._fill(binding, outputs)
            status = _call(binding)
        finally:
            TURN.running[0] = before
            TURN.release()
        if status:
            program.failed(status)
        for i, (out, kind) in enumerate(zip(outputs, kinds, strict=True)):
            self.registers[first + i] = out if kind == Kind.ARRAY else out[0] if kind == Kind.SCALAR else int(out[0])
        return True

    def _fill(self, binding: Binding, outputs: Sequence[np.ndarray]) -> None:
        table = binding.table
        table[:2] = 0, 1 if binding.mode == LETS_IN else threads.num_threads()
        for i, place in enumerate(binding.places):
            table[place] = ctypes.c_int64.from_buffer_copy(self.values[i]).value
        for output, array in zip(binding.outputs, outputs, strict=True):
            table[output.place] = _address(array)

    def do_queue(self, first: int, function: Callable[..., Any], registers: tuple[int, ...]) -> bool:
        self.ran = True
        results = function(*self._all(registers))
        return results is not None and self._spread(first, results)

    def do_store(self, target: Any, member: Any, value: Any) -> None:
        member.__set__(target, value)

    def do_make_tuple(self, target: int, registers: tuple[int, ...]) -> None:
        self.registers[target] = tuple(self._all(registers))

    def do_make_list(self, target: int, registers: tuple[int, ...]) -> None:
        self.registers[target] = self._all(registers)

    def do_make_dict(self, target: int, keys: tuple[Any, ...], registers: tuple[int, ...]) -> None:
        self.registers[target] = dict(zip(keys, self._all(registers), strict=True))

    def _all(self, registers: tuple[int, ...]) -> Any:
        return [self.registers[i] for i in registers]


_MEANING: Final = {op: getattr(_Call, f"do_{op.name.lower()}") for op in Op}


def _is_array(x: Any, dtype: np.dtype, rank: int) -> bool:
    return type(x) is np.ndarray and x.ndim == rank and _same_dtype(x.dtype, dtype)


def _same_dtype(dtype: np.dtype, expected: np.dtype) -> bool:
    return dtype is expected or (dtype.num, dtype.byteorder, dtype.kind) == (expected.num, expected.byteorder, expected.kind)


def _same_key(key: Any, expected: Any) -> bool:
    return key is expected or (_comparable(key, expected) and key == expected)


def _comparable(x: Any, y: Any) -> bool:
    return type(x) is type(y) and type(x) in (str, int)


def _address(array: np.ndarray) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


_ARGUMENTS = (ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)
_STEP, _OPEN_STEP = ctypes.PYFUNCTYPE(*_ARGUMENTS), ctypes.CFUNCTYPE(*_ARGUMENTS)  # the second gives up Python's lock


def _call(binding: Binding) -> int:
    """Run the step on the table: the status that it left there, or RAISED."""
    result, exception = ctypes.c_int64(), ctypes.c_void_p()
    step = (_OPEN_STEP if binding.mode == OPEN else _STEP)(binding.step)
    failed = step(ctypes.addressof(result), ctypes.addressof(exception), _address(binding.table))
    return RAISED if failed else int(binding.table[0])
