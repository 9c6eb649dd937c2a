"""Structures as TensorFlow nests them: lists, tuples, namedtuples and dicts; anything else is a leaf."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any


def map_structure(function: Callable[[Any], Any], structure: Any) -> Any:
    """A structure like ``structure`` with ``function`` of its leaves; itself where that changes none of them."""
    kind = type(structure)
    if kind is dict:
        found = {k: map_structure(function, v) for k, v in structure.items()}
        return structure if all(found[k] is structure[k] for k in found) else found
    if isinstance(structure, list | tuple):
        parts = [map_structure(function, x) for x in structure]
        if all(a is b for a, b in zip(parts, structure, strict=True)):
            return structure
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
    return function(structure)


def flatten(structure: Any) -> list[Any]:
    """The leaves in order; of dicts in the order of sorted keys."""
    return list(_leaves(structure))


def _leaves(structure: Any) -> Iterator[Any]:
    if type(structure) is dict:
        for key in sorted(structure):
            yield from _leaves(structure[key])
    elif isinstance(structure, list | tuple):
        for part in structure:
            yield from _leaves(part)
    else:
        yield structure
