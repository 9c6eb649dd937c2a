"""Optional packages, imported when something needs them."""

from __future__ import annotations

import importlib
from typing import Any

from tracejit.errors import MissingExtraError


def extra(module: str, name: str) -> Any:
    """The module ``module`` of the extra ``name``; MissingExtraError where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        if error.name is not None and error.name.split(".")[0] != package:
            raise  # the package is there, and broken
        raise MissingExtraError(f'{package} is not installed\n  cure: pip install "tracejit[{name}]"', name=package) from None
