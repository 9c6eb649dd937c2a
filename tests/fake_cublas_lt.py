"""A stand-in for ``nvmath.bindings.cublasLt``: it refuses what the library refuses, and computes on the host, column-major."""

import ctypes
import enum
import itertools
from types import ModuleType

import numpy as np

import tracejit as tj

DTYPES = {0: np.float32, 1: np.float64, 2: np.float16, 14: tj.bfloat16}
COMPUTED = {0: ((68, 0), (77, 0)), 1: ((70, 1),), 2: ((68, 0),), 14: ((68, 0),)}  # what a dtype is added up and scaled in
RESULT = np.dtype(
    {
        "names": ["algo", "workspace_size", "state", "waves_count"],
        "formats": [np.dtype([("data_", "<u8", (8,))]), "<u8", "<i4", "<f4"],
        "offsets": [0, 64, 72, 76],
        "itemsize": 96,
    }
)
HANDLE, WORKING = 6, 1 << 20
Epilogue = enum.IntEnum("Epilogue", {"DEFAULT": 1, "RELU": 2, "BIAS": 4, "RELU_BIAS": 6, "GELU": 32, "GELU_BIAS": 36})
MatmulDescAttribute = enum.IntEnum("MatmulDescAttribute", {"TRANSA": 3, "TRANSB": 4, "EPILOGUE": 7, "BIAS_POINTER": 8})
MatrixLayoutAttribute = enum.IntEnum("MatrixLayoutAttribute", {"BATCH_COUNT": 5, "STRIDED_BATCH_OFFSET": 6})
MatmulPreferenceAttribute = enum.IntEnum(
    "MatmulPreferenceAttribute", {"MAX_WORKSPACE_BYTES": 1} | {f"MIN_ALIGNMENT_{x}_BYTES": 5 + i for i, x in enumerate("ABCD")}
)
WRITTEN = {
    ("product", "TRANSA"): np.int32, ("product", "TRANSB"): np.int32, ("product", "EPILOGUE"): np.uint32,
    ("product", "BIAS_POINTER"): np.int64, ("layout", "BATCH_COUNT"): np.int32, ("layout", "STRIDED_BATCH_OFFSET"): np.int64,
    ("preference", "MAX_WORKSPACE_BYTES"): np.uint64, **{("preference", f"MIN_ALIGNMENT_{x}_BYTES"): np.uint32 for x in "ABCD"},
}  # fmt: skip


class cuBLASLtError(Exception):
    """As the package names it."""


def refuse(status):
    raise cuBLASLtError(f"CUBLAS_STATUS_{status}")


