"""Arrays on a device. Nothing of CUDA is imported here: that happens when the first one is made."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from tracejit.errors import ArgumentError

Device = Literal["cpu", "cuda"]


class Flags(NamedTuple):
    """What NumPy's ``flags`` say, of a device array."""

    writeable: bool = True
    c_contiguous: bool = True
    aligned: bool = True


class Memory(Protocol):
    """A piece of device memory, freed when the object is dropped.

    Attributes:
        stream: Handle of the stream that it was last used on, whose work so far must be done before it is used on another one;
            None where nothing is under way.
    """

    stream: int | None

    @property
    def address(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

    def download(self, target: np.ndarray, address: int, stream: int | None) -> None:
        """Copy to a host array, and wait for it."""

    def upload(self, address: int, source: np.ndarray, stream: int | None) -> int:
        """Copy from a host array; the handle of the stream that does it."""

    def move(self, target: int, source: int, nbytes: int, stream: int | None, after: int | None) -> int:
        """Copy on the device, when another stream has done its work so far; the handle of the stream that does it."""

    def copied(self, address: int, nbytes: int, stream: int | None) -> tuple[Memory, int]:
        """Other memory with the same content, and the handle of the stream that copies."""

    def order(self, before: int, after: int) -> None:
        """Have the work of one stream wait for what another one has been given so far, by their handles."""

    def exported(self, array: DeviceArray) -> Any:
        """The array as an object of the library that owns the memory, which speaks DLPack."""


class DeviceArray:
    """A C-contiguous array on a device. It never becomes a host array unasked: :meth:`numpy` copies it.

    Args:
        memory: Holds the elements, and is kept alive.
        shape: Its sizes.
        dtype: Of the elements.
        address: Of the first element; where ``memory`` begins if not given.
        stream: Of the memory, if it is to be another one.
        caller: Handle of the stream that its library works on now, and programs with it; None for the usual one.
        writeable: Whether programs may write to it.
    """

    __slots__ = ("__weakref__", "address", "caller", "dtype", "flags", "memory", "shape")
    device = "cuda"

    def __init__(
        self,
        memory: Memory,
        shape: tuple[int, ...],
        dtype: np.dtype,
        address: int | None = None,
        stream: int | None = None,
        caller: int | None = None,
        writeable: bool = True,
    ) -> None:
        self.memory = memory
        self.shape = shape
        self.dtype = dtype
        self.address = memory.address if address is None else address
        if stream is not None:
            memory.stream = stream
        self.caller = caller
        self.flags = Flags(writeable)

    @property
    def stream(self) -> int | None:
        """That of the memory, which all arrays there share."""
        return self.memory.stream

    @stream.setter
    def stream(self, stream: int | None) -> None:
        self.memory.stream = stream

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        count = 1
        for length in self.shape:
            count *= length
        return count

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def numpy(self) -> np.ndarray:
        """A copy on the host; waits for the device."""
        out = np.empty(self.shape, self.dtype)
        self.memory.download(out, self.address, self.stream)
        return out

    def item(self) -> Any:
        """The one element as a Python number; waits for the device."""
        return self.numpy().item()

    def __int__(self) -> int:
        return int(self.item())

    def copy(self) -> DeviceArray:
        """A copy on the device."""
        memory, stream = self.memory.copied(self.address, self.nbytes, self.stream)
        return DeviceArray(memory, self.shape, self.dtype, stream=stream)

    def __deepcopy__(self, memo: Any) -> DeviceArray:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return _placed, (self.numpy(),)

    def store(self, source: np.ndarray) -> None:
        """Take the content of a host array of the same shape and dtype."""
        self.stream = self.memory.upload(self.address, np.ascontiguousarray(source, self.dtype), self.stream)

    def take(self, source: DeviceArray) -> None:
        """Take the content of a device array of the same shape and dtype."""
        self.stream = source.stream = self.memory.move(self.address, source.address, self.nbytes, self.stream, source.stream)

    def overlaps(self, other: DeviceArray) -> bool:
        """Whether the two share memory."""
        return self.address < other.address + other.nbytes and other.address < self.address + self.nbytes

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        exported: dict[str, Any] = self.memory.exported(self).__cuda_array_interface__
        return exported if self.stream is None else exported | {"version": 3, "stream": int(self.stream) or 1}

    def __dlpack__(self, *, stream: int | None = None, **options: Any) -> Any:
        """As DLPack has it; work on ``stream`` waits for what still writes the array."""
        if self.stream is not None and stream != -1:
            self.memory.order(self.stream, 0 if stream in (None, 1) else stream)
        return self.memory.exported(self).__dlpack__(stream=-1, **options)

    def __dlpack_device__(self) -> tuple[int, int]:
        place: tuple[int, int] = self.memory.exported(self).__dlpack_device__()
        return place

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise ArgumentError(
            f"an array on {self.device}, {self.dtype}{list(self.shape)}, was given to code that needs it on the host\n"
            "  rule: nothing is copied to the host unasked\n  cure: x.numpy()"
        )

    def __repr__(self) -> str:
        return f"<{self.dtype}{list(self.shape)} on {self.device}>"


def _placed(array: np.ndarray) -> DeviceArray:
    """What was pickled, on the device of this process."""
    from tracejit.runtime.cuda.driver import driver
    from tracejit.runtime.cuda.memory import placed

    return placed(driver(), array, "tensors")


Array = np.ndarray | DeviceArray


def is_resident(value: Any) -> bool:
    """Whether another library's array lies on a device."""
    try:
        if hasattr(value, "__cuda_array_interface__"):
            return True
        place = getattr(value, "__dlpack_device__", None)
        return place is not None and int(place()[0]) == _DLPACK_CUDA
    except (TypeError, AttributeError):  # a class, say
        return False
    except (RuntimeError, ValueError, BufferError):  # the library refuses to show it, and says why when it is read
        return True


_DLPACK_CUDA = 2


def overlap(x: Array, y: Array) -> bool:
    """Whether two arrays may share memory."""
    if isinstance(x, DeviceArray) or isinstance(y, DeviceArray):
        return isinstance(x, DeviceArray) and isinstance(y, DeviceArray) and x.overlaps(y)
    return np.may_share_memory(x, y)


def on_host(array: Array) -> np.ndarray:
    """``array`` as a NumPy array: itself, or a copy that was asked for."""
    return array.numpy() if isinstance(array, DeviceArray) else array
