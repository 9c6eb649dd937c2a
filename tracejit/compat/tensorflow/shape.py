"""TensorShape: the shape of a tensor, as TensorFlow shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, overload

from tracejit.frontend.symbolic import SymbolicInt


class TensorShape(Sequence[Any]):
    """Sizes; None for a size that is not known. While a function is traced, an open size is a symbol to compute with.

    Args:
        dims: Sizes.
    """

    __slots__ = ("_dims",)

    def __init__(self, dims: Iterable[Any]) -> None:
        self._dims = tuple(dims)

    @property
    def dims(self) -> list[Any]:
        return list(self._dims)

    @property
    def rank(self) -> int:
        return len(self._dims)

    ndims = rank

    def as_list(self) -> list[Any]:
        return list(self._dims)

    def num_elements(self) -> Any:
        out: Any = 1
        for n in self._dims:
            if n is None:
                return None
            out = out * n
        return out

    def is_fully_defined(self) -> bool:
        return not any(n is None or isinstance(n, SymbolicInt) for n in self._dims)

    def is_compatible_with(self, other: Any) -> bool:
        theirs = tuple(other)
        return len(theirs) == self.rank and all(a is None or b is None or a == b for a, b in zip(self._dims, theirs, strict=True))

    def __len__(self) -> int:
        return len(self._dims)

    @overload
    def __getitem__(self, index: int) -> Any: ...

    @overload
    def __getitem__(self, index: slice) -> TensorShape: ...

    def __getitem__(self, index: Any) -> Any:
        part = self._dims[index]
        return TensorShape(part) if isinstance(index, slice) else part

    def __add__(self, other: Any) -> TensorShape:
        return TensorShape((*self._dims, *other))

    def __radd__(self, other: Any) -> TensorShape:
        return TensorShape((*other, *self._dims))

    def concatenate(self, other: Any) -> TensorShape:
        return TensorShape((*self._dims, *other))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TensorShape):
            return self._dims == other._dims
        return isinstance(other, list | tuple) and self._dims == tuple(other)

    def __hash__(self) -> int:
        return hash(self._dims)

    def __repr__(self) -> str:
        return f"TensorShape([{', '.join(map(str, self._dims))}])"

    def __str__(self) -> str:
        return f"({', '.join(map(str, self._dims))}{',' if len(self._dims) == 1 else ''})"


def shape_text(shape: Sequence[Any]) -> str:
    """A shape as TensorFlow's errors write it: ``[3,1]``."""
    return f"[{','.join(map(str, shape))}]"
