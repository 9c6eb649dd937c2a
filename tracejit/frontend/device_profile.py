"""What a call asks of a device: kernels, products, copies between it and the host, and the memory that is held there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tracejit.frontend.device import assign
from tracejit.frontend.entry import Entry
from tracejit.frontend.inspection import Listing
from tracejit.frontend.signature import Call
from tracejit.runtime.cuda.memory import size_text

_COUNTED = {
    "launches": "kernels launched one by one",
    "products": "products asked for one by one",
    "captures": "graphs captured",
    "replays": "graphs replayed",
}
_COPIED = {"uploads": "to the device", "downloads": "to the host"}


def device_profile(entry: Entry, call: Call) -> Listing:
    """Run a call of a device program, and list what it asked for; Variables and arguments are left as they were."""
    ledger = entry.program.driver.ledger
    with _restored(entry, call):
        counts, copied = ledger.counts.copy(), ledger.copied.copy()
        entry.run(call, entry.executable)
        counts, copied = ledger.counts - counts, ledger.copied - copied
    rows = [f"{counts[name]:>8}  {text}" for name, text in _COUNTED.items()]
    rows += [f"{counts[name]:>8}  copies {text}, {size_text(copied[name])}" for name, text in _COPIED.items()]
    held = {purpose: nbytes for purpose, nbytes in ledger.held.most_common() if nbytes}
    rows += ["memory held on cuda", *(f"{size_text(nbytes):>12}  {purpose}" for purpose, nbytes in held.items())]
    data = {"counts": dict(counts), "bytes": dict(copied), "held": held}
    return Listing(f"profile of {entry.traced.graph.name} on cuda", "\n".join(rows), data)


@contextmanager
def _restored(entry: Entry, call: Call) -> Iterator[None]:
    """Give everything that a program writes on the device its old value afterwards."""
    written: list[Any] = [held.buffer for held in entry.traced.held if held.updated]
    written += [call.leaves[i].array for i in entry.traced.written]
    before = [(array, array.copy()) for array in written]
    try:
        yield
    finally:
        for array, old in before:
            assign(array, old, "an array")
