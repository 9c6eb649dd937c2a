"""The quick way into a program: a function made for one pattern of arguments, which takes them apart, checks, and calls.

For a function of two arrays and a global number it reads::

    def enter(args, kwargs):
        if len(args) != 2 or kwargs:
            return MISS
        v0, v1 = args
        try:
            if not (scale is c0 or unchanged(scale, c0)):
                return MISS
        except failures:
            return MISS
        out = call(v0, v1)
        if out is None:
            return MISS
        return out[0]

Names of the user stand in it only as names that the compiler of Python has taken as such already.
"""

from __future__ import annotations

import keyword
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, Final

import numpy as np

from tracejit.frontend.entry import Entry, ResultLeaf
from tracejit.frontend.guards import Access, Argument, Attribute, Cell, Global, Guard, Item, Known
from tracejit.frontend.parameters import Parameters
from tracejit.frontend.signature import Call, Identity, Leaf, as_array, same
from tracejit.frontend.tensor import EagerTensor
from tracejit.frontend.tree import LEAF, Structure, take_apart, write_tree

Enter = Callable[[tuple[Any, ...], dict[str, Any]], Any]
MISS: Final = object()
"""What a way in returns when a call is not for it; the program has not run then."""


_BUILTINS = {"len": len, "type": type, "int": int, "getattr": getattr}  # passed in, as a user's module may have other ones
_OURS = re.compile(rf"[vct]\d+|args|kwargs|out|call|MISS|failures|enter|make|{'|'.join(_BUILTINS)}")
_FAILURES = (AttributeError, IndexError, KeyError, NameError, TypeError, ValueError)


class Source:
    """Where a part of a raw call is found, as Python text."""

    def __init__(self, text: str) -> None:
        self.text = text


def pattern_of(call: Call) -> tuple[Any, ...]:
    """Calls of equal patterns can share a way in: positional count, keywords, kinds and classes of the leaves."""
    return len(call.args), tuple(call.kwargs), tuple((leaf.kind, type(leaf.value)) for leaf in call.leaves)


