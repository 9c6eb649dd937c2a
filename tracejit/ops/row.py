"""Op: one row of the op table. Everything the library knows of an operation stands in its row.

A row is made by one of the decorators of this module from a function whose name is the op's name, whose docstring is its
help and whose body is its NumPy meaning. The fields of the row say the rest: how specs follow, how the scalar reads in
generated source, how it is scheduled, and, through ``defvjp``, its derivative.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from tracejit.errors import DTypeError, ShapeError
from tracejit.ir import Builder, Node, TensorSpec, current
from tracejit.ir.builder import CONSTANT
from tracejit.ir.dtype import FLOAT16, is_half, stand_ins
from tracejit.ir.size import Dim
from tracejit.ir.spec import CODES

Kind = Literal[
    "elementwise", "iota", "reduce", "argreduce", "view", "reshape", "gather", "scatter", "write", "contract", "scan", "sort"
]
"""How the scheduler treats an op.

elementwise  a scalar expression at every point           iota      the index along an axis, as a scalar expression
reduce       an accumulator over axes                     argreduce the index at which {x} replaces {acc} last, over one axis
view         an affine map of indices, never a pass over memory
reshape      the same buffer with another shape           gather    a load whose index is data
scatter      accumulation at indices that are data        write     stores into parts of one result
contract     a product of matrices                        scan      a recurrence along an axis
sort         by order along the last axis, by the word {expr}
"""

DTYPES = frozenset(CODES.values())

TABLE: dict[str, Op] = {}
"""Every op by name. ``tracejit.ops`` fills it by importing the modules of rows."""

MOVES = frozenset(("view", "reshape", "gather", "write"))
"""Kinds of ops that move elements and compute nothing."""

Vjp = Callable[..., tuple[Node | None, ...]]
Parts = Callable[..., tuple[tuple[tuple[Dim, ...], tuple[Dim, ...]], ...]]


@dataclass(frozen=True, slots=True)
class Domain:
    """Where test samples of an operand are drawn from: reals in (low, high), integers in the same range, dtypes by kind."""

    low: float = -3.0
    high: float = 3.0
    kinds: str = "biuf"  # NumPy's dtype kinds that the operand may have

    def with_kinds(self, kinds: str) -> Domain:
        return Domain(self.low, self.high, kinds)


@dataclass(frozen=True, slots=True)
class Sample:
    """A call to test an op with: shapes and domains of the operands, and attributes."""

    shapes: tuple[tuple[int, ...], ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    domains: tuple[Domain, ...] = ()


@dataclass(eq=False)
class Op:
    """A row of the table; see the module's docstring. Filled while ``tracejit.ops`` is imported, constant afterwards.

    Attributes:
        evaluate: NumPy meaning: ``evaluate(*arrays, **attrs)``.
        resolve: ``resolve(*dtypes) -> (*operand dtypes, result dtype)``; dtypes may be int, float, complex or bool, the Python
            types, for operands that are weakly typed as in NEP 50.
        expr: Scalar source over ``{x}``-style names of the operands and attributes; the words are the prelude's.
        of_complex: The same for complex operands; empty where there is none.
        extremum: Of an argument reduction: the accumulator of the value that it looks for, over ``{acc}`` and ``{x}``.
        identity: Of a reduction, by dtype.
        index_map: Of a view: indices of the operand from indices of the result.
        parts: Of a write: for each operand ``(starts, steps)``, its element ``i`` being element ``starts + steps * i`` of the
            result; later operands cover earlier ones.
        in_place: The result may take the buffer of the first operand, of which it reads only what it replaces.
        limit: The attribute that every value must be below, and not negative; empty where values are free.
        vjp: Cotangents of the operands: ``vjp(ct, out, *inputs, **attrs)``.
        samples: Calls that the tests of the table make.
    """

    name: str
    kind: Kind
    evaluate: Callable[..., Any]
    infer_shape: Callable[..., tuple[Dim, ...]]
    resolve: Callable[..., tuple[np.dtype, ...]]
    expr: str = ""
    of_complex: str = ""
    extremum: str = ""
    identity: Callable[[np.dtype], Any] | None = None
    index_map: Callable[..., Any] | None = None
    parts: Parts | None = None
    in_place: bool = False
    limit: str = ""
    samples: tuple[Sample, ...] = ()
    vjp: Vjp | None = None

    def __post_init__(self) -> None:
        assert self.name not in TABLE, f"op {self.name} is defined twice"
        self.__doc__ = self.evaluate.__doc__
        parameters = inspect.signature(self.evaluate).parameters.values()
        self.operands = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        if self.kind not in MOVES:
            self.evaluate = _rounded(self.evaluate, self.resolve)
        TABLE[self.name] = self

    def infer(self, *specs: TensorSpec, **attrs: Any) -> TensorSpec:
        """The spec of the result; ShapeError or DTypeError where the operands do not fit."""
        shape = self.infer_shape(*specs, **attrs)
        given = tuple([s.dtype for s in specs])
        dtypes = self.resolve(*given, **attrs)
        if dtypes[:-1] != given:
            asked = ", ".join(map(str, dtypes[:-1]))
            raise DTypeError(f"{self.name}: operands are {', '.join(map(str, specs))}; they must be cast to {asked} first")
        return TensorSpec.of(tuple(shape), dtypes[-1])

    def __call__(self, *operands: Node | complex, **attrs: Any) -> Node:
        """Emit into the current builder. Python numbers become constants of the shape and dtype of the nodes beside them."""
        builder = current()
        nodes = [x for x in operands if isinstance(x, Node)]
        if len(nodes) < len(operands):
            like = next((x for x in nodes if x.dtype != bool), nodes[0])
            return builder.emit(self, tuple(x if isinstance(x, Node) else full_like(builder, like, x) for x in operands), **attrs)
        return builder.emit(self, tuple(nodes), **attrs)

    def defvjp(self, rule: Vjp) -> Vjp:
        """Decorator: ``rule(ct, out, *inputs, **attrs)`` gives the cotangent of each input, None where there is none."""
        assert self.vjp is None, f"{self.name} has two derivatives"
        self.vjp = rule
        return rule


def _rounded(evaluate: Callable[..., Any], resolve: Callable[..., tuple[np.dtype, ...]]) -> Callable[..., Any]:
    """``evaluate``, of halves in float32 and rounded once: for sums, and for what NumPy and SciPy do not have of halves."""

    @functools.wraps(evaluate)
    def evaluated(*operands: Any, **attrs: Any) -> Any:
        dtypes = [getattr(x, "dtype", None) for x in operands]
        if not any(dtype is not None and is_half(dtype) for dtype in dtypes):
            return evaluate(*operands, **attrs)
        wide = [x.astype(np.float32) if is_half(x.dtype) else x for x in operands]
        return evaluate(*wide, **attrs).astype(resolve(*dtypes, **attrs)[-1], copy=False)

    return evaluated


def full_like(builder: Builder, like: Node, value: complex) -> Node:
    """A constant of the spec of ``like``."""
    scalar = builder.constant(value, like.dtype)
    return scalar if like.shape == () else builder.emit(TABLE["broadcast"], (scalar,), shape=like.shape, axes=())


def ufunc_resolver(ufunc: np.ufunc, name: str = "") -> Callable[..., tuple[np.dtype, ...]]:
    """The dtypes that NumPy's ufunc runs with, NEP 50 included; ``name`` is the op's where it is not the ufunc's."""
    name = name or ufunc.__name__

    @functools.lru_cache(maxsize=1024)
    def resolve(*dtypes: Any) -> tuple[np.dtype, ...]:
        given = ", ".join(d.__name__ if isinstance(d, type) else str(d) for d in dtypes)
        operands = [np.dtype(bool) if d is bool else d for d in dtypes]
        try:
            known, half = stand_ins(operands)
            resolved = ufunc.resolve_dtypes((*known, *[None] * ufunc.nout))[: ufunc.nin + 1]
        except TypeError:
            raise DTypeError(f"{name}: no meaning for {given}; NumPy has no such operation either") from None
        if foreign := [str(d) for d in resolved if d not in DTYPES]:
            raise DTypeError(f"{name}: for {given} NumPy computes in {foreign[0]}, which tracejit lacks; cast the operands")
        return tuple([half if d == FLOAT16 else d for d in resolved])

    return lambda *dtypes, **attrs: resolve(*dtypes)


