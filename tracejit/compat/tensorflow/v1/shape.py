"""Static shapes as TensorFlow 1 has them: dimensions, and whole shapes, may be unknown until a session runs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Dims = tuple[int | None, ...]


class Dimension:
    """One dimension of a static shape; arithmetic with an unknown one gives an unknown one.

    Args:
        value: A size, or None where it is unknown.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value: int | None = value.value if isinstance(value, Dimension) else None if value is None else operator.index(value)
        if self.value is not None and self.value < 0:
            raise ValueError(f"Dimension {value} must be >= 0")

    def __int__(self) -> int:
        return self.__index__()

    def __index__(self) -> int:
        if self.value is None:
            raise TypeError("this dimension is unknown until a session runs; tf.shape(x) gives it then")
        return self.value

    def __eq__(self, other: object) -> bool:
        return self.value == (other.value if isinstance(other, Dimension) else other)

    def __hash__(self) -> int:
        return hash(self.value)

    def __add__(self, other: Any) -> Dimension:
        return self._combined(operator.add, other)

    def __sub__(self, other: Any) -> Dimension:
        return self._combined(operator.sub, other)

    def __mul__(self, other: Any) -> Dimension:
        return self._combined(operator.mul, other)

    def __floordiv__(self, other: Any) -> Dimension:
        return self._combined(operator.floordiv, other)

    def __mod__(self, other: Any) -> Dimension:
        return self._combined(operator.mod, other)

    __radd__, __rmul__ = __add__, __mul__

    def __lt__(self, other: Any) -> bool:
        return int(self) < int(other)

    def __le__(self, other: Any) -> bool:
        return int(self) <= int(other)

    def __gt__(self, other: Any) -> bool:
        return int(self) > int(other)

    def __ge__(self, other: Any) -> bool:
        return int(self) >= int(other)

    def _combined(self, function: Callable[[int, int], int], other: Any) -> Dimension:
        size = Dimension(other).value
        return Dimension(None if self.value is None or size is None else function(self.value, size))

    def __str__(self) -> str:
        return "?" if self.value is None else str(self.value)

    def __repr__(self) -> str:
        return f"Dimension({self.value})"


class TensorShape:
    """A static shape.

    Args:
        dims: Sizes, None for unknown ones; None for a shape of which nothing is known; one size for a vector.
    """

    __slots__ = ("sizes",)

    def __init__(self, dims: Any) -> None:
        self.sizes: Dims | None
        if dims is None or isinstance(dims, TensorShape):
            self.sizes = None if dims is None else dims.sizes
        else:
            given = dims if hasattr(dims, "__iter__") else (dims,)
            self.sizes = tuple(Dimension(d).value for d in given)

    @property
    def dims(self) -> list[Dimension] | None:
        return None if self.sizes is None else [Dimension(d) for d in self.sizes]

    @property
    def ndims(self) -> int | None:
        return None if self.sizes is None else len(self.sizes)

    rank = ndims

    def known(self) -> Dims:
        """The sizes of a shape whose rank is known.

        Raises:
            ValueError: It is not.
        """
        if self.sizes is None:
            raise ValueError("the shape is unknown until a session runs")
        return self.sizes

    def as_list(self) -> list[int | None]:
        if self.sizes is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self.sizes)

    def is_fully_defined(self) -> bool:
        return self.sizes is not None and None not in self.sizes

    def num_elements(self) -> int | None:
        """How many elements there are, None where that is unknown."""
        count = 1
        for size in self.sizes if self.sizes is not None else (None,):
            if size is None:
                return None
            count *= size
        return count

    def is_compatible_with(self, other: Any) -> bool:
        """Whether one value could have both shapes."""
        theirs = TensorShape(other).sizes
        if self.sizes is None or theirs is None:
            return True
        return len(self.sizes) == len(theirs) and all(a == b or None in (a, b) for a, b in zip(self.sizes, theirs, strict=True))

    def merge_with(self, other: Any) -> TensorShape:
        """What both shapes say together.

        Raises:
            ValueError: They contradict each other.
        """
        theirs = TensorShape(other)
        if not self.is_compatible_with(theirs):
            raise ValueError(f"Shapes {self} and {theirs} are not compatible")
        if self.sizes is None or theirs.sizes is None:
            return theirs if self.sizes is None else self
        return TensorShape(b if a is None else a for a, b in zip(self.sizes, theirs.sizes, strict=True))

    def concatenate(self, other: Any) -> TensorShape:
        theirs = TensorShape(other).sizes
        return TensorShape(None if self.sizes is None or theirs is None else self.sizes + theirs)

    def __len__(self) -> int:
        if self.sizes is None:
            raise ValueError("Cannot take the length of shape with unknown rank.")
        return len(self.sizes)

    def __bool__(self) -> bool:
        return self.sizes is not None

    def __iter__(self) -> Iterator[Dimension]:
        if self.sizes is None:
            raise ValueError("Cannot iterate over a shape with unknown rank.")
        return iter([Dimension(d) for d in self.sizes])

    def __getitem__(self, index: Any) -> Any:
        if self.sizes is None:
            return TensorShape(None) if isinstance(index, slice) else Dimension(None)
        return TensorShape(self.sizes[index]) if isinstance(index, slice) else Dimension(self.sizes[index])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TensorShape):
            return self.sizes == other.sizes
        if isinstance(other, list | tuple):
            return self.sizes == TensorShape(other).sizes
        return other is None and self.sizes is None

    def __hash__(self) -> int:
        return hash(self.sizes)

    def __str__(self) -> str:
        if self.sizes is None:
            return "<unknown>"
        return f"({', '.join('?' if d is None else str(d) for d in self.sizes)}{',' if len(self.sizes) == 1 else ''})"

    def __repr__(self) -> str:
        return "TensorShape(None)" if self.sizes is None else f"TensorShape([{', '.join(map(repr, self))}])"


def shape_text(sizes: Sequence[int | None] | None) -> str:
    """A shape as Python writes it: ``(None, 3)``."""
    return "<unknown>" if sizes is None else str(tuple(sizes))


def proto_text(sizes: Sequence[int | None] | None) -> str:
    """A shape as TensorFlow's kernels write it: ``[?,3]``."""
    return "<unknown>" if sizes is None else f"[{','.join('?' if d is None else str(d) for d in sizes)}]"
