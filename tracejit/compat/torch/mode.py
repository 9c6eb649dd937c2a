"""Whether operations are recorded for backward(): the one piece of ambient state that PyTorch has and tracejit has not."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
from functools import wraps
from typing import Any

_enabled: ContextVar[bool] = ContextVar("torch's gradient mode", default=True)

is_grad_enabled = _enabled.get
"""Whether operations of tensors that require a gradient are recorded."""


class _Mode:
    """Sets the mode within a ``with`` block, or within the calls of a decorated function."""

    mode = True

    def __init__(self) -> None:
        self._tokens: list[Token[bool]] = []

    def __enter__(self) -> None:
        self._tokens.append(_enabled.set(self.mode))

    def __exit__(self, *exception: object) -> None:
        _enabled.reset(self._tokens.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        mode = self.mode

        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            token = _enabled.set(mode)
            try:
                return function(*args, **kwargs)
            finally:
                _enabled.reset(token)

        return called


def _decorating(kind: type[_Mode]) -> Any:
    """The class, or, used as a bare decorator, the decorated function."""

    def make(function: Callable[..., Any] | None = None) -> Any:
        return kind() if function is None else kind()(function)

    make.__name__ = make.__qualname__ = kind.__name__
    make.__doc__ = kind.__doc__
    return make


class _NoGrad(_Mode):
    """Record nothing: ``with torch.no_grad():``, or ``@torch.no_grad()``."""

    mode = False


class _EnableGrad(_Mode):
    """Record again, inside of ``no_grad``."""

    mode = True


no_grad = _decorating(_NoGrad)
inference_mode = _decorating(_NoGrad)
enable_grad = _decorating(_EnableGrad)


class set_grad_enabled(_Mode):
    """Set the mode, at once; as ``with torch.set_grad_enabled(flag):`` until the block ends."""

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.mode = bool(mode)
        self._tokens.append(_enabled.set(self.mode))

    def __enter__(self) -> None:
        if not self._tokens:
            self._tokens.append(_enabled.set(self.mode))
