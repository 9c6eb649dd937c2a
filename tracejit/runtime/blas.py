"""Matrix products by address: ``cblas_sgemm`` and ``cblas_dgemm`` with 64-bit sizes, from whatever this process has.

Compiled programs hold no addresses; they call the two that the runtime puts in ``table[2]`` and ``table[3]``::

    void gemm(i32 order, i32 transpose_a, i32 transpose_b, i64 m, i64 n, i64 k,
              T alpha, T *a, i64 lda, T *b, i64 ldb, T beta, T *c, i64 ldc)

with ``order`` always row-major, transposes 111 (no) and 112 (yes), and ``c`` not read where ``beta`` is 0.

| source | what it is |
|---|---|
| ``numpy`` | the OpenBLAS that NumPy's wheels bring: loaded already, its threads shared with NumPy's own products |
| ``scipy`` | ``scipy.linalg.cython_blas``, in Fortran's ABI with 32-bit sizes, behind a few lines of machine code |
| ``matmul`` | ``np.matmul`` called back; slower for small products, but always there |

The first that multiplies a small example right is taken; ``TRACEJIT_BLAS`` forces one.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracejit.config import config
from tracejit.errors import CompileError
from tracejit.runtime import native, tiles

ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE = 101, 111, 112


class Blas(NamedTuple):
    """The two addresses, and what must live as long as they are used."""

    sgemm: int
    dgemm: int
    owner: object


def gemm_addresses() -> tuple[int, int]:
    """Addresses of the products for programs, with the arguments of ``cblas_sgemm`` and ``cblas_dgemm``; always the same.

    Large products run in tiles on the threads of parallel regions, except with ``matmul``, which must stay on the thread
    that calls.

    Raises:
        CompileError: The source that ``TRACEJIT_BLAS`` forces is not there.
    """
    code = _in_tiles()
    found = _chosen()[1]
    return (code.address, code.function("dgemm")) if code else (found.sgemm, found.dgemm)


def source() -> str:
    """Where :func:`gemm_addresses` come from; with ``matmul``, a running program lets other threads in."""
    return _chosen()[0]


@functools.cache
def _in_tiles() -> native.NativeCode | None:
    name, found = _chosen()
    return None if name == "matmul" else tiles.tiled(found.sgemm, found.dgemm, _thread_controls())


@functools.cache
def _chosen() -> tuple[str, Blas]:
    forced = config().blas
    for name in SOURCES if forced == "auto" else (forced,):
        found = from_source(name)
        if found is not None:
            return name, found
    raise CompileError(f"blas: TRACEJIT_BLAS is {forced}, which is not found or gives wrong products here; auto takes another")


@functools.cache
def from_source(name: str) -> Blas | None:
    """The products of one source; None where it is missing or wrong."""
    try:
        found = SOURCES[name]()
    except (OSError, ImportError, AttributeError, KeyError, CompileError):
        return None
    return found if _multiplies(found) else None


def gemm(address: int, dtype: np.dtype[Any]) -> Callable[..., None]:
    """The product at an address as a Python function of the C arguments, for tests and interpreted programs."""
    scalar = _SCALARS[dtype.char]
    return ctypes.CFUNCTYPE(None, *_arguments(scalar))(address)


_SCALARS: dict[str, Any] = {"f": ctypes.c_float, "d": ctypes.c_double}


def _arguments(scalar: Any) -> tuple[Any, ...]:
    flag, size, pointer = ctypes.c_int, ctypes.c_int64, ctypes.c_void_p
    return (flag, flag, flag, size, size, size, scalar, pointer, size, pointer, size, scalar, pointer, size)


def _multiplies(found: Blas) -> bool:
    for address, dtype in ((found.sgemm, np.dtype("f4")), (found.dgemm, np.dtype("f8"))):
        a: NDArray[Any] = np.arange(6).reshape(2, 3).astype(dtype)
        b: NDArray[Any] = np.arange(12).reshape(4, 3).astype(dtype)
        c = np.full((2, 4), np.nan, dtype)
        places = [x.ctypes.data for x in (a, b, c)]
        call = gemm(address, dtype)
        call(ROW_MAJOR, NO_TRANSPOSE, TRANSPOSE, 2, 4, 3, 2.0, places[0], 3, places[1], 3, 0.0, places[2], 4)
        if not np.array_equal(c, 2 * a @ b.T):
            return False
    return True


# ------------------------------------------------------------------------------------------------------------ sources


def _numpy() -> Blas:
    library = _openblas("numpy", "64_")
    for prefix in ("scipy_", ""):
        if hasattr(library, f"{prefix}cblas_sgemm64_"):
            sgemm, dgemm = (getattr(library, f"{prefix}cblas_{letter}gemm64_") for letter in "sd")
            return Blas(_address(sgemm), _address(dgemm), library)
    raise AttributeError("cblas_sgemm64_")


def _scipy() -> Blas:
    capsules = importlib.import_module("scipy.linalg.cython_blas").__pyx_capi__
    fallback = _matmul()
    text = "".join(
        _ADAPTOR.format(name=name, scalar=scalar, fortran=_capsule_pointer(capsules[name]), large=large)
        for name, scalar, large in (("sgemm", "float", fallback.sgemm), ("dgemm", "double", fallback.dgemm))
    )
    code = native.assemble(text, "sgemm")
    return Blas(code.address, code.function("dgemm"), owner=(code, fallback))


@functools.cache
def _matmul() -> Blas:
    functions = []
    for char, scalar in _SCALARS.items():
        prototype = ctypes.CFUNCTYPE(None, *_arguments(scalar))
        functions.append(prototype(functools.partial(_product, np.dtype(char))))
    return Blas(_address(functions[0]), _address(functions[1]), owner=functions)


SOURCES: dict[str, Callable[[], Blas]] = {"numpy": _numpy, "scipy": _scipy, "matmul": _matmul}


def _product(
    dtype: np.dtype[Any], order: int, transpose_a: int, transpose_b: int, m: int, n: int, k: int,
    alpha: float, a: int, lda: int, b: int, ldb: int, beta: float, c: int, ldc: int,
) -> None:  # fmt: skip
    """The meaning of the C function, in NumPy."""
    if m <= 0 or n <= 0:
        return
    out = _matrix(dtype, c, m, n, ldc)
    x = _matrix(dtype, a, k, m, lda).T if transpose_a == TRANSPOSE else _matrix(dtype, a, m, k, lda)
    y = _matrix(dtype, b, n, k, ldb).T if transpose_b == TRANSPOSE else _matrix(dtype, b, k, n, ldb)
    if beta == 0:  # whatever out holds, NaN too, is not read
        np.matmul(x, y, out=out)
        np.multiply(out, dtype.type(alpha), out=out)
    else:
        scaled = np.matmul(x, y)
        np.multiply(scaled, dtype.type(alpha), out=scaled)
        np.multiply(out, dtype.type(beta), out=out)
        np.add(out, scaled, out=out)


def _matrix(dtype: np.dtype[Any], address: int, rows: int, columns: int, ld: int) -> NDArray[Any]:
    """A view of rows that lie ``ld`` elements apart at an address."""
    if rows <= 0 or columns <= 0:
        return np.empty((rows, columns), dtype)
    memory: Any = (ctypes.c_byte * (((rows - 1) * ld + columns) * dtype.itemsize)).from_address(address)
    return np.ndarray((rows, columns), dtype, memory, strides=(ld * dtype.itemsize, dtype.itemsize))


def _address(function: Any) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address


def _capsule_pointer(capsule: object) -> int:
    name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", ctypes.pythonapi))
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))
    return int(pointer(capsule, name(capsule)))


# A row-major product is the column-major one of the transposes: c' = op(b)' op(a)', with the operands and m, n exchanged.
# Sizes beyond 32 bits, which the Fortran function does not have, go to np.matmul.
_ADAPTOR = """
define void @{name}(i32 %order, i32 %ta, i32 %tb, i64 %m, i64 %n, i64 %k, {scalar} %alpha, ptr %a, i64 %lda, ptr %b, i64 %ldb,
                    {scalar} %beta, ptr %c, i64 %ldc) {{
  %bits1 = or i64 %m, %n
  %bits2 = or i64 %bits1, %k
  %bits3 = or i64 %bits2, %lda
  %bits4 = or i64 %bits3, %ldb
  %bits5 = or i64 %bits4, %ldc
  %small = icmp ult i64 %bits5, 2147483648
  br i1 %small, label %fortran, label %large
fortran:
  %sizes = alloca [6 x i32]
  %m_at = getelementptr i32, ptr %sizes, i64 0
  %n_at = getelementptr i32, ptr %sizes, i64 1
  %k_at = getelementptr i32, ptr %sizes, i64 2
  %lda_at = getelementptr i32, ptr %sizes, i64 3
  %ldb_at = getelementptr i32, ptr %sizes, i64 4
  %ldc_at = getelementptr i32, ptr %sizes, i64 5
  %m32 = trunc i64 %m to i32
  %n32 = trunc i64 %n to i32
  %k32 = trunc i64 %k to i32
  %lda32 = trunc i64 %lda to i32
  %ldb32 = trunc i64 %ldb to i32
  %ldc32 = trunc i64 %ldc to i32
  store i32 %m32, ptr %m_at
  store i32 %n32, ptr %n_at
  store i32 %k32, ptr %k_at
  store i32 %lda32, ptr %lda_at
  store i32 %ldb32, ptr %ldb_at
  store i32 %ldc32, ptr %ldc_at
  %scalars = alloca [2 x {scalar}]
  %alpha_at = getelementptr {scalar}, ptr %scalars, i64 0
  %beta_at = getelementptr {scalar}, ptr %scalars, i64 1
  store {scalar} %alpha, ptr %alpha_at
  store {scalar} %beta, ptr %beta_at
  %letters = alloca [2 x i8]
  %ta_at = getelementptr i8, ptr %letters, i64 0
  %tb_at = getelementptr i8, ptr %letters, i64 1
  %a_transposed = icmp eq i32 %ta, 112
  %b_transposed = icmp eq i32 %tb, 112
  %ta_letter = select i1 %a_transposed, i8 84, i8 78
  %tb_letter = select i1 %b_transposed, i8 84, i8 78
  store i8 %ta_letter, ptr %ta_at
  store i8 %tb_letter, ptr %tb_at
  %function = inttoptr i64 {fortran} to ptr
  call void %function(ptr %tb_at, ptr %ta_at, ptr %n_at, ptr %m_at, ptr %k_at, ptr %alpha_at, ptr %b, ptr %ldb_at,
                      ptr %a, ptr %lda_at, ptr %beta_at, ptr %c, ptr %ldc_at)
  ret void
large:
  %matmul = inttoptr i64 {large} to ptr
  call void %matmul(i32 %order, i32 %ta, i32 %tb, i64 %m, i64 %n, i64 %k, {scalar} %alpha, ptr %a, i64 %lda, ptr %b, i64 %ldb,
                    {scalar} %beta, ptr %c, i64 %ldc)
  ret void
}}
"""


# ------------------------------------------------------------------------------------------------------------ threads


def blas_threads() -> int | None:
    """Threads of the library that multiplies; None where it does not tell."""
    controls = _thread_controls()
    return int(controls[0]()) if controls else None


def set_blas_threads(n: int) -> bool:
    """Set the threads of the library that multiplies, and of NumPy where it is NumPy's own; False where it cannot be set."""
    if n < 1:
        raise ValueError(f"set_blas_threads: is {n}; it must be at least 1")
    controls = _thread_controls()
    if controls:
        controls[1](n)
    return controls is not None


@functools.cache
def _thread_controls() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    package, suffix = ("scipy", "") if source() == "scipy" else ("numpy", "64_")
    try:
        library = _openblas(package, suffix)
    except OSError:
        return None
    for prefix in ("scipy_", ""):
        names = [f"{prefix}openblas_{verb}_num_threads{suffix}" for verb in ("get", "set")]
        if all(hasattr(library, name) for name in names):
            return getattr(library, names[0]), getattr(library, names[1])
    return None


def _openblas(package: str, suffix: str) -> ctypes.CDLL:
    """The OpenBLAS in a package's wheel; the same one that the package itself uses, since the system loads a file once."""
    home = Path(os.path.abspath(importlib.import_module(package).__file__ or "")).parent
    for folder in (home.parent / f"{package}.libs", home / ".dylibs"):
        for path in sorted(folder.glob(f"*openblas{suffix}*")):
            return ctypes.CDLL(str(path))
    raise OSError(f"no OpenBLAS in the wheel of {package}")
