"""The functions of the module: methods of tensors by their names, and functions of several tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tracejit.compat.torch import dtypes
from tracejit.compat.torch.apply import apply
from tracejit.compat.torch.creation import full_like
from tracejit.compat.torch.errors import SizeError, normal_dim
from tracejit.compat.torch.kernels import elementwise as _E
from tracejit.compat.torch.kernels import movement as _M
from tracejit.compat.torch.kernels import products as _P
from tracejit.compat.torch.promote import dims_of, dtype_of, is_number, promoted, rank_of
from tracejit.compat.torch.tensor import Tensor
from tracejit.compat.torch.value import Value, wrap
from tracejit.ir.dtype import family

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "addcdiv",
    "addcmul",
    "addmm",
    "all",
    "allclose",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "bmm",
    "cat",
    "ceil",
    "chunk",
    "clamp",
    "clip",
    "clone",
    "concat",
    "concatenate",
    "copysign",
    "cos",
    "cosh",
    "cumprod",
    "cumsum",
    "diag",
    "diagonal",
    "digamma",
    "div",
    "divide",
    "dot",
    "einsum",
    "eq",
    "equal",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "fix",
    "flatten",
    "flip",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "frac",
    "gather",
    "ge",
    "ger",
    "gt",
    "hypot",
    "index_select",
    "is_floating_point",
    "is_tensor",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "le",
    "lerp",
    "lgamma",
    "log",
    "log1p",
    "log2",
    "log10",
    "log_softmax",
    "logaddexp",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "logsumexp",
    "lt",
    "masked_fill",
    "masked_select",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "mm",
    "mul",
    "multiply",
    "mv",
    "nan_to_num",
    "narrow",
    "ne",
    "neg",
    "negative",
    "norm",
    "numel",
    "outer",
    "permute",
    "pow",
    "prod",
    "ravel",
    "reciprocal",
    "relu",
    "remainder",
    "reshape",
    "roll",
    "round",
    "rsqrt",
    "select",
    "sigmoid",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "softmax",
    "sort",
    "split",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sub",
    "subtract",
    "sum",
    "swapaxes",
    "t",
    "tan",
    "tanh",
    "transpose",
    "tril",
    "triu",
    "true_divide",
    "trunc",
    "unbind",
    "unsqueeze",
    "var",
    "where",
]

abs = Tensor.abs
absolute = Tensor.absolute
acos = Tensor.acos
acosh = Tensor.acosh
add = Tensor.add
addcdiv = Tensor.addcdiv
addcmul = Tensor.addcmul
addmm = Tensor.addmm
all = Tensor.all
amax = Tensor.amax
amin = Tensor.amin
any = Tensor.any
argmax = Tensor.argmax
argmin = Tensor.argmin
argsort = Tensor.argsort
asin = Tensor.asin
asinh = Tensor.asinh
atan = Tensor.atan
atan2 = Tensor.atan2
atanh = Tensor.atanh
bitwise_and = Tensor.bitwise_and
bitwise_not = Tensor.bitwise_not
bitwise_or = Tensor.bitwise_or
bitwise_xor = Tensor.bitwise_xor
bmm = Tensor.bmm
ceil = Tensor.ceil
chunk = Tensor.chunk
clamp = Tensor.clamp
clip = Tensor.clip
clone = Tensor.clone
copysign = Tensor.copysign
cos = Tensor.cos
cosh = Tensor.cosh
cumprod = Tensor.cumprod
cumsum = Tensor.cumsum
diag = Tensor.diag
diagonal = Tensor.diagonal
digamma = Tensor.digamma
div = Tensor.div
divide = Tensor.divide
dot = Tensor.dot
eq = Tensor.eq
erf = Tensor.erf
erfc = Tensor.erfc
exp = Tensor.exp
exp2 = Tensor.exp2
expm1 = Tensor.expm1
fix = Tensor.fix
flatten = Tensor.flatten
flip = Tensor.flip
floor = Tensor.floor
floor_divide = Tensor.floor_divide
fmax = Tensor.fmax
fmin = Tensor.fmin
fmod = Tensor.fmod
frac = Tensor.frac
gather = Tensor.gather
ge = Tensor.ge
ger = Tensor.ger
gt = Tensor.gt
hypot = Tensor.hypot
index_select = Tensor.index_select
isclose = Tensor.isclose
isfinite = Tensor.isfinite
isinf = Tensor.isinf
isnan = Tensor.isnan
le = Tensor.le
lerp = Tensor.lerp
lgamma = Tensor.lgamma
log = Tensor.log
log10 = Tensor.log10
log1p = Tensor.log1p
log2 = Tensor.log2
log_softmax = Tensor.log_softmax
logaddexp = Tensor.logaddexp
logical_and = Tensor.logical_and
logical_not = Tensor.logical_not
logical_or = Tensor.logical_or
logical_xor = Tensor.logical_xor
logsumexp = Tensor.logsumexp
lt = Tensor.lt
masked_fill = Tensor.masked_fill
masked_select = Tensor.masked_select
matmul = Tensor.matmul
max = Tensor.max
maximum = Tensor.maximum
mean = Tensor.mean
min = Tensor.min
minimum = Tensor.minimum
mm = Tensor.mm
mul = Tensor.mul
multiply = Tensor.multiply
mv = Tensor.mv
nan_to_num = Tensor.nan_to_num
narrow = Tensor.narrow
ne = Tensor.ne
neg = Tensor.neg
negative = Tensor.negative
norm = Tensor.norm
numel = Tensor.numel
outer = Tensor.outer
permute = Tensor.permute
pow = Tensor.pow
prod = Tensor.prod
ravel = Tensor.ravel
reciprocal = Tensor.reciprocal
relu = Tensor.relu
remainder = Tensor.remainder
reshape = Tensor.reshape
roll = Tensor.roll
round = Tensor.round
rsqrt = Tensor.rsqrt
select = Tensor.select
sigmoid = Tensor.sigmoid
sign = Tensor.sign
signbit = Tensor.signbit
sin = Tensor.sin
sinh = Tensor.sinh
softmax = Tensor.softmax
sort = Tensor.sort
split = Tensor.split
sqrt = Tensor.sqrt
square = Tensor.square
squeeze = Tensor.squeeze
std = Tensor.std
sub = Tensor.sub
subtract = Tensor.subtract
sum = Tensor.sum
swapaxes = Tensor.swapaxes
t = Tensor.t
tan = Tensor.tan
tanh = Tensor.tanh
transpose = Tensor.transpose
tril = Tensor.tril
triu = Tensor.triu
true_divide = Tensor.true_divide
trunc = Tensor.trunc
unbind = Tensor.unbind
unsqueeze = Tensor.unsqueeze
var = Tensor.var


def _tensors(tensors: Sequence[Any], name: str) -> list[Any]:
    if not tensors:
        raise RuntimeError(f"torch.{name}(): expected a non-empty list of Tensors")
    return promoted(*tensors)


def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors one after the other along ``dim``."""
    parts = _tensors(tensors, "cat")
    axis = normal_dim(dim, rank_of(parts[0]))
    for i, x in enumerate(parts):
        if rank_of(x) != rank_of(parts[0]):
            raise SizeError(f"Tensors must have same number of dimensions: got {rank_of(parts[0])} and {rank_of(x)}")
        for d, (a, b) in enumerate(zip(dims_of(parts[0]), dims_of(x), strict=True)):
            if d != axis and a != b:
                raise SizeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {a} but got size {b} for tensor"
                    f" number {i} in the list."
                )
    return apply(_M.cat, *parts, axis=axis)


