"""Products that end in a bias, relu or gelu on a GPU, through cuBLASLt.

cuBLASLt is told what a product looks like by descriptors, and proposes an algorithm for it, or none: some sizes, alignments and
dtypes have no kernel with an epilogue. Both are kept, so that a product of a look that was seen before is one call. All that is
asked of the library happens when a product is first seen, which is not in a capture.
"""

from __future__ import annotations

import importlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracejit.ir.dtype import is_bfloat16
from tracejit.runtime.cuda.driver import Product

_MOST_PLANS = 1024
_ALIGNMENT = 256  # bytes: no algorithm wants more
_SPARE = 256  # bytes of the workspace: with an epilogue, an algorithm may write a little more than it asks for
_UNSUITED = ("NOT_SUPPORTED", "INVALID_VALUE", "ARCH_MISMATCH")
"""What the library answers for a product that it has no algorithm for; some versions say so of a single row or column."""


class _Type(NamedTuple):
    """cuBLAS's numbers of a dtype, of the arithmetic on it, and of what alpha and beta are."""

    data: int
    compute: int
    scale: int


_TYPES = {
    np.dtype(np.float16): _Type(2, 68, 0),
    np.dtype(np.float32): _Type(0, 68, 0),
    np.dtype(np.float64): _Type(1, 70, 1),
}
_BFLOAT16 = _Type(14, 68, 0)
_TF32 = _Type(0, 77, 0)
_FACTORS: dict[int, NDArray[Any]] = {
    0: np.array([1, 0], np.float32),
    1: np.array([1, 0], np.float64),
}  # alpha and beta, on the host


class BlasLt:
    """The handle, and a plan for each look of a product. Any number of threads may use it.

    Args:
        workspace: Bytes of the memory that products work in.
        tf32: Whether operands of float32 may be rounded.
    """

    def __init__(self, workspace: int, tf32: bool) -> None:
        self._lt = importlib.import_module("nvmath.bindings.cublasLt")
        self._handle = self._lt.create()
        self._workspace, self._tf32 = workspace, tf32
        self._lock = threading.Lock()  # a plan's bias belongs to one product at a time
        self._plans: OrderedDict[tuple[Any, ...], _Plan | None] = OrderedDict()

    def offers(self, product: Product) -> bool:
        """Whether there is an algorithm for a product with an epilogue."""
        p = product
        if min(p.m, p.k, p.n, p.batch) == 0 or not (is_bfloat16(p.dtype) or p.dtype in _TYPES):
            return False
        with self._lock:
            return self._plan(p) is not None

    def multiply(self, product: Product, stream: int, workspace: int) -> None:
        """Ask for a product that is offered, on a stream, working in the memory at ``workspace``."""
        with self._lock:
            plan = self._plan(product)
            assert plan is not None, "products that the library does not offer are asked for without an epilogue"
            plan.run(product, stream, workspace)

    def _plan(self, product: Product) -> _Plan | None:
        addresses = (product.a, product.b, product.c, product.bias)
        look = product._replace(a=0, b=0, c=0, bias=0), *map(_alignment, addresses)
        if look not in self._plans:
            self._plans[look] = self._made(product)
            if len(self._plans) > _MOST_PLANS:
                self._plans.popitem(last=False)
        self._plans.move_to_end(look)
        return self._plans[look]

    def _made(self, product: Product) -> _Plan | None:
        kind = _BFLOAT16 if is_bfloat16(product.dtype) else _TYPES[product.dtype]
        kind = _TF32 if kind is _TYPES[np.dtype(np.float32)] and self._tf32 else kind
        try:
            plan = _Plan(self._lt, self._handle, product, kind, self._workspace)
        except self._lt.cuBLASLtError as error:
            if any(word in str(error) for word in _UNSUITED):
                return None
            raise
        return plan if plan.found else None


