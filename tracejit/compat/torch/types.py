"""The tensor types of old: ``torch.FloatTensor`` and its kin, which make tensors and name dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.compat.torch import dtypes
from tracejit.compat.torch.device import check_device

NAMES = {
    "FloatTensor": dtypes.float32,
    "DoubleTensor": dtypes.float64,
    "LongTensor": dtypes.int64,
    "IntTensor": dtypes.int32,
    "ShortTensor": dtypes.int16,
    "CharTensor": dtypes.int8,
    "ByteTensor": dtypes.uint8,
    "BoolTensor": dtypes.bool_,
}


def type_name(dtype: np.dtype) -> str:
    """The name of the tensors of a dtype."""
    return next((f"torch.{name}" for name, d in NAMES.items() if d.numpy == dtype), "torch.Tensor")


def scalar_name(dtype: np.dtype) -> str:
    """What PyTorch calls a dtype in errors: ``Float`` for float32."""
    return type_name(dtype).removeprefix("torch.").removesuffix("Tensor") or str(dtype)


def dtype_named(kind: Any) -> np.dtype:
    """The dtype that ``x.type(kind)`` asks for: by a tensor type, its name, or a dtype.

    Raises:
        DeviceError: The type is one of CUDA.
    """
    if isinstance(kind, str):
        *place, name = kind.split(".")
        if name in NAMES and place in (["torch"], ["torch", "cuda"]):
            check_device("cuda" if "cuda" in place else "cpu", kind)
            return NAMES[name].numpy
        raise ValueError(f"invalid type: {kind!r}")
    asked = getattr(kind, "tensor_dtype", None)
    return dtypes.as_numpy(kind) if asked is None else asked().numpy