class Lt:
    """The library.

    Args:
        packages: The stand-ins that memory, streams and captures belong to; they are told of each call.

    Attributes:
        living: What was created and not destroyed, by its number.
        has_none: For which epilogue, m, k and n of a column-major product there is no algorithm.
    """

    def __init__(self, packages):
        self.packages, self.living, self.numbers = packages, {}, itertools.count(1000)
        self.has_none = lambda epilogue, m, k, n: False
        self.algorithms = {}

    def module(self):
        made = ModuleType("nvmath.bindings.cublasLt")
        made.cuBLASLtError, made.matmul_heuristic_result_dtype, made.create = cuBLASLtError, RESULT, lambda: HANDLE
        made.Epilogue, made.MatmulDescAttribute = Epilogue, MatmulDescAttribute
        made.MatrixLayoutAttribute, made.MatmulPreferenceAttribute = MatrixLayoutAttribute, MatmulPreferenceAttribute
        made.matmul_desc_create = lambda compute, scale: self._made("product", compute=compute, scale=scale)
        made.matrix_layout_create = self._layout
        made.matmul_preference_create = lambda: self._made("preference")
        for name, kind in (("matmul_desc", "product"), ("matrix_layout", "layout"), ("matmul_preference", "preference")):
            setattr(made, f"{name}_destroy", lambda number, kind=kind: self._destroy(kind, number))
            setattr(made, f"{name}_set_attribute", lambda *what, kind=kind: self._set(kind, *what))
        made.matmul_algo_get_heuristic, made.matmul = self._heuristic, self._matmul
        return made

    def _made(self, kind, **content):
        number = next(self.numbers)
        self.living[number] = {"kind": kind, **content}
        return number

    def _there(self, kind, number):
        found = self.living.get(number)
        if found is None or found["kind"] != kind:
            refuse("INVALID_VALUE")
        return found

    def _destroy(self, kind, number):
        self._there(kind, number)
        del self.living[number]

    def _layout(self, data, rows, columns, ld):
        if ld < rows or rows < 1 or columns < 1:
            refuse("INVALID_VALUE")
        return self._made("layout", data=data, rows=rows, columns=columns, ld=ld)

    def _set(self, kind, number, name, address, nbytes):
        names = {"product": MatmulDescAttribute, "layout": MatrixLayoutAttribute, "preference": MatmulPreferenceAttribute}
        dtype = np.dtype(WRITTEN[kind, names[kind](name).name])
        if nbytes != dtype.itemsize:
            refuse("INVALID_VALUE")
        raw = ctypes.string_at(address, nbytes)
        self._there(kind, number)[names[kind](name).name] = np.frombuffer(raw, dtype)[0].item()

    def _look(self, product, layouts):
        """What is asked for: flips, m, k, n, and the layouts; refused where they do not fit together."""
        p, (a, b, c, d) = self._there("product", product), [self._there("layout", x) for x in layouts]
        if len({x["data"] for x in (a, b, c, d)}) > 1 or len({x.get("BATCH_COUNT", 1) for x in (a, b, c, d)}) > 1:
            refuse("INVALID_VALUE")
        if (p["compute"], p["scale"]) not in COMPUTED.get(a["data"], ()):
            refuse("NOT_SUPPORTED")
        (m, k), (k_too, n) = (_shape(x, p.get(flip, 0)) for x, flip in ((a, "TRANSA"), (b, "TRANSB")))
        if k != k_too or (m, n) != _shape(d, 0) or c != d:
            refuse("INVALID_VALUE")
        epilogue = Epilogue(p.get("EPILOGUE", 1))
        bias = p.get("BIAS_POINTER", 0)
        if bool(epilogue & 4) != bool(bias) or bias % np.dtype(DTYPES[a["data"]]).itemsize:
            refuse("INVALID_VALUE")
        return p, a, b, d, (m, k, n), epilogue, bias

    def _heuristic(self, handle, product, a, b, c, d, preference, asked, results, count):
        assert handle == HANDLE and asked == 1
        *_, (m, k, n), epilogue, bias = self._look(product, (a, b, c, d))
        wanted = self._there("preference", preference)
        self.packages.calls.append(("heuristic", epilogue.name, m, k, n))
        found = 0 if self.has_none(epilogue, m, k, n) or wanted.get("MAX_WORKSPACE_BYTES", 0) < WORKING else 1
        if found:
            least = [wanted.get(f"MIN_ALIGNMENT_{x}_BYTES", 256) for x in "ABCD"]
            self.algorithms[number := next(self.numbers)] = (product, (a, b, c, d), least, _alignment(bias))
            answer = np.zeros(1, RESULT)
            answer["algo"]["data_"][0, 0], answer["workspace_size"] = number, WORKING
            ctypes.memmove(results, answer.ctypes.data, RESULT.itemsize)
        ctypes.memmove(count, np.array([found], np.int32).ctypes.data, 4)

    def _matmul(self, handle, product, alpha, a, la, b, lb, beta, c, lc, d, ld, algorithm, workspace, nbytes, stream):
        packages = self.packages
        x, y, z, out, (m, *_), epilogue, bias = self._look(product, (la, lb, lc, ld))
        asked, layouts, least, least_bias = self.algorithms[int.from_bytes(ctypes.string_at(algorithm, 8), "little")]
        if (asked, layouts) != (product, (la, lb, lc, ld)) or nbytes < WORKING or workspace % 256:
            refuse("NOT_SUPPORTED")
        if any(p % each for p, each in zip((a, b, c, d, bias), (*least, least_bias), strict=True)):
            refuse("INVALID_VALUE")
        packages._living(stream)
        if not packages._inside(workspace, nbytes):
            refuse("EXECUTION_FAILED")
        scale = np.dtype((np.float32, np.float64)[x["scale"]])
        factors = [np.frombuffer(ctypes.string_at(f, scale.itemsize), scale)[0] for f in (alpha, beta)]
        assert factors == [1, 0]
        packages.calls.append(("lt matmul", epilogue.name, x["compute"], stream))
        dtype = np.dtype(DTYPES[out["data"]])
        offset = packages.matrix(bias, (m, 1), m, dtype).astype(scale) if bias else 0
        for i in range(out.get("BATCH_COUNT", 1)):
            left, right, target = (_at(packages, s, p, i, dtype) for s, p in ((y, a), (z, b), (out, d)))
            left, right = (v.T if x.get(f) else v for v, f in ((left, "TRANSA"), (right, "TRANSB")))
            total = left.astype(scale) @ right.astype(scale) + offset
            if epilogue & 2:
                total = np.fmax(total, 0)
            if epilogue & 32:
                total = total * (1 + np.tanh(np.sqrt(2 / np.pi) * (total + 0.044715 * total**3))) / 2
            target[...] = total


def _shape(layout, flip):
    shape = layout["rows"], layout["columns"]
    return shape[::-1] if flip else shape


def _at(packages, layout, address, i, dtype):
    place = address + i * layout.get("STRIDED_BATCH_OFFSET", 0) * dtype.itemsize
    return packages.matrix(place, (layout["rows"], layout["columns"]), layout["ld"], dtype)


def _alignment(address):
    return min(address & -address, 256) or 1