def same_dtype(*dtypes: Any, **attrs: Any) -> tuple[np.dtype, ...]:
    """Operands and result have the dtype of the first operand."""
    return (dtypes[0],) * (len(dtypes) + 1)


def same_shape(name: str) -> Callable[..., tuple[Dim, ...]]:
    """The shape rule of elementwise rows: the front end has broadcast already."""

    def infer_shape(first: TensorSpec, *others: TensorSpec, **attrs: Any) -> tuple[Dim, ...]:
        for s in others:
            if s.shape == first.shape:
                continue
            raise ShapeError(f"{name}: shapes differ: {', '.join(map(str, (first, *others)))}")
        return first.shape

    return infer_shape


def elementwise(
    expr: str,
    *domains: Domain,
    ufunc: np.ufunc | None = None,
    resolve: Callable[..., tuple[np.dtype, ...]] | None = None,
    attrs: Sequence[dict[str, Any]] = ({},),
    of_complex: str = "",
    limit: str = "",
) -> Callable[[Callable[..., Any]], Op]:
    """A row that acts on each element.

    Args:
        expr: Scalar source, such as ``"arcsinh({x})"``.
        domains: Of each operand, for tests; where none may be complex, programs refuse complex operands.
        ufunc: Where given, NumPy's own dtype resolution; otherwise ``resolve``.
        attrs: Attributes to test with.
        of_complex: Scalar source for complex operands, where it is another one.
        limit: The attribute that every value must be below.
    """
    assert (ufunc is None) != (resolve is None)
    rule = ufunc_resolver(ufunc) if ufunc is not None else resolve
    assert rule is not None

    def make(function: Callable[..., Any]) -> Op:
        name = function.__name__.rstrip("_")
        samples = tuple(Sample(((3, 4),) * len(domains), dict(a), domains) for a in attrs)
        takes_complex = any("c" in d.kinds for d in domains)
        source = (of_complex or expr) if takes_complex else ""
        return Op(
            name, "elementwise", function, same_shape(name), rule, expr=expr, of_complex=source, samples=samples, limit=limit
        )

    return make


