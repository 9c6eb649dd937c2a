"""grad, value_and_grad, vjp, jvp: derivatives of functions, which nest in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np

from tracejit.errors import ArgumentError, GradientError, ShapeError
from tracejit.frontend.base import Tensor
from tracejit.frontend.eager import EagerTrace, active, beside, trace
from tracejit.frontend.leading import leading
from tracejit.frontend.lift import distinct, lift
from tracejit.frontend.public import hand_out, opened
from tracejit.frontend.recorder import Carried
from tracejit.frontend.shapes import filled, same, shape_text
from tracejit.frontend.tape import check_target, cotangent_like
from tracejit.frontend.tensor import EagerTensor
from tracejit.frontend.tree import Structure, flatten, flatten_paths
from tracejit.ir import Node, current, using
from tracejit.ir.dtype import family
from tracejit.runtime.device import on_host
from tracejit.transforms.autodiff import backward, forward

Position = int | tuple[int, ...]


def grad(function: Callable[..., Any], argnums: Position = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that gives the gradient of ``function``.

    Args:
        function: Gives one float, or, with ``has_aux``, a pair of that and anything else.
        argnums: Position of the argument to differentiate by, or a tuple of positions; arguments may be trees.
        has_aux: Whether the function gives more than what is differentiated.

    Returns:
        A function of the same arguments. It gives a tree like the argument, or a tuple of them; with ``has_aux`` a pair of
        that and the rest.

    Raises:
        GradientError: When called: the result is not one float, or an argument is not a float.
    """
    both = value_and_grad(function, argnums, has_aux)

    @wraps(function, updated=())
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def value_and_grad(function: Callable[..., Any], argnums: Position = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that gives the value of ``function`` and its gradient, as a pair; see :func:`grad`."""

    @wraps(function, updated=())
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        with _scope(args, kwargs) as result:
            own, sources, like = _differentiated(args, argnums, "grad", result.carried)
            out = function(*own, **kwargs)
            value, aux = _pair(out) if has_aux else (out, None)
            target = _scalar(value)
            found = backward(current(), [target], [cotangent_like(target, None, "grad")], sources)
            gradients = like.unflatten(_or_zeros(found, sources))
            value = (value, aux) if has_aux else value
            return result(value), result(gradients)

    return value_and_gradient


def vjp(function: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """The value of ``function`` at ``primals``, and the function from cotangents of the result to cotangents of the primals.

    Args:
        function: Gives a tree of tensors; with ``has_aux`` a pair of that and anything else.
        primals: Trees of floats.
        has_aux: Whether the function gives more than what is differentiated.

    Returns:
        ``(out, pullback)``, or ``(out, pullback, aux)``. The pullback takes a tree like ``out`` and gives a tuple of trees like
        the primals; it may be called any number of times.
    """
    with _scope(primals, {}) as result:
        args, sources, like = _differentiated(primals, tuple(range(len(primals))), "vjp", result.carried)
        out = function(*args)
        out, aux = _pair(out) if has_aux else (out, None)
        leaves, shape = flatten(out)
        outputs = [_node(x, "vjp") for x in leaves]
        home = current()

    def pullback(cotangents: Any) -> Any:
        given, its = flatten(cotangents)
        if its != shape:
            raise ArgumentError(f"vjp: the cotangent is {its}, and the result is {shape}; they must be alike")
        with _scope((cotangents,), {}, home) as handed:
            weights = [_fitting(n, c) for n, c in zip(outputs, given, strict=True)]
            found = backward(home, outputs, weights, sources)
            return handed(like.unflatten(_or_zeros(found, sources)), plain=result.plain)

    handed_out = result(out)
    return (handed_out, pullback, result(aux)) if has_aux else (handed_out, pullback)


def jvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of ``function`` at ``primals`` and its derivative in the direction ``tangents``.

    Args:
        function: Gives a tree of tensors.
        primals: Positional arguments, trees of floats.
        tangents: One tree like each of the primals.

    Returns:
        ``(out, tangent of out)``.
    """
    primals, tangents = tuple(primals), tuple(tangents)
    with _scope((primals, tangents), {}) as result:
        args, sources, like = _differentiated(primals, tuple(range(len(primals))), "jvp", result.carried)
        given, its = flatten(tangents)
        if its != like.structure:
            raise ArgumentError(f"jvp: tangents are {its}, and primals are {like.structure}; they must be alike")
        directions = [_fitting(sources[i], t) for i, t in zip(like.places, given, strict=True) if i is not None]
        leaves, shape = flatten(function(*args))
        outputs = [_node(x, "jvp") for x in leaves]
        found = forward(current(), outputs, sources, directions)
        out = shape.unflatten(leaves), shape.unflatten(_or_zeros(found, outputs))
        return result(out[0]), result(out[1])


class _Results:
    """Hands out results of a scope: nodes as tensors, and, where no tensor came in, tensors as NumPy's types."""

    def __init__(self, plain: bool, carried: Carried) -> None:
        self.plain, self.carried = plain, carried

    def __call__(self, tree: Any, plain: bool | None = None) -> Any:
        plain = self.plain if plain is None else plain
        leaves, structure = flatten(tree)
        return structure.unflatten([self._leaf(x, plain) for x in leaves])

    def _leaf(self, x: Any, plain: bool) -> Any:
        out = hand_out(x) if isinstance(x, Node) else x
        return np.array(on_host(out.value))[()] if plain and isinstance(out, EagerTensor) else out


@contextmanager
def _scope(args: Any, kwargs: Any, home: Any = None) -> Iterator[_Results]:
    """Within, operations are seen: in ``home`` if given, the running trace or tape, or else an EagerTrace of its own."""
    running = active()
    if home is not None and not isinstance(home, EagerTrace) and home is not running:
        raise GradientError(
            "vjp: the pullback was called after the trace that made it had ended\n  cure: call it in the same traced function"
        )
    builder = home or running or EagerTrace(recording=True)
    carried = Carried()
    with using(builder), opened(), leading():
        builder.listeners.append(carried)
        try:
            yield _Results(running is None and not any(isinstance(x, Tensor) for x in flatten((args, kwargs))[0]), carried)
        except ValueError as error:
            if isinstance(error.__cause__, GradientError):  # NumPy asked a tensor for its number, to store it
                raise error.__cause__ from None
            raise
        finally:
            builder.listeners.remove(carried)


def _differentiated(
    args: tuple[Any, ...], argnums: Position, name: str, carried: Carried
) -> tuple[list[Any], list[Node], _Gradients]:
    """The arguments with tensors of their own at ``argnums``, the nodes of these, and what puts gradients in a tree like them."""
    positions = [_position(i, args, name) for i in (argnums if isinstance(argnums, tuple) else (argnums,))]
    paths, structure = flatten_paths(tuple(args[i] for i in positions), "argument ")
    tensors: list[Any] = []
    sources: list[Node] = []
    places: list[int | None] = []
    for path, x in paths:
        if x is None:
            tensors.append(None)
            places.append(None)
            continue
        operand = lift(x, f"{name}, {path}")
        node = operand.node()
        if family(node.dtype) not in "fc":
            raise GradientError(
                f"{name}: a derivative by {path} was asked for, which is {trace().spec(node)}; only floats have one\n"
                "  cure: pass a float, 3.0 for 3 or x.astype('float64'); or leave it out of argnums"
            )
        own = distinct(node)
        places.append(len(sources))
        sources.append(own)
        tensors.append(hand_out(own, weak=operand.weak, scalar=operand.weak or isinstance(x, np.generic)))
    carried.begin(sources)
    out = list(args)
    for i, value in zip(positions, structure.unflatten(tensors), strict=True):
        out[i] = value
    return out, sources, _Gradients(structure, places, single=isinstance(argnums, int))


def _position(index: int, args: tuple[Any, ...], name: str) -> int:
    if not -len(args) <= index < len(args):
        raise ArgumentError(f"{name}: argnums holds {index}, and {len(args)} positional arguments were given")
    return index % len(args)


class _Gradients:
    """Puts gradients in a tree like the arguments that they belong to; None stays None."""

    def __init__(self, structure: Structure, places: list[int | None], single: bool) -> None:
        self.structure, self.places, self.single = structure, places, single

    def unflatten(self, gradients: Sequence[Node]) -> Any:
        tree = self.structure.unflatten(None if i is None else gradients[i] for i in self.places)
        return tree[0] if self.single else tree


def _pair(out: Any) -> tuple[Any, Any]:
    if not isinstance(out, tuple) or len(out) != 2:
        raise ArgumentError(
            f"grad: with has_aux the function returns a pair of value and rest; it returned a {type(out).__name__}"
        )
    return out


def _node(x: Any, name: str) -> Node:
    """The node of a result of a differentiated function."""
    if isinstance(x, Tensor):
        return x.node_in(current())
    return lift(x, f"{name}, the result").node()


def _scalar(value: Any) -> Node:
    node = _node(value, "grad")
    if isinstance(value, Tensor):
        check_target(value, "grad")
    shape = trace().spec(node).shape
    if shape != ():
        raise GradientError(
            f"grad: gradients are of functions with scalar output; the output has shape {shape_text(shape)}\n"
            "  cure: take the sum or the mean of it, or use vjp with a cotangent"
        )
    if family(node.dtype) != "f":
        raise GradientError(f"grad: the output is {node.spec}; only floats have gradients")
    return node


def _fitting(node: Node, x: Any) -> Node:
    """A tangent or cotangent for ``node``; of exactly its shape."""
    given = lift(x, "tangent")
    spec, own = trace().spec(given.node()), trace().spec(node)
    if spec.shape != ():
        fault = f"a tangent or cotangent is {spec}; what it belongs to is {own}\n  rule: their shapes are equal"
        if spec.rank != own.rank:
            raise ShapeError(fault)
        for its, wanted in zip(spec.shape, own.shape, strict=True):
            same(its, wanted, fault)
    return cotangent_like(node, x, "tangent")


def _or_zeros(found: Sequence[Node | None], like: Sequence[Node]) -> list[Node]:
    return [
        beside(filled(current().constant(0, x.dtype), x.shape) if n is None else n, x) for n, x in zip(found, like, strict=True)
    ]
