"""Buffer: an array that a traced function makes to be filled; a real one for as long as nothing computed is written to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tracejit.errors import LeakedTracerError
from tracejit.frontend.lift import has_tensor
from tracejit.frontend.symbolic import SymbolicInt
from tracejit.frontend.tensor import Tracer
from tracejit.frontend.view import Steps
from tracejit.frontend.where import at_line, user_where
from tracejit.ir import Builder, Node, TensorSpec, using

if TYPE_CHECKING:
    from tracejit.frontend.trace import GraphTrace


class Buffer(Tracer):
    """What ``np.zeros`` and its kin give while a function is traced.

    Tables and matrices that the function fills with plain numbers, element by element, cost the program nothing, and can be
    looked at. With the first computed value that is written, it becomes a Tracer like any other, and so do all views of it.

    Args:
        owner: The trace.
        array: The array; nobody else's.
        whole: Where it is a view, what it shows a part of.
        index: The part.
    """

    __slots__ = ("_array", "_index", "_read_as", "_version", "_whole")

    def __init__(self, owner: GraphTrace, array: np.ndarray, whole: Buffer | None = None, index: Any = None) -> None:
        super().__init__(owner, _NO_NODE)
        self._array: np.ndarray | None = array
        self._whole, self._index = whole, index
        self._version = 0  # of all that share the memory of this one, which is no view
        self._read_as: tuple[int, Node] | None = None  # what stands for the array, and the version that it stands for

    @property
    def _root(self) -> Buffer:
        return self if self._whole is None else self._whole._root

    def _real(self) -> np.ndarray | None:
        """The array, if it is still one."""
        if self._whole is not None and self._whole._real() is None:
            self._trace()
        return self._array

    def _trace(self) -> None:
        """Become a value of the trace."""
        if self._array is None:
            return
        if self.owner.ended:
            raise LeakedTracerError(
                f"an array that {self.owner.name} made while it was traced was written to after that call had ended\n"
                f"  cure: make it outside of {self.owner.name}, or make it a Variable{at_line(user_where())}"
            )
        array, self._array = self._array, None
        if self._whole is None:
            with using(self.owner):
                self._node = self.owner.known_array(array.copy())
            return
        self._whole._trace()
        shown = Tracer.__getitem__(self._whole, self._index)
        self._base, self._steps, self._node, self._seen = shown._base, shown._steps, shown._node, shown._seen

    @property
    def node(self) -> Node:
        array, version = self._real(), self._root._version
        if array is None or self.owner.ended:
            node: Node = Tracer.node.fget(self)  # type: ignore[attr-defined]
            return node
        if self._read_as is None or self._read_as[0] != version:
            with using(self.owner):
                self._read_as = version, self.owner.known_array(array.copy())
        return self._read_as[1]

    @node.setter
    def node(self, node: Node) -> None:
        self._trace()
        Tracer.node.fset(self, node)  # type: ignore[attr-defined]

    @property
    def origin(self) -> tuple[Tracer, Steps]:
        self._trace()  # for a view
        return super().origin

    @property
    def is_real(self) -> bool:
        """Whether it holds plain numbers, also when the trace has ended."""
        return self._real() is not None

    def node_in(self, builder: Builder) -> Node:
        array = self._real()
        if array is None or builder is self.owner:
            return super().node_in(builder)
        trace: Any = builder
        node: Node = trace.captured(array)
        return node

    @property
    def spec(self) -> TensorSpec:
        array = self._real()
        return TensorSpec(array.shape, array.dtype) if array is not None else super().spec

    @property
    def is_known(self) -> bool:
        return self.is_real or super().is_known

    def item(self, asked: str = "item()") -> Any:
        array = self._real()
        return array.item() if array is not None and array.size == 1 else super().item(asked)

    def tolist(self) -> Any:
        array = self._real()
        return array.tolist() if array is not None else super().tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self._real()
        return np.array(array, dtype) if array is not None else super().__array__(dtype, copy)

    def __getitem__(self, index: Any) -> Any:
        array = self._real()
        if array is None or _is_open(index):
            self._trace()
            return super().__getitem__(index)
        found = array[index]
        if np.ndim(found) == 0:
            return found
        return Buffer(self.owner, found, self, index) if np.may_share_memory(found, array) else Buffer(self.owner, found)

    def __setitem__(self, index: Any, value: Any) -> None:
        array = self._real()
        if array is None or _is_open(index) or has_tensor(value):
            super().__setitem__(index, value)
        else:
            array[index] = value
            self._root._version += 1

    def __repr__(self) -> str:
        return f"<traced {self.spec}>" if self._array is not None else super().__repr__()


def _is_open(index: Any) -> bool:
    """Whether an index has a tensor or a symbolic size in it."""
    items = index if isinstance(index, tuple) else (index,)
    parts = (part for item in items for part in ((item.start, item.stop, item.step) if isinstance(item, slice) else (item,)))
    return any(isinstance(part, SymbolicInt) or has_tensor(part) for part in parts)


_NO_NODE: Any = None
