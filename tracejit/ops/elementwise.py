"""Rows of arithmetic, selection and rounding.

Derivatives multiply by what may be infinite or NaN through ``masked_multiply``: where no cotangent comes in, none goes out, so
that the branch which a ``where`` did not take never harms the one it took.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.errors import DTypeError, GradientError
from tracejit.ir import Node
from tracejit.ir.dtype import family, is_half
from tracejit.ir.spec import CODES
from tracejit.ops.comparison import equal, signbit
from tracejit.ops.row import Domain, elementwise, number, same_dtype, ufunc_resolver

Cotangents = tuple[Node | None, ...]

NUMBER = Domain()
COMPLEX = Domain(kinds="biufc")
NONZERO = Domain(0.3, 3, "biufc")
POSITIVE = Domain(0.3, 3)
INTEGER = Domain(-20, 20, "iu")

_promote = ufunc_resolver(np.maximum, "where")


def _cast_dtypes(x: Any, *, dtype: np.dtype) -> tuple[np.dtype, ...]:
    return (x, dtype)


CASTS = [{"dtype": CODES[code]} for code in ("b1", "i16", "u8", "i64", "f32", "f64", "c128")]


@elementwise("{dtype}({x})", COMPLEX, resolve=_cast_dtypes, attrs=CASTS)
def cast(x: Any, *, dtype: np.dtype) -> Any:
    """``x`` in another dtype, as ``ndarray.astype``; of complex numbers the real part.

    Derivative: the cotangent cast back, between floats; none from or to integers.
    """
    array = np.asarray(x)
    return (array.real if array.dtype.kind == "c" and dtype.kind not in "cb" else array).astype(dtype)


@cast.defvjp
def _cast_vjp(ct: Node, out: Node, x: Node, *, dtype: np.dtype) -> Cotangents:
    return (cast(ct, dtype=x.dtype) if family(x.dtype) == family(dtype) == "f" else None,)


def _where_dtypes(c: Any, x: Any, y: Any) -> tuple[np.dtype, ...]:
    return (np.dtype(bool), *_promote(x, y))


@elementwise("select({c}, {x}, {y})", Domain(kinds="b"), COMPLEX, COMPLEX, resolve=_where_dtypes)
def where(c: Any, x: Any, y: Any) -> Any:
    """``x`` where ``c`` is true, ``y`` elsewhere.

    Derivative: the cotangent where the branch was taken, an exact 0 elsewhere, whatever the other branch holds.
    """
    return np.where(c, x, y)


@where.defvjp
def _where_vjp(ct: Node, out: Node, c: Node, x: Node, y: Node) -> Cotangents:
    return None, where(c, ct, 0.0), where(c, 0.0, ct)


@elementwise("{x}", COMPLEX, resolve=same_dtype)
def stop_gradient(x: Any) -> Any:
    """``x``. Derivative: none."""
    return np.asarray(x)


@stop_gradient.defvjp
def _stop_gradient_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (None,)


def _factor_dtypes(x: Any, y: Any) -> tuple[np.dtype, ...]:
    if family(x) not in "fc":
        raise DTypeError(f"masked_multiply: no meaning for {x}, {y}; it serves derivatives, which are floats")
    return (x, x, x)


@elementwise("select(b1({x}), {x} * {y}, {x})", COMPLEX, NONZERO, resolve=_factor_dtypes)
def masked_multiply(x: Any, y: Any) -> Any:
    """``x * y``, and 0 where ``x`` is 0 even if ``y`` is infinite or NaN.

    Derivative: of the plain product, masked likewise: where ``x`` is 0, nothing goes to ``y``, whatever comes in.
    """
    return np.where(np.equal(x, 0), x, np.multiply(x, y))


@masked_multiply.defvjp
def _masked_multiply_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    return masked_multiply(ct, y), masked_multiply(x, ct)


@elementwise("{x} + {y}", COMPLEX, COMPLEX, ufunc=np.add)
def add(x: Any, y: Any) -> Any:
    """``x + y``; of bools, their disjunction."""
    return np.add(x, y)


@add.defvjp
def _add_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    return ct, ct


@elementwise("{x} - {y}", COMPLEX, COMPLEX, ufunc=np.subtract)
def subtract(x: Any, y: Any) -> Any:
    """``x - y``."""
    return np.subtract(x, y)


@subtract.defvjp
def _subtract_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    return ct, -ct


@elementwise("{x} * {y}", COMPLEX, COMPLEX, ufunc=np.multiply)
def multiply(x: Any, y: Any) -> Any:
    """``x * y``; of bools, their conjunction."""
    return np.multiply(x, y)


@multiply.defvjp
def _multiply_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    return _times(ct, y), _times(ct, x)


@elementwise("{x} / {y}", COMPLEX, NONZERO, ufunc=np.divide, of_complex="quotient({x}, {y})")
def divide(x: Any, y: Any) -> Any:
    """``x / y``, a float for integers; by zero inf or NaN."""
    return np.divide(x, y)


@divide.defvjp
def _divide_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    if number(y):
        return ct / y, None  # of a plain number nobody asks the derivative
    return masked_multiply(ct, 1.0 / y), masked_multiply(ct, -out / y)


def _times(ct: Node, factor: Node) -> Node:
    """``ct * factor``, masked unless the factor is a finite number that stands in the graph."""
    value = number(factor)
    return masked_multiply(ct, factor) if value is None or not np.isfinite(value) else ct * factor


@elementwise("floor_divide({x}, {y})", NUMBER, POSITIVE, ufunc=np.floor_divide)
def floor_divide(x: Any, y: Any) -> Any:
    """The largest integer at most ``x / y``; 0 for integers by zero. Derivative: 0 everywhere."""
    return np.floor_divide(x, y)


@floor_divide.defvjp
def _floor_divide_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    return None, None


@elementwise("remainder({x}, {y})", NUMBER, POSITIVE, ufunc=np.remainder)
def remainder(x: Any, y: Any) -> Any:
    """``x - floor(x / y) * y``, with the sign of ``y``. Derivative: with the quotient held."""
    return np.remainder(x, y)


@remainder.defvjp
def _remainder_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    return ct, masked_multiply(ct, -floor_divide(x, y))


@elementwise("fmod({x}, {y})", NUMBER, POSITIVE, ufunc=np.fmod)
def fmod(x: Any, y: Any) -> Any:
    """``x - trunc(x / y) * y``, with the sign of ``x``. Derivative: with the quotient held."""
    return np.fmod(x, y)


@fmod.defvjp
def _fmod_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    return ct, masked_multiply(ct, -trunc(x / y))


@elementwise("-{x}", COMPLEX, ufunc=np.negative)
def negative(x: Any) -> Any:
    """``-x``."""
    return np.negative(x)


@negative.defvjp
def _negative_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (-ct,)


@elementwise("absolute({x})", COMPLEX, ufunc=np.absolute)
def absolute(x: Any) -> Any:
    """``|x|``. Derivative: ``sign(x)``, so 0 at 0."""
    return np.absolute(x)


@absolute.defvjp
def _absolute_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    if x.dtype.kind == "c":
        raise GradientError(f"absolute: has no derivative for {x.spec}; only real operands have one")
    return (masked_multiply(ct, sign(x)),)


@elementwise("sign({x})", NUMBER, ufunc=np.sign)
def sign(x: Any) -> Any:
    """-1, 0 or 1; NaN for NaN. Derivative: 0 everywhere."""
    return np.sign(x)


@elementwise("floor({x})", NUMBER, ufunc=np.floor)
def floor(x: Any) -> Any:
    """The largest integer at most ``x``. Derivative: 0 everywhere."""
    return np.floor(x)


@elementwise("ceil({x})", NUMBER, ufunc=np.ceil)
def ceil(x: Any) -> Any:
    """The smallest integer at least ``x``. Derivative: 0 everywhere."""
    return np.ceil(x)


@elementwise("rint({x})", NUMBER, ufunc=np.rint)
def rint(x: Any) -> Any:
    """The nearest integer, the even one at a tie. Derivative: 0 everywhere."""
    return np.rint(x)


@elementwise("trunc({x})", NUMBER, ufunc=np.trunc)
def trunc(x: Any) -> Any:
    """The nearest integer towards 0. Derivative: 0 everywhere."""
    return np.trunc(x)


@sign.defvjp
@floor.defvjp
@ceil.defvjp
@rint.defvjp
@trunc.defvjp
def _step_vjp(ct: Node, out: Node, x: Node) -> Cotangents:
    return (None,)


@elementwise("maximum({x}, {y})", NUMBER, NUMBER, ufunc=np.maximum)
def maximum(x: Any, y: Any) -> Any:
    """The larger; NaN if either is. Derivative: to the larger, halves at a tie."""
    return np.maximum(x, y)


@elementwise("minimum({x}, {y})", NUMBER, NUMBER, ufunc=np.minimum)
def minimum(x: Any, y: Any) -> Any:
    """The smaller; NaN if either is. Derivative: to the smaller, halves at a tie."""
    return np.minimum(x, y)


@elementwise("fmax({x}, {y})", NUMBER, NUMBER, ufunc=np.fmax)
def fmax(x: Any, y: Any) -> Any:
    """The larger; the other one where one is NaN. Derivative: to the one taken, halves at a tie."""
    return np.fmax(x, y)


@elementwise("fmin({x}, {y})", NUMBER, NUMBER, ufunc=np.fmin)
def fmin(x: Any, y: Any) -> Any:
    """The smaller; the other one where one is NaN. Derivative: to the one taken, halves at a tie."""
    return np.fmin(x, y)


@maximum.defvjp
@minimum.defvjp
@fmax.defvjp
@fmin.defvjp
def _extremum_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    tie, half = equal(x, y), 0.5 * ct
    return where(tie, half, where(equal(x, out), ct, 0.0)), where(tie, half, where(equal(y, out), ct, 0.0))


@elementwise("copysign({x}, {y})", NUMBER, NUMBER, ufunc=np.copysign)
def copysign(x: Any, y: Any) -> Any:
    """``|x|`` with the sign of ``y``. Derivative: in ``x``, 1 or -1 by the signs; 0 in ``y``."""
    return np.copysign(x, y)


@copysign.defvjp
def _copysign_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    return where(equal(signbit(x), signbit(y)), ct, -ct), None


_neighbours = ufunc_resolver(np.nextafter)


def _neighbour_dtypes(x: Any, y: Any) -> tuple[np.dtype, ...]:
    dtypes = _neighbours(x, y)
    if is_half(dtypes[0]):
        raise DTypeError(f"nextafter: no meaning for {dtypes[0]}, in which nothing is computed; cast the operands to float32")
    return dtypes


@elementwise("nextafter({x}, {y})", NUMBER, NUMBER, resolve=_neighbour_dtypes)
def nextafter(x: Any, y: Any) -> Any:
    """The float beside ``x`` in the direction of ``y``. Derivative: 1 in ``x``, 0 in ``y``."""
    return np.nextafter(x, y)


@nextafter.defvjp
def _nextafter_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    return ct, None


@elementwise("heaviside({x}, {y})", NUMBER, NUMBER, ufunc=np.heaviside)
def heaviside(x: Any, y: Any) -> Any:
    """0 for negative ``x``, 1 for positive, ``y`` at 0. Derivative: 0 in ``x``; in ``y`` 1 where ``x`` is 0."""
    return np.heaviside(x, y)


@heaviside.defvjp
def _heaviside_vjp(ct: Node, out: Node, x: Node, y: Node) -> Cotangents:
    return None, where(equal(x, 0.0), ct, 0.0)


@elementwise("gcd({x}, {y})", INTEGER, INTEGER, ufunc=np.gcd)
def gcd(x: Any, y: Any) -> Any:
    """The greatest common divisor, never negative; ``gcd(0, 0)`` is 0."""
    return np.gcd(x, y)


@elementwise("lcm({x}, {y})", INTEGER, INTEGER, ufunc=np.lcm)
def lcm(x: Any, y: Any) -> Any:
    """The least common multiple, never negative; 0 where either is 0."""
    return np.lcm(x, y)


@elementwise("conjugate({x})", COMPLEX.with_kinds("c"), ufunc=np.conjugate)
def conjugate(x: Any) -> Any:
    """The complex conjugate."""
    return np.conjugate(x)


def _part_dtypes(x: Any) -> tuple[np.dtype, ...]:
    return (x, np.zeros(0, x).real.dtype)


@elementwise("real({x})", COMPLEX.with_kinds("c"), resolve=_part_dtypes)
def real(x: Any) -> Any:
    """The real part."""
    return np.real(x)


@elementwise("imag({x})", COMPLEX.with_kinds("c"), resolve=_part_dtypes)
def imag(x: Any) -> Any:
    """The imaginary part."""
    return np.imag(x)
