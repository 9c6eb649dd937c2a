"""Writing: the methods that change a tensor's memory, whose names end in ``_``, and ``x[i] = v``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracejit.compat.torch import dtypes, mode
from tracejit.compat.torch.apply import apply, trace
from tracejit.compat.torch.arrangement import parts
from tracejit.compat.torch.errors import SizeError, TypeMismatchError
from tracejit.compat.torch.graph import made
from tracejit.compat.torch.kernels import elementwise as K
from tracejit.compat.torch.kernels import movement as M
from tracejit.compat.torch.kernels.kernel import Kernel
from tracejit.compat.torch.program import quiet
from tracejit.compat.torch.promote import dims_of, dtype_of, operand, to
from tracejit.compat.torch.shown import Origin
from tracejit.compat.torch.types import scalar_name
from tracejit.compat.torch.value import Value, versions
from tracejit.frontend.device import assign
from tracejit.frontend.shapes import broadcast_node
from tracejit.ir import using
from tracejit.ir.dtype import family
from tracejit.runtime.device import DeviceArray


def check_writable(x: Value, recorded: bool) -> None:
    """RuntimeError where a write would leave the graph of backward() wrong.

    Args:
        x: What is written to.
        recorded: Whether the new value depends on something that requires a gradient.
    """
    if not mode.is_grad_enabled():
        return
    if x._requires and x._made is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    if recorded and x._view:
        raise RuntimeError(
            "an in-place operation on a view of a tensor would have to be recorded for backward(), which is not supported;"
            " write to the whole tensor, or compute a new one with torch.where, torch.cat or torch.stack"
        )


def write(x: Any, new: Any) -> Any:
    """Give the memory of ``x`` the value of ``new``, a tensor that broadcasts to it; returns ``x``."""
    recorded = mode.is_grad_enabled() and (x._requires or new._requires)
    check_writable(x, recorded)
    _check_fits(x, new)
    if dtype_of(new) != dtype_of(x):
        new = to(new, dtype_of(x))
    session = trace()
    if session is not None:
        tracer = session.tracer(x)
        node = session.node(new, recorded)
        with using(session.trace):
            tracer.write(broadcast_node(node, tracer.spec.shape, "in-place"))
        session.written(x, recorded)
        return x
    if recorded:
        if dims_of(new) != dims_of(x):
            new = apply(M.expand, new, shape=dims_of(x))
        old, node = x._node, new._node
        if old is not None and old.value is x._array:  # what was recorded with the old value keeps it
            old.value, old.versions, old.version = x._array.copy(), [0], 0
        _store(x, new)
        count = versions(x)
        count[0] += 1
        x._requires, x._made = True, new._made
        x._node = made(node.kernel, node.operands, node.attrs, x._array, count)
    else:
        _store(x, new)
        _count(x)
    return x


def _store(x: Any, new: Any) -> None:
    """Give the memory of ``x`` the value of ``new``."""
    if not isinstance(x._array, DeviceArray):
        assign(x._array, new._array, "a tensor")
        return
    with mode.no_grad():
        new = new.to(device=x.device)
        if dims_of(new) != dims_of(x):
            new = apply(M.expand, new, shape=dims_of(x))
        if x._origin is not None:
            _write_back(x._origin, new)
    assign(x._array, new._array, "a tensor")


def _write_back(origin: Origin, new: Any) -> None:
    """Write what a view shows to its source."""
    source, attrs = origin.source, origin.attrs
    match origin.kernel.name:
        case "View":
            write(source, new.reshape(dims_of(source)))
        case "Permute":
            write(source, apply(M.permute, new, perm=tuple(int(i) for i in np.argsort(attrs["perm"]))))
        case "Narrow":
            window = slice(attrs["start"], attrs["start"] + attrs["size"])
            source[(slice(None),) * attrs["axis"] + (window,)] = new
        case "Slice":
            source[attrs["place"].index] = new
        case _:
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory location."
                " Please clone() the tensor before performing the operation."
            )


def _count(x: Value) -> None:
    if x._versions is not None:
        x._versions[0] += 1


def _check_fits(x: Any, new: Any) -> None:
    own, given = dims_of(x), dims_of(new)
    if own == given:
        return
    pairs = [(o, g) for o, g in zip(own[::-1], given[::-1], strict=False) if type(o) is int and type(g) is int]
    if len(given) > len(own) or any(g not in (1, o) for o, g in pairs):
        raise SizeError(f"output with shape {list(own)} doesn't match the broadcast shape {list(given)}")
    if dtypes.category(family(dtype_of(new))) > dtypes.category(family(dtype_of(x))):
        _refuse_dtype(x, new)


def _refuse_dtype(x: Any, new: Any) -> None:
    result, own = (scalar_name(dtype_of(t)) for t in (new, x))
    raise TypeMismatchError(f"result type {result} can't be cast to the desired output type {own}")


def in_place(kernel: Kernel, method: Callable[..., Any]) -> Callable[..., Any]:
    """``x += y``: ``method`` written to ``x``; where nothing is recorded, NumPy does it in the memory of ``x``."""
    direct: Any = kernel.direct

    def written(self: Any, other: Any, **options: Any) -> Any:
        if not options and self._tracer is None and type(self._array) is np.ndarray and trace() is None:
            array = self._array
            if isinstance(other, Value) and other._tracer is None:
                value, needed = other._array, other._requires
                plain = type(value) is np.ndarray and value.dtype == array.dtype and value.ndim <= array.ndim
            else:
                value, needed = other, False
                plain = type(other) is float or type(other) is int
            if plain and array.dtype.kind == "f" and not ((needed or self._requires) and mode.is_grad_enabled()):
                try:
                    quiet.run(direct, array, value, array)
                except ValueError:
                    raise SizeError(
                        f"output with shape {list(array.shape)} doesn't match the broadcast shape of {list(np.shape(value))}"
                    ) from None
                _count(self)
                return self
        new = method(self, other, **options)
        if dtypes.category(family(dtype_of(new))) > dtypes.category(family(dtype_of(self))):
            _refuse_dtype(self, new)
        return write(self, new)

    return written


def _after(name: str) -> Callable[..., Any]:
    """``x.name_(...)``: what ``x.name(...)`` gives, written to ``x``."""

    def written(self: Any, *args: Any, **options: Any) -> Any:
        return write(self, getattr(self, name)(*args, **options))

    return written


class Writing(Value):
    """Changes of memory."""

    __iadd__ = add_ = in_place(K.add, lambda x, y, **options: x.add(y, **options))
    __isub__ = sub_ = in_place(K.sub, lambda x, y, **options: x.sub(y, **options))
    __imul__ = mul_ = in_place(K.mul, lambda x, y: x * y)
    __itruediv__ = div_ = in_place(K.div, lambda x, y, **options: x.div(y, **options))
    __ifloordiv__, __imod__, __ipow__ = _after("floor_divide"), _after("remainder"), _after("pow")
    __iand__, __ior__, __ixor__ = _after("bitwise_and"), _after("bitwise_or"), _after("bitwise_xor")
    subtract_, multiply_, divide_ = sub_, mul_, div_
    floor_divide_, remainder_, pow_ = __ifloordiv__, __imod__, __ipow__
    abs_, neg_, sign_, floor_, ceil_, round_, trunc_ = map(_after, ("abs", "neg", "sign", "floor", "ceil", "round", "trunc"))
    exp_, log_, sqrt_, rsqrt_, reciprocal_, square_ = map(_after, ("exp", "log", "sqrt", "rsqrt", "reciprocal", "square"))
    sin_, cos_, tanh_, sigmoid_, relu_ = map(_after, ("sin", "cos", "tanh", "sigmoid", "relu"))
    clamp_, clip_, clamp_min_, clamp_max_ = map(_after, ("clamp", "clip", "clamp_min", "clamp_max"))
    masked_fill_, lerp_, addcmul_, addcdiv_ = map(_after, ("masked_fill", "lerp", "addcmul", "addcdiv"))
    tril_, triu_, cumsum_ = map(_after, ("tril", "triu", "cumsum"))

    def zero_(self) -> Any:
        """Make every element 0."""
        return self.fill_(0)

    def fill_(self, value: Any) -> Any:
        """Make every element ``value``, a number or a tensor without dimensions."""
        plain = self._tracer is None and type(self._array) is np.ndarray and not self._requires
        if plain and type(value) in (int, float, bool) and trace() is None:
            self._array.fill(value)
            _count(self)
            return self
        return write(self, self._like(value))

    def copy_(self, source: Any) -> Any:
        """Take the value of another tensor, broadcast, in this tensor's dtype."""
        return write(self, operand(source, self, "copy_"))

    def _like(self, value: Any) -> Any:
        """A tensor without dimensions of this dtype."""
        if isinstance(value, Value):
            return value
        session = trace()
        if session is not None:
            return session.made(type(self), session.number(value, dtype_of(self)))
        out = object.__new__(type(self))
        out._array = np.asarray(value, dtype_of(self))
        return out

    def __setitem__(self, index: Any, value: Any) -> None:
        arrays, place = parts(index, dims_of(self))
        new = value if isinstance(value, Value) else self._like(operand(value, self, "setitem"))
        recorded = mode.is_grad_enabled() and (self._requires or new._requires)
        if trace() is None and not recorded and type(self._array) is np.ndarray:
            try:
                self._array[place.filled(arrays)] = new._array
            except ValueError as error:
                shape = list(dims_of(new))
                raise SizeError(f"shape mismatch: value tensor of shape {shape} cannot be broadcast: {error}") from None
            _count(self)
            return
        check_writable(self, recorded)
        write(self, apply(M.index_put, self, to(new, dtype_of(self)), *arrays, place=place))
