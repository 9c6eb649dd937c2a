"""Arrangement: shapes, places and parts of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracejit.compat.torch.apply import apply, trace
from tracejit.compat.torch.errors import DimensionError, SizeError, normal_dim, normal_dims
from tracejit.compat.torch.kernels import movement as K
from tracejit.compat.torch.kernels.place import ARRAY, Place
from tracejit.compat.torch.promote import dims_of, rank_of
from tracejit.compat.torch.size import Size
from tracejit.compat.torch.value import Value
from tracejit.errors import IndexOutOfBoundsError, ShapeError
from tracejit.frontend.tensor import Tracer
from tracejit.runtime.device import on_host, overlap

INDEX = np.dtype(np.int64)


def given(sizes: tuple[Any, ...]) -> tuple[Any, ...]:
    """Sizes as PyTorch takes them: one by one, or as one list, tuple or ``Size``."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], list | tuple) else sizes


class Arrangement(Value):
    """Shapes, transposes, parts."""

    @property
    def shape(self) -> Size:
        """The sizes."""
        return Size(dims_of(self))

    def size(self, dim: int | None = None) -> Any:
        """The sizes, or one of them."""
        dims = dims_of(self)
        return Size(dims) if dim is None else dims[normal_dim(dim, len(dims))]

    def dim(self) -> int:
        """The number of dimensions."""
        return rank_of(self)

    ndimension = dim

    @property
    def ndim(self) -> int:
        return rank_of(self)

    def numel(self) -> Any:
        """The number of elements."""
        out: Any = 1
        for n in dims_of(self):
            out = out * n
        return out

    nelement = numel

    def view(self, *shape: Any) -> Any:
        """The same memory under another shape; one size may be -1."""
        out = self.reshape(*shape)
        if out._tracer is None and self._tracer is None and not overlap(out._array, self._array) and out._array.size:
            raise SizeError(
                "view size is not compatible with input tensor's size and stride (at least one dimension spans across two"
                " contiguous subspaces). Use .reshape(...) instead."
            )
        return out

    def reshape(self, *shape: Any) -> Any:
        """The same elements under another shape; one size may be -1."""
        wanted = given(shape)
        try:
            return apply(K.view, self, shape=wanted)
        except (ShapeError, ValueError) as error:
            if isinstance(error, SizeError):
                raise
            raise SizeError(f"shape '{list(wanted)}' is invalid for input of size {self.numel()}") from None

    def view_as(self, other: Any) -> Any:
        """The same memory under the shape of another tensor."""
        return self.reshape(dims_of(other))

    reshape_as = view_as

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Any:
        """Several dimensions as one."""
        dims, rank = dims_of(self), rank_of(self)
        if not rank:
            return self.reshape(1)
        first, last = normal_dim(start_dim, rank), normal_dim(end_dim, rank)
        if first > last:
            raise SizeError("flatten() has invalid args: start_dim cannot come after end_dim")
        return self if first == last else self.reshape(*dims[:first], -1, *dims[last + 1 :])

    def ravel(self) -> Any:
        """All elements along one dimension."""
        return self.flatten()

    def t(self) -> Any:
        """The transpose of a matrix; a vector as it is."""
        if rank_of(self) > 2:
            raise SizeError(f"t() expects a tensor with <= 2 dimensions, but self is {rank_of(self)}D")
        return self.transpose(0, 1) if rank_of(self) == 2 else self

    def transpose(self, dim0: int, dim1: int) -> Any:
        """Two dimensions exchanged."""
        rank = rank_of(self)
        perm = list(range(rank))
        a, b = normal_dim(dim0, rank), normal_dim(dim1, rank)
        if rank:
            perm[a], perm[b] = perm[b], perm[a]
        return apply(K.permute, self, perm=tuple(perm))

    swapaxes = transpose

    def permute(self, *dims: Any) -> Any:
        """Dimensions in another order."""
        rank = rank_of(self)
        perm = tuple(normal_dim(d, rank) for d in given(dims))
        if sorted(perm) != list(range(rank)):
            raise SizeError(f"permute: {given(dims)} is no order of the {rank} dimensions of the tensor")
        return apply(K.permute, self, perm=perm)

    @property
    def T(self) -> Any:
        return apply(K.permute, self, perm=tuple(reversed(range(rank_of(self)))))

    @property
    def mT(self) -> Any:
        return self.transpose(-2, -1)

    def squeeze(self, dim: Any = None) -> Any:
        """Without dimensions of size 1: all, or ``dim`` where it is one."""
        dims = dims_of(self)
        drop = [i for i in normal_dims(dim, len(dims)) if type(dims[i]) is int and dims[i] == 1]
        return self.reshape(tuple(d for i, d in enumerate(dims) if i not in drop)) if drop else self.view_as(self)

    def unsqueeze(self, dim: int) -> Any:
        """With a new dimension of size 1 at ``dim``."""
        dims = list(dims_of(self))
        dims.insert(normal_dim(dim, len(dims) + 1), 1)
        return self.reshape(tuple(dims))

    def expand(self, *sizes: Any) -> Any:
        """Repeated along dimensions of size 1; -1 keeps a size."""
        wanted, own = list(given(sizes)), dims_of(self)
        lead = len(wanted) - len(own)
        if lead < 0:
            raise SizeError(f"expand: the number of sizes provided ({len(wanted)}) must be greater or equal to {len(own)}")
        shape = tuple(own[i - lead] if type(d) is int and d == -1 else d for i, d in enumerate(wanted))
        try:
            return apply(K.expand, self, shape=shape)
        except ValueError:
            place = next(i for i, d in enumerate(own) if d != 1 and shape[i + lead] != d)
            raise SizeError(
                f"The expanded size of the tensor ({shape[place + lead]}) must match the existing size ({own[place]}) at"
                f" non-singleton dimension {place + lead}.  Target sizes: {list(shape)}.  Tensor sizes: {list(own)}"
            ) from None

    def expand_as(self, other: Any) -> Any:
        """Repeated to the shape of another tensor."""
        return self.expand(dims_of(other))

    def repeat(self, *repeats: Any) -> Any:
        """Side by side with itself, so often along each dimension."""
        counts = given(repeats)
        if len(counts) < rank_of(self):
            raise SizeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
        return apply(K.repeat, self, repeats=counts)

    def narrow(self, dim: int, start: int, length: int) -> Any:
        """``length`` elements from ``start`` along ``dim``."""
        axis = normal_dim(dim, rank_of(self))
        size = dims_of(self)[axis]
        if not 0 <= start <= start + length <= size:
            raise SizeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
        return apply(K.narrow, self, axis=axis, start=start, size=length)

    def select(self, dim: int, index: int) -> Any:
        """The part at ``index`` along ``dim``."""
        return self[(slice(None),) * normal_dim(dim, rank_of(self)) + (index,)]

    def split(self, split_size: Any, dim: int = 0) -> tuple[Any, ...]:
        """Parts of ``split_size``, or of the sizes in a list, along ``dim``."""
        axis = normal_dim(dim, rank_of(self))
        size = int(dims_of(self)[axis])
        sizes = split_size
        if isinstance(split_size, int):
            sizes = [min(split_size, size - i) for i in range(0, size, split_size)]
        if sum(sizes) != size:
            rule = f"sum exactly to {size} (input tensor's size at dimension {axis})"
            raise SizeError(f"split_with_sizes expects split_sizes to {rule}")
        ends = np.cumsum(sizes).tolist()
        return tuple(self.narrow(axis, end - n, n) for end, n in zip(ends, sizes, strict=True))

    def chunk(self, chunks: int, dim: int = 0) -> tuple[Any, ...]:
        """At most so many parts of equal size along ``dim``; the last may be smaller."""
        size = int(dims_of(self)[normal_dim(dim, rank_of(self))])
        return self.split(max(1, -(-size // chunks)), dim)

    def unbind(self, dim: int = 0) -> tuple[Any, ...]:
        """All parts along ``dim``."""
        return tuple(self.select(dim, i) for i in range(int(dims_of(self)[normal_dim(dim, rank_of(self))])))

    def flip(self, *dims: Any) -> Any:
        """Backwards along ``dims``."""
        return apply(K.flip, self, axes=normal_dims(given(dims), rank_of(self)))

    def roll(self, shifts: int, dims: int) -> Any:
        """Moved by ``shifts`` along ``dims``; what leaves at the end comes in at the begin."""
        return apply(K.roll, self, shifts, normal_dim(dims, rank_of(self)))

    def tril(self, diagonal: int = 0) -> Any:
        """The part on and below a diagonal."""
        return apply(K.tril, self, offset=diagonal)

    def triu(self, diagonal: int = 0) -> Any:
        """The part on and above a diagonal."""
        return apply(K.triu, self, offset=diagonal)

    def diag(self, diagonal: int = 0) -> Any:
        """The diagonal of a matrix; the matrix with a vector as its diagonal."""
        return apply(K.diag, self, diagonal)

    def diagonal(self, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
        """The diagonals of two dimensions."""
        rank = rank_of(self)
        return apply(K.diagonal, self, offset, normal_dim(dim1, rank), normal_dim(dim2, rank))

    def index_select(self, dim: int, index: Any) -> Any:
        """The parts at ``index``, a vector of integers, along ``dim``."""
        return self[(slice(None),) * normal_dim(dim, rank_of(self)) + (index,)]

    def masked_select(self, mask: Any) -> Any:
        """The elements where ``mask`` is true."""
        return self[mask]

    def contiguous(self) -> Any:
        """In row-major memory: the same tensor where it is so."""
        return self if self.is_contiguous() else self.clone()

    def is_contiguous(self) -> bool:
        """Whether the elements lie in row-major order."""
        return self._tracer is not None or (self._origin is None and self._array.flags.c_contiguous)

    def clone(self) -> Any:
        """The same value in memory of its own; gradients flow through."""
        return apply(K.clone, self)

    def __len__(self) -> int:
        if not rank_of(self):
            raise TypeError("len() of a 0-d tensor")
        return int(dims_of(self)[0])

    def __iter__(self) -> Any:
        if not rank_of(self):
            raise TypeError("iteration over a 0-d tensor")
        return (self[i] for i in range(len(self)))

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    def __getitem__(self, index: Any) -> Any:
        if not rank_of(self) and type(index) is int and index in (0, -1):  # what the scalars of PyTorch before 0.4 were read by
            session = trace()
            return self._array.item() if session is None else session.as_number(self)
        try:
            arrays, place = parts(index, dims_of(self))
            return apply(K.index if arrays else K.slice_, self, *arrays, place=place)
        except (IndexOutOfBoundsError, IndexError) as error:
            if not rank_of(self):
                text = "invalid index of a 0-dim tensor. Use `tensor.item()` in Python to convert a 0-dim tensor to a number"
                raise DimensionError(text) from None
            raise DimensionError(str(error).replace("for axis", "for dimension")) from None


def parts(index: Any, dims: Sequence[Any]) -> tuple[list[Any], Place]:
    """The arrays, or traced values, in an index, and the index without them.

    Integers in arrays come back in range, counted from the front; masks as the places where they are true.

    Args:
        index: As the user writes it.
        dims: The sizes of what is indexed.

    Raises:
        IndexError: An integer is out of range.
    """
    items = index if isinstance(index, tuple) else (index,)
    if not any(isinstance(i, Value | list | np.ndarray) for i in items):
        return [], Place(index)
    plain: list[Any] = []
    for item in map(_plain, items):
        plain.extend(item.nonzero() if isinstance(item, np.ndarray) and item.dtype == bool else [item])
    axes = sum(item is not None and item is not Ellipsis for item in plain)
    axis, arrays, kept = 0, [], list[Any]()
    for item in plain:
        if item is Ellipsis:
            axis += len(dims) - axes
        if isinstance(item, np.ndarray | Tracer):
            arrays.append(_counted(item, dims, axis) if isinstance(item, np.ndarray) else item)
            item = ARRAY
        axis += item is not None and item is not Ellipsis
        kept.append(item)
    return arrays, Place(tuple(kept) if isinstance(index, tuple) or len(kept) > 1 else kept[0])


def _plain(item: Any) -> Any:
    """An item of an index: an array or traced value in place of a tensor; a number in place of one without dimensions."""
    if isinstance(item, list):
        return np.asarray(item) if item else np.zeros(0, INDEX)
    if not isinstance(item, Value):
        return item
    session = trace()
    if session is not None:
        return session.tracer(item)
    array = on_host(item._array)
    return int(array) if not array.ndim and array.dtype.kind in "iu" else array


def _counted(places: np.ndarray, dims: Sequence[Any], axis: int) -> np.ndarray:
    """Integers in range, counted from the front."""
    if places.dtype.kind not in "iu":
        raise DimensionError(f"tensors used as indices must be long, int, byte or bool tensors; got {places.dtype}")
    size = dims[axis] if axis < len(dims) else 0
    if type(size) is not int:  # of a trace, which checks when the program runs
        return places
    wide = places.astype(INDEX)
    if wide.size and not (-size <= wide.min() and wide.max() < size):
        wrong = int(wide.max()) if wide.max() >= size else int(wide.min())
        raise DimensionError(f"index {wrong} is out of bounds for dimension {axis} with size {size}")
    return np.where(wide < 0, wide + size, wide)
