"""Scatters: updates are put into the order of their indices, stably; then every element adds its own, one after the other.

Of many updates of one element, threads of their own add up those from every 256th place of the order on, first.
"""

from __future__ import annotations

import numpy as np

from tracejit.codegen.cuda_sorts import Order, order
from tracejit.codegen.cuda_text import kernel, strided
from tracejit.codegen.scope import Scope, indent
from tracejit.codegen.steps import ScatterUpdate, copied
from tracejit.codegen.text import comment, factor, literal
from tracejit.ir import Node
from tracejit.ir.size import Dim
from tracejit.ir.spec import dtype_code
from tracejit.schedule import Scatter
from tracejit.schedule.access import operand

ATOMIC = {np.dtype(code) for code in ("f4", "f8", "i4", "i8", "u4", "u8")}
"""What a GPU adds to memory in one operation."""
PLACE = np.dtype(np.int64)
WINDOW = 256  # updates of one element that a thread adds up


def scatter_at_once(step: Scope, item: Scatter, name: str) -> list[str]:
    """Every thread adds updates of its own, by atomic operations: in an order that changes from run to run."""
    scope = Scope(step.file)
    update = ScatterUpdate(scope, item)
    lines = [*_columns(scope, update, update.count, "q"), f"{update.at_once}{comment(item.node)}"]
    total = update.before * update.count * update.after
    body = strided("at", "thread()", "threads()", scope.dim(total), lines)
    copies = copied(step.file, step, name, item.node.inputs[0], item.node)
    return copies + kernel(step, f"{name}_add", scope, body, f"*flat_grid({step.dim(total)})")


def scatter(step: Scope, item: Scatter, name: str) -> list[str]:
    """The lines of the step: the order, sums of windows, elements."""
    node, update = item.node, ScatterUpdate(Scope(step.file), item)
    columns, windows = update.before * update.after, _windows(update)
    kept = update.count * PLACE.itemsize + columns * windows * max(PLACE.itemsize, int(node.dtype.itemsize))
    step.file.workspace.append(kept)
    indices = operand(node.inputs[1]).source
    what = Order(indices, 1, update.count, lambda scope: _order(scope, update.count), kept, "")
    return [
        *copied(step.file, step, name, node.inputs[0], node),
        *order(step, what, f"{name}_order"),
        f"if {step.dim(update.count)} > {WINDOW}:",
        *indent(kernel(step, f"{name}_sums", *_sums(step, item), f"*flat_grid({step.dim(columns * windows)})")),
        *kernel(step, f"{name}_add", *_elements(step, item), f"*flat_grid({step.dim(columns * update.count)})"),
    ]


def _sums(step: Scope, item: Scatter) -> tuple[Scope, list[str]]:
    """Adds up what the first element of each window has there, where the window before has it, too."""
    scope, node = Scope(step.file), item.node
    update = ScatterUpdate(scope, item)
    places, sums, keys = _order(scope, update.count), _opened_sums(scope, update, node.dtype), update.indices
    count, windows = scope.dim(update.count), _windows(update)
    body = [
        *_columns(scope, update, windows, "w"),
        f"k = w * {WINDOW}",
        f"q = {places}[k]",
        f"if k > 0 and {keys}[{places}[k - 1]] == {keys}[q]:",
        f"    s = {literal(-0.0 if node.dtype.kind == 'f' else 0, node.dtype)}",
        f"    end = first_above({keys}, {places}, {keys}[q], k, minimum(k + {WINDOW}, {count}))",
        *indent(_added(update, places, node, "end")),
        f"    {sums}[at] = s",
    ]
    total = scope.dim(update.before * update.after * windows)
    return scope, strided("at", "thread()", "threads()", total, body)


def _elements(step: Scope, item: Scatter) -> tuple[Scope, list[str]]:
    """Adds to each element its updates up to the end of a window, and the sums of further windows."""
    scope, node = Scope(step.file), item.node
    update = ScatterUpdate(scope, item)
    places, sums, keys = _order(scope, update.count), _opened_sums(scope, update, node.dtype), update.indices
    count, after, windows = scope.dim(update.count), factor(scope.dim(update.after)), factor(scope.dim(_windows(update)))
    body = [
        *_columns(scope, update, update.count, "k"),
        f"q = {places}[k]",
        f"if k == 0 or {keys}[{places}[k - 1]] != {keys}[q]:",
        f"    s = {update.place}",
        f"    end = first_above({keys}, {places}, {keys}[q], k, {count})",
        *indent(_added(update, places, node, f"minimum(end, (k // {WINDOW} + 1) * {WINDOW})")),
        f"    for w in range(k // {WINDOW} + 1, (end + {WINDOW - 1}) // {WINDOW}):",
        f"        s = {dtype_code(node.dtype)}(s + {sums}[(p * {windows} + w) * {after} + r])",
        f"    {update.place} = s",
    ]
    total = scope.dim(update.before * update.after * update.count)
    return scope, strided("at", "thread()", "threads()", total, body)


def _columns(scope: Scope, update: ScatterUpdate, number: Dim, name: str) -> list[str]:
    """Which of ``number`` things before and after the axis a thread has."""
    after, size = factor(scope.dim(update.after)), factor(scope.dim(number))
    r = "r = 0" if update.after == 1 else f"r = at % {after}"
    rest = "at" if update.after == 1 else f"at // {after}"
    if update.before == 1:
        return [r, f"{name} = {rest}", "p = 0"]
    return [r, f"{name} = {rest} % {size}", f"p = {rest} // {size}"]


def _added(update: ScatterUpdate, places: str, node: Node, end: str) -> list[str]:
    """The lines that add updates to ``s``, in their order, from ``k`` on."""
    added = f"s = {dtype_code(node.dtype)}(s + {update.term}){comment(node)}"
    return [f"for j in range(k, {end}):", f"    q = {places}[j]", f"    {added}"]


def _windows(update: ScatterUpdate) -> Dim:
    return (update.count + (WINDOW - 1)) // WINDOW


def _order(scope: Scope, count: Dim) -> str:
    """The pointer to the order of updates."""
    line = f"order = {scope.workspace(PLACE, 0, scope.dim(count))}"
    scope.head += [] if line in scope.head else [line]
    return "order"


def _opened_sums(scope: Scope, update: ScatterUpdate, dtype: np.dtype) -> str:
    """The pointer to the sums of windows."""
    total = scope.dim(update.before * update.after * _windows(update))
    scope.head.append(f"sums = {scope.workspace(dtype, update.count * PLACE.itemsize, total)}")
    return "sums"
