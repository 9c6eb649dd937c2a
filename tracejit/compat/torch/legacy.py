"""``torch.FloatTensor`` and its kin as objects: they make tensors, and say whether one is of their dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.compat.torch import dtypes
from tracejit.compat.torch.device import place, put, set_default_device
from tracejit.compat.torch.tensor import Tensor
from tracejit.compat.torch.types import NAMES, type_asked
from tracejit.compat.torch.value import wrap


class TensorType:
    """A tensor type.

    Args:
        name: Such as ``torch.FloatTensor``.
        dtype: Of its tensors.
        device: Where they are.
    """

    def __init__(self, name: str, dtype: dtypes.dtype, device: str = "cpu") -> None:
        self._name, self._dtype, self._device = name, dtype, device

    def tensor_dtype(self) -> dtypes.dtype:
        """The dtype, for ``x.type(...)``."""
        return self._dtype

    def place(self) -> str:
        """The device, for ``x.type(...)``."""
        return place(self._device, self._name)

    def __call__(self, *data: Any) -> Any:
        kind = self.tensor_dtype().numpy
        if len(data) == 1 and isinstance(data[0], Tensor):
            return data[0].type(self)
        given = np.array(data[0], kind, order="C") if len(data) == 1 and not isinstance(data[0], int) else np.zeros(data, kind)
        return put(wrap(Tensor, given), self.place())

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, Tensor) and instance.dtype is self._dtype and instance.device.type == self._device

    def __repr__(self) -> str:
        return f"<class '{self._name}'>"


def set_default_tensor_type(kind: Any) -> None:
    """Give new tensors of floats the dtype of a tensor type or its name, and all new ones its device."""
    dtype, where = type_asked(kind)
    dtypes.set_default_dtype(dtypes.of_numpy(dtype))
    set_default_device(where)


FloatTensor, HalfTensor, DoubleTensor, LongTensor, IntTensor, ShortTensor, CharTensor, ByteTensor, BoolTensor = (
    TensorType(f"torch.{name}", dtype) for name, dtype in NAMES.items()
)
