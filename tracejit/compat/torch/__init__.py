"""PyTorch's names over tracejit: tensors that record what is done to them, ``backward()``, optimizers, ``compile``.

::

    import tracejit.compat.torch as torch
    from tracejit.compat.torch.autograd import Variable

A tutorial script runs with its import lines changed so. Operations run at once, in NumPy, and ``backward()`` goes through the one
differentiation that tracejit has; ``torch.compile`` makes one program of a whole training step. Random numbers are those of
``tj.random``: seeded alike they repeat, but they are not PyTorch's.
"""

# ruff: noqa: F401, F403  # the names of the dialect; methods that are functions, too, are listed in ``functions``

from tracejit.compat.torch import autograd, cuda, nn, optim
from tracejit.compat.torch.compiled import compile
from tracejit.compat.torch.creation import (
    Generator,
    arange,
    as_tensor,
    bernoulli,
    empty,
    empty_like,
    eye,
    from_numpy,
    full,
    full_like,
    linspace,
    manual_seed,
    normal,
    ones,
    ones_like,
    rand,
    rand_like,
    randint,
    randn,
    randn_like,
    randperm,
    tensor,
    zeros,
    zeros_like,
)
from tracejit.compat.torch.device import device, get_default_device, set_default_device
from tracejit.compat.torch.dtypes import bfloat16 as _bfloat16
from tracejit.compat.torch.dtypes import bool_ as bool
from tracejit.compat.torch.dtypes import (
    complex64,
    complex128,
    double,
    dtype,
    float16,
    float32,
    float64,
    get_default_dtype,
    half,
    int8,
    int16,
    int32,
    int64,
    long,
    set_default_dtype,
    short,
    uint8,
)
from tracejit.compat.torch.dtypes import float32 as float
from tracejit.compat.torch.dtypes import int32 as int
from tracejit.compat.torch.functions import *
from tracejit.compat.torch.legacy import (
    BoolTensor,
    ByteTensor,
    CharTensor,
    DoubleTensor,
    FloatTensor,
    HalfTensor,
    IntTensor,
    LongTensor,
    ShortTensor,
    set_default_tensor_type,
)
from tracejit.compat.torch.mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from tracejit.compat.torch.size import Size
from tracejit.compat.torch.tensor import Tensor


def __getattr__(name: str) -> object:
    if name == "bfloat16":
        return _bfloat16()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
