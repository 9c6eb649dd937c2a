"""Contractions: every one becomes transposes, reshapes and a matrix product, or a product and a sum where none is needed."""

from __future__ import annotations

from collections.abc import Sequence

from tracejit.errors import ShapeError
from tracejit.ir import Node
from tracejit.ir.size import Dim, product
from tracejit.ops.composite.arrange import diagonal
from tracejit.ops.contraction import matmul
from tracejit.ops.elementwise import cast
from tracejit.ops.movement import reshape, transpose
from tracejit.ops.reduction import broadcast, reduce_any, reduce_sum

Labels = tuple[str, ...]


def outer(x: Node, y: Node) -> Node:
    """``out[i, j] = x[i] * y[j]`` of flattened operands."""
    x, y = _reshaped(x, (x.spec.size,)), _reshaped(y, (y.spec.size,))
    return tensordot(x, y, (), ())


def dot(x: Node, y: Node) -> Node:
    """The sum over the last axis of ``x`` and the second to last (or only) one of ``y``; of scalars the product."""
    if not x.shape or not y.shape:
        return tensordot(x, y, (), ())
    return tensordot(x, y, (x.spec.rank - 1,), (max(y.spec.rank - 2, 0),))


def tensordot(x: Node, y: Node, x_axes: Sequence[int], y_axes: Sequence[int]) -> Node:
    """The sum over pairs of axes; the other axes of ``x``, then those of ``y``, are left."""
    if [x.shape[a] for a in x_axes] != [y.shape[a] for a in y_axes]:
        fault = f"axes {tuple(x_axes)} of x and {tuple(y_axes)} of y differ in size"
        raise ShapeError(
            f"tensordot: {fault}\n  x: {x.spec}\n  y: {y.spec}\n  rule: axes that are summed together have equal sizes"
        )
    x_labels = [f"x{i}" for i in range(x.spec.rank)]
    y_labels = [f"y{i}" for i in range(y.spec.rank)]
    for i, j in zip(x_axes, y_axes, strict=True):
        y_labels[j] = x_labels[i]
    kept = (*(a for a in x_labels if a not in y_labels), *(a for a in y_labels if a not in x_labels))
    return _contract(x, tuple(x_labels), y, tuple(y_labels), kept)


def stacked_matmul(x: Node, y: Node) -> Node:
    """``numpy.matmul``: vectors are a row or a column, batch dimensions broadcast."""
    x_batch = [f"b{i}" for i in range(x.spec.rank - 2)[::-1]]
    y_batch = [f"b{i}" for i in range(y.spec.rank - 2)[::-1]]
    x_labels = (*x_batch, *("m", "k")[-min(x.spec.rank, 2) :])
    y_labels = (*y_batch, *("k", "n")[: min(y.spec.rank, 2)])
    if not x.shape or not y.shape or x.shape[-1] != y.shape[-min(y.spec.rank, 2)]:
        rule = "x is [..., m, k] or [k], and y is [..., k, n] or [k]"
        raise ShapeError(f"matmul: inner dimensions differ\n  x: {x.spec}\n  y: {y.spec}\n  rule: {rule}")
    batch = max(x_batch, y_batch, key=len)
    output = (*batch, *(a for a in (*x_labels, *y_labels) if a in ("m", "n")))
    return _einsum([(x, x_labels), (y, y_labels)], output, "matmul")


def einsum(subscripts: str, *xs: Node) -> Node:
    """Einstein's summation as ``numpy.einsum`` writes it, operands of one dtype, contracted from left to right."""
    terms, output = parse_einsum(subscripts, [x.spec.rank for x in xs])
    return _einsum(list(zip(xs, terms, strict=True)), output, "einsum")


def parse_einsum(subscripts: str, ranks: Sequence[int]) -> tuple[list[Labels], Labels]:
    """The labels of each operand and of the result; dimensions under an ellipsis are called ``...0`` from the right.

    Raises:
        ShapeError: The subscripts do not fit the operands.
    """
    inputs, arrow, result = subscripts.replace(" ", "").partition("->")
    parts = inputs.split(",")
    if len(parts) != len(ranks):
        raise ShapeError(f"einsum: {subscripts!r} names {len(parts)} operands; {len(ranks)} are given")
    terms = [_labels(part, rank, subscripts) for part, rank in zip(parts, ranks, strict=True)]
    every = [label for term in terms for label in term]
    under = tuple(sorted({label for label in every if len(label) > 1}, key=lambda label: -int(label[3:])))
    if arrow:
        if under and "..." not in result:
            raise ShapeError(f"einsum: {subscripts!r} leaves out the dimensions under the ellipsis; write it in the result too")
        output = _labels(result, len(result.replace("...", "")) + len(under), subscripts)
    else:
        output = (*under, *sorted(label for label in set(every) if len(label) == 1 and every.count(label) == 1))
    if unknown := [label for label in output if label not in every]:
        raise ShapeError(f"einsum: {unknown[0]!r} of the result of {subscripts!r} is in no operand")
    if len(set(output)) < len(output):
        raise ShapeError(f"einsum: {subscripts!r} names a dimension of the result twice")
    return terms, output


