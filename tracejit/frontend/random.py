"""Random numbers for programs: ``tj.random``.

Numbers are a function of a seed, of how many draws there were before, and of their place in the result; of nothing else. The same
seed gives the same numbers eagerly, in compiled programs of any number of threads, and under CPython: the same bits of
integers, bools and uniform numbers in [0, 1), up to rounding of the others.

The seed and the number of draws are a Variable, ``generator.state``: within a traced function each call draws anew, and who
saves and restores the Variable goes on where he was. Where a generator is asked for, a pair ``(seed, draw)`` of integers, numbers
or tensors, stands for that draw alone.
"""

from __future__ import annotations

import contextvars
import math
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tracejit import ops
from tracejit.errors import ArgumentError, DTypeError, ShapeError
from tracejit.frontend.base import Tensor
from tracejit.frontend.eager import EagerTrace, trace
from tracejit.frontend.lift import cast, lift
from tracejit.frontend.public import hand_out, opened
from tracejit.frontend.shapes import Shape, as_shape, broadcast_node, common_shape, shape_text
from tracejit.frontend.symbolic import SymbolicInt
from tracejit.frontend.variable import Variable
from tracejit.frontend.where import user_where
from tracejit.ir import Node, current
from tracejit.ir.dtype import FLOAT32, family, is_half
from tracejit.ir.spec import is_supported
from tracejit.ops import composite
from tracejit.ops.movement import window

__all__ = [
    "Generator",
    "bernoulli",
    "default_generator",
    "integers",
    "normal",
    "normal_from",
    "permutation",
    "seed",
    "truncated_normal",
    "uniform",
    "uniform_from",
]

INDEX = np.dtype(np.int64)


class Generator:
    """Where random numbers come from.

    Threads may share one: no two draws are alike, as long as not some draw eagerly while others run compiled programs.

    Args:
        seed: An integer of 64 bits; of the operating system's choice if not given.
        name: Of the Variable ``state``, before ``/state``.

    Attributes:
        state: The seed and the number of draws so far, an int64 Variable of two elements.
    """

    __slots__ = ("_lock", "state")

    def __init__(self, seed: int | None = None, name: str = "generator") -> None:
        number = int.from_bytes(os.urandom(8), "little") if seed is None else seed
        self.state = Variable(np.array([_signed(number), 0]), name=f"{name}/state", trainable=False, device="cpu")
        self._lock = threading.Lock()

    def seed(self, seed: Any) -> None:
        """Start again from ``seed``, an integer or an integer tensor without dimensions."""
        with self._lock:
            self.state.assign([seed if isinstance(seed, Tensor) else _signed(seed), 0])

    def next(self) -> tuple[Node, Node]:
        """Seed and number of a new draw, as nodes of the current trace."""
        builder = trace()
        if isinstance(builder, EagerTrace):
            with self._lock:
                seed, draw = self.state.buffer.tolist()
                self.state.buffer[1] += 1
                self.state.touched()
            return builder.constant(seed, INDEX), builder.constant(draw, INDEX)
        start, draw = _before(self.state.node_in(builder))
        self.state.write(ops.slice_update(start, ops.reshape(draw + 1, shape=(1,)), starts=(1,), steps=(1,)))
        return _element(start, 0), draw

    def __repr__(self) -> str:
        seed, draws = self.state.buffer.tolist()
        return f"Generator(seed={seed}, draws={draws})"


def _signed(seed: Any) -> int:
    """``seed`` as the int64 of the same bits."""
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or not -(2**63) <= seed < 2**64:
        raise ArgumentError(f"random: the seed is {seed!r}; it must be an integer of 64 bits")
    return (int(seed) + 2**63) % 2**64 - 2**63


def _before(state: Node) -> tuple[Node, Node]:
    """A state whose first element is the seed, and the number of draws; what an earlier draw wrote is not read back."""
    if state.op is ops.slice_update and state.attrs["starts"] == (1,) and state.inputs[1].op is ops.reshape:
        start, written = state.inputs
        if written.inputs[0].shape == ():
            return start, written.inputs[0]
    return state, _element(state, 1)


