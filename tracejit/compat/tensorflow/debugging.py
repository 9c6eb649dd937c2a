"""``tf.debugging``: checks of values and of shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracejit.compat.tensorflow import arithmetic
from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.convert import node_of
from tracejit.compat.tensorflow.errors import InvalidArgumentError, fail
from tracejit.compat.tensorflow.tensor import Tensor, run
from tracejit.frontend.tensor import Tracer
from tracejit.ir import Node

__all__ = [
    "Assert",
    "assert_all_finite",
    "assert_equal",
    "assert_greater",
    "assert_greater_equal",
    "assert_less",
    "assert_less_equal",
    "assert_near",
    "assert_non_negative",
    "assert_positive",
    "assert_rank",
    "assert_shapes",
    "check_numerics",
]


def _values(x: Any, name: str) -> np.ndarray:
    tensor: Tensor = run(node_of, x)
    if isinstance(tensor.core, Tracer):
        fail(
            TypeError,
            f"{name}: the value is known when the program runs\n  cure: return it, and check it outside the function",
        )
    return np.asarray(tensor)


def _compared(name: str, sign: str, body: Callable[[Any, Any], Node]) -> Callable[..., None]:
    def check(x: Any, y: Any, message: str | None = None, summarize: int = 3) -> None:
        if not _values(run(body, x, y), name).all():
            shown = "".join(
                f"\nFirst {min(summarize, v.size)} elements of {n}:\n{v.ravel()[:summarize]}" for n, v in _named(x, y, name)
            )
            fail(InvalidArgumentError, f"{message or ''}{chr(10) * bool(message)}Condition x {sign} y did not hold.{shown}")

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"InvalidArgumentError unless ``x {sign} y`` for all elements."
    return check


def _named(x: Any, y: Any, name: str) -> list[tuple[str, np.ndarray]]:
    return [("x", _values(x, name)), ("y", _values(y, name))]


assert_equal = _compared("assert_equal", "==", arithmetic.equal)
assert_less = _compared("assert_less", "<", arithmetic.less)
assert_less_equal = _compared("assert_less_equal", "<=", arithmetic.less_equal)
assert_greater = _compared("assert_greater", ">", arithmetic.greater)
assert_greater_equal = _compared("assert_greater_equal", ">=", arithmetic.greater_equal)


def assert_near(x: Any, y: Any, rtol: float = 1e-5, atol: float = 1e-5, message: str | None = None) -> None:
    """InvalidArgumentError unless ``|x - y| <= atol + rtol * |y|`` for all elements."""
    a, b = _values(x, "assert_near"), _values(y, "assert_near")
    if not np.allclose(a, b, rtol, atol):
        fail(InvalidArgumentError, f"{message or ''}x and y not equal to tolerance rtol = {rtol}, atol = {atol}")


def assert_positive(x: Any, message: str | None = None) -> None:
    """InvalidArgumentError unless all elements are above 0."""
    if not (_values(x, "assert_positive") > 0).all():
        fail(InvalidArgumentError, f"{message or ''}Condition x > 0 did not hold element-wise")


def assert_non_negative(x: Any, message: str | None = None) -> None:
    """InvalidArgumentError if an element is below 0."""
    if not (_values(x, "assert_non_negative") >= 0).all():
        fail(InvalidArgumentError, f"{message or ''}Condition x >= 0 did not hold element-wise")


def check_numerics(tensor: Any, message: str) -> Any:
    """The tensor; InvalidArgumentError if an element is NaN or infinite."""
    values = _values(tensor, "check_numerics")
    if not np.isfinite(values).all():
        both = [kind for kind, found in (("Inf", np.isinf(values).any()), ("NaN", np.isnan(values).any())) if found]
        fail(InvalidArgumentError, f"{message} : Tensor had {' and '.join(both)} values [Op:CheckNumerics]")
    return run(node_of, tensor)


def assert_all_finite(x: Any, message: str) -> Any:
    """The tensor; InvalidArgumentError if an element is NaN or infinite."""
    return check_numerics(x, message)


def assert_rank(x: Any, rank: int, message: str | None = None) -> None:
    """ValueError unless the tensor has so many axes; in a function when it is traced."""
    found = _shape(x)
    if len(found) != rank:
        fail(ValueError, f"{message or ''}Tensor must have rank {rank}. Received rank {len(found)}, shape {found}")


def assert_shapes(shapes: Sequence[tuple[Any, Sequence[Any]]], message: str | None = None) -> None:
    """ValueError unless tensors have these shapes, in which equal names are equal sizes; in a function when it is traced."""
    known: dict[str, Any] = {}
    for x, wanted in shapes:
        found = _shape(x)
        fits = len(found) == len(wanted)
        for size, name in zip(found, wanted, strict=False):
            expected = known.setdefault(name, size) if isinstance(name, str) else size if name is None else name
            fits = fits and size == expected
        if not fits:
            fail(ValueError, f"{message or ''}Specified by tensor: shape {found} does not match {tuple(wanted)}")


def _shape(x: Any) -> tuple[Any, ...]:
    tensor = x if isinstance(x, Held) else run(node_of, x)
    return tuple(tensor.core.shape)


def Assert(condition: Any, data: Sequence[Any], summarize: int = 3, name: str | None = None) -> None:
    """InvalidArgumentError with ``data`` unless the condition is true."""
    if not _values(condition, "Assert").all():
        shown = " ".join(str(x) for x in data)
        fail(InvalidArgumentError, f"assertion failed: {shown} [Op:Assert]")
