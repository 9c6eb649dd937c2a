"""Optimizers and schedules of the learning rate: ``tj.optim``.

::

    optimizer = tj.optim.Adam(0.001)


    @tj.function
    def train_step(x, y):
        with tj.GradientTape() as tape:
            error = loss(x, y)
        optimizer.apply(tape.gradient(error, variables), variables)
        return error

The step is one program: the update of a Variable and of what the optimizer remembers of it is one loop. Each optimizer is also
a pair of functions of trees, ``init`` and ``update``, without state.
"""

from tracejit.optim.adam import Adam, AdamW
from tracejit.optim.adaptive import Adagrad, RMSProp
from tracejit.optim.descent import SGD
from tracejit.optim.optimizer import Optimizer
from tracejit.optim.schedule import constant, cosine, exponential_decay, inverse_time, piecewise

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSProp",
    "constant",
    "cosine",
    "exponential_decay",
    "inverse_time",
    "piecewise",
]