def _element(state: Node, index: int) -> Node:
    return ops.reshape(window(state, 0, index, 1), shape=())


# made outside any trace, wherever the module is first imported
_default: Generator = contextvars.Context().run(Generator, name="random")


def default_generator() -> Generator:
    """The generator of draws that name none."""
    return _default


def seed(seed: Any) -> None:
    """Start the default generator again from ``seed``."""
    _default.seed(seed)


Source = Generator | tuple[Any, Any] | None
"""A generator, the default one if None, or the seed and number of one draw."""


def uniform(low: Any = 0.0, high: Any = 1.0, size: Any = None, dtype: Any = np.float64, *, generator: Source = None) -> Any:
    """Draw from [low, high), every number as likely as the others.

    ``low + (high - low) * u`` with ``u`` in [0, 1), a multiple of ``2**-24`` in float32, of ``2**-53`` in float64,
    of ``2**-11`` in float16 and of ``2**-8`` in bfloat16.

    Args:
        low: A number or an array.
        high: As ``low``, and not below it.
        size: The shape; that of ``low`` and ``high`` together if None. Sizes may be symbolic, such as ``x.shape``.
        dtype: A float.
        generator: A Generator, or ``(seed, draw)``; the default generator if None.

    Derivative: in ``low`` and ``high``, of the formula.
    """
    kind = _float(dtype, "uniform")
    _ordered(low, high, "uniform", strict=False)
    with _opened(low, high, size, source=generator):
        bounds, shape = _parameters("uniform", (low, high), size, kind)
        unit = composite.uniform(composite.places(shape), *_key(generator), kind)
        if _is(low, 0) and _is(high, 1):
            return hand_out(unit)
        first, last = bounds
        wide = FLOAT32 if is_half(kind) else kind
        low, high = cast(first, wide), cast(last, wide)
        out = cast(low + (high - low) * cast(unit, wide), kind)
        return hand_out(ops.where(ops.less(out, last), out, first))  # rounding may reach the upper bound


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, dtype: Any = np.float64, *, generator: Source = None) -> Any:
    """Draw from the normal distribution of this mean and standard deviation.

    ``mean + std * z``, with ``z`` by the method of Box and Muller: at most 6.8 in float32, 8.6 in float64.

    Args:
        mean: A number or an array.
        std: As ``mean``, not negative.
        size: The shape; that of ``mean`` and ``std`` together if None. Sizes may be symbolic, such as ``x.shape``.
        dtype: A float.
        generator: A Generator, or ``(seed, draw)``; the default generator if None.

    Derivative: in ``mean`` and ``std``, of the formula.
    """
    kind = _float(dtype, "normal")
    _not_negative(std, "normal")
    with _opened(mean, std, size, source=generator):
        parameters, shape = _parameters("normal", (mean, std), size, kind)
        out = composite.normal(composite.places(shape), *_key(generator), kind)
        return hand_out(_moved(out, mean, std, parameters))


def truncated_normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    dtype: Any = np.float64,
    *,
    low: float = -2.0,
    high: float = 2.0,
    generator: Source = None,
) -> Any:
    """Draw from the normal distribution, leaving out what is far from the mean.

    ``mean + std * z`` with ``z`` in [low, high], from the inverse of the distribution function.

    Args:
        mean: A number or an array.
        std: As ``mean``, not negative.
        size: The shape; that of ``mean`` and ``std`` together if None. Sizes may be symbolic, such as ``x.shape``.
        dtype: A float.
        low: The bound below, in deviations from the mean; numbers get coarse where both bounds are beyond 4 on one side.
        high: The bound above.
        generator: A Generator, or ``(seed, draw)``; the default generator if None.

    Derivative: in ``mean`` and ``std``, of the formula.
    """
    kind = _float(dtype, "truncated_normal")
    _not_negative(std, "truncated_normal")
    _ordered(low, high, "truncated_normal", strict=True)
    with _opened(mean, std, size, source=generator):
        parameters, shape = _parameters("truncated_normal", (mean, std), size, kind)
        out = composite.truncated_normal(composite.places(shape), *_key(generator), kind, float(low), float(high))
        return hand_out(_moved(out, mean, std, parameters))


