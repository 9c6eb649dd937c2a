"""Asks a question: starts a process per contestant, lets them compute in turn, and keeps what they measured.

Contestants that share a machine disturb each other less in processes of their own than in one, and each keeps the settings
that suit it best. Between its turns a contestant is stopped, whatever its threads were at; a turn begins when the processors
are idle.
"""

import importlib.util
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from benchmarks.peers import CHOICES, Peer, environment
from benchmarks.question import TRACEJIT, Case, yardsticks
from benchmarks.roofline import Bound

ROOT = Path(__file__).parent.parent
FRESH = 5  # rounds of fresh processes, some of which take half a minute
CALM, PATIENCE = 0.05, 2.0  # seconds without work after which the processors are idle, and after which a turn begins anyway

Say = Callable[[str], None]
Builders = dict[str, tuple[list[str], Peer | None]]  # contestant -> the arguments of its worker, and whose it is


@dataclass(frozen=True)
class Settings:
    """How a run measures: threads of each contestant, rounds, seconds per turn, and whether sizes are the small ones.

    A contestant that gives no answer for ``patience`` seconds has failed.
    """

    threads: int
    rounds: int
    batch: float
    small: bool
    peers: tuple[Peer, ...]
    patience: float = 1800.0


@dataclass
class Outcome:
    """What came of a case: figures per contestant and round; and who is not there, or failed, and why.

    ``bound`` is what the machine allows our program, where that could be told (see ``benchmarks.roofline``); ``disturbed`` is
    how many turns began while something else computed.
    """

    rounds: dict[str, list[float]] = field(default_factory=dict)
    bound: Bound | None = None
    disturbed: int = 0
    absent: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class Failure(Exception):
    """A contestant that gave no answer, or a wrong one."""


class Contestant:
    """A living process that builds one contestant's work of a case, compares it, and times it when asked."""

    def __init__(self, arguments: list[str], way: str, switches: dict[str, str], patience: float) -> None:
        self._patience = patience
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115  # close() closes it
        self.process = start([*arguments, way], switches, stdin=subprocess.PIPE, stderr=self._errors, process_group=0)
        ready = self._answer()
        self.error = ready["error"]
        self.counted = {"passes": [ready["passes"]]} if "passes" in ready else {}
        self.bound = Bound(**ready["bound"]) if ready.get("bound") else None
        if not self.error <= ready["tolerance"]:
            self.close()
            raise Failure(f"wrong result: differs from NumPy in float64 by {self.error:.1e} of its largest value")
        self._signal(signal.SIGSTOP)

    def turn(self) -> float:
        """Seconds per call of one more batch."""
        self._signal(signal.SIGCONT)
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found = self._answer()["seconds"]
        self._signal(signal.SIGSTOP)
        return found

    def close(self) -> None:
        self._signal(signal.SIGCONT)
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self._errors.close()

    def _signal(self, number: int) -> None:
        """To the process and those that it started, as far as they are there."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def _answer(self) -> dict:
        if not select.select([self.process.stdout], [], [], self._patience)[0]:
            self._signal(signal.SIGKILL)
            self.close()
            raise Failure(f"no answer within {self._patience:.0f} s")
        line = self.process.stdout.readline()  # there is never more than one
        found = json.loads(line) if line else {"failed": self._last_words()}
        if "failed" in found:
            self.close()
            raise Failure(found["failed"])
        return found

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        return f"its process ended with status {self.process.wait()}" + (f": {lines[-1]}" if lines else "")


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
    try:
        for name, (arguments, peer) in builders.items():
            with failures(name, outcome, say):
                switches = environment(peer, settings.threads, caches) | {"BENCHMARK_BATCH": str(settings.batch)}
                living[name] = Contestant(arguments, "serve", switches, settings.patience)
                outcome.rounds.update(living[name].counted)
                say(f"  {name}: largest relative error {living[name].error:.1e}")
        outcome.bound = living[TRACEJIT].bound if TRACEJIT in living else None
        outcome.rounds.update((name, []) for name in living)
        for _ in range(settings.rounds):
            for name in list(living):
                outcome.disturbed += not idle()
                with failures(name, outcome, say):
                    outcome.rounds[name].append(living[name].turn())
            for name in set(living) & set(outcome.failed):
                del living[name], outcome.rounds[name]
    finally:
        for contestant in living.values():
            contestant.close()


def idle() -> bool:
    """Wait until no processor has worked for ``CALM``; False where that does not come about within ``PATIENCE``."""
    last = busy()
    for _ in range(int(PATIENCE / CALM)):
        time.sleep(CALM)
        last, before = busy(), last
        if last <= before + 1:
            return True
    return False


def busy() -> int:
    """The time that all processors have worked since the machine was started, in hundredths of a second."""
    with open("/proc/stat", encoding="ascii") as lines:
        user, nice, system, _, _, *interrupts = map(int, next(lines).split()[1:9])
    return user + nice + system + sum(interrupts)


def afresh(case: Case, builders: Builders, settings: Settings, caches: str, outcome: Outcome, say: Say) -> None:
    """Seconds, or bytes, of fresh processes; each contestant's results are compared with the reference's beforehand."""
    for name, (arguments, peer) in builders.items():
        with failures(name, outcome, say):
            switches = environment(peer, settings.threads, caches)
            contestant = Contestant(arguments, "check", switches, settings.patience)  # this fills the caches, too
            say(f"  {name}: largest relative error {contestant.error:.1e}")
            contestant.close()
            outcome.rounds[name] = []
    for _ in range(min(settings.rounds, FRESH)):
        for name in list(outcome.rounds):
            outcome.disturbed += not idle()
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
