"""``precompile``: programs made before they are called, so that later processes find them in the cache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tracejit.errors import ArgumentError
from tracejit.frontend.programs import NOTHING, Traceable


class Precompiled(NamedTuple):
    """What :func:`precompile` did.

    Attributes:
        name: Of the function.
        path: Of the generated file.
        compiled: False where the cache had the program already.
    """

    name: str
    path: str
    compiled: bool

    def __str__(self) -> str:
        return f"{'compiled' if self.compiled else 'found':<8} {self.name}  {self.path}"


def precompile(f: Any, specs: Any = None) -> Precompiled:
    """Make the program for a kind of call without running it, and keep it in the cache for this and later processes.

    A process that finds its programs in the cache starts without compiling: build an image or install a service with
    ``python -m tracejit warm module:function``, or call this from a set-up script.

    Args:
        f: A function that ``tracejit.function`` made, or the method of an object.
        specs: The arguments: a sequence, or a dict by parameter. TensorSpecs stand for arrays, in trees too; everything else is
            an example. An array or a TensorSpec alone is the only argument. Not needed where ``f`` has an input signature.

    Returns:
        Name, path, and whether something was compiled.

    Raises:
        TypeError: ``f`` is no traced function, or the arguments are not those of ``f``.
        ArgumentError: There are no specs, and ``f`` takes arguments and has no input signature.
    """
    if not isinstance(f, Traceable):
        given = f"{getattr(f, '__name__', repr(f))} is a {type(f).__name__}"
        raise TypeError(f"precompile: {given}; it must be a function that tracejit.function made\n  cure: decorate it")
    args, kwargs = _arguments(f, specs)
    before = f.compilations
    entry = f.programs.entry_for(f.read(args, kwargs))
    entry.advance(block=True)
    if entry.device == "cpu":
        entry.executable.equip()
    program = entry.program
    return Precompiled(f.programs.name, str(program.path), program.compiled and f.compilations > before)


def _arguments(f: Traceable, specs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call as ``specs`` describe it."""
    if specs is None:
        signature = f.programs.parameters.input_signature
        if not signature and _takes_arguments(f):
            raise ArgumentError(
                f"precompile: {f.programs.name} has no input signature, so it is not known what it will be called with\n"
                f"  cure: precompile({f.programs.name}, [tracejit.TensorSpec((None, 3), 'float32'), ...]), or give it an "
                "input_signature"
            )
        return signature, {}
    if isinstance(specs, Mapping):
        return (), dict(specs)
    return (tuple(specs), {}) if isinstance(specs, Sequence) else ((specs,), {})


def _takes_arguments(f: Traceable) -> bool:
    parameters = f.programs.parameters.signature.parameters.values()
    needed = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return len(needed) > (f.instance is not NOTHING)