def _labels(part: str, rank: int, subscripts: str) -> Labels:
    head, dots, tail = part.partition("...")
    under = rank - len(head) - len(tail)
    if head + tail and not (head + tail).isalpha():
        raise ShapeError(f"einsum: {part!r} in {subscripts!r} is not made of letters and one ellipsis")
    if under < 0 or (under and not dots):
        raise ShapeError(f"einsum: {part!r} in {subscripts!r} names {len(head + tail)} dimensions; its operand has {rank}")
    return (*head, *(f"...{i}" for i in reversed(range(under))), *tail)


def _einsum(operands: Sequence[tuple[Node, Labels]], output: Labels, name: str) -> Node:
    sizes = _sizes(operands, name)
    parts = [_plain(x, labels, sizes) for x, labels in operands]
    x, labels = parts[0]
    for i, (y, y_labels) in enumerate(parts[1:], 1):
        needed = {*output, *(a for _, later in parts[i + 1 :] for a in later)}
        kept = tuple(a for a in dict.fromkeys((*labels, *y_labels)) if a in needed)
        x, labels = _contract(x, labels, y, y_labels, kept), kept
    x, labels = _summed(x, labels, set(output))
    return _arranged(x, labels, output)


def _sizes(operands: Sequence[tuple[Node, Labels]], name: str) -> dict[str, Dim]:
    sizes: dict[str, Dim] = {}
    for x, labels in operands:
        for label, size in zip(labels, x.shape, strict=True):
            known = sizes.setdefault(label, size)
            if known == 1:
                sizes[label] = size
            elif size not in (1, known):
                specs = ", ".join(str(y.spec) for y, _ in operands)
                raise ShapeError(
                    f"{name}: dimension {label} is {known} and {size} in {specs}; dimensions of one name have one size"
                )
    return sizes


def _plain(x: Node, labels: Labels, sizes: dict[str, Dim]) -> tuple[Node, Labels]:
    """An operand without the 1s that stand for other sizes, and with one axis for a label named twice."""
    full = [i for i, label in enumerate(labels) if x.shape[i] == sizes[label]]
    x, labels = _reshaped(x, tuple(x.shape[i] for i in full)), tuple(labels[i] for i in full)
    while twice := [label for label in labels if labels.count(label) > 1]:
        first = labels.index(twice[0])
        second = labels.index(twice[0], first + 1)
        x = diagonal(x, 0, first, second)
        labels = (*labels[:first], *labels[first + 1 : second], *labels[second + 1 :], twice[0])
    return x, labels


def _contract(x: Node, x_labels: Labels, y: Node, y_labels: Labels, kept: Labels) -> Node:
    """The sum of ``x * y`` over every label that is not kept, its axes in the order of ``kept``."""
    x, x_labels = _summed(x, x_labels, {*y_labels, *kept})
    y, y_labels = _summed(y, y_labels, {*x_labels, *kept})
    both = [a for a in x_labels if a in y_labels]
    batch, summed = tuple(a for a in both if a in kept), tuple(a for a in both if a not in kept)
    rows, columns = tuple(a for a in x_labels if a not in both), tuple(a for a in y_labels if a not in both)
    sizes = dict(zip((*x_labels, *y_labels), (*x.shape, *y.shape), strict=True))
    if not summed or not (rows or columns) or (batch and not (rows and columns)):  # no matrices: this fuses with what is around
        order = (*batch, *rows, *columns, *summed)
        out = _spread(x, x_labels, order, sizes) * _spread(y, y_labels, order, sizes)
        return _arranged(*_summed(out, order, set(kept)), kept)
    lead, m, k, n = (tuple(sizes[a] for a in part) for part in (batch, rows, summed, columns))
    left = _reshaped(_arranged(x, x_labels, (*batch, *rows, *summed)), (*lead, product(m), product(k)))
    right = _reshaped(_arranged(y, y_labels, (*batch, *summed, *columns)), (*lead, product(k), product(n)))
    return _arranged(_reshaped(matmul(left, right), (*lead, *m, *n)), (*batch, *rows, *columns), kept)


def _summed(x: Node, labels: Labels, keep: set[str]) -> tuple[Node, Labels]:
    """``x`` summed over the labels that are not in ``keep``, in its own dtype."""
    axes = tuple(i for i, label in enumerate(labels) if label not in keep)
    if not axes:
        return x, labels
    total = reduce_any(x, axes=axes) if x.dtype == bool else reduce_sum(x, axes=axes)
    if total.dtype != x.dtype:
        total = cast(total, dtype=x.dtype)
    return total, tuple(label for label in labels if label in keep)


def _spread(x: Node, labels: Labels, order: Labels, sizes: dict[str, Dim]) -> Node:
    """``x`` over all labels of ``order``."""
    own = tuple(a for a in order if a in labels)
    x = _arranged(x, labels, own)
    return x if own == order else broadcast(x, shape=tuple(sizes[a] for a in order), axes=tuple(order.index(a) for a in own))


def _arranged(x: Node, labels: Labels, order: Labels) -> Node:
    return x if labels == order else transpose(x, perm=tuple(labels.index(a) for a in order))


def _reshaped(x: Node, shape: tuple[Dim, ...]) -> Node:
    return x if x.shape == shape else reshape(x, shape=shape)
