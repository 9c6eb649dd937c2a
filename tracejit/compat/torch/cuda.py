"""``torch.cuda``: whether there is a GPU, and the types of tensors on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tracejit.compat.torch.device import place
from tracejit.compat.torch.legacy import TensorType
from tracejit.compat.torch.types import NAMES
from tracejit.errors import DeviceError, MissingExtraError
from tracejit.frontend.device import require

if TYPE_CHECKING:
    from tracejit.runtime.cuda.driver import Driver

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


def current_device() -> int:
    """The number of the GPU that is used."""
    place("cuda", "torch.cuda.current_device")
    return 0


def get_device_name(device: Any = None) -> str:
    """What its maker calls the GPU."""
    return _driver("torch.cuda.get_device_name").rates.name


def memory_allocated(device: Any = None) -> int:
    """Bytes that tensors and programs hold on the GPU."""
    return sum(_driver("torch.cuda.memory_allocated").ledger.held.values())


def empty_cache() -> None:
    """Nothing: memory that is not used is given back as others need it."""


def _driver(asked: str) -> Driver:
    place("cuda", asked)
    from tracejit.runtime.cuda.driver import driver

    return driver()


def synchronize(device: Any = None) -> None:
    """Wait for all work that the GPU has been given on the present stream."""
    _driver("torch.cuda.synchronize").stream().wait()


def manual_seed(seed: int) -> None:
    """Nothing: random numbers are those of the CPU, also on a GPU."""


def manual_seed_all(seed: int) -> None:
    """Nothing: random numbers are those of the CPU, also on a GPU."""
