"""How tensors print: as PyTorch prints them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracejit.compat.torch import dtypes
from tracejit.ir.dtype import family, is_half

DIGITS, EDGE, MOST, WIDTH = 4, 3, 1000, 80
Format = Callable[[Any], str]
_COMPLEX = {dtypes.float32: dtypes.complex64, dtypes.float64: dtypes.complex128}


def tensor_text(array: np.ndarray, dtype: dtypes.dtype, suffix: str = "") -> str:
    """``tensor([1., 2.])``.

    Args:
        array: The value.
        dtype: Named where it is not what the numbers show.
        suffix: What is said at the end, such as ``requires_grad=True``.
    """
    default = dtypes.get_default_dtype()
    plain = dtype in (default, _COMPLEX[default], dtypes.int64, dtypes.bool_)
    rest = []
    if array.size == 0 and array.ndim != 1:
        rest.append(f"size=({', '.join(map(str, array.shape))})")
    if not plain or (array.size == 0 and dtype is not default):
        rest.append(f"dtype={dtype!r}")
    if suffix:
        rest.append(suffix)
    array = array.astype(np.float32) if is_half(array.dtype) else array
    body = "[]" if array.size == 0 else _text(array, _format(array), len("tensor("), array.size > MOST)
    out = f"tensor({body}"
    for part in rest:
        last = len(out) - out.rfind("\n") - 1
        out += f",\n{' ' * len('tensor(')}{part}" if last + len(part) + 3 > WIDTH else f", {part}"
    return f"{out})"


def _shown(array: np.ndarray) -> np.ndarray:
    """The elements that are printed."""
    if array.size <= MOST:
        return array.ravel()
    for axis, size in enumerate(array.shape):
        if size > 2 * EDGE:
            array = np.concatenate([array.take(range(EDGE), axis), array.take(range(size - EDGE, size), axis)], axis)
    return array.ravel()


def _format(array: np.ndarray) -> Format:
    """How each element is written: all of one width."""
    if array.dtype.kind == "b":
        texts = [str(bool(x)) for x in _shown(array)]
        width = max(map(len, texts))
        return lambda x: str(bool(x)).rjust(width)
    if array.dtype.kind == "c":
        real, imaginary = _format(array.real), _format(array.imag)
        return lambda x: f"{real(x.real)}{'+' if x.imag >= 0 or x.imag != x.imag else ''}{imaginary(x.imag).strip()}j"
    shown = _shown(array)
    write: Format = str
    if family(array.dtype) == "f":
        write = _float_format(shown)
        shown = shown[np.isfinite(shown) & (shown != 0)]  # others may stick out
    width = max((len(write(x)) for x in shown), default=1)
    return lambda x: write(x).rjust(width)


def _float_format(values: np.ndarray) -> Format:
    """Four digits after the point, none if all are integers, scientific where sizes differ much."""
    wide = values.astype(np.float64)
    sizes = np.abs(wide[np.isfinite(wide) & (wide != 0)])
    if not sizes.size:
        return lambda x: f"{x:.0f}." if math.isfinite(x) else str(float(x))
    large, small = float(sizes.max()), float(sizes.min())
    if np.all(sizes == np.ceil(sizes)):
        if large / small > 1000 or large > 1e8:
            return lambda x: f"{x:.{DIGITS}e}"
        return lambda x: f"{x:.0f}." if math.isfinite(x) else str(float(x))
    if large / small > 1000 or large > 1e8 or small < 1e-4:
        return lambda x: f"{x:.{DIGITS}e}"
    return lambda x: f"{x:.{DIGITS}f}"


def _text(array: np.ndarray, write: Format, indent: int, shorten: bool) -> str:
    if array.ndim == 0:
        return write(array[()])
    if array.ndim == 1:
        return _row(array, write, indent, shorten)
    size = len(array)
    whole = not shorten or size <= 2 * EDGE
    rows = range(size) if whole else (*range(EDGE), -1, *range(size - EDGE, size))
    parts = ["..." if i < 0 else _text(array[i], write, indent + 1, shorten) for i in rows]
    gap = ",\n" + "\n" * (array.ndim - 2) + " " * (indent + 1)
    return f"[{gap.join(parts)}]"


def _row(array: np.ndarray, write: Format, indent: int, shorten: bool) -> str:
    if shorten and len(array) > 2 * EDGE:
        texts = [*map(write, array[:EDGE]), " ...", *map(write, array[-EDGE:])]
    else:
        texts = [write(x) for x in array]
    each = len(write(array[0])) + 2 if len(array) else 2
    many = max(1, (WIDTH - indent) // each)
    lines: list[Sequence[str]] = [texts[i : i + many] for i in range(0, len(texts), many)]
    return "[" + (",\n" + " " * (indent + 1)).join(", ".join(line) for line in lines) + "]"
