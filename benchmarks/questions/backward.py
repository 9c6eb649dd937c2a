"""Does a program written for PyTorch run as fast without it? A training step with ``backward()``, eager and compiled."""

from benchmarks.question import Beside, Case
from benchmarks.questions.session_run import RATE, SIZES
from benchmarks.questions.session_run import data as two_layers
from benchmarks.questions.session_run import with_numpy as by_hand

BAR = Beside(1, ("torch",), "torch eager")
CASES = {
    way: Case(f"PyTorch program: two-layer step with backward(), {way}", (way, *SIZES), (way, 8, 10, 5, 3), (BAR,), calls=5)
    for way in ("eager", "compiled")
}


def data(way, *sizes):
    return way, *two_layers(*sizes)


def program(torch, x_value, y_value, w1_value, w2_value):
    """Gradients that a reverse pass leaves in the weights are subtracted in place."""
    x, y = (torch.tensor(v.astype("float32")) for v in (x_value, y_value))
    w1, w2 = (torch.tensor(v.astype("float32"), requires_grad=True) for v in (w1_value, w2_value))

    def step():
        y_pred = x.mm(w1).clamp(min=0).mm(w2)
        loss = (y_pred - y).pow(2).sum()
        loss.backward()
        w1.data -= RATE * w1.grad.data
        w2.data -= RATE * w2.grad.data
        w1.grad.data.zero_()
        w2.grad.data.zero_()
        return loss.data

    return step


def with_tracejit(way, *arrays):
    from tracejit.compat import torch

    step = program(torch, *arrays)
    return torch.compile(step) if way == "compiled" else step


def with_torch(way, *arrays):
    import torch

    return program(torch, *arrays)


def with_numpy(way, *arrays):
    return by_hand(*arrays)
