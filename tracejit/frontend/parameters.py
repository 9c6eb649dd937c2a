"""Parameters of a function: calls are bound to them, and an input signature is held against what they are given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tracejit.errors import ArgumentError, DTypeError, ShapeError
from tracejit.frontend.device import device_of
from tracejit.frontend.signature import Call, Identity, Kind, Leaf, Signature, as_array, classify, supported_dtype
from tracejit.frontend.sizes import Origin
from tracejit.frontend.tensor import EagerTensor
from tracejit.frontend.tree import LEAF, Structure, child_paths, flatten_paths, take_apart
from tracejit.frontend.variable import Variable
from tracejit.ir import TensorSpec
from tracejit.ir.dtype import family, is_same_kind
from tracejit.runtime.device import Array, DeviceArray

_UNKNOWN = 2  # the size that a stand-in has where a spec leaves it open


class Parameters:
    """The parameters of a function.

    Args:
        function: The Python function.
        name: What errors call it.
        input_signature: Specs, or trees of them, for the first parameters; the object of a method is not counted.
    """

    def __init__(self, function: Callable[..., Any], name: str, input_signature: Sequence[Any] | None = None) -> None:
        self.name = name
        self.input_signature = tuple(input_signature or ())
        self.donated: frozenset[str] = frozenset()
        anything = inspect.signature(lambda *args, **kwargs: None)
        try:  # a ufunc's signature names options with defaults that it does not take together
            self.signature = anything if isinstance(function, np.ufunc) else inspect.signature(function)
        except ValueError:  # a builtin that does not tell
            self.signature = anything
        plain = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
        whole = all(p.kind in plain for p in self.signature.parameters.values())
        self._positional = tuple(self.signature.parameters) if whole else None

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Every parameter with its value, defaults included."""
        if self._positional is not None and not kwargs and len(args) == len(self._positional):
            return dict(zip(self._positional, args, strict=True))
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self.name}(): {error}") from None
        bound.apply_defaults()
        return dict(bound.arguments)

    def call(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """``function`` with each parameter as it is in ``arguments``."""
        bound = inspect.BoundArguments(self.signature, dict(arguments))
        return function(*bound.args, **bound.kwargs)

    def read(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], instance: Any, specs: bool = False) -> Call:
        """Take a call apart.

        Args:
            args: Its positional arguments, the object of a method first.
            kwargs: Its keyword arguments.
            instance: The object of a method; where it is the first argument, it is one leaf, by identity.
            specs: TensorSpecs among the arguments stand for arrays.

        Raises:
            ArgumentError: An argument is nothing that a traced function can take.
            ShapeError, DTypeError: An argument does not fit the input signature.
        """
        leaves: list[Leaf] = []
        children: list[Structure] = []
        asked = iter(self.input_signature)
        arguments = self.bind(args, kwargs)
        for name, value in arguments.items():
            if value is instance and not children:
                leaves.append(Leaf(name, "self", value, Identity(value)))
                children.append(LEAF)
                continue
            spec = next(asked, None)
            if spec is not None:
                children.append(self._conforming(spec, value, name, leaves))
                continue
            pairs, structure = flatten_paths(value, name)
            for path, leaf in pairs:
                stands_in = specs and isinstance(leaf, TensorSpec)
                leaves.append(_stand_in(leaf, path) if stands_in else classify(leaf, path, self.name))
            children.append(structure)
        whole = Structure(tuple, len(children), tuple(children))
        return Call(
            args,
            kwargs,
            tuple(arguments.values()),
            tuple(leaves),
            Signature(whole, whole.orders, tuple(leaf.key for leaf in leaves)),
        )

    def unflatten(self, structure: Structure, leaves: list[Any]) -> dict[str, Any]:
        """Parameters by name from the leaves of :meth:`read`."""
        return dict(zip(self.signature.parameters, structure.unflatten(leaves), strict=True))

    def _conforming(self, spec: Any, value: Any, path: str, leaves: list[Leaf]) -> Structure:
        """Append the leaves of ``value`` as the tree ``spec`` asks for them; their structure."""
        if isinstance(spec, TensorSpec):
            leaves.append(_conform(spec, value, path, self.name))
            return LEAF
        asked, given = take_apart(spec), take_apart(value)
        if asked is None or given is None or asked[:2] != given[:2]:
            raise ArgumentError(f"{self.name}: argument {path} is a {type(value).__name__}; the input signature asks for {spec}")
        kind, data, specs = asked
        steps = child_paths(kind, data, len(specs), path)
        parts = [self._conforming(s, v, p, leaves) for s, v, p in zip(specs, given[2], steps, strict=True)]
        return Structure(kind, data, tuple(parts), tuple(value) if isinstance(value, dict) else ())


