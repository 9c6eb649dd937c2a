"""``x[index]`` by TensorFlow's rules: integers, slices, new axes, the ellipsis, scalar tensors, or one mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracejit.compat.tensorflow.base import Held
from tracejit.compat.tensorflow.convert import node_of
from tracejit.compat.tensorflow.errors import InvalidArgumentError, fail
from tracejit.errors import IndexOutOfBoundsError
from tracejit.frontend.base import Tensor as Core
from tracejit.frontend.indexing import getitem
from tracejit.frontend.slicing import basic, expanded, is_integer
from tracejit.frontend.tensor import Tracer
from tracejit.ir import Node, current


def item_of(x: Held, index: Any) -> Node:
    """``x[index]``."""
    if isinstance(index, Held | np.ndarray) and index.dtype == np.bool_:
        return _by_data(x, index.core if isinstance(index, Held) else index)
    items = tuple([_item(i) for i in (index if isinstance(index, tuple | list) else (index,))])
    try:
        if any(isinstance(i, Core) for i in items):
            return _by_data(x, items)
        node = node_of(x)
        return basic(node, expanded(items, node.spec))
    except IndexOutOfBoundsError as error:
        fail(InvalidArgumentError, f"slice {error}. [Op:StridedSlice]")


def _by_data(x: Held, index: Any) -> Node:
    part: Core = getitem(x.core, index)
    return part.node_in(current())


def _item(item: Any) -> Any:
    """One item of an index: a scalar tensor as its number, or, while it is not known, as the tensor of the front end."""
    if item is None or item is Ellipsis or is_integer(item):
        return item
    if isinstance(item, slice):
        return slice(*(_bound(b) for b in (item.start, item.stop, item.step)))
    if isinstance(item, Held) and item.core.ndim == 0 and item.core.dtype.kind in "iu":
        return item.core if isinstance(item.core, Tracer) else int(item.core)
    _refuse(item)


def _bound(bound: Any) -> Any:
    if bound is None or is_integer(bound):
        return bound
    if isinstance(bound, Held) and bound.ndim == 0 and bound.dtype.is_integer:
        return int(bound.core)
    _refuse(bound)


def _refuse(item: Any) -> Any:
    fail(
        TypeError,
        "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar tf.int32/tf.int64 tensors are valid"
        f" indices, got {item!r}\n  cure: tf.gather(x, indices)",
    )
