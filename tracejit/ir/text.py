"""The text form of a graph: a Python function with annotated assignments. ``parse`` reads it back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from tracejit.ir.node import Attr, Node
from tracejit.ir.size import Size
from tracejit.ir.spec import TensorSpec, dtype_code

if TYPE_CHECKING:
    from tracejit.ir.graph import Graph


def graph_text(graph: Graph) -> str:
    """One line a node, each with its spec and the user's line."""
    names = node_names(graph)
    lines = [f"def {graph.name}({', '.join(f'{names[x]}: {spec_text(x.spec)}' for x in graph.inputs)}):"]
    lines += [
        f"    {names[node]}: {spec_text(node.spec)} = {call_text(node, names)}{where_text(node)}"
        for node in graph.nodes()
        if node not in graph.inputs
    ]
    outputs = "".join(f"{names[n]}, " for n in graph.outputs)
    updates = ", ".join(f"{names[target]}: {names[value]}" for target, value in graph.updates)
    lines.append(f"    return ({outputs}), {{{updates}}}")
    return "\n".join(lines) + "\n"


def node_names(graph: Graph) -> dict[Node, str]:
    """Inputs keep their names where these are free, other nodes are ``t0``, ``t1``, ..."""
    names: dict[Node, str] = {}
    taken = set(graph.symbols())
    for node in graph.inputs:
        wanted = name = node.attrs["name"]
        count = 1
        while name in taken:
            name, count = f"{wanted}_{count}", count + 1
        taken.add(name)
        names[node] = name
    fresh = (name for name in map("t{}".format, range(10**9)) if name not in taken)
    for node in graph.nodes():
        if node not in names:
            names[node] = next(fresh)
    return names


def spec_text(spec: TensorSpec) -> str:
    """``f32[n, 3]``; a scalar is plain ``f32``, since ``f32[]`` is no Python."""
    return str(spec).removesuffix("[]")


def call_text(node: Node, names: Mapping[Node, str]) -> str:
    """The call that makes ``node``: ``add(x, y)``, ``reduce_sum(x, axes=(0,))``."""
    attrs = [f"{k}={attr_text(v)}" for k, v in node.attrs.items()]
    return f"{node.op.name}({', '.join([*(names[x] for x in node.inputs), *attrs])})"


def attr_text(value: Attr) -> str:
    """An attribute as ``parse_graph`` reads it back."""
    match value:
        case np.dtype():
            return dtype_code(value)
        case tuple():
            return f"({', '.join(map(attr_text, value))}{',' if len(value) == 1 else ''})"
        case float() if value != value or abs(value) == float("inf"):
            return f"float({str(value)!r})"
        case complex():
            return f"complex({attr_text(value.real)}, {attr_text(value.imag)})"
    return str(value) if isinstance(value, Size) else repr(value)


def where_text(node: Node) -> str:
    """The user's file and line as a comment."""
    if node.where is None:
        return ""
    scope = f" in {node.where.scope}" if node.where.scope else ""
    return f"  # {'reverse of ' if node.where.reverse else ''}{os.path.basename(node.where.file)}:{node.where.line}{scope}"
