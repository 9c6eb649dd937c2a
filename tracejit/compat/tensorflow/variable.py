"""Variable: TensorFlow's variable over the front end's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn
from weakref import WeakValueDictionary

import numpy as np

from tracejit import ops
from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.convert import node_of, tensor_in
from tracejit.compat.tensorflow.errors import InvalidArgumentError, fail
from tracejit.compat.tensorflow.shape import shape_text
from tracejit.compat.tensorflow.slices import IndexedSlices
from tracejit.compat.tensorflow.tensor import Operand, Tensor, core_of, not_allowed, run, value_repr
from tracejit.errors import ShapeError
from tracejit.frontend.eager import EagerTrace, active, trace, value_of
from tracejit.frontend.indexing import add_at, getitem, setitem
from tracejit.frontend.shapes import same
from tracejit.frontend.tensor import Tracer
from tracejit.frontend.tree import register_tree
from tracejit.frontend.variable import Variable as CoreVariable
from tracejit.ir import Node, current, using
from tracejit.runtime.device import on_host

_of_core: WeakValueDictionary[int, Variable] = WeakValueDictionary()
"""The variable of TensorFlow's for one of the front end's, by the latter's id."""


def _no_update(name: str) -> Callable[[Variable, Any], NoReturn]:
    def refuse(self: Variable, other: Any) -> NoReturn:
        raise RuntimeError(
            f"`variable {name}= value` with `tf.Variable`s is not supported. Use `variable.assign(...)`, `assign_add` or"
            f" `assign_sub` to modify the variable, or `out = variable {name} value` if you need to get a new output Tensor."
        )

    return refuse


