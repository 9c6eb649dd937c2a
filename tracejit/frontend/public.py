"""What every public function does around its work: choose the trace, lift operands, hand results out, name the user's line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np

from tracejit.errors import DTypeError, ShapeError, TracejitError, UnsupportedError
from tracejit.frontend.device import assign
from tracejit.frontend.eager import EagerTrace, active, trace, value_of
from tracejit.frontend.lift import cast, has_tensor, lift
from tracejit.frontend.registry import FUNCTIONS
from tracejit.frontend.shapes import broadcast_node
from tracejit.frontend.tensor import EagerTensor, Tensor, Tracer
from tracejit.frontend.view import is_view, steps_between
from tracejit.frontend.where import at_line, user_where
from tracejit.ir import Node, current, using
from tracejit.ir.dtype import is_same_kind
from tracejit.runtime.device import DeviceArray


@contextmanager
def opened(*operands: Any) -> Iterator[None]:
    """Within, ops go to the trace of a public call with these operands; errors that leave it name the user's line."""
    builder = active() or EagerTrace(plain=not any(map(has_tensor, operands)))
    try:
        with using(builder):
            yield
    except TracejitError as error:
        where = at_line(user_where())
        if not where or "\n  at " in str(error):
            raise
        raise type(error)(f"{error}{where}") from None


def hand_out(node: Node, weak: bool = False, scalar: bool | None = None, view_of: Any = None) -> Any:
    """What the user gets of ``node``: a Tracer while tracing, NumPy's own types where no tensor took part, else an EagerTensor.

    Args:
        node: Of the current builder.
        weak: As a Python number.
        scalar: As a number; where not given, whether it has no dimensions.
        view_of: An operand that the result may show a part of.
    """
    builder = trace()
    scalar = node.shape == () if scalar is None else scalar
    if not isinstance(builder, EagerTrace):
        return Tracer(builder, node, weak, scalar, *_view(view_of, node, Tracer))
    value = value_of(node)
    base, steps = _view(view_of, node, EagerTensor)
    if builder.plain and not isinstance(value, DeviceArray):
        value = value if view_of is not None else builder.owned(value)
        return value[()] if scalar else value if value.flags.writeable or view_of is not None else np.array(value)
    out = EagerTensor(value if base is not None else builder.owned(value), weak, scalar, base, steps)
    builder.remember(out.key, node)
    return out


def _view(operand: Any, node: Node, kind: type[Tracer] | type[EagerTensor]) -> tuple[Any, Any]:
    """The base and steps of a result that shows a part of ``operand``."""
    if not isinstance(operand, kind):
        return None, ()
    steps = steps_between(operand.node_in(current()), node)
    whole, before = operand.origin
    return (operand, steps) if steps is not None and is_view(whole.spec.shape, before + steps) else (None, ())


def lifted(
    operands: int = 1, view: bool = False, scalar: bool | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: a public function from one that works on nodes.

    The first ``operands`` parameters are lifted to nodes; nodes in the result are handed out. With ``view`` the result shows a
    part of the first operand where NumPy's would. The function goes by its name in ``FUNCTIONS``.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__.rstrip("_")
        names = function.__code__.co_varnames[:operands]  # inspect.signature would make the import of tracejit slow

        @wraps(function)
        def public(*args: Any, out: Any = None, **kwargs: Any) -> Any:
            given = [*args[:operands], *(kwargs.pop(n) for n in names[len(args) :] if n in kwargs)]
            with opened(*given, *args[operands:], *kwargs.values(), out):
                result = function(*(lift(x, name).node() for x in given), *args[operands:], **kwargs)
                if out is None:
                    return hand_out_all(result, scalar, given[0] if view and given else None)
                if not isinstance(result, Node):
                    raise TypeError(f"{name}() got an unexpected keyword argument 'out'")
                return write_out(out, result, name)

        public.__name__ = name
        return registered(public)

    return decorate


def registered(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: list a public function under its name."""
    FUNCTIONS[function.__name__.rstrip("_")] = function
    return function


def hand_out_all(result: Any, scalar: bool | None = None, view_of: Any = None) -> Any:
    """Hand out the nodes in lists and tuples; leave everything else."""
    if isinstance(result, Node):
        return hand_out(result, scalar=scalar, view_of=view_of)
    if isinstance(result, list | tuple):
        return type(result)([hand_out_all(x, scalar, view_of) for x in result])
    return result


def write_out(out: Any, node: Node, name: str) -> Any:
    """Write ``node`` to what was passed as ``out=``, and return that."""
    if isinstance(out, tuple):
        (out,) = out
    if not isinstance(out, Tensor | np.ndarray):
        raise UnsupportedError(f"{name}: out= is a {type(out).__name__}; it must be an array")
    if not is_same_kind(node.dtype, out.dtype):
        raise DTypeError(
            f"{name}: a result of dtype {node.dtype} does not go into out of dtype {out.dtype}\n"
            "  rule: casts in place keep the kind, as in NumPy\n"
            f"  cure: use a new array, or cast with astype({str(out.dtype)!r}) first"
        )
    target = lift(out).node()
    if node.spec.rank > target.spec.rank:
        raise ShapeError(f"{name}: the result, {node.spec}, does not fit into out, {target.spec}")
    write_to(out, broadcast_node(cast(node, out.dtype), target.shape, f"{name}, to out"))
    return out


def write_to(target: Tensor | np.ndarray, node: Node) -> None:
    """Give a tensor or an array a new value, of its spec."""
    if isinstance(target, Tensor):
        target.write(node)
    elif isinstance(builder := trace(), EagerTrace):
        assign(target, value_of(node), "out")
    else:
        builder.assign(target, node)
