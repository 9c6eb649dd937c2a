"""Arithmetic: the operators of tensors, and their methods of each element."""

from __future__ import annotations

from typing import Any

from tracejit.compat.torch.apply import apply
from tracejit.compat.torch.errors import TypeMismatchError
from tracejit.compat.torch.kernels import elementwise as K
from tracejit.compat.torch.promote import binary, compared, dtype_of, floating, is_number, operand, operator, promoted, to, unary
from tracejit.compat.torch.types import scalar_name
from tracejit.compat.torch.value import Value
from tracejit.ir.dtype import family


def _scaled(kernel: Any) -> Any:
    """``x + alpha * y``."""

    def method(self: Any, other: Any, *, alpha: Any = 1) -> Any:
        return binary(kernel, self, other if type(alpha) is int and alpha == 1 else other * alpha)

    return method


def _logical(kernel: Any) -> Any:
    return lambda self, other: apply(kernel, self != 0, operand(other, self, "logical") != 0)


class Arithmetic(Value):
    """What tensors do element by element."""

    __add__, __radd__ = operator(K.add)
    __sub__, __rsub__ = operator(K.sub)
    __mul__, __rmul__ = operator(K.mul)
    __truediv__, __rtruediv__ = operator(K.div, floats=True)
    __floordiv__, __rfloordiv__ = operator(K.floor_divide)
    __mod__, __rmod__ = operator(K.remainder)
    __pow__, __rpow__ = operator(K.pow)
    __and__, __rand__ = operator(K.bitwise_and)
    __or__, __ror__ = operator(K.bitwise_or)
    __xor__, __rxor__ = operator(K.bitwise_xor)
    __lshift__, __rlshift__ = operator(K.left_shift)
    __rshift__, __rrshift__ = operator(K.right_shift)
    __lt__, __le__, __gt__, __ge__ = compared(K.lt), compared(K.le), compared(K.gt), compared(K.ge)
    __neg__ = neg = negative = unary(K.neg)
    __abs__ = abs = absolute = unary(K.abs)
    __invert__ = bitwise_not = unary(K.bitwise_not)

    def __pos__(self) -> Any:
        return self

    def __eq__(self, other: object) -> Any:
        return binary(K.eq, self, other)

    def __ne__(self, other: object) -> Any:
        return binary(K.ne, self, other)

    __hash__ = object.__hash__

    add, sub = _scaled(K.add), _scaled(K.sub)
    subtract = sub
    mul = multiply = __mul__
    floor_divide = __floordiv__
    remainder = __mod__
    fmod = compared(K.fmod)
    pow = __pow__
    eq, ne, lt, le, gt, ge = compared(K.eq), compared(K.ne), __lt__, __le__, __gt__, __ge__
    not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge
    maximum, minimum, fmax, fmin = compared(K.maximum), compared(K.minimum), compared(K.fmax), compared(K.fmin)
    bitwise_and, bitwise_or, bitwise_xor = __and__, __or__, __xor__
    logical_and, logical_or, logical_xor = _logical(K.logical_and), _logical(K.logical_or), _logical(K.logical_xor)

    sign, floor, ceil, trunc = unary(K.sign), unary(K.floor), unary(K.ceil), unary(K.trunc)
    fix = trunc
    exp, exp2, expm1 = unary(K.exp, True), unary(K.exp2, True), unary(K.expm1, True)
    log, log2, log10, log1p = unary(K.log, True), unary(K.log2, True), unary(K.log10, True), unary(K.log1p, True)
    sqrt, rsqrt, square = unary(K.sqrt, True), unary(K.rsqrt, True), unary(K.square)
    reciprocal = unary(K.reciprocal, True)
    sin, cos, tan = unary(K.sin, True), unary(K.cos, True), unary(K.tan, True)
    asin, acos, atan = unary(K.asin, True), unary(K.acos, True), unary(K.atan, True)
    sinh, cosh, tanh = unary(K.sinh, True), unary(K.cosh, True), unary(K.tanh, True)
    asinh, acosh, atanh = unary(K.asinh, True), unary(K.acosh, True), unary(K.atanh, True)
    sigmoid, relu = unary(K.sigmoid, True), unary(K.relu)
    erf, erfc, lgamma, digamma = unary(K.erf, True), unary(K.erfc, True), unary(K.lgamma, True), unary(K.digamma, True)
    isnan, isinf, isfinite, signbit = unary(K.isnan), unary(K.isinf), unary(K.isfinite), unary(K.signbit)

    def div(self, other: Any, *, rounding_mode: str | None = None) -> Any:
        """``x / y``; rounded down with "floor", towards 0 with "trunc"."""
        if rounding_mode is None:
            return self / other
        if rounding_mode == "floor":
            return self // other
        if rounding_mode != "trunc":
            raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")
        x, y = promoted(self, operand(other, self, "div"))
        out = x / y
        return out.trunc() if family(dtype_of(x)) == "f" else to(out.double().trunc(), dtype_of(x))

    divide = true_divide = div

    def atan2(self, other: Any) -> Any:
        """The angle of the point with this height and that distance."""
        return binary(K.atan2, self, other, floats=True)

    arctan2 = atan2

    def hypot(self, other: Any) -> Any:
        """``sqrt(x**2 + y**2)``."""
        return binary(K.hypot, self, other)

    def logaddexp(self, other: Any) -> Any:
        """``log(exp(x) + exp(y))``."""
        return binary(K.logaddexp, self, other)

    def copysign(self, other: Any) -> Any:
        """``|x|`` with the sign of the other."""
        return binary(K.copysign, self, other, floats=True)

    def round(self, *, decimals: int = 0) -> Any:
        """The nearest integer, the even one at a tie; or to so many decimals."""
        return apply(K.round, self) if not decimals else apply(K.round, self * 10.0**decimals) / 10.0**decimals

    def frac(self) -> Any:
        """What is left of it without its integer part."""
        return self - self.trunc()

    def logical_not(self) -> Any:
        """Whether each element is zero."""
        return self == 0

    def clamp(self, min: Any = None, max: Any = None) -> Any:
        """No less than ``min`` and no more than ``max``: numbers, tensors or None. Derivative: 1 at the bounds."""
        if is_plain(min) and is_plain(max) and family(dtype_of(self)) == "f" and min is not max:
            return apply(K.clamp, self, low=min, high=max)
        if min is None and max is None:
            raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
        bounds = [b if b is None or type(b) in (int, float) else operand(b, self, "clamp") for b in (min, max)]
        given = [b for b in bounds if b is not None]
        x, *found = promoted(self, *given)
        low, high = (None if b is None else found.pop(0) for b in bounds)
        if is_plain(low) and is_plain(high):
            return apply(K.clamp, x, low=low, high=high)
        return apply(_CLAMPS[low is None, high is None], x, *(b for b in (low, high) if b is not None))

    clip = clamp

    def clamp_min(self, min: Any) -> Any:
        """No less than ``min``."""
        return self.clamp(min=min)

    def clamp_max(self, max: Any) -> Any:
        """No more than ``max``."""
        return self.clamp(max=max)

    def where(self, condition: Any, other: Any) -> Any:
        """The elements where ``condition`` is true, those of ``other`` elsewhere."""
        x, y = promoted(self, operand(other, self, "where"))
        return apply(K.where, _truth(condition), x, y)

    def masked_fill(self, mask: Any, value: Any) -> Any:
        """``value``, a number or a tensor without dimensions, where ``mask`` is true."""
        fill = value if is_number(value) or isinstance(value, Value) else operand(value, self, "masked_fill")
        return apply(K.where, _truth(mask), promoted(fill, self)[0] if not is_number(fill) else fill, self)

    def lerp(self, end: Any, weight: Any) -> Any:
        """``x + weight * (end - x)``."""
        return self + weight * (end - self)

    def addcmul(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
        """``x + value * tensor1 * tensor2``."""
        return self + value * tensor1 * tensor2

    def addcdiv(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Any:
        """``x + value * tensor1 / tensor2``."""
        return self + value * tensor1 / tensor2

    def nan_to_num(self, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None) -> Any:
        """NaN and infinities replaced, these by the largest finite numbers if not given."""
        return apply(K.nan_to_num, self, nan=nan, posinf=posinf, neginf=neginf)

    def isclose(self, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
        """Whether ``|x - y| <= atol + rtol * |y|``."""
        x, y = promoted(floating(self), other)
        near = ((x - y).abs() <= atol + rtol * y.abs()) & y.isfinite() | (x == y)
        return near | (x.isnan() & y.isnan()) if equal_nan else near


def _truth(condition: Any) -> Any:
    if not isinstance(condition, Value) or dtype_of(condition).kind != "b":
        kind = scalar_name(dtype_of(condition)) if isinstance(condition, Value) else type(condition).__name__
        raise TypeMismatchError(f"where expected condition to be a boolean tensor, but got a tensor with dtype {kind}")
    return condition


def is_plain(x: Any) -> bool:
    """Whether a bound is a number of Python or nothing."""
    return x is None or type(x) in (int, float)


_CLAMPS = {(False, True): K.clamp_low, (True, False): K.clamp_high, (False, False): K.clamp}
