"""Tensor: TensorFlow's immutable tensor, and the operators that it shares with variables."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, NoReturn

import numpy as np

from tracejit.compat.tensorflow import arithmetic
from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.errors import OperatorNotAllowedInGraphError, fail, translated
from tracejit.compat.tensorflow.index import item_of
from tracejit.compat.tensorflow.products import matmul
from tracejit.compat.tensorflow.shape import TensorShape
from tracejit.errors import TraceError, TracejitError
from tracejit.frontend.base import Tensor as Core
from tracejit.frontend.device import default_device
from tracejit.frontend.eager import EagerTrace, active, value_of
from tracejit.frontend.symbolic import SymbolicInt
from tracejit.frontend.tensor import EagerTensor, Tracer
from tracejit.frontend.tree import register_tree
from tracejit.frontend.variable import Variable as CoreVariable
from tracejit.ir import Node, current, using


def run(body: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """``body``, which works on nodes, in the current trace or at once; nodes in its result become tensors."""
    try:
        if active() is None:
            with using(EagerTrace(travels=True)):
                return handed(body(*args, **kwargs))
        return handed(body(*args, **kwargs))
    except TracejitError as error:
        raise translated(error) from None


def handed(result: Any) -> Any:
    """A node, or a list or tuple of them, as tensors; anything else as it is."""
    if isinstance(result, Node):
        return Tensor(core_of(result))
    if isinstance(result, list):
        return [handed(x) for x in result]
    if isinstance(result, tuple):
        parts = [handed(x) for x in result]
        return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
    return result


def core_of(node: Node) -> Core:
    """The front end's tensor for a node of the current builder."""
    builder: Any = current()
    if not isinstance(builder, EagerTrace):
        return Tracer(builder, node)
    node = builder.settled(node)
    value = builder.owned(value_of(node))
    out = EagerTensor(value if value.flags.c_contiguous else np.array(value, order="C"))  # as programs take it
    if builder.recording:
        builder.remember(out.key, node)
    return out


