"""TensorFlow 2 on tracejit: ``import tracejit.compat.tensorflow as tf``.

Names, dtypes, printing and errors are TensorFlow's; operations, tapes and compiled functions are tracejit's. What differs:

- a function takes Python numbers as numbers of the run: another one needs no new trace;
- random numbers have TensorFlow's distributions and not its bits;
- integer division by zero gives 0, as NumPy's; the derivative of ``x ** 0`` is 0 at 0, as that of ``reduce_std`` of equal values.
"""

# ruff: noqa: F403  # functions that TensorFlow names stand in the ``__all__`` of their modules, and nowhere else

import difflib
from typing import Final

from tracejit.compat.tensorflow import arrays, bitwise, creation, debugging, dtypes, errors, keras, linalg, math, nn, random
from tracejit.compat.tensorflow.arrays import *
from tracejit.compat.tensorflow.context import control_dependencies, device, executing_eagerly, group, no_op
from tracejit.compat.tensorflow.creation import *
from tracejit.compat.tensorflow.debugging import Assert, assert_equal, assert_greater, assert_less, assert_rank
from tracejit.compat.tensorflow.dtypes import *
from tracejit.compat.tensorflow.elementwise import (
    abs,
    acos,
    acosh,
    add,
    add_n,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    clip_by_value,
    cos,
    cosh,
    divide,
    equal,
    exp,
    floor,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    pow,
    round,
    sigmoid,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    subtract,
    tan,
    tanh,
    truediv,
    where,
)
from tracejit.compat.tensorflow.function import TensorSpec, function
from tracejit.compat.tensorflow.linalg import einsum, matmul, tensordot
from tracejit.compat.tensorflow.norms import clip_by_global_norm, clip_by_norm
from tracejit.compat.tensorflow.printing import tensorflow_print as print
from tracejit.compat.tensorflow.reductions import (
    argmax,
    argmin,
    argsort,
    cumsum,
    norm,
    reduce_all,
    reduce_any,
    reduce_logsumexp,
    reduce_max,
    reduce_mean,
    reduce_min,
    reduce_prod,
    reduce_sum,
    sort,
)
from tracejit.compat.tensorflow.shape import TensorShape
from tracejit.compat.tensorflow.slices import IndexedSlices
from tracejit.compat.tensorflow.tape import GradientTape, UnconnectedGradients
from tracejit.compat.tensorflow.tensor import Tensor
from tracejit.compat.tensorflow.variable import Variable
from tracejit.frontend.scope import name_scope

__all__ = [
    "Assert",
    "GradientTape",
    "IndexedSlices",
    "Tensor",
    "TensorShape",
    "TensorSpec",
    "UnconnectedGradients",
    "Variable",
    "abs",
    "acos",
    "acosh",
    "add",
    "add_n",
    "argmax",
    "argmin",
    "argsort",
    "asin",
    "asinh",
    "assert_equal",
    "assert_greater",
    "assert_less",
    "assert_rank",
    "atan",
    "atan2",
    "atanh",
    "bitwise",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "control_dependencies",
    "cos",
    "cosh",
    "cumsum",
    "debugging",
    "device",
    "divide",
    "dtypes",
    "einsum",
    "equal",
    "errors",
    "executing_eagerly",
    "exp",
    "floor",
    "function",
    "greater",
    "greater_equal",
    "group",
    "keras",
    "less",
    "less_equal",
    "linalg",
    "logical_and",
    "logical_not",
    "logical_or",
    "math",
    "matmul",
    "maximum",
    "minimum",
    "multiply",
    "name_scope",
    "negative",
    "newaxis",
    "nn",
    "no_op",
    "norm",
    "not_equal",
    "pow",
    "print",
    "random",
    "reduce_all",
    "reduce_any",
    "reduce_logsumexp",
    "reduce_max",
    "reduce_mean",
    "reduce_min",
    "reduce_prod",
    "reduce_sum",
    "round",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sort",
    "sqrt",
    "square",
    "subtract",
    "tan",
    "tanh",
    "tensordot",
    "truediv",
    "where",
]
__all__ += arrays.__all__
__all__ += creation.__all__
__all__ += dtypes.__all__

newaxis: Final = None

_MODULES: Final = (bitwise, debugging, dtypes, errors, keras, linalg, math, nn, random)


def __getattr__(name: str) -> object:
    if name == "bfloat16":
        return dtypes.as_dtype(name)
    near = [f"tf.{n}" for n in difflib.get_close_matches(name, __all__, n=2, cutoff=0.75)]
    inner = [f"tf.{m.__name__.rpartition('.')[2]}.{name}" for m in _MODULES if name in m.__all__]
    hint = f"; there is {' or '.join(inner or near)}" if inner or near else ""
    raise AttributeError(f"module 'tracejit.compat.tensorflow' has no attribute {name!r}{hint}")
