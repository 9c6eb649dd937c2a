"""Rows of the logistic function and its integral, the error functions, the gamma family, and sums in the log domain."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracejit.ir import Node
from tracejit.ops.comparison import equal, isinf, less, logical_and
from tracejit.ops.elementwise import Cotangents, masked_multiply, where
from tracejit.ops.row import Domain, elementwise, ufunc_resolver
from tracejit.ops.transcendental import exp, sin

REAL = Domain()
POSITIVE = Domain(0.3, 3)


@elementwise("sigmoid({x})", REAL, resolve=ufunc_resolver(np.arctan, "sigmoid"))
def sigmoid(x: Any) -> Any:
    """The logistic function ``1 / (1 + exp(-x))``. Derivative: ``out * (1 - out)``."""
    small = np.exp(-np.absolute(x))
    return np.where(np.less(x, 0), small, np.ones_like(small)) / (1 + small)


@sigmoid.defvjp
def _sigmoid_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, out * (1.0 - out)),)


@elementwise("softplus({x})", REAL, resolve=ufunc_resolver(np.arctan, "softplus"))
def softplus(x: Any) -> Any:
    """``log(1 + exp(x))`` without overflow. Derivative: the logistic function."""
    return np.logaddexp(x, np.zeros_like(x))


@softplus.defvjp
def _softplus_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, sigmoid(x)),)


@elementwise("erf({x})", REAL, resolve=ufunc_resolver(np.arctan, "erf"))
def erf(x: Any) -> Any:
    """The error function, ``2 / sqrt(pi) * integral(exp(-t*t), 0, x)``."""
    from scipy import special  # loaded on first use: importing tracejit does not load SciPy

    return special.erf(x)


@erf.defvjp
def _erf_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, (2 / math.sqrt(math.pi)) * exp(-(x * x))),)


@elementwise("erfc({x})", REAL, resolve=ufunc_resolver(np.arctan, "erfc"))
def erfc(x: Any) -> Any:
    """``1 - erf(x)``, exact for large ``x``."""
    from scipy import special

    return special.erfc(x)


@erfc.defvjp
def _erfc_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, (-2 / math.sqrt(math.pi)) * exp(-(x * x))),)


@elementwise("lgamma({x})", POSITIVE, resolve=ufunc_resolver(np.arctan, "lgamma"))
def lgamma(x: Any) -> Any:
    """``log(|gamma(x)|)``; inf at 0 and the negative integers. Derivative: ``digamma(x)``."""
    from scipy import special

    return special.gammaln(x)


@lgamma.defvjp
def _lgamma_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, digamma(x)),)


@elementwise("digamma({x})", POSITIVE, resolve=ufunc_resolver(np.arctan, "digamma"))
def digamma(x: Any) -> Any:
    """The derivative of ``log(gamma(x))``; NaN at the negative integers.

    Derivative: the series of the trigamma function, to about 1e-14; its own derivatives are those of the series.
    Source: Abramowitz and Stegun, 6.4.7 (reflection), 6.4.10 (sum), 6.4.12 (asymptotic series).
    """
    from scipy import special

    return special.digamma(x)


@digamma.defvjp
def _digamma_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, trigamma(x)),)


TRIGAMMA_STEPS = 10
TRIGAMMA_SERIES = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)  # the Bernoulli numbers B2, B4, ...


def trigamma(x: Node) -> Node:
    """The derivative of ``digamma``, in terms that have derivatives of every order."""
    reflect = less(x, 0.5)
    z = where(reflect, 1.0 - x, x)
    series = full = 0.0 * z
    for _ in range(TRIGAMMA_STEPS):
        full = full + 1.0 / (z * z)
        z = z + 1.0
    inverse = 1.0 / z
    square = inverse * inverse
    for coefficient in reversed(TRIGAMMA_SERIES):
        series = (series + coefficient) * square
    full = full + inverse * (1.0 + 0.5 * inverse + series)
    sine = sin(math.pi * x) / math.pi
    return where(reflect, 1.0 / (sine * sine) - full, full)


@elementwise("logaddexp({x}, {y})", REAL, REAL, ufunc=np.logaddexp)
def logaddexp(x: Any, y: Any) -> Any:
    """``log(exp(x) + exp(y))`` without overflow between. Derivative: the share of each; halves of equal infinities."""
    return np.logaddexp(x, y)


@logaddexp.defvjp
def _logaddexp_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    lead = _lead(x, y)
    return masked_multiply(ct, sigmoid(lead)), masked_multiply(ct, sigmoid(-lead))


@elementwise("logaddexp2({x}, {y})", REAL, REAL, ufunc=np.logaddexp2)
def logaddexp2(x: Any, y: Any) -> Any:
    """``log2(2**x + 2**y)`` without overflow between. Derivative: as of ``logaddexp``."""
    return np.logaddexp2(x, y)


@logaddexp2.defvjp
def _logaddexp2_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    lead = math.log(2) * _lead(x, y)
    return masked_multiply(ct, sigmoid(lead)), masked_multiply(ct, sigmoid(-lead))


def _lead(x: Node, y: Node) -> Node:
    """``x - y``, and 0 for equal infinities."""
    return where(logical_and(equal(x, y), isinf(x)), 0.0, x - y)