def op(body: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: a public function from one that works on nodes; TensorFlow's ``name=`` is taken, and has no meaning."""

    @wraps(body)
    def public(*args: Any, name: str | None = None, **kwargs: Any) -> Any:
        return run(body, *args, **kwargs)

    return public


def _operator(
    function: Callable[[Any, Any], Any], body: Callable[..., Node], kinds: str = ""
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """``x + y`` and ``y + x``.

    Args:
        function: Python's own, for the Python numbers of a traced function, and for NumPy's arrays.
        body: Of nodes.
        kinds: Of the dtypes for which NumPy gives what ``body`` gives: outside of functions and tapes that is quicker.
    """

    def forward(self: Operand, other: Any) -> Any:
        if active() is None and (pair := _arrays(self, other, kinds)) is not None:
            return _at_once(function, body, self, other, *pair)
        return _numbers(function, self, other) if self.core.weak and _is_number(other) else run(body, self, other)

    def backward(self: Operand, other: Any) -> Any:
        if active() is None and (pair := _arrays(self, other, kinds)) is not None:
            return _at_once(function, body, other, self, *reversed(pair))
        return _numbers(function, other, self) if self.core.weak and _is_number(other) else run(body, other, self)

    return forward, backward


def _arrays(x: Operand, y: Any, kinds: str) -> tuple[np.ndarray, Any] | None:
    """What NumPy computes ``x + y`` from by TensorFlow's dtypes; None where it would not."""
    array = _array_of(x.core)
    if array is None or array.dtype.kind not in kinds or default_device() == "cuda":
        return None
    if type(y) is int or (type(y) is float and array.dtype.kind == "f"):
        return array, y
    other = _array_of(y.core) if isinstance(y, Operand) else None
    return None if other is None or other.dtype != array.dtype else (array, other)


def _array_of(core: Core) -> np.ndarray | None:
    array = core.value if type(core) is EagerTensor else core.buffer if type(core) is CoreVariable else None
    return array if type(array) is np.ndarray else None


def _at_once(function: Callable[[Any, Any], Any], body: Callable[..., Node], x: Any, y: Any, a: Any, b: Any) -> Tensor:
    try:
        with np.errstate(all="ignore"):
            return Tensor(EagerTensor(np.asarray(function(a, b))))
    except ValueError:  # shapes that do not fit; TensorFlow says so in other words
        out: Tensor = run(body, x, y)
        return out


def _compared(function: Callable[[Any, Any], Any], body: Callable[..., Node], kinds: str = "") -> Callable[..., Any]:
    return _operator(function, body, kinds)[0]


def _is_number(x: Any) -> bool:
    return x.core.weak if isinstance(x, Held) else type(x) in (bool, int, float, complex, SymbolicInt)


def _numbers(function: Callable[[Any, Any], Any], x: Any, y: Any) -> Any:
    return Tensor(function(*(a.core if isinstance(a, Held) else a for a in (x, y))))


class Operand(Held):
    """What tensors and variables can do: operators by TensorFlow's rules, conversion to numbers and arrays, indexing."""

    __slots__ = ()
    __array_priority__ = 100  # NumPy's arrays leave operators with a tensor to the tensor

    @property
    def shape(self) -> TensorShape:
        return TensorShape(self.core.shape)

    @property
    def device(self) -> str:
        kind = "GPU" if getattr(self.core, "device", "cpu") == "cuda" else "CPU"
        return f"/job:localhost/replica:0/task:0/device:{kind}:0"

    def get_shape(self) -> TensorShape:
        return self.shape

    def ref(self) -> Reference:
        """What stands for it where a hash is needed, such as in a dict."""
        return Reference(self)

    __add__, __radd__ = _operator(operator.add, arithmetic.add, "if")
    __sub__, __rsub__ = _operator(operator.sub, arithmetic.subtract, "if")
    __mul__, __rmul__ = _operator(operator.mul, arithmetic.multiply, "if")
    __truediv__, __rtruediv__ = _operator(operator.truediv, arithmetic.divide, "f")
    __floordiv__, __rfloordiv__ = _operator(operator.floordiv, arithmetic.floordiv)
    __mod__, __rmod__ = _operator(operator.mod, arithmetic.mod)
    __pow__, __rpow__ = _operator(operator.pow, arithmetic.power)
    __matmul__, __rmatmul__ = _operator(operator.matmul, matmul)
    __and__, __rand__ = _operator(operator.and_, arithmetic.bitwise_and)
    __or__, __ror__ = _operator(operator.or_, arithmetic.bitwise_or)
    __xor__, __rxor__ = _operator(operator.xor, arithmetic.bitwise_xor)
    __lshift__, __rlshift__ = _operator(operator.lshift, arithmetic.left_shift)
    __rshift__, __rrshift__ = _operator(operator.rshift, arithmetic.right_shift)
    __lt__, __le__ = _compared(operator.lt, arithmetic.less, "if"), _compared(operator.le, arithmetic.less_equal, "if")
    __gt__, __ge__ = _compared(operator.gt, arithmetic.greater, "if"), _compared(operator.ge, arithmetic.greater_equal, "if")

    def __eq__(self, other: object) -> Any:
        return False if other is None else _equal(self, other)

    def __ne__(self, other: object) -> Any:
        return True if other is None else _not_equal(self, other)

    def __hash__(self) -> int:
        kind = type(self).__name__
        raise TypeError(f"{kind} is unhashable. Instead, use {kind.lower()}.ref() as the key.")

    def __neg__(self) -> Any:
        return Tensor(-self.core) if self.core.weak else run(arithmetic.negative, self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        return run(arithmetic.absolute, self)

    def __invert__(self) -> Any:
        return run(arithmetic.invert, self)

    def __getitem__(self, index: Any) -> Any:
        return run(item_of, self, index)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("Scalar tensor has no `len()`")
        return len(self.core)

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            raise TypeError("Cannot iterate over a scalar tensor.")
        length = self.core.shape[0]
        if not isinstance(length, int):
            not_allowed("Iterating over a symbolic `tf.Tensor` whose length is open", "for i in range(len(x)), which fixes it")
        return (self[i] for i in range(length))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if isinstance(self.core, Tracer):
            not_allowed("Converting a symbolic `tf.Tensor` to a NumPy array", "TensorFlow's functions: tf.reduce_sum for np.sum")
        if isinstance(self.core, EagerTensor) and self.core.device != "cpu":  # TensorFlow copies it unasked
            return np.asarray(self.core.numpy(), dtype)
        return self.core.__array__(dtype, copy)

    def __bool__(self) -> bool:
        return bool(self._number("bool"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __float__(self) -> float:
        return float(self._number("float"))

    def __complex__(self) -> complex:
        return complex(self._number("complex"))

    def __index__(self) -> int:
        if self.core.dtype.kind not in "iu" or self.ndim:
            raise TypeError(f"only integer scalar tensors can be converted to an index; this one is {self.core.spec}")
        return int(self._number("int"))

    def _number(self, kind: str) -> Any:
        if self.ndim and kind != "bool":
            raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
        try:
            return self.numpy() if self.ndim else self.core.item(f"{kind}()")
        except TraceError:
            not_allowed(f"Using a symbolic `tf.Tensor` as a Python `{kind}`", "tf.where(condition, x, y)")

    def __format__(self, spec: str) -> str:
        return format(self.numpy(), spec) if spec else self._text()

    @abstractmethod
    def _text(self) -> str:
        """What an empty format gives."""


_equal = _compared(operator.eq, arithmetic.equals)
_not_equal = _compared(operator.ne, arithmetic.differs)


def not_allowed(what: str, cure: str) -> NoReturn:
    """Raise what TensorFlow raises where a value is asked for that is not known while a function is traced."""
    fail(OperatorNotAllowedInGraphError, f"{what} is not allowed: its value is known when the program runs\n  cure: {cure}")


class Reference:
    """A hashable stand-in for a tensor or variable: equal for the same object."""

    __slots__ = ("_value",)

    def __init__(self, value: Operand) -> None:
        self._value = value

    def deref(self) -> Operand:
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self._value.core is other._value.core

    def __hash__(self) -> int:
        return id(self._value.core)


class Tensor(Operand):
    """An immutable array, as TensorFlow's.

    Args:
        core: The front end's tensor; its value never changes from now on.
    """

    __slots__ = ("__weakref__",)

    def __init__(self, core: Core) -> None:
        self.core = core

    def numpy(self) -> Any:
        if not isinstance(self.core, EagerTensor):
            not_allowed("Asking a symbolic `tf.Tensor` for numpy()", "compute with the tensor itself, or return it")
        value = self.core.numpy()
        return value if value.ndim else value[()]

    def _text(self) -> str:
        return str(self) if isinstance(self.core, Tracer) else str(self.numpy())

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(
            "'EagerTensor' object does not support item assignment\n"
            "  cure: tf.tensor_scatter_nd_update(x, indices, updates) makes a new tensor; a tf.Variable takes new values"
        )

    def __repr__(self) -> str:
        if isinstance(self.core, Tracer):
            return str(self)
        return f"<tf.Tensor: shape={self.shape}, dtype={self.dtype.name}, numpy={value_repr(self)}>"

    def __str__(self) -> str:
        if isinstance(self.core, Tracer):
            return f'Tensor("{self.core.node.op.name}", shape={self.shape}, dtype={self.dtype.name})'
        return f"tf.Tensor({_below(str(self.numpy()))}, shape={self.shape}, dtype={self.dtype.name})"


def value_repr(x: Operand) -> str:
    """The value as it stands in the ``repr`` of tensors and variables."""
    value = x.numpy()
    return _below(repr(value if isinstance(value, np.ndarray) else value.item()))


def _below(text: str) -> str:
    """A text of several lines begins on a line of its own."""
    return f"\n{text}" if "\n" in text else text


def _tensor_around(data: None, children: tuple[Any, ...]) -> Tensor:
    (core,) = children
    return Tensor(core if isinstance(core, Core) else EagerTensor(np.asarray(core)))


register_tree(Tensor, lambda tensor: ((tensor.core,), None), _tensor_around)
