"""IndexedSlices: a tensor of which only some rows are not zero, such as the gradient of a table that few rows were read of."""

from __future__ import annotations

from typing import Any

from tracejit.compat.tensorflow.dtypes import DType


class IndexedSlices:
    """Row ``indices[i]`` of a tensor is ``values[i]``; rows named twice are summed, the others are zero.

    Args:
        values: Rows.
        indices: Their places along the first axis.
        dense_shape: Of the whole tensor, where it is known.
    """

    __slots__ = ("dense_shape", "indices", "values")

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        self.values = values
        self.indices = indices
        self.dense_shape = dense_shape

    @property
    def dtype(self) -> DType:
        dtype: DType = self.values.dtype
        return dtype

    @property
    def shape(self) -> Any:
        return self.dense_shape

    def __repr__(self) -> str:
        return f"IndexedSlices(indices={self.indices}, values={self.values}, dense_shape={self.dense_shape})"
