"""Text -> Graph, with ``ast``; nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from tracejit.ir.builder import CONSTANT, Builder
from tracejit.ir.graph import Graph
from tracejit.ir.node import Node, Operation
from tracejit.ir.size import parse_dim
from tracejit.ir.spec import BFLOAT16, CODES, TensorSpec, dtype_of


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
            return TensorSpec((), dtype_of(code))
        case ast.Subscript(value=ast.Name(id=code), slice=ast.Tuple(elts=dims)):
            return TensorSpec([parse_dim(d) for d in dims], dtype_of(code))
        case ast.Subscript(value=ast.Name(id=code), slice=dim):
            return TensorSpec([parse_dim(dim)], dtype_of(code))
    raise ValueError(f"not a spec: {node and ast.unparse(node)}")


def _attr(node: ast.expr) -> Any:
    match node:
        case ast.Tuple(elts=items):
            return tuple(map(_attr, items))
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str(text))]):
            return float(text)
        case ast.Call(func=ast.Name(id="complex"), args=[real, imag]):
            return complex(_attr(real), _attr(imag))
        case ast.Name(id=code) if code in CODES or code == BFLOAT16:
            return dtype_of(code)
    try:
        return ast.literal_eval(node)
    except ValueError:
        return parse_dim(node)
