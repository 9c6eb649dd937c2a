"""``function``: Python functions as compiled programs, one for each kind of call."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any, overload

from tracejit.errors import UnsupportedError
from tracejit.frontend.base import Tensor
from tracejit.frontend.device import Choice, checked, default_device
from tracejit.frontend.donation import Donation, donated_names
from tracejit.frontend.eager import active
from tracejit.frontend.programs import NOTHING, Math, Programs, Traceable
from tracejit.runtime.entrance import Entrance


class Function(Entrance, Traceable, methods=True):
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
        device: Choice | None = None,
        donate: Donation = (),
        background: bool | None = None,
    ) -> None:
        super().__init__()
        own_name: str = getattr(python_function, "__name__", type(python_function).__name__)
        self.name = name or own_name
        self._programs = Programs(python_function, self.name, input_signature, math)
        self._programs.pin = None if pin is None else os.fspath(pin)
        self._programs.device = default_device() if device is None else checked(device, self.name)
        self._programs.background = background
        self._programs.parameters.donated = donated_names(donate, self._programs.parameters)
        self._unbound = Unbound(self._programs)
        functools.update_wrapper(self, python_function, updated=())

    @property
    def programs(self) -> Programs:
        return self._programs

    @property
    def instance(self) -> Any:
        return NOTHING

    def missed(self, *args: Any, **kwargs: Any) -> Any:
        if active() is not None:  # another trace, or a tape, sees every step of the function
            return self._programs.function(*args, **kwargs)
        return _made(self, self._programs, args, kwargs, self._receiver(args))

    def _receiver(self, args: tuple[Any, ...]) -> Any:
        """The object whose method this is called as; CPython gives it as the first argument where it need not make a Method."""
        if (
            args
            and not isinstance(args[0], Tensor)
            and any(value is self for cls in type(args[0]).__mro__ for value in vars(cls).values())
        ):
            return args[0]
        return NOTHING

    @property
    def unbound(self) -> Unbound:
        """What methods are called by."""
        return self._unbound

    def __get__(self, instance: Any, owner: type | None = None) -> Function | Method:
        return self if instance is None else Method(self, instance)

    def __repr__(self) -> str:
        count = len(self._programs.entries)
        return f"<tracejit function {self.name}, {count} program{'s' * (count != 1)}>"


class Unbound(Entrance):
    """A traced function that takes the object of a method first."""

    def __init__(self, programs: Programs) -> None:
        super().__init__()
        self._programs = programs

    def missed(self, instance: Any, *args: Any, **kwargs: Any) -> Any:
        if active() is not None:
            return self._programs.function(instance, *args, **kwargs)
        return _made(self, self._programs, (instance, *args), kwargs, instance)


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
        return self.__func__.unbound(self.__self__, *args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self.__func__!r} of {self.__self__!r}>"


def _made(entrance: Entrance, programs: Programs, args: tuple[Any, ...], kwargs: dict[str, Any], instance: Any) -> Any:
    """The result of a call, after which ``entrance`` has the routes for calls like it."""
    out = programs.call(args, kwargs, instance)
    if entrance.routes is not programs.routes:
        entrance.lead(programs.routes)
    return out


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
    device: Choice | None = None,
    donate: Donation = (),
    background: bool | None = None,
) -> Callable[[Callable[..., Any]], Function]: ...


def function(
    f: Callable[..., Any] | None = None,
    /,
    *,
    input_signature: Sequence[Any] | None = None,
    math: Math | None = None,
    name: str | None = None,
    pin: str | os.PathLike[str] | None = None,
    device: Choice | None = None,
    donate: Donation = (),
    background: bool | None = None,
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
        device: Where it runs: ``"cpu"``, ``"cuda"``, or ``"auto"``: on the GPU where arguments or Variables are there already.
            That of the ``with tj.device`` around the definition, else ``TRACEJIT_DEVICE``, when not given. On a GPU, NumPy
            arguments are copied there, and results are tensors there, or arrays of the library that the arguments are from.
        donate: Parameters, by name or position, whose arrays the caller gives away: a result of the same shape and dtype is
            written to such an array and *is* that array, which saves its memory. Its old values are gone then, so the caller
            must not use it after the call but as that result. A donated array must be writable and share no memory with
            other arguments. On a GPU, tensors and arrays that are there can be donated. Where no result can have its memory, it
            is left as it is, with a warning.
        background: Compile in a process of its own; until that is done, calls are evaluated by NumPy, op by op. For processes
            that must answer at once. ``f.compile(...)`` waits for it. ``TRACEJIT_BACKGROUND`` when not given, and not with
            ``pin``, nor on a GPU.

    Returns:
        A :class:`Function`; a decorator when ``f`` is not given.

    Raises:
        UnsupportedError: ``f`` is a generator or a coroutine.
        ArgumentError: ``donate`` names a parameter that ``f`` does not have.
    """

    def decorate(f: Callable[..., Any]) -> Function:
        if isinstance(f, Function):
            return f
        if not callable(f):
            raise TypeError(f"function: {f!r} is not callable")
        if inspect.isgeneratorfunction(f) or inspect.iscoroutinefunction(f) or inspect.isasyncgenfunction(f):
            own_name = getattr(f, "__name__", str(f))
            raise UnsupportedError(f"{own_name}: a generator or coroutine has no single result; return a tuple or stacked arrays")
        return Function(f, input_signature, math, name, pin, device, donate, background)

    return decorate if f is None else decorate(f)
