"""Fetches: what a session is asked for, as tensors to compute and a way to put their values back into the same structure."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from tracejit.compat.tensorflow.v1.graph import Graph
from tracejit.compat.tensorflow.v1.operation import Operation, Tensor

Values = tuple[Any, ...]
Finish = Callable[[Values], Any]


class Fetches:
    """Nested lists, tuples, namedtuples and dicts of tensors, operations, Variables and names.

    Args:
        graph: Where they belong.
        structure: What is fetched.

    Attributes:
        targets: Tensors to compute, each once.
        operations: What is run and has no value.
        finish: From the values of ``targets`` to the result.
    """

    def __init__(self, graph: Graph, structure: Any) -> None:
        self._graph = graph
        self._numbers: dict[Tensor, int] = {}
        self._operations: dict[Operation, None] = {}
        build = self._builder(structure)
        self.targets = tuple(self._numbers)
        self.operations = tuple(self._operations)
        self.finish = self._quick(structure) or build

    def _quick(self, structure: Any) -> Finish | None:
        """A way without calls in Python, where values need no rearranging."""
        if isinstance(structure, list | tuple) and len(structure) == len(self.targets) and not self.operations:
            plain = type(structure) in (list, tuple) and all(
                self._numbers.get(self._element(x)) == i
                for i, x in enumerate(structure)
                if not isinstance(x, list | tuple | dict)
            )
            return type(structure) if plain and not any(isinstance(x, list | tuple | dict) for x in structure) else None
        return None

    def _builder(self, structure: Any) -> Finish:
        if isinstance(structure, list | tuple):
            parts = [self._builder(x) for x in structure]
            make: Callable[..., Any] = structure._make if hasattr(structure, "_make") else type(structure)
            return lambda values: make([part(values) for part in parts])
        if isinstance(structure, Mapping):
            items = {key: self._builder(x) for key, x in structure.items()}
            kind: Any = type(structure)
            return lambda values: kind((key, part(values)) for key, part in items.items())
        element = self._element(structure)
        if isinstance(element, Operation):
            self._operations[element] = None
            return lambda values: None
        host = element.op.attrs.get("host")
        if host is not None:
            operands = [self._builder(x) for x in element.op.inputs]
            return lambda values: host(*(x(values) for x in operands))
        return operator.itemgetter(self._numbers.setdefault(element, len(self._numbers)))

    def _element(self, thing: Any) -> Any:
        try:
            return self._graph.as_graph_element(thing)
        except TypeError as error:
            raise TypeError(
                f"Fetch argument {thing!r} has invalid type {type(thing)}, must be a string or Tensor. ({error})"
            ) from None
        except (KeyError, ValueError) as error:
            raise ValueError(f"Fetch argument {thing!r} cannot be interpreted as a Tensor. ({error.args[0]})") from None


def frozen(fetches: Any) -> Any:
    """A key for fetches, whatever they are nested in."""
    if isinstance(fetches, list | tuple):
        return (type(fetches), *map(_frozen_part, fetches))
    return _frozen_part(fetches) if isinstance(fetches, Mapping) else (type(fetches), fetches)


def _frozen_part(part: Any) -> Any:
    if isinstance(part, list | tuple):
        return (type(part), *map(_frozen_part, part))
    if isinstance(part, Mapping):
        return (type(part), *((k, _frozen_part(v)) for k, v in part.items()))
    return part
