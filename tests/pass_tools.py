"""Graphs from lines of text, and passes by what they make of them."""

from tracejit.ir.graph import verify
from tracejit.ir.parse import parse_graph
from tracejit.ops import TABLE


def lines(graph):
    """Head, body and return of the text of a graph, without the name and the line of the user."""
    return [line.strip() for line in str(graph).splitlines()]


def function(inputs, body, result):
    """A graph from its parts; ``result`` is the tuple of outputs, or all of the return line."""
    result = result if "{" in result else f"({result},), {{}}"
    return parse_graph("\n".join([f"def f({inputs}):", *(f"    {line}" for line in body), f"    return {result}"]), TABLE)


def becomes(transform, inputs, before, after):
    """``transform`` makes ``after`` of ``before``: lines of which the last one is returned, or the name of an input."""
    new = transform(function(inputs, before, before[-1].split(":")[0]))
    verify(new)
    body, name = ([], after) if isinstance(after, str) else (after, after[-1].split(":")[0])
    assert lines(new) == lines(function(inputs, body, name))