class Variable(Operand):
    """A tensor that takes new values.

    Args:
        initial_value: Where it starts: what a tensor can be made of, or a function that gives it.
        trainable: Whether a tape watches it unasked.
        validate_shape: Has no meaning here: shapes are always checked.
        caching_device: Has no meaning here.
        name: For messages; ``Variable`` if not given.
        variable_def: Has no meaning here.
        dtype: Of the initial value, if that is no tensor.

    Raises:
        ValueError: There is no initial value, or it is a tensor of another dtype than asked for.
    """

    __slots__ = ("__weakref__", "_label")
    core: CoreVariable

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
    ) -> None:
        if initial_value is None:
            fail(ValueError, "The `initial_value` arg to `tf.Variable` must be specified.")
        array = _initial(initial_value() if callable(initial_value) else initial_value, dtype)
        self.core = CoreVariable(array, name or "Variable", trainable=trainable is not False)
        self._label = ""
        _of_core[id(self.core)] = self

    @staticmethod
    def around(core: CoreVariable, label: str = "") -> Variable:
        """The variable that shows ``core``; with a label another one, which ``repr`` calls by that."""
        known = None if label else _of_core.get(id(core))
        if known is not None:
            return known
        out = object.__new__(Variable)
        out.core = core
        out._label = label
        if not label:
            _of_core[id(core)] = out
        return out

    @property
    def name(self) -> str:
        return self._label or f"{self.core.name}:0"

    @property
    def trainable(self) -> bool:
        return self.core.trainable

    def numpy(self) -> Any:
        if _traced():
            not_allowed(f"Asking variable {self.name} for numpy()", "compute with the variable itself, or call it outside")
        return self.core.numpy()[()]

    def value(self) -> Tensor:
        """The present value as a tensor."""
        out: Tensor = run(node_of, self)
        return out

    def read_value(self) -> Tensor:
        return self.value()

    def assign(self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Variable:
        """Replace the value by one of the same shape and dtype.

        Raises:
            ValueError: The shape or the dtype is another one.
        """
        run(self._assign, value)
        return Variable.around(self.core, "UnreadVariable")

    def assign_add(self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Variable:
        """Add a value of the same shape; nothing is broadcast.

        Raises:
            InvalidArgumentError: The shape is another one.
        """
        run(self._update, delta, np.add, ops.add, "AssignAddVariableOp")
        return Variable.around(self.core, "UnreadVariable")

    def assign_sub(self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True) -> Variable:
        """Subtract a value of the same shape; nothing is broadcast.

        Raises:
            InvalidArgumentError: The shape is another one.
        """
        run(self._update, delta, np.subtract, ops.subtract, "AssignSubVariableOp")
        return Variable.around(self.core, "UnreadVariable")

    def _assign(self, value: Any) -> None:
        node = tensor_in(value, self.core.dtype)
        given, own = node.shape, self.core.buffer.shape
        self._check_shape(
            node,
            ValueError,
            f"Cannot assign value to variable ' {self.name}': Shape mismatch.The variable shape {own}, and the assigned value"
            f" shape {given} are incompatible.",
        )
        self._write(node)

    def _write(self, node: Node) -> None:
        if isinstance(trace(), EagerTrace) and self.core.device == "cpu":  # what is elsewhere is copied, as in TensorFlow
            self.core.store(on_host(value_of(node)))
        else:
            self.core.write(node)

    def _update(self, delta: Any, ufunc: np.ufunc, row: Callable[[Node, Node], Node], op: str) -> None:
        node = tensor_in(delta, self.core.dtype, op)
        buffer = self.core.buffer
        self._check_shape(
            node,
            InvalidArgumentError,
            f"Cannot update variable with shape {shape_text(buffer.shape)} using a Tensor with shape {shape_text(node.shape)},"
            f" shapes must be equal. [Op:{op}]",
        )
        if isinstance(trace(), EagerTrace) and isinstance(buffer, np.ndarray):
            with np.errstate(all="ignore"):
                ufunc(buffer, on_host(value_of(node)), out=buffer)
            self.core.touched()
        else:
            self._write(row(self.core.node_in(current()), node))

    def _check_shape(self, node: Node, kind: type[Exception], fault: str) -> None:
        own = self.core.buffer.shape
        if node.shape == own:
            return
        if node.spec.rank != len(own):
            fail(kind, fault)
        try:
            for a, b in zip(node.shape, own, strict=True):
                same(a, b, fault)
        except ShapeError:
            fail(kind, fault)

    def scatter_update(self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None) -> Variable:
        """Replace rows; of rows named twice, the last one counts."""
        return self._scatter(sparse_delta, lambda places, values: setitem(self.core, places, values))

    def scatter_add(self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None) -> Variable:
        """Add to rows, again where they are named twice."""
        return self._scatter(sparse_delta, lambda places, values: add_at(self.core, places, values))

    def scatter_sub(self, sparse_delta: IndexedSlices, use_locking: bool = False, name: str | None = None) -> Variable:
        """Subtract from rows, again where they are named twice."""
        return self._scatter(sparse_delta, lambda places, values: add_at(self.core, places, values, sign=-1))

    def _scatter(self, delta: IndexedSlices, write: Callable[[Any, Any], None]) -> Variable:
        if not isinstance(delta, IndexedSlices):
            raise TypeError(f"sparse_delta is not IndexedSlices: {delta!r}")
        run(self._scattered, delta, write)
        return Variable.around(self.core, "UnreadVariable")

    def _scattered(self, delta: IndexedSlices, write: Callable[[Any, Any], None]) -> None:
        values = core_of(tensor_in(delta.values, self.core.dtype, "ResourceScatterUpdate"))
        write(core_of(node_of(delta.indices)), values)

    def sparse_read(self, indices: Any, name: str | None = None) -> Tensor:
        """The rows at ``indices``."""
        out: Tensor = run(lambda: getitem(self.core, core_of(node_of(indices))).node_in(current()))
        return out

    __iadd__, __isub__, __imul__ = _no_update("+"), _no_update("-"), _no_update("*")
    __itruediv__, __ifloordiv__, __ipow__ = _no_update("/"), _no_update("//"), _no_update("**")

    def _text(self) -> str:
        return repr(self)

    def __repr__(self) -> str:
        head = f"<tf.Variable {self.name!r} shape={self.shape} dtype={self.dtype.name}"
        return f"{head}>" if _traced() else f"{head}, numpy={value_repr(self)}>"


def _initial(value: Any, dtype: Any) -> np.ndarray:
    """The value that a variable starts with; in a traced function, one that does not depend on what is not known yet."""
    if isinstance(value, Held) and isinstance(value.core, Tracer):
        core = value.core
        array = np.asarray(core.owner.pin(core.node, "the initial value of a variable", "make the variable outside"), core.dtype)
        value = array
    with using(EagerTrace(travels=True)):
        found: np.ndarray = value_of(tensor_in(value, dtype))
        return found


def _traced() -> bool:
    builder = active()
    return builder is not None and not isinstance(builder, EagerTrace)


register_tree(Variable, lambda variable: ((variable.core,), None), lambda data, children: Variable.around(children[0]))
