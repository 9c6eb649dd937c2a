"""The quick way into a program: the route of one pattern of arguments, which takes them apart, checks, runs and gives results.

Of ``f(x, y)``, two arrays of float32 and a global ``scale``, it is::

    UNTRACED  builders going on, current builder
    GLOBAL    r2 = globals()["scale"]
    EQUAL     r2, 3.0, unchanged
    ARRAY     r0, value 0, float32, rank 1
    ARRAY     r1, value 1, float32, rank 1
    RUN       r3 = the program
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

import numpy as np

from tracejit.frontend.entry import Entry, ResultLeaf
from tracejit.frontend.guards import Access, Argument, Attribute, Cell, Global, Guard, Item, Known, unchanged
from tracejit.frontend.parameters import Parameters
from tracejit.frontend.queueing import queue, result_there
from tracejit.frontend.signature import Call, Identity, Leaf, as_array, same
from tracejit.frontend.tensor import EagerTensor
from tracejit.frontend.tree import Structure, is_registered, take_apart, write_tree
from tracejit.frontend.variable import Variable
from tracejit.ir import ambient
from tracejit.runtime.device import Array
from tracejit.runtime.route import Kind, Op, Route, Step

_MOST_REGISTERS = 10_000  # they lie on the stack
_LONG = 1_000  # a captured list or dict of more elements is compared in Python
_WEAK, _SCALAR = EagerTensor.__dict__["weak"], EagerTensor.__dict__["scalar"]
_KEY = Variable.__dict__["_key"]


class Place(int):
    """A register that holds an argument of the call, as a parameter is given it."""


def pattern_of(call: Call) -> tuple[Any, ...]:
    """Calls of equal patterns can share a route: positional count, keywords, kinds and classes of the leaves."""
    return len(call.args), tuple(call.kwargs), tuple((leaf.kind, type(leaf.value)) for leaf in call.leaves)


def make_route(entry: Entry, call: Call, parameters: Parameters) -> Route | None:
    """The route for calls with the pattern of ``call``; None where calls make copies of what they are given, or are too large.

    Args:
        entry: The program.
        call: A call that fits it.
        parameters: Of the function.
    """
    traced = entry.traced
    copied = any(h.buffer is not h.source for h in traced.held) or any(leaf.kind == "converted" for leaf in call.leaves)
    if copied or (entry.device == "cpu" and any(call.leaves[i].kind != "array" for i in traced.written)):
        return None
    route = Writer(entry, call, parameters).route()
    return route if route.registers <= _MOST_REGISTERS else None


class Writer:
    """Writes one route."""

    def __init__(self, entry: Entry, call: Call, parameters: Parameters) -> None:
        self.entry, self.call = entry, call
        self.registers = len(call.args) + len(call.kwargs)
        self.steps: list[Step] = []
        self.leaves: list[int] = []  # register of each leaf
        self._read: dict[Hashable, int] = {}
        named = {name: Place(i) for i, name in enumerate(call.kwargs, len(call.args))}
        self.sources = list(parameters.bind(tuple(map(Place, range(len(call.args)))), named).values())

    def route(self) -> Route:
        self.emit(Op.UNTRACED, ambient.GOING_ON, ambient.CURRENT)
        for source, structure in zip(self.sources, self.call.signature.structure.children, strict=True):
            self._part(source, structure)
        for i, leaf in enumerate(self.call.leaves):
            self._check_leaf(i, leaf)
        for guard in self.entry.guards:
            self._check_guard(guard)
        self._check_memory()
        results = self._run()
        self._finish(results)
        result = self._result(self.entry.traced.result.structure, iter(self.entry.traced.result.leaves), results)
        return Route(len(self.call.args), tuple(self.call.kwargs), self.steps, self.registers, result)

    def emit(self, op: Op, *operands: Any) -> None:
        self.steps.append((op, *operands))

    def new(self, count: int = 1) -> int:
        """The first of so many new registers."""
        self.registers += count
        return self.registers - count

    def load(self, op: Op, *operands: Any) -> int:
        """The register of what a step puts into one."""
        target = self.new()
        self.emit(op, target, *operands)
        return target

    # arguments

    def _part(self, source: Any, structure: Structure) -> None:
        """Find the leaves of one parameter; ``source`` is a Place, a tuple or dict of them, or a default value."""
        if isinstance(source, Place):
            self._tree(source, structure)
        elif structure.kind is tuple and isinstance(source, tuple) and _are_places(source):
            for part, child in zip(source, structure.children, strict=True):
                self._part(part, child)
        elif structure.kind is dict and isinstance(source, dict) and _are_places(source.values()):
            for key, child in zip(structure.data, structure.children, strict=True):
                self._part(source[key], child)
        else:
            self._tree(self.load(Op.CONSTANT, source), structure)

    def _tree(self, register: int, structure: Structure) -> None:
        if structure.kind is None:
            self.leaves.append(register)
            return
        for child, below in zip(self._children(register, structure), structure.children, strict=True):
            self._tree(child, below)

    def _children(self, register: int, structure: Structure) -> Sequence[int]:
        """The registers of the children of one level of a tree."""
        kind, data, count = structure.kind, structure.data, len(structure.children)
        assert kind is not None
        if is_registered(kind) or not (kind in (list, dict, slice) or issubclass(kind, tuple) or dataclasses.is_dataclass(kind)):
            children = self.load(Op.CALL, _taker(structure), (register,))
            first = self.new(count)
            self.emit(Op.TUPLE, children, first, count, tuple)
        elif kind is list or issubclass(kind, tuple):
            first = self.new(count)
            self.emit(*(Op.LIST, register, first, count) if kind is list else (Op.TUPLE, register, first, count, kind))
        elif kind is dict:
            first = self.new(count)
            self.emit(Op.DICT, register, first, structure.order)
            return [first + structure.order.index(key) for key in data]
        else:
            self.emit(Op.TYPE, register, kind)
            fields = ("start", "stop", "step") if kind is slice else data
            return [self.load(Op.ATTRIBUTE, register, name) for name in fields]
        return range(first, first + count)

    def _check_leaf(self, index: int, leaf: Leaf) -> None:
        """Check what the program does not take as a value; what it takes in disguise becomes an array."""
        register, value = self.leaves[index], leaf.value
        pin = self.entry.traced.pins.get(index)
        if pin is not None:
            self.emit(Op.EQUAL, register, pin.value, same)
            return
        match leaf.kind:
            case "static":
                self.emit(Op.EQUAL, register, value, same)
            case "self" | "variable":
                key: Any = leaf.key
                assert isinstance(key, Identity)
                self.emit(*(Op.LIVE, register, key.reference) if key.reference else (Op.SAME, register, value))
            case "tensor":
                self.emit(Op.TYPE, register, EagerTensor)
                for member, flag in ((_WEAK, value.weak), (_SCALAR, value.scalar)):
                    self.emit(Op.SAME, self.load(Op.SLOT, register, member), flag)
            case "scalar" | "complex" | "foreign":
                self.emit(Op.TYPE, register, type(value))

    # what is read beside arguments

    def _check_guard(self, guard: Guard) -> None:
        match guard.access:
            case Global(namespace, name) if guard.check is None:
                self.emit(Op.GLOBAL_IS, namespace, name, guard.expected)
                return
            case Cell(cell) if guard.check is None:
                self.emit(Op.CELL_IS, cell, guard.expected)
                return
        register = self._reach(guard.access)
        if guard.check is None:
            self.emit(Op.SAME, register, guard.expected)
        elif guard.check is unchanged:
            self._check_unchanged(register, guard.access, guard.expected)
        else:
            self.emit(Op.EQUAL, register, guard.expected, guard.check)

    def _check_unchanged(self, register: int, access: Access, expected: Any) -> None:
        """What ``unchanged`` means; lists and dicts, of which a guard has a copy, element by element."""
        if type(expected) in (list, dict) and len(expected) > _LONG:
            self.emit(Op.EQUAL, register, expected, unchanged)
            return
        if type(expected) is list:
            first, keys = self.new(len(expected)), tuple(range(len(expected)))
            self.emit(Op.LIST, register, first, len(expected))
        elif type(expected) is dict:
            first, keys = self.new(len(expected)), tuple(expected)
            self.emit(Op.DICT, register, first, keys)
        else:
            self.emit(Op.EQUAL, register, expected, unchanged)
            return
        for i, key in enumerate(keys):
            item = Item(access, key)
            self._read[_identity(item)] = first + i
            self._check_unchanged(first + i, item, expected[key])

    def _reach(self, access: Access) -> int:
        """The register of what an access gives."""
        place = _identity(access)
        register = self._read.get(place)
        if register is None:
            register = self._read[place] = self._loaded(access)
        return register

    def _loaded(self, access: Access) -> int:
        match access:
            case Global(namespace, name):
                return self.load(Op.GLOBAL, namespace, name)
            case Cell(cell):
                return self.load(Op.CELL, cell)
            case Argument(index):
                return self.leaves[index]
            case Known(value):
                return self.load(Op.CONSTANT, value)
            case Attribute(base, name):
                return self.load(Op.ATTRIBUTE, self._reach(base), name)
            case Item(base, key):
                return self.load(Op.ITEM, self._reach(base), key)
        raise AssertionError(access)

    def _check_memory(self) -> None:
        """Captured arrays must be as they were; arrays that the program writes must share no memory with others."""
        traced, leaves = self.entry.traced, self.call.leaves
        captured = []
        for held in traced.held:
            if traced.written or not held.is_variable:
                register = self.load(Op.CONSTANT, held.source)
                captured.append((register, held.source))
            if isinstance(held.source, np.ndarray) and not held.is_variable:
                self.emit(Op.LIKE, register, held.source.dtype, held.source.shape)
        if self.entry.device == "cuda":
            return
        arrays = [(self.leaves[i], leaf.array) for i, leaf in enumerate(leaves) if leaf.kind == "array"]
        self.apart = [
            (Op.APART, self.leaves[i], register, _itemsize(leaves[i].array), _itemsize(array))
            for i in traced.written
            for register, array in (*arrays, *captured)
            if register != self.leaves[i]
        ]

    # the program

    def _run(self) -> int:
        """Run it; the first register of its results."""
        traced, leaves = self.entry.traced, self.call.leaves
        if self.entry.device == "cuda":
            return queue(self)
        numbers = [leaves[i].kind == "number" for i in traced.passed]
        kinds = [type(leaves[i].value) if number else np.ndarray for i, number in zip(traced.passed, numbers, strict=True)]
        registers = [self.passed(i) for i in traced.passed]
        limits = {value: traced.limits[i] for value, i in enumerate(traced.passed) if i in traced.limits}
        self.steps += self.entry.executable.steps(kinds, registers, limits)
        self.steps += self.apart
        outputs = traced.graph.outputs
        trees = (traced.result, *traced.rewritten.values())
        ints = {result.number for tree in trees for result in tree.leaves if result.kind == "int"}
        first = self.new(len(outputs))
        of = [
            Kind.INT if i in ints else Kind.ARRAY if traced.tensors or node.shape else Kind.SCALAR
            for i, node in enumerate(outputs)
        ]
        self.emit(Op.RUN, first, self.entry.executable.bound, tuple(of))
        return first

    def passed(self, index: int) -> int:
        register = self.leaves[index]
        match self.call.leaves[index].kind:
            case "tensor":
                return self.load(Op.ATTRIBUTE, register, "value")
            case "scalar" | "complex":
                return self.load(Op.CALL, np.asarray, (register,))
            case "foreign":
                return self.load(Op.CALL, as_array, (register,))
        return register

    # results

    def _finish(self, results: int) -> None:
        """What the program did to Variables, tensors and trees outside."""
        for held in self.entry.traced.held:
            if held.updated and held.is_variable:
                self.emit(Op.STORE, held.owner, _KEY, None)
        for leaf, output in self.entry.traced.rebound:
            self.load(Op.CALL, EagerTensor.rebind, (self.leaves[leaf], results + output))
        for parameter, tree in self.entry.traced.rewritten.items():
            new = self._result(tree.structure, iter(tree.leaves), results)
            self.load(Op.CALL, write_tree, (self._target(self.sources[parameter]), new))

    def _target(self, source: Any) -> int:
        """The tree that a parameter is given; of starred parameters, a tuple or dict of them."""
        if isinstance(source, Place):
            return source
        if isinstance(source, tuple) and _are_places(source):
            return self.load(Op.MAKE_TUPLE, source)
        if isinstance(source, dict) and _are_places(source.values()):
            return self.load(Op.MAKE_DICT, tuple(source), tuple(source.values()))
        return self.load(Op.CONSTANT, source)

    def _result(self, structure: Structure, leaves: Iterator[ResultLeaf], results: int) -> int:
        """The register of a tree made of results."""
        if structure.kind is None:
            return self._result_leaf(next(leaves), results)
        if structure.kind not in (list, tuple, dict):
            parts = tuple([self._result_leaf(next(leaves), results) for _ in range(structure.leaf_count)])
            return self.load(Op.CALL, structure.unflatten, (self.load(Op.MAKE_LIST, parts),))
        parts = tuple([self._result(child, leaves, results) for child in structure.children])
        if structure.kind is dict:
            by_key = dict(zip(structure.data, parts, strict=True))
            return self.load(Op.MAKE_DICT, structure.order, tuple([by_key[key] for key in structure.order]))
        return self.load(Op.MAKE_LIST if structure.kind is list else Op.MAKE_TUPLE, parts)

    def _result_leaf(self, result: ResultLeaf, results: int) -> int:
        match result.kind:
            case "output" | "int" if self.entry.device == "cuda":
                return result_there(self, result, results + result.number)
            case "output" if self.entry.traced.tensors:
                return self.load(Op.CALL, EagerTensor, (results + result.number,))
            case "output" | "int":
                return results + result.number
            case "argument":
                return self.leaves[result.number]
        return self.load(Op.CONSTANT, result.value)


def _identity(access: Access) -> Hashable:
    """Equal for accesses that read the same."""
    match access:
        case Global(namespace, name):
            return Global, id(namespace), name
        case Cell(cell):
            return Cell, id(cell)
        case Argument(index):
            return Argument, index
        case Known(value):
            return Known, id(value)
        case Attribute(base, name):
            return Attribute, _identity(base), name
        case Item(base, key):
            return Item, _identity(base), type(key), key
    raise AssertionError(access)


def _taker(structure: Structure) -> Callable[[Any], tuple[Any, ...]]:
    """A function that gives the children of trees of this structure, and raises at all others."""

    def take(tree: Any) -> tuple[Any, ...]:
        taken = take_apart(tree)
        order = tuple(tree) if isinstance(tree, dict) else ()
        if taken is None or (*taken[:2], order) != (structure.kind, structure.data, structure.order):
            raise TypeError(f"{type(tree).__name__} is another structure than {structure}")
        return tuple(taken[2])

    return take


def _itemsize(array: Array | None) -> int:
    assert array is not None
    return array.dtype.itemsize


def _are_places(parts: Any) -> bool:
    return bool(parts) and all(isinstance(part, Place) for part in parts)
