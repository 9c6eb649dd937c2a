"""Graphs: named operations in the order they were made, and the tensors they give. Building one computes nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from tracejit.compat.tensorflow.context import place_named
from tracejit.compat.tensorflow.dtypes import DType
from tracejit.compat.tensorflow.v1 import stacks
from tracejit.compat.tensorflow.v1.operation import Compute, Operation, Stands, Tensor
from tracejit.compat.tensorflow.v1.shape import TensorShape
from tracejit.frontend.where import user_where

_SCOPE = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")
_INNER_SCOPE = re.compile(r"[A-Za-z0-9_.\\/>-]+")


class GraphKeys:
    """Names of the collections that this module keeps itself."""

    GLOBAL_VARIABLES = "variables"
    LOCAL_VARIABLES = "local_variables"
    TRAINABLE_VARIABLES = "trainable_variables"
    SUMMARIES = "summaries"
    UPDATE_OPS = "update_ops"
    LOSSES = "losses"
    REGULARIZATION_LOSSES = "regularization_losses"
    GLOBAL_STEP = "global_step"


class Graph:
    """Operations by name and in order, with the scopes that new ones are made in.

    Attributes:
        operations: All of them; inputs stand before what works on them.
        seed: Of random operations, as ``set_random_seed`` gave it.
        shared: Variables of ``get_variable``, by name.
        scope_of_variables: The open ``variable_scope``.
        opened_scopes: Names of variable scopes that were chosen by default.
        programs: What sessions compiled, for all of them.
        lock: Held while a program is made.
    """

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.seed: int | None = None
        self.shared: dict[str, Any] = {}
        self.scope_of_variables: Any = None
        self.opened_scopes: set[str] = set()
        self.programs: dict[Any, list[Any]] = {}
        self.lock = threading.RLock()
        self._by_name: dict[str, Operation] = {}
        self._taken: dict[str, int] = {}
        self._scope = ""
        self._controls: tuple[Operation, ...] = ()
        self._device: Any = None
        self._collections: dict[str, list[Any]] = {}
        self._finalized = False

    # building

    def add(
        self,
        type: str,
        compute: Compute | None,
        inputs: Sequence[Tensor],
        specs: Sequence[tuple[TensorShape, DType]],
        name: str | None = None,
        controls: Sequence[Operation] = (),
        **attrs: Any,
    ) -> Operation:
        """Make an operation. A ``name`` that ends in ``/`` was made unique before; others are brought into the open scope."""
        if self._finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")
        name = name or type
        own = name[:-1] if name.endswith("/") else self.unique_name(name)
        where = user_where()
        op = Operation(
            self,
            own,
            type,
            tuple(inputs),
            tuple(dict.fromkeys((*controls, *self._controls))),
            specs,
            compute,
            len(self.operations),
            where and replace(where, scope=own),
            attrs,
        )
        place = place_named(self._device(op) if callable(self._device) else self._device)
        op.device = "" if place is None else f"/device:{'GPU' if place == 'cuda' else 'CPU'}:0"
        self.operations.append(op)
        self._by_name[own] = op
        return op

    def as_default(self) -> AbstractContextManager[Graph]:
        """Make this the graph that new operations go to, within a ``with`` block."""
        return stacks.default_graph(self)

    def finalize(self) -> None:
        """Allow no more operations."""
        self._finalized = True

    @property
    def finalized(self) -> bool:
        return self._finalized

    @property
    def version(self) -> int:
        return len(self.operations)

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """``name`` in the open scope, with a number where it is taken: ``relu``, ``relu_1``, ..."""
        whole = f"{self._scope}/{name}" if self._scope else name
        key = whole.lower()
        count = self._taken.get(key, 0)
        if mark_as_used:
            self._taken[key] = count + 1
        if count:
            base = key
            while key in self._taken:
                key = f"{base}_{count}"
                count += 1
            if mark_as_used:
                self._taken[key] = 1
            whole = f"{whole}_{count - 1}"
        return whole

    @contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """Put new operations under ``name``, numbered where it is taken; a name that ends in ``/`` opens that very scope."""
        before = self._scope
        if name and not (_INNER_SCOPE if before else _SCOPE).fullmatch(name):
            raise ValueError(f"'{name}' is not a valid scope name")
        self._scope = "" if not name else name[:-1] if name.endswith("/") else self.unique_name(name)
        try:
            yield f"{self._scope}/" if self._scope else ""
        finally:
            self._scope = before

    def get_name_scope(self) -> str:
        return self._scope

    @contextmanager
    def control_dependencies(self, control_inputs: Sequence[Any] | None) -> Iterator[None]:
        """Let new operations run after these operations and tensors; None lifts what outer blocks asked for."""
        before = self._controls
        self._controls = () if control_inputs is None else (*before, *map(self.operation_of, control_inputs))
        try:
            yield
        finally:
            self._controls = before

    @contextmanager
    def device(self, name: Any) -> Iterator[None]:
        """Ask for a device for new operations. A session runs on the GPU where one of its graph asks for it.

        Args:
            name: Such as ``"/gpu:0"`` or ``"/cpu:0"``; a function from an operation to such a name; None asks for nothing.

        Raises:
            ValueError: There is no such device.
        """
        if not callable(name):
            place_named(name)
        before, self._device = self._device, name
        try:
            yield
        finally:
            self._device = before

    # looking up

    def operation_of(self, thing: Any) -> Operation:
        """The operation that is, or makes, ``thing``."""
        element = self.as_graph_element(thing)
        return element.op if isinstance(element, Tensor) else element

    def as_graph_element(self, thing: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Any:
        """The tensor or operation that ``thing`` is, names, or stands for.

        Raises:
            TypeError: It is none.
            ValueError: It is of another graph, or its name is none here.
            KeyError: Nothing of this graph has that name.
        """
        wanted = " or ".join(kind for kind, allowed in (("Tensor", allow_tensor), ("Operation", allow_operation)) if allowed)
        element = thing.graph_element if isinstance(thing, Stands) else thing
        if isinstance(element, str):
            return self._named(element, allow_tensor, allow_operation)
        if (isinstance(element, Tensor) and allow_tensor) or (isinstance(element, Operation) and allow_operation):
            if element.graph is not self:
                kind = "Tensor" if isinstance(element, Tensor) else "Operation"
                raise ValueError(f"{kind} {element!r} is not an element of this graph.")
            return element
        raise TypeError(f"Can not convert a {type(thing).__name__} into a {wanted}.")

    def _named(self, name: str, allow_tensor: bool, allow_operation: bool) -> Any:
        own, colon, index = name.partition(":")
        op = self._by_name.get(own)
        if colon and allow_tensor:
            if not index.isdigit():
                raise ValueError(
                    f"The name {name!r} looks like a Tensor name, but is not a valid one. It must be '<op_name>:<output_index>'."
                )
            if op is None or int(index) >= len(op.outputs):
                raise KeyError(f"The name {name!r} refers to a Tensor which does not exist.")
            return op.outputs[int(index)]
        if colon:
            raise ValueError(f"Name {name!r} appears to refer to a Tensor, not a Operation.")
        if not allow_operation:
            raise ValueError(
                f"The name {name!r} refers to an Operation, not a Tensor. Tensor names are '<op_name>:<output_index>'."
            )
        if op is None:
            raise KeyError(f"The name {name!r} refers to an Operation not in the graph.")
        return op

    def get_operations(self) -> list[Operation]:
        return list(self.operations)

    def get_operation_by_name(self, name: str) -> Operation:
        op: Operation = self.as_graph_element(name, allow_tensor=False)
        return op

    def get_tensor_by_name(self, name: str) -> Tensor:
        tensor: Tensor = self.as_graph_element(name, allow_operation=False)
        return tensor

    # collections

    def add_to_collection(self, name: str, value: Any) -> None:
        self._collections.setdefault(name, []).append(value)

    def get_collection(self, name: str, scope: str | None = None) -> list[Any]:
        """What was put under ``name``; with ``scope``, what has a name that begins with it."""
        items = self._collections.get(name, [])
        return [x for x in items if scope is None or re.match(scope, getattr(x, "name", ""))]

    def get_collection_ref(self, name: str) -> list[Any]:
        return self._collections.setdefault(name, [])

    def get_all_collection_keys(self) -> list[str]:
        return [name for name, items in self._collections.items() if items]


_own_graph = Graph()


def get_default_graph() -> Graph:
    """The graph that new operations go to."""
    default = stacks.graphs()
    return default[-1] if default else _own_graph


def reset_default_graph() -> None:
    """Begin with an empty graph. Not within the blocks of graphs and sessions.

    Raises:
        AssertionError: A graph or session is the default for a while.
    """
    global _own_graph
    if stacks.graphs():
        raise AssertionError(
            "Do not use tf.reset_default_graph() to clear nested graphs. If you need a cleared graph, exit the nesting and "
            "create a new graph."
        )
    _own_graph = Graph()


def get_collection(key: str, scope: str | None = None) -> list[Any]:
    """What the default graph has under ``key``; with ``scope``, what has a name that begins with it."""
    return get_default_graph().get_collection(key, scope)


def add_to_collection(name: str, value: Any) -> None:
    """Put something under ``name`` in the default graph."""
    get_default_graph().add_to_collection(name, value)


def device(device_name_or_function: Any) -> AbstractContextManager[None]:
    """Ask for a device for new operations of the default graph: see ``Graph.device``."""
    return get_default_graph().device(device_name_or_function)
