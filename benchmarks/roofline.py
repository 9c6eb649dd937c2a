"""What a machine allows: the bytes and operations of a program of ours, and the time that they need at measured rates."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from types import FunctionType


@dataclass(frozen=True)
class Bound:
    """The roofline of one call.

    Attributes:
        flops: Floating-point operations; a function of vector math counts 8.
        moved: Bytes that the steps read and write, each buffer once a step.
        seconds: What the steps need where nothing but the machine binds them.
        bound: What binds most of that: arithmetic, cache or memory.
        machine: The rates, which were measured in the same run, in words.
    """

    flops: int
    moved: int
    seconds: float
    bound: str
    machine: str


def bound(call: Callable[[], object]) -> Bound | None:
    """The roofline of a call that runs one compiled function, ``call.steps`` times; None where it is no such call."""
    from tracejit.errors import UnsupportedError

    try:
        (function,) = functions(call)
        shown = function.explain()
    except (ValueError, UnsupportedError):  # none, or several; or it runs on a GPU, of which no rates are known
        return None
    times = getattr(call, "steps", 1)
    needed: dict[str, float] = {}
    for step in shown.steps:
        needed[step.bound] = needed.get(step.bound, 0.0) + step.predicted
    flops, moved = (times * sum(parts) for parts in zip(*((s.flops, s.read + s.written) for s in shown.steps), strict=True))
    most = max(needed, key=lambda name: needed[name])
    return Bound(flops, moved, times * sum(needed.values()) * 1e-9, most, words(shown.machine))


def functions(call: object) -> Iterator:
    """The compiled functions that a contestant's call leads to, through partial calls and closures."""
    if isinstance(call, partial):
        yield from functions(call.func)
    elif hasattr(call, "explain"):
        yield call
    elif isinstance(call, FunctionType):
        for cell in call.__closure__ or ():
            yield from functions(cell.cell_contents)


def words(rates) -> str:
    """The rates of a machine."""
    return (
        f"{rates.memory_all:.0f} GB/s from memory on {rates.threads} threads ({rates.memory:.0f} on one), "
        f"{rates.cached:.0f} from the caches of a core; a core does {1 / rates.plain:.0f} G float32 operations a second, "
        f"{1 / rates.function:.1f} G functions such as exp, and {2 * rates.multiplications:.0f} Gflop/s in products"
    )
