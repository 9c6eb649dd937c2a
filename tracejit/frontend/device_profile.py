"""What a call asks of a device, and how long its steps take there: kernels, products, copies between it and the host, memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from tracejit.frontend.device import assign
from tracejit.frontend.entry import Entry
from tracejit.frontend.explanation import Explanation, Profile, duration, explanation, profile
from tracejit.frontend.signature import Call
from tracejit.frontend.specialize import size_guard
from tracejit.runtime.cuda.memory import size_text
from tracejit.runtime.cuda.profile import Timed, replayed

_COUNTED = {
    "launches": "kernels launched one by one",
    "products": "products asked for one by one",
    "captures": "graphs captured",
    "replays": "graphs replayed",
}
_COPIED = {"uploads": "to the device", "downloads": "to the host"}


@dataclass(frozen=True)
class Asked:
    """What one call asked of a device.

    Attributes:
        counts: How often, by ``launches``, ``products``, ``captures``, ``replays``, ``uploads`` and ``downloads``.
        bytes: Copied between the device and the host, by ``uploads`` and ``downloads``.
        held: Bytes of the device's memory, by purpose.
    """

    counts: Mapping[str, int]
    bytes: Mapping[str, int]
    held: Mapping[str, int]

    def __str__(self) -> str:
        rows = [f"{self.counts[name]:>8}  {text}" for name, text in _COUNTED.items() if self.counts.get(name)]
        for name, text in _COPIED.items():
            rows.append(f"{self.counts.get(name, 0):>8}  copies {text}, {size_text(self.bytes.get(name, 0))}")
        return "\n".join([*rows, "memory held on cuda", *(f"{size_text(n):>12}  {purpose}" for purpose, n in self.held.items())])


@dataclass(frozen=True)
class _OnDevice(Profile):
    """A profile of a device program. Rates are its maker's; a step that is shorter than a launch shows the launch.

    Attributes:
        asked: What one more call asked of the device; None where nothing was run.
    """

    asked: Asked | None = None

    def _summary(self) -> str:
        expected = sum(s.predicted for s in self.steps)
        sizes = "".join(f", {name} = {size}" for name, size in self.sizes.items())
        measured = "" if self.total is None else f"{duration(self.total)} measured, "
        head = f"{self.name} on cuda{sizes}: {len(self.steps)} steps, {measured}{duration(expected)} predicted"
        m = self.machine
        rates = f"{m.name}: products {2 * m.multiplications / 1000:.3g} Tflop/s, memory {m.memory:.0f} GB/s"
        return "\n".join([head, rates, *([str(self.asked)] if self.asked else [])])


@dataclass(frozen=True)
class DeviceProfile(_OnDevice):
    """What ``f.profile()`` returns of a call on a device."""

    __repr__ = Profile.__str__


@dataclass(frozen=True)
class DeviceExplanation(_OnDevice, Explanation):
    """What ``f.explain()`` returns of a program on a device.

    Attributes:
        notes: ``(name, why)``: the regions and products of ``f.source()`` that do not go the quicker way of others of their kind.
    """

    notes: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        notes = ["", "ways on the device", *(f"  {region}: {why}" for region, why in self.notes)] if self.notes else []
        return "\n".join([super().__str__(), *notes])

    __repr__ = __str__


def device_profile(entry: Entry, call: Call, sizes: Mapping[str, int], math: str) -> DeviceProfile:
    """Run a call of a device program a few times; Variables and arguments are left as they were."""
    steps, total, asked, _ = _measured(entry, call, math)
    found = profile(entry.program.schedule, sizes, entry.program.driver.rates, steps, total)
    return DeviceProfile(**_fields(found), asked=asked)


def device_explanation(entry: Entry, call: Call | None, sizes: Mapping[str, int], math: str) -> DeviceExplanation:
    """The explanation of a device program, with times where there is a call to run."""
    steps, total, asked, refused = ((), None, None, ()) if call is None else _measured(entry, call, math)
    found = explanation(entry.program.schedule, sizes, entry.program.driver.rates, steps, total)
    return DeviceExplanation(**_fields(found), asked=asked, notes=(*entry.program.source.notes, *refused))


def _fields(found: Profile) -> dict[str, Any]:
    return {field.name: getattr(found, field.name) for field in fields(found)}


def _measured(entry: Entry, call: Call, math: str) -> tuple[tuple[float, ...], float, Asked, tuple[tuple[str, str], ...]]:
    """Times of the steps, of the whole call where its graphs are replayed, what such a call asks for; notes on its products."""
    program, first = entry.program, len(entry.traced.passed)
    with _restored(entry, call):
        total = replayed(program, lambda: entry.run(call, entry.executable))
        asked = _asked(entry, call)
        buffers = {first + i: held.buffer for i, held in enumerate(entry.traced.held)}
        leaves = [call.leaves[i].ready() for i in entry.traced.passed]
        timed = Timed(program, math, buffers, size_guard(entry.traced))
        steps = timed.quickest(leaves)
    return steps, total, asked, timed.refused


def _asked(entry: Entry, call: Call) -> Asked:
    ledger = entry.program.driver.ledger
    counts, copied = ledger.counts.copy(), ledger.copied.copy()
    entry.run(call, entry.executable)
    counts, copied = ledger.counts - counts, ledger.copied - copied
    return Asked(dict(counts), dict(copied), {purpose: n for purpose, n in ledger.held.most_common() if n})


@contextmanager
def _restored(entry: Entry, call: Call) -> Iterator[None]:
    """Give everything that a program writes its old value afterwards."""
    written: list[Any] = [held.buffer for held in entry.traced.held if held.updated]
    written += [call.leaves[i].array for i in entry.traced.written]
    before = [(array, array.copy()) for array in written]
    try:
        yield
    finally:
        for array, old in before:
            assign(array, old, "an array")
