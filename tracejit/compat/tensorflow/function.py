"""function: TensorFlow functions over the front end's compiled functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, update_wrapper
from typing import Any, NamedTuple

import numpy as np

from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.convert import node_of
from tracejit.compat.tensorflow.dtypes import DType, as_dtype, float32
from tracejit.compat.tensorflow.errors import translated
from tracejit.compat.tensorflow.nest import map_structure
from tracejit.compat.tensorflow.printing import Line, lines_of
from tracejit.compat.tensorflow.shape import TensorShape
from tracejit.compat.tensorflow.tensor import Tensor, run
from tracejit.compat.tensorflow.variable import Variable
from tracejit.errors import TracejitError
from tracejit.frontend.base import Tensor as Core
from tracejit.frontend.eager import EagerTrace, active
from tracejit.frontend.function import Function as CoreFunction
from tracejit.frontend.function import Method
from tracejit.frontend.function import function as core_function
from tracejit.frontend.programs import Programs, Traceable
from tracejit.frontend.trace import GraphTrace
from tracejit.frontend.variable import Variable as CoreVariable
from tracejit.ir import TensorSpec as CoreSpec

_OPTIONS = frozenset(
    {"autograph", "experimental_autograph_options", "experimental_attributes", "experimental_implements"}
    | {"experimental_relax_shapes", "experimental_follow_type_hints", "jit_compile", "reduce_retracing", "experimental_compile"}
)
"""What ``tf.function`` takes besides, and what has no meaning here: every function is compiled for all sizes."""


class Printed(NamedTuple):
    """A result of a function that prints, and what it prints."""

    result: Any
    lines: list[Line]


class TensorSpec:
    """Shape and dtype that a function asks of an argument; None in a shape is any size.

    Args:
        shape: Sizes.
        dtype: Of the tensor.
        name: Has no meaning here.
    """

    __slots__ = ("dtype", "name", "shape")

    def __init__(self, shape: Any, dtype: Any = float32, name: str | None = None) -> None:
        self.shape = TensorShape(shape)
        self.dtype: DType = as_dtype(dtype)
        self.name = name

    @property
    def core(self) -> CoreSpec:
        """The front end's spec."""
        return CoreSpec(self.shape.as_list(), self.dtype.numpy)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((self.shape, self.dtype))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"


class _Body:
    """What is traced in place of the user's function: it gives that TensorFlow's tensors, and takes them.

    Args:
        python_function: The user's; guards look through to it by this name.
    """

    def __init__(self, python_function: Callable[..., Any]) -> None:
        self.python_function = python_function
        self.__globals__ = getattr(python_function, "__globals__", {})
        update_wrapper(self, python_function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        builder = active()
        if builder is None or isinstance(builder, EagerTrace) or builder in lines_of:
            return self._run(args, kwargs)
        if isinstance(builder, GraphTrace):
            builder.travels = True
        lines = lines_of[builder] = []
        try:
            out = self._run(args, kwargs)
        finally:
            del lines_of[builder]
        return Printed(out, lines) if lines else out

    def _run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        out = self.python_function(*map_structure(_entering, args), **map_structure(_entering, kwargs))
        return map_structure(_leaving, out)


def _entering(x: Any) -> Any:
    """An argument as the user's function sees it: arrays as tensors."""
    if isinstance(x, CoreVariable):
        return Variable.around(x)
    if isinstance(x, Core):
        return Tensor(x)
    return run(node_of, x) if isinstance(x, np.ndarray | np.generic) else x


def _leaving(x: Any) -> Any:
    """A result: numbers, arrays and variables as tensors."""
    plain = isinstance(x, bool | int | float | complex | np.ndarray | np.generic | Variable | Core)
    return run(node_of, x) if plain or (isinstance(x, Tensor) and x.core.weak) else x


class Function(Traceable):
    """A Python function that is traced once for each kind of call, compiled, and from then on run as a program.

    Made by :func:`function`. Arrays and tensors of any sizes, and any Python numbers, share a program.
    """

    def __init__(self, body: Callable[..., Any], core: CoreFunction | Method) -> None:
        self._body = body
        self._core = core
        update_wrapper(self, body, updated=())

    @property
    def programs(self) -> Programs:
        return self._core.programs

    @property
    def instance(self) -> Any:
        return self._core.instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if active() is not None:  # another function, or a tape, sees every step
            return self._body(*args, **kwargs)
        try:
            out = self._core(*[x.core if isinstance(x, Held) else x for x in args], **kwargs)
        except TracejitError as error:
            raise translated(error) from None
        if type(out) is Printed:
            for line in out.lines:
                line.show()
            return out.result
        return out

    def __get__(self, instance: Any, owner: type | None = None) -> Function:
        if instance is None or not isinstance(self._core, CoreFunction):
            return self
        return Function(partial(self._body, instance), self._core.__get__(instance, owner))

    def experimental_get_tracing_count(self) -> int:
        """How often the function was traced."""
        return self.compilations

    def get_concrete_function(self, *args: Any, **kwargs: Any) -> Function:
        """The function itself, with the program for a kind of call made; TensorSpecs stand for tensors."""
        self.compile(*map_structure(_spec, args), **map_structure(_spec, kwargs))
        return self

    def __repr__(self) -> str:
        return f"<tf.function {self.programs.name}, {len(self.programs.entries)} programs>"


def _spec(x: Any) -> Any:
    return x.core if isinstance(x, TensorSpec | Held) else x


def function(
    func: Callable[..., Any] | None = None, input_signature: Sequence[Any] | None = None, **options: Any
) -> Function | Callable[[Callable[..., Any]], Function]:
    """Trace a function of tensors, compile what it does, and run that from then on.

    Args:
        func: The function, or a method.
        input_signature: A TensorSpec for each parameter: arguments are cast to these.
        options: Of TensorFlow's; they have no meaning here, as one program serves all sizes.

    Returns:
        A :class:`Function`; a decorator when ``func`` is not given.
    """
    if unknown := options.keys() - _OPTIONS:
        raise TypeError(f"function() got an unexpected keyword argument {min(unknown)!r}")
    signature = None if input_signature is None else map_structure(_spec, list(input_signature))

    def decorate(func: Callable[..., Any]) -> Function:
        body = _Body(func)
        return Function(body, core_function(input_signature=signature)(body))

    return decorate if func is None else decorate(func)
