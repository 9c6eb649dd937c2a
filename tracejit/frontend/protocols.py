"""NumPy's own functions on tensors: each goes to the public function of its name, or to an error that says what to use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from tracejit.errors import UnsupportedError
from tracejit.frontend.registry import FUNCTIONS
from tracejit.frontend.where import at_line, user_where

SAME = {
    "amax": "max",
    "amin": "min",
    "around": "round",
    "asanyarray": "asarray",
    "ascontiguousarray": "asarray",
    **{
        f"linalg.{name}": name
        for name in ("cross", "matmul", "matrix_power", "matrix_transpose", "multi_dot", "norm", "outer", "tensordot", "vecdot")
    },
}
"""NumPy's names for functions that go by another name here."""

INSTEAD = {
    "nonzero": "tj.where(mask, x, y); the size of the result would depend on data",
    "argwhere": "tj.where(mask, x, y); the size of the result would depend on data",
    "flatnonzero": "tj.where(mask, x, y); the size of the result would depend on data",
    "unique": "tj.sort; the size of the result would depend on data",
    "extract": "tj.where(mask, x, y); the size of the result would depend on data",
    "compress": "tj.where(mask, x, y); the size of the result would depend on data",
    "put": "x[i] = v",
    "place": "tj.where(mask, v, x)",
    "putmask": "tj.where(mask, v, x)",
    "choose": "tj.where",
    "vectorize": "the function itself on whole arrays",
    "apply_along_axis": "the function itself with axis=",
    "random.shuffle": "indices that are drawn outside and passed as an argument",
    "save": "x.numpy(), outside traced functions",
    "savetxt": "x.numpy(), outside traced functions",
}

REDUCTIONS = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min", "logical_and": "all", "logical_or": "any"}
ACCUMULATIONS = {"add": "cumsum", "multiply": "cumprod"}


def array_ufunc(ufunc: np.ufunc, method: str, inputs: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What NumPy calls for a ufunc, or one of its methods, with a tensor among its operands."""
    name = ufunc.__name__
    out = kwargs.pop("out", None)
    if isinstance(out, tuple):
        if len(out) > 1 and any(o is not None for o in out):
            raise UnsupportedError(f"numpy.{name}: out= with several results is not supported; assign them with x[...] = v")
        out = out[0]
    if out is not None:
        kwargs["out"] = out
    if method == "__call__":
        return _function(name, f"numpy.{name}")(*inputs, **kwargs)
    if method == "reduce" and name in REDUCTIONS:
        return _reduce(REDUCTIONS[name], *inputs, **kwargs)
    if method == "accumulate" and name in ACCUMULATIONS:
        return _accumulate(ACCUMULATIONS[name], *inputs, **kwargs)
    if method == "outer" and ufunc.nin == 2:
        x, y = inputs
        return _function(name, f"numpy.{name}.outer")(_with_axes_after(x, np.ndim(y)), y, **kwargs)
    if method == "at" and name in ("add", "subtract"):
        x, index, value = inputs
        return FUNCTIONS["add_at"](x, index, value, sign=1 if name == "add" else -1)
    raise UnsupportedError(f"numpy.{name}.{method} is not supported on tensors{_hint(name)}{at_line(user_where())}")


def _reduce(name: str, x: Any, axis: Any = 0, dtype: Any = None, **options: Any) -> Any:
    known = {} if dtype is None else {"dtype": dtype}
    return FUNCTIONS[name](x, axis, **known, **{k: v for k, v in options.items() if v is not np._NoValue})


def _accumulate(name: str, x: Any, axis: Any = 0, dtype: Any = None, **options: Any) -> Any:
    return FUNCTIONS[name](x, axis, dtype, **options)


def _with_axes_after(x: Any, count: int) -> Any:
    return FUNCTIONS["reshape"](x, (*np.shape(x), *(1,) * count))


def array_function(func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What NumPy calls for any other function of its own with a tensor among its operands."""
    module = func.__module__.removeprefix("numpy").removeprefix(".")
    name = f"{module}.{func.__name__}" if module else func.__name__
    function = _function(SAME.get(name, name), f"numpy.{name}")
    names = _parameters(func) if len(args) > 1 else ()
    if "out" in names[: len(args)]:  # which our functions take by name
        place = names.index("out")
        args, kwargs = args[:place], kwargs | dict(zip(names[place:], args[place:], strict=False))
    try:
        return function(*args, **{k: v for k, v in kwargs.items() if v is not np._NoValue})
    except TypeError as error:
        if "unexpected keyword argument" in str(error) and "tracejit" not in type(error).__module__:
            raise UnsupportedError(f"numpy.{name} on tensors: {str(error).partition('() ')[2] or error}") from None
        raise


@cache
def _parameters(func: Callable[..., Any]) -> tuple[str, ...]:
    """The names that positional arguments of a NumPy function go by; none where it does not tell."""
    import inspect  # makes the import of tracejit slow

    try:
        parameters = inspect.signature(func).parameters.values()
    except (TypeError, ValueError):
        return ()
    return tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))


def _function(name: str, full_name: str) -> Callable[..., Any]:
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    short = name.rpartition(".")[2]
    raise UnsupportedError(
        f"{full_name} is not supported on tensors{_hint(name if name in INSTEAD else short)}{at_line(user_where())}"
    )


def _hint(name: str) -> str:
    """What to use instead of a function that is missing."""
    if name in INSTEAD:
        return f"\n  cure: use {INSTEAD[name]}"
    import difflib  # for errors alone

    near = difflib.get_close_matches(name, FUNCTIONS, n=2, cutoff=0.75)
    nearest = f", such as {' or '.join(f'tj.{n}' for n in near)}" if near else ""
    return f"\n  cure: write it with functions that are{nearest}; or, outside traced functions, call it on x.numpy()"
