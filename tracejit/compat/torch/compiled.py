"""``torch.compile``: functions of tensors, backward() and updates included, as programs of tracejit."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, overload

from tracejit.compat.torch import mode
from tracejit.compat.torch.flow import flow_of
from tracejit.compat.torch.session import UNREAD, Session, session_of
from tracejit.compat.torch.tensor import Tensor
from tracejit.compat.torch.value import Value, as_memory, wrap
from tracejit.frontend.eager import EagerTrace
from tracejit.frontend.function import Function
from tracejit.frontend.programs import NOTHING, Programs, Traceable
from tracejit.frontend.symbolic import SymbolicInt
from tracejit.frontend.tensor import Tracer
from tracejit.frontend.tree import flatten
from tracejit.ir.ambient import active

_GRADIENTS = "torch_gradients"

Make = Callable[[Sequence[Any], Sequence[Any]], Any]
"""From the results of a program, and the arguments that were computed outside, to a part of what the function returned."""


class Plan:
    """What is to be done with the results of a program: which are gradients, and what the function returned.

    Args:
        gradients: Tensors with the place of the new gradient among the results; -1 where there is none any more.
        make: What the function returned.
        read: Tensors whose gradient the program was made for, with that gradient.
        outer: Whether results depend on arguments that were computed outside.
    """

    def __init__(self, gradients: Sequence[tuple[Any, int]], make: Make, read: Sequence[tuple[Any, Any]], outer: bool) -> None:
        self.gradients, self.make, self.read, self.outer = gradients, make, read, outer

    def finish(self, values: Sequence[Any], arguments: Callable[[], Sequence[Any]]) -> Any:
        """Put gradients in place, and return what the function did."""
        for tensor, place in self.gradients:
            tensor._grad = None if place < 0 else wrap(Tensor, as_memory(values[place]))
        return self.make(values, arguments() if self.outer else ())


class Traced:
    """A function of tensors as tracejit traces it: results are arrays, and a plan of what to make of them.

    Args:
        function: The function.
        owner: Where tensors are listed whose gradients are passed as arguments.
    """

    def __init__(self, function: Callable[..., Any], owner: Compiled) -> None:
        self.python_function = function
        self.owner = owner
        functools.update_wrapper(self, function, updated=())
        own = owner.signature
        last = inspect.Parameter(_GRADIENTS, inspect.Parameter.KEYWORD_ONLY, default=())
        before = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        after = [p for p in own.parameters.values() if p.kind is inspect.Parameter.VAR_KEYWORD]
        self.__signature__ = own.replace(parameters=[*before, last, *after])
        self.__globals__ = getattr(function, "__globals__", {})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = kwargs.pop(_GRADIENTS, ())
        trace = active()
        assert trace is not None, "it is called while it is traced"
        session = session_of(trace)
        for tensor, grad in zip(self.owner.passed, given, strict=True):
            session.take_gradient(tensor, grad)
        self._note_arguments(session, args, kwargs)
        result = self.python_function(*args, **kwargs)
        values, plan = _planned(session, result)
        session.check_together()
        session.finish()
        self.owner.refresh |= session.refresh
        self.owner.plans.append(plan)
        return values, plan

    def _note_arguments(self, session: Session, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for leaf in self.owner.leaves(args, kwargs):
            tracer = leaf._tracer if isinstance(leaf, Value) else leaf
            if isinstance(tracer, Tracer):
                session.arguments[tracer.node] = tracer
        session.outer = [x for x in self.owner.leaves(args, kwargs) if is_outer(x)]


def is_outer(x: Any) -> bool:
    """Whether an argument requires a gradient and was computed outside."""
    return isinstance(x, Value) and x._requires and x._made is not None


def _planned(session: Session, result: Any) -> tuple[list[Any], Plan]:
    """The arrays that a program gives, and the plan of what to make of them."""
    values: list[Any] = []
    gradients = []
    for tensor, before, now in session.gradients.values():
        if now is before or (now is None and before is None):
            continue
        gradients.append((tensor, -1 if now is None else len(values)))
        if now is not None:
            values.append(session.tracer(now))
    read = [(tensor, before) for tensor, before, _ in session.gradients.values() if before is not UNREAD]
    leaves, structure = flatten_tensors(result)
    makers = [_maker(session, x, values) for x in leaves]
    outer = bool(session.outer)
    if len(makers) == 1 and structure.kind is None:
        return values, Plan(gradients, makers[0], read, outer)
    whole: Make = lambda out, given: structure.unflatten([make(out, given) for make in makers])  # noqa: E731
    return values, Plan(gradients, whole, read, outer)


def flatten_tensors(tree: Any) -> Any:
    """Leaves, tensors among them, and structure of a tree."""
    return flatten(_boxed(tree))


class _Box:
    """Keeps a tensor whole where trees are taken apart."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor


