"""TensorFlow 1 on tracejit: ``import tracejit.compat.tensorflow.v1 as tf``.

A graph is built, which computes nothing; then a session runs parts of it. What a session is asked for, with what it is fed, is one
compiled program, for every batch size. What differs:

- reads of a Variable show what it held before the run, whatever assignments are fetched beside them, always; an operation under
  ``control_dependencies`` sees the assignments that it waits for;
- a feed may replace any tensor, Variables included;
- random numbers have TensorFlow's distributions and not its bits;
- ``tf.enable_eager_execution()`` puts the functions of ``tracejit.compat.tensorflow`` in place of those of the graph.
"""

# ruff: noqa: F403  # functions that TensorFlow names stand in the ``__all__`` of their modules, and nowhere else

from typing import Any, Final

from tracejit.compat.tensorflow import dtypes, errors
from tracejit.compat.tensorflow.dtypes import *
from tracejit.compat.tensorflow.v1 import (
    arrays,
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
from tracejit.compat.tensorflow.v1.collections import add_to_collection, device, get_collection, get_seed, name_scope_of
from tracejit.compat.tensorflow.v1.construct import as_tensor
from tracejit.compat.tensorflow.v1.dtypes import string
from tracejit.compat.tensorflow.v1.gradients import gradients
from tracejit.compat.tensorflow.v1.graph import Graph, GraphKeys, Operation, Tensor, get_default_graph, reset_default_graph
from tracejit.compat.tensorflow.v1.initializers import *
from tracejit.compat.tensorflow.v1.linear import matmul, matrix_inverse
from tracejit.compat.tensorflow.v1.math import *
from tracejit.compat.tensorflow.v1.random import random_normal, random_uniform, set_random_seed, truncated_normal
from tracejit.compat.tensorflow.v1.reductions import *
from tracejit.compat.tensorflow.v1.scopes import *
from tracejit.compat.tensorflow.v1.session import InteractiveSession, Session
from tracejit.compat.tensorflow.v1.shape import Dimension, TensorShape
from tracejit.compat.tensorflow.v1.stacks import get_default_session
from tracejit.compat.tensorflow.v1.state import *
from tracejit.compat.tensorflow.v1.variables import *
