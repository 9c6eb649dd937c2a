"""``function``: Python functions as compiled programs, one for each kind of call."""

from __future__ import annotations

import functools
import inspect
import threading
import traceback
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, overload

from tracejit.config import config
from tracejit.errors import TracejitError, UnsupportedError
from tracejit.frontend.build import Math, build_entry
from tracejit.frontend.dispatch import MISS, Enter, make_enter, pattern_of
from tracejit.frontend.eager import active
from tracejit.frontend.entry import Entry
from tracejit.frontend.inspection import Listing, Retrace, Retraces, graph_listing, text_listing
from tracejit.frontend.parameters import Parameters
from tracejit.frontend.retrace import reason_for
from tracejit.frontend.signature import Call
from tracejit.frontend.specialize import trace_call
from tracejit.frontend.where import is_library_file, user_frames
from tracejit.ir import Graph

_MOST_ENTERS = 256


class Function:
    """A Python function that is traced once for each kind of call, compiled, and from then on run as a program.

    Made by :func:`function`. Any number of threads may call it; only tracing and compiling take a lock.

    Attributes:
        python_function: The function as it was written.
    """

    def __init__(
        self,
        python_function: Callable[..., Any],
        input_signature: Sequence[Any] | None = None,
        math: Math | None = None,
        name: str | None = None,
    ) -> None:
        self._python_function = python_function
        own_name: str = getattr(python_function, "__name__", type(python_function).__name__)
        self.name = name or own_name
        functools.update_wrapper(self, python_function, updated=())
        self._parameters = Parameters(python_function, self.name, input_signature)
        self._math = math
        self._namespace = getattr(inspect.unwrap(python_function), "__globals__", {})
        self._enters: tuple[Enter, ...] = ()  # replaced, never changed, as are the two below: readers take no lock
        self._patterns: dict[tuple[int, Any], Enter] = {}
        self._entries: tuple[Entry, ...] = ()
        self._retraces: list[Retrace] = []
        self._lock = threading.RLock()

    @property
    def python_function(self) -> Callable[..., Any]:
        return self._python_function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if active() is None:
            for enter in self._enters:
                out = enter(args, kwargs)
                if out is not MISS:
                    return out
        return self.call_slowly(args, kwargs)

    def call_slowly(self, args: tuple[Any, ...], kwargs: dict[str, Any], bound_to: Any = None) -> Any:
        """A call that no quick way fits: inside a trace or tape, of a new kind, or with arguments that must be converted."""
        if active() is not None:  # another trace, or a tape, sees every step of the function
            return self._python_function(*args, **kwargs)
        try:
            call = self._parameters.read(args, kwargs, bound_to)
            entry = self._entry_for(call)
        except Exception as error:
            raise error.with_traceback(_shown(error))  # noqa: B904  (it is the same exception)
        out = entry.run(call, entry.executable.call)
        self._remember(entry, call)
        return out

    def __get__(self, instance: Any, owner: type | None = None) -> Function | BoundFunction:
        return self if instance is None else BoundFunction(self, instance)

    def __repr__(self) -> str:
        return f"<tracejit function {self.name}, {len(self._entries)} program{'s' * (len(self._entries) != 1)}>"

    # programs

    @property
    def compilations(self) -> int:
        """How many programs were made so far; each is a trace of the function."""
        return len(self._retraces)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Make the program for a kind of call, without running it; TensorSpecs stand for arrays."""
        self._entry_for(self._parameters.read(args, kwargs, specs=True))

    def trace(self, *args: Any, **kwargs: Any) -> Graph:
        """The graph of a call as it is traced, before any pass; nothing is compiled. TensorSpecs stand for arrays."""
        call = self._parameters.read(args, kwargs, specs=True)
        return trace_call(self._python_function, self._parameters, call, self.name).graph

    def _find(self, call: Call) -> Entry | None:
        for entry in reversed(self._entries):
            if entry.call.signature == call.signature and entry.refusal(call) is None:
                return entry
        return None

    def _entry_for(self, call: Call) -> Entry:
        entry = self._find(call)
        if entry is not None:
            return entry
        with self._lock:
            entry = self._find(call)  # another thread may have made it meanwhile
            if entry is None:
                reason = reason_for(self._entries, call)
                entry = build_entry(self._python_function, self._parameters, call, self._math)
                self._retraces.append(Retrace(len(self._retraces) + 1, reason.reason, reason.where, reason.old, reason.new))
                self._entries = (*(e for e in self._entries if e.alive), entry)
            return entry

    def _remember(self, entry: Entry, call: Call) -> None:
        """Make a quick way for calls like this one, unless there is one."""
        key = (id(entry), pattern_of(call))
        if key in self._patterns:
            return
        enter = make_enter(entry, call, self._parameters, self._namespace)
        with self._lock:
            alive = {id(e) for e in self._entries}
            kept = [(k, e) for k, e in self._patterns.items() if k[0] in alive and k != key]
            patterns = dict([(key, enter), *kept[: _MOST_ENTERS - 1]])
            self._patterns, self._enters = patterns, tuple(patterns.values())

    # seeing inside

    def graph(self, *args: Any, **kwargs: Any) -> Listing:
        """The optimized graph: of the program for these arguments, or of the youngest program."""
        return graph_listing(self._inspected(args, kwargs).program.graph)

    def schedule(self, *args: Any, **kwargs: Any) -> Listing:
        """The schedule: of the program for these arguments, or of the youngest program."""
        return text_listing(f"schedule of {self.name}", str(self._inspected(args, kwargs).program.schedule))

    def source(self, *args: Any, **kwargs: Any) -> Listing:
        """The generated Python file: of the program for these arguments, or of the youngest program."""
        program = self._inspected(args, kwargs).program
        return text_listing(f"source of {self.name}", program.source.text, str(program.path))

    def retraces(self) -> Retraces:
        """Why the function was traced, each time it was."""
        return Retraces(self.name, self._retraces)

    def debug(self, *args: Any, pdb: bool = False, **kwargs: Any) -> Any:
        """Run the generated file under CPython, where ``print``, breakpoints and coverage work.

        Args:
            args: Of the call.
            pdb: Stop in the debugger at the first line.
            kwargs: Of the call.
        """
        call = self._parameters.read(args, kwargs)
        entry = self._entry_for(call)
        runner: dict[str, Any] = {}
        if pdb:
            import pdb as debugger  # noqa: T100  (a debugger is what was asked for)

            runner["runner"] = debugger.runcall
        return entry.run(call, functools.partial(entry.executable.debug, **runner))

    def _inspected(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Entry:
        if args or kwargs:
            return self._entry_for(self._parameters.read(args, kwargs, specs=True))
        if not self._entries:
            raise ValueError(f"{self.name} has no program yet: call it first, or give arguments or TensorSpecs here")
        return self._entries[-1]


def _shown(error: Exception) -> TracebackType | None:
    """The traceback of an error of the user's: without the frames of tracejit. Ours keep all their frames."""
    *_, innermost = traceback.walk_tb(error.__traceback__)
    ours = is_library_file(innermost[0].f_code.co_filename) and not isinstance(error, TracejitError)
    return error.__traceback__ if ours or config().debug else user_frames(error.__traceback__)


