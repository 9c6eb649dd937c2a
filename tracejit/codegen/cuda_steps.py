"""The steps of a GPU program that are not fused loops: products by a library, scans of columns."""

from __future__ import annotations

from tracejit.codegen.axes import nest
from tracejit.codegen.cuda_text import kernel, strided
from tracejit.codegen.loop import LoopEmitter
from tracejit.codegen.scalars import Scalars
from tracejit.codegen.scope import Scope, indent
from tracejit.codegen.steps import copied, matrix, matrix_layout, scan_row
from tracejit.codegen.text import comment, literal
from tracejit.ir import Node
from tracejit.ir.dtype import FLOAT32, is_half
from tracejit.ir.size import Dim, product
from tracejit.schedule import Epilogue, Gemm, Loop, Scan
from tracejit.schedule.access import Linear, Read, is_negative, kind, operand, row_major

MOST_CHUNKS, ROOM = 256, 65536  # at most MOST_CHUNKS + ROOM // elements groups of threads keep so many elements each


def gemm(step: Scope, item: Gemm, name: str) -> list[str]:
    """``gemm_xx(table, c, a, b, m, k, n, lda, ldb, ldc, alpha, beta)`` on the host, of matrices on the device.

    ``gemm_xx_batch`` has the number of products and the elements from each matrix of c, a and b to the next as further
    operands; ``gemm_xx_scaled`` has in place of ``alpha, beta`` a number on the device, and adds to ``c``.

    ``if not gemm_xx_bias(table, c, a, b, bias, m, k, n, lda, ldb, ldc)`` asks for a product with its epilogue; below stands what
    is done where the library has no kernel for that.
    """
    node, file = item.node, step.file
    update = node.op.name == "matmul_update"
    x, y = (operand(i) for i in (node.inputs[1:3] if update else node.inputs[:2]))
    m, n = node.shape[-2:]
    k = (node.inputs[1] if update else node.inputs[0]).shape[-1]
    lines = copied(file, step, name, node.inputs[0], node) if update else []
    summed = FLOAT32 if is_half(node.dtype) else node.dtype
    factors, ending = f", {literal(1, summed)}, {literal(int(update), summed)}", ""
    if update:
        scale, negate = node.inputs[3], node.attrs["negate"]
        if kind(scale) == "constant":
            factors = f", {literal(scale.attrs['value'] * (-1 if negate else 1), node.dtype)}, {literal(1, node.dtype)}"
        else:
            lines += _scale(step, f"{name}_scale", scale, negate)
            factors, ending = f", {step.workspace(node.dtype, 0, '1')}", "_scaled"
    result = Read(node, None, Linear(0, row_major(node.shape)))
    variables, batch = _batch(step, node, [result, x, y])
    if batch:
        batch, ending = f", {batch}", "_batch"
    (flag_x, ld_x), (flag_y, ld_y) = matrix_layout(x), matrix_layout(y)
    whole = [Read(r.source, r.index, Linear(r.linear.offset, r.linear.strides[: len(variables)])) for r in (result, x, y)]
    pointers = ", ".join(matrix(file, step, r, list(variables)) for r in whole)
    sizes = ", ".join(map(step.dim, (m, k, n, ld_x, ld_y, n)))
    word = f"gemm_{flag_x}{flag_y}"
    call = [f"{word}{ending}(table, {pointers}, {sizes}{factors}{batch}){comment(node)}"]
    for variable, size in reversed(variables.items()):
        call = [f"for {variable} in range({step.dim(size)}):", *indent(call)]
    if item.epilogue is None:
        return lines + call
    apart = [*call, *_loop(step, item.epilogue, name)]
    if variables:
        return apart
    bias = item.epilogue.bias
    vector = "" if bias is None else f", {step.pointer(file.home(bias), bias.dtype, bias.spec.size)}"
    whole_call = f"{word}_{item.epilogue.name}{ending}(table, {pointers}{vector}, {sizes}{batch})"
    return [f"if not {whole_call}:{comment(item.stores[0])}", *indent(apart)]


def _loop(step: Scope, epilogue: Epilogue, name: str) -> list[str]:
    """An epilogue as a loop over the stored product, for what a library has no kernel for."""
    end = epilogue.nodes[-1]
    return LoopEmitter(step.file, Loop(end.shape, None, epilogue.nodes, (end,)), name).launch(step)


def _scale(step: Scope, name: str, scale: Node, negate: bool) -> list[str]:
    """A number on the device, from numbers there: the factor of a product."""
    scope, lines = Scope(step.file), list[str]()
    value = Scalars(scope, lines).value(scale)
    place = scope.workspace(scale.dtype, 0, "1")
    step.file.workspace.append(int(scale.dtype.itemsize))
    return kernel(step, name, scope, [*lines, f"w0 = {place}", f"w0[0] = {'-' if negate else ''}{value}"], "1, 1")


def _batch(step: Scope, node: Node, matrices: list[Read]) -> tuple[dict[str, Dim], str]:
    """Axes of a batch that the host runs over, by variable, and how the last ones, walked as one, are told to the library."""
    batch = node.shape[:-2]
    places = [Linear(0, r.linear.strides[:-2]) for r in matrices]
    if not batch or any(is_negative(place.strides[-1]) for place in places):
        return {step.name("batch"): size for size in batch}, ""
    (last,) = nest(batch, None, places, rebased=False).inner
    together = 1
    while product(batch[-together:]) != last.size:
        together += 1
    outer = {step.name("batch"): size for size in batch[:-together]}
    return outer, ", ".join([step.dim(last.size), *(step.dim(place.strides[-1]) for place in places)])


def scan(step: Scope, item: Scan, name: str) -> list[str]:
    """Every thread takes recurrences of its own."""
    scope = Scope(step.file)
    rows, _, lines = scan_row(scope, item, "row")
    body = strided("row", "thread()", "threads()", scope.dim(rows), lines)
    return kernel(step, name, scope, body, f"*flat_grid({step.dim(rows)})")