def integers(
    low: Any, high: Any = None, size: Any = None, dtype: Any = np.int64, *, endpoint: bool = False, generator: Source = None
) -> Any:
    """Draw integers from [low, high), every one as likely as the others to ``2**-64``; from [0, low) if ``high`` is None.

    Args:
        low: An integer or an array of them.
        high: As ``low``, and above it; what has no integers gives ``low`` where the bounds are arrays.
        size: The shape; that of ``low`` and ``high`` together if None. Sizes may be symbolic, such as ``x.shape``.
        dtype: Of integers, in whose range the bounds lie.
        endpoint: Whether ``high`` may be drawn, too.
        generator: A Generator, or ``(seed, draw)``; the default generator if None.
    """
    kind = np.dtype(dtype)
    if kind.kind not in "iu":
        raise DTypeError(f"integers: dtype is {kind}; it must be one of integers")
    low, high = (0, low) if high is None else (low, high)
    if isinstance(high, int | np.integer) and not endpoint:
        high, endpoint = int(high) - 1, True
    _check_integer(low, "low", kind)
    _check_integer(high, "high", kind)
    if all(isinstance(x, int | np.integer) for x in (low, high)) and not 0 <= int(high) - int(low) < 2**63 - 1:
        raise ValueError(f"integers: from {low} up to {high} there is nothing to draw, or as many as 2**63")
    with _opened(low, high, size, source=generator):
        (first, last), shape = _parameters("integers", (low, high), size, INDEX)
        out = composite.integers(composite.places(shape), *_key(generator), first, last + 1 if endpoint else last)
        return hand_out(cast(out, kind))


def bernoulli(p: Any = 0.5, size: Any = None, dtype: Any = bool, *, generator: Source = None) -> Any:
    """Draw True with the probability ``p``, else False: whether 32 random bits are below ``p * 2**32``.

    Args:
        p: A number from 0 to 1 or an array of them.
        size: The shape; that of ``p`` if None. Sizes may be symbolic, such as ``x.shape``.
        dtype: Of the result, 1 for True.
        generator: A Generator, or ``(seed, draw)``; the default generator if None.
    """
    if isinstance(p, int | float | np.number) and not 0 <= p <= 1:
        raise ValueError(f"bernoulli: p is {p}; a probability is from 0 to 1")
    with _opened(p, size, source=generator):
        (chance,), shape = _parameters("bernoulli", (p,), size, np.dtype(np.float64))
        out = composite.bernoulli(composite.places(shape), *_key(generator), chance)
        return hand_out(cast(out, np.dtype(dtype)))


def permutation(x: Any, *, generator: Source = None) -> Any:
    """Draw an order: the integers below ``x``, or the elements of the array ``x`` along its first axis.

    Args:
        x: An integer, which may be symbolic, or an array with at least one dimension, which stays as it is.
        generator: A Generator, or ``(seed, draw)``; the default generator if None.
    """
    with _opened(x, source=generator):
        if isinstance(x, int | np.integer | SymbolicInt):
            (size,) = as_shape(x, "permutation")
            return hand_out(composite.permutation(size, *_key(generator)))
        array = lift(x, "permutation").node()
        if not array.shape:
            raise ShapeError(f"permutation: {array.spec} has no elements to put in order; pass an array, or an integer as int")
        order = composite.permutation(array.shape[0], *_key(generator))
        return hand_out(ops.gather(array, order, axis=0))


def uniform_from(seed: Any, draw: Any, shape: Any, dtype: Any = np.float64) -> Any:
    """The numbers of [0, 1) that draw number ``draw`` of a generator with this seed has: a function without state."""
    return uniform(size=shape, dtype=dtype, generator=(seed, draw))


