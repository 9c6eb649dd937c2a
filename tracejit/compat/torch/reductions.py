"""Reductions: methods that take dimensions of a tensor together, products included."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tracejit.compat.torch import dtypes
from tracejit.compat.torch.apply import apply, pair
from tracejit.compat.torch.errors import SizeError, TypeMismatchError, normal_dim, normal_dims, product_error, rank_error
from tracejit.compat.torch.kernels import products as P
from tracejit.compat.torch.kernels import reductions as K
from tracejit.compat.torch.promote import dims_of, dtype_of, floating, promoted, rank_of, to
from tracejit.compat.torch.types import scalar_name
from tracejit.compat.torch.value import Value
from tracejit.ir.ambient import active
from tracejit.ir.dtype import family

INDEX = np.dtype(np.int64)


class Extremes(NamedTuple):
    """The largest or smallest along a dimension, and where they are."""

    values: Any
    indices: Any


def _mean_of_floats(x: Any, name: str) -> Any:
    if family(dtype_of(x)) not in "fc":
        raise TypeMismatchError(
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point or complex dtype."
            f" Got: {scalar_name(dtype_of(x))}"
        )
    return x


def _matrices(name: str, x: Any, y: Any, rank: int) -> None:
    """Two tensors of one dtype and this rank, whose sizes fit."""
    kind = {1: "1D", 2: "a matrix", 3: "3D"}[rank]
    for i, t in enumerate((x, y), 1):
        if not isinstance(t, Value):
            raise TypeError(f"{name}(): argument {i} must be Tensor, not {type(t).__name__}")
        if rank_of(t) != rank:
            raise rank_error(name, i, kind, rank_of(t))
    _same_dtype(x, y)


def _same_dtype(x: Any, y: Any) -> None:
    if dtype_of(x) != dtype_of(y):
        names = (scalar_name(dtype_of(t)).lower() for t in (x, y))
        raise TypeMismatchError(f"expected m1 and m2 to have the same dtype, but got: {' != '.join(names)}")


def _check_inner(x: Any, y: Any) -> None:
    """ShapeError where plain sizes differ; symbolic ones are made one by the kernel."""
    a, b = dims_of(x)[-1], dims_of(y)[-min(rank_of(y), 2)]
    if type(a) is int and type(b) is int and a != b:
        raise product_error(dims_of(x), dims_of(y))


class Reductions(Value):
    """Sums, means, extremes, products."""

    def sum(self, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        """The sum over ``dim``, or of all elements; of integers and bools in int64."""
        x = self if dtype is None else to(self, dtypes.as_numpy(dtype))
        if dtype_of(x).kind in "biu":
            x = to(x, INDEX)
        return apply(K.sum, x, axes=normal_dims(dim, rank_of(self)), keepdim=keepdim)

    def mean(self, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
        """The mean over ``dim``, or of all elements."""
        x = _mean_of_floats(self if dtype is None else to(self, dtypes.as_numpy(dtype)), "mean")
        return apply(K.mean, x, axes=normal_dims(dim, rank_of(self)), keepdim=keepdim)

    def prod(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The product along ``dim``, or of all elements. Derivative: exact where elements are 0."""
        x = to(self, INDEX) if dtype_of(self).kind in "biu" else self
        return apply(K.prod, x, axes=normal_dims(dim, rank_of(self)), keepdim=keepdim)

    def var(self, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None) -> Any:
        """The variance, divided by the count less 1, or less ``correction``."""
        ddof = (1 if unbiased else 0) if correction is None else correction
        x = _mean_of_floats(self, "var")
        return apply(K.var, x, axes=normal_dims(dim, rank_of(self)), keepdim=keepdim, ddof=ddof)

    def std(self, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None) -> Any:
        """The root of the variance. Derivative: 0 where all values are equal."""
        ddof = (1 if unbiased else 0) if correction is None else correction
        x = _mean_of_floats(self, "std")
        return apply(K.std, x, axes=normal_dims(dim, rank_of(self)), keepdim=keepdim, ddof=ddof)

    def norm(self, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
        """The norm of order ``p`` of the vectors along ``dim``, or of all elements."""
        order = 2 if p in ("fro", None) else p
        return apply(K.norm, _mean_of_floats(self, "norm"), axes=normal_dims(dim, rank_of(self)), keepdim=keepdim, ord=order)

    def logsumexp(self, dim: Any, keepdim: bool = False) -> Any:
        """``log(sum(exp(x)))`` over ``dim``, without overflow."""
        return apply(K.logsumexp, floating(self), axes=normal_dims(dim, rank_of(self)), keepdim=keepdim)

    def softmax(self, dim: int, dtype: Any = None) -> Any:
        """``exp(x) / sum(exp(x))`` over ``dim``, without overflow."""
        x = floating(self if dtype is None else to(self, dtypes.as_numpy(dtype)))
        return apply(K.softmax, x, axes=normal_dims(dim, rank_of(self)))

    def log_softmax(self, dim: int, dtype: Any = None) -> Any:
        """The logarithm of ``softmax``, without overflow."""
        x = floating(self if dtype is None else to(self, dtypes.as_numpy(dtype)))
        return apply(K.log_softmax, x, axes=normal_dims(dim, rank_of(self)))

    def amax(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The largest over ``dim``. Derivative: equal shares at ties."""
        return apply(K.amax, self, axes=_some(self, dim, "amax"), keepdim=keepdim)

    def amin(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The smallest over ``dim``. Derivative: equal shares at ties."""
        return apply(K.amin, self, axes=_some(self, dim, "amin"), keepdim=keepdim)

    def max(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The largest element, ties sharing the derivative; along ``dim`` a pair of values and indices; or ``maximum``."""
        if isinstance(dim, Value):
            return self.maximum(dim)  # type: ignore[attr-defined]
        if dim is not None:
            return self._extremes(K.argmax, dim, keepdim, "max")
        return apply(K.amax, self, axes=_some(self, None, "max"), keepdim=False)

    def min(self, dim: Any = None, keepdim: bool = False) -> Any:
        """The smallest element, ties sharing the derivative; along ``dim`` a pair of values and indices; or ``minimum``."""
        if isinstance(dim, Value):
            return self.minimum(dim)  # type: ignore[attr-defined]
        if dim is not None:
            return self._extremes(K.argmin, dim, keepdim, "min")
        return apply(K.amin, self, axes=_some(self, None, "min"), keepdim=False)

    def _extremes(self, kernel: Any, dim: int, keepdim: bool, name: str) -> Extremes:
        if not rank_of(self):
            return Extremes(self.amax(), self.argmax())
        (axis,) = _some(self, dim, name)
        places = apply(kernel, self, axes=(axis,), keepdim=True)
        values = apply(K.gather_along, self, places, axis=axis)
        return Extremes(values, places) if keepdim else Extremes(values.squeeze(axis), places.squeeze(axis))

    def argmax(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The index of the first largest along ``dim``, or among all elements."""
        return self._place(K.argmax, dim, keepdim, "argmax")

    def argmin(self, dim: int | None = None, keepdim: bool = False) -> Any:
        """The index of the first smallest along ``dim``, or among all elements."""
        return self._place(K.argmin, dim, keepdim, "argmin")

    def _place(self, kernel: Any, dim: int | None, keepdim: bool, name: str) -> Any:
        x: Any = self.flatten() if dim is None or not rank_of(self) else self  # type: ignore[attr-defined]
        axes = (0,) if x is not self or dim is None else _some(self, dim, name)
        return apply(kernel, x, axes=axes, keepdim=keepdim and dim is not None)

    def any(self, dim: Any = None, keepdim: bool = False) -> Any:
        """Whether one is not zero."""
        return apply(K.any, self, axes=normal_dims(dim, rank_of(self)), keepdim=keepdim)

    def all(self, dim: Any = None, keepdim: bool = False) -> Any:
        """Whether none is zero."""
        return apply(K.all, self, axes=normal_dims(dim, rank_of(self)), keepdim=keepdim)

    def cumsum(self, dim: int) -> Any:
        """Running sums along ``dim``."""
        return apply(K.cumsum, self, axis=normal_dim(dim, rank_of(self)))

    def cumprod(self, dim: int) -> Any:
        """Running products along ``dim``."""
        return apply(K.cumprod, self, axis=normal_dim(dim, rank_of(self)))

    def argsort(self, dim: int = -1, descending: bool = False) -> Any:
        """The indices that sort along ``dim``; equal elements keep their order."""
        x: Any = -self if descending else self  # type: ignore[operator]
        return apply(K.argsort, x, axis=normal_dim(dim, rank_of(self)))

    def sort(self, dim: int = -1, descending: bool = False) -> Extremes:
        """Values in order along ``dim``, and where they were."""
        places = self.argsort(dim, descending)
        return Extremes(apply(K.gather_along, self, places, axis=normal_dim(dim, rank_of(self))), places)

    def gather(self, dim: int, index: Any) -> Any:
        """The elements at ``index`` along ``dim``."""
        axis = normal_dim(dim, rank_of(self))
        if rank_of(index) != rank_of(self):
            raise SizeError("Index tensor must have the same number of dimensions as input tensor")
        return apply(K.gather, self, to(index, INDEX), axis=axis)

    # products

    def mm(self, mat2: Any) -> Any:
        """The product of two matrices."""
        if type(mat2) is type(self) and active() is None:
            a, b = self._array, mat2._array
            if a.ndim == 2 == b.ndim and a.dtype is b.dtype and a.shape[1] == b.shape[0]:
                return pair(P.mm, self, mat2)
        _matrices("mm", self, mat2, 2)
        _check_inner(self, mat2)
        return apply(P.mm, self, mat2)

    def bmm(self, mat2: Any) -> Any:
        """Products of two stacks of matrices."""
        _matrices("bmm", self, mat2, 3)
        _check_inner(self, mat2)
        return apply(P.matmul, self, mat2)

    def mv(self, vec: Any) -> Any:
        """The product of a matrix and a vector."""
        if rank_of(self) != 2 or rank_of(vec) != 1:
            raise rank_error("mv", 1, "a matrix and argument 2 a vector", rank_of(self))
        return self.matmul(vec)

    def dot(self, other: Any) -> Any:
        """The sum of products of two vectors."""
        _matrices("dot", self, other, 1)
        if dims_of(self) != dims_of(other):
            raise SizeError(
                f"inconsistent tensor size, expected tensor {list(dims_of(self))} and src {list(dims_of(other))} to have the"
                " same number of elements"
            )
        return apply(P.matmul, self, other)

    def matmul(self, other: Any) -> Any:
        """The product of vectors, matrices, or stacks of matrices."""
        if not isinstance(other, Value):
            raise TypeError(f"matmul(): argument 'other' (position 2) must be Tensor, not {type(other).__name__}")
        if not rank_of(self) or not rank_of(other):
            raise rank_error("matmul", 1 if not rank_of(self) else 2, "at least 1D", 0)
        _same_dtype(self, other)
        _check_inner(self, other)
        return apply(P.matmul, self, other)

    __matmul__ = matmul

    def addmm(self, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
        """``beta * x + alpha * mat1 @ mat2``."""
        product = mat1.mm(mat2)
        own: Any = self
        return (own if beta == 1 else own * beta) + (product if alpha == 1 else product * alpha)

    def outer(self, vec2: Any) -> Any:
        """All products of the elements of two vectors."""
        x, y = promoted(self, vec2)
        return apply(P.outer, x, y)

    ger = outer


def _some(x: Any, dim: Any, name: str) -> tuple[int, ...]:
    """The dimensions of an extreme, which has no meaning where there is nothing."""
    axes = normal_dims(dim, rank_of(x))
    if any(type(dims_of(x)[i]) is int and dims_of(x)[i] == 0 for i in axes):
        fault = f"{name}(): Expected reduction dim to be specified and to have non-zero size"
        raise DimensionOfNothing(f"{fault}; got {list(dims_of(x))}")
    return axes


class DimensionOfNothing(SizeError, IndexError):
    """An extreme of no elements."""
