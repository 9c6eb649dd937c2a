"""Every error that tracejit raises on purpose. Each is also the builtin that a reader expects.

TracejitError
├── ShapeError (ValueError)          shapes that do not fit
│   └── AxisError (IndexError)       an axis out of range
├── DTypeError (TypeError)           a dtype that the operation has no meaning for
├── ArgumentError (TypeError)        an argument that is no array, number or static value
├── TraceError (TypeError)           a symbol was asked for what only a number has
│   └── LeakedTracerError            a traced value used after its trace ended
├── GradientError (TypeError)        a derivative that does not exist
├── TapeError (RuntimeError)         a tape used outside its contract
├── VariableError (ValueError)       an assignment that does not fit the Variable
├── UnsupportedError (TypeError)     something NumPy has and tracejit does not
├── IndexOutOfBoundsError (IndexError)
├── CompileError (RuntimeError)      the backend refused generated source: a bug of ours
├── DeviceError (RuntimeError)       a device that is not there, or values on different devices
│   ├── DeviceMemoryError (MemoryError)  the device has no memory left
│   └── DeviceFaultError             the device stopped in the midst of a program
├── PinError (ValueError)            a pinned file that no longer fits its program
├── CheckpointError (ValueError)     a checkpoint that is broken, or does not fit what it is restored to
└── MissingExtraError (ImportError)  an optional package or program that is not installed
"""

from __future__ import annotations


class TracejitError(Exception):
    """Base of all errors that tracejit raises on purpose."""


class ShapeError(TracejitError, ValueError):
    """Shapes that do not fit together."""


class AxisError(ShapeError, IndexError):
    """An axis out of range; both a ValueError and an IndexError, as NumPy's is."""


class DTypeError(TracejitError, TypeError):
    """A dtype for which the operation has no meaning."""


class ArgumentError(TracejitError, TypeError):
    """An argument that is neither array, number, tree of these, nor hashable static value."""


class TraceError(TracejitError, TypeError):
    """A traced value was asked for something that only a number has, such as its truth.

    Fails::

        @tj.function
        def f(x):
            return x if x.sum() > 0 else -x

    Works::

        @tj.function
        def f(x):
            return tj.where(x.sum() > 0, x, -x)
    """


class LeakedTracerError(TraceError):
    """A traced value was used after the call that made it had ended."""


class GradientError(TracejitError, TypeError):
    """A derivative was asked for that does not exist."""


class TapeError(TracejitError, RuntimeError):
    """A GradientTape was used outside its contract."""


class VariableError(TracejitError, ValueError):
    """A Variable was created or assigned in a way that cannot work."""


class UnsupportedError(TracejitError, TypeError):
    """NumPy or Python has it, tracejit does not; the text says what to use."""


class IndexOutOfBoundsError(TracejitError, IndexError):
    """An index beyond the size of its axis, found at run time.

    Attributes:
        scope: The name scope of the operation that checked it.
    """

    scope: str = ""


class CompileError(TracejitError, RuntimeError):
    """The backend refused generated source."""


class DeviceError(TracejitError, RuntimeError):
    """A device that is not there, or values on different devices; the text says which, and the way out."""


class DeviceMemoryError(DeviceError, MemoryError):
    """The device has no memory left; the text says what was asked, what is free, and what holds the rest. Nothing was changed."""


class DeviceFaultError(DeviceError):
    """The device stopped in the midst of a program; what it computed since the last copy to the host is lost."""


class PinError(TracejitError, ValueError):
    """A pinned file no longer fits the program it stands for."""


class CheckpointError(TracejitError, ValueError):
    """A checkpoint is broken, or does not fit the Variables that it was to be restored to; the text names the file."""


class MissingExtraError(TracejitError, ImportError):
    """Something optional is not installed; the text says how to install it."""
