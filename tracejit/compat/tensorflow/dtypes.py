"""TensorFlow's dtypes: ``tf.float32`` and its kin, over NumPy's."""

from __future__ import annotations

import builtins
import functools
from typing import Any, Final

import numpy as np

from tracejit.ir.dtype import bfloat16 as numpy_bfloat16
from tracejit.ir.dtype import family, finfo, is_bfloat16
from tracejit.ir.spec import CODES

_SHORT = {"float16": "half", "float32": "float", "float64": "double"}  # what TensorFlow's errors call them


class DType:
    """A dtype; one object for each. It equals its name and NumPy's dtype of that name.

    Args:
        numpy: NumPy's dtype.
    """

    __slots__ = ("_numpy",)

    def __init__(self, numpy: np.dtype) -> None:
        self._numpy = numpy

    @property
    def numpy(self) -> np.dtype:
        return self._numpy

    @property
    def name(self) -> str:
        return self._numpy.name

    @property
    def short(self) -> str:
        """The name in TensorFlow's errors: ``float`` for float32."""
        return _SHORT.get(self.name, self.name)

    @property
    def as_numpy_dtype(self) -> Any:
        return self._numpy.type

    @property
    def base_dtype(self) -> DType:
        return self

    @property
    def real_dtype(self) -> DType:
        return as_dtype(np.zeros(0, self._numpy).real.dtype)

    @property
    def is_floating(self) -> builtins.bool:
        return family(self._numpy) == "f"

    @property
    def is_integer(self) -> builtins.bool:
        return self._numpy.kind in "iu"

    @property
    def is_unsigned(self) -> builtins.bool:
        return self._numpy.kind == "u"

    @property
    def is_complex(self) -> builtins.bool:
        return self._numpy.kind == "c"

    @property
    def is_bool(self) -> builtins.bool:
        return self._numpy.kind == "b"

    @property
    def is_numpy_compatible(self) -> builtins.bool:
        return True

    @property
    def size(self) -> int:
        return self._numpy.itemsize

    @property
    def min(self) -> Any:
        return self._limit("min")

    @property
    def max(self) -> Any:
        return self._limit("max")

    def _limit(self, which: str) -> Any:
        if self.is_integer:
            return getattr(np.iinfo(self._numpy), which)
        if self.is_floating:
            return self.as_numpy_dtype(getattr(finfo(self._numpy), which))
        if self.is_bool:
            return which == "max"
        raise TypeError(f"Cannot find {which}imum value of {self}.")

    def is_compatible_with(self, other: Any) -> builtins.bool:
        return as_dtype(other) is self

    def __eq__(self, other: object) -> builtins.bool:
        if isinstance(other, DType):
            return self._numpy == other._numpy
        try:
            return as_dtype(other) is self
        except TypeError:
            return False

    def __hash__(self) -> int:
        return hash(self._numpy)

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"


ALL: Final = {dtype: DType(dtype) for dtype in CODES.values()}
"""Dtypes by NumPy's: all but bfloat16, which is made when it is asked for."""

bool = ALL[np.dtype(np.bool_)]
int8, int16, int32, int64 = (ALL[np.dtype(f"i{n}")] for n in (1, 2, 4, 8))
uint8, uint16, uint32, uint64 = (ALL[np.dtype(f"u{n}")] for n in (1, 2, 4, 8))
float16, float32, float64 = (ALL[np.dtype(f"f{n}")] for n in (2, 4, 8))
complex64, complex128 = ALL[np.dtype("c8")], ALL[np.dtype("c16")]
half, double = float16, float64

__all__ = [
    "DType",
    "as_dtype",
    "bool",
    "complex64",
    "complex128",
    "double",
    "float16",
    "float32",
    "float64",
    "half",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]


@functools.cache
def _bfloat16() -> DType:
    return DType(numpy_bfloat16())


def __getattr__(name: str) -> DType:
    if name == "bfloat16":
        return _bfloat16()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


_PYTHON = {float: float32, int: int32, complex: complex128}


def as_dtype(value: Any) -> DType:
    """The dtype that ``value`` names: a dtype of TensorFlow's or NumPy's, a name, or a type of Python.

    Raises:
        TypeError: There is none.
    """
    if isinstance(value, DType):
        return value
    if value in _PYTHON:
        return _PYTHON[value]
    if isinstance(value, str) and value == "bfloat16":
        return _bfloat16()
    try:
        dtype = np.dtype(value).newbyteorder("=")
        return _bfloat16() if is_bfloat16(dtype) else ALL[dtype]
    except (TypeError, KeyError):
        names = ", ".join((*(d.name for d in ALL.values()), "bfloat16"))
        raise TypeError(f"Cannot convert {value!r} to a TensorFlow DType; tracejit has {names}.") from None
