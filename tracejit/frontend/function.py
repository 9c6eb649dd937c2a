"""``function``: Python functions as compiled programs, one for each kind of call."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any, overload

from tracejit.errors import UnsupportedError
from tracejit.frontend.dispatch import MISS
from tracejit.frontend.eager import active
from tracejit.frontend.programs import NOTHING, Math, Programs, Traceable


class Function(Traceable):
    """A Python function that is traced once for each kind of call, compiled, and from then on run as a program.

    Made by :func:`function`. Any number of threads may call it; only tracing and compiling take a lock.
    """

    def __init__(
        self,
        python_function: Callable[..., Any],
        input_signature: Sequence[Any] | None = None,
        math: Math | None = None,
        name: str | None = None,
        pin: str | os.PathLike[str] | None = None,
    ) -> None:
        own_name: str = getattr(python_function, "__name__", type(python_function).__name__)
        self.name = name or own_name
        self._programs = Programs(python_function, self.name, input_signature, math)
        self._programs.pin = None if pin is None else os.fspath(pin)
        functools.update_wrapper(self, python_function, updated=())

    @property
    def programs(self) -> Programs:
        return self._programs

    @property
    def instance(self) -> Any:
        return NOTHING

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if active() is not None:  # another trace, or a tape, sees every step of the function
            return self._programs.function(*args, **kwargs)
        for enter in self._programs.enters:
            out = enter(args, kwargs)
            if out is not MISS:
                return out
        return self._programs.call(args, kwargs, NOTHING)

    def __get__(self, instance: Any, owner: type | None = None) -> Function | Method:
        return self if instance is None else Method(self, instance)

    def __repr__(self) -> str:
        count = len(self._programs.entries)
        return f"<tracejit function {self.name}, {count} program{'s' * (count != 1)}>"


class Method(Traceable):
    """A traced function as the method of an object."""

    __slots__ = ("__func__", "__self__")

    def __init__(self, function: Function, instance: Any) -> None:
        self.__func__ = function
        self.__self__ = instance

    @property
    def programs(self) -> Programs:
        return self.__func__.programs

    @property
    def instance(self) -> Any:
        return self.__self__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        programs = self.__func__._programs
        args = (self.__self__, *args)
        if active() is not None:
            return programs.function(*args, **kwargs)
        for enter in programs.enters:
            out = enter(args, kwargs)
            if out is not MISS:
                return out
        return programs.call(args, kwargs, self.__self__)

    def __repr__(self) -> str:
        return f"<{self.__func__!r} of {self.__self__!r}>"


@overload
def function(f: Callable[..., Any], /) -> Function: ...


@overload
def function(
    f: None = None,
    /,
    *,
    input_signature: Sequence[Any] | None = None,
    math: Math | None = None,
    name: str | None = None,
    pin: str | os.PathLike[str] | None = None,
) -> Callable[[Callable[..., Any]], Function]: ...


def function(
    f: Callable[..., Any] | None = None,
    /,
    *,
    input_signature: Sequence[Any] | None = None,
    math: Math | None = None,
    name: str | None = None,
    pin: str | os.PathLike[str] | None = None,
) -> Function | Callable[[Callable[..., Any]], Function]:
    """Trace a function of arrays, compile what it does, and run that from then on.

    Arrays become tensors of symbolic sizes, Python numbers run-time scalars: another size or number needs no new program.
    What the function reads elsewhere, in globals, closures and attributes, is watched; when it changes, the function is
    traced again, and ``f.retraces()`` says why.

    Args:
        f: Function, method, lambda, ``functools.partial`` or callable object over NumPy or tracejit functions.
        input_signature: A TensorSpec, or a tree of them, for each of the first parameters: arguments are cast to these, and
            there is one program for all sizes that are None in them.
        math: ``"accurate"``: own vector math; ``"libm"``: the C library's. ``TRACEJIT_MATH`` when not given.
        name: For graphs and errors; the function's own when not given.
        pin: A file to keep the program in. It is written when it is not there; when it is, it *is* the program, your edits
            included. A file that was pinned for another graph is a PinError.

    Returns:
        A :class:`Function`; a decorator when ``f`` is not given.

    Raises:
        UnsupportedError: ``f`` is a generator or a coroutine.
    """

    def decorate(f: Callable[..., Any]) -> Function:
        if isinstance(f, Function):
            return f
        if not callable(f):
            raise TypeError(f"function: {f!r} is not callable")
        if inspect.isgeneratorfunction(f) or inspect.iscoroutinefunction(f) or inspect.isasyncgenfunction(f):
            own_name = getattr(f, "__name__", str(f))
            raise UnsupportedError(f"{own_name}: a generator or coroutine has no single result; return a tuple or stacked arrays")
        return Function(f, input_signature, math, name, pin)

    return decorate if f is None else decorate(f)
