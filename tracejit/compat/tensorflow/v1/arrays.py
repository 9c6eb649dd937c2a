"""Shapes, parts and joins of tensors, as operations of a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracejit.compat.tensorflow import creation
from tracejit.compat.tensorflow.dtypes import as_dtype, int32
from tracejit.compat.tensorflow.errors import fail
from tracejit.compat.tensorflow.v1.construct import (
    array_of,
    as_tensor,
    building,
    make,
    make_op,
    tensors_in,
    through,
)
from tracejit.compat.tensorflow.v1.operation import Stands, Tensor
from tracejit.compat.tensorflow.v1.operators import operator
from tracejit.compat.tensorflow.v1.run import current_run
from tracejit.compat.tensorflow.v1.shape import TensorShape
from tracejit.frontend.numpy import arrangement, movement, sorting
from tracejit.frontend.symbolic import symbolic
from tracejit.frontend.tensor import Tracer
from tracejit.ir import Node

__all__ = [
    "broadcast_to",
    "concat",
    "diag",
    "diag_part",
    "embedding_lookup",
    "expand_dims",
    "gather",
    "getitem",
    "pad",
    "rank",
    "reshape",
    "reverse",
    "shape",
    "size",
    "slice",
    "split",
    "squeeze",
    "stack",
    "tile",
    "transpose",
    "unstack",
]

Sizes = Callable[[Sequence[Node]], list[Any]]


def core(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """What an operation computes, by one of tracejit's own functions."""

    def compute(*nodes: Node) -> Any:
        run = current_run()
        out = function(*(Tracer(run, n) for n in nodes), **options)
        return tuple(x.node for x in out) if isinstance(out, list | tuple) else out.node

    return compute


def sizes_of(shape: Any, name: str = "shape") -> tuple[list[Tensor], Sizes]:
    """A shape as a user writes it: tensors that it depends on, and from their nodes its sizes."""
    if isinstance(shape, TensorShape):
        shape = shape.as_list()
    if not tensors_in(shape):
        array = array_of(shape)
        if array.size and array.dtype.kind not in "iu":
            fail(TypeError, f"a shape is {shape!r}; sizes are integers")
        known = np.ravel(array).tolist()
        return [], lambda nodes: known
    tensor = as_tensor(shape, name=name)
    if not tensor.dtype.is_integer:
        fail(TypeError, f"a shape is {tensor!r}; sizes are integers")
    return [tensor], lambda nodes: [symbolic(current_run(), d) for d in current_run().dims(nodes[-1])]


