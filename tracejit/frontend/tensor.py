"""The two kinds of tensor beside Variables: a Tracer stands for a value of a running trace, an EagerTensor has its value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tracejit.errors import GradientError, LeakedTracerError, TraceError, UnsupportedError
from tracejit.frontend.base import Tensor
from tracejit.frontend.device import assign, checked_place, device_of, moved
from tracejit.frontend.eager import EagerTrace, Key, active, eager_trace, value_of
from tracejit.frontend.recorder import is_carried
from tracejit.frontend.symbolic import symbolic
from tracejit.frontend.view import Steps, apply_steps, write_back
from tracejit.frontend.where import at_line, user_where
from tracejit.ir import Builder, Node, TensorSpec, using
from tracejit.runtime.device import Device, DeviceArray, on_host

if TYPE_CHECKING:
    from tracejit.frontend.trace import GraphTrace


class Tracer(Tensor):
    """A value that a traced function computes with before it is known.

    Args:
        owner: The trace.
        node: The value.
        weak: As a Python number in promotion.
        scalar: A number, which ``+=`` replaces; otherwise an array, which it changes.
        base: Where it is a view, the tensor that it shows a part of.
        steps: The way from there.
    """

    __slots__ = ("_base", "_node", "_seen", "_steps", "_watched", "owner", "scalar", "weak")

    def __init__(
        self,
        owner: GraphTrace,
        node: Node,
        weak: bool = False,
        scalar: bool = False,
        base: Tracer | None = None,
        steps: Steps = (),
    ) -> None:
        self._base: Tracer | None = base
        self._steps: Steps = steps
        if base is not None and base._base is not None:  # a view of a view is a view of the whole
            self._base, self._steps = base._base, base._steps + steps
        self.owner = owner
        self.weak = weak
        self.scalar = scalar or weak
        self._node = node
        self._watched: tuple[Node, Node] | None = None
        self._seen = None if self._base is None else self._base._node

    @property
    def node(self) -> Node:
        """The present value."""
        if self.owner.ended:
            raise LeakedTracerError(
                f"a traced value of {self.owner.name} was used after the call that made it had ended\n"
                f"  cure: return it from {self.owner.name}, or pass it as an argument, instead of keeping it elsewhere"
                f"{at_line(self._node.where)}"
            )
        if self._base is not None and self._base._node is not self._seen:
            with using(self.owner):
                self._node = apply_steps(self._base._read(), self._steps)
            self._seen = self._base._node
        return self._node

    @node.setter
    def node(self, node: Node) -> None:
        if self._base is not None:
            with using(self.owner):
                self._base._node = self._seen = write_back(self._base._read(), self._steps, node)
        self._node = node

    @property
    def spec(self) -> TensorSpec:
        return self.owner.spec(self.node)

    @property
    def shape(self) -> tuple[Any, ...]:
        return tuple(symbolic(self.owner, d) for d in self.spec.shape)

    def watch(self, node: Node) -> None:
        """Use ``node``, of the same value, wherever this value is used from now on: a tape knows it by that."""
        self._watched = (self.node, node)

    def _read(self) -> Node:
        """What stands for the present value in computations."""
        node = self.node
        return self._watched[1] if self._watched is not None and self._watched[0] is node else node

    def node_in(self, builder: Builder) -> Node:
        node = self._read()
        if builder is not self.owner:
            raise LeakedTracerError(
                f"a traced value of {self.owner.name} was used outside its trace, in another thread or in another trace\n"
                f"  cure: pass it there as an argument{at_line(user_where())}"
            )
        return node

    @property
    def origin(self) -> tuple[Tracer, Steps]:
        """The array whose memory this is a view of, itself if it is none, and the steps from there."""
        return (self if self._base is None else self._base), self._steps

    def write(self, node: Node) -> None:
        self.node = node

    def item(self, asked: str = "item()") -> Any:
        if any(d != 1 for d in self.spec.shape):
            if self.is_known:
                raise ValueError(f"{self.spec} has many elements; only a tensor of one is a number, or true or false")
            raise TraceError(
                f"{asked}: {self.spec} has many elements, and none of them is known while {self.owner.name} is traced\n"
                "  cure: tj.where(condition, x, y), or tj.any and tj.all for one truth"
                f"{at_line(user_where())}"
            )
        return np.asarray(self.owner.pin(self.node, asked)).item()

    @property
    def is_known(self) -> bool:
        """Whether it is made of constants and of Python numbers among the arguments, so that it has a value while traced."""
        return self.owner.is_known(self.node)

    def tolist(self) -> Any:
        if self.is_known:
            return self.owner.pin(self.node, "tolist()").tolist() if self.ndim else self.item("tolist()")
        return self.item("tolist()") if self.ndim == 0 else [x.tolist() for x in self]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.is_known:
            return np.array(self.owner.pin(self.node, "a real array"), dtype or self.dtype)
        raise TraceError(
            f"{self.spec} was given to code that needs real numbers while {self.owner.name} is traced, such as a"
            " compiled library, or an index or item of a NumPy array\n  cure: use tj's or NumPy's functions, make the array a"
            f" tensor by tj.asarray, or do this outside {self.owner.name}{at_line(user_where())}"
        )

    def __repr__(self) -> str:
        return f"<traced {self._node.spec}>"

    def __format__(self, spec: str) -> str:
        return repr(self)


class EagerTensor(Tensor):
    """An array that has its value.

    Args:
        value: The array; it is the tensor's from now on.
        weak: As a Python number in promotion.
        scalar: A number, which ``+=`` replaces; otherwise an array, which it changes.
        base: Where it is a view, the tensor that it shows a part of.
        steps: The way from there.
    """

    __slots__ = ("_base", "_captured", "_key", "_seen", "_steps", "_value", "scalar", "weak")

    def __init__(
        self,
        value: Any,
        weak: bool = False,
        scalar: bool = False,
        base: EagerTensor | None = None,
        steps: Steps = (),
    ) -> None:
        self._base: EagerTensor | None = base
        self._steps: Steps = steps
        if base is not None and base._base is not None:
            self._base, self._steps = base._base, base._steps + steps
        self.weak = weak
        self.scalar = scalar or weak
        self._value = value
        self._key = Key()
        self._captured = False
        self._seen = None if self._base is None else self._base._key

    @property
    def value(self) -> Any:
        """The array, on the host or on a device; not to be written to."""
        self._refresh()
        return self._value

    @property
    def key(self) -> Key:
        """Another one whenever the value is another one."""
        self._refresh()
        return self._key

    def _refresh(self) -> None:
        if self._base is not None and self._base._key is not self._seen:
            builder = eager_trace()
            with using(builder):
                self._take(builder, apply_steps(self._base.node_in(builder), self._steps))
            self._seen = self._base._key

    def _take(self, builder: EagerTrace, node: Node) -> None:
        self.rebind(builder.owned(value_of(node)))
        builder.remember(self._key, node)

    def rebind(self, value: Any) -> None:
        """Take a new value of the same spec."""
        if self._captured:  # a program reads this very memory
            assign(self._value, value, "a captured tensor")
        else:
            self._value = value
        self.touched()

    def touched(self) -> None:
        """Note that the memory holds another value than before."""
        self._key = Key()

    @property
    def spec(self) -> TensorSpec:
        return TensorSpec.of(self._value.shape, self._value.dtype)

    @property
    def shape(self) -> tuple[Any, ...]:
        shape: tuple[Any, ...] = self._value.shape
        return shape

    def node_in(self, builder: Builder) -> Node:
        self._refresh()
        if isinstance(builder, EagerTrace):
            return builder.known(self._key, self._value, changes=self._captured)
        if not self._captured:
            value = self._value
            self._value, self._captured = value.copy() if isinstance(value, DeviceArray) else np.array(value, order="C"), True
        return _graph(builder).captured(self._value)

    @property
    def origin(self) -> tuple[EagerTensor, Steps]:
        """The array whose memory this is a view of, itself if it is none, and the steps from there."""
        return (self if self._base is None else self._base), self._steps

    def write(self, node: Node) -> None:
        builder = active()
        if builder is not None and not isinstance(builder, EagerTrace):
            raise UnsupportedError(
                f"a tensor of outside, {self.spec}, was written to while {_graph(builder).name} is traced\n"
                f"  cure: pass it as an argument, or make it a Variable{at_line(user_where())}"
            )
        trace = eager_trace()
        if self._base is not None:
            with using(trace):
                self._base._take(trace, write_back(self._base.node_in(trace), self._steps, node))
            self._seen = self._base._key
        self._take(trace, node)

    def numpy(self) -> np.ndarray:
        """A copy as a NumPy array."""
        self._check_plain("numpy()")
        return np.array(on_host(self.value))

    @property
    def device(self) -> Device:
        """Where its elements are."""
        return device_of(self._value)

    def to(self, device: Device) -> EagerTensor:
        """The tensor on a device, ``"cpu"`` or ``"cuda"``: itself if it is there."""
        if checked_place(device, "to") == self.device:
            return self
        return EagerTensor(moved(self.value, device), self.weak, self.scalar)

    def item(self, asked: str = "item()") -> Any:
        if self._value.size != 1:
            raise ValueError(f"{self.spec} has {self._value.size} elements; only a tensor of one is a number, or true or false")
        if asked in ("item()", "float()", "complex()"):
            self._check_plain(asked)
        return self.value.item()

    def tolist(self) -> Any:
        self._check_plain("tolist()")
        return on_host(self.value).tolist()

    def _check_plain(self, asked: str) -> None:
        """GradientError where ``grad`` and its like would lose a derivative without a word."""
        builder = active()
        if not isinstance(builder, EagerTrace) or not builder.listeners:
            return
        node = builder.find(self.key)
        if node is not None and is_carried(builder, node):
            raise GradientError(
                f"{asked}: {self.spec} depends on what is differentiated by, and as a plain number or array it would count for a"
                " constant\n  cure: NumPy's or tj's functions in place of code that needs plain numbers, such as math.sin;"
                f" tj.stop_gradient(x) where a constant is meant; has_aux=True to look at a value{at_line(user_where())}"
            )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        self._check_plain("a real array")
        if isinstance(self._value, DeviceArray):
            return self._value.__array__()  # an error
        if copy or (dtype is not None and dtype != self.dtype):
            return np.array(self.value, dtype=dtype)
        view: np.ndarray = self.value.view()
        view.flags.writeable = False
        return view

    def __dlpack__(self, **options: Any) -> Any:
        """As DLPack has it; what reads the elements where they are may not write to them."""
        self._check_plain("DLPack")
        return (self.value if isinstance(self._value, DeviceArray) else self.__array__()).__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        place: tuple[int, int] = self._value.__dlpack_device__()
        return place

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        if not isinstance(self._value, DeviceArray):
            raise AttributeError("a tensor on the CPU has no __cuda_array_interface__")
        self._check_plain("__cuda_array_interface__")
        shown: dict[str, Any] = self.value.__cuda_array_interface__
        return shown

    def __repr__(self) -> str:
        on = ", device='cuda'" * (self.device == "cuda")
        return f"tensor({np.array2string(on_host(self.value), separator=', ', prefix='tensor(')}, dtype={self.dtype}{on})"

    def __str__(self) -> str:
        return str(on_host(self.value))

    def __format__(self, spec: str) -> str:
        return format(self.item() if spec else str(self), spec)


def _graph(builder: Builder) -> GraphTrace:
    builder_: Any = builder
    trace: GraphTrace = builder_
    return trace


__all__ = ["EagerTensor", "Tensor", "Tracer"]
