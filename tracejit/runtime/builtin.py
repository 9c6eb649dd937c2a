"""The guard as a builtin function of CPython, from LLVM IR: what ``enter.python_enter`` means, at the cost of an empty call.

It reads the headers of arrays, floats and booleans directly, so it relies on how 64-bit CPython and NumPy lay them out in memory;
:func:`supported` checks that once against known objects. The numbers in the IR are those of the table in ``enter.py``.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from tracejit.runtime import native


class _MethodDef(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p))


_FASTCALL = 0x80  # the function gets a C array of its arguments


def make(descriptor: np.ndarray[Any, np.dtype[np.int64]]) -> Callable[..., int]:
    """Make the builtin for one binding, whose descriptor becomes the function's ``__self__``."""
    made: Callable[..., int] = _new()(ctypes.addressof(_definition()), descriptor, None)
    return made


@functools.cache
def _new() -> Callable[..., Any]:
    prototype = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    return prototype(("PyCFunction_NewEx", ctypes.pythonapi))


@functools.cache
def _definition() -> _MethodDef:
    """Kept for ever, like the code: builtins point at both."""
    return _MethodDef(b"enter", _code().address, _FASTCALL, None)


@functools.cache
def _code() -> native.NativeCode:
    def function(name: str) -> int | None:
        return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value

    text = _GUARD.format(
        ndarray=id(np.ndarray),
        float=id(float),
        int=id(int),
        true=id(True),
        false=id(False),
        as_int=function("PyLong_AsLongLongAndOverflow"),
        from_int=function("PyLong_FromLongLong"),
    )
    return native.assemble(text, "enter")


@functools.cache
def supported() -> bool:
    """Whether objects of this interpreter lie in memory as the builtin expects them."""
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8 or sys.byteorder != "little":
        return False
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return False
    if np.ndarray.__basicsize__ < 72 or np.dtype.__basicsize__ < 32 or float.__basicsize__ != 24:
        return False
    array, number = np.arange(12, dtype=np.float32).reshape(3, 4)[1:], 1.5
    dtype = array.dtype

    def word(address: int) -> int:
        return ctypes.c_int64.from_address(address).value

    return (
        word(id(array) + 8) == id(np.ndarray)
        and word(id(array) + 16) == array.ctypes.data
        and word(id(array) + 24) & 0xFFFFFFFF == array.ndim
        and tuple(word(word(id(array) + 32) + 8 * axis) for axis in range(2)) == array.shape
        and word(id(array) + 56) == id(dtype)
        and word(id(array) + 64) & 0xFFFFFFFF == array.flags.num
        and ctypes.string_at(id(dtype) + 24, 3) == (dtype.kind + dtype.char + dtype.byteorder).encode()
        and word(id(dtype) + 24) >> 32 == dtype.num
        and word(id(number) + 8) == id(float)
        and ctypes.c_double.from_address(id(number) + 16).value == number
    )


