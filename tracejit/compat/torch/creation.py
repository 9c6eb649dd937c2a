"""Tensors made of numbers, of arrays, and of nothing but a shape; random ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracejit.compat.torch import dtypes
from tracejit.compat.torch.apply import trace
from tracejit.compat.torch.arrangement import given
from tracejit.compat.torch.device import place, put
from tracejit.compat.torch.errors import SizeError
from tracejit.compat.torch.promote import dims_of, dtype_of
from tracejit.compat.torch.tensor import Tensor
from tracejit.compat.torch.value import wrap
from tracejit.frontend import random
from tracejit.frontend.symbolic import SymbolicInt, as_dim
from tracejit.frontend.tensor import EagerTensor, Tracer
from tracejit.ir.dtype import family
from tracejit.ops import composite


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor with a copy of ``data``: numbers, lists of them, NumPy arrays; Python's floats become the default dtype."""
    if isinstance(data, Tensor):
        out = data.detach().clone().to(device=device)
        return _finished(out if dtype is None else out.to(dtype=dtype), requires_grad)
    return _finished(wrap(Tensor, _array(data, dtype)), requires_grad, device)


def _array(data: Any, dtype: Any) -> np.ndarray:
    if isinstance(data, list | tuple):
        data = _plain(data)
    array = np.array(data, None if dtype is None else dtypes.as_numpy(dtype), order="C")
    if dtype is None and not isinstance(data, np.ndarray | np.generic) and family(array.dtype) in "fc":
        array = array.astype(dtypes.default() if family(array.dtype) == "f" else np.complex64)
    if family(array.dtype) not in "biufc":
        raise TypeError(f"can't convert {type(data).__name__} of type numpy.{array.dtype} to a tensor")
    return array


def _plain(data: Sequence[Any]) -> list[Any]:
    return [x.tolist() if isinstance(x, Tensor) else _plain(x) if isinstance(x, list | tuple) else x for x in data]


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """A tensor of ``data``, over the same memory where it has the dtype."""
    if isinstance(data, Tensor):
        return data.to(dtype=dtype, device=device)  # type: ignore[no-any-return]  # methods of tensors give any
    if isinstance(data, np.ndarray) and (dtype is None or data.dtype == dtypes.as_numpy(dtype)):
        return put(from_numpy(data), device)  # type: ignore[no-any-return]
    return tensor(data, dtype=dtype, device=device)


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """A tensor over the memory of an array."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    dtypes.as_numpy(ndarray.dtype)
    return wrap(Tensor, ndarray)


def _finished(out: Tensor, requires_grad: bool, device: Any = None) -> Tensor:
    out = put(out, device)
    return out.requires_grad_() if requires_grad else out


def _filled(size: Sequence[Any], value: Any, dtype: np.dtype, requires_grad: bool, device: Any = None) -> Tensor:
    """A tensor of a shape, sizes of a trace included, full of a number."""
    session = trace()
    dims: Any = tuple(as_dim(d) for d in size)
    if any(isinstance(d, int) and d < 0 for d in dims):
        negative = min(d for d in dims if isinstance(d, int))
        raise SizeError(f"Trying to create tensor with negative dimension {negative}: {list(dims)}")
    out = (
        wrap(Tensor, np.full(dims, value, dtype))
        if session is None
        else session.made(Tensor, composite.full(dims, session.number(value, dtype) if _traced(value) else value, dtype))
    )
    return _finished(out, requires_grad, device)


def _traced(value: Any) -> bool:
    return isinstance(value, SymbolicInt | Tracer | EagerTensor)


def _of_shape(value: float) -> Callable[..., Tensor]:
    def make(*size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        return _filled(given(size), value, dtypes.default() if dtype is None else dtypes.as_numpy(dtype), requires_grad, device)

    return make


zeros, ones, empty = _of_shape(0), _of_shape(1), _of_shape(0)


def full(size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor of this shape full of ``fill_value``, in its dtype."""
    number = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    kind = dtypes.as_numpy(dtype) if dtype is not None else dtypes.default() if _traced(number) else dtypes.of_number(number)
    return _filled(size, number, kind, requires_grad, device)