class _Writer:
    """Writes one ``enter``."""

    def __init__(self, entry: Entry, call: Call, parameters: Parameters, namespace: dict[str, Any]) -> None:
        self.entry, self.call, self.parameters, self.namespace = entry, call, parameters, namespace
        self.lines: list[str] = []
        self.constants: dict[str, Any] = {}
        self._by_id: dict[int, str] = {}
        self._temporaries = count()
        args = tuple(Source(f"args[{i}]") for i in range(len(call.args)))
        self.sources = list(parameters.bind(args, {k: Source(f"kwargs[{k!r}]") for k in call.kwargs}).values())

    def constant(self, value: Any) -> str:
        """The name of a constant."""
        name = self._by_id.get(id(value))
        if name is None:
            name = self._by_id[id(value)] = f"c{len(self.constants)}"
            self.constants[name] = value
        return name

    def miss_if(self, condition: str) -> None:
        self.lines += [f"if {condition}:", "    return MISS"]

    # arguments

    def unpack(self) -> None:
        """Name every leaf ``v<i>``, or miss."""
        args, kwargs = self.call.args, self.call.kwargs
        if not kwargs:
            self.miss_if(f"len(args) != {len(args)} or kwargs")
        else:
            self.miss_if(f"len(args) != {len(args)} or len(kwargs) != {len(kwargs)}")
            if any(p.kind is p.VAR_KEYWORD for p in self.parameters.signature.parameters.values()):
                self.miss_if(f"(*kwargs,) != {self.constant(tuple(kwargs))}")  # the function sees their order
        sources, structures = self.sources, self.call.signature.structure.children
        plain = [f"args[{i}]" for i in range(len(args))]
        if args and [getattr(s, "text", None) for s in sources] == plain and all(s is LEAF or s == LEAF for s in structures):
            self.lines.append(f"{', '.join(f'v{i}' for i in range(len(args)))}, = args")
            return
        leaves = iter(range(len(self.call.leaves)))
        for source, structure in zip(sources, structures, strict=True):
            self._part(source, structure, leaves)

    def _part(self, source: Any, structure: Structure, leaves: Any) -> None:
        """Name the leaves of one part; ``source`` is a Source, a tuple or dict of them, or a default value."""
        if isinstance(source, Source):
            self._tree(source.text, structure, leaves)
        elif structure.kind is tuple and isinstance(source, tuple) and _has_sources(source):
            for part, child in zip(source, structure.children, strict=True):
                self._part(part, child, leaves)
        elif structure.kind is dict and isinstance(source, dict) and _has_sources(tuple(source.values())):
            for key, child in zip(structure.data, structure.children, strict=True):
                self._part(source[key], child, leaves)
        else:
            self._tree(self.constant(source), structure, leaves)

    def _tree(self, text: str, structure: Structure, leaves: Any) -> None:
        if structure.kind is None:
            self.lines.append(f"v{next(leaves)} = {text}")
            return
        name = f"t{next(self._temporaries)}"
        kind = self.constant(structure.kind)
        self.lines.append(f"{name} = {text}")
        self.miss_if(f"type({name}) is not {kind}")
        parts = [f"t{next(self._temporaries)}" for _ in structure.children]
        unpacking = f"{', '.join(parts)}{',' if len(parts) == 1 else ''}"
        if issubclass(structure.kind, list | tuple):
            self.miss_if(f"len({name}) != {len(parts)}")
            value = name
        elif issubclass(structure.kind, dict):
            self.miss_if(f"(*{name},) != {self.constant(structure.order)}")
            keys = structure.data
            if structure.kind is defaultdict:
                factory, keys = structure.data
                self.miss_if(f"{name}.default_factory is not {self.constant(factory)}")
            by_key = dict(zip(keys, parts, strict=True))
            unpacking = f"{', '.join(by_key[k] for k in structure.order)}{',' if len(parts) == 1 else ''}"
            value = f"{name}.values()"
        else:
            taken = f"t{next(self._temporaries)}"
            self.lines.append(f"{taken} = {self.constant(take_apart)}({name})")
            self.miss_if(f"{taken}[1] != {self.constant(structure.data)}")
            value = f"{taken}[2]"
        if parts:
            self.lines.append(f"{unpacking} = {value}")
        for part, child in zip(parts, structure.children, strict=True):
            self._tree(part, child, leaves)

    def check_leaves(self) -> None:
        """Leaves that are no inputs must be what they were; arrays in disguise become arrays."""
        for i, leaf in enumerate(self.call.leaves):
            self._check_leaf(f"v{i}", i, leaf)

    def _check_leaf(self, name: str, index: int, leaf: Leaf) -> None:
        pin = self.entry.traced.pins.get(index)
        if pin is not None:
            self._constant_leaf(name, pin.value)
            return
        match leaf.kind:
            case "static":
                self._constant_leaf(name, leaf.value)
            case "self" | "variable":
                key: Any = leaf.key
                assert isinstance(key, Identity)
                self.miss_if(f"{name} is not {self.constant(key.get)}()")
            case "number":  # a 0-d array of the same dtype is no Python number: it promotes otherwise
                self.miss_if(f"type({name}) is not {self.constant(type(leaf.value))}")
                if index in self.entry.traced.limits:
                    low, high = self.entry.traced.limits[index]
                    self.miss_if(f"not {low} <= {name} <= {high}")
            case "array" if leaf.array is not None and leaf.array.ndim == 0:
                self.miss_if(f"type({name}) is not {self.constant(np.ndarray)}")
            case "tensor":
                kind = f"{'not ' * leaf.value.weak}{name}.weak or {'not ' * leaf.value.scalar}{name}.scalar"
                self.miss_if(f"type({name}) is not {self.constant(EagerTensor)} or {kind}")
            case "scalar" | "complex" | "foreign":
                self.miss_if(f"type({name}) is not {self.constant(type(leaf.value))}")

    def _constant_leaf(self, name: str, value: Any) -> None:
        constant = self.constant(value)
        self.miss_if(f"{name} is not {constant} and not {self.constant(same)}({name}, {constant})")

    # guards

    def check_guards(self) -> None:
        if self.entry.guards:
            conditions = "\n        and ".join(self._condition(g) for g in self.entry.guards)
            self.lines += [
                "try:",
                "    if not (",
                f"        {conditions}",
                "    ):",
                "        return MISS",
                "except failures:",
                "    return MISS",
            ]

    def _condition(self, guard: Guard) -> str:
        text, expected = self._access(guard.access), self.constant(guard.expected)
        if guard.check is None:
            return f"{text} is {expected}"
        check = f"{self.constant(guard.check)}({text}, {expected})"
        return check if isinstance(guard.expected, list | dict | set) else f"({text} is {expected} or {check})"

    def _access(self, access: Access) -> str:
        match access:
            case Global(namespace, name):
                bare = (
                    namespace is self.namespace
                    and name.isidentifier()
                    and not keyword.iskeyword(name)
                    and not _OURS.fullmatch(name)
                )
                return name if bare else f"{self.constant(namespace)}[{name!r}]"
            case Cell(cell):
                return f"{self.constant(cell)}.cell_contents"
            case Argument(index):
                return f"v{index}"
            case Known(value):
                return self.constant(value)
            case Attribute(base, name):
                return f"{self._access(base)}.{name}" if name.isidentifier() else f"getattr({self._access(base)}, {name!r})"
            case Item(base, key):
                return f"{self._access(base)}[{self.constant(key)}]"
        raise AssertionError(access)

    # the call

    def enter_program(self) -> None:
        traced = self.entry.traced
        slow = any(h.buffer is not h.source for h in traced.held) or any(leaf.kind == "converted" for leaf in self.call.leaves)
        if slow or any(self.call.leaves[i].kind != "array" for i in traced.written):
            self.lines.append("return MISS")  # the slow way makes copies and keeps them up to date
            return
        self._check_written()
        for array, dtype in ((h.source, h.source.dtype) for h in traced.held if not h.is_variable):
            name = self.constant(array)
            self.miss_if(f"{name}.shape != {array.shape} or {name}.dtype != {self.constant(dtype)}")
        self.lines.append(f"out = call({', '.join(self._passed(i) for i in traced.passed)})")
        self.miss_if("out is None")
        self.lines += [f"{self.constant(h.owner.touched)}()" for h in traced.held if h.updated and h.is_variable]
        for leaf, output in traced.rebound:
            self.lines.append(f"v{leaf}.rebind({self.constant(np.asarray)}(out[{output}]))")
        for parameter, tree in traced.rewritten.items():
            target, new = self._target(parameter), self._result(tree.structure, iter(tree.leaves))
            self.lines.append(f"{self.constant(write_tree)}({target}, {new})")
        self.lines.append(f"return {self._result(traced.result.structure, iter(traced.result.leaves))}")

    def _target(self, parameter: int) -> str:
        """The tree that a parameter is given; of starred parameters, a tuple or dict of them."""
        source = self.sources[parameter]
        if isinstance(source, Source):
            return source.text
        if isinstance(source, tuple) and _has_sources(source):
            return f"({''.join(f'{s.text}, ' for s in source)})"
        if isinstance(source, dict) and _has_sources(tuple(source.values())):
            return "{" + ", ".join(f"{self.constant(k)}: {s.text}" for k, s in source.items()) + "}"
        return self.constant(source)

    def _check_written(self) -> None:
        """Arrays that the program writes must be writeable, and their memory theirs alone; the slow way says what is wrong."""
        shares = self.constant(np.may_share_memory)
        arrays = [i for i, leaf in enumerate(self.call.leaves) if leaf.kind == "array"]
        for i in self.entry.traced.written:
            self.miss_if(f"not v{i}.flags.writeable")
            for other in arrays:
                if other > i or (other < i and other not in self.entry.traced.written):
                    self.miss_if(f"{shares}(v{i}, v{other})")
            for held in self.entry.traced.held:
                self.miss_if(f"{shares}(v{i}, {self.constant(held.source)})")

    def _passed(self, index: int) -> str:
        match self.call.leaves[index].kind:
            case "tensor":
                return f"v{index}.value"
            case "scalar" | "complex":
                return f"{self.constant(np.asarray)}(v{index})"
            case "foreign":
                return f"{self.constant(as_array)}(v{index})"
        return f"v{index}"

    def _result(self, structure: Structure, leaves: Iterator[ResultLeaf]) -> str:
        if structure.kind is None:
            return self._result_leaf(next(leaves))
        if structure.kind in (list, tuple, dict):
            parts = [self._result(c, leaves) for c in structure.children]
            if structure.kind is dict:
                texts = dict(zip(structure.data, parts, strict=True))
                return "{" + ", ".join(f"{self.constant(k)}: {texts[k]}" for k in structure.order) + "}"
            inside = ", ".join(parts) + ("," if structure.kind is tuple and len(parts) == 1 else "")
            return f"[{inside}]" if structure.kind is list else f"({inside})"
        parts = [self._result_leaf(next(leaves)) for _ in range(structure.leaf_count)]
        return f"{self.constant(structure.unflatten)}([{', '.join(parts)}])"

    def _result_leaf(self, result: ResultLeaf) -> str:
        match result.kind:
            case "output":
                text = f"out[{result.number}]"
                return f"{self.constant(EagerTensor)}({self.constant(np.asarray)}({text}))" if self.entry.traced.tensors else text
            case "int":
                return f"int(out[{result.number}])"
            case "argument":
                return f"v{result.number}"
        return self.constant(result.value)


