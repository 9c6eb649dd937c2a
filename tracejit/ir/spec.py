"""TensorSpec: the shape and dtype of a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from tracejit.errors import DTypeError
from tracejit.ir.dtype import bfloat16, is_bfloat16
from tracejit.ir.size import Dim, Size, evaluate, product, symbol

CODES: dict[str, np.dtype] = {
    "b1": np.dtype(bool),
    **{f"i{n}": np.dtype(f"i{n // 8}") for n in (8, 16, 32, 64)},
    **{f"u{n}": np.dtype(f"u{n // 8}") for n in (8, 16, 32, 64)},
    **{f"f{n}": np.dtype(f"f{n // 8}") for n in (16, 32, 64)},
    **{f"c{n}": np.dtype(f"c{n // 8}") for n in (64, 128)},
}
"""Dtypes by their short names, save ``bf16``, which NumPy has from elsewhere."""

_CODE_OF = {dtype: code for code, dtype in CODES.items()}
BFLOAT16 = "bf16"
SUPPORTED = ", ".join((*map(str, _CODE_OF), "bfloat16"))


def dtype_code(dtype: np.dtype) -> str:
    """The short name of a dtype, ``f32`` for float32. DTypeError where tracejit has no such dtype."""
    try:
        return _CODE_OF[dtype]
    except KeyError:
        if is_bfloat16(dtype):
            return BFLOAT16
        raise DTypeError(f"dtype {dtype} is not supported; supported are {SUPPORTED}") from None


def dtype_of(code: str) -> np.dtype:
    """The dtype of a short name. KeyError where there is none."""
    return bfloat16() if code == BFLOAT16 else CODES[code]


def is_supported(dtype: np.dtype) -> bool:
    """Whether tracejit has such a dtype."""
    return dtype in _CODE_OF or is_bfloat16(dtype)


@dataclass(frozen=True, slots=True, init=False)
class TensorSpec:
    """Shape and dtype of a tensor; ``None`` in a shape given by a user stands for any size.

    Args:
        shape: Dimensions; ints, symbolic sizes, or None for "any" (each None gets a symbol of its own).
        dtype: Anything that ``np.dtype`` takes.
    """

    shape: tuple[Dim, ...]
    dtype: np.dtype

    def __init__(self, shape: Sequence[Dim | None], dtype: object = "float64") -> None:
        dims = tuple(symbol(f"any{i}") if d is None else d if isinstance(d, Size) else int(d) for i, d in enumerate(shape))
        object.__setattr__(self, "shape", dims)
        object.__setattr__(self, "dtype", np.dtype(dtype))  # type: ignore[call-overload]
        dtype_code(self.dtype)

    @staticmethod
    @lru_cache(maxsize=4096)
    def of(shape: tuple[Dim, ...], dtype: np.dtype) -> TensorSpec:
        """The spec of a shape of sizes and a dtype of NumPy's; made once for each, as eager operations ask for many."""
        return TensorSpec(shape, dtype)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Dim:
        """Number of elements."""
        return product(self.shape)

    def concrete(self, sizes: Mapping[str, int]) -> TensorSpec:
        """The spec with every symbol replaced by its number."""
        return TensorSpec([evaluate(d, sizes) for d in self.shape], self.dtype)

    def __str__(self) -> str:
        return f"{dtype_code(self.dtype)}[{', '.join(map(str, self.shape))}]"

    __repr__ = __str__
