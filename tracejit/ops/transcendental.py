"""Rows of roots, powers, exponentials, logarithms and the functions of trigonometry."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracejit.ir import Node
from tracejit.ops.comparison import equal, less_equal
from tracejit.ops.elementwise import Cotangents, masked_multiply, where
from tracejit.ops.row import Domain, elementwise

REAL = Domain()
REAL_OR_COMPLEX = Domain(kinds="biufc")
POSITIVE = Domain(0.3, 3)
POSITIVE_OR_COMPLEX = Domain(0.3, 3, "biufc")
UNIT = Domain(-0.9, 0.9)


@elementwise("sqrt({x})", POSITIVE_OR_COMPLEX, ufunc=np.sqrt)
def sqrt(x: Any) -> Any:
    """The square root; NaN below 0. Derivative: ``1 / (2 * out)``, inf at 0."""
    return np.sqrt(x)


@sqrt.defvjp
def _sqrt_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, 0.5 / out),)


@elementwise("cbrt({x})", POSITIVE, ufunc=np.cbrt)
def cbrt(x: Any) -> Any:
    """The cube root, of negative numbers too. Derivative: ``1 / (3 * out**2)``, inf at 0."""
    return np.cbrt(x)


@cbrt.defvjp
def _cbrt_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, (1 / 3) / (out * out)),)


@elementwise("power({x}, {y})", POSITIVE, POSITIVE, ufunc=np.power)
def power(x: Any, y: Any) -> Any:
    """``x**y``; NaN for a negative base with a fractional exponent.

    Derivative: ``y * x**(y - 1)`` in ``x``, 0 where ``y`` is 0; ``x**y * log(x)`` in ``y``, 0 where ``x`` is not positive.
    """
    return np.power(x, y)


@power.defvjp
def _power_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    by_x = where(equal(y, 0.0), 0.0, y * power(x, y - 1.0))
    by_y = where(less_equal(x, 0.0), 0.0, out * log(x))
    return masked_multiply(ct, by_x), masked_multiply(ct, by_y)


@elementwise("hypot({x}, {y})", REAL, REAL, ufunc=np.hypot)
def hypot(x: Any, y: Any) -> Any:
    """``sqrt(x*x + y*y)`` without overflow between. Derivative: ``x / out`` and ``y / out``; 0 at the origin."""
    return np.hypot(x, y)


@hypot.defvjp
def _hypot_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    length = where(equal(out, 0.0), 1.0, out)
    return masked_multiply(ct, x / length), masked_multiply(ct, y / length)


@elementwise("exp({x})", REAL_OR_COMPLEX, ufunc=np.exp)
def exp(x: Any) -> Any:
    """``e**x``."""
    return np.exp(x)


@exp.defvjp
def _exp_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, out),)


@elementwise("exp2({x})", REAL, ufunc=np.exp2)
def exp2(x: Any) -> Any:
    """``2**x``."""
    return np.exp2(x)


@exp2.defvjp
def _exp2_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, math.log(2) * out),)


@elementwise("expm1({x})", REAL, ufunc=np.expm1)
def expm1(x: Any) -> Any:
    """``e**x - 1``, exact near 0."""
    return np.expm1(x)


@expm1.defvjp
def _expm1_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, exp(x)),)


@elementwise("log({x})", POSITIVE_OR_COMPLEX, ufunc=np.log)
def log(x: Any) -> Any:
    """The natural logarithm; -inf at 0, NaN below. Derivative: ``1 / x``."""
    return np.log(x)


@log.defvjp
def _log_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, 1.0 / x),)


@elementwise("log2({x})", POSITIVE, ufunc=np.log2)
def log2(x: Any) -> Any:
    """The logarithm to base 2. Derivative: ``1 / (x * log(2))``."""
    return np.log2(x)


@log2.defvjp
def _log2_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, (1 / math.log(2)) / x),)


@elementwise("log10({x})", POSITIVE, ufunc=np.log10)
def log10(x: Any) -> Any:
    """The logarithm to base 10. Derivative: ``1 / (x * log(10))``."""
    return np.log10(x)


@log10.defvjp
def _log10_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, (1 / math.log(10)) / x),)


@elementwise("log1p({x})", Domain(-0.7, 3), ufunc=np.log1p)
def log1p(x: Any) -> Any:
    """``log(1 + x)``, exact near 0. Derivative: ``1 / (1 + x)``."""
    return np.log1p(x)


@log1p.defvjp
def _log1p_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, 1.0 / (1.0 + x)),)


@elementwise("sin({x})", REAL, ufunc=np.sin)
def sin(x: Any) -> Any:
    """The sine."""
    return np.sin(x)


@sin.defvjp
def _sin_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, cos(x)),)


@elementwise("cos({x})", REAL, ufunc=np.cos)
def cos(x: Any) -> Any:
    """The cosine."""
    return np.cos(x)


@cos.defvjp
def _cos_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, -sin(x)),)


@elementwise("tan({x})", Domain(-1.2, 1.2), ufunc=np.tan)
def tan(x: Any) -> Any:
    """The tangent."""
    return np.tan(x)


@tan.defvjp
def _tan_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, 1.0 + out * out),)


@elementwise("arcsin({x})", UNIT, ufunc=np.arcsin)
def arcsin(x: Any) -> Any:
    """The inverse sine, in [-pi/2, pi/2]; NaN outside [-1, 1]. Derivative: ``1 / sqrt(1 - x*x)``, inf at -1 and 1."""
    return np.arcsin(x)


@arcsin.defvjp
def _arcsin_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, 1.0 / sqrt((1.0 - x) * (1.0 + x))),)


@elementwise("arccos({x})", UNIT, ufunc=np.arccos)
def arccos(x: Any) -> Any:
    """The inverse cosine, in [0, pi]; NaN outside [-1, 1]. Derivative: ``-1 / sqrt(1 - x*x)``, -inf at -1 and 1."""
    return np.arccos(x)


@arccos.defvjp
def _arccos_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, -1.0 / sqrt((1.0 - x) * (1.0 + x))),)


@elementwise("arctan({x})", REAL, ufunc=np.arctan)
def arctan(x: Any) -> Any:
    """The inverse tangent, in [-pi/2, pi/2]."""
    return np.arctan(x)


@arctan.defvjp
def _arctan_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, 1.0 / (1.0 + x * x)),)


@elementwise("arctan2({x}, {y})", REAL, REAL, ufunc=np.arctan2)
def arctan2(x: Any, y: Any) -> Any:
    """The angle of the point ``(y, x)``: ``arctan(x / y)`` in the right quadrant. Derivative: 0 at the origin."""
    return np.arctan2(x, y)


@arctan2.defvjp
def _arctan2_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    length = hypot(x, y)
    length = where(equal(length, 0.0), 1.0, length)
    return masked_multiply(ct, y / length / length), masked_multiply(ct, -x / length / length)


@elementwise("sinh({x})", REAL, ufunc=np.sinh)
def sinh(x: Any) -> Any:
    """The hyperbolic sine."""
    return np.sinh(x)


@sinh.defvjp
def _sinh_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, cosh(x)),)


@elementwise("cosh({x})", REAL, ufunc=np.cosh)
def cosh(x: Any) -> Any:
    """The hyperbolic cosine."""
    return np.cosh(x)


@cosh.defvjp
def _cosh_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, sinh(x)),)


@elementwise("tanh({x})", REAL, ufunc=np.tanh)
def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return np.tanh(x)


@tanh.defvjp
def _tanh_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, (1.0 - out) * (1.0 + out)),)


@elementwise("arcsinh({x})", REAL, ufunc=np.arcsinh)
def arcsinh(x: Any) -> Any:
    """The inverse hyperbolic sine, ``log(x + sqrt(x*x + 1))``."""
    return np.arcsinh(x)


@arcsinh.defvjp
def _arcsinh_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, 1.0 / hypot(x, 1.0)),)


@elementwise("arccosh({x})", Domain(1.3, 4), ufunc=np.arccosh)
def arccosh(x: Any) -> Any:
    """The inverse hyperbolic cosine, ``log(x + sqrt(x*x - 1))``; NaN below 1. Derivative: inf at 1."""
    return np.arccosh(x)


@arccosh.defvjp
def _arccosh_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, 1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0))),)


@elementwise("arctanh({x})", UNIT, ufunc=np.arctanh)
def arctanh(x: Any) -> Any:
    """The inverse hyperbolic tangent, ``log((1 + x) / (1 - x)) / 2``; NaN outside [-1, 1]. Derivative: inf at -1 and 1."""
    return np.arctanh(x)


@arctanh.defvjp
def _arctanh_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (masked_multiply(ct, 1.0 / ((1.0 - x) * (1.0 + x))),)
