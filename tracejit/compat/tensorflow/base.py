"""What TensorFlow's tensors and variables share: both show a tensor of the front end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from tracejit.compat.tensorflow.dtypes import DType, as_dtype
from tracejit.frontend.base import Tensor as Core


class Held(ABC):
    """A tensor or variable of TensorFlow's.

    Attributes:
        core: What it shows: a tensor that has its value, one that is traced, or a Variable.
    """

    __slots__ = ("core",)
    core: Core

    @abstractmethod
    def numpy(self) -> Any:
        """A copy of the value: an array of NumPy, or its scalar."""

    @property
    def dtype(self) -> DType:
        return as_dtype(self.core.dtype)

    @property
    def ndim(self) -> int:
        return self.core.ndim
