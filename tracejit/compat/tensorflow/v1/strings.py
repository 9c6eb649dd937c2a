"""The dtype of what summaries give, which no program computes."""

from __future__ import annotations

import numpy as np

from tracejit.compat.tensorflow.dtypes import DType


class _String(DType):
    """The one dtype whose values are objects of Python."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return "string"


string = _String(np.dtype(object))
"""Of summaries."""
