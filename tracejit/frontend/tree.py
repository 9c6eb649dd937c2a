"""Trees: dicts, lists, tuples, namedtuples, dataclasses, slices and registered classes, with leaves of any other type.

A :class:`Structure` is the shape of a tree without its leaves: hashable, comparable, and able to rebuild the tree.
Dicts are walked in sorted order of their keys where these can be sorted, so two dicts that differ in the order of
insertion only have the same structure; a dict is rebuilt in the order that it had.
"""

from __future__ import annotations

import dataclasses
import keyword
import re
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from tracejit.errors import ArgumentError
from tracejit.ir import TensorSpec

Flatten = Callable[[Any], tuple[Iterable[Any], Any]]
Unflatten = Callable[[Any, tuple[Any, ...]], Any]


class Registered(NamedTuple):
    """How trees of a class are taken apart and put together."""

    flatten: Flatten
    unflatten: Unflatten


_registered: dict[type, Registered] = {}


@dataclasses.dataclass(frozen=True, slots=True)
class Structure:
    """The shape of a tree.

    Attributes:
        kind: The class of this level; None for a leaf.
        data: What rebuilding needs beside the children: keys of a dict, names of fields, what a registered class gave.
        children: The structures below.
        order: Keys of a dict in their order of insertion; equal structures may differ in it.
    """

    kind: type | None
    data: Any = None
    children: tuple[Structure, ...] = ()
    order: tuple[Any, ...] = dataclasses.field(default=(), compare=False)

    @property
    def leaf_count(self) -> int:
        return 1 if self.kind is None else sum(c.leaf_count for c in self.children)

    @property
    def orders(self) -> tuple[tuple[Any, ...], ...]:
        """The order of keys of every dict in the tree."""
        return (self.order, *(o for c in self.children for o in c.orders)) if self.kind is not None else ()

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The tree of this shape that holds ``leaves``."""
        return _rebuild(self, iter(leaves))

    def __str__(self) -> str:
        if self.kind is None:
            return "*"
        steps = _steps(self)
        inside = ", ".join(f"{label}{child}" for label, child in zip(steps, self.children, strict=True))
        return f"{self.kind.__name__}({inside})"


LEAF = Structure(None)


def register_tree(cls: type, flatten: Flatten, unflatten: Unflatten) -> None:
    """Make objects of ``cls`` trees, so that they can be arguments and results of traced functions.

    Args:
        cls: The class; subclasses are not included.
        flatten: ``flatten(obj) -> (children, data)``; ``data`` is hashable and part of the structure.
        unflatten: ``unflatten(data, children) -> obj``.
    """
    _registered[cls] = Registered(flatten, unflatten)


def is_registered(cls: type) -> bool:
    """Whether objects of ``cls`` are trees because ``register_tree`` said so."""
    return cls in _registered


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of ``tree`` in order, and its structure."""
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves, None)


def flatten_paths(tree: Any, name: str = "") -> tuple[list[tuple[str, Any]], Structure]:
    """As :func:`flatten`, each leaf with its path from ``name``, such as ``params['w1']``."""
    leaves: list[Any] = []
    paths: list[str] = []
    structure = _flatten(tree, leaves, (paths, name))
    return list(zip(paths, leaves, strict=True)), structure