concat = concatenate = cat


def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors of one shape side by side along a new dimension."""
    parts = _tensors(tensors, "stack")
    for i, x in enumerate(parts):
        if dims_of(x) != dims_of(parts[0]):
            raise SizeError(
                f"stack expects each tensor to be equal size, but got {list(dims_of(parts[0]))} at entry 0 and"
                f" {list(dims_of(x))} at entry {i}"
            )
    return apply(_M.stack, *parts, axis=normal_dim(dim, rank_of(parts[0]) + 1))


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """The elements of ``input`` where ``condition`` is true, of ``other`` elsewhere; of the condition alone, its true places."""
    if input is None and other is None:
        found = condition.detach().cpu().numpy().nonzero()
        return tuple(wrap(Tensor, places).to(device=condition.device) for places in found)
    if isinstance(input, Value):
        return input.where(condition, other)  # type: ignore[attr-defined]
    if is_number(input) and is_number(other):
        input = full_like(condition, input, dtype=dtypes.default() if float in (type(input), type(other)) else int)
    return apply(_E.where, condition, *promoted(input, other))


def einsum(equation: str, *operands: Any) -> Any:
    """Einstein's summation."""
    tensors = operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    return apply(_P.einsum, *promoted(*tensors), subscripts=equation)


def equal(input: Any, other: Any) -> bool:
    """Whether two tensors have the same shape and the same elements."""
    return dims_of(input) == dims_of(other) and bool((input == other).all())


def allclose(input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Whether all elements are close."""
    return bool(input.isclose(other, rtol, atol, equal_nan).all())


def is_tensor(obj: Any) -> bool:
    """Whether it is a tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Any) -> bool:
    """Whether the elements are floats."""
    return family(dtype_of(input)) == "f"
