"""Checkpoints: the values of Variables in a file, and back.

::

    checkpoint = tj.io.Checkpoint("runs/a", [w, b, *optimizer.variables(), generator.state])
    step = checkpoint.restore() if checkpoint.latest() else 0
    while step < 10_000:
        train_step()
        step += 1
        if step % 100 == 0:
            checkpoint.save(step)

A process may be killed at any moment: the folder then holds the checkpoints that were complete, and a run that goes on from
the latest of them continues bit for bit.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tracejit.errors import ArgumentError, CheckpointError, TraceError
from tracejit.frontend.eager import EagerTrace, active
from tracejit.frontend.variable import Variable
from tracejit.frontend.where import at_line, user_where
from tracejit.io.names import arrays_of, variables_of
from tracejit.io.tensors import Saved, read_file, remove_partials, write_file
from tracejit.runtime.device import Array

_FILE = re.compile(r"checkpoint-(\d+)\.safetensors", re.ASCII)


def save(path: str | os.PathLike[str], values: Any, metadata: Mapping[str, Any] | None = None) -> None:
    """Write values to a safetensors file, whole or not at all.

    Args:
        path: The file; what it held is kept until all of the new content is on the disk. Its folder must be there.
        values: A dict or another tree of Variables, tensors, arrays and numbers, named by their paths, such as ``layers/0/w``;
            or a list of Variables, each under its own name.
        metadata: What else to keep: dicts of text, numbers and lists of these.

    Raises:
        ArgumentError: Two values with one name, a name such as ``../w``, or a value that is no array.
        DTypeError: A value of a dtype that the format lacks.
        OSError: It cannot be written; an earlier file of this name is as it was.
        MissingExtraError: The package safetensors is not installed.
    """
    path = Path(path)
    write_file(path, Saved(arrays_of(values), None, dict(metadata or {})))
    remove_partials(path.parent, f"{path.name}.")


def load(path: str | os.PathLike[str], verify: bool = True) -> dict[str, np.ndarray]:
    """The arrays in a file that :func:`save` wrote, by name.

    Args:
        path: The file.
        verify: Refuse a file without a SHA-256; files of other programs have none.

    Raises:
        CheckpointError: The file is damaged, or no safetensors file.
        OSError: There is no file, or it may not be read.
    """
    return read_file(Path(path), verify=verify).arrays


def restore(path: str | os.PathLike[str], variables: Any, strict: bool = True) -> dict[str, Any]:
    """Give Variables the values that a file holds for them: all of them, or none where anything is wrong.

    Args:
        path: The file.
        variables: As in :func:`save`, with the same names.
        strict: Refuse a file that holds more than these.

    Returns:
        The metadata that was saved.

    Raises:
        CheckpointError: The file is damaged, or names, dtypes or shapes differ; no Variable has changed.
        OSError: There is no file, or it may not be read.
    """
    saved = _read(Path(path))
    _restore(Path(path), saved, variables_of(variables), strict)
    return saved.metadata


def latest(directory: str | os.PathLike[str]) -> Path | None:
    """The checkpoint of the highest step in a folder, damaged ones passed over with a warning; None where there is none."""
    return next((path for path, _ in _usable(Path(directory))), None)


class Checkpoint:
    """Checkpoints of a training run, one file a step, in a folder of their own.

    Args:
        directory: The folder; made when the first checkpoint is saved.
        variables: Everything that the run goes on from: weights, slots of the optimizer, states of random generators; a list
            of Variables, each under its own name, or a dict from names to Variables. It is read at each save and restore, so
            Variables that are made later can be put in later.
        max_to_keep: How many checkpoints stay, those of the highest steps; None for all.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        variables: Mapping[str, Variable] | Sequence[Variable],
        max_to_keep: int | None = 5,
    ) -> None:
        if max_to_keep is not None and (not isinstance(max_to_keep, int) or max_to_keep < 1):
            raise ArgumentError(f"Checkpoint: max_to_keep is {max_to_keep!r}; it is a number from 1, or None")
        variables_of(variables)  # what is wrong with them is said now, and not after an hour of training
        self.directory = Path(directory)
        self.variables = variables
        self.max_to_keep = max_to_keep

    def save(self, step: Any, metadata: Mapping[str, Any] | None = None) -> Path:
        """Write the present values under ``step``, then remove the checkpoints that are too many; returns the file.

        Raises:
            OSError: It cannot be written; earlier checkpoints are as they were.
        """
        number = _step(step)
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"checkpoint-{number}.safetensors"
        write_file(path, Saved(arrays_of(variables_of(self.variables)), number, dict(metadata or {})))
        remove_partials(self.directory, "checkpoint-")
        if self.max_to_keep is not None:
            for _, old in _files(self.directory)[self.max_to_keep :]:
                if old != path:  # a run that went back to an early step keeps what it has just saved
                    old.unlink(missing_ok=True)
        return path

    def latest(self) -> Path | None:
        """The checkpoint to go on from: see :func:`latest`."""
        return latest(self.directory)

    def restore(self, path: str | os.PathLike[str] | None = None) -> int:
        """Give the Variables the values of a checkpoint, all or none, and return its step.

        Args:
            path: The file; the latest that is not damaged when not given.

        Raises:
            CheckpointError: There is no usable checkpoint, or it does not fit the Variables; no Variable has changed.
        """
        found = next(_usable(self.directory), None) if path is None else (Path(path), _read(Path(path)))
        if found is None:
            raise CheckpointError(f"{self.directory}: holds no usable checkpoint")
        path, saved = found
        if saved.step is None:
            raise CheckpointError(f"{path}: holds no step\n  cure: restore(path, variables), as it was written by save")
        _restore(path, saved, variables_of(self.variables), strict=True)
        return saved.step


