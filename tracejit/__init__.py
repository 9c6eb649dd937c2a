"""tracejit: trace NumPy code, differentiate it, and run it as one compiled program."""

# ruff: noqa: F403  # functions that NumPy names stand in the ``__all__`` of their modules, and nowhere else

from numpy import (
    bool_,
    complex64,
    complex128,
    e,
    float16,
    float32,
    float64,
    inf,
    int8,
    int16,
    int32,
    int64,
    nan,
    newaxis,
    pi,
    uint8,
    uint16,
    uint32,
    uint64,
)

from tracejit.config import VERSION as __version__
from tracejit.errors import (
    ArgumentError,
    AxisError,
    CheckpointError,
    CompileError,
    DeviceError,
    DeviceFaultError,
    DeviceMemoryError,
    DTypeError,
    GradientError,
    IndexOutOfBoundsError,
    LeakedTracerError,
    MissingExtraError,
    PinError,
    ShapeError,
    TapeError,
    TraceError,
    TracejitError,
    UnsupportedError,
    VariableError,
)
from tracejit.frontend import numpy as _numpy
from tracejit.frontend.device import device
from tracejit.frontend.function import function
from tracejit.frontend.gradient import grad, jvp, value_and_grad, vjp
from tracejit.frontend.inlined import inlined
from tracejit.frontend.numpy.analysis import *
from tracejit.frontend.numpy.arrangement import *
from tracejit.frontend.numpy.contraction import *
from tracejit.frontend.numpy.creation import *
from tracejit.frontend.numpy.inquiry import *
from tracejit.frontend.numpy.movement import *
from tracejit.frontend.numpy.neural import *
from tracejit.frontend.numpy.reductions import *
from tracejit.frontend.numpy.sorting import *
from tracejit.frontend.numpy.tables import *
from tracejit.frontend.numpy.ufuncs import *
from tracejit.frontend.scope import name_scope
from tracejit.frontend.tape import GradientTape
from tracejit.frontend.tensor import Tensor
from tracejit.frontend.tree import register_tree
from tracejit.frontend.variable import Variable
from tracejit.ir import TensorSpec

_PARTS = {
    "compare": "tracejit.frontend.compare:compare",
    "compat": "tracejit.compat",
    "io": "tracejit.io",
    "optim": "tracejit.optim",
    "random": "tracejit.frontend.random",
    "precompile": "tracejit.frontend.precompile:precompile",
    "num_threads": "tracejit.runtime.threads:num_threads",
    "set_num_threads": "tracejit.runtime.threads:set_num_threads",
}

__all__ = [
    "ArgumentError",
    "AxisError",
    "CheckpointError",
    "CompileError",
    "DTypeError",
    "DeviceError",
    "DeviceFaultError",
    "DeviceMemoryError",
    "GradientError",
    "GradientTape",
    "IndexOutOfBoundsError",
    "LeakedTracerError",
    "MissingExtraError",
    "PinError",
    "ShapeError",
    "TapeError",
    "Tensor",
    "TensorSpec",
    "TraceError",
    "TracejitError",
    "UnsupportedError",
    "Variable",
    "VariableError",
    "__version__",
    "bool_",
    "complex64",
    "complex128",
    "device",
    "e",
    "float16",
    "float32",
    "float64",
    "function",
    "grad",
    "inf",
    "inlined",
    "int8",
    "int16",
    "int32",
    "int64",
    "jvp",
    "name_scope",
    "nan",
    "newaxis",
    "pi",
    "register_tree",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "value_and_grad",
    "vjp",
]
__all__ += _numpy.analysis.__all__
__all__ += _numpy.arrangement.__all__
__all__ += _numpy.contraction.__all__
__all__ += _numpy.creation.__all__
__all__ += _numpy.inquiry.__all__
__all__ += _numpy.movement.__all__
__all__ += _numpy.neural.__all__
__all__ += _numpy.reductions.__all__
__all__ += _numpy.sorting.__all__
__all__ += _numpy.tables.__all__
__all__ += _numpy.ufuncs.__all__


def __getattr__(name: str) -> object:
    """Parts that most programs do not need are imported when they are first named."""
    if name == "bfloat16":
        from tracejit.ir.dtype import bfloat16

        return bfloat16().type
    if name in _PARTS:
        import importlib

        module, _, attribute = _PARTS[name].partition(":")
        part = importlib.import_module(module)
        return getattr(part, attribute) if attribute else part
    raise AttributeError(f"module 'tracejit' has no attribute {name!r}")
