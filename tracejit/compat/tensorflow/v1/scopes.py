"""Name scopes, and variable scopes, in which ``get_variable`` makes or finds Variables by name."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tracejit.compat.tensorflow.dtypes import DType, as_dtype, float32
from tracejit.compat.tensorflow.errors import fail
from tracejit.compat.tensorflow.v1.construct import graph_of
from tracejit.compat.tensorflow.v1.graph import GraphKeys, get_default_graph
from tracejit.compat.tensorflow.v1.initializers import initial_tensor
from tracejit.compat.tensorflow.v1.shape import TensorShape
from tracejit.compat.tensorflow.v1.variables import Variable
from tracejit.frontend.where import at_line

__all__ = [
    "AUTO_REUSE",
    "VariableScope",
    "get_variable",
    "get_variable_scope",
    "name_scope",
    "variable_scope",
]


class Reuse(enum.Enum):
    """Whether ``get_variable`` makes Variables or finds them; True finds, False makes."""

    AUTO_REUSE = 1


AUTO_REUSE = Reuse.AUTO_REUSE
"""Find a Variable where there is one, make it where there is none."""

Reusing = bool | Reuse | None


@contextmanager
def name_scope(name: str | None = None, default_name: str | None = None, values: Any = None) -> Iterator[str]:
    """Put new operations, and Variables of ``tf.Variable``, under a name; gives the scope, which ends in ``/``.

    ::

        with tf.name_scope("loss") as scope:
            error = y_pred - y  # loss/sub

    Args:
        name: None leaves all scopes, unless there is a default.
        default_name: In place of a name that is None.
        values: Tensors, whose graph it is.
    """
    with graph_of(list(values or ())).name_scope(default_name if name is None else name) as scope:
        yield scope


class VariableScope:
    """Where ``get_variable`` looks.

    Attributes:
        name: What the names of its Variables begin with, without the last ``/``.
        reuse: Whether Variables are found or made.
        original_name_scope: The name scope that was opened with it.
        initializer: Where its Variables start from if they do not say.
        dtype: Of its Variables if they do not say.
    """

    __slots__ = ("dtype", "initializer", "name", "original_name_scope", "reuse")

    def __init__(
        self, name: str, reuse: Reusing = False, initializer: Any = None, dtype: DType = float32, original_name_scope: str = ""
    ) -> None:
        self.name = name
        self.reuse = reuse
        self.initializer = initializer
        self.dtype = dtype
        self.original_name_scope = original_name_scope

    def reuse_variables(self) -> None:
        """Find Variables from now on, and make none."""
        self.reuse = True

    def set_initializer(self, initializer: Any) -> None:
        self.initializer = initializer

    def global_variables(self) -> list[Variable]:
        return get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES, f"{self.name}/" if self.name else None)

    def trainable_variables(self) -> list[Variable]:
        return get_default_graph().get_collection(GraphKeys.TRAINABLE_VARIABLES, f"{self.name}/" if self.name else None)

    def get_variable(self, name: str, shape: Any = None, dtype: Any = None, initializer: Any = None, **options: Any) -> Variable:
        """The Variable ``name`` of this scope; see :func:`get_variable`."""
        return _get(self, name, shape, dtype, initializer, **options)


def get_variable_scope() -> VariableScope:
    """The scope that is open."""
    graph = get_default_graph()
    if graph.scope_of_variables is None:
        graph.scope_of_variables = VariableScope("")
    scope: VariableScope = graph.scope_of_variables
    return scope


@contextmanager
def variable_scope(
    name_or_scope: Any = None,
    default_name: str | None = None,
    values: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    reuse: Reusing = None,
    dtype: Any = None,
    use_resource: Any = None,
    constraint: Any = None,
    auxiliary_name_scope: bool = True,
) -> Iterator[VariableScope]:
    """Let ``get_variable`` look under a name, and put new operations under it as ``name_scope`` does.

    Args:
        name_or_scope: A name below the open scope, or a scope that was opened before.
        default_name: In place of a name that is None; numbered where it is taken.
        values: Tensors, whose graph it is.
        initializer: Where Variables start from if they do not say.
        regularizer: Accepted, and of no effect, as are the arguments that follow without an explanation.
        caching_device: See there.
        partitioner: See there.
        custom_getter: See there.
        reuse: True to find Variables, ``AUTO_REUSE`` to find or make them, None as the outer scope has it.
        dtype: Of Variables that do not say.
        use_resource: See there.
        constraint: See there.
        auxiliary_name_scope: Whether operations go under the name, too.
    """
    if name_or_scope is None and default_name is None:
        raise TypeError("If default_name is None then name_or_scope is required")
    graph = graph_of(list(values or ()))
    with graph.as_default():
        outer = get_variable_scope()
        if isinstance(name_or_scope, VariableScope):
            whole, base, short = name_or_scope.name, name_or_scope, name_or_scope.name.rsplit("/", 1)[-1]
        else:
            short = name_or_scope if name_or_scope is not None else _free_name(outer.name, str(default_name))
            whole, base = f"{outer.name}/{short}" if outer.name else short, outer
        scope = VariableScope(
            whole,
            _joined(outer.reuse if reuse is None and not isinstance(name_or_scope, VariableScope) else base.reuse, reuse),
            initializer or base.initializer,
            base.dtype if dtype is None else as_dtype(dtype),
        )
        graph.scope_of_variables = scope
        try:
            if auxiliary_name_scope and short:
                with graph.name_scope(short) as names:
                    scope.original_name_scope = names
                    yield scope
            else:
                yield scope
        finally:
            graph.scope_of_variables = outer


def _joined(outer: Reusing, own: Reusing) -> Reusing:
    """What is found stays found in inner scopes."""
    return outer if own is None or (own is False and outer) else own


def _free_name(outer: str, name: str) -> str:
    """``name``, with a number where Variables of the scope have it already."""
    prefix = f"{outer}/" if outer else ""
    taken = get_default_graph().opened_scopes
    count, own = 0, name
    while f"{prefix}{own}" in taken:
        count += 1
        own = f"{name}_{count}"
    taken.add(f"{prefix}{own}")
    return own


def get_variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool = True,
    collections: Any = None,
    caching_device: Any = None,
    partitioner: Any = None,
    validate_shape: bool = True,
    use_resource: Any = None,
    custom_getter: Any = None,
    constraint: Any = None,
) -> Variable:
    """The Variable ``name`` of the open variable scope, made or found as the scope's ``reuse`` has it.

    Args:
        name: Below the scope; name scopes do not count.
        shape: Needed for a new one, unless the initializer is a value.
        dtype: float32 if neither this nor the scope says otherwise.
        initializer: A function of the shape, such as ``tf.zeros_initializer()``, or a value; Glorot's uniform one if not given.
        regularizer: A function of the Variable, whose value joins the collection of regularization losses.
        trainable: Whether optimizers change it.
        collections: Where it is listed.
        caching_device: Accepted, and of no effect, as are the arguments that follow.
        partitioner: See there.
        validate_shape: See there.
        use_resource: See there.
        custom_getter: See there.
        constraint: See there.

    Raises:
        ValueError: It exists and must not, or it must and does not, or it has another shape or dtype.
    """
    options = {"regularizer": regularizer, "trainable": trainable, "collections": collections}
    return _get(get_variable_scope(), name, shape, dtype, initializer, **options)


def _get(
    scope: VariableScope,
    name: str,
    shape: Any,
    dtype: Any,
    initializer: Any,
    regularizer: Any = None,
    trainable: bool = True,
    collections: Any = None,
    **ignored: Any,
) -> Variable:
    graph = get_default_graph()
    whole = f"{scope.name}/{name}" if scope.name else name
    known: Variable | None = graph.shared.get(whole)
    static = None if shape is None else TensorShape(shape)
    if known is not None:
        return _found(scope, whole, known, static, dtype)
    if scope.reuse is True:
        fail(
            ValueError,
            f"Variable {whole} does not exist, or was not created with tf.get_variable(). Did you mean to set "
            "reuse=tf.AUTO_REUSE in VarScope?",
        )
    if static is not None and not static.is_fully_defined():
        fail(ValueError, f"Shape of a new variable ({whole}) must be fully defined, but instead was {static}.")
    own = scope.dtype if dtype is None else as_dtype(dtype)
    chosen = initializer if initializer is not None else scope.initializer
    if static is None and (chosen is None or callable(chosen)):
        fail(ValueError, f"Shape of a new variable ({whole}) must be fully defined, but instead was <unknown>.")
    sizes = None if static is None else [int(n) for n in static]
    value_dtype = None if dtype is None and not callable(chosen) and chosen is not None else own
    with graph.name_scope(None):
        made = Variable(lambda: initial_tensor(chosen, sizes, own), trainable, collections, name=whole, dtype=value_dtype)
    if static is not None and made.shape != static:
        fail(
            ValueError,
            f"The initial value's shape {made.shape} is not compatible with the explicitly supplied `shape` argument {static}.",
        )
    graph.shared[whole] = made
    if regularizer is not None and (penalty := regularizer(made)) is not None:
        graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, penalty)
    return made


def _found(scope: VariableScope, whole: str, known: Variable, shape: TensorShape | None, dtype: Any) -> Variable:
    if not scope.reuse:
        fail(
            ValueError,
            f"Variable {whole} already exists, disallowed. Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in VarScope? "
            f"Originally defined at:{at_line(known.op.where)}",
        )
    if shape is not None and not shape.is_compatible_with(known.shape):
        fail(ValueError, f"Trying to share variable {whole}, but specified shape {shape} and found shape {known.shape}.")
    if dtype is not None and as_dtype(dtype) != known.dtype:
        fail(
            ValueError,
            f"Trying to share variable {whole}, but specified dtype {as_dtype(dtype).name} and found dtype {known.dtype.name}.",
        )
    return known
