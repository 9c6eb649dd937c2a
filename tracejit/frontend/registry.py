"""The public functions by their NumPy names: what methods of tensors and NumPy's own dispatch look up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""Filled while ``tracejit.frontend.numpy`` is imported, constant afterwards."""


def call(name: str, *args: Any, **kwargs: Any) -> Any:
    """The public function ``name`` of these arguments."""
    return FUNCTIONS[name](*args, **kwargs)
