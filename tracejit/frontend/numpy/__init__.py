"""The public functions that NumPy names, and a few that it lacks. Importing this package fills ``FUNCTIONS``."""

from tracejit.frontend import indexing
from tracejit.frontend.numpy import (
    analysis,
    arrangement,
    contraction,
    creation,
    editing,
    inquiry,
    movement,
    neural,
    reductions,
    sorting,
    tables,
    ufuncs,
)

__all__ = [
    "analysis",
    "arrangement",
    "contraction",
    "creation",
    "editing",
    "indexing",
    "inquiry",
    "movement",
    "neural",
    "reductions",
    "sorting",
    "tables",
    "ufuncs",
]
