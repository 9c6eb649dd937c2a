"""What a question is made of: its cases, and the bars that each case is held to.

A question is a module in ``benchmarks/questions``:

    CASES        the cases by name, one row of the table each
    data         makes the data of a case from its sizes; the same for every contestant
    with_PEER    takes the data, gives a ``Call``: the work as this peer's own experts would write it

    passes       how often tracejit's program reads its input, where a case holds it to a number

``with_numpy`` on float64 data is the reference that every contestant's first results are compared with. Yardsticks (a
triad, the products alone) are builders of the same kind under their own names. Libraries are imported inside builders,
since each contestant runs in a process of its own, which must load nobody else's.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from benchmarks.peers import PEERS

Call = Callable[[], object]
Rounds = Mapping[str, Sequence[float]]  # contestant -> one figure per round, less is better

TRACEJIT = "tracejit"


@dataclass(frozen=True)
class Verdict:
    """A measured figure, and whether it reached its bar; None where nobody was there to compare with."""

    measured: str
    reached: bool | None


class Bar(Protocol):
    """A promise about a case: what it requires, in words, and how the figures of a run compare."""

    @property
    def required(self) -> str: ...

    def judge(self, rounds: Rounds) -> Verdict: ...


@dataclass(frozen=True)
class Beside:
    """At least ``least`` times as good as the best of ``among``."""

    least: float
    among: tuple[str, ...] = tuple(peer.name for peer in PEERS if peer.name != TRACEJIT)
    called: str = "the best peer"

    @property
    def required(self) -> str:
        return f"{self.least:g} × {self.called}"

    def judge(self, rounds: Rounds) -> Verdict:
        best = best_of(rounds, self.among)
        if best is None:
            return Verdict("no such peer", None)
        times = ratio(rounds[best], rounds[TRACEJIT])
        return Verdict(f"{times:.2f} × {title(best)}", times >= self.least)


def tracing(least: float) -> Beside:
    """At least ``least`` times as good as the best of the peers that trace."""
    return Beside(least, tuple(peer.name for peer in PEERS if peer.traces and peer.name != TRACEJIT), "the best tracing peer")


@dataclass(frozen=True)
class Bandwidth:
    """At least the share ``least`` of a yardstick's bytes per second; the work moves ``parts`` times the yardstick's bytes."""

    yardstick: str
    parts: float
    least: float

    @property
    def required(self) -> str:
        return f"{self.least:.0%} of {self.yardstick} bandwidth"

    def judge(self, rounds: Rounds) -> Verdict:
        share = self.parts * ratio(rounds[self.yardstick], rounds[TRACEJIT])
        return Verdict(f"{share:.0%}", share >= self.least)


@dataclass(frozen=True)
class Within:
    """At most ``most`` times what a yardstick takes."""

    yardstick: str
    most: float

    @property
    def required(self) -> str:
        return f"at most {self.most:g} × {title(self.yardstick)}"

    def judge(self, rounds: Rounds) -> Verdict:
        times = ratio(rounds[TRACEJIT], rounds[self.yardstick])
        return Verdict(f"{times:.2f} ×", times <= self.most)


@dataclass(frozen=True)
class Above:
    """At most ``most`` nanoseconds, or mebibytes, above a yardstick."""

    yardstick: str
    most: float
    unit: str = "ns"

    @property
    def required(self) -> str:
        return f"at most {title(self.yardstick)}" + (f" + {self.most:g} {self.unit}" if self.most else "")

    def judge(self, rounds: Rounds) -> Verdict:
        scale = {"ns": 1e-9, "MiB": 2.0**20}[self.unit]
        above = median(a - b for a, b in zip(rounds[TRACEJIT], rounds[self.yardstick], strict=True)) / scale
        return Verdict(f"{above:+.0f} {self.unit}", above <= self.most)


@dataclass(frozen=True)
class Seconds:
    """Under so many seconds."""

    most: float

    @property
    def required(self) -> str:
        return f"under {self.most:g} s"

    def judge(self, rounds: Rounds) -> Verdict:
        seconds = median(rounds[TRACEJIT])
        return Verdict(f"{seconds:.2f} s", seconds < self.most)


@dataclass(frozen=True)
class Passes:
    """At most so many loops over the input, which the question's ``passes`` counts in the schedule of tracejit's program."""

    most: int
    yardstick: ClassVar[str] = "passes"

    @property
    def required(self) -> str:
        return "one pass over memory" if self.most == 1 else f"at most {self.most} passes over memory"

    def judge(self, rounds: Rounds) -> Verdict:
        return Verdict(f"{rounds['passes'][0]:.0f} in the schedule", rounds["passes"][0] <= self.most)


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        title: What is computed, with sizes and dtype.
        sizes: Arguments of the question's ``data``.
        small: The same for a run that only tries whether everything works.
        bars: What tracejit promises here.
        calls: How many first results are compared with the reference; in fresh processes, how many are measured.
        measure: ``"time"`` per call in living processes; ``"cold"`` or ``"warm"``, the seconds from the start of a fresh
            process to its last result, with empty or filled caches; or ``"memory"``, the peak of a fresh process in bytes.
        tolerance: Largest difference from the reference that counts as right, relative to each result's largest value.
    """

    title: str
    sizes: tuple[object, ...]
    small: tuple[object, ...]
    bars: tuple[Bar, ...] = ()
    calls: int = 1
    measure: str = "time"
    tolerance: float = 1e-4


def yardsticks(case: Case) -> list[str]:
    """The yardsticks that a case's bars name."""
    return list(dict.fromkeys(bar.yardstick for bar in case.bars if isinstance(bar, Bandwidth | Within | Above)))


def best_of(rounds: Rounds, names: Sequence[str]) -> str | None:
    """The contestant with the least median among ``names``, None where none of them ran."""
    there = [name for name in names if name in rounds]
    return min(there, key=lambda name: median(rounds[name]), default=None)


def ratio(figures: Sequence[float], others: Sequence[float]) -> float:
    """The median over the rounds of ``figures / others``."""
    return median(a / b for a, b in zip(figures, others, strict=True))


def median(figures: Iterable[float]) -> float:
    """The middle of the figures; the library's own would be a part of every start-up that is measured."""
    found = sorted(figures)
    return (found[(len(found) - 1) // 2] + found[len(found) // 2]) / 2


def title(contestant: str) -> str:
    """A contestant's name in print."""
    return next((peer.title for peer in PEERS if peer.name == contestant), contestant.replace("_", " "))
