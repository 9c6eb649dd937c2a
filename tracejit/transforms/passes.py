"""The passes between a traced graph and the scheduler, in order."""

from __future__ import annotations

from collections.abc import Callable

from tracejit.config import config
from tracejit.ir import Graph
from tracejit.ir.graph import verify
from tracejit.transforms.fold import fold
from tracejit.transforms.products import small_products
from tracejit.transforms.simplify import simplify
from tracejit.transforms.squeeze import squeeze
from tracejit.transforms.unroll import unroll

Pass = Callable[[Graph], Graph]

PIPELINE: tuple[Pass, ...] = (fold, simplify, small_products, squeeze, unroll, fold, simplify)
"""Read top to bottom. The second round meets what products and unit dimensions had hidden; it makes no dimension 1."""


def optimize(graph: Graph, observe: Callable[[str, Graph], None] = lambda name, graph: None) -> Graph:
    """Run the pipeline.

    Args:
        graph: What was traced, derivatives included.
        observe: Called with the name of each pass and the graph that it made.

    Returns:
        A graph of equal meaning that keeps the promises of every pass. Under ``TRACEJIT_CHECK=1`` each step is verified.
    """
    check = config().check
    for transform in PIPELINE:
        graph = transform(graph)
        if check:
            verify(graph)
        observe(getattr(transform, "__name__", "pass"), graph)
    return graph