def _files(directory: Path) -> list[tuple[int, Path]]:
    """Checkpoints in a folder by name, those of the highest steps first."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    found = ((int(match[1]), directory / name) for name in names if (match := _FILE.fullmatch(name)))
    return sorted(found, reverse=True)


def _usable(directory: Path) -> Iterator[tuple[Path, Saved]]:
    """Checkpoints that can be read, with their content."""
    for _, path in _files(directory):
        try:
            yield path, _read(path)
        except (CheckpointError, OSError) as error:
            warnings.warn(f"passed over a checkpoint: {error}", RuntimeWarning, stacklevel=3)


def _read(path: Path) -> Saved:
    """What is in a checkpoint, which is of the step that its name says."""
    saved = read_file(path)
    match = _FILE.fullmatch(path.name)
    if match and saved.step != int(match[1]):
        raise CheckpointError(f"{path}: holds step {saved.step}; its name says {match[1]}")
    return saved


def _restore(path: Path, saved: Saved, variables: Mapping[str, Variable], strict: bool) -> None:
    builder = active()
    if builder is not None and not isinstance(builder, EagerTrace):
        raise TraceError(
            "restore: a function is traced, and what it restores would be restored once and for all\n"
            f"  cure: restore before the function is called{at_line(user_where())}"
        )
    _check(path, saved.arrays, {name: v.buffer for name, v in variables.items()}, strict)
    pairs = [(v, saved.arrays[name]) for name, v in variables.items()]
    try:
        _write(pairs)
    except BaseException:  # Ctrl-C in the middle: no Variable stays behind the others
        _write(pairs)
        raise


def _write(pairs: Sequence[tuple[Variable, np.ndarray]]) -> None:
    for variable, array in pairs:
        variable.store(array)


def _check(path: Path, found: Mapping[str, np.ndarray], asked: Mapping[str, Array], strict: bool) -> None:
    """CheckpointError where names, dtypes or shapes differ."""
    faults = [f"{name}: asked for as {_spec(x)}, not in the file" for name, x in asked.items() if name not in found]
    both = [(name, _spec(asked[name]), _spec(found[name])) for name in asked if name in found]
    faults += [f"{name}: asked for as {wanted}, {spec} in the file" for name, wanted, spec in both if wanted != spec]
    if strict:
        faults += [f"{name}: {_spec(found[name])} in the file, not asked for" for name in sorted(set(found) - set(asked))]
    if faults:
        more = [f"and {len(faults) - 10} more"] if len(faults) > 10 else []
        lines = "".join(f"\n  {fault}" for fault in [*faults[:10], *more])
        raise CheckpointError(f"{path}: does not fit the Variables{lines}\n  rule: names, dtypes and shapes are equal")


def _spec(array: Array) -> str:
    return f"{array.dtype}{list(array.shape)}"


def _step(step: Any) -> int:
    number = int(step.__index__()) if hasattr(step, "__index__") else -1
    if number < 0:
        raise ArgumentError(f"Checkpoint.save: step is {step!r}; it is an integer from 0")
    return number
