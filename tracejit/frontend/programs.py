"""The programs of a traced function: found, made, entered and looked at."""

from __future__ import annotations

import functools
import threading
import traceback
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal

from tracejit.config import config
from tracejit.errors import TracejitError
from tracejit.frontend.device import Choice
from tracejit.frontend.dispatch import make_route, pattern_of
from tracejit.frontend.entry import Entry, Traced
from tracejit.frontend.inspection import Listing, Retrace, Retraces, graph_listing, text_listing
from tracejit.frontend.parameters import Parameters
from tracejit.frontend.retrace import reason_for
from tracejit.frontend.signature import Call
from tracejit.frontend.specialize import trace_call
from tracejit.frontend.where import is_library_file, user_frames
from tracejit.ir import Graph
from tracejit.runtime.route import Route

if TYPE_CHECKING:
    from tracejit.frontend.explanation import Explanation, Profile

Math = Literal["accurate", "libm"]

_MOST_ROUTES = 256
_MOST_PROGRAMS = (
    256  # of one function; then the one that was made first goes, so that a function that always retraces stays small
)
NOTHING: Final = object()
"""The object of a function that is called as no method."""


class Programs:
    """All programs of one Python function. Lists are replaced, never changed, so calls read them without a lock.

    Args:
        function: The Python function.
        name: For graphs and errors.
        input_signature: What arguments are cast to.
        math: Which vector math programs use.
    """

    def __init__(self, function: Callable[..., Any], name: str, input_signature: Sequence[Any] | None, math: Math | None) -> None:
        self.function = function
        self.name = name
        self.parameters = Parameters(function, name, input_signature)
        self.math = math
        self.pin: str | None = None
        self.background: bool | None = None
        self.device: Choice = "auto"
        self.routes: tuple[Route, ...] = ()
        self.entries: tuple[Entry, ...] = ()
        self.made = 0
        self.records: deque[Retrace] = deque(maxlen=_MOST_PROGRAMS)
        self._patterns: dict[tuple[int, Any], Route | None] = {}
        self._lock = threading.RLock()

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any], instance: Any) -> Any:
        """A call that no route fits: of a new kind, or with arguments that must be converted."""
        try:
            call = self.parameters.read(args, kwargs, instance)
            entry = self.entry_for(call)
        except Exception as error:
            raise error.with_traceback(_shown(error))  # noqa: B904  (it is the same exception)
        entry.advance()
        out = entry.run(call, entry.executable)
        if entry.waiting is None:
            self._remember(entry, call)
        return out

    def entry_for(self, call: Call) -> Entry:
        """The program for a call, made when there is none."""
        entry = self._find(call)
        if entry is not None:
            return entry
        from tracejit.frontend.build import build_entry  # the compiler, which those who only import the library never need

        with self._lock:
            entry = self._find(call)  # another thread may have made it meanwhile
            if entry is None:
                reason = reason_for(self.entries, call)
                entry, notes = build_entry(
                    self.function, self.parameters, call, self.math, self.pin, self.device, self.background
                )
                self.made += 1
                self.records.append(Retrace(self.made, reason.reason, reason.where, reason.old, reason.new, notes))
                self.entries = (*[e for e in self.entries if e.alive][1 - _MOST_PROGRAMS :], entry)
            return entry

    def _find(self, call: Call) -> Entry | None:
        for entry in reversed(self.entries):
            if entry.call.signature == call.signature and entry.refusal(call) is None:
                return entry
        return None

    def _remember(self, entry: Entry, call: Call) -> None:
        """Make a route for calls like this one, unless there is one."""
        key = (id(entry), pattern_of(call))
        if key in self._patterns:
            return
        route = make_route(entry, call, self.parameters)
        with self._lock:
            alive = {id(e) for e in self.entries}
            kept = [(k, r) for k, r in self._patterns.items() if k[0] in alive and k != key]
            self._patterns = dict([(key, route), *kept[: _MOST_ROUTES - 1]])
            self.routes = tuple([r for r in self._patterns.values() if r is not None])


