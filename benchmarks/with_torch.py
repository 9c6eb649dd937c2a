"""The contests in PyTorch: losses under torch.compile where there is a C++ compiler, which it needs; eager elsewhere."""

import shutil

import torch
from problems import LINE_RATE, RATE
from torch.nn import functional

COMPILED = shutil.which("g++") is not None
NAME = "PyTorch, compiled" if COMPILED else "PyTorch, eager"


def compiled(function):
    return torch.compile(function) if COMPILED else function


def descent(loss, parameters, rate):
    """A contestant that takes one step of gradient descent per call."""
    parameters = [torch.tensor(p).requires_grad_() for p in parameters]
    loss = compiled(loss)

    def call():
        value = loss(*parameters)
        slopes = torch.autograd.grad(value, parameters)
        with torch.no_grad():
            for p, slope in zip(parameters, slopes, strict=True):
                p.sub_(slope, alpha=rate)
        return value.detach()

    return call


def two_layer(x, y, w1, w2):
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    return descent(lambda w1, w2: (((x @ w1).relu() @ w2 - y) ** 2).sum(), (w1, w2), RATE)


def line(x, y):
    x, y = torch.from_numpy(x), torch.from_numpy(y)
    return descent(lambda w, b: ((w * x + b - y) ** 2).mean(), (0.0, 0.0), LINE_RATE)


def gelu_residual(x, r):
    f = compiled(lambda x, r: functional.gelu(x) + r)
    x, r = torch.from_numpy(x), torch.from_numpy(r)
    return lambda: f(x, r)


def cross_entropy(z, labels):
    z, labels = torch.from_numpy(z).requires_grad_(), torch.from_numpy(labels)
    loss = compiled(lambda z: functional.cross_entropy(z, labels))

    def call():
        value = loss(z)
        return value.detach(), torch.autograd.grad(value, z)[0]

    return call
