"""NumPy's own functions while a function of the user's is traced or differentiated.

NumPy asks a tensor what to do only where the tensor itself is an operand. ``np.asarray(x)``, ``np.array([x, y])``,
``np.sum([x, y])`` and ``np.zeros(3)``, whose array is written to later, never ask. For as long as a trace runs, these names of
NumPy's module lead to functions here, for lines of the user's; for all other code, in other threads too, they are what they were.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from types import FrameType
from typing import Any

import numpy as np

from tracejit.frontend.buffer import Buffer
from tracejit.frontend.calls import called_name
from tracejit.frontend.eager import EagerTrace, active
from tracejit.frontend.lift import has_tensor
from tracejit.frontend.names import is_user_file
from tracejit.frontend.protocols import array_function
from tracejit.frontend.registry import FUNCTIONS

BUFFERS = (*("zeros", "ones", "empty", "full", "zeros_like", "ones_like", "empty_like", "full_like", "eye", "identity", "tri"),)
"""What makes an array to be filled, or to be looked up by what is computed: a tensor in a trace, whatever is known of it."""
ASKED = (
    *("array", "asarray", "asanyarray", "ascontiguousarray", "copy", "copyto", "arange", "linspace"),
    *("sum", "prod", "mean", "std", "var", "max", "min", "amax", "amin", "any", "all", "argmax", "argmin", "median", "average"),
    *("cumsum", "cumprod", "diff", "sort", "argsort", "clip", "dot", "inner", "outer", "cross", "diag", "reshape", "transpose"),
    *("ravel", "repeat", "tile", "flip", "roll", "squeeze", "expand_dims", "broadcast_to", "trapezoid", "interp", "polyval"),
)
"""What takes lists and sizes: a tensor where one of them is."""

_is_on: ContextVar[bool] = ContextVar("numpy_is_led", default=False)
_lock = threading.Lock()
_open = 0
_found: dict[str, Any] = {}  # NumPy's own functions, while ours are in their places


@contextmanager
def leading() -> Iterator[None]:
    """Within, and in this thread, NumPy's functions that never ask give tensors to the code that calls them."""
    if _is_on.get():
        yield
        return
    _put_in_place()
    token = _is_on.set(True)
    try:
        yield
    finally:
        _is_on.reset(token)
        _put_back()


def _put_in_place() -> None:
    global _open
    with _lock:
        if not _open:
            for name, function in _LEADING.items():
                _found[name] = getattr(np, name)
                setattr(np, name, function)
        _open += 1


def _put_back() -> None:
    global _open
    with _lock:
        _open -= 1
        if not _open:
            for name, function in _LEADING.items():
                if getattr(np, name) is function:  # otherwise somebody has put another one there
                    setattr(np, name, _found[name])


def _led(original: Callable[..., Any], always: bool) -> Callable[..., Any]:
    @wraps(original)
    def function(*args: Any, **kwargs: Any) -> Any:
        if not _is_on.get() or not _is_traced(sys._getframe(1), original.__name__):
            return original(*args, **kwargs)
        if not any(map(has_tensor, (*args, *kwargs.values()))):
            made = original(*args, **kwargs)
            return _buffer(made) if always and made.dtype.kind in "biufc" else made
        if kwargs.get("order") in (None, "C", "K", "A"):  # the same elements
            kwargs.pop("order", None)
        return array_function(original, args, kwargs)

    return function


def _buffer(array: np.ndarray) -> Any:
    """An array to be filled, for the running trace."""
    trace = active()
    if trace is None or isinstance(trace, EagerTrace):
        return FUNCTIONS["asarray"](array)
    return Buffer(trace, array)  # type: ignore[arg-type]


def _is_traced(frame: FrameType, name: str) -> bool:
    """Whether NumPy's function ``name`` is called by a line of the user's.

    Libraries need real arrays for themselves. Compiled ones have no frame: the user's line stands at a call of theirs then.
    """
    return is_user_file(frame.f_code.co_filename) and called_name(frame) == name


_LEADING = {name: _led(getattr(np, name), name in BUFFERS) for name in (*BUFFERS, *ASKED)}
