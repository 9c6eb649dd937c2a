"""``tf.train.Saver``: the Variables of a session in a file, and back, by ``tracejit.io``."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tracejit import io
from tracejit.compat.tensorflow.errors import DataLossError, InvalidArgumentError, NotFoundError, fail
from tracejit.compat.tensorflow.v1.graph import GraphKeys, get_default_graph
from tracejit.compat.tensorflow.v1.session import BaseSession
from tracejit.compat.tensorflow.v1.variables import Variable
from tracejit.errors import CheckpointError

_SUFFIX = ".safetensors"
_LINE = re.compile(r'(all_)?model_checkpoint_path(s)?: ("(?:[^"\\]|\\.)*")')


class Saver:
    """Saves and restores Variables.

    ::

        saver = tf.train.Saver()
        path = saver.save(sess, "./my_model.ckpt")
        saver.restore(sess, path)  # needs no initializer

    A checkpoint is one safetensors file, written whole or not at all; loading is all or nothing. The file ``checkpoint`` in its
    folder says which one is the latest.

    Args:
        var_list: The Variables, a list or a dict from names in the file; all global ones if not given.
        reshape: Give a Variable the elements of a saved one of another shape.
        sharded: Accepted, and of no effect.
        max_to_keep: How many checkpoints stay; None or 0 for all.
        keep_checkpoint_every_n_hours: Accepted, and of no effect.
        name: Accepted, and of no effect.

    Raises:
        ValueError: There are no Variables.
    """

    def __init__(
        self,
        var_list: Any = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        **options: Any,
    ) -> None:
        given = var_list if var_list is not None else get_default_graph().get_collection(GraphKeys.GLOBAL_VARIABLES)
        self._variables: dict[str, Variable] = dict(given) if isinstance(given, Mapping) else {v.op.name: v for v in given}
        if not self._variables:
            fail(ValueError, "No variables to save")
        for x in self._variables.values():
            if not isinstance(x, Variable):
                fail(TypeError, f"Variable to save is not a Variable: {x!r}")
        self._reshape = reshape
        self._max_to_keep = max_to_keep or 0
        self._kept: list[str] = []

    @property
    def last_checkpoints(self) -> list[str]:
        """The checkpoints that this saver has written and kept, the latest last."""
        return list(self._kept)

    def set_last_checkpoints(self, last_checkpoints: Sequence[str]) -> None:
        self._kept = list(last_checkpoints)

    def save(
        self,
        sess: BaseSession,
        save_path: str | os.PathLike[str],
        global_step: Any = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True,
        write_state: bool = True,
        **options: Any,
    ) -> str:
        """Write the values that the Variables have in a session.

        Args:
            sess: The session.
            save_path: Of the checkpoint, without suffix.
            global_step: A number, a tensor or a Variable, which the name then ends in.
            latest_filename: Of the file that says which checkpoint is the latest; ``checkpoint`` if not given.
            meta_graph_suffix: Accepted, and of no effect.
            write_meta_graph: Accepted; the graph is not saved.
            write_state: Whether to say so in that file.
            options: Accepted, and of no effect.

        Returns:
            The path for :meth:`restore`.

        Raises:
            ValueError: The folder does not exist.
            FailedPreconditionError: A Variable has no value in the session.
        """
        path = os.fspath(save_path)
        if global_step is not None:
            step = global_step if isinstance(global_step, int | np.integer) else sess.run(global_step)
            path = f"{path}-{int(step)}"
        folder = Path(path).parent
        if not folder.is_dir():
            fail(ValueError, f"Parent directory of {path} doesn't exist, can't save.")
        names, variables = list(self._variables), list(self._variables.values())
        io.save(path + _SUFFIX, dict(zip(names, sess.values(variables), strict=True)))
        self._keep(path)
        if write_state:
            _write_state(folder / (latest_filename or "checkpoint"), self._kept or [path])
        return path

    def _keep(self, path: str) -> None:
        """Note a checkpoint, and remove those that are too many."""
        self._kept = [p for p in self._kept if p != path] + [path]
        while self._max_to_keep and len(self._kept) > self._max_to_keep:
            Path(self._kept.pop(0) + _SUFFIX).unlink(missing_ok=True)

    def restore(self, sess: BaseSession, save_path: str | os.PathLike[str]) -> None:
        """Give the Variables the values of a checkpoint, all or none; they need no initializer then.

        Raises:
            ValueError: There is no such checkpoint.
            NotFoundError: It lacks a Variable.
            InvalidArgumentError: A Variable has another shape or dtype.
            DataLossError: It is damaged.
        """
        if save_path is None:
            fail(ValueError, "Can't load save_path when it is None.")
        path = os.fspath(save_path)
        if not checkpoint_exists(path):
            fail(ValueError, f"The passed save_path is not a valid checkpoint: {path}")
        try:
            found = io.load(path + _SUFFIX)
        except CheckpointError as error:
            fail(DataLossError, str(error))
        values = {variable: self._value(path, name, variable, found) for name, variable in self._variables.items()}
        sess.load(values)

    def _value(self, path: str, name: str, variable: Variable, found: Mapping[str, np.ndarray]) -> np.ndarray:
        if name not in found:
            fail(NotFoundError, f"Key {name} not found in checkpoint {path}; it holds {', '.join(sorted(found)) or 'nothing'}")
        value, sizes = found[name], [int(n) for n in variable.shape]
        fits = list(value.shape) == sizes or (self._reshape and value.size == int(np.prod(sizes)))
        if not fits or value.dtype != variable.dtype.numpy:
            fail(
                InvalidArgumentError,
                f"Assign requires shapes and dtypes of both tensors to match: {variable.name} is {variable.dtype.name}{sizes}, "
                f"in {path} it is {value.dtype}{list(value.shape)}",
            )
        return value.reshape(sizes)


@dataclass(frozen=True)
class CheckpointState:
    """What the file ``checkpoint`` of a folder says.

    Attributes:
        model_checkpoint_path: The latest checkpoint.
        all_model_checkpoint_paths: All that were kept, the latest last.
    """

    model_checkpoint_path: str
    all_model_checkpoint_paths: list[str] = field(default_factory=list)


def checkpoint_exists(checkpoint_prefix: str | os.PathLike[str]) -> bool:
    """Whether there is a checkpoint of this path."""
    return Path(os.fspath(checkpoint_prefix) + _SUFFIX).is_file()


def get_checkpoint_state(checkpoint_dir: str | os.PathLike[str], latest_filename: str | None = None) -> CheckpointState | None:
    """What the file ``checkpoint`` of a folder says; None where there is none."""
    folder = Path(checkpoint_dir)
    try:
        text = (folder / (latest_filename or "checkpoint")).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    found: dict[bool, list[str]] = {True: [], False: []}
    for line in text.splitlines():
        match = _LINE.fullmatch(line.strip())
        if match:
            path = json.loads(match[3])
            found[bool(match[1])].append(path if os.path.isabs(path) else os.path.join(os.fspath(checkpoint_dir), path))
    return CheckpointState(found[False][0], found[True]) if found[False] else None


def latest_checkpoint(checkpoint_dir: str | os.PathLike[str], latest_filename: str | None = None) -> str | None:
    """The latest checkpoint of a folder, for ``Saver.restore``; None where there is none."""
    state = get_checkpoint_state(checkpoint_dir, latest_filename)
    return state.model_checkpoint_path if state is not None and checkpoint_exists(state.model_checkpoint_path) else None


def _write_state(path: Path, kept: Sequence[str]) -> None:
    """Say which checkpoints there are, the last one the latest; the file is exchanged at once."""
    names = [os.path.relpath(p, path.parent) if not os.path.isabs(p) else p for p in kept]
    lines = [f"model_checkpoint_path: {json.dumps(names[-1])}", *(f"all_model_checkpoint_paths: {json.dumps(n)}" for n in names)]
    partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    partial.write_text("\n".join(lines) + "\n", encoding="utf-8")
    os.replace(partial, path)