def map_tree(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """A tree like ``tree`` with ``function`` of the leaves; the other trees have the same structure."""
    leaves, structure = flatten(tree)
    columns = [leaves]
    for other in others:
        more, its = flatten(other)
        if its != structure:
            raise ArgumentError(f"map_tree: structures differ: {structure} and {its}")
        columns.append(more)
    return structure.unflatten(map(function, *columns))


def write_tree(target: Any, tree: Any) -> None:
    """Make ``target`` hold what ``tree`` holds: lists, dicts and objects in it stay the same objects as far as they can."""
    taken, new = take_apart(target), take_apart(tree)
    if taken is None or new is None or target is tree:
        return
    kind, data, children = taken
    if issubclass(kind, dict):
        _write_dict(target, tree)
    elif issubclass(kind, list):
        target[:] = [_written(a, b) for a, b in zip(target, tree, strict=False)] + list(tree[len(target) :])
    elif dataclasses.is_dataclass(kind) and kind not in _registered:
        for name, old, value in zip(data, children, new[2], strict=True):
            object.__setattr__(target, name, _written(old, value))
    else:
        for old, value in zip(children, new[2], strict=False):
            write_tree(old, value)


def _write_dict(target: dict[Any, Any], tree: dict[Any, Any]) -> None:
    for key in [k for k in target if k not in tree]:
        del target[key]
    for key, value in tree.items():
        target[key] = _written(target[key], value) if key in target else value


def _written(old: Any, new: Any) -> Any:
    """What stands where ``old`` stood: ``old`` itself with new content where both are trees of one class."""
    if take_apart(old) is None or type(old) is not type(new):
        return new
    write_tree(old, new)
    return old


def path_name(path: str) -> str:
    """A Python name that resembles a path: ``params['w1']`` becomes ``params_w1``."""
    name = "_".join(re.findall(r"[A-Za-z0-9_]+", path)) or "x"
    return f"{name}_" if keyword.iskeyword(name) else f"_{name}" if name[0].isdigit() else name


def _flatten(tree: Any, leaves: list[Any], names: tuple[list[str], str] | None) -> Structure:
    taken = take_apart(tree)
    if taken is None:
        leaves.append(tree)
        if names is not None:
            names[0].append(names[1])
        return LEAF
    kind, data, children = taken
    order = tuple(tree) if isinstance(tree, dict) else ()
    if names is None:
        return Structure(kind, data, tuple([_flatten(c, leaves, None) for c in children]), order)
    found, path = names
    steps = child_paths(kind, data, len(children), path)
    below = tuple([_flatten(c, leaves, (found, step)) for step, c in zip(steps, children, strict=True)])
    return Structure(kind, data, below, order)


def take_apart(tree: Any) -> tuple[type, Any, list[Any]] | None:
    """Class, data and children of the top level of a tree; None for a leaf."""
    kind = type(tree)
    if kind is list or kind is tuple:
        return kind, len(tree), list(tree)
    if kind is dict or kind is OrderedDict:
        keys = _sorted_keys(tree)
        return kind, keys, [tree[k] for k in keys]
    if kind in _registered:
        children, data = _registered[kind].flatten(tree)
        return kind, data, list(children)
    if kind is defaultdict:
        keys = _sorted_keys(tree)
        return kind, (tree.default_factory, keys), [tree[k] for k in keys]
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        return kind, len(tree), list(tree)
    if kind is slice:
        return kind, 3, [tree.start, tree.stop, tree.step]
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type | TensorSpec):
        fields = tuple(f.name for f in dataclasses.fields(tree))
        return kind, fields, [getattr(tree, name) for name in fields]
    return None


def child_paths(kind: type, data: Any, count: int, path: str) -> list[str]:
    """How each child of a level is reached from ``path``, as Python text where there is one."""
    if kind is dict or kind is OrderedDict:
        return [f"{path}[{k!r}]" for k in data]
    if kind is defaultdict:
        return [f"{path}[{k!r}]" for k in data[1]]
    if kind is slice:
        return [f"{path}.{name}" for name in ("start", "stop", "step")]
    if issubclass(kind, tuple) and kind is not tuple:
        fields: tuple[str, ...] = getattr(kind, "_fields", ())
        return [f"{path}.{name}" for name in fields]
    if kind not in _registered and dataclasses.is_dataclass(kind):
        return [f"{path}.{name}" for name in data]
    return [f"{path}[{i}]" for i in range(count)]


def _rebuild(structure: Structure, leaves: Iterator[Any]) -> Any:
    kind, data = structure.kind, structure.data
    if kind is None:
        return next(leaves)
    children = [_rebuild(c, leaves) for c in structure.children]
    if kind is list:
        return children
    if kind is tuple:
        return tuple(children)
    if kind in _registered:
        return _registered[kind].unflatten(data, tuple(children))
    if kind is dict or kind is OrderedDict:
        return kind(_in_order(structure, data, children))
    if kind is defaultdict:
        return defaultdict(data[0], _in_order(structure, data[1], children))
    if kind is slice:
        return slice(*children)
    if issubclass(kind, tuple):
        return kind._make(children)  # type: ignore[attr-defined]
    return _rebuild_dataclass(kind, data, children)


def _in_order(structure: Structure, keys: tuple[Any, ...], children: list[Any]) -> dict[Any, Any]:
    found = dict(zip(keys, children, strict=True))
    return {k: found[k] for k in structure.order}


def _rebuild_dataclass(kind: type, names: tuple[str, ...], children: list[Any]) -> Any:
    """An object with these fields; ``__init__`` is passed over, as it may check or change what it is given."""
    out: Any = object.__new__(kind)
    for name, child in zip(names, children, strict=True):
        object.__setattr__(out, name, child)
    return out


def _sorted_keys(tree: dict[Any, Any]) -> tuple[Any, ...]:
    try:
        return tuple(sorted(tree))
    except TypeError:  # keys of several types: the order of insertion
        return tuple(tree)


def _steps(structure: Structure) -> list[str]:
    assert structure.kind is not None
    paths = child_paths(structure.kind, structure.data, len(structure.children), "")
    return [f"{p.lstrip('.')}=" if structure.kind not in (list, tuple) else "" for p in paths]
