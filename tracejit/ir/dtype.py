"""Floats of two bytes: float16, and bfloat16, which NumPy has from the package ml_dtypes and does not count among the floats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracejit.errors import MissingExtraError

FLOAT16, FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)


def bfloat16() -> np.dtype:
    """NumPy's dtype of that name.

    Raises:
        MissingExtraError: ml_dtypes is not installed.
    """
    try:
        import ml_dtypes  # on first use: few programs need it
    except ImportError:
        cure = 'pip install "tracejit[bfloat16]"'
        raise MissingExtraError(f"bfloat16: ml_dtypes is not installed\n  cure: {cure}", name="ml_dtypes") from None
    dtype: np.dtype = np.dtype(ml_dtypes.bfloat16)
    return dtype


def is_bfloat16(dtype: np.dtype) -> bool:
    """Whether a dtype is bfloat16."""
    return dtype.kind == "V" and dtype.name == "bfloat16"


def is_half(dtype: np.dtype) -> bool:
    """Whether a dtype is one of two bytes in which programs keep numbers, but do not compute."""
    return dtype == FLOAT16 or is_bfloat16(dtype)


def family(dtype: np.dtype) -> str:
    """NumPy's ``dtype.kind``, ``f`` for bfloat16 too."""
    return "f" if is_bfloat16(dtype) else dtype.kind


def finfo(dtype: np.dtype) -> Any:
    """What ``np.finfo`` says, of bfloat16 too."""
    if not is_bfloat16(dtype):
        return np.finfo(dtype)
    import ml_dtypes

    return ml_dtypes.finfo(dtype)


def stand_ins(operands: Sequence[Any]) -> tuple[list[Any], np.dtype]:
    """Operands of promotion as NumPy knows them, and what float16 among its answers stands for.

    bfloat16 is promoted as float16 is; where the two meet, they meet in float32.
    """
    found = next((d for d in operands if isinstance(d, np.dtype) and is_bfloat16(d)), None)
    if found is None:
        return list(operands), FLOAT16
    stand_in = FLOAT32 if FLOAT16 in operands else FLOAT16
    return [stand_in if isinstance(d, np.dtype) and d == found else d for d in operands], found


def promoted(*operands: Any) -> np.dtype:
    """What ``np.result_type`` says of dtypes and Python numbers, of bfloat16 too."""
    known, half = stand_ins([np.dtype(d) if isinstance(d, type) else d for d in operands])
    out = np.result_type(*known)
    return half if out == FLOAT16 else out


def is_same_kind(source: np.dtype, target: np.dtype) -> bool:
    """Whether NumPy casts ``source`` to ``target`` without being asked to, bfloat16 as float16."""
    (known,), (wanted,) = stand_ins([source])[0], stand_ins([target])[0]
    return bool(np.can_cast(known, wanted, "same_kind"))
