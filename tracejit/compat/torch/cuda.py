"""``torch.cuda``: the names, for scripts that ask whether there is a GPU. There is none for tracejit yet."""

from __future__ import annotations

from typing import Any

from tracejit.compat.torch.device import check_device
from tracejit.compat.torch.legacy import TensorType
from tracejit.compat.torch.types import NAMES

FloatTensor, DoubleTensor, LongTensor, IntTensor, ShortTensor, CharTensor, ByteTensor, BoolTensor = (
    TensorType(f"torch.cuda.{name}", dtype, "cuda") for name, dtype in NAMES.items()
)


def is_available() -> bool:
    """False: programs run on the CPU."""
    return False


def device_count() -> int:
    """0."""
    return 0


def synchronize(device: Any = None) -> None:
    """An error that says what is missing."""
    check_device("cuda", "torch.cuda.synchronize")


def manual_seed(seed: int) -> None:
    """Nothing: there is no device with random numbers of its own."""


def manual_seed_all(seed: int) -> None:
    """Nothing: there is no device with random numbers of its own."""