def _has_sources(parts: Sequence[Any]) -> bool:
    return all(isinstance(p, Source) for p in parts)


def enter_source(entry: Entry, call: Call, parameters: Parameters, namespace: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Text of ``make``, which returns the way in, and the constants that it takes."""
    writer = _Writer(entry, call, parameters, namespace)
    writer.unpack()
    unpacking, writer.lines = writer.lines, []
    writer.check_leaves()
    writer.check_guards()
    writer.enter_program()
    body = ["try:", *(f"    {line}" for line in unpacking), "except failures:", "    return MISS"]
    if not any("[" in line or ".values()" in line or "(t" in line for line in unpacking):
        body = unpacking  # nothing in it can fail
    lines = [
        f"def make({', '.join(['call', 'MISS', 'failures', *_BUILTINS, *writer.constants])}):",
        "    def enter(args, kwargs):",
    ]
    lines += [f"        {line}" for part in (body, writer.lines) for text in part for line in text.split("\n")]
    return "\n".join([*lines, "    return enter", ""]), writer.constants


def make_enter(entry: Entry, call: Call, parameters: Parameters, namespace: dict[str, Any]) -> Enter:
    """The way in for calls with the pattern of ``call``.

    Args:
        entry: The program.
        call: A call that fits it.
        parameters: Of the function.
        namespace: Globals of the function, which the way in reads as the function does.
    """
    text, constants = enter_source(entry, call, parameters, namespace)
    made: dict[str, Any] = {}
    exec(compile(text, "<tracejit enter>", "exec"), namespace, made)
    enter: Enter = made["make"](entry.executable.call, MISS, _FAILURES, **_BUILTINS, **constants)
    return enter
