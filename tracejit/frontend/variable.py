"""Variable: an array that keeps its memory and is read and written by traced functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.errors import ShapeError, TraceError, VariableError
from tracejit.frontend.base import Tensor
from tracejit.frontend.device import assign, checked_place, default_device, device_of, moved, resident_array
from tracejit.frontend.eager import EagerTrace, Key, active, trace, value_of
from tracejit.frontend.lift import lift
from tracejit.frontend.public import hand_out, opened
from tracejit.frontend.recorder import recorders
from tracejit.frontend.scope import scoped
from tracejit.frontend.shapes import same
from tracejit.frontend.symbolic import SymbolicInt
from tracejit.frontend.tensor import EagerTensor
from tracejit.frontend.where import at_line, user_where
from tracejit.ir import Builder, Node, TensorSpec, current
from tracejit.ir.dtype import is_same_kind
from tracejit.runtime.device import Array, Device, DeviceArray, is_resident, on_host


class Variable(Tensor):
    """A value that programs read and update, such as a weight.

    Arithmetic takes its present value; so do slices and transposes, which do not follow later assignments. ``v += x`` and its
    kin assign. Within a traced function reads see the assignments before them; the memory is written when the call ends.

    Args:
        value: Where it starts; copied.
        name: For messages, generated programs and drawings; under the name scope that is open.
        dtype: Of the value if not given.
        trainable: Whether gradients by it are wanted; a tape watches the ones that are.
        device: Where it lives, ``"cpu"`` or ``"cuda"``. If not given, on the GPU where ``tj.device`` or ``TRACEJIT_DEVICE`` asks
            for it, or where ``value`` is there.

    Raises:
        VariableError: It is created anew each time that a traced function is traced.
    """

    __slots__ = ("__weakref__", "_key", "buffer", "name", "trainable")
    weak = False
    scalar = False

    def __init__(
        self, value: Any, name: str | None = None, dtype: Any = None, trainable: bool = True, device: Device | None = None
    ) -> None:
        self.name = scoped(name or "variable")
        self.trainable = trainable
        self._key: Key | None = None
        self.buffer: Any = _memory(_initial(value), dtype, device or default_device())
        builder = active()
        if builder is not None and not isinstance(builder, EagerTrace):
            trace().created(self)

    @property
    def spec(self) -> TensorSpec:
        return TensorSpec.of(self.buffer.shape, self.buffer.dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self.buffer.shape
        return shape

    @property
    def device(self) -> Device:
        """Where it lives."""
        return device_of(self.buffer)

    def to(self, device: Device) -> Variable:
        """A Variable with its value on a device, ``"cpu"`` or ``"cuda"``: itself if it lives there, a new one otherwise."""
        if checked_place(device, "to") == self.device:
            return self
        other = Variable(self, trainable=self.trainable, device=device)
        other.name = self.name
        return other

    def node_in(self, builder: Builder) -> Node:
        if isinstance(builder, EagerTrace):
            if self._key is None:
                self._key = Key()
            node = builder.known(self._key, self.buffer, changes=True)
        else:
            graph: Any = builder
            node = graph.variable(self)
        for recorder in recorders(builder):
            node = recorder.read(self, node)
        return node

    def write(self, node: Node) -> None:
        builder = trace()
        if isinstance(builder, EagerTrace):
            self.store(value_of(node))
        else:
            builder.assign(self, node)

    def store(self, value: Array) -> None:
        """Take the content of an array of the same shape and dtype."""
        assign(self.buffer, value, f"Variable {self.name}")
        self.touched()

    def touched(self) -> None:
        """Note that the buffer holds another value than before."""
        self._key = None  # compiled programs do so themselves

    def value(self) -> Any:
        """The present value as a tensor."""
        with opened(self):
            return hand_out(self.node_in(current()), scalar=False)

    def numpy(self) -> np.ndarray:
        """A copy of the present value as a NumPy array."""
        if _traced():
            raise TraceError(
                f"Variable {self.name}: its value was asked for while a function is traced; it is known when the program runs\n"
                f"  cure: compute with the Variable itself, or call numpy() outside{at_line(user_where())}"
            )
        return np.array(on_host(self.buffer))

    def assign(self, value: Any) -> Variable:
        """Replace the value by one of the same shape and of a dtype of the same kind; returns the Variable."""
        with opened(self, value):
            operand = lift(value, f"Variable {self.name}: assign")
            kind = operand.kind if isinstance(operand.kind, np.dtype) else np.asarray(operand.kind(0)).dtype
            shape = trace().spec(operand.node()).shape if isinstance(operand.value, Node) else ()
            if shape != self.buffer.shape:
                self._unify(shape, kind)
            if not is_same_kind(kind, self.dtype):
                raise VariableError(
                    f"Variable {self.name}: a value of dtype {kind} was assigned to dtype {self.dtype}\n"
                    f"  rule: casts in place keep the kind\n  cure: cast it with astype({str(self.dtype)!r})"
                )
            self.write(operand.to(self.dtype))
        return self

    def _unify(self, shape: tuple[Any, ...], dtype: np.dtype) -> None:
        """Make the symbolic sizes in ``shape`` those of the Variable; VariableError where they differ."""
        fault = (
            f"Variable {self.name}: {TensorSpec(self.buffer.shape, self.dtype)} was assigned {TensorSpec(shape, dtype)}\n"
            "  rule: the shapes must be equal"
        )
        if len(shape) != self.ndim:
            raise VariableError(fault)
        try:
            for given, own in zip(shape, self.buffer.shape, strict=True):
                same(given, own, fault)
        except ShapeError as error:
            raise VariableError(str(error)) from None

    def assign_add(self, value: Any) -> Variable:
        """``assign`` the value plus ``value``."""
        return self.assign(self + value)

    def assign_sub(self, value: Any) -> Variable:
        """``assign`` the value less ``value``."""
        return self.assign(self - value)

    def item(self, asked: str = "item()") -> Any:
        tensor: Any = self.value() if _traced() else None
        if tensor is not None:
            return tensor.item(asked)
        if self.buffer.size != 1:
            raise ValueError(f"Variable {self.name}, {self.spec}, has {self.buffer.size} elements; only one element is a number")
        return self.buffer.item()

    def tolist(self) -> Any:
        return self.numpy().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError(f"Variable {self.name}: an array without a copy was asked for; its memory is written by programs")
        return np.array(self.numpy(), dtype=dtype)

    def __repr__(self) -> str:
        text = np.array2string(on_host(self.buffer), separator=", ", prefix="Variable(")
        on = ", device='cuda'" * (self.device == "cuda")
        return f"Variable({text}, name={self.name!r}, dtype={self.dtype}{on})"

    def __str__(self) -> str:
        return str(on_host(self.buffer))

    def __format__(self, spec: str) -> str:
        return format(self.item() if spec else str(self), spec)


def _memory(value: Any, dtype: Any, device: str) -> Array:
    """Memory of its own with a value."""
    there = isinstance(value, DeviceArray)
    if there and device != "cpu" and dtype in (None, value.dtype):
        copy: DeviceArray = value.copy()
        return copy
    array = np.array(on_host(value), dtype=dtype, order="C")
    if array.dtype.byteorder == ">":
        array = array.astype(array.dtype.newbyteorder("="))
    TensorSpec(array.shape, array.dtype)  # DTypeError for objects and strings
    return moved(array, "cuda" if device == "cuda" or (there and device == "auto") else "cpu", "Variables")


def _initial(value: Any) -> Any:
    if isinstance(value, EagerTensor):
        return value.value
    if isinstance(value, Tensor) and _traced() and not isinstance(value, Variable):
        return value.__array__()  # a TraceError for what is not known yet
    if isinstance(value, SymbolicInt):
        return int(value)
    if isinstance(value, Variable):
        return value.buffer
    if isinstance(value, DeviceArray):
        return value
    return resident_array(value, "value") if is_resident(value) else value


def _traced() -> bool:
    builder = active()
    return builder is not None and not isinstance(builder, EagerTrace)
