"""``python -m tracejit``: fill the cache of compiled programs ahead of time, look into it, clear it.

    python -m tracejit warm module:function [module:function ...]
    python -m tracejit cache [--clear]

``warm`` compiles each function for its input signature, so that later processes start without compiling. ``module:object.name``
reaches attributes. The exit status is 1 when a target could not be made, or the cache cannot keep it.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import sys
from collections.abc import Sequence
from typing import Any

from tracejit.config import config
from tracejit.frontend.precompile import precompile
from tracejit.runtime import cache

_HEAD = "Fill the cache of compiled programs ahead of time, look into it, clear it."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tracejit", description=_HEAD)
    commands = parser.add_subparsers(dest="command", required=True)
    warm = commands.add_parser("warm", help="compile functions for their input signatures")
    warm.add_argument("targets", nargs="+", metavar="module:function", help="where the function is found")
    listing = commands.add_parser("cache", help="list what the cache holds")
    listing.add_argument("--clear", action="store_true", help="remove it")
    asked = parser.parse_args(arguments)
    if asked.command == "cache":
        return _cleared() if asked.clear else _listed()
    return max([_warmed(target) for target in asked.targets])


def _warmed(target: str) -> int:
    """Compile one target, and say what came of it."""
    try:
        made = precompile(_found(target))
        if cache.fault():
            raise OSError(f"made, but not for later processes: {cache.fault()}")
        print(made)
    except Exception as error:  # whatever a module or a trace raises is for the user to read
        print(f"failed   {target}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


def _found(target: str) -> Any:
    """The object that ``module:attribute.attribute`` names."""
    module, _, path = target.partition(":")
    if not module or not path:
        raise ValueError("a target is written module:function")
    return functools.reduce(getattr, path.split("."), importlib.import_module(module))


def _listed() -> int:
    folder = config().cache_dir
    files = cache.contents(folder)
    programs = [file for file in files if file.name.endswith(".obj")]
    print(f"{folder}: {len(programs)} compiled programs, {_size(sum(file.nbytes for file in files))} in {len(files)} files")
    for file in files:
        print(f"  {_size(file.nbytes):>9}  used {_age(file.age):>8} ago  {file.name}")
    return 0


def _cleared() -> int:
    folder = config().cache_dir
    removed = cache.clear(folder)
    print(f"{folder}: {len(removed)} files removed, {_size(sum(file.nbytes for file in removed))}")
    return 0


def _size(nbytes: int) -> str:
    return f"{nbytes / 2**20:.1f} MiB" if nbytes >= 2**20 else f"{nbytes / 2**10:.1f} KiB"


def _age(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
