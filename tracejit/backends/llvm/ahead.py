"""Asking memory for what a loop needs soon.

A processor computes while memory answers only as far as it sees ahead, and of a long loop it sees little more than the vectors
at hand: each line that is not in the cache then costs much of its time. So such a loop asks for the lines it comes to, those
that it writes included, where it goes over more than caches hold; else asking costs and gains nothing.

The vectorizer makes no vector of a prefetch, but of a call of a function that has a form for vectors. The function here is its
own such form: it asks once a vector, by the index of the first element. Until then it must not be inlined, so it is ``weak``:
as far as LLVM knows, another one may come when the program is linked. ``put_in_place`` ends that.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any

from llvmlite import binding, ir
from llvmlite.binding.newpassmanagers import NewPassManager, create_new_module_pass_manager

from tracejit.backends.llvm.control import LONG
from tracejit.backends.llvm.operands import BYTE, Pointer
from tracejit.backends.llvm.value import I64, SPELLINGS, Value

NAME = "tracejit.ahead"
AHEAD = 4096
"""Instructions from asking to use: what a core does while memory answers."""
LINE = 64
"""Bytes of a line of the cache, and of a vector at most."""
FAR = 1 << 18
"""Bytes that a loop goes over, at most, without asking; a chunk of it, so that the largest cache may hold the loop."""
WIDTHS = (2, 4, 8, 16, 32, 64)
SIZE, CHOICE = I64.type, ir.IntType(32)

Walked = tuple[Pointer, Value, bool]


def ask_ahead(build: Any, count: Value, index: Value, instructions: int, walked: Iterable[Walked]) -> None:
    """At the end of the body of a loop over ``count`` elements: ask for what the loop comes to, if that pays.

    ``instructions`` are those of the body, ``walked`` the elements that move with the index: pointer, index, whether written.
    """
    if build.module.triple in SPELLINGS or instructions < LONG:  # threads of a GPU wait for each other's memory anyway
        return
    found = list(walked)
    bases = [pointer.address(build, at - index).raw for pointer, at, _ in found]
    if found:
        far = count * sum(pointer.nbytes for pointer, _, _ in found) > FAR
        distance = LINE * max(AHEAD // instructions, 1)
        asking = _asking(build.module, distance, [(pointer.nbytes, written) for pointer, _, written in found])
        build.call(asking, [far.raw, index.raw, *bases])


def walked_by(name: str, body: list[ast.stmt]) -> Iterator[tuple[str, ast.expr, bool]]:
    """What moves by one element with the index ``name`` of a loop: pointer, index, whether it is written; once a pointer.

    Nothing where the body has loops or choices: it is no vector's then.
    """
    if any(isinstance(statement, ast.For | ast.While | ast.If) for statement in body):
        return
    parts = [part for statement in body for part in ast.walk(statement)]
    changing = {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)} | {name}
    first: dict[str, ast.expr] = {}
    written = set()
    for part in parts:
        if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name) and _moves(part.slice, name, changing):
            first.setdefault(part.value.id, part.slice)
            written |= {part.value.id} if isinstance(part.ctx, ast.Store) else set()
    for pointer, index in first.items():
        yield pointer, index, pointer in written


def _moves(index: ast.expr, name: str, changing: set[str]) -> bool:
    """Whether an index is ``name`` plus what does not change."""
    if isinstance(index, ast.BinOp) and isinstance(index.op, ast.Add):
        parts = (index.left, index.right)
        return any(_moves(a, name, changing) and _stays(b, changing) for a, b in (parts, parts[::-1]))
    return isinstance(index, ast.Name) and index.id == name


def _stays(index: ast.expr, changing: set[str]) -> bool:
    return all(
        not isinstance(part, ast.Subscript | ast.Name) or (isinstance(part, ast.Name) and part.id not in changing)
        for part in ast.walk(index)
    )


def _asking(module: Any, distance: int, walked: list[tuple[int, bool]]) -> Any:
    """``asking(far, index, base...)`` for elements of these sizes, read or written, so many bytes ahead; once a module."""
    name = ".".join([NAME, str(distance), *(f"{nbytes}{'w' if written else 'r'}" for nbytes, written in walked)])
    if name in module.globals:
        return module.globals[name]
    operands = [ir.IntType(1), SIZE, *[SIZE] * len(walked)]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), operands), name)
    function.linkage = "weak"
    moves = "ul1" + "u" * len(walked)  # the index moves by one, all else is uniform
    forms = ",".join(f"_ZGV_LLVM_N{width}{moves}_{name}({name})" for width in WIDTHS)
    for attribute in ("nounwind", "willreturn", "inaccessiblememonly", f'"vector-function-abi-variant"="{forms}"'):
        set.add(function.attributes, attribute)  # its own ``add`` takes what llvmlite knows
    build = ir.IRBuilder(function.append_basic_block("entry"))
    far, index, *bases = function.args
    with build.if_then(far):
        for base, (nbytes, written) in zip(bases, walked, strict=True):
            address = Value(build, base, I64) + Value(build, index, I64) * nbytes + distance
            options = (int(written), 3, 1)  # to be written, needed again soon, data
            place = build.inttoptr(address.raw, BYTE.as_pointer())
            build.call(_prefetch(module), [place, *(ir.Constant(CHOICE, option) for option in options)])
    build.ret_void()
    return function


def _prefetch(module: Any) -> Any:
    signature = ir.FunctionType(ir.VoidType(), [BYTE.as_pointer(), *[CHOICE] * 3])
    return module.globals.get("llvm.prefetch.p0") or ir.Function(module, signature, "llvm.prefetch.p0")


def put_in_place(module: Any, builder: Any) -> None:
    """After the vectorizer: put what it called into the loops.

    That is the vector forms of formulas, and what asks ahead, with one choice for all vectors that are computed side by side.
    """
    asking = [function for function in module.functions if function.name.startswith(NAME)]
    for function in asking:
        function.linkage = binding.Linkage.internal
        function.add_function_attribute("alwaysinline")
    passes = create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    if asking:
        passes.add_jump_threading_pass()
        passes.add_simplify_cfg_pass()
    passes.run(module, builder)
    NewPassManager._dispose(passes)  # as in ``translate``