class BoundFunction:
    """A traced method of one object."""

    __slots__ = ("__self__", "function")

    def __init__(self, function: Function, instance: Any) -> None:
        self.function = function
        self.__self__ = instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        function = self.function
        args = (self.__self__, *args)
        if active() is None:
            for enter in function._enters:
                out = enter(args, kwargs)
                if out is not MISS:
                    return out
        return function.call_slowly(args, kwargs, self.__self__)

    def __getattr__(self, name: str) -> Any:
        """What the function has; ways to look inside and to compile get the object as their first argument."""
        value = getattr(self.function, name)
        return functools.partial(value, self.__self__) if name in ("compile", "debug", "trace") else value


@overload
def function(f: Callable[..., Any], /) -> Function: ...


@overload
def function(
    f: None = None, /, *, input_signature: Sequence[Any] | None = None, math: Math | None = None, name: str | None = None
) -> Callable[[Callable[..., Any]], Function]: ...


def function(
    f: Callable[..., Any] | None = None,
    /,
    *,
    input_signature: Sequence[Any] | None = None,
    math: Math | None = None,
    name: str | None = None,
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

    Returns:
        A :class:`Function`; a decorator when ``f`` is not given.

    Raises:
        UnsupportedError: ``f`` is a generator or a coroutine.
    """
    if f is None:
        return functools.partial(function, input_signature=input_signature, math=math, name=name)
    if isinstance(f, Function):
        return f
    if not callable(f):
        raise TypeError(f"function: {f!r} is not callable")
    if inspect.isgeneratorfunction(f) or inspect.iscoroutinefunction(f) or inspect.isasyncgenfunction(f):
        name = getattr(f, "__name__", str(f))
        raise UnsupportedError(f"{name}: a generator or coroutine has no single result; return a tuple or stacked arrays")
    return Function(f, input_signature, math, name)