def _shaped(type: str, x: Any, shape: Any, name: str | None, function: Callable[[Tracer, list[Any]], Any]) -> Tensor:
    """An operation on one tensor and a list of sizes."""
    with building(name, type, x, shape) as scope:
        tensor = as_tensor(x, name="tensor")
        given, sizes = sizes_of(shape)

        def compute(*nodes: Node) -> Node:
            out: Node = function(Tracer(current_run(), nodes[0]), sizes(nodes)).node
            return out

        return make(type, compute, [tensor, *given], scope, tensor.dtype)


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The same elements under another shape, in which one size may be -1."""
    return _shaped("Reshape", tensor, shape, name, movement.reshape)


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """The tensor side by side with itself, ``multiples`` times along each axis."""
    return _shaped("Tile", input, multiples, name, arrangement.tile)


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """The tensor repeated to a shape."""
    return _shaped("BroadcastTo", input, shape, name, movement.broadcast_to)


def transpose(a: Any, perm: Any = None, name: str = "transpose", conjugate: bool = False) -> Tensor:
    """The axes in another order, reversed if none is given."""
    with building(name, "transpose", a) as scope:
        x = as_tensor(a, name="a")
        order = None if perm is None else [int(p) for p in np.ravel(perm)]
        return make("Transpose", core(movement.transpose, axes=order), [x], scope)


def expand_dims(input: Any, axis: int | None = None, name: str | None = None, dim: int | None = None) -> Tensor:
    """The tensor with a new axis of size 1."""
    place = dim if axis is None else axis
    with building(name, "ExpandDims", input) as scope:
        return make("ExpandDims", core(movement.expand_dims, axis=place), [as_tensor(input, name="input")], scope)


def squeeze(input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Tensor:
    """The tensor without its axes of size 1, or without those that are named."""
    places = squeeze_dims if axis is None else axis
    places = tuple(places) if isinstance(places, list) else places
    with building(name, "Squeeze", input) as scope:
        return make("Squeeze", core(movement.squeeze, axis=places), [as_tensor(input, name="input")], scope)


def _same_dtype(values: Sequence[Any], type: str) -> list[Tensor]:
    known = [t for v in values for t in tensors_in(v)]
    first = as_tensor(known[0] if known else values[0], name="values_0")
    return [as_tensor(v, name=f"values_{i}", like=first.dtype, op=type, place=i) for i, v in enumerate(values)]


def concat(values: Sequence[Any], axis: int, name: str = "concat") -> Tensor:
    """Tensors one behind the other along ``axis``."""
    parts = values if isinstance(values, list | tuple) else [values]

    def compute(*nodes: Node) -> Node:
        run = current_run()
        out: Node = arrangement.concatenate([Tracer(run, n) for n in nodes], axis).node
        return out

    with building(name, "concat", parts) as scope:
        return make("ConcatV2", compute, _same_dtype(parts, "ConcatV2"), scope)


def stack(values: Sequence[Any], axis: int = 0, name: str = "stack") -> Tensor:
    """Tensors of one shape side by side along a new axis."""

    def compute(*nodes: Node) -> Node:
        run = current_run()
        out: Node = arrangement.stack([Tracer(run, n) for n in nodes], axis).node
        return out

    with building(name, "stack", values) as scope:
        return make("Pack", compute, _same_dtype(values, "Pack"), scope)


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str = "unstack") -> list[Tensor]:
    """The parts along ``axis``, without that axis."""
    with building(name, "unstack", value) as scope:
        x = as_tensor(value, name="value")
        sizes = x.shape.known()
        count = sizes[axis] if num is None else num
        if count is None:
            fail(ValueError, f"Cannot infer argument `num` from shape {x.shape}")
        op = make_op("Unpack", core(arrangement.unstack, axis=axis), [x], scope)
        return list(op.outputs)


def split(value: Any, num_or_size_splits: Any, axis: int = 0, num: int | None = None, name: str = "split") -> list[Tensor]:
    """Equal parts along ``axis``, or parts of given sizes."""
    cuts: Any = num_or_size_splits
    if not isinstance(cuts, int):
        cuts = np.cumsum(np.ravel(cuts))[:-1].tolist()
    with building(name, "split", value) as scope:
        op = make_op(
            "Split", core(arrangement.split, indices_or_sections=cuts, axis=axis), [as_tensor(value, name="value")], scope
        )
        return list(op.outputs)


def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", name: str | None = None, constant_values: float = 0) -> Tensor:
    """The tensor with elements around it: a value, or its own by the modes "REFLECT" and "SYMMETRIC"."""
    options: dict[str, Any] = {"pad_width": [tuple(map(int, p)) for p in paddings], "mode": mode.lower()}
    if mode.lower() == "constant":
        options["constant_values"] = constant_values
    with building(name, "Pad", tensor) as scope:
        return make("Pad", core(arrangement.pad, **options), [as_tensor(tensor, name="tensor")], scope)


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """The elements backwards along axes."""
    places = tuple(int(a) for a in np.ravel(axis))
    with building(name, "ReverseV2", tensor) as scope:
        return make("ReverseV2", core(movement.flip, axis=places), [as_tensor(tensor, name="tensor")], scope)


def gather(params: Any, indices: Any, validate_indices: Any = None, name: str | None = None, axis: int = 0) -> Tensor:
    """The parts of ``params`` at ``indices`` along ``axis``."""
    with building(name, "GatherV2", params, indices) as scope:
        x, places = as_tensor(params, name="params"), as_tensor(indices, name="indices")
        if not places.dtype.is_integer:
            fail(TypeError, f"gather: indices are {places.dtype.name}; they must be integers")
        return make("GatherV2", core(sorting.take, axis=axis), [x, places], scope, x.dtype)


def embedding_lookup(params: Any, ids: Any, partition_strategy: str = "mod", name: str | None = None, **options: Any) -> Tensor:
    """The rows of ``params`` at ``ids``."""
    whole = params[0] if isinstance(params, list | tuple) and len(params) == 1 else params
    return gather(whole, ids, name=name or "embedding_lookup")


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """A window of ``size`` from ``begin``; a size of -1 goes to the end."""
    starts, lengths = np.ravel(begin).tolist(), np.ravel(size).tolist()
    index = tuple(_span(a, n) for a, n in zip(starts, lengths, strict=True))
    with building(name, "Slice", input_) as scope:
        return make("Slice", lambda node: Tracer(current_run(), node)[index].node, [as_tensor(input_, name="input")], scope)


def _span(start: int, length: int) -> Any:
    import builtins

    return builtins.slice(start, None if length == -1 else start + length)


@operator("getitem")
def getitem(x: Any, index: Any) -> Tensor:
    """``x[index]``; tensors among the index are inputs of the operation."""
    items = index if isinstance(index, tuple) else (index,)
    with building(None, "strided_slice", x, *items) as scope:
        tensor = as_tensor(x)
        given = [as_tensor(i) for i in items if isinstance(i, Tensor | Stands)]

        def compute(*nodes: Node) -> Node:
            run = current_run()
            left = iter(nodes[1:])
            places = tuple(Tracer(run, next(left)) if isinstance(i, Tensor | Stands) else i for i in items)
            out: Node = Tracer(run, nodes[0])[places].node
            return out

        return make("StridedSlice", compute, [tensor, *given], scope, tensor.dtype)


def shape(input: Any, name: str | None = None, out_type: Any = np.int32) -> Tensor:
    """The shape as a vector of integers, of which shapes can be made."""
    with building(name, "Shape", input) as scope:
        x = as_tensor(input, name="input")
        return make("Shape", through(creation.shape, out_type=out_type), [x], scope, as_dtype(out_type))


def size(input: Any, name: str | None = None, out_type: Any = np.int32) -> Tensor:
    """The number of elements."""
    with building(name, "Size", input) as scope:
        x = as_tensor(input, name="input")
        return make("Size", through(creation.size, out_type=out_type), [x], scope, as_dtype(out_type))


def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of axes."""
    with building(name, "Rank", input) as scope:
        return make("Rank", through(creation.rank), [as_tensor(input, name="input")], scope, int32)


def diag_part(input: Any, name: str | None = None) -> Tensor:
    """The diagonal of a matrix."""
    with building(name, "DiagPart", input) as scope:
        return make("DiagPart", core(arrangement.diagonal), [as_tensor(input, name="input")], scope)


def diag(diagonal: Any, name: str | None = None) -> Tensor:
    """A matrix with a vector on its diagonal."""
    with building(name, "Diag", diagonal) as scope:
        return make("Diag", core(arrangement.diag), [as_tensor(diagonal, name="diagonal")], scope)
