"""The text form of a graph: a Python function with annotated assignments, printed, and read back with ``ast``."""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from tracejit.ir.builder import CONSTANT, Builder
from tracejit.ir.graph import Graph
from tracejit.ir.node import Attr, Node, Operation
from tracejit.ir.size import Size, parse_dim
from tracejit.ir.spec import CODES, TensorSpec, dtype_code


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
    return f"  # {'reverse of ' if node.where.reverse else ''}{os.path.basename(node.where.file)}:{node.where.line}"


def parse_graph(text: str, ops: Mapping[str, Operation]) -> Graph:
    """The graph that ``text`` describes. Nothing is executed.

    Raises:
        ValueError: The text is not a graph, names an unknown op, or states a spec that its op does not infer.
    """
    function = ast.parse(text).body[0]
    if not isinstance(function, ast.FunctionDef):
        raise ValueError("the text of a graph is one function")
    builder = Builder(ops)
    made: dict[str, Node] = {}
    for arg in function.args.args:
        made[arg.arg] = builder.input(arg.arg, _spec(arg.annotation))
    inputs = tuple(made.values())
    for line in function.body[:-1]:
        match line:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.Call(func=ast.Name(id=op)) as call):
                made[name] = _node(builder, op, call, made)
                if made[name].spec != _spec(annotation):
                    raise ValueError(f"{name} is stated as {ast.unparse(annotation)} but {op} gives {made[name].spec}")
            case _:
                raise ValueError(f"not a line of a graph: {ast.unparse(line)}")
    match function.body[-1]:
        case ast.Return(value=ast.Tuple(elts=[ast.Tuple(elts=outputs), ast.Dict(keys=keys, values=values)])):
            updates = tuple((made[_name(k)], made[_name(v)]) for k, v in zip(keys, values, strict=True))
            return Graph(function.name, inputs, tuple(made[_name(n)] for n in outputs), updates)
    raise ValueError("a graph ends with: return (outputs), {input: new value}")


def _node(builder: Builder, op: str, call: ast.Call, made: Mapping[str, Node]) -> Node:
    attrs = {k.arg: _attr(k.value) for k in call.keywords if k.arg is not None}
    if op == "constant":
        return builder.emit(CONSTANT, (), **attrs)
    if op not in builder.ops:
        raise ValueError(f"unknown op {op}")
    return builder.emit(builder.ops[op], tuple(made[_name(x)] for x in call.args), **attrs)


def _name(node: ast.expr | None) -> str:
    if isinstance(node, ast.Name):
        return node.id
    raise ValueError("operands of a line are names of earlier lines")


def _spec(node: ast.expr | None) -> TensorSpec:
    match node:
        case ast.Name(id=code):
            return TensorSpec((), CODES[code])
        case ast.Subscript(value=ast.Name(id=code), slice=ast.Tuple(elts=dims)):
            return TensorSpec([parse_dim(d) for d in dims], CODES[code])
        case ast.Subscript(value=ast.Name(id=code), slice=dim):
            return TensorSpec([parse_dim(dim)], CODES[code])
    raise ValueError(f"not a spec: {node and ast.unparse(node)}")


def _attr(node: ast.expr) -> Any:
    match node:
        case ast.Tuple(elts=items):
            return tuple(map(_attr, items))
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str(text))]):
            return float(text)
        case ast.Call(func=ast.Name(id="complex"), args=[real, imag]):
            return complex(_attr(real), _attr(imag))
        case ast.Name(id=code) if code in CODES:
            return CODES[code]
    try:
        return ast.literal_eval(node)
    except ValueError:
        return parse_dim(node)