def _boxed(tree: Any) -> Any:
    if isinstance(tree, Value):
        return _Box(tree)
    if type(tree) in (list, tuple):
        return type(tree)([_boxed(x) for x in tree])
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)._make([_boxed(x) for x in tree])  # type: ignore[attr-defined]
    return {k: _boxed(v) for k, v in tree.items()} if type(tree) is dict else tree


def _maker(session: Session, leaf: Any, values: list[Any]) -> Make:
    """What makes a leaf of the result from the arrays of the program."""
    place = len(values)
    if isinstance(leaf, Tracer | SymbolicInt):
        values.append(leaf)
        number = isinstance(leaf, Tracer) and leaf.weak and leaf is not session.arguments.get(leaf.node)
        return (lambda out, given: out[place].item()) if number else (lambda out, given: out[place])
    if not isinstance(leaf, _Box):
        return lambda out, given: leaf
    tensor = leaf.tensor
    if tensor._tracer is None:
        return lambda out, given: tensor
    array = session.array_of(tensor._tracer)
    if array is not None:  # .data of a tensor from outside
        return lambda out, given: wrap(Tensor, array)
    values.append(tensor._tracer)
    if tensor._made is not None:
        flow = flow_of(session, session.node(tensor, True), values)
        return lambda out, given: flow.attach(Tensor, as_memory(out[place]), out, given)
    requires = tensor._requires

    def make(out: Sequence[Any], given: Sequence[Any]) -> Any:
        made = wrap(Tensor, as_memory(out[place]))
        if requires:
            made._requires = True
        return made

    return make


class Compiled(Traceable):
    """A function of tensors that runs as a program; made by :func:`compile`.

    Attributes:
        passed: Tensors from outside whose gradients are arguments of the programs, as they are other tensors in each call.
        refresh: Called before each call: what brings memory that programs read up to date.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.passed: list[Any] = []
        self.refresh: dict[Any, None] = {}
        self.plans: list[Plan] = []
        self.signature = inspect.signature(function)
        functools.update_wrapper(self, function, updated=())
        traced = Traced(function, self)
        name = getattr(function, "__name__", type(function).__name__)
        self._recording, self._plain = (Function(traced, name=name, device="auto") for _ in range(2))

    @property
    def programs(self) -> Programs:
        return (self._recording if mode.is_grad_enabled() else self._plain).programs

    @property
    def instance(self) -> Any:
        return NOTHING

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        builder = active()
        if builder is not None and not isinstance(builder, EagerTrace):
            return self.python_function(*args, **kwargs)
        for bring_up_to_date in self.refresh:
            bring_up_to_date()
        function = self._recording if mode.is_grad_enabled() else self._plain
        if self.passed:
            kwargs[_GRADIENTS] = tuple([None if t._grad is None else t._grad._array for t in self.passed])
        known = len(self.plans)
        values, plan = function(*args, **kwargs)
        if len(self.plans) > known > 0:
            self._pass_what_changes()
        return plan.finish(values, lambda: [x for x in self.leaves(args, kwargs) if is_outer(x)])

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def leaves(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
        """Tensors, and whatever else is no tree, among the arguments, in the order of the parameters."""
        own = {k: v for k, v in kwargs.items() if k != _GRADIENTS}
        found, _ = flatten_tensors(tuple(self.signature.bind(*args, **own).arguments.values()))
        return [x.tensor if isinstance(x, _Box) else x for x in found]

    @property
    def python_function(self) -> Callable[..., Any]:
        """The function as it was written."""
        function: Callable[..., Any] = self.__wrapped__  # type: ignore[attr-defined]
        return function

    def _pass_what_changes(self) -> None:
        """Find tensors whose gradient is another tensor in each call; from now on it is an argument."""
        *_, before, now = self.plans
        old = {id(tensor): grad for tensor, grad in before.read}
        for tensor, grad in now.read:
            was = old.get(id(tensor))
            if was is not None and grad is not None and was is not grad and all(tensor is not t for t in self.passed):
                self.passed.append(tensor)


@overload
def compile(model: Callable[..., Any]) -> Compiled: ...


@overload
def compile(model: None = None, **options: Any) -> Callable[[Callable[..., Any]], Compiled]: ...


def compile(model: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function of tensors: what it computes, backward(), and what it does to ``.data`` and ``.grad``, in one program.

    As with :func:`tracejit.function`, sizes and Python numbers among the arguments are symbols, and what the function reads
    elsewhere is watched. Tensors from outside are read and written where they are.

    Args:
        model: The function; a decorator is returned if it is left out.
        options: ``disable=True`` gives the function as it is. PyTorch's ``fullgraph``, ``dynamic``, ``mode``, ``backend`` and
            ``options`` have no meaning here.

    Returns:
        The compiled function, which also shows its programs: ``graph()``, ``source()``, ``retraces()`` and so on.
    """
    unknown = set(options) - {"fullgraph", "dynamic", "mode", "backend", "options", "disable"}
    if unknown:
        raise TypeError(f"compile() got an unexpected keyword argument {min(unknown)!r}")
    make: Callable[..., Any] = (lambda function: function) if options.get("disable") else Compiled
    return make if model is None else make(model)
