"""``torch.cuda``: whether there is a GPU, and the types of tensors on it."""

from __future__ import annotations

from typing import Any

from tracejit.compat.torch.device import place
from tracejit.compat.torch.legacy import TensorType
from tracejit.compat.torch.types import NAMES
from tracejit.errors import DeviceError, MissingExtraError
from tracejit.frontend.device import require

FloatTensor, HalfTensor, DoubleTensor, LongTensor, IntTensor, ShortTensor, CharTensor, ByteTensor, BoolTensor = (
    TensorType(f"torch.cuda.{name}", dtype, "cuda") for name, dtype in NAMES.items()
)


def is_available() -> bool:
    """Whether tensors can be on a GPU, or on the one that ``TRACEJIT_CUDA=emulate`` shows."""
    try:
        require()
    except (MissingExtraError, DeviceError):
        return False
    return True


def device_count() -> int:
    """1 where there is a GPU that is used, 0 otherwise."""
    return int(is_available())


def synchronize(device: Any = None) -> None:
    """Wait for all work that the GPU has been given on the present stream."""
    place("cuda", "torch.cuda.synchronize")
    from tracejit.runtime.cuda.driver import driver

    driver().stream().wait()


def manual_seed(seed: int) -> None:
    """Nothing: random numbers are those of the CPU, also on a GPU."""


def manual_seed_all(seed: int) -> None:
    """Nothing: random numbers are those of the CPU, also on a GPU."""
