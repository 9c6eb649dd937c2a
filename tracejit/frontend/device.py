"""Where things are: the device that a function runs on, that a Variable lives on, that a tensor is moved to."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Literal

import numpy as np

from tracejit.config import config
from tracejit.errors import ArgumentError, DeviceError
from tracejit.frontend.where import at_line
from tracejit.ir import Where
from tracejit.runtime.device import Array, Device, DeviceArray

Choice = Literal["cpu", "cuda", "auto"]

_CHOICES = ("cpu", "cuda", "auto")
_defaults: ContextVar[tuple[str, ...]] = ContextVar("tracejit_device", default=())


class device:
    """What is made within runs, or lives, on a device: functions that say no ``device=`` of their own, and Variables.

    Args:
        name: ``"cuda"``, ``"cpu"``, or ``"auto"``: functions run where their arguments and Variables are.

    Raises:
        MissingExtraError, DeviceError: For ``"cuda"``: a package, the driver or a GPU is missing.
    """

    def __init__(self, name: Choice) -> None:
        self.name = checked(name, "device")

    def __enter__(self) -> device:
        if self.name == "cuda":
            require()
        _defaults.set((*_defaults.get(), self.name))
        return self

    def __exit__(self, *exception: object) -> None:
        _defaults.set(_defaults.get()[:-1])

    def set_default(self) -> None:
        """Do this until the thread ends, or another one is set."""
        if self.name == "cuda":
            require()
        _defaults.set((self.name,))

    def __repr__(self) -> str:
        return f"device({self.name!r})"


def unset_default() -> None:
    """Take back what ``device.set_default`` did in this thread."""
    _defaults.set(())


def checked(name: Any, asked: str, choices: Sequence[str] = _CHOICES) -> Any:
    """The name of a device; ArgumentError where there is no such device."""
    if name not in choices:
        raise ArgumentError(f"{asked}: device is {name!r}; it must be one of {', '.join(map(repr, choices))}")
    return name


def checked_place(name: Any, asked: str) -> Any:
    """The name of a device that something can be on."""
    return checked(name, asked, _CHOICES[:2])


def default_device() -> Any:
    """The device of what says none: that of the ``with tj.device`` around it, else of ``TRACEJIT_DEVICE``."""
    found = _defaults.get()
    return found[-1] if found else configured_device()


@functools.cache
def configured_device() -> str:
    """The device that ``TRACEJIT_DEVICE`` named when it was first asked for; each new tensor asks."""
    return config().device


def require() -> None:
    """Raise what keeps this process from using a GPU, if anything does."""
    from tracejit.runtime.cuda.driver import driver

    driver()


def device_of(array: Array) -> Device:
    """Where an array is."""
    return "cuda" if isinstance(array, DeviceArray) else "cpu"


def moved(array: Array, target: Device, purpose: str = "tensors") -> Array:
    """The array on a device: itself if it is there, a copy otherwise."""
    if device_of(array) == target:
        return array
    if isinstance(array, DeviceArray):
        return array.numpy()
    from tracejit.runtime.cuda.driver import driver
    from tracejit.runtime.cuda.memory import placed

    return placed(driver(), array, purpose)


def assign(target: Array, source: Array, name: str) -> None:
    """Give an array, of ``name``, the content of another one of the same shape and dtype.

    Raises:
        DeviceError: The target is on the host and the source is not.
    """
    if isinstance(target, DeviceArray):
        target.take(source) if isinstance(source, DeviceArray) else target.store(source)
    elif isinstance(source, DeviceArray):
        raise DeviceError(
            f"{name} lives on the CPU, and was assigned a value that is on cuda\n"
            f'  cure: {name}.to("cuda") makes one that lives there; value.numpy() copies the value to the host'
        )
    else:
        np.copyto(target, source)


def resident_array(value: Any, path: str) -> DeviceArray:
    """Another library's array on a device, as it is.

    Raises:
        ArgumentError: It is not contiguous, not aligned, or its library does not let it be read.
    """
    from tracejit.runtime.cuda.edges import imported

    return imported(value, path)


def placement(asked: Choice, call: Any, traced: Any, name: str) -> Device:
    """The device of a program.

    Args:
        asked: By the user.
        call: The call that it is made for.
        traced: What its trace found.
        name: Of the function.

    Raises:
        DeviceError: Its arguments and Variables are on different devices, or not on the one that was asked for.
    """
    there = [leaf.path for leaf in call.leaves if isinstance(leaf.array, DeviceArray)]
    there += [f"the Variable {h.owner.name}" for h in traced.held if h.is_variable and isinstance(h.source, DeviceArray)]
    there += ["a captured tensor" for h in traced.held if not h.is_variable and isinstance(h.source, DeviceArray)]
    if asked == "cpu" and there:
        raise DeviceError(
            f'{name}: runs on the CPU, as device="cpu" asks, and {there[0]} is on cuda\n'
            '  cure: device="cuda" or "auto", or pass x.numpy()'
        )
    if asked == "cpu" or (asked == "auto" and not there and not traced.placed):
        return "cpu"
    tensors = [leaf for leaf in call.leaves if leaf.kind == "tensor" and leaf.array.ndim]
    here = [leaf.path for leaf in tensors if device_of(leaf.array) == "cpu"]
    if here and there and asked == "auto" and not traced.travels:
        raise _mixed(name, there[0], f"the tensor {here[0]}", f'{here[0]}.to("cuda")')
    _refuse_writes(call, traced, name)
    return "cuda"


def _refuse_writes(call: Any, traced: Any, name: str) -> None:
    """Raise where a device program writes to the host's memory."""
    for index, where in traced.written.items():
        leaf = call.leaves[index]
        if not isinstance(leaf.array, DeviceArray):
            raise _written(name, f"the argument {leaf.path}", where)
    for held in traced.held:
        if held.updated and not held.is_variable and not isinstance(held.source, DeviceArray):
            raise _written(name, "a captured array", held.value.where)


def _written(name: str, what: str, where: Where | None) -> DeviceError:
    return DeviceError(
        f"{name}: runs on cuda, and {what}, which it writes to, is a NumPy array on the host\n"
        f'  cure: a Variable with device="cuda", an array on the device, or a returned value{at_line(where)}'
    )


def _mixed(name: str, there: str, here: str, cure: str) -> DeviceError:
    return DeviceError(f"{name}: {there} is on cuda and {here} on the CPU\n  rule: one program, one device\n  cure: {cure}")


def host_variables(held: Sequence[Any], name: str, computed_here: Callable[[Any], bool]) -> list[Any]:
    """The Variables of a device program that stay on the host: those of a few elements whose new values are computed there.

    Raises:
        DeviceError: Another Variable is on the host.
    """
    found = []
    for h in held:
        if not h.is_variable or isinstance(h.source, DeviceArray):
            continue
        if h.source.size > _FEW or (h.updated and not computed_here(h)):
            variable = h.owner.name
            raise DeviceError(
                f"{name}: runs on cuda, and the Variable {variable}, {h.input.spec}, lives on the CPU\n"
                f'  rule: one program, one device\n  cure: {variable} = {variable}.to("cuda"), or tj.Variable(..., device="cuda")'
                f"{at_line(h.value.where)}"
            )
        found.append(h)
    return found


_FEW = 16  # as many as a counter or the state of a generator has
