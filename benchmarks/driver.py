"""Asks a question: starts a process per contestant, lets them compute in turn, and keeps what they measured.

Contestants that share a machine disturb each other less in processes of their own than in one: between its turns a
contestant waits for a line on a pipe, its thread pools asleep, and each keeps the settings that suit it best.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from benchmarks.peers import CHOICES, Peer, environment
from benchmarks.question import Case, yardsticks

ROOT = Path(__file__).parent.parent
FRESH = 5  # rounds of fresh processes, some of which take half a minute
CALM = 0.12  # seconds between turns; the threads of OpenBLAS look for work during 0.104 s after its last product

Say = Callable[[str], None]
Builders = dict[str, tuple[list[str], Peer | None]]  # contestant -> the arguments of its worker, and whose it is


@dataclass(frozen=True)
class Settings:
    """How a run measures: threads of each contestant, rounds, seconds per turn, and whether sizes are the small ones."""

    threads: int
    rounds: int
    batch: float
    small: bool
    peers: tuple[Peer, ...]


@dataclass
class Outcome:
    """What came of a case: figures per contestant and round; and who is not there, or failed, and why."""

    rounds: dict[str, list[float]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class Failure(Exception):
    """A contestant that gave no answer, or a wrong one."""


class Contestant:
    """A living process that builds one contestant's work of a case, compares it, and times it when asked."""

    def __init__(self, arguments: list[str], way: str, switches: dict[str, str]) -> None:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  # close() closes it
        self._process = start([*arguments, way], switches, stdin=subprocess.PIPE, stderr=self._errors)
        ready = self._answer()
        self.error = ready["error"]
        self.counted = {"passes": [ready["passes"]]} if "passes" in ready else {}
        if not self.error <= ready["tolerance"]:
            self.close()
            raise Failure(f"wrong result: differs from NumPy in float64 by {self.error:.1e} of its largest value")

    def turn(self) -> float:
        """Seconds per call of one more batch."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._answer()["seconds"]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        found = json.loads(line) if line else {"failed": self._last_words()}
        if "failed" in found:
            self.close()
            raise Failure(found["failed"])
        return found

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return f"its process ended with status {self._process.wait()}" + (f": {lines[-1]}" if lines else "")


def start(arguments: list[str], switches: dict[str, str], **pipes: object) -> subprocess.Popen:
    """A worker's process, text on its pipes."""
    kept = {name: value for name, value in os.environ.items() if name not in (*CHOICES, "PYTHONDONTWRITEBYTECODE")}
    command = [sys.executable, "-m", "benchmarks.worker", *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=kept | switches, stdout=subprocess.PIPE, text=True, **pipes)


def ask(module: ModuleType, case: str, settings: Settings, caches: str, say: Say) -> Outcome:
    """Measure one case of a question, every contestant in its turn, round by round."""
    outcome = Outcome()
    builders: Builders = {}
    for peer in settings.peers:
        if not hasattr(module, f"with_{peer.name}"):
            outcome.absent[peer.name] = "not asked"
        elif importlib.util.find_spec(peer.module) is None:
            outcome.absent[peer.name] = "not installed"
        else:
            builders[peer.name] = [module.__name__, case, f"with_{peer.name}", "small" if settings.small else "full"], peer
    for name in yardsticks(module.CASES[case]):
        builders[name] = [module.__name__, case, name, "small" if settings.small else "full"], None
    measure = in_turns if module.CASES[case].measure == "time" else afresh
    measure(module.CASES[case], builders, settings, caches, outcome, say)
    return outcome


def in_turns(case: Case, builders: Builders, settings: Settings, caches: str, outcome: Outcome, say: Say) -> None:
    """Seconds per call in living processes."""
    living: dict[str, Contestant] = {}
    for name, (arguments, peer) in builders.items():
        with failures(name, outcome, say):
            switches = environment(peer, settings.threads, caches) | {"BENCHMARK_BATCH": str(settings.batch)}
            living[name] = Contestant(arguments, "serve", switches)
            outcome.rounds.update(living[name].counted)
            say(f"  {name}: largest relative error {living[name].error:.1e}")
    outcome.rounds.update((name, []) for name in living)
    for _ in range(settings.rounds):
        for name in list(living):
            time.sleep(CALM)
            with failures(name, outcome, say):
                outcome.rounds[name].append(living[name].turn())
        for name in set(living) & set(outcome.failed):
            del living[name], outcome.rounds[name]
    for contestant in living.values():
        contestant.close()


def afresh(case: Case, builders: Builders, settings: Settings, caches: str, outcome: Outcome, say: Say) -> None:
    """Seconds, or bytes, of fresh processes; each contestant's results are compared with the reference's beforehand."""
    for name, (arguments, peer) in builders.items():
        with failures(name, outcome, say):
            contestant = Contestant(arguments, "check", environment(peer, settings.threads, caches))  # this fills the caches, too
            say(f"  {name}: largest relative error {contestant.error:.1e}")
            contestant.close()
            outcome.rounds[name] = []
    for _ in range(min(settings.rounds, FRESH)):
        for name in list(outcome.rounds):
            with failures(name, outcome, say), tempfile.TemporaryDirectory() as empty:
                arguments, peer = builders[name]
                switches = environment(peer, settings.threads, empty if case.measure == "cold" else caches)
                found = once(arguments, switches)
                outcome.rounds[name].append(found["memory" if case.measure == "memory" else "seconds"])
        for name in set(outcome.rounds) & set(outcome.failed):
            del outcome.rounds[name]


def once(arguments: list[str], switches: dict[str, str]) -> dict:
    """What a fresh process measured of itself."""
    switches = switches | {"BENCHMARK_BEGIN": repr(time.monotonic())}
    process = start([*arguments, "once"], switches, stderr=subprocess.PIPE)
    answer, errors = process.communicate()
    found = json.loads(answer) if answer else {"failed": (errors.strip().splitlines() or ["no answer"])[-1]}
    if "failed" in found:
        raise Failure(found["failed"])
    return found


@contextmanager
def failures(name: str, outcome: Outcome, say: Say) -> Iterator[None]:
    """A contestant that fails is kept as failing, with its reason, and the others go on."""
    try:
        yield
    except Failure as failure:
        outcome.failed[name] = str(failure)
        say(f"  {name}: FAILS, {failure}")
