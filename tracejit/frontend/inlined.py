"""Functions that Numba compiled, on traced values: their Python bodies are traced instead, and so fused and differentiated.

While a function is traced, the compiled functions that it names are replaced by :class:`Inlined` ones, which act as before on
plain values. In a body, ``math`` and the builtins that Numba knows take tensors, and a choice on a computed value becomes a
selection: see ``choices.py``.
"""

from __future__ import annotations

import builtins
import functools
import math
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tracejit.frontend.base import Tensor
from tracejit.frontend.choices import HELPERS, with_selections
from tracejit.frontend.guards import Cell, Global, Guard
from tracejit.frontend.registry import FUNCTIONS

_patching = threading.RLock()
_ALIASES = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh", "acosh": "arccosh"}
_ALIASES |= {"atanh": "arctanh", "pow": "power", "fabs": "absolute", "degrees": "rad2deg", "radians": "deg2rad"}


def is_compiled(value: Any) -> bool:
    """Whether Numba made ``value`` from a Python function; Numba itself is not imported."""
    return type(value).__module__.startswith("numba.") and isinstance(getattr(value, "py_func", None), types.FunctionType)


class Inlined:
    """A compiled function that takes tensors, too.

    Args:
        compiled: What ``numba.njit`` gave.
    """

    def __init__(self, compiled: Any) -> None:
        self.compiled = compiled
        functools.update_wrapper(self, compiled.py_func, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, Tensor) for x in (*args, *kwargs.values())):
            return _body(self.compiled)(*args, **kwargs)
        return self.compiled(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.compiled, name)


def inlined(function: Any) -> Inlined:
    """A function that Numba compiled, made to take tensors outside of traced functions as well: under a tape, or in ``tj.grad``.

    Args:
        function: What ``numba.njit`` gave.

    Raises:
        TypeError: It is something else.
    """
    if not is_compiled(function):
        raise TypeError(f"inlined: {function!r} is not a function that Numba compiled")
    return Inlined(function)


@contextmanager
def inlining(guards: Iterable[Guard]) -> Iterator[None]:
    """Within, the compiled functions behind ``guards`` take tensors. Other threads see no difference."""
    with _patching:
        found = [g for g in guards if is_compiled(g.expected) and isinstance(g.access, Global | Cell)]
        for guard in found:
            _put(guard.access, Inlined(guard.expected))
        try:
            yield
        finally:
            for guard in found:
                _put(guard.access, guard.expected)


def _put(access: Any, value: Any) -> None:
    if isinstance(access, Global):
        access.namespace[access.name] = value
    else:
        access.cell.cell_contents = value


@functools.lru_cache(maxsize=256)
def _body(compiled: Any) -> types.FunctionType:
    """The Python function behind a compiled one, in a world where what it names takes tensors."""
    function = with_selections(compiled.py_func)
    world = dict(function.__globals__)
    world |= {name: Inlined(value) for name, value in world.items() if is_compiled(value)}
    world |= {name: _Math() for name, value in world.items() if value is math}
    world |= {name: _math_function(value) for name, value in world.items() if getattr(value, "__module__", "") == "math"}
    world |= {name: value for name, value in _BUILTINS.items() if name not in world} | HELPERS
    return types.FunctionType(function.__code__, world, function.__name__, function.__defaults__, function.__closure__)


class _Math:
    """The module ``math``, for tensors too."""

    def __getattr__(self, name: str) -> Any:
        value = getattr(math, name)
        return _math_function(value) if callable(value) else value


def _math_function(function: Callable[..., Any]) -> Callable[..., Any]:
    name = function.__name__

    def call(*args: Any) -> Any:
        if not any(isinstance(x, Tensor) for x in args):
            return function(*args)
        if name == "log" and len(args) == 2:
            return FUNCTIONS["log"](args[0]) / np.log(args[1])
        out = FUNCTIONS[_ALIASES.get(name, name)](*args)
        return out.astype(np.int64) if name in ("floor", "ceil", "trunc") else out

    return call


def _folded(name: str, pair: str) -> Callable[..., Any]:
    plain = getattr(builtins, name)

    def call(*args: Any) -> Any:
        if len(args) > 1 and any(isinstance(x, Tensor) for x in args):
            return functools.reduce(FUNCTIONS[pair], args)
        return plain(*args)

    return call


def _converted(kind: type, dtype: str) -> Callable[..., Any]:
    return lambda x: x.astype(dtype) if isinstance(x, Tensor) else kind(x)


_BUILTINS: dict[str, Any] = {
    "max": _folded("max", "maximum"),
    "min": _folded("min", "minimum"),
    "float": _converted(float, "float64"),
    "int": _converted(int, "int64"),
    "bool": _converted(bool, "bool"),
}