def reduction(
    expr: str,
    identity: Callable[[np.dtype], Any],
    resolve: Callable[..., tuple[np.dtype, ...]],
    *domains: Domain,
    extremum: str = "",
) -> Callable[[Callable[..., Any]], Op]:
    """A row that removes the axes ``axes`` (sorted, not negative); ``expr`` is over ``{acc}`` and ``{x}``.

    With ``extremum`` it is an argument reduction, see ``Op``.
    """
    kind: Kind = "argreduce" if extremum else "reduce"

    def infer_shape(x: TensorSpec, *, axes: tuple[int, ...]) -> tuple[Dim, ...]:
        return tuple(d for i, d in enumerate(x.shape) if i not in axes)

    def make(function: Callable[..., Any]) -> Op:
        axes = [(1,), (0,)] if kind == "argreduce" else [(1,), (0,), (0, 1), ()]
        samples = tuple(Sample(((3, 4),), {"axes": a}, domains) for a in axes)
        op = Op(function.__name__, kind, function, infer_shape, resolve, expr=expr, identity=identity, samples=samples)
        op.extremum = extremum
        return op

    return make


def lift(value: complex, dtype: np.dtype) -> Node:
    """A scalar constant in the current builder."""
    return current().constant(value, dtype)


def row(
    kind: Kind,
    infer_shape: Callable[..., tuple[Dim, ...]],
    *samples: Sample,
    resolve: Callable[..., tuple[np.dtype, ...]] = same_dtype,
    expr: str = "",
    index_map: Callable[..., Any] | None = None,
    parts: Parts | None = None,
    in_place: bool = False,
) -> Callable[[Callable[..., Any]], Op]:
    """A row of any other kind; the arguments are the fields of ``Op``."""

    def make(function: Callable[..., Any]) -> Op:
        name = function.__name__.rstrip("_")
        fields = {"expr": expr, "index_map": index_map, "parts": parts, "in_place": in_place, "samples": samples}
        return Op(name, kind, function, infer_shape, resolve, **fields)  # type: ignore[arg-type]

    return make


def filled(like: Node, value: complex) -> Node:
    """A constant of the spec of ``like`` in the current builder."""
    return full_like(current(), like, value)


def number(node: Node) -> complex | None:
    """The number that every element of ``node`` is, where that stands in the graph."""
    while node.op.name == "broadcast":
        node = node.inputs[0]
    value: complex | None = node.attrs["value"] if node.op is CONSTANT else None
    return value


__all__ = [
    "CONSTANT",
    "TABLE",
    "Domain",
    "Op",
    "Sample",
    "elementwise",
    "filled",
    "full_like",
    "lift",
    "number",
    "reduction",
    "row",
    "same_dtype",
    "same_shape",
    "ufunc_resolver",
]
