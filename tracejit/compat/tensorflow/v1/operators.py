"""The operators that tensors and Variables of a graph have: each makes an operation, named as TensorFlow names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from tracejit.compat.tensorflow.errors import OperatorNotAllowedInGraphError
from tracejit.frontend.where import at_line, user_where

OPERATORS: dict[str, Callable[..., Any]] = {}
"""Functions by the name of the operator; the modules that define them fill it."""


def operator(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: the function is what the operator ``name`` does."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        OPERATORS[name] = function
        return function

    return register


def _pair(name: str) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    return lambda self, other: OPERATORS[name](self, other), lambda self, other: OPERATORS[name](other, self)


class Operators:
    """Arithmetic, comparisons and indexing. ``==`` is identity, as TensorFlow 1 has it, so that tensors can be keys."""

    __slots__ = ()
    __array_ufunc__ = None  # an array on the left leaves the operation to the tensor

    __add__, __radd__ = _pair("add")
    __sub__, __rsub__ = _pair("sub")
    __mul__, __rmul__ = _pair("mul")
    __truediv__, __rtruediv__ = _pair("truediv")
    __floordiv__, __rfloordiv__ = _pair("floordiv")
    __mod__, __rmod__ = _pair("mod")
    __pow__, __rpow__ = _pair("pow")
    __matmul__, __rmatmul__ = _pair("matmul")
    __and__, __rand__ = _pair("and")
    __or__, __ror__ = _pair("or")
    __xor__, __rxor__ = _pair("xor")

    def __lt__(self, other: Any) -> Any:
        return OPERATORS["less"](self, other)

    def __le__(self, other: Any) -> Any:
        return OPERATORS["less_equal"](self, other)

    def __gt__(self, other: Any) -> Any:
        return OPERATORS["greater"](self, other)

    def __ge__(self, other: Any) -> Any:
        return OPERATORS["greater_equal"](self, other)

    def __neg__(self) -> Any:
        return OPERATORS["neg"](self)

    def __abs__(self) -> Any:
        return OPERATORS["abs"](self)

    def __invert__(self) -> Any:
        return OPERATORS["invert"](self)

    def __getitem__(self, index: Any) -> Any:
        return OPERATORS["getitem"](self, index)

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise TypeError(f"'{type(self).__name__}' object does not support item assignment{at_line(user_where())}")

    def __bool__(self) -> NoReturn:
        raise OperatorNotAllowedInGraphError(
            "Using a symbolic `tf.Tensor` as a Python `bool` is not allowed: it has a value only when a session runs\n"
            "  cure: tf.where(condition, x, y) chooses within the graph; sess.run(condition) gives the value; "
            f"`if t is not None:` tests whether a tensor is defined{at_line(user_where())}"
        )

    def __iter__(self) -> NoReturn:
        raise OperatorNotAllowedInGraphError(
            "Iterating over a symbolic `tf.Tensor` is not allowed: it has a value only when a session runs\n"
            f"  cure: tf.unstack(t) gives its parts; sess.run(t) gives an array to iterate over{at_line(user_where())}"
        )

    def __len__(self) -> NoReturn:
        raise OperatorNotAllowedInGraphError(
            "len() is not well defined for a symbolic `tf.Tensor`\n"
            f"  cure: t.shape[0] where it is known, tf.shape(t)[0] within the graph{at_line(user_where())}"
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        raise OperatorNotAllowedInGraphError(
            "a symbolic `tf.Tensor` was given to NumPy, or to code that needs real numbers; it has a value only when a session"
            f" runs\n  cure: use tf's functions, or the result of sess.run(t){at_line(user_where())}"
        )

    def __float__(self) -> NoReturn:
        self.__array__()

    __int__ = __index__ = __complex__ = __float__
