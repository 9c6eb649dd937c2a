"""The names under which the leaves of a tree, or Variables, go to a file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tracejit.errors import ArgumentError
from tracejit.frontend.base import Tensor
from tracejit.frontend.tree import take_apart
from tracejit.frontend.variable import Variable


def named_leaves(tree: Any) -> dict[str, Any]:
    """The leaves of ``tree`` by name.

    A Variable, or each of a list of Variables, goes by its own name; everything else by its path: ``layers/0/w``.

    Raises:
        ArgumentError: Two leaves have one name, or a leaf has none.
    """
    if isinstance(tree, Variable):
        pairs = iter([(tree.name, tree)])
    elif isinstance(tree, list | tuple | set | frozenset) and tree and all(isinstance(x, Variable) for x in tree):
        pairs = ((x.name, x) for x in tree)
    else:
        pairs = _paths(tree, "")
    found: dict[str, Any] = {}
    for name, leaf in pairs:
        if name in found:
            cure = 'give each a name of its own, as tj.Variable(x, name="w"), or pass a dict'
            raise ArgumentError(f"two values go by the name {name!r}\n  cure: {cure}")
        if not name:
            raise ArgumentError(f"got a {type(leaf).__name__}, which has no name\n  cure: pass a dict from names to values")
        found[name] = leaf
    return found


def arrays_of(tree: Any) -> dict[str, np.ndarray]:
    """Copies of the leaves of ``tree`` by name; ArgumentError for leaves that are no arrays."""
    return {name: _array(name, leaf) for name, leaf in named_leaves(tree).items()}


def variables_of(tree: Any) -> dict[str, Variable]:
    """The Variables of ``tree`` by name; ArgumentError for other leaves."""
    leaves = named_leaves(tree)
    for name, leaf in leaves.items():
        if not isinstance(leaf, Variable):
            raise ArgumentError(
                f"restore: {name} is a {type(leaf).__name__}; only Variables can be restored, use load for arrays"
            )
    return leaves


def _paths(tree: Any, path: str) -> Iterator[tuple[str, Any]]:
    taken = take_apart(tree)
    if isinstance(tree, Mapping):  # by their own keys, whatever class they are of
        steps, children = list(tree), list(tree.values())
    elif taken is None:
        yield path, tree
        return
    else:
        children = taken[2]
        steps = _fields(taken[0], taken[1]) or list(range(len(children)))
    for step, child in zip(steps, children, strict=True):
        yield from _paths(child, f"{path}/{step}" if path else str(step))


def _fields(kind: type, data: Any) -> list[Any]:
    """The names of the children of a namedtuple or dataclass."""
    if issubclass(kind, tuple):
        return list(getattr(kind, "_fields", ()))
    return list(data) if dataclasses.is_dataclass(kind) and isinstance(data, tuple) else []


def _array(name: str, leaf: Any) -> np.ndarray:
    if isinstance(leaf, Variable):
        return leaf.numpy()
    if isinstance(leaf, Tensor | np.ndarray | np.generic | bool | int | float | complex):
        return np.array(leaf)
    raise ArgumentError(f"save: {name} is a {type(leaf).__name__}; it must be a Variable, an array or a number")
