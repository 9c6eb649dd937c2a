"""Eager execution under the names of TensorFlow 1: what ``tf.enable_eager_execution()`` puts in place of the graph's."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn

from tracejit.compat import tensorflow as two
from tracejit.compat.tensorflow.v1 import train
from tracejit.frontend.where import at_line, user_where

_MOVED = {
    "acosh": two.math.acosh,
    "asinh": two.math.asinh,
    "atan2": two.math.atan2,
    "atanh": two.math.atanh,
    "ceil": two.math.ceil,
    "count_nonzero": two.math.count_nonzero,
    "cumprod": two.math.cumprod,
    "diag": two.linalg.diag,
    "diag_part": two.linalg.diag_part,
    "digamma": two.math.digamma,
    "erf": two.math.erf,
    "erfc": two.math.erfc,
    "expm1": two.math.expm1,
    "floordiv": two.math.floordiv,
    "is_finite": two.math.is_finite,
    "is_inf": two.math.is_inf,
    "is_nan": two.math.is_nan,
    "lgamma": two.math.lgamma,
    "log": two.math.log,
    "log1p": two.math.log1p,
    "log_sigmoid": two.math.log_sigmoid,
    "logical_xor": two.math.logical_xor,
    "mod": two.math.mod,
    "random_normal": two.random.normal,
    "random_uniform": two.random.uniform,
    "realdiv": two.divide,
    "reciprocal": two.math.reciprocal,
    "rint": two.math.rint,
    "rsqrt": two.math.rsqrt,
    "set_random_seed": two.random.set_seed,
    "squared_difference": two.math.squared_difference,
    "truncated_normal": two.random.truncated_normal,
}
"""What TensorFlow 2 keeps in other places."""

_OLD_ARGUMENTS = {"keep_dims": "keepdims", "reduction_indices": "axis", "dimension": "axis", "dim": "axis"}
_REDUCTIONS = (
    *("reduce_sum", "reduce_mean", "reduce_prod", "reduce_max", "reduce_min", "reduce_all", "reduce_any", "reduce_logsumexp"),
    *("argmax", "argmin", "norm", "expand_dims"),
)

_GRAPH_ONLY = {
    "placeholder": "pass the value to a function",
    "placeholder_with_default": "pass the value to a function",
    "gradients": "use tf.GradientTape",
    "global_variables_initializer": "variables have their values at once",
    "variables_initializer": "variables have their values at once",
    "get_variable": "keep variables in objects of your own",
    "Session": "operations run at once; print(x), or x.numpy()",
    "InteractiveSession": "operations run at once; print(x), or x.numpy()",
}


def eager_names() -> dict[str, Any]:
    """Every name that is another one under eager execution."""
    names: dict[str, Any] = {name: getattr(two, name) for name in two.__all__}
    names |= _MOVED
    names |= {name: _with_old_arguments(names[name]) for name in _REDUCTIONS}
    names |= {name: _refused(name, cure) for name, cure in _GRAPH_ONLY.items()}
    names |= {
        "assign": assign,
        "assign_add": assign_add,
        "assign_sub": assign_sub,
        "scatter_update": scatter_update,
        "scatter_add": scatter_add,
        "scatter_sub": scatter_sub,
        "train": train,
    }
    return names


def _with_old_arguments(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def public(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **{_OLD_ARGUMENTS.get(k, k): v for k, v in kwargs.items() if v is not None})

    return public


def _refused(name: str, cure: str) -> Callable[..., NoReturn]:
    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise RuntimeError(f"tf.{name}() is not compatible with eager execution.\n  cure: {cure}{at_line(user_where())}")

    return refuse


def assign(ref: two.Variable, value: Any, validate_shape: Any = None, use_locking: Any = None, name: Any = None) -> Any:
    """Give a variable a value."""
    return ref.assign(value)


def assign_add(ref: two.Variable, value: Any, use_locking: Any = None, name: Any = None) -> Any:
    """Add to a variable."""
    return ref.assign_add(value)


def assign_sub(ref: two.Variable, value: Any, use_locking: Any = None, name: Any = None) -> Any:
    """Subtract from a variable."""
    return ref.assign_sub(value)


def scatter_update(ref: two.Variable, indices: Any, updates: Any, use_locking: Any = None, name: Any = None) -> Any:
    """Give rows of a variable new values; of equal indices the last one counts."""
    return ref.scatter_update(two.IndexedSlices(updates, indices))


def scatter_add(ref: two.Variable, indices: Any, updates: Any, use_locking: Any = None, name: Any = None) -> Any:
    """Add to rows of a variable, again for equal indices."""
    return ref.scatter_add(two.IndexedSlices(updates, indices))


def scatter_sub(ref: two.Variable, indices: Any, updates: Any, use_locking: Any = None, name: Any = None) -> Any:
    """Subtract from rows of a variable, again for equal indices."""
    return ref.scatter_sub(two.IndexedSlices(updates, indices))
