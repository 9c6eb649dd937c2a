"""``tf.math``: functions of each element, reductions, running totals."""

# ruff: noqa: F403  # names stand in the ``__all__`` of their modules, and nowhere else

from tracejit.compat.tensorflow.v1 import elementwise, reductions
from tracejit.compat.tensorflow.v1.elementwise import *
from tracejit.compat.tensorflow.v1.reductions import *

__all__ = [
    name for name in (*elementwise.__all__, *reductions.__all__) if not name.startswith("to_") and name not in ("cast", "norm")
]