class Traceable(ABC):
    """What traced functions and traced methods have: their programs can be made ahead, and looked at."""

    __slots__ = ()

    @property
    @abstractmethod
    def programs(self) -> Programs:
        """The programs, of all objects in the case of a method."""

    @property
    @abstractmethod
    def instance(self) -> Any:
        """The object of a method, NOTHING for a function."""

    @property
    def python_function(self) -> Callable[..., Any]:
        """The function as it was written."""
        return self.programs.function

    @property
    def compilations(self) -> int:
        """How many programs were made so far; each is a trace of the function."""
        return self.programs.made

    def retraces(self) -> Retraces:
        """Why the function was traced, each of the last 256 times it was."""
        return Retraces(self.programs.name, self.programs.records)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Make the program for a kind of call, without running it; TensorSpecs stand for arrays."""
        self._entry(args, kwargs).advance(block=True)

    def trace(self, *args: Any, **kwargs: Any) -> Graph:
        """The graph of a call as it is traced, before any pass; nothing is compiled. TensorSpecs stand for arrays."""
        return self.traced(*args, **kwargs).graph

    def traced(self, *args: Any, **kwargs: Any) -> Traced:
        """As :meth:`trace`, with everything that tracing found out."""
        programs = self.programs
        return trace_call(programs.function, programs.parameters, self.read(args, kwargs), programs.name)

    def graph(self, *args: Any, **kwargs: Any) -> Listing:
        """The optimized graph: of the program for these arguments, or of the youngest program."""
        return graph_listing(self._looked_at(args, kwargs).program.graph)

    def schedule(self, *args: Any, **kwargs: Any) -> Listing:
        """The schedule: of the program for these arguments, or of the youngest program.

        Its last line is the memory that a call needs, in bytes for the sizes of these arguments; in symbols without arguments,
        and where TensorSpecs leave sizes open.
        """
        entry = self._looked_at(args, kwargs)
        text = str(entry.program.schedule)
        if entry.device == "cpu":
            from tracejit.runtime.footprint import footprint  # it needs the compiler

            call = self.read(args, kwargs) if args or kwargs else None
            sizes = None if call is None else entry.sizes_of(call)
            text += f"memory: {footprint(entry.program.graph, entry.program.source, sizes)}\n"
        return text_listing(f"schedule of {self.programs.name}", text)

    def source(self, *args: Any, **kwargs: Any) -> Listing:
        """The generated Python file: of the program for these arguments, or of the youngest program."""
        program = self._looked_at(args, kwargs).program
        return text_listing(f"source of {self.programs.name}", program.source.text, str(program.path))

    def explain(self, *args: Any, **kwargs: Any) -> Explanation:
        """Where each line of the function went, what is not fused and why, and what every step costs.

        Args:
            args: Of a call: it is run and measured, and Variables and arguments are left as they were. Without arguments
                nothing is run, and the sizes are those of the last trace.
            kwargs: Of the call.
        """
        from tracejit.frontend.measuring import explained  # what follows needs the compiler

        if not (args or kwargs):
            return explained(self._looked_at(args, kwargs), None, self.programs.math)
        call = self.read(args, kwargs)
        return explained(self.programs.entry_for(call), call, self.programs.math)

    def profile(self, *args: Any, **kwargs: Any) -> Profile:
        """The time of each step of a call, beside the time that the machine's measured rates predict.

        The call is run again and again for a fraction of a second; Variables and arguments are left as they were. Of a call that
        runs on a device, also its kernels and graphs, the copies between it and the host, and the memory held.

        Args:
            args: Of the call.
            kwargs: Of the call.
        """
        from tracejit.frontend.measuring import profiled

        call = self.read(args, kwargs)
        return profiled(self.programs.entry_for(call), call, self.programs.math)

    def debug(self, *args: Any, pdb: bool = False, **kwargs: Any) -> Any:
        """Run the generated file under CPython, where ``print``, breakpoints and coverage work.

        Args:
            args: Of the call.
            pdb: Stop in the debugger at the first line.
            kwargs: Of the call.
        """
        call = self.read(args, kwargs, specs=False)
        entry = self.programs.entry_for(call)
        runner: dict[str, Any] = {}
        if pdb:
            import pdb as debugger  # noqa: T100  (a debugger is what was asked for)

            runner["runner"] = debugger.runcall
        return entry.run(call, functools.partial(entry.executable.debug, **runner))

    def read(self, args: tuple[Any, ...], kwargs: dict[str, Any], specs: bool = True) -> Call:
        """A call with these arguments, taken apart; TensorSpecs may stand for arrays."""
        instance = self.instance
        own = () if instance is NOTHING else (instance,)
        return self.programs.parameters.read((*own, *args), kwargs, instance, specs)

    def _entry(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Entry:
        return self.programs.entry_for(self.read(args, kwargs))

    def _looked_at(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Entry:
        if args or kwargs:
            return self._entry(args, kwargs)
        if not self.programs.entries:
            raise ValueError(f"{self.programs.name} has no program yet: call it first, or give arguments or TensorSpecs here")
        return self.programs.entries[-1]


def _shown(error: Exception) -> TracebackType | None:
    """The traceback of an error of the user's: without the frames of tracejit. Errors of our own code keep all frames."""
    *_, innermost = traceback.walk_tb(error.__traceback__)
    ours = is_library_file(innermost[0].f_code.co_filename) and not isinstance(error, TracejitError)
    return error.__traceback__ if ours or config().debug else user_frames(error.__traceback__)