def normal_from(seed: Any, draw: Any, shape: Any, dtype: Any = np.float64) -> Any:
    """The normal numbers that draw number ``draw`` of a generator with this seed has: a function without state."""
    return normal(size=shape, dtype=dtype, generator=(seed, draw))


# what all draws share


@contextmanager
def _opened(*operands: Any, source: Source) -> Iterator[None]:
    """As ``opened``; the many nodes of a draw have one line, which is looked up once."""
    with opened(*operands, *(source if isinstance(source, tuple) else ())), current().at(user_where()):
        yield


def _key(source: Source) -> tuple[Node, Node]:
    """Seed and number of the draw, as nodes of the current trace."""
    if source is None or isinstance(source, Generator):
        return (source or _default).next()
    if not isinstance(source, tuple) or len(source) != 2:
        raise ArgumentError(f"random: the generator is {source!r}; it must be a Generator or a pair (seed, draw)")
    seed, draw = (_number(x) for x in source)
    return seed, draw


def _number(x: Any) -> Node:
    """A seed or the number of a draw."""
    if isinstance(x, int | np.integer) and not isinstance(x, bool):
        return current().constant(_signed(x), INDEX)
    node = lift(x, "random").node()
    if node.shape or node.dtype.kind not in "iu":
        raise ArgumentError(f"random: a seed or the number of a draw is {node.spec}; it must be one integer")
    return cast(node, INDEX)


def _parameters(name: str, given: Sequence[Any], size: Any, dtype: np.dtype) -> tuple[list[Node], Shape]:
    """Parameters of a distribution, in the shape of the result and in its dtype."""
    nodes = []
    for operand in (lift(x, name) for x in given):
        found = operand.node().dtype
        if found.kind == "c" or (dtype == INDEX and found.kind == "f"):
            asked = "integers" if dtype == INDEX else "reals"
            raise DTypeError(f"{name}: a parameter is of dtype {found}; it must be of {asked}")
        nodes.append(operand.to(dtype))
    if size is None:
        texts = ", ".join(shape_text(n.shape) for n in nodes)
        shape = common_shape([n.shape for n in nodes], f"{name}: parameters of the shapes {texts} have no common shape")
    else:
        shape = as_shape(size, name)
    return [broadcast_node(n, shape, name) for n in nodes], shape


def _moved(z: Node, mean: Any, std: Any, parameters: Sequence[Node]) -> Node:
    """``mean + std * z``, without the steps that change nothing."""
    out = z if _is(std, 1) else parameters[1] * z
    return out if _is(mean, 0) else parameters[0] + out


def _is(x: Any, number: float) -> bool:
    return isinstance(x, int | float) and x == number


def _float(dtype: Any, name: str) -> np.dtype:
    kind: np.dtype = np.dtype(dtype)
    if family(kind) != "f" or not is_supported(kind):
        raise DTypeError(f"{name}: dtype is {kind}; it must be float16, bfloat16, float32 or float64")
    return kind


def _not_negative(std: Any, name: str) -> None:
    if isinstance(std, int | float | np.number) and not std >= 0:
        raise ValueError(f"{name}: std is {std}; it must not be negative")


def _ordered(low: Any, high: Any, name: str, strict: bool) -> None:
    """Refuse bounds in the wrong order, where they are numbers."""
    numbers = all(isinstance(x, int | float | np.number) for x in (low, high))
    if numbers and (not low <= high or (strict and low == high) or math.isinf(high - low)):
        raise ValueError(f"{name}: low is {low} and high is {high}; low must be below high, and the distance finite")


def _check_integer(bound: Any, name: str, dtype: np.dtype) -> None:
    if isinstance(bound, float | np.floating):
        raise DTypeError(f"integers: {name} is {bound!r}; it must be an integer")
    limits = np.iinfo(dtype)
    if isinstance(bound, int | np.integer) and not limits.min <= bound <= limits.max:
        raise ValueError(f"integers: {name} is out of bounds for {dtype}")
