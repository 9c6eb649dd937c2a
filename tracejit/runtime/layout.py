"""How this interpreter and this NumPy lay objects out in memory, as far as ``guard/*.ll`` reads and writes them."""

from __future__ import annotations

import ctypes
import functools
import sys
import types
import weakref
from typing import Any

import numpy as np

_DATA, _NEW, _SCALAR = 2, 94, 60  # places in NumPy's table of functions: part of its ABI


TYPE_FLAGS = 168  # where a class has its flags


@functools.cache
def fault() -> str:
    """What is not as ``guard/*.ll`` expects it; empty where all is."""
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8 or sys.byteorder != "little":
        return "this is no 64-bit CPython"
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return "this CPython runs without its global lock"
    probes = (_types, _containers, _references, _arrays, _functions)
    return "".join(f"{probe.__name__[1:]} lie in memory in another way. " for probe in probes if not probe()).strip()


def word(address: int) -> int:
    """The int64 at an address."""
    return ctypes.c_int64.from_address(address).value


def _byte(address: int) -> int:
    return ctypes.c_uint8.from_address(address).value


def offset(member: Any) -> int:
    """Where objects have the slot of a member descriptor."""
    return word(word(id(member) + 40) + 16)


@functools.cache
def numpy_functions() -> tuple[int, int]:
    """Addresses of PyArray_NewFromDescr and PyArray_Scalar."""
    table = _numpy_table()
    return word(table + 8 * _NEW), word(table + 8 * _SCALAR)


def _numpy_table() -> int:
    pointer = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.py_object, ctypes.c_void_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
    module: Any = sys.modules["numpy._core._multiarray_umath"]
    table: int = pointer(module._ARRAY_API, None)
    return table


class _Slots:
    __slots__ = ("a", "b")
    a: str
    b: str


def _types() -> bool:
    number, thing = 1.5, _Slots()
    thing.a, thing.b = "first", "second"
    return (
        word(id(number) + 8) == id(float)
        and ctypes.c_double.from_address(id(number) + 16).value == number
        and ctypes.c_uint64.from_address(id(_Slots) + TYPE_FLAGS).value == _Slots.__flags__
        and type(_Slots.__dict__["b"]) is types.MemberDescriptorType
        and word(id(thing) + offset(_Slots.__dict__["a"])) == id(thing.a)
        and word(id(thing) + offset(_Slots.__dict__["b"])) == id(thing.b)
        and offset(_Slots.__dict__["a"]) == 16
    )


def _containers() -> bool:
    elements: tuple[object, ...] = (object(), object(), object())
    as_list, as_dict = list(elements), dict.fromkeys(elements)
    named = dict(zip(("a", "b", "c"), elements, strict=True))
    keys = word(id(named) + 32)
    entries = keys + 32 + (1 << _byte(keys + 9))
    del named["b"]
    return (
        [word(entries + 8 * i) for i in range(6)] == [id("a"), id(elements[0]), 0, 0, id("c"), id(elements[2])]
        and word(keys + 24) == 3
        and word(id(named) + 40) == 0
        and [_byte(word(id(x) + 32) + 10) for x in (named, as_dict)] == [1, 0]
        and word(id(elements) + 16) == word(id(as_list) + 16) == word(id(as_dict) + 16) == 3
        and [word(id(elements) + 24 + 8 * i) for i in range(3)] == [*map(id, elements)]
        and [word(word(id(as_list) + 24) + 8 * i) for i in range(3)] == [*map(id, elements)]
    )


def _references() -> bool:
    thing = _arrays  # anything that a weak reference can refer to
    cell, reference = types.CellType(thing), weakref.ref(thing)
    alone = [np.empty(0)]
    return (
        word(id(cell) + 16) == id(thing)
        and word(id(reference) + 16) == id(thing)
        and word(word(word(id(alone) + 24))) & 0xFFFFFFFF == 1
    )


def _arrays() -> bool:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)[1:]
    dtype = array.dtype
    scalars: list[Any] = [np.float64(2.5), np.complex128(1.5 - 2j), np.int64(-3), np.float32(0.1), np.uint8(7)]
    return (
        np.ndarray.__basicsize__ >= 80
        and np.ndarray.__weakrefoffset__ == 72
        and all(ctypes.string_at(id(x) + 16, x.nbytes) == x.tobytes() for x in scalars)
        and np.dtype.__basicsize__ >= 32
        and word(id(array) + 8) == id(np.ndarray)
        and word(id(array) + 16) == array.ctypes.data
        and word(id(array) + 24) & 0xFFFFFFFF == array.ndim
        and tuple(word(word(id(array) + 32) + 8 * axis) for axis in range(2)) == array.shape
        and word(id(array) + 56) == id(dtype)
        and word(id(array) + 64) & 0xFFFFFFFF == array.flags.num
        and ctypes.string_at(id(dtype) + 24, 3) == (dtype.kind + dtype.char + dtype.byteorder).encode()
        and word(id(dtype) + 24) >> 32 == dtype.num
    )


def _functions() -> bool:
    if "numpy._core._multiarray_umath" not in sys.modules or word(_numpy_table() + 8 * _DATA) != id(np.ndarray):
        return False
    value = np.array([2.5])
    scalar = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)(numpy_functions()[1])
    made: Any = scalar(value.ctypes.data, value.dtype, None)
    return type(made) is np.float64 and made == value[0]