def _stand_in(spec: TensorSpec, path: str) -> Leaf:
    """A leaf for a spec given in place of an array; sizes that it leaves open are 2 or more."""
    shape = tuple(d if isinstance(d, int) else _UNKNOWN for d in spec.shape)
    array = np.broadcast_to(np.zeros((), spec.dtype), shape)
    origins = tuple(
        Origin(f"{path}.shape[{i}]", free=not isinstance(d, int)) if shape[i] >= 2 else None for i, d in enumerate(spec.shape)
    )
    return Leaf(path, "array", array, ("array", spec.dtype, tuple([d if d < 2 else -1 for d in shape])), array, origins)


def _conform(spec: TensorSpec, value: Any, path: str, function: str) -> Leaf:
    """A leaf as an input signature asks for it."""
    if isinstance(value, TensorSpec):
        return _asked(spec, path, "array", value, _stand_in(value, path).array, known=False)
    kind: Kind = "array"
    if isinstance(value, EagerTensor):
        kind, array = "tensor", value.value
    elif type(value) is np.ndarray:
        array = value
    else:
        kind, array = "converted", _converted(value, path, function)
    pairs = zip(spec.shape, array.shape, strict=False)
    if array.ndim != spec.rank or any(isinstance(d, int) and d != size for d, size in pairs):
        raise ShapeError(_mismatch(spec, array, path, function))
    if array.dtype != spec.dtype and isinstance(array, DeviceArray):
        cast = f"tj.asarray({path}).astype({str(spec.dtype)!r})"
        raise DTypeError(f"{_mismatch(spec, array, path, function)}\n  rule: arrays on cuda are not cast unasked\n  cure: {cast}")
    if array.dtype != spec.dtype:
        weak = isinstance(value, bool | int | float | complex | list | tuple) and _rank(array.dtype) <= _rank(spec.dtype)
        if not weak and not is_same_kind(array.dtype, spec.dtype):
            raise DTypeError(f"{_mismatch(spec, array, path, function)}\n  cure: {path}.astype({str(spec.dtype)!r})")
        array, kind = array.astype(spec.dtype), "tensor" if kind == "tensor" else "converted"
    return _asked(spec, path, kind, value, array)


def _mismatch(spec: TensorSpec, array: Array, path: str, function: str) -> str:
    given = TensorSpec(array.shape, array.dtype)
    return f"{function}: argument {path} does not fit the input signature\n  {path}: {given}\n  asked: {spec}"


def _rank(dtype: np.dtype) -> int:
    return {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}[family(dtype)]


def _asked(spec: TensorSpec, path: str, kind: Kind, value: Any, array: Array | None, known: bool = True) -> Leaf:
    """A leaf whose open sizes may be any, 0 and 1 included, where they are known."""
    assert array is not None
    origins = tuple(
        None if isinstance(d, int) else Origin(f"{path}.shape[{i}]", least=0 if known else 2, free=not known)
        for i, d in enumerate(spec.shape)
    )
    return Leaf(path, kind, value, ("tensor" if kind == "tensor" else "array", spec, device_of(array)), array, origins)


def _converted(value: Any, path: str, function: str) -> Array:
    if isinstance(value, Variable):
        copy: Array = value.buffer.copy()
        return copy
    try:
        array = np.asarray(value) if isinstance(value, bool | int | float | complex | list | tuple) else as_array(value, path)
    except (TypeError, ValueError, AttributeError) as error:
        raise ArgumentError(f"{function}: argument {path} is no array: {error}") from None
    supported_dtype(array, path)
    return array
