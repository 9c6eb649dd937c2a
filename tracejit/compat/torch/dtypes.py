"""PyTorch's dtypes, and the dtype that operands of several ones are brought to."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from tracejit.compat.torch.errors import OperandError
from tracejit.ir.dtype import bfloat16 as numpy_bfloat16
from tracejit.ir.dtype import family, is_bfloat16
from tracejit.ir.dtype import promoted as numpy_promoted


class dtype:
    """A dtype by PyTorch's name; ``numpy`` is NumPy's."""

    __slots__ = ("name", "numpy")

    def __init__(self, name: str, numpy: Any) -> None:
        self.name = name
        self.numpy: np.dtype = np.dtype(numpy)

    @property
    def is_floating_point(self) -> bool:
        return family(self.numpy) == "f"

    @property
    def is_complex(self) -> bool:
        return self.numpy.kind == "c"

    @property
    def is_signed(self) -> bool:
        return family(self.numpy) in "ifc"

    @property
    def itemsize(self) -> int:
        return self.numpy.itemsize

    def __repr__(self) -> str:
        return f"torch.{self.name}"


uint8 = dtype("uint8", np.uint8)
int8 = dtype("int8", np.int8)
int16 = short = dtype("int16", np.int16)
int32 = dtype("int32", np.int32)
int64 = long = dtype("int64", np.int64)
float16 = half = dtype("float16", np.float16)
float32 = dtype("float32", np.float32)
float64 = double = dtype("float64", np.float64)
complex64 = cfloat = dtype("complex64", np.complex64)
complex128 = cdouble = dtype("complex128", np.complex128)
bool_ = dtype("bool", np.bool_)

ALL = (uint8, int8, int16, int32, int64, float16, float32, float64, complex64, complex128, bool_)
_BY_NUMPY = {d.numpy: d for d in ALL} | {
    np.dtype(f"u{n}"): dtype(f"uint{8 * n}", f"u{n}")
    for n in (2, 4, 8)  # PyTorch knows these, and computes little with them
}
_OF_PYTHON: dict[type, dtype] = {bool: bool_, int: int64, complex: complex64}


@functools.cache
def bfloat16() -> dtype:
    """``torch.bfloat16``; MissingExtraError where the package is not installed that NumPy has it from."""
    return dtype("bfloat16", numpy_bfloat16())


class _Default:
    """The dtype of floats that say none."""

    value = float32


def get_default_dtype() -> dtype:
    """The dtype that tensors made of Python floats have."""
    return _Default.value


def set_default_dtype(d: Any) -> None:
    """Make ``d``, float32 or float64, the dtype that tensors made of Python floats have."""
    if d not in (float32, float64):
        raise TypeError(f"only floating-point types are supported as the default type, not {d!r}")
    _Default.value = d
    common.cache_clear()


def default() -> np.dtype:
    """The default dtype as NumPy's."""
    return _Default.value.numpy


def of_numpy(d: np.dtype) -> dtype:
    """The dtype with PyTorch's name."""
    return bfloat16() if is_bfloat16(d) else _BY_NUMPY[d]


def as_numpy(d: Any) -> np.dtype:
    """NumPy's dtype for what a user passes as ``dtype=``: PyTorch's, NumPy's, or a Python type."""
    if isinstance(d, dtype):
        return d.numpy
    if d is float:
        return default()
    if isinstance(d, type) and d in _OF_PYTHON:
        return _OF_PYTHON[d].numpy
    try:
        found: np.dtype = np.dtype(d)
        if found in _BY_NUMPY or is_bfloat16(found):
            return found
    except TypeError:
        pass
    raise OperandError(f"dtype must be torch.dtype, not {d!r}")


def of_number(value: Any) -> np.dtype:
    """The dtype of a tensor made of a Python number."""
    return default() if type(value) is float else _OF_PYTHON[type(value)].numpy


_CATEGORIES = ["b", "iu", "f", "c"]


def category(kind: str) -> int:
    """Bool 0, integers 1, floats 2, complex 3; PyTorch promotes between these first."""
    return next(i for i, kinds in enumerate(_CATEGORIES) if kind in kinds)


@functools.lru_cache(maxsize=4096)
def promoted(x: np.dtype, y: np.dtype) -> np.dtype:
    """The dtype for tensors of two dtypes: of the higher category, whatever its width."""
    a, b = category(family(x)), category(family(y))
    if a == b:
        wide: np.dtype = numpy_promoted(x, y)
        return wide
    low, high = (x, y) if a < b else (y, x)
    return numpy_promoted(low, high) if high.kind == "c" and family(low) == "f" else high


@functools.lru_cache(maxsize=4096)
def common(*operands: tuple[np.dtype, int]) -> np.dtype:
    """The dtype that operands are brought to.

    Args:
        operands: The dtype and the rank of each, -1 for a Python number. Tensors without dimensions count only where their
            category is higher than that of those with dimensions, and numbers where theirs is higher than any tensor's.
    """
    out: np.dtype | None = None
    for least, most in ((1, 99), (0, 0), (-1, -1)):
        level: np.dtype | None = None
        for d, rank in operands:
            if least <= rank <= most:
                level = d if level is None else promoted(level, d)
        if level is not None and (out is None or category(family(level)) > category(family(out))):
            complex_of_double = out is not None and level.kind == "c" and out == np.float64
            out = np.dtype(np.complex128) if complex_of_double else level
    assert out is not None, "an operation has operands"
    return out