# PyObject: type 8. PyFloatObject: value 16. PyArrayObject: data 16, nd 24 (i32), dimensions 32, descr 56, flags 64 (i32).
# PyArray_Descr: kind, type, byte order and flags, one byte each, at 24, type number 28 (i32).
_GUARD = """
define private i64 @word(i64 %address, i64 %offset) alwaysinline {{
  %at = add i64 %address, %offset
  %pointer = inttoptr i64 %at to ptr
  %value = load i64, ptr %pointer
  ret i64 %value
}}

define private void @store(i64 %address, i64 %offset, i64 %value) alwaysinline {{
  %at = add i64 %address, %offset
  %pointer = inttoptr i64 %at to ptr
  store i64 %value, ptr %pointer
  ret void
}}

define i64 @enter(i64 %self, i64 %arguments, i64 %count) {{
start:
  %overflow = alloca i32
  %scratch = alloca [2 x i64]
  %words = call i64 @word(i64 %self, i64 16)
  %expected_count = call i64 @word(i64 %words, i64 0)
  %step = call i64 @word(i64 %words, i64 8)
  %table = call i64 @word(i64 %words, i64 16)
  %threads_at = call i64 @word(i64 %words, i64 24)
  %in_use = call i64 @word(i64 %words, i64 32)
  %count_fits = icmp eq i64 %count, %expected_count
  br i1 %count_fits, label %if_free, label %done
if_free:
  %free = icmp eq i64 %in_use, 0
  br i1 %free, label %check, label %done

check:
  %i = phi i64 [0, %if_free], [%next, %fill]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %argument, label %run
argument:
  %i_bytes = shl i64 %i, 3
  %object = call i64 @word(i64 %arguments, i64 %i_bytes)
  %type = call i64 @word(i64 %object, i64 8)
  %record_words = mul i64 %i, 6
  %record_bytes = shl i64 %record_words, 3
  %records = add i64 %words, 40
  %record = add i64 %records, %record_bytes
  %kind = call i64 @word(i64 %record, i64 0)
  %slot = call i64 @word(i64 %record, i64 8)
  %expected = call i64 @word(i64 %record, i64 16)
  switch i64 %kind, label %done [
    i64 0, label %array
    i64 1, label %float
    i64 2, label %int
    i64 3, label %bool
    i64 4, label %same
  ]

array:
  %is_array = icmp eq i64 %type, {ndarray}
  br i1 %is_array, label %header, label %done
header:
  %descr = call i64 @word(i64 %object, i64 56)
  %same_descr = icmp eq i64 %descr, %expected
  br i1 %same_descr, label %layout, label %equal_descr
equal_descr:
  %descr_kind = call i64 @word(i64 %descr, i64 24)
  %expected_kind = call i64 @word(i64 %expected, i64 24)
  %equal = icmp eq i64 %descr_kind, %expected_kind
  br i1 %equal, label %layout, label %done
layout:
  %rank_word = call i64 @word(i64 %object, i64 24)
  %rank = and i64 %rank_word, 4294967295
  %expected_rank = call i64 @word(i64 %record, i64 24)
  %flag_word = call i64 @word(i64 %object, i64 64)
  %required = call i64 @word(i64 %record, i64 40)
  %present = and i64 %flag_word, %required
  %rank_fits = icmp eq i64 %rank, %expected_rank
  %flags_fit = icmp eq i64 %present, %required
  %fits = and i1 %rank_fits, %flags_fit
  br i1 %fits, label %shape, label %done
shape:
  %dims = call i64 @word(i64 %object, i64 32)
  %expected_dims = call i64 @word(i64 %record, i64 32)
  %data = call i64 @word(i64 %object, i64 16)
  %rank_bytes = shl i64 %rank, 3
  br label %axes
axes:
  %axis = phi i64 [0, %shape], [%next_axis, %axis_check]
  %axes_left = icmp slt i64 %axis, %rank_bytes
  br i1 %axes_left, label %axis_check, label %fill
axis_check:
  %size = call i64 @word(i64 %dims, i64 %axis)
  %expected_size = call i64 @word(i64 %expected_dims, i64 %axis)
  %next_axis = add i64 %axis, 8
  %size_fits = icmp eq i64 %size, %expected_size
  br i1 %size_fits, label %axes, label %done

float:
  %is_float = icmp eq i64 %type, {float}
  br i1 %is_float, label %float_value, label %done
float_value:
  %bits = call i64 @word(i64 %object, i64 16)
  br label %fill

int:
  %is_int = icmp eq i64 %type, {int}
  br i1 %is_int, label %int_value, label %done
int_value:
  %as_int = inttoptr i64 {as_int} to ptr
  %integer = call i64 %as_int(i64 %object, ptr %overflow)
  %beyond = load i32, ptr %overflow
  %int_fits = icmp eq i32 %beyond, 0
  br i1 %int_fits, label %fill, label %done

bool:
  %is_true = icmp eq i64 %object, {true}
  %is_false = icmp eq i64 %object, {false}
  %is_bool = or i1 %is_true, %is_false
  %truth = zext i1 %is_true to i64
  br i1 %is_bool, label %fill, label %done

same:
  %is_same = icmp eq i64 %object, %expected
  br i1 %is_same, label %fill_nothing, label %done
fill_nothing:
  br label %fill

fill:
  %value = phi i64 [%data, %axes], [%bits, %float_value], [%integer, %int_value], [%truth, %bool], [0, %fill_nothing]
  %used_slot = phi i64 [%slot, %axes], [%slot, %float_value], [%slot, %int_value], [%slot, %bool], [0, %fill_nothing]
  %slot_bytes = shl i64 %used_slot, 3
  call void @store(i64 %table, i64 %slot_bytes, i64 %value)
  %next = add i64 %i, 1
  br label %check

run:
  %threads = call i64 @word(i64 %threads_at, i64 0)
  call void @store(i64 %table, i64 8, i64 %threads)
  call void @store(i64 %table, i64 0, i64 0)
  call void @store(i64 %words, i64 32, i64 1)
  %function = inttoptr i64 %step to ptr
  %exception = getelementptr i64, ptr %scratch, i64 1
  %failed = call i32 %function(ptr %scratch, ptr %exception, i64 %table)
  call void @store(i64 %words, i64 32, i64 0)
  %status = call i64 @word(i64 %table, i64 0)
  %raised = icmp ne i32 %failed, 0
  %outcome = select i1 %raised, i64 -3, i64 %status
  br label %done

done:
  %code = phi i64 [-1, %start], [-2, %if_free], [-1, %argument], [-1, %array], [-1, %equal_descr],
    [-1, %layout], [-1, %axis_check], [-1, %float], [-1, %int], [-1, %int_value], [-1, %bool],
    [-1, %same], [%outcome, %run]
  %from_int = inttoptr i64 {from_int} to ptr
  %answer = call i64 %from_int(i64 %code)
  ret i64 %answer
}}
"""
