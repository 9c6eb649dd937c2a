"""``tf.train``: optimizers, savers, and what training loops need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracejit.compat.tensorflow.v1.construct import as_tensor, building, make
from tracejit.compat.tensorflow.v1.graph import Graph, GraphKeys, get_default_graph
from tracejit.compat.tensorflow.v1.operation import Tensor
from tracejit.compat.tensorflow.v1.optimizers import (
    AdagradOptimizer,
    AdamOptimizer,
    GradientDescentOptimizer,
    MomentumOptimizer,
    Optimizer,
    RMSPropOptimizer,
)
from tracejit.compat.tensorflow.v1.run import current_run
from tracejit.compat.tensorflow.v1.saver import CheckpointState, Saver, checkpoint_exists, get_checkpoint_state, latest_checkpoint
from tracejit.compat.tensorflow.v1.session import BaseSession
from tracejit.compat.tensorflow.v1.variables import Variable
from tracejit.frontend.tensor import Tracer
from tracejit.ir import Node
from tracejit.optim import schedule


def create_global_step(graph: Graph | None = None) -> Variable:
    """The Variable ``global_step`` of a graph, which optimizers count their steps in.

    Raises:
        ValueError: There is one already.
    """
    own = graph or get_default_graph()
    if own.get_collection(GraphKeys.GLOBAL_STEP):
        raise ValueError('"global_step" already exists.')
    with own.as_default(), own.name_scope(None):
        kept = [GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP]
        return Variable(np.int64(0), trainable=False, collections=kept, name="global_step")


def get_global_step(graph: Graph | None = None) -> Variable | None:
    """The Variable ``global_step`` of a graph; None where there is none."""
    found = (graph or get_default_graph()).get_collection(GraphKeys.GLOBAL_STEP)
    return found[0] if found else None


def get_or_create_global_step(graph: Graph | None = None) -> Variable:
    """The Variable ``global_step`` of a graph, made where there is none."""
    known = get_global_step(graph)
    return create_global_step(graph) if known is None else known


def global_step(sess: BaseSession, global_step_tensor: Any) -> int:
    """The value of a global step in a session."""
    return int(sess.run(global_step_tensor))


def _decayed(name: str | None, default: str, step: Any, rule: Callable[[Any], Any], dtype: Any = np.float32) -> Tensor:
    """A learning rate that depends on a step."""

    def compute(node: Node) -> Node:
        run = current_run()
        out: Node = rule(Tracer(run, node)).astype(dtype).node
        return out

    with building(name, default, step) as scope:
        return make(default, compute, [as_tensor(step)], scope)


def exponential_decay(
    learning_rate: float, global_step: Any, decay_steps: int, decay_rate: float, staircase: bool = False, name: str | None = None
) -> Tensor:
    """``learning_rate * decay_rate ** (global_step / decay_steps)``."""
    rule = schedule.exponential_decay(float(learning_rate), decay_steps, decay_rate, staircase)
    return _decayed(name, "ExponentialDecay", global_step, rule)


def inverse_time_decay(
    learning_rate: float, global_step: Any, decay_steps: int, decay_rate: float, staircase: bool = False, name: str | None = None
) -> Tensor:
    """``learning_rate / (1 + decay_rate * global_step / decay_steps)``."""
    rule = schedule.inverse_time(float(learning_rate), decay_steps, decay_rate, staircase)
    return _decayed(name, "InverseTimeDecay", global_step, rule)


def piecewise_constant(x: Any, boundaries: Sequence[int], values: Sequence[float], name: str | None = None) -> Tensor:
    """``values[0]`` up to and including ``boundaries[0]``, then ``values[1]``, and so on."""
    return _decayed(name, "PiecewiseConstant", x, schedule.piecewise(boundaries, values))


__all__ = [
    "AdagradOptimizer",
    "AdamOptimizer",
    "CheckpointState",
    "GradientDescentOptimizer",
    "MomentumOptimizer",
    "Optimizer",
    "RMSPropOptimizer",
    "Saver",
    "checkpoint_exists",
    "create_global_step",
    "exponential_decay",
    "get_checkpoint_state",
    "get_global_step",
    "get_or_create_global_step",
    "global_step",
    "inverse_time_decay",
    "latest_checkpoint",
    "piecewise_constant",
]
