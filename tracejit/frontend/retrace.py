"""Why a call needs a new program: the reasons that ``f.retraces()`` gives."""

from __future__ import annotations

from collections.abc import Sequence

from tracejit.frontend.entry import Entry, Refusal
from tracejit.frontend.signature import Call
from tracejit.frontend.where import user_where


def reason_for(entries: Sequence[Entry], call: Call) -> Refusal:
    """Why no entry fits ``call``; the youngest entry of the same signature is the one that it is compared with."""
    alike = [e for e in entries if e.call.signature == call.signature]
    if alike:
        refusal = alike[-1].refusal(call)
        assert refusal is not None
        return refusal
    if not entries:
        return Refusal("first call", user_where())
    return _difference(entries[-1].call, call)


def _difference(old: Call, new: Call) -> Refusal:
    before, now = old.signature, new.signature
    where = user_where()
    if before.structure != now.structure:
        return Refusal("the arguments have another structure", where, str(before.structure), str(now.structure))
    if before.orders != now.orders:
        return Refusal("the keys of a dict among the arguments have another order", where, before.orders, now.orders)
    changed = [(a, b) for a, b in zip(old.leaves, new.leaves, strict=True) if a.key != b.key]
    text = "; ".join(f"{a}, now {str(b).removeprefix(f'{b.path}: ')}" for a, b in changed)
    return Refusal(text, where, str(changed[0][0]), str(changed[0][1]))
