"""The tensor types of old: ``torch.FloatTensor`` and its kin, which make tensors and name dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.compat.torch import dtypes
from tracejit.compat.torch.device import place
from tracejit.ir.dtype import is_bfloat16
from tracejit.runtime.device import Device

NAMES = {
    "FloatTensor": dtypes.float32,
    "HalfTensor": dtypes.float16,
    "DoubleTensor": dtypes.float64,
    "LongTensor": dtypes.int64,
    "IntTensor": dtypes.int32,
    "ShortTensor": dtypes.int16,
    "CharTensor": dtypes.int8,
    "ByteTensor": dtypes.uint8,
    "BoolTensor": dtypes.bool_,
}


def type_name(dtype: np.dtype, module: str = "torch") -> str:
    """The name of the tensors of a dtype."""
    return next((f"{module}.{name}" for name, d in NAMES.items() if d.numpy == dtype), f"{module}.Tensor")


def scalar_name(dtype: np.dtype) -> str:
    """What PyTorch calls a dtype in errors: ``Float`` for float32."""
    if is_bfloat16(dtype):
        return "BFloat16"
    return type_name(dtype).removeprefix("torch.").removesuffix("Tensor") or str(dtype)


def type_asked(kind: Any) -> tuple[np.dtype, Device | None]:
    """The dtype and device that ``x.type(kind)`` asks for: by a tensor type, its name, or a dtype, which leaves the device.

    Raises:
        DeviceError: The type is one of CUDA, and something is missing.
    """
    if isinstance(kind, str):
        *module, name = kind.split(".")
        if name in NAMES and module in (["torch"], ["torch", "cuda"]):
            return NAMES[name].numpy, place("cuda" if "cuda" in module else "cpu", kind)
        raise ValueError(f"invalid type: {kind!r}")
    asked = getattr(kind, "tensor_dtype", None)
    return (dtypes.as_numpy(kind), None) if asked is None else (asked().numpy, kind.place())