class _Plan:
    """Descriptors of a product, destroyed with it, and the algorithm.

    The matrices are row-major and cuBLASLt's are column-major, for only then are there epilogues: ``C = A B`` is asked for as
    ``C' = B' A'``, whose columns are rows of C, so that what is added to each column is the bias.

    Args:
        lt: The module.
        handle: Of the library.
        product: Of this look.
        kind: How it is computed.
        workspace: Bytes.

    Attributes:
        found: Whether there is an algorithm.
    """

    def __init__(self, lt: Any, handle: int, product: Product, kind: _Type, workspace: int) -> None:
        p = product
        self._lt, self._handle, self._workspace = lt, handle, workspace
        self._one = _FACTORS[kind.scale].ctypes.data
        self._zero = self._one + _FACTORS[kind.scale].itemsize
        with ExitStack() as made:
            self._product = lt.matmul_desc_create(kind.compute, kind.scale)
            made.callback(lt.matmul_desc_destroy, self._product)
            flip_b, flip_a = p.transposed[1], p.transposed[0]
            name = "_".join(reversed(p.epilogue.upper().split("_")))
            attribute = lt.MatmulDescAttribute
            self._tell(attribute.TRANSA, np.int32(flip_b))
            self._tell(attribute.TRANSB, np.int32(flip_a))
            self._tell(attribute.EPILOGUE, np.uint32(lt.Epilogue[name]))
            self._bias = 0
            self._add(p.bias)
            self._b = self._layout(made, kind.data, (p.k, p.n) if flip_b else (p.n, p.k), p.ldb, p.batch, p.step_b)
            self._a = self._layout(made, kind.data, (p.m, p.k) if flip_a else (p.k, p.m), p.lda, p.batch, p.step_a)
            self._c = self._layout(made, kind.data, (p.n, p.m), p.ldc, p.batch, p.step_c)
            self._result = np.zeros(1, lt.matmul_heuristic_result_dtype)  # which begins with the algorithm
            self.found = self._search(p)
            weakref.finalize(self, made.pop_all().close).atexit = False  # a process that ends takes them along

    def run(self, product: Product, stream: int, workspace: int) -> None:
        p = product
        self._add(p.bias)
        operands = (self._one, p.b, self._b, p.a, self._a, self._zero, p.c, self._c, p.c, self._c)
        work = (self._result.ctypes.data, workspace, self._workspace, int(stream))
        self._lt.matmul(self._handle, self._product, *operands, *work)

    def _search(self, p: Product) -> bool:
        """Ask for the algorithm that should be quickest."""
        lt, count = self._lt, np.zeros(1, np.int32)
        preference, attribute = lt.matmul_preference_create(), lt.MatmulPreferenceAttribute
        try:
            room = np.uint64(self._workspace - _SPARE)
            _write(lt.matmul_preference_set_attribute, preference, attribute.MAX_WORKSPACE_BYTES, room)
            for which, address in zip("ABCD", (p.b, p.a, p.c, p.c), strict=True):
                name, least = attribute[f"MIN_ALIGNMENT_{which}_BYTES"], np.uint32(_alignment(address))
                _write(lt.matmul_preference_set_attribute, preference, name, least)
            layouts, results = (self._b, self._a, self._c, self._c), (1, self._result.ctypes.data, count.ctypes.data)
            lt.matmul_algo_get_heuristic(self._handle, self._product, *layouts, preference, *results)
        finally:
            lt.matmul_preference_destroy(preference)
        return bool(count[0] == 1 and self._result["state"][0] == 0)

    def _layout(self, made: ExitStack, data: int, shape: tuple[int, int], ld: int, batch: int, step: int) -> int:
        """A column-major matrix, or as many as there are in the batch."""
        lt = self._lt
        layout: int = lt.matrix_layout_create(data, *shape, max(ld, 1))
        made.callback(lt.matrix_layout_destroy, layout)
        if batch > 1:
            _write(lt.matrix_layout_set_attribute, layout, lt.MatrixLayoutAttribute.BATCH_COUNT, np.int32(batch))
            _write(lt.matrix_layout_set_attribute, layout, lt.MatrixLayoutAttribute.STRIDED_BATCH_OFFSET, np.int64(step))
        return layout

    def _add(self, bias: int) -> None:
        """Have the bias at an address added."""
        if bias != self._bias:
            self._tell(self._lt.MatmulDescAttribute.BIAS_POINTER, np.int64(bias))
            self._bias = bias

    def _tell(self, name: int, value: np.generic) -> None:
        _write(self._lt.matmul_desc_set_attribute, self._product, name, value)


def _write(setter: Callable[[int, int, int, int], None], target: int, name: int, value: np.generic) -> None:
    """Set an attribute, which the library copies from memory."""
    number = np.array([value])
    setter(target, name, number.ctypes.data, number.nbytes)


def _alignment(address: int) -> int:
    """The largest power of two, up to what counts, that divides an address."""
    return min(address & -address, _ALIGNMENT) if address else _ALIGNMENT
