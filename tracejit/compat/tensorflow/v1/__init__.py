"""TensorFlow 1 on tracejit: ``import tracejit.compat.tensorflow.v1 as tf``.

A graph is built, which computes nothing; then a session runs parts of it. What a session is asked for, with what it is fed,
is one compiled program, for every batch size. What differs:

- reads of a Variable show what it held before the run, whatever assignments are fetched beside them, always; an operation under
  ``control_dependencies`` sees the assignments that it waits for;
- a feed may replace any tensor, Variables included;
- random numbers have TensorFlow's distributions and not its bits;
- ``tf.enable_eager_execution()`` puts the functions of ``tracejit.compat.tensorflow`` in place of those of the graph.
"""

# ruff: noqa: F403  # functions that TensorFlow names stand in the ``__all__`` of their modules, and nowhere else

from typing import Any, Final

from tracejit.compat import tensorflow as two
from tracejit.compat.tensorflow import dtypes, errors
from tracejit.compat.tensorflow.dtypes import *
from tracejit.compat.tensorflow.v1 import (
    arrays,
    creation,
    elementwise,
    initializers,
    linalg,
    math,
    nn,
    reductions,
    scopes,
    state,
    summary,
    train,
    variables,
)
from tracejit.compat.tensorflow.v1.arrays import *
from tracejit.compat.tensorflow.v1.construct import as_tensor
from tracejit.compat.tensorflow.v1.creation import *
from tracejit.compat.tensorflow.v1.eager import eager_names
from tracejit.compat.tensorflow.v1.elementwise import *
from tracejit.compat.tensorflow.v1.gradients import gradients
from tracejit.compat.tensorflow.v1.graph import (
    Graph,
    GraphKeys,
    add_to_collection,
    device,
    get_collection,
    get_default_graph,
    reset_default_graph,
)
from tracejit.compat.tensorflow.v1.initializers import *
from tracejit.compat.tensorflow.v1.linear import (
    clip_by_global_norm,
    clip_by_norm,
    einsum,
    global_norm,
    matmul,
    matrix_inverse,
    tensordot,
    trace,
)
from tracejit.compat.tensorflow.v1.operation import Operation, Tensor
from tracejit.compat.tensorflow.v1.placement import ConfigProto
from tracejit.compat.tensorflow.v1.random import random_normal, random_uniform, set_random_seed, truncated_normal
from tracejit.compat.tensorflow.v1.reductions import *
from tracejit.compat.tensorflow.v1.scopes import *
from tracejit.compat.tensorflow.v1.session import InteractiveSession, Session
from tracejit.compat.tensorflow.v1.shape import Dimension, TensorShape
from tracejit.compat.tensorflow.v1.stacks import get_default_session
from tracejit.compat.tensorflow.v1.state import *
from tracejit.compat.tensorflow.v1.strings import string
from tracejit.compat.tensorflow.v1.variables import *

__all__ = [
    "ConfigProto",
    "Dimension",
    "Graph",
    "GraphKeys",
    "InteractiveSession",
    "Operation",
    "Session",
    "Tensor",
    "TensorShape",
    "add_to_collection",
    "clip_by_global_norm",
    "clip_by_norm",
    "convert_to_tensor",
    "device",
    "disable_eager_execution",
    "einsum",
    "enable_eager_execution",
    "errors",
    "executing_eagerly",
    "get_collection",
    "get_default_graph",
    "get_default_session",
    "global_norm",
    "gradients",
    "linalg",
    "math",
    "matmul",
    "matrix_inverse",
    "newaxis",
    "nn",
    "random_normal",
    "random_uniform",
    "reset_default_graph",
    "set_random_seed",
    "string",
    "summary",
    "tensordot",
    "trace",
    "train",
    "truncated_normal",
]
__all__ += dtypes.__all__
for _module in (arrays, creation, elementwise, initializers, reductions, scopes, state, variables):
    __all__ += _module.__all__

newaxis: Final = None
convert_to_tensor = as_tensor


def executing_eagerly() -> Any:
    """Whether operations run at once; not before :func:`enable_eager_execution`."""
    return False


def enable_eager_execution(config: Any = None, device_policy: Any = None, execution_mode: Any = None) -> None:
    """Let operations run at once, from now on, in the whole process: the names of this module become TensorFlow 2's.

    Raises:
        ValueError: The default graph has operations already.
    """
    if get_default_graph().operations and _GRAPH_NAMES["executing_eagerly"] is executing_eagerly:
        raise ValueError("tf.enable_eager_execution must be called at program startup.")
    seed = get_default_graph().seed
    if seed is not None:
        two.random.set_seed(seed)
    globals().update(eager_names())


def disable_eager_execution() -> None:
    """Build graphs again: the names of this module become what they were."""
    for name in eager_names():
        globals().pop(name, None)
    globals().update(_GRAPH_NAMES)


_GRAPH_NAMES: Final = {name: globals()[name] for name in __all__}


def __getattr__(name: str) -> object:
    if name == "bfloat16":
        return dtypes.as_dtype(name)
    if name in eager_names():
        raise AttributeError(f"tf.{name} belongs to eager execution\n  cure: tf.enable_eager_execution(), first of all")
    raise AttributeError(f"module 'tracejit.compat.tensorflow.v1' has no attribute {name!r}")
