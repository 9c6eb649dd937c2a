"""Computing a value again where it is read, rather than storing it: a mask, a scaled copy, an exponential of a difference."""

from __future__ import annotations

from collections.abc import Mapping

from tracejit.ir import Node
from tracejit.ops.index_map import identity
from tracejit.schedule.access import kind
from tracejit.schedule.cost import MOST_AGAIN, cost
from tracejit.schedule.fuse import FUSIBLE, Constraints, Group, is_legal, is_scalar, reads_of, sources


def rematerialise(groups: list[Group], nodes: list[Node], roots: set[Node], constraints: Constraints) -> None:
    """Add to groups the cheap nodes that they read, where no reader then needs them stored and no reader loads more than before.

    A node may then be in several groups; the first that has it is where it belongs. ``nodes`` are those of all groups, each
    behind what it reads.
    """
    order = {n: i for i, n in enumerate(nodes)}
    owner: dict[Node, Group] = {}
    for g in groups:
        for n in g.nodes:
            owner.setdefault(n, g)
    readers: dict[Node, set[Group]] = {}
    for g in groups:
        for s in {s for n in g.nodes for s in sources(n)} - set(g.nodes):
            readers.setdefault(s, set()).add(g)
    for node in sorted(readers, key=lambda n: -order.get(n, 0)):
        if node in roots or not _is_cheap(node) or node not in owner or not all(map(_can_grow, (owner[node], *readers[node]))):
            continue
        grown = {g: _with(g, node, owner, constraints) for g in readers[node]}
        if all(grown.values()):
            for g, wider in grown.items():
                assert wider is not None
                g.nodes, g.before = sorted(wider.nodes, key=order.__getitem__), wider.before


def _can_grow(group: Group) -> bool:
    return bool(group.space) and kind(group.nodes[0]) in FUSIBLE


def _is_cheap(node: Node) -> bool:
    return kind(node) == "elementwise" and not is_scalar(node) and cost(node) <= MOST_AGAIN


def _with(group: Group, node: Node, owner: Mapping[Node, Group], constraints: Constraints) -> Group | None:
    """``group`` with ``node`` computed in it; None where that loads more or is not legal."""
    overwritten = set(constraints.overwrites.values())
    added: set[Node] = set()
    leaves: set[Node] = set()
    stack = [node]
    while stack:
        n = stack.pop()
        if n in group.nodes or n in added:
            continue
        added.add(n)
        if sum(map(cost, added)) > MOST_AGAIN:
            return None
        for r in reads_of(n):
            s = r.source
            if s in group.nodes or kind(s) in ("constant", "iota") or is_scalar(s):
                continue
            if (
                _is_cheap(s)
                and s not in group.loads
                and (s not in owner or _can_grow(owner[s]))
                and r.index == identity(s.spec.rank)
            ):
                stack.append(s)
            elif s in overwritten:
                return None
            else:
                leaves.add(s)
    new = leaves - group.loads
    large = [s for s in new if s.spec.rank >= node.spec.rank]
    if len(large) > 1 or any(s.dtype.itemsize > node.dtype.itemsize for s in large):
        return None
    nodes = [*group.nodes, *added]
    before = (group.before | {s for n in added for s in sources(n)}) - set(nodes)
    wider = Group(nodes, group.space, group.rows, before)
    return wider if is_legal(wider, constraints) and all(_runs_before(s, group, owner) for s in new) else None


def _runs_before(node: Node, group: Group, owner: Mapping[Node, Group]) -> bool:
    """Whether a new leaf is an input, or made by a step that the group waits for anyway."""
    if node not in owner:
        return kind(node) == "input"
    seen: set[Group] = set()
    stack = [owner[n] for n in group.before if n in owner]
    while stack:
        g = stack.pop()
        if g is owner[node]:
            return True
        if g not in seen:
            seen.add(g)
            stack.extend(owner[n] for n in g.before if n in owner)
    return False
