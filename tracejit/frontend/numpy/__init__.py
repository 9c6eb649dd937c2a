"""The public functions that NumPy names, and a few that it lacks. Importing this package fills ``FUNCTIONS``."""

import tracejit.frontend.indexing  # fills in getitem and setitem
from tracejit.frontend.numpy import contraction, creation, inquiry, movement, neural, reductions, sorting, ufuncs

__all__ = ["contraction", "creation", "inquiry", "movement", "neural", "reductions", "sorting", "ufuncs"]