def _like(value: float) -> Callable[..., Tensor]:
    def make(x: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
        kind = dtype_of(x) if dtype is None else dtypes.as_numpy(dtype)
        return _filled(dims_of(x), value, kind, requires_grad, x.device if device is None else device)

    return make


zeros_like, ones_like, empty_like = _like(0), _like(1), _like(0)


def full_like(x: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """A tensor like ``x`` full of ``fill_value``."""
    kind = dtype_of(x) if dtype is None else dtypes.as_numpy(dtype)
    return _filled(dims_of(x), fill_value, kind, requires_grad, x.device if device is None else device)


def arange(*bounds: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """``arange(end)`` or ``arange(start, end, step=1)``: integers in int64, floats in the default dtype."""
    numbers = [b.__index__() if isinstance(b, SymbolicInt) else b for b in bounds]
    array = np.arange(*numbers)
    kind = dtypes.as_numpy(dtype) if dtype is not None else dtypes.default() if family(array.dtype) == "f" else np.dtype(np.int64)
    return _finished(wrap(Tensor, array.astype(kind)), requires_grad, device)


def linspace(
    start: float, end: float, steps: int, *, dtype: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """``steps`` numbers from ``start`` to ``end`` at equal distances."""
    kind = dtypes.default() if dtype is None else dtypes.as_numpy(dtype)
    return _finished(wrap(Tensor, np.linspace(start, end, steps).astype(kind)), requires_grad, device)


def eye(n: int, m: int | None = None, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones on the diagonal, zeros elsewhere."""
    kind = dtypes.default() if dtype is None else dtypes.as_numpy(dtype)
    return _finished(wrap(Tensor, np.eye(n, m, dtype=kind)), requires_grad, device)


# random numbers


class Generator:
    """A source of random numbers of its own.

    Args:
        device: Of the tensors that are drawn from it; the numbers are the same everywhere.
    """

    def __init__(self, device: Any = None) -> None:
        place(device)
        self.own = random.Generator()

    def manual_seed(self, seed: int) -> Generator:
        """Start again from ``seed``."""
        self.own.seed(seed)
        return self


def manual_seed(seed: int) -> Any:
    """Start the random numbers again: the same seed gives the same numbers, but not those of PyTorch."""
    random.seed(seed)
    return random.default_generator()


def drawn(draw: Callable[..., Any], *args: Any, size: Any, generator: Generator | None = None, **options: Any) -> Tensor:
    """A tensor of what a function of ``tj.random`` draws."""
    source = None if generator is None else generator.own
    out = draw(*args, size=tuple(size), generator=source, **options)
    if isinstance(out, Tracer):
        session = trace()
        assert session is not None, "a draw gives a traced value in a trace only"
        traced: Tensor = session.made(Tensor, out.node_in(session.trace))
        return traced
    return wrap(Tensor, np.asarray(out))


def _random(draw: Callable[..., Any], *args: Any) -> Callable[..., Tensor]:
    def make(
        *size: Any, dtype: Any = None, device: Any = None, requires_grad: bool = False, generator: Generator | None = None
    ) -> Tensor:
        kind = dtypes.default() if dtype is None else dtypes.as_numpy(dtype)
        return _finished(drawn(draw, *args, size=given(size), dtype=kind, generator=generator), requires_grad, device)

    return make


randn, rand = _random(random.normal, 0.0, 1.0), _random(random.uniform, 0.0, 1.0)


def randint(*bounds: Any, dtype: Any = None, device: Any = None, generator: Generator | None = None) -> Tensor:
    """``randint(high, size)`` or ``randint(low, high, size)``: integers from ``low`` or 0, less than ``high``."""
    *limits, size = bounds
    low, high = limits if len(limits) == 2 else (0, limits[0])
    kind = np.dtype(np.int64) if dtype is None else dtypes.as_numpy(dtype)
    return _finished(drawn(random.integers, low, high, size=size, dtype=kind, generator=generator), False, device)


def randperm(n: int, *, device: Any = None, generator: Generator | None = None) -> Tensor:
    """The integers less than ``n`` in random order."""
    out = random.permutation(n, generator=None if generator is None else generator.own)
    return _finished(wrap(Tensor, np.asarray(out)), False, device)


def normal(mean: float, std: float, size: Any, *, device: Any = None, generator: Generator | None = None) -> Tensor:
    """Random numbers of the normal distribution."""
    return _finished(drawn(random.normal, mean, std, size=size, dtype=dtypes.default(), generator=generator), False, device)


def bernoulli(p: Any) -> Any:
    """1 with the probability that each element of ``p`` is, 0 otherwise."""
    return (rand_like(p) < p).to(dtype=dtypes.of_numpy(dtype_of(p)))


def randn_like(x: Any) -> Tensor:
    """Normal random numbers in the shape and dtype of ``x``."""
    return randn(dims_of(x), dtype=dtype_of(x), device=x.device)


def rand_like(x: Any) -> Tensor:
    """Random numbers from 0 to 1 in the shape and dtype of ``x``."""
    return rand(dims_of(x), dtype=dtype_of(x), device=x.device)
