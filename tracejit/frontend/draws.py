"""Random numbers that NumPy draws while a function is traced: they are drawn once, and every call has the same."""

from __future__ import annotations

import pickle
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tracejit.frontend.guards import Guard


@contextmanager
def watching(guards: Sequence[Guard], name: str) -> Iterator[None]:
    """Warn of random numbers that are drawn within, from ``np.random`` or a generator that ``name`` reads by a name."""
    module = sys.modules.get("numpy.random")
    if module is None:
        yield
        return
    states: dict[str, Callable[[], Any]] = {"np.random": lambda: module.get_state(legacy=False)}
    kinds = (module.Generator, module.RandomState)
    for guard in guards:
        if isinstance(guard.expected, kinds):
            states[guard.access.text] = _state_of(guard.expected)
    before = {text: pickle.dumps(state()) for text, state in states.items()}
    yield
    drawn = [text for text, state in states.items() if pickle.dumps(state()) != before[text]]
    if drawn:
        warnings.warn(
            f"{name}: random numbers were drawn from {', '.join(drawn)} while it was traced; every call has the same ones\n"
            "  cure: tj.random.normal and its kin, which draw anew in each call; or pass the numbers as an argument",
            RuntimeWarning,
            stacklevel=2,
        )


def _state_of(generator: Any) -> Callable[[], Any]:
    bits = getattr(generator, "bit_generator", None) or generator._bit_generator
    return lambda: bits.state
