"""Donated arguments: arrays that a call may write its results to, so that these need no memory of their own.

A donated array becomes an argument that the function writes to and returns: the checks, and what the scheduler knows about
updates in place, are those of ``x[...] = result; return x``. On a device this holds for tensors there, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tracejit.errors import ArgumentError
from tracejit.frontend.entry import ResultLeaf, ResultTree, Traced
from tracejit.frontend.parameters import Parameters
from tracejit.frontend.signature import Call, Leaf
from tracejit.ir import Graph, Node
from tracejit.runtime.device import Device, DeviceArray

Donation = str | int | Sequence[str | int]


def donated_names(asked: Donation, parameters: Parameters) -> frozenset[str]:
    """The names of the parameters that a user donates by name or position.

    Raises:
        ArgumentError: The function has no such parameter.
    """
    names = list(parameters.signature.parameters)
    found = set()
    for one in (asked,) if isinstance(asked, str | int) else asked:
        known = one in names if isinstance(one, str) else -len(names) <= one < len(names)
        if not known:
            raise ArgumentError(f"{parameters.name}: donate names {one!r}; the parameters are {', '.join(names)}")
        found.add(one if isinstance(one, str) else names[one])
    return frozenset(found)


def donate(
    traced: Traced, call: Call, parameters: Parameters, device: Device = "cpu", kept: frozenset[int] = frozenset()
) -> tuple[Traced, frozenset[int]]:
    """What was traced, with results in the memory of donated arguments; and the leaves whose memory is used so.

    Args:
        traced: Of ``call``.
        call: Takes arrays.
        parameters: Know which of theirs are donated.
        device: Where the program runs.
        kept: Leaves to leave alone.
    """
    free = _results(traced)
    targets: dict[int, Node] = {}
    taken: dict[int, int] = {}  # output -> leaf
    for index, node in zip(traced.passed, traced.graph.inputs, strict=False):
        leaf = call.leaves[index]
        if index in kept or index in traced.written or not can_hold(leaf, device) or not node.shape:
            continue
        if _parameter(index, call, parameters) in parameters.donated:
            output = next((n for n, out in free.items() if n not in taken and out.spec == node.spec), None)
            if output is not None:
                taken[output], targets[index] = index, node
    if not taken:
        return traced, frozenset()
    graph, numbers = traced.graph, [n for n in range(len(traced.graph.outputs)) if n not in taken]
    updates = (*graph.updates, *((targets[leaf], graph.outputs[n]) for n, leaf in taken.items()))
    moved = {old: new for new, old in enumerate(numbers)}
    made = replace(
        traced,
        graph=Graph(graph.name, graph.inputs, tuple(graph.outputs[n] for n in numbers), updates),
        result=_renumbered(traced.result, moved, taken),
        rewritten={i: _renumbered(tree, moved, taken) for i, tree in traced.rewritten.items()},
        rebound=tuple((leaf, moved[n]) for leaf, n in traced.rebound),
        written=traced.written | dict.fromkeys(targets),
    )
    return made, frozenset(targets)


def can_hold(leaf: Leaf, device: Device) -> bool:
    """Whether a result of a program on a device can be in the memory of a leaf: of a NumPy array, or of any array there."""
    return leaf.kind == "array" if device == "cpu" else isinstance(leaf.array, DeviceArray)


def unused(used: frozenset[int], call: Call, parameters: Parameters) -> list[Leaf]:
    """The donated arrays whose memory no result has."""
    arrays = [i for i, leaf in enumerate(call.leaves) if leaf.array is not None and leaf.array.ndim]
    return [call.leaves[i] for i in arrays if i not in used and _parameter(i, call, parameters) in parameters.donated]


def _results(traced: Traced) -> Mapping[int, Node]:
    """The outputs that are one result each, and nothing else."""
    graph = traced.graph
    counts = [
        r.number for tree in (traced.result, *traced.rewritten.values()) for r in tree.leaves if r.kind in ("output", "int")
    ]
    counts += [n for _, n in traced.rebound]
    plain = {r.number for r in traced.result.leaves if r.kind == "output"}
    return {
        n: node
        for n, node in enumerate(graph.outputs)
        if n in plain and counts.count(n) == 1 and graph.roots.count(node) == 1 and node not in graph.inputs
    }


def _renumbered(tree: ResultTree, moved: Mapping[int, int], taken: Mapping[int, int]) -> ResultTree:
    leaves = [
        r
        if r.kind not in ("output", "int")
        else ResultLeaf("argument", taken[r.number])
        if r.number in taken
        else r._replace(number=moved[r.number])
        for r in tree.leaves
    ]
    return ResultTree(tree.structure, tuple(leaves))


def _parameter(index: int, call: Call, parameters: Parameters) -> str:
    """The parameter that a leaf belongs to."""
    names = parameters.signature.parameters
    for name, structure in zip(names, call.signature.structure.children, strict=True):
        index -= structure.leaf_count
        if index < 0:
            return name
    raise AssertionError(index)
