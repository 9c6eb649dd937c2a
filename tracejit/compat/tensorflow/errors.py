"""TensorFlow's errors, those that tracejit raises.

OpError (TracejitError)
├── InvalidArgumentError (ValueError)    operands that do not fit
│   └── DTypeMismatchError (TypeError)   operands of several dtypes; TensorFlow calls these InvalidArgumentError, too
├── FailedPreconditionError (RuntimeError)
├── DataLossError (ValueError)           a file that is damaged
├── NotFoundError (LookupError)
└── OutOfRangeError (IndexError)
OperatorNotAllowedInGraphError (TraceError)    a traced tensor was asked for its value
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from tracejit.compat.tensorflow.dtypes import as_dtype
from tracejit.errors import DTypeError, IndexOutOfBoundsError, ShapeError, TraceError, TracejitError
from tracejit.frontend.where import at_line, user_where


class OpError(TracejitError):
    """Base of TensorFlow's errors."""

    @property
    def message(self) -> str:
        return str(self)


class InvalidArgumentError(OpError, ValueError):
    """Operands that do not fit the operation, or one another."""


class DTypeMismatchError(InvalidArgumentError, TypeError):
    """Operands of several dtypes in one operation: TensorFlow never casts a tensor unasked."""


class FailedPreconditionError(OpError, RuntimeError):
    """Something was used before it was ready, such as a variable before its initializer ran."""


class NotFoundError(OpError, LookupError):
    """A file, or a name in it, that does not exist."""


class DataLossError(OpError, ValueError):
    """A file that is damaged."""


class OutOfRangeError(OpError, IndexError):
    """Something was read past its end."""


class OperatorNotAllowedInGraphError(TraceError):
    """A tensor was asked for its value while a function is traced."""


def fail(kind: type[Exception], text: str) -> NoReturn:
    """Raise an error that names the user's line."""
    raise kind(f"{text}{at_line(user_where())}")


def mismatch(op: str, place: int, expected: np.dtype, got: np.dtype) -> NoReturn:
    """Raise what TensorFlow raises for operands of several dtypes."""
    asked, given = as_dtype(expected).short, as_dtype(got).short
    fail(
        DTypeMismatchError,
        f"cannot compute {op} as input #{place}(zero-based) was expected to be a {asked} tensor but is a {given} tensor"
        f" [Op:{op}]\n  cure: tf.cast(x, tf.{expected.name}), or cast the other operands",
    )


def unsupported_dtype(op: str, dtype: np.dtype, allowed: str) -> NoReturn:
    """Raise what TensorFlow raises for a dtype that an operation does not take."""
    fail(
        DTypeMismatchError,
        f"Value for attr 'T' of {as_dtype(dtype).short} is not in the list of allowed values: {allowed} [Op:{op}]",
    )


def translated(error: TracejitError) -> Exception:
    """An error of the core as TensorFlow's, with the user's line; errors about traces stay what they are."""
    text = str(error) if "\n  at " in str(error) else f"{error}{at_line(user_where())}"
    match error:
        case OpError() | TraceError():
            return error
        case ShapeError() | IndexOutOfBoundsError():
            return InvalidArgumentError(text)
        case DTypeError():
            return DTypeMismatchError(text)
    return error


__all__: list[Any] = [
    "DataLossError",
    "FailedPreconditionError",
    "InvalidArgumentError",
    "NotFoundError",
    "OpError",
    "OperatorNotAllowedInGraphError",
    "OutOfRangeError",
]
