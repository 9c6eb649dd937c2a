"""Conversion: dtypes, devices, and the values of tensors as Python's and NumPy's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracejit.compat.torch import dtypes, mode
from tracejit.compat.torch.apply import node_of, trace
from tracejit.compat.torch.device import CPU, CUDA, device, place, place_of, put
from tracejit.compat.torch.graph import made
from tracejit.compat.torch.kernels.movement import moved_copy
from tracejit.compat.torch.promote import dims_of, dtype_of, to
from tracejit.compat.torch.shown import refresh
from tracejit.compat.torch.types import type_asked, type_name
from tracejit.compat.torch.value import Value, versions, wrap
from tracejit.frontend.device import moved
from tracejit.ir.dtype import family
from tracejit.runtime.device import DeviceArray, on_host

Integer, Real = int, float  # whose names methods have


class Conversion(Value):
    """Dtypes, devices, numbers."""

    @property
    def dtype(self) -> dtypes.dtype:
        return dtypes.of_numpy(dtype_of(self))

    @property
    def device(self) -> device:
        if self._tracer is not None:
            return CUDA if self._tracer.owner.device == "cuda" else CPU
        return place_of(self._array)

    @property
    def is_cuda(self) -> Any:
        """Whether it is on a GPU."""
        return self.device.type == "cuda"

    def type(self, kind: Any = None) -> Any:
        """The name of the tensor's type, or the tensor in another type: ``torch.FloatTensor``, a dtype, or a name of these."""
        if kind is None:
            return type_name(dtype_of(self), "torch.cuda" if self.is_cuda else "torch")
        dtype, where = type_asked(kind)
        return to(self if where is None else self._on(where), dtype)

    def type_as(self, other: Value) -> Any:
        """In the dtype, and on the device, of another tensor."""
        return self.to(other)

    def _on(self, where: str) -> Any:
        """On a device; the same tensor where it is there, and in a trace: a program runs on one device."""
        session = trace()
        if session is not None and where == "cuda":
            session.put_there(self)
        if session is not None or where == place_of(self._array).type:
            return self
        refresh(self)
        out = wrap(self.__class__, moved(self._array, place(where)))
        if self._requires and mode.is_grad_enabled():
            node = made(moved_copy, (node_of(self),), {}, out._array, versions(out))
            out._requires, out._made, out._node = True, moved_copy.name, node
        return out

    def float(self) -> Any:
        """In float32."""
        return to(self, dtypes.float32.numpy)

    def double(self) -> Any:
        """In float64."""
        return to(self, dtypes.float64.numpy)

    def half(self) -> Any:
        """In float16."""
        return to(self, dtypes.float16.numpy)

    def bfloat16(self) -> Any:
        """In bfloat16."""
        return to(self, dtypes.bfloat16().numpy)

    def int(self) -> Any:
        """In int32."""
        return to(self, dtypes.int32.numpy)

    def long(self) -> Any:
        """In int64."""
        return to(self, dtypes.int64.numpy)

    def short(self) -> Any:
        """In int16."""
        return to(self, dtypes.int16.numpy)

    def bool(self) -> Any:
        """Whether each element is anything but 0."""
        return to(self, dtypes.bool_.numpy)

    def to(self, *args: Any, dtype: Any = None, device: Any = None, copy: Any = False, non_blocking: Any = False) -> Any:
        """In another dtype, on another device, or as another tensor."""
        for arg in args:
            if isinstance(arg, Value):
                dtype, device = dtypes.of_numpy(dtype_of(arg)), arg.device  # type: ignore[attr-defined]
            elif isinstance(arg, dtypes.dtype):
                dtype = arg
            else:
                device = arg
        there: Any = self if device is None else self._on(place(device))
        out: Any = there if dtype is None else to(there, dtypes.as_numpy(dtype))
        fresh: Any = out
        return fresh.clone() if copy and out is self else out

    def cpu(self) -> Any:
        """On the CPU."""
        return self._on("cpu")

    def cuda(self, device: Any = None) -> Any:
        """On the GPU."""
        return self._on(place("cuda" if device is None else device))

    def get_device(self) -> Any:
        """The number of its GPU; -1 on the CPU."""
        return 0 if self.is_cuda else -1

    def pin_memory(self) -> Any:
        """Itself: copies to a GPU go through memory for that."""
        return self

    def is_floating_point(self) -> Any:
        """Whether the elements are floats."""
        return family(dtype_of(self)) == "f"

    def new_zeros(self, *size: Any) -> Any:
        """Zeros of another shape in this dtype."""
        shape = size[0] if len(size) == 1 and isinstance(size[0], Sequence) else size
        return put(wrap(self.__class__, np.zeros(shape, dtype_of(self))), self.device)

    # values

    def item(self) -> Any:
        """The one element as a Python number."""
        if self._tracer is not None:
            return self._tracer.item()
        if trace() is not None:
            return trace().tracer(self).item()  # type: ignore[union-attr]
        refresh(self)
        if self._array.size != 1:
            raise RuntimeError(f"a Tensor with {self._array.size} elements cannot be converted to Scalar")
        return self._array.item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        return on_host(self._known("tolist()")).tolist()

    def numpy(self, *, force: Any = False) -> np.ndarray:
        """The memory as a NumPy array."""
        if self._requires and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        known = self._known("numpy()")
        if isinstance(known, DeviceArray):
            raise TypeError(
                "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first."
            )
        array: np.ndarray = known
        return array

    def _known(self, asked: str) -> Any:
        """The array, which a traced tensor has not."""
        if self._tracer is not None:
            return self._tracer.__array__()
        refresh(self)
        return self._array

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        array = self.numpy()
        if copy or (dtype is not None and np.dtype(dtype) != array.dtype):
            return np.array(array, dtype=dtype)
        return array

    def __bool__(self) -> Any:
        if any(d != 1 for d in dims_of(self)):
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return self.item() != 0

    def __int__(self) -> Any:
        return Integer(self.item())

    def __float__(self) -> Any:
        return Real(self.item())

    def __index__(self) -> Any:
        if dtype_of(self).kind not in "iu":
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return Integer(self.item())
